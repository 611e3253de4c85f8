package outreach

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// recover takes over what processes left that are no more: what was in a call is in doubt, or sent again where the platform knows
// repeats; what was not goes back to the planned ones.
func (s *Service) recover(ctx context.Context) (n int, err error) {
	claims, err := lapsedClaims(s.DB.WithContext(ctx), s.now(), 100)
	if err != nil {
		return 0, fmt.Errorf("find lapsed claims: %w", err)
	}
	for i := range claims {
		if err := s.recoverOne(ctx, &claims[i]); err != nil {
			return n, fmt.Errorf("take over claim %d: %w", claims[i].ID, err)
		}
		n++
	}
	return n, nil
}

func (s *Service) recoverOne(ctx context.Context, c *model.DeliveryClaim) error {
	ids, err := unpackIDs(c.Deliveries)
	if err != nil {
		return err
	}
	now := s.now()
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if ok, err := adopt(tx, c, s.token, now, now.Add(leaseTime)); err != nil || !ok {
			return err
		}
		rows, err := claimedOf(tx, c.ID, ids)
		if err != nil {
			return err
		}
		calls, err := openCallsOf(tx, c.ID)
		if err != nil {
			return err
		}
		lane, err := laneOf(tx, c.LaneID)
		if err != nil {
			return err
		}
		var desc Description
		if ch, known := s.Channel(lane.Channel); known {
			desc = ch.Describe()
		}
		begun := map[int64]bool{}
		for i := range calls {
			inCall, err := unpackIDs(calls[i].Deliveries)
			if err != nil {
				return err
			}
			for _, id := range inCall {
				begun[id] = true
			}
			if err := doubtCall(tx, &calls[i], desc, now); err != nil {
				return err
			}
		}
		var out changes
		for i := range rows {
			r := &rows[i]
			switch {
			case !begun[r.ID]:
				out.add(change{to: Planned, due: r.DueAt, free: true}, r)
			case desc.Doubt == DoubtRetry: // however often: that processes died is not the message's fault
				out.add(change{to: Planned, due: now, reason: reasonNoAnswer}, r)
			default:
				out.add(change{to: InDoubt, reason: reasonNoAnswer}, r)
			}
		}
		var t tally
		if err := out.writeTx(tx, &t, c.ID, Claimed, now); err != nil {
			return err
		}
		if err := t.writeTx(tx); err != nil {
			return err
		}
		model.AfterCommit(tx, func() { s.metrics.recovered(lane.Channel, len(rows)); poke(s.wake) })
		return dropClaim(tx, c.ID)
	})
}

// doubtCall says that nobody knows what became of a call, and when to ask.
func doubtCall(tx *gorm.DB, call *model.DeliveryCall, desc Description, now time.Time) error {
	switch desc.Doubt {
	case DoubtRetry:
		call.State, call.SettledAt = callSettled, &now
	case DoubtReconcile:
		at := call.BeganAt.Add(desc.SettleTime)
		if at.Before(now) {
			at = now
		}
		call.State, call.AskAt = callDoubt, &at
	default:
		call.State = callDoubt
	}
	return keepCall(tx, call)
}
