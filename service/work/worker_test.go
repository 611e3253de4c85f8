package work

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

func TestWorkIsDone(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	var got atomic.Int64
	Handle(q, "a", Policy{}, func(_ context.Context, l *Lease, p note) error {
		if l.Kind != "a" || l.Attempt != 1 || l.Fence != 1 {
			t.Errorf("got lease %+v", l)
		}
		got.Store(int64(p.N))
		return nil
	})
	id := enqueueOne(t, q, Item{Kind: "a", Payload: note{42}})
	r.run(q, quick())
	row := waitState(t, q, id, done)
	if got.Load() != 42 {
		t.Errorf("the handler got %d, want 42", got.Load())
	}
	if row.RunningKey != nil || row.LeaseUntil != nil || row.FinishedAt == nil || row.Attempts != 1 {
		t.Errorf("got %+v", row)
	}
}

// TestWakeAfterCommit: a work starts at once after its commit, however long the poll, and not before.
func TestWakeAfterCommit(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	started := make(chan time.Time, 1)
	Handle(q, "a", Policy{}, func(context.Context, *Lease, note) error { started <- time.Now(); return nil })
	o := quick()
	o.Poll = time.Hour
	r.run(q, o)
	time.Sleep(50 * time.Millisecond)
	err := model.InTx(t.Context(), q.db, func(tx *gorm.DB) error {
		if err := q.Enqueue(tx, Item{Kind: "a", Payload: note{}}); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
		select {
		case <-started:
			t.Error("it started before the commit")
		default:
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-started:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody woke up")
	}
}

// TestRolledBack: what was not committed is never done.
func TestRolledBack(t *testing.T) {
	q := newRig(t, clock.System).queue()
	refused := errors.New("refused")
	err := model.InTx(t.Context(), q.db, func(tx *gorm.DB) error {
		if err := q.Enqueue(tx, Item{Kind: "a", Payload: note{}}); err != nil {
			t.Error(err)
		}
		return refused
	})
	if !errors.Is(err, refused) || modeltest.Count[model.Work](t, q.db) != 0 {
		t.Errorf("got error %v and %d works", err, modeltest.Count[model.Work](t, q.db))
	}
}

func TestDedupe(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	var runs atomic.Int64
	Handle(q, "a", Policy{}, func(context.Context, *Lease, note) error { runs.Add(1); return nil })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			enqueue(t, q, Item{Kind: "a", Payload: note{}, DedupeKey: "one"}, Item{Kind: "a", Payload: note{}, DedupeKey: "one"})
		})
	}
	all.Wait()
	if n := modeltest.Count[model.Work](t, q.db); n != 1 {
		t.Fatalf("got %d rows, want 1", n)
	}
	r.run(q, quick())
	eventually(t, "it is done", func() bool { return inState(t, q, done) == 1 })
	enqueue(t, q, Item{Kind: "a", Payload: note{}, DedupeKey: "one"}) // the key is taken as long as the row is there
	if n := modeltest.Count[model.Work](t, q.db); n != 1 || runs.Load() != 1 {
		t.Errorf("got %d rows and %d runs, want 1 and 1", n, runs.Load())
	}
}

func TestBadItems(t *testing.T) {
	q := newRig(t, clock.System).queue()
	for _, it := range []Item{
		{Payload: note{}},
		{Kind: strings.Repeat("k", 65)},
		{Kind: "a", OrderKey: strings.Repeat("k", 129)},
		{Kind: "a", DedupeKey: strings.Repeat("k", 192)},
		{Kind: "a", Lane: 7},
		{Kind: "a", Lane: LaneBulk, Urgent: true},
		{Kind: "a", Payload: make(chan int)},
	} {
		if err := q.Enqueue(q.db, it); err == nil {
			t.Errorf("%+v was taken", it)
		}
	}
	if n := modeltest.Count[model.Work](t, q.db); n != 0 {
		t.Errorf("got %d rows", n)
	}
}

