package work

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/service/clock"
)

// TestF07_PausedPastLease: a worker that is paused past its lease finds its work done by another when
// it wakes: its handler's context has ended, and what it writes is refused and counted.
func TestF07_PausedPastLease(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t, fake.Now)
	paused, other := r.queue(), r.queue()
	started, wake, causes := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	Handle(paused, "a", Policy{}, func(ctx context.Context, l *Lease, _ note) error {
		close(started)
		<-wake // heeds nothing meanwhile
		causes <- context.Cause(ctx)
		return nil
	})
	fences := make(chan int64, 1)
	Handle(other, "a", Policy{}, func(_ context.Context, l *Lease, _ note) error { fences <- l.Fence; return Cancel("by the other") })

	o := quick()
	o.Lease, o.Metrics = time.Minute, metrics(t)
	o.Concurrency = 2 // one for normal works: it can't take its own work again
	id := enqueueOne(t, paused, Item{Kind: "a", Payload: note{}, OrderKey: "k"})
	_, stopPaused := r.run(paused, o)
	<-started
	fake.Advance(time.Minute + time.Millisecond)
	o2 := quick()
	o2.Lease = time.Minute
	r.run(other, o2)
	if fence := <-fences; fence != 2 {
		t.Errorf("the other got fence %d, want 2", fence)
	}
	waitState(t, other, id, cancelled)
	close(wake)
	if cause := <-causes; !errors.Is(cause, ErrLeaseLost) {
		t.Errorf("the paused handler's context ended with %v", cause)
	}
	if err := stopPaused(); err != nil {
		t.Error(err)
	}
	if row := rowOf(t, other, id); row.State != cancelled || row.LastError != "by the other" {
		t.Errorf("the stale worker wrote: %+v", row)
	}
	if n := value(t, o.Metrics.refused.WithLabelValues("a")); n != 1 {
		t.Errorf("stale_fence is %v, want 1", n)
	}
}

