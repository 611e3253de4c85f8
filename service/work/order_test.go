package work

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/service/clock"
)

// keyed is the payload of ordered works: the n-th of a key.
type keyed struct {
	Key string `json:"key"`
	N   int    `json:"n"`
}

// orderJudge sees every attempt and complains about two at once and about disorder.
type orderJudge struct {
	t       *testing.T
	mu      sync.Mutex
	running map[string]bool
	next    map[string]int
}

func newOrderJudge(t *testing.T) *orderJudge {
	return &orderJudge{t: t, running: map[string]bool{}, next: map[string]int{}}
}

func (j *orderJudge) enter(k keyed) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.running[k.Key] {
		j.t.Errorf("two works of %s at once", k.Key)
	}
	j.running[k.Key] = true
	if k.N != j.next[k.Key] {
		j.t.Errorf("%s: work %d runs while %d is next", k.Key, k.N, j.next[k.Key])
	}
}

func (j *orderJudge) leave(k keyed, finished bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running[k.Key] = false
	if finished {
		j.next[k.Key]++
	}
}

// TestOrderKeys: with two replicas, random delays, failures and snoozes, works of one key never run at
// once and always in order, and unordered ones are not held up by them.
func TestOrderKeys(t *testing.T) {
	r := newRig(t, clock.System)
	judge := newOrderJudge(t)
	const keys, each, unordered = 12, 12, 60
	do := func(_ context.Context, l *Lease, k keyed) error {
		if k.Key == "" {
			return nil
		}
		judge.enter(k)
		time.Sleep(rand.N(3 * time.Millisecond))
		switch {
		case k.N%5 == 1 && l.Attempt == 1:
			judge.leave(k, false)
			return errors.New("once more")
		case k.N%7 == 2 && l.Fence == 1:
			judge.leave(k, false)
			return Snooze(20 * time.Millisecond)
		}
		judge.leave(k, true)
		if k.N%6 == 3 {
			return Cancel("not this one") // the next of the key goes on
		}
		return nil
	}
	var queues []*Queue
	for range 2 {
		q := r.queue()
		Handle(q, "ordered", Policy{Backoff: func(int) time.Duration { return 20 * time.Millisecond }}, do)
		queues = append(queues, q)
	}
	for n := range each {
		var items []Item
		for k := range keys {
			key := fmt.Sprint("key", k)
			items = append(items, Item{Kind: "ordered", Payload: keyed{key, n}, OrderKey: key})
		}
		for range unordered / each {
			items = append(items, Item{Kind: "ordered", Payload: keyed{}})
		}
		enqueue(t, queues[n%2], items...)
		if n == each/2 {
			for _, q := range queues {
				r.run(q, quick())
			}
		}
	}
	eventually(t, "all have ended", func() bool {
		return inState(t, queues[0], done)+inState(t, queues[0], cancelled) == keys*each+unordered
	})
	for k := range keys {
		if got := judge.next[fmt.Sprint("key", k)]; got != each {
			t.Errorf("key %d: %d of %d ran to their end", k, got, each)
		}
	}
}

// TestOrderWaitsForHead: while the first of a key backs off or is snoozed the next waits; once the
// first is dead or cancelled, also by an operator, the next goes.
func TestOrderWaitsForHead(t *testing.T) {
	tests := []struct {
		name   string
		policy Policy
		head   error
		waits  bool
		end    func(t *testing.T, q *Queue, head int64)
	}{
		{"backs off", Policy{}, errors.New("x"), true, nil},
		{"snoozed", Policy{}, Snooze(time.Hour), true, nil},
		{"dead", Policy{MaxAttempts: 1}, errors.New("x"), false, nil},
		{"cancelled", Policy{}, Cancel("x"), false, nil},
		{"cancelled by an operator while it waits", Policy{}, Snooze(time.Hour), false, func(t *testing.T, q *Queue, head int64) {
			waitState(t, q, head, ready)
			eventually(t, "the head was snoozed", func() bool { return rowOf(t, q, head).RunAt.After(noon) })
			if err := q.CancelWork(t.Context(), head); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fake := clock.NewFake(noon)
			r := newRig(t, fake.Now)
			q := r.queue()
			seen := make(chan struct{}, 100)
			Handle(q, "a", tt.policy, func(_ context.Context, _ *Lease, n note) error {
				seen <- struct{}{}
				if n.N == 0 {
					return tt.head
				}
				return nil
			})
			head := enqueueOne(t, q, Item{Kind: "a", Payload: note{0}, OrderKey: "k"})
			next := enqueueOne(t, q, Item{Kind: "a", Payload: note{1}, OrderKey: "k"})
			r.run(q, quick())
			<-seen
			if tt.end != nil {
				tt.end(t, q, head)
			}
			if !tt.waits {
				waitState(t, q, next, done)
				return
			}
			eventually(t, "the head is put off", func() bool { return rowOf(t, q, head).RunAt.After(noon) })
			time.Sleep(100 * time.Millisecond) // ten polls
			if row := rowOf(t, q, next); row.State != ready || row.Fence != 0 {
				t.Errorf("the next was touched: %+v", row)
			}
		})
	}
}

