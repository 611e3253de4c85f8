package job

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

const (
	watchAfter = 10 * time.Minute    // a tick that did not end by then is looked at
	keepTicks  = 30 * 24 * time.Hour // how long records are kept
)

// Watch puts right the ticks that look open although their work has ended: it was cancelled by an
// operator, took its process down at each attempt, or its end could not be written. It may be repeated.
func (s *Scheduler) Watch(ctx context.Context) error {
	var after int64
	for {
		rows, err := openTicks(s.db.WithContext(ctx), s.now().Add(-watchAfter), after)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := s.settleAll(ctx, rows); err != nil {
			return err
		}
		after = rows[len(rows)-1].ID
	}
}

func (s *Scheduler) settleAll(ctx context.Context, rows []model.CronTick) error {
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = dedupeKey(r.Job, r.FireTime)
	}
	works, err := s.queue.ByDedupeKey(ctx, keys)
	if err != nil {
		return err
	}
	for i, r := range rows {
		w, known := works[keys[i]]
		if known && w.FinishedAt == nil {
			continue // it waits or runs
		}
		status, text := failedTick, "its work is gone"
		if known {
			text = shortened(fmt.Sprintf("its work is %s: %s", w.State, w.LastError))
		}
		if known && w.State == "done" {
			status, text = doneTick, ""
		}
		err := s.inTx(ctx, func(tx *gorm.DB) error {
			n, err := settle(tx, r.ID, status, text, s.now())
			if n > 0 {
				s.log.Warn("a run of a periodic job had no end", "job", r.Job, "fire_time", r.FireTime, "status", status, "reason", text)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Prune deletes the records of ticks older than 30 days. It may be repeated and stopped at any time.
func (s *Scheduler) Prune(ctx context.Context) error {
	for {
		var n int64
		err := s.inTx(ctx, func(tx *gorm.DB) (err error) {
			n, err = deleteTicks(tx, s.now().Add(-keepTicks), 1000)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}
