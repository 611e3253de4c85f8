package work

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/service/clock"
)

// TestUrgentDoesNotWait: with every slot for normal and bulk works taken by works that do not end, urgent
// ones run at once; normal works leave room for bulk.
func TestUrgentDoesNotWait(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	release := make(chan struct{})
	var slow, bulk atomic.Int64
	Handle(q, "slow", Policy{}, func(context.Context, *Lease, note) error { slow.Add(1); <-release; return nil })
	Handle(q, "bulk", Policy{}, func(context.Context, *Lease, note) error { bulk.Add(1); <-release; return nil })
	Handle(q, "urgent", Policy{}, func(context.Context, *Lease, note) error { return nil })
	for i := range 40 {
		enqueue(t, q, Item{Kind: "slow", Payload: note{i}}, Item{Kind: "bulk", Payload: note{i}, Lane: LaneBulk})
	}
	r.run(q, quick()) // 8 slots: 6 not urgent, one of them for bulk
	eventually(t, "the slots are taken", func() bool { return slow.Load() == 5 && bulk.Load() == 1 })
	for i := range 20 {
		id := enqueueOne(t, q, Item{Kind: "urgent", Payload: note{i}, Urgent: true})
		waitState(t, q, id, done)
	}
	if slow.Load() != 5 || bulk.Load() != 1 {
		t.Errorf("%d normal and %d bulk works run, want 5 and 1", slow.Load(), bulk.Load())
	}
	close(release)
	eventually(t, "all are done", func() bool { return inState(t, q, done) == 100 })
}

// TestLanesFirst: what waits is taken lane by lane, and within a lane by its due time.
func TestLanesFirst(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t, fake.Now)
	q := r.queue()
	var order []int
	Handle(q, "a", Policy{}, func(_ context.Context, _ *Lease, n note) error { order = append(order, n.N); return nil })
	enqueue(t, q,
		Item{Kind: "a", Payload: note{6}, Lane: LaneWake, RunAt: noon.Add(-4 * time.Hour)},
		Item{Kind: "a", Payload: note{5}, Lane: LaneBulk, RunAt: noon.Add(-3 * time.Hour)},
		Item{Kind: "a", Payload: note{4}},
		Item{Kind: "a", Payload: note{3}, RunAt: noon.Add(-time.Hour)},
		Item{Kind: "a", Payload: note{99}, RunAt: noon.Add(time.Millisecond)}, // not yet
	)
	w := NewWorker(q, Options{Concurrency: 2, Lease: time.Hour, Logger: quick().Logger})
	c := w.claimers[1]
	for range 6 { // one slot: one at a time
		c.round(t.Context(), t.Context())
		w.attempts.Wait()
	}
	if want := []int{3, 4, 5, 6}; !slices.Equal(order, want) {
		t.Errorf("got order %v, want %v", order, want)
	}
}

func TestSlots(t *testing.T) {
	s := newSlots(8)
	for _, step := range []struct {
		lane, want, got int
	}{
		{LaneNormal, 100, 5}, {LaneBulk, 100, 1}, {LaneNormal, 1, 0}, {LaneUrgent, 1, 1}, {LaneUrgent, 100, 1}, {LaneUrgent, 1, 0},
	} {
		if got := s.reserve(step.lane, step.want); got != step.got {
			t.Errorf("lane %d: asked for %d, got %d, want %d", step.lane, step.want, got, step.got)
		}
	}
	s.giveBack(LaneNormal, 5)
	if got := s.reserve(LaneBulk, 100); got != 3 { // half of all, with the one from before
		t.Errorf("bulk got %d more, want 3", got)
	}
	if got := s.reserve(LaneUrgent, 100); got != 2 {
		t.Errorf("urgent got %d, want 2", got)
	}
	s.giveBack(LaneUrgent, 4)
	s.giveBack(LaneBulk, 4)
	if a, b, c := s.reserve(LaneWake, 100), s.reserve(LaneBulk, 100), s.reserve(LaneWake, 1); a != 4 || b != 2 || c != 0 {
		t.Errorf("in the wake %d, bulk beside it %d, then in the wake %d; want 4, 2, 0", a, b, c)
	}
	s.giveBack(LaneWake, 4)
	s.giveBack(LaneBulk, 2)
	if got := s.reserve(LaneUrgent, 100); got != 8 {
		t.Errorf("urgent got %d of all, want 8", got)
	}
	s.giveBack(LaneUrgent, 8)
	s.ends(31)
	if got := s.reserve(LaneUrgent, 100); got != 1 {
		t.Errorf("with 31 ends being written there are %d slots, want 1", got)
	}
	s.ends(-31)
	small := newSlots(2)
	if got := small.reserve(LaneNormal, 5); got != 1 {
		t.Errorf("of two slots normal got %d, want 1", got)
	}
}

func TestPace(t *testing.T) {
	var p pace
	if p.perSlot() != 1 {
		t.Errorf("unknown: got %d", p.perSlot())
	}
	p.note(10 * time.Microsecond)
	if p.perSlot() != chunkMost {
		t.Errorf("quick: got %d", p.perSlot())
	}
	p.note(time.Second)
	if p.perSlot() != 1 {
		t.Errorf("slow at once: got %d", p.perSlot())
	}
	for range 200 {
		p.note(10 * time.Microsecond)
	}
	if p.perSlot() != chunkMost {
		t.Errorf("quick again: got %d", p.perSlot())
	}
}
