package work

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrStalled says that what was asked neither returned nor failed in time.
var ErrStalled = errors.New("work: the database does not answer")

// Bounded asks the database something and waits for the answer no longer than a little over limit.
// Drivers may ignore a context (a COMMIT does), so a loop that must not be hung asks through this: fn
// runs aside under a context that ends after limit; when it does not return, ErrStalled does, and
// what it returns later is dropped. pending counts what still runs.
func Bounded[T any](pending *sync.WaitGroup, limit time.Duration, fn func(ctx context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	answers := make(chan answer, 1)
	pending.Go(func() {
		defer cancel()
		v, err := fn(ctx)
		answers <- answer{v, err}
	})
	patience := time.NewTimer(limit + limit/4) // fn should have noticed the end of ctx by then
	defer patience.Stop()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-patience.C:
		var none T
		return none, ErrStalled
	}
}

// call is Bounded with the worker's limit; a stall is counted and logged.
func call[T any](w *Worker, what string, fn func(ctx context.Context) (T, error)) (T, error) {
	v, err := Bounded(&w.calls, w.callLimit, fn)
	if errors.Is(err, ErrStalled) {
		w.o.Metrics.stalled(what)
		w.o.Logger.Error("the database does not answer; going on without", "call", what, "limit", w.callLimit)
	}
	return v, err
}

// health says once that something which is tried again and again fails, and once that it works again.
type health struct {
	mu      sync.Mutex
	failing bool
}

func (h *health) note(w *Worker, what string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil && !h.failing:
		w.o.Logger.Error(what+" fails; it is tried again", "error", err)
	case err == nil && h.failing:
		w.o.Logger.Info(what + " works again")
	}
	h.failing = err != nil
}
