package referral

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/loyalty"
)

// inviteePlace is the place of what an invitee gets, which is on no step.
const inviteePlace = -1

// retryAfter is when giving is tried again that could not be.
const retryAfter = time.Hour

// reasonBudget: the budget has no room for it.
const reasonBudget = "referral.budget"

// levelTx has what an inviter is owed follow the friends who count. The caller holds the inviter's turn.
func (s *Service) levelTx(tx *gorm.DB, p *Programme, inviterID int64) error {
	friends, err := countedFriends(tx, p.ID, inviterID)
	if err != nil {
		return err
	}
	if p.PerInviter > 0 {
		friends = min(friends, p.PerInviter)
	}
	earned, err := rewardsOfInviter(tx, p.ID, inviterID)
	if err != nil {
		return err
	}
	for _, step := range p.Steps {
		if err := s.levelStep(tx, p, step, inviterID, friends, earned[step.Place]); err != nil {
			return fmt.Errorf("level step %d of programme %d: %w", step.Place, p.ID, err)
		}
	}
	return nil
}

// levelStep: earned are the rewards of the step that the inviter has earned; after a merge there may be two.
func (s *Service) levelStep(tx *gorm.DB, p *Programme, step model.ReferralStep, inviterID, friends int64, earned []model.ReferralReward) error {
	if friends < step.Friends {
		return s.forgo(tx, p, earned)
	}
	for _, r := range earned {
		if r.State != TakenBack {
			return nil
		}
	}
	if len(earned) > 0 {
		return oweAgain(tx, earned[0].ID, s.Now())
	}
	return s.owe(tx, &model.ReferralReward{
		ProgrammeID: p.ID, CustomerID: inviterID, RewardKey: fmt.Sprintf("step:%d:%d:%d", p.ID, step.Place, inviterID), Role: Inviter, Place: step.Place,
		Kind: step.Kind, Name: step.Name, Points: step.Points, BatchID: step.BatchID, CostFen: step.CostFen,
	})
}

func inviteeKey(programmeID, edgeID int64) string {
	return fmt.Sprintf("invitee:%d:%d", programmeID, edgeID)
}

