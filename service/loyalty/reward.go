package loyalty

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
)

// The kinds of rewards and the states of redemptions. Names are data.
const (
	Gift   = "gift"   // staff hand it over
	Coupon = "coupon" // given at once

	Done       = "done"
	ToHandOver = "to_hand_over"
	HandedOver = "handed_over"
	Cancelled  = "cancelled"
)

// RewardInput is what people say a reward is.
type RewardInput struct {
	Name, Note  string
	Kind        string
	BatchID     int64
	Price       int64 // points
	Stock       int64 // 0: any number
	PerCustomer int64 // 0: any number
	MinLevel    int
	Enabled     bool
	From, Until *time.Time
}

func (s *Service) checkReward(tx *gorm.DB, in *RewardInput) error {
	n := utf8.RuneCountInString(strings.TrimSpace(in.Name))
	switch {
	case n == 0 || n > 64 || utf8.RuneCountInString(in.Note) > 255:
		return ErrInvalid.With("name", "1 到 64 个字 / 1 to 64 characters")
	case in.Price < 1 || in.Price > maxPoints:
		return ErrInvalid.With("price", "至少 1 积分 / at least one point")
	case in.Stock < 0 || in.PerCustomer < 0 || in.MinLevel < 0 || in.MinLevel > maxTiers:
		return ErrInvalid.With("stock", "不能为负 / not below zero")
	case in.Kind != Gift && in.Kind != Coupon || (in.Kind == Coupon) != (in.BatchID != 0):
		return ErrInvalid.With("kind", "gift，或 coupon 加券批次 / gift, or coupon with a batch")
	case in.From != nil && in.Until != nil && !in.From.Before(*in.Until):
		return ErrInvalid.With("until", "晚于开始 / after its beginning")
	case in.Kind == Gift:
		return nil
	case s.Coupons == nil:
		return ErrInvalid.With("kind", "没有优惠券 / there are no coupons")
	}
	there, err := s.Coupons.HasBatch(tx, in.BatchID)
	if err == nil && !there {
		err = ErrInvalid.With("batch_id", "没有这个券批次 / no such batch")
	}
	return err
}

// SaveReward makes a reward (id and version 0), or replaces one of the version that was read. It fails with ErrInvalid,
// ErrNotFound or ErrChanged.
func (s *Service) SaveReward(ctx context.Context, staffID, id, version int64, in RewardInput) (row *model.Reward, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if err := s.checkReward(tx, &in); err != nil {
			return err
		}
		row = &model.Reward{CreatedAt: s.Now()}
		if id != 0 {
			if row, err = lockReward(tx, id); err != nil {
				return err
			}
			if row.Version != version {
				return ErrChanged
			}
		}
		row.Name, row.Note, row.Kind, row.BatchID, row.Price, row.Stock = strings.TrimSpace(in.Name), in.Note, in.Kind, in.BatchID, in.Price, in.Stock
		row.PerCustomer, row.MinLevel, row.Enabled, row.From, row.Until = in.PerCustomer, in.MinLevel, in.Enabled, in.From, in.Until
		row.Version++
		row.ChangedBy, row.UpdatedAt = staffID, s.Now()
		if id == 0 {
			return insert(tx, row)
		}
		return saveAll(tx, row)
	})
	return row, err
}

// Rewards lists rewards: all of them, or those that can be had now.
func (s *Service) Rewards(ctx context.Context, offered bool) (out []model.Reward, err error) {
	all, err := rewards(s.DB.WithContext(ctx))
	for _, r := range all {
		if !offered || offeredAt(&r, s.Now()) == nil {
			out = append(out, r)
		}
	}
	return out, err
}

func offeredAt(r *model.Reward, now time.Time) error {
	if !r.Enabled || r.From != nil && now.Before(*r.From) || r.Until != nil && !now.Before(*r.Until) {
		return ErrNotOffered
	}
	return nil
}

