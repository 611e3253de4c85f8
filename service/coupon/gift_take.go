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

// TakeGift is somebody who comes with the code of a gift.
type TakeGift struct {
	Key        Key
	CustomerID int64
	Code       string
	// Device and Address are where they come from: wrong codes are laid to them too.
	Device, Address string
}

// LookAtGift says what a code would give, and changes nothing. It fails with ErrCode, ErrGuesses, ErrGiftTaken or
// ErrGiftOver.
func (s *Service) LookAtGift(ctx context.Context, in TakeGift) (g *Gift, err error) {
	err = s.guarded(ctx, in, func() error {
		db := s.DB.WithContext(ctx)
		row, err := giftByHash(db, s.codeHash(giftSpace+normalCode(in.Code)))
		if err != nil {
			return err
		}
		if err := openTo(row, s.Now()); err != nil {
			return err
		}
		list, err := s.gifts(db, []model.CouponGift{*row})
		if err == nil {
			g = &list[0]
		}
		return err
	})
	return g, err
}

// Take makes the coupon behind a code the customer's own; of any number who try at once one has it. To the limits of its
// batch for one customer it counts as if they had been given it, unless it was theirs before; and they have to be in its
// audience. The limit for one device holds where the device is known. Repeating a Key gives the same coupon. It fails as LookAtGift does, or with ErrKey, ErrOther, ErrInFlight,
// ErrOwnGift, ErrClosed (the batch is paused), ErrAudience, ErrLimit, ErrDayLimit, ErrDevice or ErrNoCustomer.
func (s *Service) Take(ctx context.Context, in TakeGift) (c *model.Coupon, err error) {
	code := normalCode(in.Code)
	err = s.guarded(ctx, in, func() error {
		id, err := s.once(ctx, in.Key, bodyOf(actTransfer, []any{in.CustomerID, code}), func(tx *gorm.DB) (int64, error) {
			return s.takeTx(tx, s.codeHash(giftSpace+code), in.CustomerID, traced(s.Key, "device", in.Device))
		})
		if err == nil {
			c, err = couponByID(s.DB.WithContext(ctx), id)
		}
		return err
	})
	return c, err
}

// guarded lays wrong codes to who tries them, as with codes that make coupons.
func (s *Service) guarded(ctx context.Context, in TakeGift, do func() error) error {
	who := guessers(in.CustomerID, in.Device, in.Address, s.Key)
	if err := s.guessable(ctx, who); err != nil {
		return err
	}
	err := do()
	if isCode(err) {
		if noted := s.noteGuess(ctx, who); noted != nil {
			return noted
		}
	}
	return err
}

// openTo says why a gift can't be taken any more.
func openTo(g *model.CouponGift, now time.Time) error {
	switch {
	case g.State == GiftTaken:
		return ErrGiftTaken
	case g.State != GiftOpen || !now.Before(g.ExpiresAt):
		return ErrGiftOver
	}
	return nil
}

// takeTx locks the gift, the coupon and the batch's counters, in this order: what decides holds until the commit.
func (s *Service) takeTx(tx *gorm.DB, code []byte, taker int64, device hash) (int64, error) {
	g, err := giftByHash(model.ForUpdate(tx), code)
	if err != nil {
		return 0, err
	}
	now := s.Now()
	if err := openTo(g, now); err != nil {
		return 0, err
	}
	if g.CustomerID == taker {
		return 0, ErrOwnGift
	}
	return g.CouponID, s.actTx(tx, Act{CouponID: g.CouponID, OwnerID: g.CustomerID}, actTransfer, func(tx *gorm.DB, c *model.Coupon, now time.Time) (event.Fact, error) {
		if c.State != Gifted {
			return nil, ErrGiftOver
		}
		o, err := s.receivable(tx, c, taker, now)
		if err == nil {
			err = s.deviceFor(tx, o, g, device, now)
		}
		if err != nil {
			return nil, err
		}
		c.State = Usable
		given := event.CouponGiven{CouponFact: factOf(c, now)}
		c.CustomerID = taker
		if _, err := s.Events.Record(tx, given); err != nil {
			return nil, err
		}
		return event.CouponReceived{CouponFact: factOf(c, now), ValidUntil: c.ValidUntil}, endGift(tx, g.ID, GiftTaken, taker, now)
	})
}

// receivable tells whether somebody may have one more coupon of a batch, this one. Who claims, and who takes gifts, of the
// batch waits meanwhile.
func (s *Service) receivable(tx *gorm.DB, c *model.Coupon, taker int64, now time.Time) (*offer, error) {
	counts, err := lockCounts(tx, []int64{c.BatchID})
	if err != nil {
		return nil, err
	}
	n := counts[c.BatchID]
	if n == nil {
		return nil, ErrNoBatch
	}
	if n.State == BatchPaused {
		return nil, ErrClosed
	}
	o, err := s.book.offer(tx, c.BatchID, n.Version)
	if err != nil {
		return nil, err
	}
	if o.SegmentID != 0 {
		in, err := membersAmong(tx, o.SegmentID, []int64{taker})
		if err != nil {
			return nil, err
		}
		if !in[taker] {
			return nil, ErrAudience
		}
	}
	if err := s.roomFor(tx, o, c, taker, now); err != nil {
		return nil, err
	}
	return o, customerIs(tx, taker)
}

