package profile

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// RevealsADay is how often a staff member may be shown in full, in a day of business, what is masked
// otherwise.
const RevealsADay = 50

// maxPurpose is how many characters a purpose has at most.
const maxPurpose = 200

// What may be revealed, beside "field." and the name of a sealed custom field.
const (
	RevealPhone    = "phone"
	RevealBirthday = "birthday"
)

// RevealInput asks for what is masked otherwise.
type RevealInput struct {
	CustomerID int64
	What       string // RevealPhone, RevealBirthday, or "field." and the name of a sealed custom field
	Purpose    string // why, in 4 to 200 characters
}

// Revealed is what was asked for.
type Revealed struct {
	Values []string
	Left   int // how often the viewer may still ask today
}

// Reveal gives in full what is masked otherwise, of a customer whom the viewer may see, and keeps who
// asked, when and why. Every call counts. It fails with ErrNoCustomer, ErrInvalid, ErrNotHidden when there
// is nothing, which does not count, or ErrQuota.
func (s *Service) Reveal(ctx context.Context, v *staff.Viewer, in RevealInput) (*Revealed, error) {
	in.Purpose = strings.TrimSpace(in.Purpose)
	if n := utf8.RuneCountInString(in.Purpose); n < 4 || n > maxPurpose || !utf8.ValidString(in.Purpose) {
		return nil, ErrInvalid.With("purpose", "请写明用途，4–200 个字 / say why, in 4–200 characters")
	}
	if err := s.Persons.Sees(ctx, v, in.CustomerID); err != nil {
		return nil, err
	}
	p, err := s.Of(ctx, in.CustomerID)
	if err != nil {
		return nil, err
	}
	values, err := s.hidden(ctx, p, in.What)
	if err != nil {
		return nil, err
	}
	left, err := s.keepReveal(ctx, v, p.CustomerID, in)
	if err != nil {
		return nil, err
	}
	return &Revealed{values, left}, nil
}

// hidden are the values of what is masked.
func (s *Service) hidden(ctx context.Context, p *Profile, what string) (values []string, err error) {
	field, isField := strings.CutPrefix(what, "field.")
	switch {
	case isField:
		i := slices.IndexFunc(p.Answers, func(a Answer) bool { return a.Field.Name == field && a.Field.Sealed })
		if i >= 0 {
			values = p.Answers[i].Values
		}
	case what == RevealPhone:
		values, err = s.Persons.Phones(ctx, p.CustomerID)
	case what == RevealBirthday && p.Birthday != "":
		values = []string{p.Birthday}
	}
	if err == nil && len(values) == 0 {
		err = ErrNotHidden
	}
	return values, err
}

// keepReveal counts and keeps a reveal before anything is shown. Of those who come at once each gets
// another number, none above the quota.
func (s *Service) keepReveal(ctx context.Context, v *staff.Viewer, customerID int64, in RevealInput) (left int, err error) {
	today := s.today()
	row := model.Reveal{
		CustomerID: customerID, StaffID: v.StaffID, What: in.What, Purpose: in.Purpose,
		Day: dayNumber(today), RevealedAt: s.Now(),
	}
	for {
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
			last, err := lastReveal(tx, v.StaffID, row.Day)
			if err != nil {
				return err
			}
			if last >= RevealsADay {
				y, m, d := today.Date()
				return ErrQuota.After(time.Date(y, m, d+1, 0, 0, 0, 0, s.Zone).Sub(today))
			}
			row.ID, row.Ordinal = 0, last+1
			if err := insertReveal(tx, &row); err != nil {
				return err
			}
			return s.watchTx(tx, v, today, row.Ordinal)
		})
		if !model.IsDuplicate(err) {
			return RevealsADay - row.Ordinal, err
		}
	}
}
