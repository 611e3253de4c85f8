package outreach

import (
	"cmp"
	"sync"

	"zhiyin/model"
)

// turns shares the sender out: first between those who intend messages, then between their lanes, whoever has had least by weight first.
// A lane that comes anew begins where the one that has had least is, so that it neither waits for what others had before nor makes up for it.
type turns struct {
	mu      sync.Mutex
	sources map[sourceKey]float64
	lanes   map[int64]float64
	skipped map[int64]bool
}

type sourceKey struct {
	source string
	id     int64
}

func newTurns() *turns {
	return &turns{sources: map[sourceKey]float64{}, lanes: map[int64]float64{}, skipped: map[int64]bool{}}
}

// keep begins a round: it forgets who has nothing due, and lets those who are new begin.
func (t *turns) keep(lanes []model.DeliveryLane) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.skipped)
	sources, ids := map[sourceKey]bool{}, map[int64]bool{}
	for i := range lanes {
		sources[sourceOf(&lanes[i])], ids[lanes[i].ID] = true, true
	}
	join(t.sources, sources)
	join(t.lanes, ids)
}

// join forgets who is not there now, and gives those who are new what the least has had.
func join[K comparable](had map[K]float64, now map[K]bool) {
	for k := range had {
		if !now[k] {
			delete(had, k)
		}
	}
	least, first := 0.0, true
	for _, v := range had {
		if first || v < least {
			least, first = v, false
		}
	}
	for k := range now {
		if _, known := had[k]; !known {
			had[k] = least
		}
	}
}

func sourceOf(l *model.DeliveryLane) sourceKey { return sourceKey{l.Source, l.SourceID} }

// next is the lane whose turn it is among those that may go.
func (t *turns) next(lanes []model.DeliveryLane, may func(*model.DeliveryLane) bool) (best *model.DeliveryLane) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range lanes {
		l := &lanes[i]
		if t.skipped[l.ID] || best != nil && t.compare(l, best) >= 0 || !may(l) {
			continue
		}
		best = l
	}
	return best
}

func (t *turns) compare(a, b *model.DeliveryLane) int {
	return cmp.Or(
		cmp.Compare(t.sources[sourceOf(a)], t.sources[sourceOf(b)]),
		cmp.Compare(t.lanes[a.ID], t.lanes[b.ID]),
		cmp.Compare(b.Priority, a.Priority),
		cmp.Compare(a.ID, b.ID),
	)
}

// served notes that a lane has had n deliveries.
func (t *turns) served(l *model.DeliveryLane, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cost := float64(n) / weight(l.Priority)
	t.sources[sourceOf(l)] += cost
	t.lanes[l.ID] += cost
}

// skip leaves a lane out for the rest of the round.
func (t *turns) skip(l *model.DeliveryLane) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skipped[l.ID] = true
}

// weight is the share of a priority: each step doubles it, and nobody's is nothing.
func weight(priority int) float64 {
	w := 1.0
	for range min(max(priority, -priority), 6) {
		w *= 2
	}
	if priority < 0 {
		return 1 / w
	}
	return w
}
