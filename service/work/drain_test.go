package work

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/service/clock"
)

// TestF06_Drain: a stop under load lets what runs finish, gives the rest back at once with no attempt
// counted, and loses and doubles nothing.
func TestF06_Drain(t *testing.T) {
	r := newRig(t, clock.System)
	a, b := r.queue(), r.queue()
	var runs [400]atomic.Int64
	for _, q := range []*Queue{a, b} {
		Handle(q, "a", Policy{}, func(ctx context.Context, _ *Lease, n note) error {
			runs[n.N].Add(1)
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
				t.Error("a handler that needed no time was interrupted")
			}
			return nil
		})
	}
	var items []Item
	for i := range runs {
		items = append(items, Item{Kind: "a", Payload: note{i}})
	}
	enqueue(t, a, items...)
	_, stop := r.run(a, quick())
	eventually(t, "it is under load", func() bool { return inState(t, a, done) > 30 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := inState(t, a, leased); n != 0 {
		t.Errorf("%d works are still leased after the stop", n)
	}
	if inState(t, a, ready) == 0 {
		t.Fatal("the stop came too late to mean anything")
	}
	r.run(b, quick())
	eventually(t, "the other does the rest", func() bool { return inState(t, b, done) == int64(len(runs)) })
	for i := range runs {
		if n := runs[i].Load(); n != 1 {
			t.Errorf("work %d ran %d times", i, n)
		}
	}
	if n := countAttempts(t, b); n != int64(len(runs)) {
		t.Errorf("%d attempts are counted for %d works", n, len(runs))
	}
}

func countAttempts(t *testing.T, q *Queue) (n int64) {
	t.Helper()
	if err := q.db.Raw("SELECT SUM(attempts) FROM work").Scan(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDrainLimit: handlers that need longer than the limit see their context end with ErrStopping; their
// works go back without a lease and without an attempt.
func TestDrainLimit(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	started := make(chan struct{})
	Handle(q, "a", Policy{}, func(ctx context.Context, _ *Lease, _ note) error {
		close(started)
		<-ctx.Done()
		if cause := context.Cause(ctx); cause != ErrStopping {
			t.Errorf("the context ended with %v", cause)
		}
		return context.Cause(ctx)
	})
	id := enqueueOne(t, q, Item{Kind: "a", Payload: note{}, OrderKey: "k"})
	o := quick()
	o.StopWithin = 20 * time.Millisecond
	_, stop := r.run(q, o)
	<-started
	if err := stop(); err != nil {
		t.Error(err)
	}
	if row := rowOf(t, q, id); row.State != ready || row.Attempts != 0 || row.RunningKey != nil {
		t.Errorf("got %+v", row)
	}
}

// TestStopBeforeStart: works that were claimed when the stop came, but had not begun, go back untouched.
func TestStopBeforeStart(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	Handle(q, "a", Policy{}, func(context.Context, *Lease, note) error { t.Error("it began after the stop"); return nil })
	for i := range 5 {
		enqueue(t, q, Item{Kind: "a", Payload: note{i}})
	}
	w := NewWorker(q, quick())
	rows, cl, _, err := w.claimers[1].claim(LaneNormal, 5)
	if err != nil || len(rows) != 5 {
		t.Fatal(rows, err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	w.start(stopped, t.Context(), LaneNormal, 2, rows, cl)
	w.attempts.Wait()
	if n := inState(t, q, ready); n != 5 || countAttempts(t, q) != 0 {
		t.Errorf("%d works are ready again, %d attempts counted", n, countAttempts(t, q))
	}
}
