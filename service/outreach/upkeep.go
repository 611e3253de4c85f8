package outreach

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// How long the ledger is kept.
const (
	keepCalls      = 90 * 24 * time.Hour
	keepDeliveries = 750 * 24 * time.Hour
	foldAt         = 50 // changes of a lane that are folded into one a state
)

// Expire ends planned deliveries that have lost their sense while nobody could send them. It may be run at any time, twice.
func (s *Service) Expire(ctx context.Context) error {
	now := s.now()
	_, err := s.everyOf(ctx, Filter{}, Planned, func(tx *gorm.DB, t *tally, lane, after int64) (int64, int64, error) {
		rows, err := outlivedIn(tx, lane, after, now, operateChunk)
		if err != nil || len(rows) == 0 {
			return 0, 0, err
		}
		n, err := s.moveTx(tx, t, rows, Planned, change{to: Expired, reason: "expired"})
		return n, rows[len(rows)-1].ID, err
	})
	return err
}

// Verify holds the counts by state against the rows, mends them where they differ, says so, and folds the changes they are kept in.
func (s *Service) Verify(ctx context.Context) error {
	for after := int64(0); ctx.Err() == nil; {
		ids, err := laneIDsAfter(s.DB.WithContext(ctx), after, 500)
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		for _, id := range ids {
			off, err := s.verifyLane(ctx, id)
			if err != nil {
				return fmt.Errorf("verify the counts of lane %d: %w", id, err)
			}
			if off > 0 {
				s.Logger.ErrorContext(ctx, "outreach: the counts of a lane were off; they are mended", "lane", id, "states", off)
			}
		}
	}
	return ctx.Err()
}

func (s *Service) verifyLane(ctx context.Context, id int64) (off int, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		off = 0
		if err := lockLane(tx, id); err != nil {
			return err
		}
		wrong, err := tallyDrift(tx, id)
		if err != nil {
			return err
		}
		var t tally
		for state, n := range wrong {
			off++
			t.add(id, state, -n)
		}
		return t.writeTx(tx)
	})
	return off, err
}

// Fold keeps the counts short: many changes of a lane become one a state.
func (s *Service) Fold(ctx context.Context) error {
	ids, err := lanesToFold(s.DB.WithContext(ctx), foldAt)
	if err != nil {
		return fmt.Errorf("find counts to fold: %w", err)
	}
	for _, id := range ids {
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
			if err := lockLane(tx, id); err != nil {
				return err
			}
			return foldTally(tx, id)
		})
		if err != nil {
			return fmt.Errorf("fold the counts of lane %d: %w", id, err)
		}
	}
	return nil
}

// Prune deletes what is older than it is kept: settled calls, and deliveries with their lanes. Deliveries that are not over are kept.
func (s *Service) Prune(ctx context.Context) error {
	now := s.now()
	for {
		n, err := pruneCalls(s.DB.WithContext(ctx), now.Add(-keepCalls), 1000)
		if err != nil {
			return fmt.Errorf("prune platform calls: %w", err)
		}
		if n == 0 {
			break
		}
	}
	for {
		var n int
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
			rows, err := oldDeliveries(tx, now.Add(-keepDeliveries), 1000)
			n = len(rows)
			if err != nil || n == 0 {
				return err
			}
			var t tally
			for _, r := range rows {
				t.add(r.LaneID, State(r.State), -1)
			}
			if err := deleteDeliveries(tx, idsOf(rows)); err != nil {
				return err
			}
			return t.writeTx(tx)
		})
		if err != nil {
			return fmt.Errorf("prune deliveries: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}