// oweInvitee: an invitee gets something once in a programme.
func (s *Service) oweInvitee(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error {
	if p.InviteeKind == "" {
		return nil
	}
	earned, err := rewardsOfEdge(tx, e.ID)
	if err != nil {
		return err
	}
	if len(earned) > 0 {
		if earned[0].State == TakenBack {
			return oweAgain(tx, earned[0].ID, s.Now())
		}
		return nil
	}
	return s.owe(tx, &model.ReferralReward{
		ProgrammeID: p.ID, CustomerID: e.InviteeID, RewardKey: inviteeKey(p.ID, e.ID), Role: Invitee, Place: inviteePlace, EdgeID: e.ID,
		Kind: p.InviteeKind, Name: p.InviteeName, Points: p.InviteePoints, BatchID: p.InviteeBatchID, CostFen: p.InviteeCostFen,
	})
}

func (s *Service) owe(tx *gorm.DB, r *model.ReferralReward) error {
	now := s.Now()
	r.State, r.DueAt, r.CreatedAt, r.UpdatedAt = Owed, now, now, now
	return insertReward(tx, r)
}

// forgoInvitee has what an invitee got follow an edge that counts no more.
func (s *Service) forgoInvitee(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error {
	earned, err := rewardsOfEdge(tx, e.ID)
	if err != nil {
		return err
	}
	return s.forgo(tx, p, earned)
}

// forgo withdraws what is no longer earned: what is still owed always; of what was given, points and gifts that were not handed
// over, when the programme says so.
func (s *Service) forgo(tx *gorm.DB, p *Programme, earned []model.ReferralReward) error {
	for i := range earned {
		r := &earned[i]
		switch {
		case r.State == Owed:
			if _, err := moveReward(tx, r.ID, Owed, TakenBack, s.Now(), nil); err != nil {
				return err
			}
		case p.TakeBack && (r.State == ToHandOver || r.State == Given && r.Kind == Points):
			if err := s.takeBack(tx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) takeBack(tx *gorm.DB, r *model.ReferralReward) error {
	moved, err := moveReward(tx, r.ID, r.State, TakenBack, s.Now(), nil)
	if err != nil || !moved {
		return err
	}
	if err := giveBackBudget(tx, r); err != nil {
		return err
	}
	if r.Kind != Points {
		return nil
	}
	d := s.detail(r)
	d.Key, d.Reason = "back:"+d.Key, "邀请的好友已离开 · a friend left"
	_, err = s.Purse.TakeBackTx(tx, r.EntryID, d)
	return err
}

// detail is what the books say of a reward. A reward that was taken back and earned anew is another move.
func (s *Service) detail(r *model.ReferralReward) loyalty.Detail {
	return loyalty.Detail{Key: fmt.Sprintf("referral:%d:%d", r.ID, r.Turn), Source: "referral", SourceID: r.ProgrammeID, Reason: r.Name}
}

// give gives what is owed, once, as far as the budget has room; else it is tried again later. Repeating it changes nothing.
func (s *Service) give(ctx context.Context, id int64) error {
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.giveTx(tx, id) })
	var refused *fault.Fault
	if !errors.As(err, &refused) {
		return err
	}
	// The budget, or what the coupon is refused for: somebody has to do something, and is shown what.
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		now := s.Now()
		_, err := moveReward(tx, id, Owed, Owed, now, map[string]any{"reason": refused.Code, "due_at": now.Add(retryAfter)})
		return err
	})
}

var errBudget = fault.New(fault.Conflict, reasonBudget, "预算已用完", "the budget is used up")

func (s *Service) giveTx(tx *gorm.DB, id int64) error {
	r, err := rewardByID(tx, id)
	if err != nil {
		return err
	}
	now, becomes := s.Now(), Given
	if r.Kind == Gift {
		becomes = ToHandOver
	}
	moved, err := moveReward(tx, id, Owed, becomes, now, map[string]any{"reason": "", "given_at": now})
	if err != nil || !moved {
		return err
	}
	p, err := programme(tx, r.ProgrammeID)
	if err != nil {
		return err
	}
	friends := int64(0)
	if r.Place >= 0 && r.Place < len(p.Steps) {
		friends = p.Steps[r.Place].Friends
	}
	_, err = s.Events.Record(tx, event.ReferralRewarded{
		ReferralID: p.ID, RewardID: r.ID, Turn: r.Turn, CustomerID: r.CustomerID, Role: r.Role, Friends: friends, Kind: r.Kind, At: now,
	})
	if err != nil {
		return err
	}
	return s.pay(tx, p, r)
}

// pay takes a reward from the budget and gives it. The hot rows come last.
func (s *Service) pay(tx *gorm.DB, p *Programme, r *model.ReferralReward) error {
	d := s.detail(r)
	set := map[string]any{}
	if r.Kind == Points {
		entry, err := s.Purse.EarnTx(tx, loyalty.Earning{CustomerID: r.CustomerID, Points: r.Points, ValidDays: p.PointsDays, Detail: d})
		if err != nil {
			return err
		}
		set["entry_id"] = entry.ID
	}
	room, err := takeBudget(tx, r)
	if err != nil {
		return err
	}
	if !room {
		return errBudget
	}
	if r.Kind == Coupon {
		if set["coupon_id"], err = s.Coupons.GrantTx(tx, loyalty.Grant{BatchID: r.BatchID, CustomerID: r.CustomerID, Key: d.Key, Source: "referral", SourceID: p.ID}); err != nil {
			return err
		}
	}
	return setReward(tx, r.ID, set)
}

// HandOver notes that a gift was handed over. Repeating it changes nothing. It fails with ErrNotFound or ErrState.
func (s *Service) HandOver(ctx context.Context, staffID, rewardID int64, note string) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		moved, err := moveReward(tx, rewardID, ToHandOver, HandedOver, s.Now(), map[string]any{"staff_id": staffID, "note": note})
		if err != nil || moved {
			return err
		}
		r, err := rewardByID(tx, rewardID)
		if err == nil && r.State != HandedOver {
			err = ErrState
		}
		return err
	})
}
