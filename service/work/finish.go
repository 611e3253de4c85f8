package work

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
)

// finish is what one attempt has to write.
type finish struct {
	grip grip
	v    verdict
}

// finish writes what became of a work, together with whatever else ends now, and tries until the
// database answers: the answer may be that somebody else has the work by now. To write once more
// what may be written already does no harm.
func (w *Worker) finish(base context.Context, a *attempt, v verdict) {
	defer w.letGo(a)
	v.lastError = cut(v.lastError)
	for try := 0; ; try++ {
		stopped := base.Err() != nil
		// Without a limit of its own: while a commit hangs its rows may be locked, and to write them
		// beside it would hang as well and take others along. The driver ends it.
		kept, err := w.finishing.Do(context.Background(), finish{a.grip, v})
		w.finishHealth.note(w, "writing the ends of works", err)
		if err == nil {
			w.finished(a, v, kept)
			return
		}
		if stopped {
			w.o.Logger.Error("the end of a work is not written; its lease runs out by itself", "work", a.row.ID, "kind", a.row.Kind)
			return
		}
		pause(base, jittered(min(10*time.Millisecond<<min(try, 10), w.o.Poll)))
	}
}

func (w *Worker) letGo(a *attempt) {
	a.end(nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.running, a)
}

// writeFinished writes the ends of some works and tells of each whether it was still ours to end.
func (w *Worker) writeFinished(tx *gorm.DB, batch []finish) (kept []bool, err error) {
	now := w.now()
	var doneNow, all []grip
	var written int64
	for _, f := range batch {
		all = append(all, f.grip)
		if f.v.state == done {
			doneNow = append(doneNow, f.grip)
		}
	}
	if len(doneNow) > 0 {
		if written, err = markDone(tx, doneNow, now); err != nil {
			return nil, err
		}
	}
	for _, f := range batch {
		if f.v.state == done {
			continue
		}
		n, err := writeOne(tx, f, now)
		if err != nil {
			return nil, err
		}
		written += n
	}
	return w.whichKept(tx, all, written)
}

func writeOne(tx *gorm.DB, f finish, now time.Time) (int64, error) {
	if f.v.state != ready {
		return markEnded(tx, f.grip, f.v.state, f.v.lastError, now)
	}
	n, err := markReady(tx, f.grip, f.v)
	if n > 0 || err != nil {
		return n, err
	}
	// Either it is no longer ours, which this sees too, or an operator asked to cancel it meanwhile.
	return markEnded(tx, f.grip, cancelled, reasonOperator, now)
}

func (w *Worker) whichKept(tx *gorm.DB, all []grip, written int64) ([]bool, error) {
	kept := make([]bool, len(all))
	var rows map[int64]holding
	if written != int64(len(all)) {
		var err error
		if rows, err = look(tx, all); err != nil {
			return nil, err
		}
	}
	for i, g := range all {
		r, seen := rows[g.id]
		kept[i] = rows == nil || seen && r.LeaseToken == g.token && r.State != leased
	}
	return kept, nil
}

// finished counts and logs an end that is written, once.
func (w *Worker) finished(a *attempt, v verdict, kept bool) {
	log := w.o.Logger.With("work", a.row.ID, "kind", a.row.Kind, "attempt", a.row.Attempts)
	if !kept {
		w.o.Metrics.stale(a.row.Kind)
		log.Warn("the end of a work is refused: its lease was lost", "fence", a.row.Fence)
		return
	}
	var took time.Duration
	if began := a.started.Load(); began != nil {
		took = time.Since(*began)
	}
	w.o.Metrics.finished(a.row.Kind, v.outcome, took)
	switch v.outcome {
	case dead:
		log.Error("work is dead", "reason", v.lastError)
	case "failed":
		log.Warn("work failed; it is tried again", "error", v.lastError, "at", v.runAt)
	}
	if a.row.OrderKey != "" {
		w.goOn(a.row.Lane, a.row.OrderKey)
	}
}

// logPanic puts the stack into the log; the error alone does not say where.
func (w *Worker) logPanic(a *attempt, err error) {
	var p panicked
	if errors.As(err, &p) {
		w.o.Logger.Error("a handler panicked", "work", a.row.ID, "kind", a.row.Kind, "error", p.Error(), "stack", p.frames)
	}
}
