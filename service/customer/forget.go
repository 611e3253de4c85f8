package customer

import (
	"crypto/rand"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// Forgetting names what is to be forgotten of a customer because who told it, or the platform in their
// name, took it back.
type Forgetting struct {
	CustomerID int64
	// Fields are columns of customer that are texts, and KindPhone.
	Fields []string
	// Told is the source whose word is taken back: what others have told stays.
	Told string
	// Until is when that was: what was told again later stays.
	Until  time.Time
	Source string // of the forgetting itself
}

// ForgetTx empties the fields whose present value the source told, with that value wherever the history
// has it, and deletes the phone numbers that the source vouched for. It tells what it forgot, and records
// one ProfileChanged if that is anything. Repeatable. It fails with ErrNotFound.
func (s *Service) ForgetTx(tx *gorm.DB, in Forgetting) (forgotten []string, err error) {
	c, err := lockStanding(tx, in.CustomerID)
	if err != nil {
		return nil, err
	}
	told := map[string][]string{}
	after := *c
	for _, f := range fields {
		if f.sealed || !slices.Contains(in.Fields, f.column) {
			continue
		}
		if told[f.column], err = textsTold(tx, c.ID, f.column, in.Told, in.Until); err != nil {
			return nil, err
		}
		if now := f.get(c); now != "" && slices.Contains(told[f.column], now) {
			f.put(&after, "")
			forgotten = append(forgotten, f.column)
		}
	}
	if err := s.alter(tx, c, &after, in.Source, 0); err != nil {
		return nil, err
	}
	for column, texts := range told { // after the alteration, whose own history says what was
		if err := blankHistory(tx, c.ID, column, texts); err != nil {
			return nil, err
		}
	}
	if slices.Contains(in.Fields, KindPhone) {
		n, err := deletePhonesTold(tx, c.ID, in.Told, in.Until)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			forgotten = append(forgotten, KindPhone)
		}
	}
	if len(forgotten) == 0 {
		return nil, nil
	}
	slices.Sort(forgotten)
	_, err = s.events.Record(tx, event.ProfileChanged{
		CustomerID: c.ID, Fields: forgotten, ChangeKey: rand.Text()[:12], Source: in.Source, At: s.now(),
	})
	return forgotten, err
}

// OwnerOf gives whoever stands for the customer whose identity this is. It fails with ErrNotFound when it
// is nobody's.
func (s *Service) OwnerOf(tx *gorm.DB, kind, scope, value string) (int64, error) {
	owner, err := identities(tx, kind, scope, []string{value})
	if err != nil {
		return 0, err
	}
	if owner[value] == 0 {
		return 0, ErrNotFound
	}
	return standing(tx, owner[value])
}

// theirs are a customer and all who turned out to be them.
func theirs(tx *gorm.DB, customerID int64) *gorm.DB {
	return tx.Model(&model.Customer{}).Select("id").Where("id = ? OR merged_into = ?", customerID, customerID)
}
