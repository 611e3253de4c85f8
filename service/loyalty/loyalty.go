// Package loyalty is the club 会员: points 积分 kept as double-entry books, tiers 等级 by what customers buy, daily check-in
// 签到, and rewards 兑换 that points are spent on. A customer's balance always equals the sum of their entries.
package loyalty

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/staff"
)

// Coupons gives customers coupons.
type Coupons interface {
	// GrantTx gives one, once for a key.
	GrantTx(tx *gorm.DB, g Grant) (couponID int64, err error)
	// HasBatch tells whether there is such a batch.
	HasBatch(tx *gorm.DB, batchID int64) (bool, error)
}

// Grant is a coupon for a customer, with what it was given for.
type Grant struct {
	BatchID, CustomerID int64
	Key                 string
	Source              string // points, draw
	SourceID            int64
}

// Customers says whom a viewer may see.
type Customers interface {
	Visible(ctx context.Context, v *staff.Viewer, ids []int64) ([]int64, error)
}

// Deps is what a Service is made of.
type Deps struct {
	DB        *gorm.DB
	Events    *event.Log
	Now       clock.Clock
	Zone      *time.Location
	Customers Customers
	// Coupons is what rewards of the kind coupon are given by; nil: there are none.
	Coupons Coupons
	Logger  *slog.Logger
}

// Service owns points, tiers, check-ins and rewards. Safe for concurrent use.
type Service struct{ Deps }

// New makes a Service. Have its OnEvents fed with all that happens.
func New(d Deps) *Service { return &Service{d} }

// sight fails with ErrNotFound when a viewer may not see a customer; nil is the customer themself.
func (s *Service) sight(ctx context.Context, v *staff.Viewer, customerID int64) error {
	if v == nil {
		return nil
	}
	seen, err := s.Customers.Visible(ctx, v, []int64{customerID})
	if err == nil && len(seen) == 0 {
		err = ErrNotFound
	}
	return err
}

// dayStart is when the business day of a moment began.
func (s *Service) dayStart(t time.Time) time.Time {
	y, m, d := t.In(s.Zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, s.Zone).UTC()
}

// monthStart is when the business month of a moment began.
func (s *Service) monthStart(t time.Time) time.Time {
	y, m, _ := t.In(s.Zone).Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, s.Zone).UTC()
}

// dayNumber is the business day of a moment as yyyymmdd.
func (s *Service) dayNumber(t time.Time) int {
	y, m, d := t.In(s.Zone).Date()
	return y*10000 + int(m)*100 + d
}

// expiry is when points are gone that are good for a number of business days, the day of earning not counted; nil: never.
func (s *Service) expiry(now time.Time, days int) *time.Time {
	if days == 0 {
		return nil
	}
	y, m, d := now.In(s.Zone).Date()
	at := time.Date(y, m, d+days+1, 0, 0, 0, 0, s.Zone).UTC()
	return &at
}

// change locks a customer's account, which is made when there is none, and has f act on it. What has expired goes first.
func (s *Service) change(tx *gorm.DB, customerID int64, f func(b *book) error) error {
	row, err := lockAccount(tx, customerID, s.Now())
	if err != nil {
		return err
	}
	b := &book{s: s, tx: tx, account: row, now: s.Now(), before: row.Balance}
	if err := b.expire(); err != nil { // so that nothing is spent whose time is over
		return err
	}
	if err := f(b); err != nil {
		return err
	}
	return b.close()
}

// in is change in a transaction of its own.
func (s *Service) in(db *gorm.DB, customerID int64, f func(b *book) error) error {
	return model.InTx(db.Statement.Context, db, func(tx *gorm.DB) error { return s.change(tx, customerID, f) })
}
