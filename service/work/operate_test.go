package work

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

func TestList(t *testing.T) {
	q := newRig(t, clock.System).queue()
	for i := range 7 {
		enqueue(t, q, Item{Kind: fmt.Sprint("k", i%2), Payload: note{i}})
	}
	var ids []int64
	for cursor := int64(0); ; {
		page, next, err := q.List(t.Context(), Filter{State: ready, Kind: "k0", Before: cursor, Limit: 3})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page {
			if row.Payload != "" {
				t.Error("a list shows payloads")
			}
			ids = append(ids, row.ID)
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	if len(ids) != 4 {
		t.Errorf("got %d works in pages of 3, want 4: %v", len(ids), ids)
	}
	for i := 1; i < len(ids); i++ {
		if ids[i] >= ids[i-1] {
			t.Errorf("not newest first: %v", ids)
		}
	}
	if page, next, err := q.List(t.Context(), Filter{State: dead}); err != nil || len(page) != 0 || next != 0 {
		t.Errorf("got %d dead works, cursor %d, error %v", len(page), next, err)
	}
}

// TestReplay: dead and cancelled works start anew, with all attempts and no deadline; others are refused.
func TestReplay(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t, fake.Now)
	q := r.queue()
	var works atomic.Bool
	Handle(q, "a", Policy{MaxAttempts: 1}, func(context.Context, *Lease, note) error {
		if works.Load() {
			return nil
		}
		return errors.New("down")
	})
	id := enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	late := enqueueOne(t, q, Item{Kind: "a", Payload: note{}, Deadline: noon})
	r.run(q, quick())
	waitState(t, q, id, dead)
	waitState(t, q, late, dead)
	works.Store(true)
	for _, id := range []int64{id, late} {
		if err := q.Replay(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if row := waitState(t, q, id, done); row.Attempts != 1 || row.Fence != 2 || row.LastError != "" {
			t.Errorf("got %+v", row)
		}
	}
	if err := q.Replay(t.Context(), id); !errors.Is(err, ErrNotReplayed) {
		t.Errorf("a done work: got %v", err)
	}
	if err := q.Replay(t.Context(), 1<<40); !errors.Is(err, ErrNotFound) {
		t.Errorf("no work: got %v", err)
	}
}

func TestCancelWaiting(t *testing.T) {
	q := newRig(t, clock.System).queue()
	id := enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	for range 2 {
		if err := q.CancelWork(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if row := rowOf(t, q, id); row.State != cancelled || row.FinishedAt == nil {
		t.Errorf("got %+v", row)
	}
	if err := q.db.Model(&model.Work{}).Where("id = ?", id).Update("state", done).Error; err != nil {
		t.Fatal(err)
	}
	if err := q.CancelWork(t.Context(), id); !errors.Is(err, ErrEnded) {
		t.Errorf("a done work: got %v", err)
	}
	if err := q.CancelWork(t.Context(), 1<<40); !errors.Is(err, ErrNotFound) {
		t.Errorf("no work: got %v", err)
	}
}

// TestPrune: what ended long ago goes, dead works a month later, and whatever has not ended stays; a page
// full of works that stay does not keep the ones after it.
func TestPrune(t *testing.T) {
	q := newRig(t, func() time.Time { return noon }).queue()
	add := func(n int, state string, age time.Duration) {
		rows := make([]model.Work, n)
		for i := range rows {
			rows[i] = model.Work{Kind: "a", Lane: LaneNormal, Payload: "{}", State: state, RunAt: noon, CreatedAt: noon}
			if state != ready {
				rows[i].FinishedAt = new(noon.Add(-age))
			}
		}
		if err := q.db.CreateInBatches(rows, 400).Error; err != nil {
			t.Fatal(err)
		}
	}
	day := 24 * time.Hour
	add(prunePage+10, dead, 10*day) // stay, and are the oldest but one
	add(3, dead, 31*day)
	add(5, done, 4*day)
	add(7, cancelled, 4*day)
	add(11, done, 2*day)
	add(13, ready, 0)
	n, err := q.Prune(t.Context(), 3*day)
	if err != nil || n != 3+5+7 {
		t.Errorf("deleted %d works, error %v; want 15", n, err)
	}
	if left := modeltest.Count[model.Work](t, q.db); left != prunePage+10+11+13 {
		t.Errorf("%d works are left", left)
	}
	if n, err := q.Prune(t.Context(), 3*day); n != 0 || err != nil {
		t.Errorf("again: deleted %d, error %v", n, err)
	}
}

func TestMetrics(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	Handle(q, "a", Policy{MaxAttempts: 1}, func(_ context.Context, _ *Lease, n note) error {
		if n.N == 0 {
			return errors.New("x")
		}
		return nil
	})
	for i := range 3 {
		enqueue(t, q, Item{Kind: "a", Payload: note{i}})
	}
	enqueue(t, q, Item{Kind: "elsewhere", Payload: note{}, RunAt: time.Now().Add(-time.Minute)})
	o := quick()
	o.Metrics = metrics(t)
	r.run(q, o)
	eventually(t, "all have ended", func() bool {
		return value(t, o.Metrics.ends.WithLabelValues("a", done)) == 2 && value(t, o.Metrics.ends.WithLabelValues("a", dead)) == 1
	})
	if n := value(t, o.Metrics.claims.WithLabelValues("a")); n != 3 {
		t.Errorf("claimed is %v", n)
	}
	stats, err := q.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o.Metrics.sampled(stats)
	for what, got := range map[string]float64{
		"dead":      value(t, o.Metrics.depth.WithLabelValues("a", dead)),
		"unhandled": value(t, o.Metrics.strange.WithLabelValues("elsewhere")),
	} {
		if got != 1 {
			t.Errorf("%s: got %v, want 1", what, got)
		}
	}
	if age := value(t, o.Metrics.oldest.WithLabelValues("elsewhere")); age < 59 || age > 90 {
		t.Errorf("the oldest waits %v s, want about 60", age)
	}
}