// Redeem spends a customer's points on a reward: coupons are given at once, gifts wait to be handed over. All of it happens
// or nothing. Repeating a request id (8 to 64 bytes) gives the first redemption. It fails with ErrNotFound, ErrNotOffered,
// ErrSoldOut, ErrLimit, ErrTier, ErrTooFew, ErrOtherBody, or with what the coupon is refused for.
func (s *Service) Redeem(ctx context.Context, customerID, rewardID int64, requestID string) (out *model.Redemption, err error) {
	key := "redeem:" + number(customerID) + ":" + requestID
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		// The account first: it is the customer's own turn, in which nothing of theirs changes.
		return s.change(tx, customerID, func(b *book) error {
			if out, err = redemptionByKey(tx, key); err != nil || out != nil {
				if out != nil && out.RewardID != rewardID {
					return ErrOtherBody
				}
				return err
			}
			out, err = b.redeem(rewardID, key)
			return err
		})
	})
	return out, err
}

func (b *book) redeem(rewardID int64, key string) (*model.Redemption, error) {
	r, err := rewardByID(b.tx, rewardID)
	if err != nil {
		return nil, err
	}
	if err := b.mayRedeem(r); err != nil {
		return nil, err
	}
	row := &model.Redemption{
		RewardID: r.ID, CustomerID: b.account.CustomerID, RequestKey: key, Points: r.Price, State: ToHandOver, CreatedAt: b.now, UpdatedAt: b.now,
	}
	if err := insert(b.tx, row); err != nil {
		return nil, err
	}
	entry, err := b.take(Spend, Spent, r.Price, 0, Detail{Key: key, Source: "redemption", SourceID: row.ID, Reason: r.Name})
	if err != nil {
		return nil, err
	}
	row.EntryID = entry.ID
	// The hot rows last: the stock of a reward, and of a batch of coupons.
	taken, err := takeReward(b.tx, r.ID)
	if err != nil {
		return nil, err
	}
	if !taken {
		return nil, ErrSoldOut
	}
	if r.Kind == Coupon {
		row.State = Done
		if row.CouponID, err = b.s.Coupons.GrantTx(b.tx, Grant{r.BatchID, row.CustomerID, key, "points", row.ID}); err != nil {
			return nil, err
		}
	}
	return row, saveAll(b.tx, row)
}

// mayRedeem says why a customer can't have a reward.
func (b *book) mayRedeem(r *model.Reward) error {
	if err := offeredAt(r, b.now); err != nil {
		return err
	}
	if r.MinLevel > 0 {
		tier, err := tierOf(b.tx, b.account.CustomerID)
		if err != nil {
			return err
		}
		if tier.Level < r.MinLevel {
			return ErrTier
		}
	}
	if r.PerCustomer > 0 {
		had, err := redeemed(b.tx, r.ID, b.account.CustomerID)
		if err != nil {
			return err
		}
		if had >= r.PerCustomer {
			return ErrLimit
		}
	}
	if b.account.Balance < r.Price {
		return ErrTooFew
	}
	return nil
}

// HandOver notes that a gift was handed over. Repeating it changes nothing. It fails with ErrNotFound or ErrNotPossible.
func (s *Service) HandOver(ctx context.Context, staffID, id int64, note string) error {
	return s.end(ctx, staffID, id, HandedOver, note)
}

// CancelRedemption gives back the points of a gift that was not handed over, and puts it back. Repeating it changes nothing.
// It fails with ErrNotFound or ErrNotPossible.
func (s *Service) CancelRedemption(ctx context.Context, staffID, id int64, note string) error {
	return s.end(ctx, staffID, id, Cancelled, note)
}

func (s *Service) end(ctx context.Context, staffID, id int64, state, note string) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockRedemption(tx, id)
		switch {
		case err != nil:
			return err
		case row.State == state:
			return nil
		case row.State != ToHandOver:
			return ErrNotPossible
		}
		row.State, row.StaffID, row.Note, row.UpdatedAt = state, staffID, note, s.Now()
		if err := saveAll(tx, row); err != nil || state != Cancelled {
			return err
		}
		if err := putBackReward(tx, row.RewardID); err != nil {
			return err
		}
		_, err = s.ReturnTx(tx, row.EntryID, Detail{Key: "return:" + number(row.EntryID), Source: "redemption", SourceID: row.ID, StaffID: staffID, Reason: "兑换取消 · cancelled"})
		return err
	})
}

// RedemptionFilter selects redemptions, the newest first.
type RedemptionFilter struct {
	CustomerID int64 // 0: anybody's
	State      string
	Before     int64
	Limit      int
}

// Redemptions gives a page of redemptions.
func (s *Service) Redemptions(ctx context.Context, f RedemptionFilter) ([]model.Redemption, error) {
	return redemptionsBefore(s.DB.WithContext(ctx), f)
}
