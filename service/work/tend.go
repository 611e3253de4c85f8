package work

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// tend looks after what runs until ctx ends: it prolongs leases, sees cancels and lost leases, and ends
// the contexts of handlers accordingly. What it asks of the database it asks aside, so that a
// lease that could not be prolonged is given up in time even while the database hangs.
func (w *Worker) tend(ctx context.Context) {
	every := min(w.o.Poll, w.o.Lease/6)
	tick := time.NewTicker(every)
	defer tick.Stop()
	answered := make(chan error, 1)
	answered <- nil
	var extended, extendedAt time.Time // by this machine and by the clock, which may jump
	var h health
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.giveUpExpired()
		select {
		case err := <-answered:
			if err != nil {
				extended = time.Time{} // at once again
			}
		default:
			continue // the last question is still open
		}
		due := time.Since(extended) >= w.o.Lease/3-every || w.now().Sub(extendedAt) >= w.o.Lease/3-every
		if due {
			extended, extendedAt = time.Now(), w.now()
		}
		w.calls.Go(func() {
			err := w.tendOnce(due)
			h.note(w, "tending leases", err)
			answered <- err
		})
	}
}

// giveUpExpired ends the contexts of handlers whose lease has run out: from now on another worker may
// do the same work.
func (w *Worker) giveUpExpired() {
	now := w.now().UnixMilli()
	for _, a := range w.list() {
		if now >= a.until.Load() {
			a.end(ErrLeaseLost)
		}
	}
}

// tendOnce prolongs the leases when that is due and reads what others did to the rows.
func (w *Worker) tendOnce(prolong bool) error {
	attempts := w.tended()
	if len(attempts) == 0 {
		return nil
	}
	grips := make([]grip, len(attempts))
	for i, a := range attempts {
		grips[i] = a.grip
	}
	until := w.now().Add(w.o.Lease)
	seen, err := call(w, "tend", func(ctx context.Context) (seen tendedRows, err error) {
		if prolong {
			err = model.InTx(ctx, w.db, func(tx *gorm.DB) (err error) {
				seen.extended, err = extend(tx, grips, until)
				return err
			})
			if err != nil {
				return seen, err
			}
		}
		seen.rows, err = look(w.db.WithContext(ctx), grips)
		return seen, err
	})
	if err != nil {
		return err
	}
	for _, a := range attempts {
		r := seen.rows[a.row.ID]
		switch {
		case r.LeaseToken != a.grip.token:
			a.end(ErrLeaseLost)
		case r.CancelAsked:
			a.end(ErrCancelAsked)
		}
		if r.LeaseToken == a.grip.token && slices.Contains(seen.extended, r.ID) {
			a.until.Store(until.UnixMilli())
		}
	}
	return nil
}

type tendedRows struct {
	extended []int64
	rows     map[int64]holding
}

// tended lists the attempts whose leases are worth keeping: not those that ran out, and not those
// whose handler goes on a whole lease after its time was over, or others would never get the work.
func (w *Worker) tended() (keep []*attempt) {
	now := w.now().UnixMilli()
	for _, a := range w.list() {
		if now < a.until.Load() && !w.overdue(a) {
			keep = append(keep, a)
		}
	}
	return keep
}

func (w *Worker) overdue(a *attempt) bool {
	began := a.started.Load()
	if began == nil || time.Since(*began) <= w.handlers[a.row.Kind].policy.timeout()+w.o.Lease {
		return false
	}
	w.o.Logger.Error("a handler does not heed the end of its context; its lease is given up", "work", a.row.ID, "kind", a.row.Kind)
	return true
}