// deviceFor holds what the taker's device had of a batch, this coupon apart, against its limit, and notes that it has it.
func (s *Service) deviceFor(tx *gorm.DB, o *offer, g *model.CouponGift, device hash, now time.Time) error {
	if device == (hash{}) || !o.traces() {
		return nil
	}
	had, err := devicesHad(tx, o.ID, map[hash]bool{device: true}, true, g.CouponID)
	if err != nil {
		return err
	}
	if o.PerDevice != 0 && had[device] >= o.PerDevice {
		return ErrDevice
	}
	return insertGiftOrigin(tx, &model.CouponGiftOrigin{GiftID: g.ID, CouponID: g.CouponID, BatchID: o.ID, Device: device[:], At: now})
}

// roomFor holds what somebody had of a batch, this coupon apart, against its limits.
func (s *Service) roomFor(tx *gorm.DB, o *offer, c *model.Coupon, taker int64, now time.Time) error {
	if o.PerCustomer == 0 && o.PerDay == 0 {
		return nil
	}
	_, began := s.day(now)
	claimed, err := takenBy(tx, o.ID, []int64{taker}, began)
	if err != nil {
		return err
	}
	received, err := receivedBy(tx, o.ID, []int64{taker}, began, c.ID)
	if err != nil {
		return err
	}
	var had, today int64
	for _, t := range []*taken{claimed[taker], received[taker]} {
		if t != nil {
			had, today = had+t.Had, today+t.Today
		}
	}
	if c.ClaimerID == taker { // it comes back to who was given it first
		had--
		if !c.CreatedAt.Before(began) {
			today--
		}
	}
	switch {
	case o.PerCustomer != 0 && had >= o.PerCustomer:
		return ErrLimit
	case o.PerDay != 0 && today >= o.PerDay:
		return ErrDayLimit
	}
	return nil
}

// received counts gifts to what customers had of a batch whose coupons change hands.
func (g *issuing) received(b *batchIssue, customers []int64) error {
	got, err := receivedBy(g.tx, b.ID, customers, g.began, 0)
	for id, r := range got {
		t := b.taken[id]
		if t == nil {
			t = &taken{ClaimerID: id}
			b.taken[id] = t
		}
		t.Had, t.Today = t.Had+r.Had, t.Today+r.Today
	}
	return err
}

// Withdraw gives a coupon back to its giver while nobody has taken it. Repeating a Key gives the same gift. It fails with
// ErrKey, ErrOther, ErrInFlight, ErrNoGift, ErrGiftTaken or ErrGiftOver.
func (s *Service) Withdraw(ctx context.Context, key Key, customerID, giftID int64) (*Gift, error) {
	id, err := s.once(ctx, key, bodyOf(actGiftBack, []any{giftID, customerID}), func(tx *gorm.DB) (int64, error) {
		g, err := giftByID(model.ForUpdate(tx), giftID)
		switch {
		case err != nil:
			return 0, err
		case g.CustomerID != customerID:
			return 0, ErrNoGift
		}
		if err := openTo(g, s.Now()); err != nil {
			return 0, err
		}
		return g.ID, s.returnTx(tx, g, GiftWithdrawn)
	})
	if err != nil {
		return nil, err
	}
	return s.giftOf(ctx, customerID, id)
}

// returnTx ends a gift that is locked without anybody having it. A coupon that was voided meanwhile stays so.
func (s *Service) returnTx(tx *gorm.DB, g *model.CouponGift, state string) error {
	if err := endGift(tx, g.ID, state, 0, s.Now()); err != nil {
		return err
	}
	err := s.actTx(tx, Act{CouponID: g.CouponID}, actGiftBack, func(_ *gorm.DB, c *model.Coupon, now time.Time) (event.Fact, error) {
		if c.State != Gifted {
			return nil, ErrMove
		}
		c.State = Usable
		return event.CouponGiftReturned{CouponFact: factOf(c, now), Why: state}, nil
	})
	if errors.Is(err, ErrMove) {
		return nil
	}
	return err
}

// lapseDue gives coupons back to their givers that nobody took in time.
func (s *Service) lapseDue(ctx context.Context) error {
	for {
		ids, err := giftsOver(s.DB.WithContext(ctx), s.Now(), duePage)
		if err != nil {
			return err
		}
		for _, id := range ids {
			err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
				g, err := giftByID(model.ForUpdate(tx), id)
				if err != nil || g.State != GiftOpen || s.Now().Before(g.ExpiresAt) {
					return err
				}
				return s.returnTx(tx, g, GiftLapsed)
			})
			if err != nil {
				return fmt.Errorf("end gift %d: %w", id, err)
			}
		}
		if len(ids) < duePage {
			return nil
		}
	}
}