// TestRetry: a failing work backs off and is done at last; one that goes on failing is dead with
// its reason after its last attempt.
func TestRetry(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t, fake.Now)
	q := r.queue()
	policy := Policy{MaxAttempts: 3, Backoff: func(n int) time.Duration { return time.Duration(n) * time.Minute }}
	Handle(q, "late", policy, func(_ context.Context, l *Lease, _ note) error {
		if l.Attempt < 3 {
			return fmt.Errorf("attempt %d", l.Attempt)
		}
		return nil
	})
	Handle(q, "never", policy, func(_ context.Context, l *Lease, _ note) error { return fmt.Errorf("attempt %d", l.Attempt) })
	late := enqueueOne(t, q, Item{Kind: "late", Payload: note{}})
	never := enqueueOne(t, q, Item{Kind: "never", Payload: note{}})
	r.run(q, Options{Poll: 5 * time.Millisecond, Lease: time.Hour, Logger: quick().Logger})
	for attempt := 1; attempt <= 2; attempt++ {
		for _, id := range []int64{late, never} {
			var row *model.Work
			eventually(t, "the attempt failed", func() bool {
				row = rowOf(t, q, id)
				return row.State == ready && row.Attempts == attempt
			})
			wait := time.Duration(attempt) * time.Minute
			if d := row.RunAt.Sub(fake.Now()); d < wait*8/10 || d > wait*12/10 {
				t.Errorf("attempt %d: waits %v, want %v give or take a fifth", attempt, d, wait)
			}
			if want := fmt.Sprintf("attempt %d", attempt); row.LastError != want {
				t.Errorf("got last error %q, want %q", row.LastError, want)
			}
		}
		fake.Advance(3 * time.Minute)
	}
	if row := waitState(t, q, late, done); row.Attempts != 3 || row.LastError != "" {
		t.Errorf("late: got %+v", row)
	}
	if row := waitState(t, q, never, dead); row.Attempts != 3 || !strings.Contains(row.LastError, "attempt 3") || row.FinishedAt == nil {
		t.Errorf("never: got %+v", row)
	}
}

// TestSnooze: "not now" moves the due time and counts no attempt, as often as it is said.
func TestSnooze(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t, fake.Now)
	q := r.queue()
	var calls atomic.Int64
	Handle(q, "a", Policy{MaxAttempts: 1}, func(context.Context, *Lease, note) error {
		if calls.Add(1) <= 5 {
			return fmt.Errorf("the platform is busy: %w", Snooze(time.Minute))
		}
		return nil
	})
	id := enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	r.run(q, Options{Poll: 5 * time.Millisecond, Lease: time.Hour, Logger: quick().Logger})
	for i := range 5 {
		eventually(t, "it was put off", func() bool {
			row := rowOf(t, q, id)
			return row.State == ready && row.Attempts == 0 && row.RunAt.Equal(noon.Add(time.Duration(i+1)*time.Minute))
		})
		fake.Advance(time.Minute)
	}
	if row := waitState(t, q, id, done); row.Attempts != 1 || row.Fence != 6 {
		t.Errorf("got %d attempts and fence %d, want 1 and 6", row.Attempts, row.Fence)
	}
}

// TestCancelOutcome: a handler that says "never" ends the work with its reason, without another try.
func TestCancelOutcome(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	Handle(q, "a", Policy{}, func(context.Context, *Lease, note) error { return Cancel("the customer is gone") })
	id := enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	r.run(q, quick())
	if row := waitState(t, q, id, cancelled); row.LastError != "the customer is gone" || row.Attempts != 1 {
		t.Errorf("got %+v", row)
	}
}

// TestF08_Poison: works that panic, can't be decoded, or hang end as dead with a reason that quotes
// nothing of the payload, and the others go on meanwhile.
func TestF08_Poison(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	policy := Policy{MaxAttempts: 2, Timeout: 50 * time.Millisecond, Backoff: func(int) time.Duration { return time.Millisecond }}
	Handle(q, "panics", policy, func(context.Context, *Lease, note) error { panic("13800138000") })
	Handle(q, "broken", policy, func(_ context.Context, _ *Lease, n note) error { return []error{nil}[n.N+5] })
	Handle(q, "hangs", policy, func(ctx context.Context, _ *Lease, _ note) error { <-ctx.Done(); return ctx.Err() })
	Handle(q, "good", policy, func(context.Context, *Lease, note) error { return nil })
	var undecodable []int64
	for _, payload := range []string{`{"n":"13800138000"}`, `{"n":`, `[]`, ``} {
		id := enqueueOne(t, q, Item{Kind: "good", Payload: note{}, RunAt: noon})
		if err := q.db.Model(&model.Work{}).Where("id = ?", id).Update("payload", payload).Error; err != nil {
			t.Fatal(err)
		}
		undecodable = append(undecodable, id)
	}
	want := map[int64]string{
		enqueueOne(t, q, Item{Kind: "panics", Payload: note{}}): "panic",
		enqueueOne(t, q, Item{Kind: "broken", Payload: note{}}): "index out of range",
		enqueueOne(t, q, Item{Kind: "hangs", Payload: note{}}):  "took longer than 50ms",
	}
	for i := range 50 {
		enqueue(t, q, Item{Kind: "good", Payload: note{i}})
	}
	r.run(q, quick())
	eventually(t, "the good ones are done", func() bool { return inState(t, q, done) == 50 })
	for id, reason := range want {
		row := waitState(t, q, id, dead)
		if !strings.Contains(row.LastError, reason) || row.Attempts != 2 {
			t.Errorf("got %q after %d attempts, want %q after 2", row.LastError, row.Attempts, reason)
		}
		if strings.Contains(row.LastError, "1380013") {
			t.Errorf("the reason quotes what may be personal: %q", row.LastError)
		}
	}
	for _, id := range undecodable {
		row := waitState(t, q, id, dead)
		if !strings.Contains(row.LastError, "can't be decoded") || row.Attempts != 1 || strings.Contains(row.LastError, "1380013") {
			t.Errorf("got %q after %d attempts", row.LastError, row.Attempts)
		}
	}
}

