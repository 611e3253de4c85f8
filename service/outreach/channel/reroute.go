package channel

import (
	"fmt"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
)

// reroutes is how often a message looks for another way.
const reroutes = 2

// rerouteTx intends what a sender did not confirm once more: through another follower of the customer who was not asked
// yet, or else through the channel that the rules name. The new intent has the old one's name with the number of the try
// behind it, so that it is made once, whatever is repeated.
func (s *Service) rerouteTx(tx *gorm.DB, t *model.SenderTask, deliveryIDs []int64) error {
	rules, err := s.massRules(tx, t.AccountID)
	if err != nil || t.Channel != NameMass || len(deliveryIDs) == 0 || !rules.Reroute && rules.Fallback == "" {
		return err
	}
	rows, err := deliveriesOf(tx, deliveryIDs)
	if err != nil {
		return err
	}
	customers := make([]int64, 0, len(rows))
	for _, r := range rows {
		customers = append(customers, r.CustomerID)
	}
	follow, err := followers(tx, t.AccountID, 0, customers)
	if err != nil {
		return err
	}
	asked, err := askedBefore(tx, t, customers)
	if err != nil {
		return err
	}
	var plan []outreach.Intent
	for i := range rows {
		d := &rows[i]
		name, n := nextTry(d.Occurrence)
		if n > reroutes || d.ExpiresAt != nil && !d.ExpiresAt.After(s.now()) {
			continue
		}
		in := outreach.Intent{
			Source: d.Source, SourceID: d.SourceID, Step: d.Step, CustomerID: d.CustomerID, Occurrence: name, Channel: NameMass, AccountID: t.AccountID,
			MessageID: d.MessageID, Values: d.values(), Topic: d.Topic, Transactional: d.Transactional, Targeted: d.Targeted, Priority: d.Priority, DueAt: s.now(),
		}
		if d.ExpiresAt != nil {
			in.ExpiresAt = *d.ExpiresAt
		}
		if rules.Reroute {
			in.StaffID = another(follow[d.CustomerID], asked[d.CustomerID], t.StaffID)
		}
		if in.StaffID == 0 {
			if rules.Fallback == "" {
				continue
			}
			in.Channel = rules.Fallback
		}
		plan = append(plan, in)
	}
	if len(plan) == 0 {
		return nil
	}
	if _, err := s.Ledger.PlanTx(tx, plan); err != nil {
		return fmt.Errorf("intend messages by another way: %w", err)
	}
	return nil
}

// another is a follower who was not asked before; 0: none.
func another(all []follower, asked map[int64]bool, refused int64) int64 {
	for _, f := range all {
		if f.StaffID != refused && !asked[f.StaffID] {
			return f.StaffID
		}
	}
	return 0
}

// nextTry names the try after the one that an occurrence names, and counts it.
func nextTry(occurrence string) (string, int) {
	base, n := occurrence, 1
	if i := strings.LastIndexByte(occurrence, '~'); i >= 0 && len(occurrence) == i+2 && occurrence[i+1] >= '1' && occurrence[i+1] <= '9' {
		base, n = occurrence[:i], int(occurrence[i+1]-'0')+1
	}
	name := fmt.Sprintf("%s~%d", base, n)
	if len(name) > 64 {
		return occurrence, reroutes + 1 // no room for another name
	}
	return name, n
}