// TestHeartbeat: a work that takes many leases' time stays with its worker.
func TestHeartbeat(t *testing.T) {
	r := newRig(t, clock.System)
	a, b := r.queue(), r.queue()
	var runs atomic.Int64
	for _, q := range []*Queue{a, b} {
		Handle(q, "a", Policy{}, func(ctx context.Context, _ *Lease, _ note) error {
			runs.Add(1)
			select {
			case <-time.After(2500 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}
	id := enqueueOne(t, a, Item{Kind: "a", Payload: note{}})
	o := quick()
	o.Lease = 600 * time.Millisecond
	r.run(a, o)
	r.run(b, o)
	if row := waitState(t, a, id, done); row.Fence != 1 || runs.Load() != 1 {
		t.Errorf("it ran %d times, fence %d", runs.Load(), row.Fence)
	}
}

// TestKilledWorker: works of a process that died without a word are taken over after their leases, each
// once, and a work that takes its process down every time ends as dead.
func TestKilledWorker(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t, fake.Now)
	killed, heir := r.queue(), r.queue()
	hang := make(chan struct{})
	var started atomic.Int64
	Handle(killed, "a", Policy{}, func(context.Context, *Lease, note) error { started.Add(1); <-hang; return nil })
	var mu sync.Mutex
	runs := map[int]int{}
	Handle(heir, "a", Policy{MaxAttempts: 1}, func(context.Context, *Lease, note) error { t.Error("the deadly work ran again"); return nil })
	Handle(heir, "b", Policy{}, func(_ context.Context, _ *Lease, n note) error {
		mu.Lock()
		defer mu.Unlock()
		runs[n.N]++
		return nil
	})
	Handle(killed, "b", Policy{}, func(context.Context, *Lease, note) error { started.Add(1); <-hang; return nil })
	deadly := enqueueOne(t, heir, Item{Kind: "a", Payload: note{}})
	for i := range 40 {
		enqueue(t, heir, Item{Kind: "b", Payload: note{i}, OrderKey: fmt.Sprint(i % 20)})
	}
	o := quick()
	o.Lease, o.StopWithin = time.Minute, time.Millisecond
	w := NewWorker(killed, o)
	w.callLimit = 100 * time.Millisecond
	stop := r.runWorker(w)
	eventually(t, "its slots are full", func() bool { return started.Load() == 5 })
	model.Close(killed.db) // from here on it can write nothing, as if it had died

	o.StopWithin = 10 * time.Second
	r.run(heir, o)
	eventually(t, "the heir does what is neither claimed nor next of a claimed one's key", func() bool { return inState(t, heir, done) == 32 })
	if n := inState(t, heir, leased); n != 5 {
		t.Errorf("%d works wait for their leases to run out, want 5", n)
	}
	fake.Advance(time.Minute + time.Millisecond)
	eventually(t, "the rest is taken over", func() bool { return inState(t, heir, done) == 40 })
	if row := waitState(t, heir, deadly, dead); row.LastError != "no attempt came to an end: the lease ran out" {
		t.Errorf("got reason %q", row.LastError)
	}
	close(hang)
	if err := stop(); err != nil {
		t.Errorf("the killed worker: %v", err)
	}
	for i := range 40 {
		if runs[i] != 1 {
			t.Errorf("work %d ran %d times at the heir's", i, runs[i])
		}
	}
}

// TestRescueIsNotStarved: a thousand works with expired leases that nobody here could decode, handle or
// retry do not keep those after them from being rescued.
func TestRescueIsNotStarved(t *testing.T) {
	r := newRig(t, func() time.Time { return noon })
	q := r.queue()
	past := noon.Add(-time.Minute)
	hopelessRow := func() model.Work {
		return model.Work{Kind: "gone", Lane: LaneNormal, Payload: "\x00{", State: leased, RunAt: past, Attempts: 1 << 20, Fence: 9,
			LeaseToken: newToken(), LeaseUntil: &past, CreatedAt: past}
	}
	rows := make([]model.Work, rescuePage+200)
	for i := range rows {
		rows[i] = hopelessRow()
	}
	if err := q.db.CreateInBatches(rows, 400).Error; err != nil {
		t.Fatal(err)
	}
	Handle(q, "good", Policy{}, func(context.Context, *Lease, note) error { return nil })
	good := enqueueOne(t, q, Item{Kind: "good", Payload: note{}})
	abandoned := map[string]any{"state": leased, "lease_until": past, "lease_token": newToken(), "running_key": "k", "attempts": 1}
	if err := q.db.Model(&model.Work{}).Where("id = ?", good).Updates(abandoned).Error; err != nil {
		t.Fatal(err)
	}
	r.run(q, quick())
	waitState(t, q, good, done)
	eventually(t, "all were rescued", func() bool { return inState(t, q, leased) == 0 })
	if n := inState(t, q, ready); n != int64(len(rows)) {
		t.Errorf("%d works of the unknown kind wait, want %d", n, len(rows))
	}
}

// TestCancelRunning: a cancel reaches a work that runs on another replica, without any signal between
// them, and one that waits for its lease to run out.
func TestCancelRunning(t *testing.T) {
	r := newRig(t, clock.System)
	runner, console := r.queue(), r.queue()
	started := make(chan struct{}, 2)
	Handle(runner, "heeds", Policy{}, func(ctx context.Context, _ *Lease, _ note) error {
		started <- struct{}{}
		<-ctx.Done()
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	})
	release := make(chan struct{})
	Handle(runner, "succeeds", Policy{}, func(context.Context, *Lease, note) error {
		started <- struct{}{}
		<-release
		return nil
	})
	heeds := enqueueOne(t, runner, Item{Kind: "heeds", Payload: note{}})
	succeeds := enqueueOne(t, runner, Item{Kind: "succeeds", Payload: note{}})
	r.run(runner, quick())
	<-started
	<-started
	for _, id := range []int64{heeds, succeeds, heeds} { // again does no harm
		if err := console.CancelWork(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if row := waitState(t, console, heeds, cancelled); row.LastError != reasonOperator || row.FinishedAt == nil {
		t.Errorf("got %+v", row)
	}
	close(release)
	waitState(t, console, succeeds, done) // what succeeded all the same is done
}

// TestCancelBetweenLookAndEnd: a cancel that comes when the handler has failed already, but before that is
// written, is not lost.
func TestCancelBetweenLookAndEnd(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	var id int64
	Handle(q, "a", Policy{}, func(context.Context, *Lease, note) error {
		if err := q.CancelWork(context.Background(), id); err != nil {
			t.Error(err)
		}
		return errors.New("failed just then")
	})
	id = enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	o := quick()
	o.Poll = time.Hour // tend does not see it
	r.run(q, o)
	if row := waitState(t, q, id, cancelled); row.Attempts != 1 {
		t.Errorf("got %+v", row)
	}
}

// TestIgnoredContext: a handler that goes on long after its time is over loses its lease, so that its
// work does not belong to it for ever.
func TestIgnoredContext(t *testing.T) {
	r := newRig(t, clock.System)
	stuck, other := r.queue(), r.queue()
	started, release := make(chan struct{}), make(chan struct{})
	policy := Policy{Timeout: 50 * time.Millisecond}
	Handle(stuck, "a", policy, func(context.Context, *Lease, note) error { close(started); <-release; return nil })
	Handle(other, "a", policy, func(context.Context, *Lease, note) error { return nil })
	id := enqueueOne(t, stuck, Item{Kind: "a", Payload: note{}})
	o := quick()
	o.Lease = 300 * time.Millisecond
	o.Concurrency = 2 // it can't take its own work again
	_, stop := r.run(stuck, o)
	<-started
	r.run(other, o)
	if row := waitState(t, other, id, done); row.Fence != 2 {
		t.Errorf("got fence %d, want 2", row.Fence)
	}
	close(release)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestF36_ClockWentBack: when the clock goes back by an hour, works that were due stay due, a dead owner's
// works are taken over within a lease, and works for later stay for later.
func TestF36_ClockWentBack(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t, fake.Now)
	q := r.queue()
	Handle(q, "a", Policy{}, func(context.Context, *Lease, note) error { return nil })
	held := enqueueOne(t, q, Item{Kind: "a", Payload: note{}, OrderKey: "k"})
	behind := enqueueOne(t, q, Item{Kind: "a", Payload: note{}, OrderKey: "k"})
	if rows, err := take(q.db, []int64{held}, 1, newToken(), "dead", noon, noon.Add(time.Minute)); err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	o := quick()
	o.Lease = time.Minute
	r.run(q, o)
	waitState(t, q, enqueueOne(t, q, Item{Kind: "a", Payload: note{}}), done) // the worker has seen noon
	later := enqueueOne(t, q, Item{Kind: "a", Payload: note{}, RunAt: noon.Add(time.Second)})
	fake.Advance(-time.Hour)
	eventually(t, "the dead owner's lease is shortened", func() bool {
		row := rowOf(t, q, held)
		return row.LeaseUntil != nil && !row.LeaseUntil.After(fake.Now().Add(time.Minute))
	})
	fake.Advance(time.Minute + time.Millisecond)
	waitState(t, q, held, done)
	waitState(t, q, behind, done)
	if row := rowOf(t, q, later); row.State != ready || !row.RunAt.Equal(noon.Add(time.Second)) {
		t.Errorf("the later one: %+v", row)
	}
}

// TestOneEndOnly: what is written about a lease that has ended under the same token changes nothing.
func TestOneEndOnly(t *testing.T) {
	r := newRig(t, func() time.Time { return noon })
	q := r.queue()
	w := NewWorker(q, quick())
	id := enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	token := newToken()
	if rows, err := take(q.db, []int64{id}, 1, token, "w", noon, noon.Add(time.Hour)); err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	first := finish{grip{id, token}, verdict{state: ready, runAt: noon.Add(time.Hour), lastError: "first"}}
	for _, again := range []verdict{first.v, {state: done}, {state: dead, lastError: "x"}, {state: ready, runAt: noon, free: true}} {
		for _, f := range []finish{first, {first.grip, again}} {
			if _, err := w.writeFinished(q.db, []finish{f}); err != nil {
				t.Fatal(err)
			}
		}
		if row := rowOf(t, q, id); row.State != ready || row.LastError != "first" || row.Attempts != 1 || !row.RunAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("%+v changed the row: %+v", again, row)
		}
	}
}
