package acquisition

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/customer"
)

// sourceChannelCode is what tags given here say about where they come from.
const sourceChannelCode = "channel_code"

// CodesByState finds the channel codes behind the keys that the platform gave back, deleted ones
// included: who came through them came through them. Of a personal code it is the pattern. Unknown keys are left out.
func (s *Service) CodesByState(db *gorm.DB, accountID int64, states []string) (map[string]customer.Origin, error) {
	codes, err := codesByState(db, accountID, states)
	if err != nil {
		return nil, err
	}
	origins := make(map[string]customer.Origin, len(codes))
	for state, c := range codes {
		origins[state] = customer.Origin{ChannelCodeID: c.ID, SourceName: sourceOf(c)}
	}
	return origins, nil
}

func sourceOf(c *model.ChannelCode) string { return firstOf(c.SourceName, c.Name) }

// ArrivedTx counts a customer who came through a channel code and gives the relation the code's tags
// and remark. Call it once for each newly recorded CustomerAdded. A relation without a code, and what
// a switched-off code would give, is left alone.
func (s *Service) ArrivedTx(tx *gorm.DB, account *model.Account, rel *model.Relation, customerName string) error {
	if rel.ChannelCodeID == 0 {
		return nil
	}
	code, err := codeByID(tx, rel.ChannelCodeID)
	if err != nil || code == nil {
		return err
	}
	if err := s.countArrival(tx, code, rel); err != nil {
		return err
	}
	if !code.Enabled || code.GoneAt != nil {
		return nil
	}
	tags, err := liveTags(tx, code.ID)
	if err != nil {
		return err
	}
	if len(tags) > 0 {
		if err := s.tags.AssignTx(tx, []*model.Relation{rel}, tags, nil, sourceChannelCode); err != nil {
			return fmt.Errorf("tag relation %d: %w", rel.ID, err)
		}
	}
	return s.remark(tx, code, rel, customerName)
}

// countArrival raises the day's counter and, when that fills somebody's day, has the platform told.
func (s *Service) countArrival(tx *gorm.DB, code *model.ChannelCode, rel *model.Relation) error {
	day := s.day(rel.AddedAt)
	if err := count(tx, code.ID, rel.StaffID, day, "added"); err != nil {
		return err
	}
	if day != s.day(s.now()) || !code.Enabled || code.GoneAt != nil {
		return nil
	}
	full, err := justFull(tx, code.ID, rel.StaffID, day)
	if err != nil || !full {
		return err
	}
	return s.enqueuePush(tx, code.ID)
}

// remark sets what the code's pattern says, unless a person has chosen a remark already. By default
// the platform shows the customer's own name.
func (s *Service) remark(tx *gorm.DB, code *model.ChannelCode, rel *model.Relation, customerName string) error {
	if code.RemarkPattern == "" || rel.Remark != "" && rel.Remark != customerName {
		return nil
	}
	pieces, err := parse(code.RemarkPattern)
	if err != nil {
		return fmt.Errorf("remark pattern of channel code %d: %w", code.ID, err)
	}
	who, err := staffByID(tx, rel.StaffID)
	if err != nil {
		return err
	}
	text := fillRemark(pieces, values{customer: customerName, staff: who.Name, alias: who.Alias, channel: sourceOf(code)})
	if text == "" || text == rel.Remark {
		return nil
	}
	if err := s.remarks.SetRemarkTx(tx, rel.ID, text); err != nil {
		return fmt.Errorf("remark relation %d: %w", rel.ID, err)
	}
	return nil
}

// LostTx counts a customer who came through a channel code and is lost again. Call it once for each
// loss.
func (s *Service) LostTx(tx *gorm.DB, rel *model.Relation) error {
	if rel.ChannelCodeID == 0 {
		return nil
	}
	at := s.now()
	if rel.LostAt != nil {
		at = *rel.LostAt
	}
	return count(tx, rel.ChannelCodeID, rel.StaffID, s.day(at), "lost")
}