// TestUniqueRunningKey: whatever a claim believed to be free, the database lets one work of a key be
// leased at a time.
func TestUniqueRunningKey(t *testing.T) {
	q := newRig(t, func() time.Time { return noon }).queue()
	var ids []int64
	for i := range 3 {
		ids = append(ids, enqueueOne(t, q, Item{Kind: "a", Payload: note{i}, OrderKey: "k"}))
	}
	free := enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	claimAll := func() int {
		rows, err := take(q.db, append(ids, free), 10, newToken(), "w", noon, noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return len(rows)
	}
	if got := claimAll(); got != 2 {
		t.Errorf("the first claim got %d works, want one of the key and the free one", got)
	}
	if got := claimAll(); got != 0 {
		t.Errorf("the second claim got %d works, want none", got)
	}
}

// TestBlockedBacklog: more works behind a head that backs off than one look goes through hide neither the
// works after them nor new ones before them.
func TestBlockedBacklog(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t, fake.Now)
	q := r.queue()
	Handle(q, "a", Policy{}, func(_ context.Context, _ *Lease, n note) error {
		if n.N == 0 {
			return Snooze(time.Hour)
		}
		return nil
	})
	head := enqueueOne(t, q, Item{Kind: "a", Payload: note{0}, OrderKey: "k"})
	items := make([]Item, 600)
	for i := range items {
		items[i] = Item{Kind: "a", Payload: note{1}, OrderKey: "k"}
	}
	enqueue(t, q, items...)
	last := enqueueOne(t, q, Item{Kind: "a", Payload: note{1}, RunAt: noon})
	w := NewWorker(q, quick())
	w.laterPages, w.mostPages = 20, 2 // so that it takes many looks to get through
	r.runWorker(w)
	waitState(t, q, last, done)
	front := enqueueOne(t, q, Item{Kind: "a", Payload: note{1}, RunAt: noon.Add(-time.Hour)})
	waitState(t, q, front, done)
	eventually(t, "the head is put off", func() bool { return rowOf(t, q, head).RunAt.Equal(noon.Add(time.Hour)) })
	if n := inState(t, q, done); n != 2 {
		t.Errorf("%d works are done, want 2", n)
	}
}

// TestUnknownKinds: works that no handler here knows are left alone, however many there are, and shown;
// a process that knows them does them.
func TestUnknownKinds(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t, fake.Now)
	old, young := r.queue(), r.queue()
	Handle(old, "known", Policy{}, func(context.Context, *Lease, note) error { return nil })
	Handle(young, "new", Policy{}, func(context.Context, *Lease, note) error { return nil })
	items := make([]Item, 1500)
	for i := range items {
		items[i] = Item{Kind: "new", Payload: note{i}, RunAt: noon.Add(-time.Hour)}
	}
	enqueue(t, old, items...)
	known := enqueueOne(t, old, Item{Kind: "known", Payload: note{}})
	_, stop := r.run(old, quick())
	waitState(t, old, known, done)
	stats, err := old.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Stat{Kind: "new", State: ready, Count: 1500, Oldest: noon.Add(-time.Hour), Waiting: time.Hour, Handled: false}
	if len(stats) != 1 || stats[0] != want {
		t.Errorf("got %+v, want %+v", stats, want)
	}
	if n := countFenced(t, old); n != 1 {
		t.Errorf("%d works were claimed, want 1", n)
	}
	stop()
	r.run(young, quick())
	eventually(t, "the new process does them", func() bool { return inState(t, young, done) == 1501 })
}

func countFenced(t *testing.T, q *Queue) (n int64) {
	t.Helper()
	if err := q.db.Model(&model.Work{}).Where("fence > 0").Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}
