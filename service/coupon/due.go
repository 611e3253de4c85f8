package coupon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// duePage is how many one transaction deals with.
const duePage = 200

// Tick does what time alone brings about: reservations and gifts run out, coupons expire, reminders are due. It may run
// at any moment, twice, and on several replicas.
func (s *Service) Tick(ctx context.Context) error {
	return errors.Join(s.releaseDue(ctx), s.lapseDue(ctx), s.expireDue(ctx), s.remindDue(ctx))
}

// releaseDue gives up reservations whose time is over.
func (s *Service) releaseDue(ctx context.Context) error {
	var after int64
	for {
		uses, err := reservationsOver(s.DB.WithContext(ctx), s.Now(), after, duePage)
		if err != nil || len(uses) == 0 {
			return err
		}
		for _, u := range uses {
			after = u.ID
			_, err := s.Release(ctx, Settle{Key: Key{"sweep", fmt.Sprintf("release:%d", u.ID)}, UseID: u.ID, APIKeyID: u.APIKeyID})
			if err != nil && !errors.Is(err, ErrUse) && !errors.Is(err, ErrInFlight) {
				return err
			}
		}
	}
}

// expireDue ends usable coupons whose time is over.
func (s *Service) expireDue(ctx context.Context) error {
	for {
		n, err := s.duePage(ctx, func(tx *gorm.DB, now time.Time) ([]int64, error) { return expiredIDs(tx, now, duePage) }, s.expireTx)
		if err != nil || n < duePage {
			return err
		}
	}
}

// remindDue tells of usable coupons that are about to expire. Of one that an order or a gift holds at its moment it tells when it comes back.
func (s *Service) remindDue(ctx context.Context) error {
	for {
		n, err := s.duePage(ctx, func(tx *gorm.DB, now time.Time) ([]int64, error) { return remindIDs(tx, now, duePage) }, s.remindTx)
		if err != nil || n < duePage {
			return err
		}
	}
}

// duePage finds some that are due, locks them, and has do deal with those that still are.
func (s *Service) duePage(ctx context.Context, find func(*gorm.DB, time.Time) ([]int64, error), do func(*gorm.DB, []*model.Coupon, time.Time) error) (found int, err error) {
	now := s.Now()
	ids, err := find(s.DB.WithContext(ctx), now)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return len(ids), model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		rows, err := lockCoupons(tx, ids)
		if err != nil {
			return err
		}
		return do(tx, sorted(rows), now)
	})
}

func (s *Service) expireTx(tx *gorm.DB, list []*model.Coupon, now time.Time) error {
	moved := newMoves(tx, now)
	ended := map[int64]int{}
	var facts []event.Fact
	for _, c := range list {
		if c.State != Usable && c.State != InReview || now.Before(c.ValidUntil) {
			continue
		}
		c.State = Expired
		moved.add(c, actExpire)
		ended[c.BatchID]++
		facts = append(facts, event.CouponExpired{CouponFact: factOf(c, now)})
	}
	if err := moved.write(); err != nil {
		return err
	}
	for _, id := range sortedKeys(ended) {
		if err := addEnded(tx, id, "expired", ended[id]); err != nil {
			return err
		}
	}
	_, err := s.Events.RecordEach(tx, facts...)
	return err
}

func (s *Service) remindTx(tx *gorm.DB, list []*model.Coupon, now time.Time) error {
	var facts []event.Fact
	var ids []int64
	for _, c := range list {
		if c.State != Usable || c.RemindAt == nil || c.RemindAt.After(now) {
			continue
		}
		ids = append(ids, c.ID)
		if now.Before(c.ValidUntil) {
			facts = append(facts, event.CouponExpiring{CouponFact: factOf(c, now), ValidUntil: c.ValidUntil})
		}
	}
	if err := reminded(tx, ids); err != nil {
		return err
	}
	_, err := s.Events.RecordEach(tx, facts...)
	return err
}
