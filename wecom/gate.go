package wecom

import (
	"context"
	"sync"
	"time"
)

// gate bounds the calls in flight. It begins with one until the platform has answered once, so that
// wrong rights or a wrong address cost one refused call and not a burst of them; it halves when the
// platform complains of concurrency (errcode 45033) and grows back by one per round of good answers.
type gate struct {
	mu      sync.Mutex
	max     int
	reserve int // of max, kept for urgent calls
	limit   int // what is allowed now
	inUse   int
	good    int
	proven  bool
	cut     time.Time
	urgent  []chan struct{}
	others  []chan struct{}
}

func newGate(most, reserve int) *gate { return &gate{max: most, reserve: reserve, limit: 1} }

// enter waits for a place, at most for patience. It must be followed by leave unless it fails with
// a context's error.
func (g *gate) enter(ctx context.Context, urgent bool, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return err
	}
	ch := make(chan struct{}, 1)
	g.mu.Lock()
	queue := &g.others
	if urgent {
		queue = &g.urgent
	}
	*queue = append(*queue, ch)
	g.admit()
	g.mu.Unlock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, c := range *queue {
		if c == ch {
			*queue = append((*queue)[:i], (*queue)[i+1:]...)
			return ctx.Err()
		}
	}
	g.inUse-- // admitted in the same moment
	g.admit()
	return ctx.Err()
}

// leave gives the place back.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inUse--
	g.admit()
}

// admit lets in who may enter now; urgent calls first.
func (g *gate) admit() {
	urgent := g.limit
	if !g.proven {
		urgent = max(1, g.reserve) // a slow first call must not hold up a welcome
	}
	for len(g.urgent) > 0 && g.inUse < urgent {
		g.urgent[0] <- struct{}{}
		g.urgent = g.urgent[1:]
		g.inUse++
	}
	for len(g.others) > 0 && g.inUse < max(1, g.limit-g.reserve) {
		g.others[0] <- struct{}{}
		g.others = g.others[1:]
		g.inUse++
	}
}

// answered widens the gate after an answer that shows that calls are welcome.
func (g *gate) answered() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.proven {
		g.proven, g.limit, g.good = true, g.max, 0
	} else if g.limit < g.max {
		if g.good++; g.good >= g.limit {
			g.limit, g.good = g.limit+1, 0
		}
	}
	g.admit()
}

// crowded halves the gate, once for all complaints of the same moment.
func (g *gate) crowded(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if age := now.Sub(g.cut); age >= 0 && age < time.Second/2 {
		return
	}
	g.cut, g.proven, g.limit, g.good = now, true, max(1, g.limit/2), 0
}

// doubt goes back to one call at a time until the platform answers well again.
func (g *gate) doubt() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.proven, g.limit = false, 1
}

// gates are all gates of a gateway: one per corp and API, and one per corp for all together.
type gates struct {
	g    *Gateway
	mu   sync.Mutex
	open map[string]*gate
}

func (s *gates) of(a *app, api *endpoint) (one, all *gate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	width := s.g.limits[api.API].Concurrency
	if width <= 0 || width > s.g.inFlight {
		width = s.g.inFlight
	}
	return s.get(a.owner+":"+api.API, width, 0), s.get(a.owner, s.g.inFlight, s.g.inFlight/4)
}

func (s *gates) get(key string, most, reserve int) *gate {
	if s.open[key] == nil {
		s.open[key] = newGate(most, reserve)
	}
	return s.open[key]
}
