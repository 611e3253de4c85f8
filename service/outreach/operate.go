package outreach

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach/governor"
)

// retryable are the classes of failures after which another attempt makes sense. All failed deliveries are known not to have left, so none
// of them is doubled.
var retryable = []string{ClassBusy, ClassPermission, ClassQuota, ClassOther}

// operateChunk is how many deliveries an operator's wish changes in one transaction.
const operateChunk = 2000

// RetryFailed plans the failed deliveries of a source again, at once, where another attempt makes sense: those whose content or customer is the
// reason stay failed. Attempts go on being counted. It may be repeated; it tells how many.
func (s *Service) RetryFailed(ctx context.Context, source string, sourceID int64) (n int64, err error) {
	return s.everyOf(ctx, Filter{Source: source, SourceID: sourceID}, Failed, func(tx *gorm.DB, t *tally, lane, after int64) (int64, int64, error) {
		rows, err := failedIn(tx, lane, after, retryable, operateChunk)
		if err != nil || len(rows) == 0 {
			return 0, 0, err
		}
		changed, err := s.moveTx(tx, t, rows, Failed, change{to: Planned, due: s.now()})
		return changed, rows[len(rows)-1].ID, err
	})
}

// Cancel calls off all planned deliveries of a source; what is in hand goes on. It may be repeated; it tells how many.
func (s *Service) Cancel(ctx context.Context, source string, sourceID int64) (n int64, err error) {
	return s.everyOf(ctx, Filter{Source: source, SourceID: sourceID}, Planned, func(tx *gorm.DB, t *tally, lane, after int64) (int64, int64, error) {
		rows, err := plannedIn(tx, lane, after, operateChunk)
		if err != nil || len(rows) == 0 {
			return 0, 0, err
		}
		changed, err := s.moveTx(tx, t, rows, Planned, change{to: Cancelled, reason: reasonSource})
		return changed, rows[len(rows)-1].ID, err
	})
}

// CancelTx calls off the planned deliveries of a source for one customer; an empty occurrence means every one. It tells how many.
func (s *Service) CancelTx(tx *gorm.DB, source string, sourceID, customerID int64, occurrence string) (int64, error) {
	rows, err := plannedFor(tx, source, sourceID, customerID, occurrence)
	if err != nil {
		return 0, fmt.Errorf("find planned deliveries: %w", err)
	}
	var t tally
	n, err := s.moveTx(tx, &t, rows, Planned, change{to: Cancelled, reason: reasonSource})
	if err != nil {
		return 0, err
	}
	return n, t.writeTx(tx)
}

// Decide says of a delivery in doubt whether it was sent, as an operator has found out. What was not is planned again. It fails with
// ErrNotFound or ErrNotDoubt.
func (s *Service) Decide(ctx context.Context, id int64, sent bool) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		rows, err := lockDeliveries(tx, []int64{id})
		if err != nil {
			return fmt.Errorf("find a delivery: %w", err)
		}
		if len(rows) == 0 {
			return ErrNotFound
		}
		if State(rows[0].State) != InDoubt {
			return ErrNotDoubt
		}
		ch := change{to: Planned, due: s.now(), reason: reasonOperator}
		if sent {
			ch = change{to: Accepted, reason: reasonOperator}
		}
		var t tally
		if _, err := s.moveTx(tx, &t, rows, InDoubt, ch); err != nil {
			return err
		}
		model.AfterCommit(tx, func() { poke(s.wake) })
		return t.writeTx(tx)
	})
}

// everyOf changes, lane by lane and some at a time, the deliveries of a source that are in a state. step changes those after an id and tells
// how many, and up to which id it has looked: 0 ends the lane.
func (s *Service) everyOf(ctx context.Context, f Filter, in State, step func(tx *gorm.DB, t *tally, lane, after int64) (n, last int64, err error)) (sum int64, err error) {
	lanes, err := lanesWith(s.DB.WithContext(ctx), f, []State{in})
	if err != nil {
		return 0, fmt.Errorf("find lanes of deliveries: %w", err)
	}
	for _, lane := range lanes {
		for after := int64(0); ; {
			var n, last int64
			err := model.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
				if err := lockLane(tx, lane); err != nil { // not while others claim from it
					return err
				}
				var t tally
				if n, last, err = step(tx, &t, lane, after); err != nil {
					return err
				}
				return t.writeTx(tx)
			})
			if err != nil {
				return sum, fmt.Errorf("change deliveries of lane %d: %w", lane, err)
			}
			sum += n
			if last == 0 {
				break
			}
			after = last
		}
	}
	poke(s.wake)
	return sum, nil
}

// moveTx brings locked deliveries that are in one state to another, and tells how many.
func (s *Service) moveTx(tx *gorm.DB, t *tally, rows []model.Delivery, from State, ch change) (n int64, err error) {
	byLane := map[int64][]int64{}
	var back []governor.Reservation
	for _, r := range rows {
		byLane[r.LaneID] = append(byLane[r.LaneID], r.ID)
		if ch.to.Over() && r.CustomerID != 0 {
			back = append(back, governor.Reservation{Ref: r.ID, CustomerID: r.CustomerID})
		}
	}
	now := s.now()
	for lane, ids := range byLane {
		slices.Sort(ids)
		changed, err := moveState(tx, ids, from, ch, now)
		if err != nil {
			return n, fmt.Errorf("change deliveries: %w", err)
		}
		t.move(lane, from, ch.to, changed)
		n += changed
	}
	if len(back) > 0 {
		if err := s.Governor.ReturnTx(tx, back); err != nil {
			return n, err
		}
	}
	return n, nil
}
