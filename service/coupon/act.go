package coupon

import (
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// Act is what people do with one coupon.
type Act struct {
	Key      Key
	CouponID int64
	// OwnerID is whose it has to be; 0: anybody's.
	OwnerID int64
	StaffID int64
	Reason  string
}

// act has do change one coupon that is locked, with one entry of the ledger.
func (s *Service) act(ctx context.Context, in Act, act string, asked any, do func(tx *gorm.DB, c *model.Coupon, now time.Time) (event.Fact, error)) (*model.Coupon, error) {
	release, err := s.flight.take(in.Key)
	if err != nil {
		return nil, err
	}
	defer release()
	a, err := s.onceInTx(ctx, in.Key, bodyOf(act, []any{in.CouponID, in.OwnerID, asked}), func(tx *gorm.DB) (answer, error) {
		return answer{ID: in.CouponID}, s.actTx(tx, in, act, do)
	})
	if err != nil {
		return nil, err
	}
	return couponByID(s.DB.WithContext(ctx), a.ID)
}

func (s *Service) actTx(tx *gorm.DB, in Act, act string, do func(tx *gorm.DB, c *model.Coupon, now time.Time) (event.Fact, error)) error {
	rows, err := lockCoupons(tx, []int64{in.CouponID})
	if err != nil {
		return err
	}
	c := rows[in.CouponID]
	if c == nil || in.OwnerID != 0 && c.CustomerID != in.OwnerID {
		return ErrNotFound
	}
	now := s.Now()
	moved := newMoves(tx, now)
	c.Version++ // so that facts speak of what the coupon is after it
	fact, err := do(tx, c, now)
	c.Version--
	if err != nil {
		return err
	}
	e := moved.add(c, act)
	e.StaffID, e.Reason = in.StaffID, in.Reason
	if err := moved.write(); err != nil || fact == nil {
		return err
	}
	_, err = s.Events.RecordEach(tx, fact)
	return err
}

// Void ends a coupon that is not used. It fails with ErrKey, ErrOther, ErrInFlight, ErrNotFound or ErrMove.
func (s *Service) Void(ctx context.Context, in Act) (*model.Coupon, error) {
	return s.act(ctx, in, actVoid, nil, s.void)
}

func (s *Service) void(tx *gorm.DB, c *model.Coupon, now time.Time) (event.Fact, error) {
	if c.State != Usable && c.State != InReview && c.State != Gifted {
		return nil, ErrMove
	}
	was := c.State
	c.State = Void
	if err := addEnded(tx, c.BatchID, "voided", 1); err != nil || was == InReview {
		return nil, err
	}
	return event.CouponVoided{CouponFact: factOf(c, now)}, nil
}

// Extend lets a coupon that is not used be good until a later time; one that has expired becomes usable again.
// It fails as Void does.
func (s *Service) Extend(ctx context.Context, in Act, until time.Time) (*model.Coupon, error) {
	until = until.UTC().Truncate(time.Millisecond)
	return s.act(ctx, in, actExtend, until, func(tx *gorm.DB, c *model.Coupon, now time.Time) (event.Fact, error) {
		if c.State != Usable && c.State != Expired && c.State != InReview || !until.After(c.ValidUntil) || !until.After(now) || until.After(now.AddDate(10, 0, 0)) {
			return nil, ErrMove
		}
		if c.State == Expired {
			c.State = Usable
			if err := addEnded(tx, c.BatchID, "expired", -1); err != nil {
				return nil, err
			}
		}
		remind, err := s.remindAfresh(tx, c, until, now)
		if err != nil {
			return nil, err
		}
		return event.CouponExtended{CouponFact: factOf(c, now), ValidUntil: until}, updateValidity(tx, c.ID, until, remind)
	})
}

func (s *Service) remindAfresh(tx *gorm.DB, c *model.Coupon, until, now time.Time) (*time.Time, error) {
	b, err := batchByID(tx, c.BatchID)
	if err != nil {
		return nil, err
	}
	o, err := offerOf(b)
	if err != nil {
		return nil, err
	}
	c.ValidUntil = until
	return o.remindAt(c, now, s.Zone), nil
}

// Transfer gives a usable coupon of a batch that allows it to another customer; whose limits it counts to
// stays. It fails as Void does, or with ErrFixedTo or ErrNoCustomer.
func (s *Service) Transfer(ctx context.Context, in Act, to int64) (*model.Coupon, error) {
	return s.act(ctx, in, actTransfer, to, func(tx *gorm.DB, c *model.Coupon, now time.Time) (event.Fact, error) {
		b, err := batchByID(tx, c.BatchID)
		if err != nil {
			return nil, err
		}
		switch {
		case !b.Transferable:
			return nil, ErrFixedTo
		case c.State != Usable || !now.Before(c.ValidUntil) || c.CustomerID == to:
			return nil, ErrMove
		}
		if err := customerIs(tx, to); err != nil {
			return nil, err
		}
		given := event.CouponGiven{CouponFact: factOf(c, now)}
		c.CustomerID = to
		if _, err := s.Events.Record(tx, given); err != nil {
			return nil, err
		}
		return event.CouponReceived{CouponFact: factOf(c, now), ValidUntil: c.ValidUntil}, nil
	})
}

// Review ends the wait of a coupon that was held back: it becomes usable, or void. It fails as Void does.
func (s *Service) Review(ctx context.Context, in Act, good bool) (*model.Coupon, error) {
	return s.act(ctx, in, actReview, good, func(tx *gorm.DB, c *model.Coupon, now time.Time) (event.Fact, error) {
		if c.State != InReview {
			return nil, ErrMove
		}
		if !good {
			return s.void(tx, c, now)
		}
		c.State = Usable
		return event.CouponIssued{CouponFact: factOf(c, now), ValidUntil: c.ValidUntil}, nil
	})
}