// TestPanicHash: the same panic has the same hash, another place another one.
func TestPanicHash(t *testing.T) {
	here := func() error { panic("x") }
	there := func() error { panic("x") }
	a, b, c := guarded(here).Error(), guarded(here).Error(), guarded(there).Error()
	if a != b || a == c {
		t.Errorf("got %q, %q and elsewhere %q", a, b, c)
	}
}

func TestLongError(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	Handle(q, "a", Policy{MaxAttempts: 1}, func(context.Context, *Lease, note) error {
		return errors.New(strings.Repeat("错", 2000) + "\xff")
	})
	id := enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	r.run(q, quick())
	if row := waitState(t, q, id, dead); len([]rune(row.LastError)) != 1000 {
		t.Errorf("got %d characters, want 1000", len([]rune(row.LastError)))
	}
}

// TestDeadline: a work that was not started in time is dead with that reason; what HandleExpired
// registered is done first, as durably as any work.
func TestDeadline(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t, fake.Now)
	q := r.queue()
	var ran, missed atomic.Int64
	do := func(context.Context, *Lease, note) error { ran.Add(1); return nil }
	policy := Policy{MaxAttempts: 2, Backoff: func(int) time.Duration { return time.Second }}
	Handle(q, "plain", policy, do)
	Handle(q, "told", policy, do)
	HandleExpired(q, "told", func(_ context.Context, l *Lease, n note) error {
		if missed.Add(1); l.Attempt < 3 {
			return errors.New("the database hiccups")
		}
		if n.N != 7 {
			t.Errorf("got payload %+v", n)
		}
		return nil
	})
	deadline := noon.Add(20 * time.Second)
	plain := enqueueOne(t, q, Item{Kind: "plain", Payload: note{}, Deadline: deadline})
	told := enqueueOne(t, q, Item{Kind: "told", Payload: note{7}, Deadline: deadline, Urgent: true})
	inTime := enqueueOne(t, q, Item{Kind: "plain", Payload: note{}, Deadline: deadline.Add(time.Millisecond)})
	fake.Advance(20 * time.Second) // exactly the deadline is too late
	r.run(q, Options{Poll: 5 * time.Millisecond, Lease: time.Hour, Logger: quick().Logger})
	if row := waitState(t, q, plain, dead); row.LastError != "deadline" {
		t.Errorf("got reason %q", row.LastError)
	}
	waitState(t, q, inTime, done)
	for i := 1; i <= 2; i++ {
		eventually(t, "what follows failed", func() bool { return missed.Load() == int64(i) && rowOf(t, q, told).State == ready })
		fake.Advance(2 * time.Second)
	}
	if row := waitState(t, q, told, dead); row.LastError != "deadline" || row.Attempts != 3 {
		t.Errorf("got reason %q after %d attempts", row.LastError, row.Attempts)
	}
	if ran.Load() != 1 {
		t.Errorf("%d works ran, want only the one in time", ran.Load())
	}
}

// TestRetryEndsAtDeadline: a work that fails comes back at its deadline at the latest, so that a miss
// is seen then and not after a long back-off.
func TestRetryEndsAtDeadline(t *testing.T) {
	w := &model.Work{Attempts: 1, Deadline: new(noon.Add(20 * time.Second))}
	p := Policy{Backoff: func(int) time.Duration { return time.Hour }}
	v := decide(w, p, false, errors.New("x"), nil, noon)
	if !v.runAt.Equal(noon.Add(20 * time.Second)) {
		t.Errorf("comes back at %s", v.runAt)
	}
	if v := decide(w, p, false, Snooze(time.Hour), nil, noon); !v.runAt.Equal(noon.Add(20 * time.Second)) {
		t.Errorf("a snoozed one comes back at %s", v.runAt)
	}
	if v := decide(w, p, true, errors.New("x"), nil, noon.Add(20*time.Second)); !v.runAt.After(noon.Add(40 * time.Minute)) {
		t.Errorf("what follows the deadline comes back at %s", v.runAt)
	}
}

func TestDefaultBackoff(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 12: 2048 * time.Second, 13: time.Hour, 1000: time.Hour} {
		for range 50 {
			if got := (Policy{}).wait(n); got < want*8/10 || got > want*12/10 {
				t.Fatalf("attempt %d: got %v, want %v give or take a fifth", n, got, want)
			}
		}
	}
}

func TestHandleTwice(t *testing.T) {
	q := New(nil, clock.System)
	do := func(context.Context, *Lease, note) error { return nil }
	Handle(q, "a", Policy{}, do)
	defer func() {
		if recover() == nil {
			t.Error("a second handler was taken")
		}
	}()
	Handle(q, "a", Policy{}, do)
}
