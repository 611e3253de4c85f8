package work

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"zhiyin/model"
)

// attempt is one work in the hands of this worker.
type attempt struct {
	row     *model.Work
	grip    grip
	ctx     context.Context // ends with the lease, a cancel or the stop
	end     context.CancelCauseFunc
	until   atomic.Int64              // end of the lease in Unix milliseconds
	started atomic.Pointer[time.Time] // when the handler was called
}

// start runs claimed works of a lane in as many slots, which are reserved already. Each slot takes the
// next work when it is through with one. Works that have not begun when stop ends go back.
func (w *Worker) start(stop, base context.Context, lane, slots int, rows []model.Work, cl claim) {
	attempts := make([]*attempt, len(rows))
	for i := range rows {
		attempts[i] = w.hold(base, &rows[i], cl)
	}
	var next atomic.Int64
	for range slots {
		w.attempts.Go(func() {
			defer w.slots.giveBack(lane, 1)
			for i := next.Add(1); i <= int64(len(attempts)); i = next.Add(1) {
				a := attempts[i-1]
				v := released(w.now())
				if stop.Err() == nil {
					v = w.attempt(a, lane)
				}
				w.slots.ends(1)
				w.attempts.Go(func() {
					w.finish(base, a, v)
					w.slots.ends(-1)
				})
			}
		})
	}
}

// hold makes a claimed work one of those that are tended.
func (w *Worker) hold(base context.Context, row *model.Work, cl claim) *attempt {
	ctx, end := context.WithCancelCause(base)
	a := &attempt{row: row, grip: grip{row.ID, cl.token}, ctx: ctx, end: end}
	a.until.Store(cl.until.UnixMilli())
	w.mu.Lock()
	w.running[a] = struct{}{}
	w.mu.Unlock()
	w.o.Metrics.claimed(row.Kind)
	return a
}

// attempt runs the handler, unless the work must not run any more, and decides what becomes of it.
func (w *Worker) attempt(a *attempt, lane int) verdict {
	row, h := a.row, w.handlers[a.row.Kind]
	expired := row.Deadline != nil && !w.now().Before(*row.Deadline)
	switch {
	case row.CancelAsked:
		return verdict{state: cancelled, outcome: cancelled, lastError: reasonOperator}
	case expired && h.expired == nil:
		return verdict{state: dead, outcome: dead, lastError: reasonDeadline}
	case row.Attempts > limit(h.policy, expired): // it took its worker down with it, time and again
		return verdict{state: dead, outcome: dead, lastError: "no attempt came to an end: " + row.LastError}
	}
	do := h.do
	if expired {
		do = h.expired
	}
	began := time.Now()
	a.started.Store(&began)
	ctx, stop := context.WithTimeout(a.ctx, h.policy.timeout())
	defer stop()
	err := context.Cause(ctx) // it may have waited for its turn, and have been lost meanwhile
	if err == nil {
		err = guarded(func() error { return do(ctx, leaseOf(row), []byte(row.Payload)) })
	}
	w.pace[lane].note(time.Since(began))
	w.logPanic(a, err)
	return decide(row, h.policy, expired, err, context.Cause(ctx), w.now())
}

func leaseOf(row *model.Work) *Lease {
	l := &Lease{ID: row.ID, Kind: row.Kind, Attempt: row.Attempts, Fence: row.Fence}
	if row.Deadline != nil {
		l.Deadline = *row.Deadline
	}
	return l
}

// panicked is a handler's panic as an error. It does not quote the value, which may be personal,
// unless the value is the runtime's own; the hash tells whether two panics are one.
type panicked struct {
	what   string
	hash   uint32
	frames []string // function and line, innermost first
}

func (p panicked) Error() string { return fmt.Sprintf("panic %08x: %s", p.hash, p.what) }

func guarded(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newPanicked(v)
		}
	}()
	return f()
}

func newPanicked(v any) panicked {
	p := panicked{what: fmt.Sprintf("%T", v), frames: callers()}
	var own runtime.Error
	if err, ok := v.(error); ok && errors.As(err, &own) {
		p.what = own.Error()
	}
	sum := fnv.New32a()
	for _, f := range p.frames {
		sum.Write([]byte(f))
	}
	p.hash = sum.Sum32()
	return p
}

// callers lists the panicking stack down to our own frames, without addresses.
func callers() (frames []string) {
	pcs := make([]uintptr, 64)
	next := runtime.CallersFrames(pcs[:runtime.Callers(5, pcs)]) // skips recover's side of the stack
	for {
		f, more := next.Next()
		if strings.HasSuffix(f.Function, "work.guarded") {
			return frames
		}
		frames = append(frames, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more {
			return frames
		}
	}
}
