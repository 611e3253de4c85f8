package work

import (
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// rescueExpired returns works whose lease ran out to the queue until ctx ends, and puts right what a
// clock that went back would keep waiting.
func (w *Worker) rescueExpired(ctx context.Context) {
	var h health
	latest := w.now()
	for {
		pause(ctx, jittered(min(w.o.Poll, w.o.Lease/4)))
		if ctx.Err() != nil {
			return
		}
		err := w.rescueAll()
		if now := w.now(); now.Before(latest.Add(-backBy)) && err == nil {
			if err = w.afterJumpBack(latest, now); err == nil {
				latest = now
			}
		} else if now.After(latest) {
			latest = now
		}
		h.note(w, "rescuing works", err)
	}
}

func (w *Worker) rescueAll() error {
	for after := int64(0); ; {
		r, err := call(w, "rescue", func(ctx context.Context) (rescued, error) {
			return rescue(w.db.WithContext(ctx), w.now(), after)
		})
		if err != nil {
			return err
		}
		if r.works > 0 {
			w.o.Logger.Warn("leases ran out; the works go back to the queue", "works", r.works)
			w.Wake()
		}
		if r.last == 0 {
			return nil
		}
		after = r.last
	}
}

// backBy is how far a clock must go back to be noticed.
const backBy = 30 * time.Second

// afterJumpBack makes due again what was due by the clock of before, and shortens leases that
// would outlast their owners by the length of the jump.
func (w *Worker) afterJumpBack(before, now time.Time) error {
	w.o.Logger.Warn("the clock went back", "from", before, "to", now)
	for after := int64(0); ; {
		ids, err := call(w, "rescue", func(ctx context.Context) (ids []int64, err error) {
			err = model.InTx(ctx, w.db, func(tx *gorm.DB) (err error) {
				ids, err = dueAgain(tx, now, w.o.Lease, after)
				return err
			})
			return ids, err
		})
		if err != nil {
			return err
		}
		if len(ids) < rescuePage {
			w.Wake()
			return nil
		}
		after = ids[len(ids)-1]
	}
}
