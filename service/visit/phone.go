package visit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/customer"
	"zhiyin/service/fault"
	"zhiyin/service/phone"
)

// Phone is what became of a phone number.
type Phone struct {
	Masked string // 138****8000
	Review bool   // another customer has it; people decide
}

// countPhone is the kind of count of phone numbers asked for.
const countPhone = "phone"

// BindPhone exchanges a code of the phone button for the visitor's number and gives it to them. A code
// is good once, and a customer has PhoneTries tries a day; tries that the platform did not look at are
// given back. It fails with ErrCodeUsed, ErrBadPhoneCode, ErrTooMany or ErrBusy.
func (s *Service) BindPhone(ctx context.Context, v *Visitor, code string) (*Phone, error) {
	app, err := s.Accounts.ByID(ctx, v.AccountID)
	if err != nil {
		return nil, err
	}
	day := s.today()
	if err := s.try(ctx, v.CustomerID, day, code); err != nil {
		return nil, err
	}
	got, err := s.MiniApp(app.Name).PhoneNumber(ctx, code)
	if err != nil {
		if !untouched(err) {
			return nil, s.platformSays(ctx, countPhone, code, err, ErrBadPhoneCode)
		}
		back := model.InTx(context.WithoutCancel(ctx), s.DB, func(tx *gorm.DB) error { return giveBack(tx, v.CustomerID, countPhone, day) })
		return nil, errors.Join(s.platformSays(ctx, countPhone, code, err, ErrBadPhoneCode), back)
	}
	return s.give(ctx, v, app, international(got.CountryCode, got.Pure, got.Number))
}

// give makes a number the visitor's. One that another customer has stays with them: people decide whether
// the two are one.
func (s *Service) give(ctx context.Context, v *Visitor, app *model.Account, number string) (*Phone, error) {
	normal, ok := phone.Normal(number)
	if !ok {
		return nil, fmt.Errorf("bind a phone number: the platform's answer is none")
	}
	var found *customer.Resolved
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
		found, err = s.Persons.ResolveTx(tx, customer.Evidence{
			CustomerID: v.CustomerID, Source: Source, AccountID: app.ID,
			Identities: []customer.Seen{{Kind: customer.KindPhone, Value: normal, Confidence: customer.Verified}},
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Phone{Masked: phone.Masked(normal), Review: slices.Contains(found.Elsewhere, customer.KindPhone)}, nil
}

// try takes one of the day's tries and the code, or neither.
func (s *Service) try(ctx context.Context, customerID int64, day int, code string) error {
	if code == "" || len(code) > maxCode {
		return ErrBadPhoneCode
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		fresh, err := noteCode(tx, codeHash(countPhone, code), s.Now().Add(codeLife))
		if err != nil {
			return err
		}
		if !fresh {
			return ErrCodeUsed
		}
		left, err := takeTry(tx, customerID, countPhone, day, PhoneTries)
		if err != nil || left {
			return err
		}
		return s.tomorrow(ErrTooMany)
	})
}

// tomorrow says that another try makes sense when the next day of business begins.
func (s *Service) tomorrow(f *fault.Fault) error {
	now := s.Now().In(s.Zone)
	next := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, s.Zone)
	return f.After(next.Sub(now))
}

// international is a number with its country code, as the platform names it.
func international(country, pure, number string) string {
	if country == "" || pure == "" {
		return number
	}
	return "+" + country + pure
}
