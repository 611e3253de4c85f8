package outreach

import (
	"context"
	"errors"
	"sync"
	"time"

	"zhiyin/model"
)

// How the sender looks for what is due.
const (
	pollTime   = 500 * time.Millisecond
	chunkMost  = 4000 // deliveries claimed at once
	slotsOf    = 4    // chunks under way per channel and account
	slotsAll   = 64
	restMost   = 5 * time.Minute
	stopWithin = 20 * time.Second
)

// dispatcher is the sender of one process while it runs.
type dispatcher struct {
	s     *Service
	rates *rates
	gates *gates
	rests *rests
	turns *turns

	mu    sync.Mutex
	held  map[int64]bool  // claims
	spots map[int64]spot  // by lane
	taken map[gateKey]int // chunks under way
	busy  map[int64]int   // the same by lane
	freed chan struct{}
	done  chan struct{} // closed when the last chunk has ended
	work  sync.WaitGroup
}

// Run sends what is due until ctx ends. Then calls that are under way are settled, and what is claimed and not begun goes back at once.
func (s *Service) Run(ctx context.Context) {
	base, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	s.run(ctx, base, end)
}

// run is Run with the context that what is under way at a stop goes on under, and with what ends that.
func (s *Service) run(ctx, base context.Context, end func()) {
	d := s.newDispatcher()
	var loops sync.WaitGroup
	loops.Go(func() { defer close(d.done); d.loop(ctx, base) })
	loops.Go(func() { d.tend(base) })
	loops.Go(func() { s.every(ctx, askSoon, "reconcile deliveries", s.reconcile) })
	loops.Go(func() { s.every(ctx, askSoon, "take over deliveries", s.recover) })
	<-ctx.Done()
	over := time.AfterFunc(stopWithin, end) // a platform that does not answer must not hold up the stop
	defer over.Stop()
	loops.Wait()
}

func (s *Service) newDispatcher() *dispatcher {
	d := &dispatcher{
		s: s, gates: newGates(), rests: newRests(), turns: newTurns(), held: map[int64]bool{}, spots: map[int64]spot{}, taken: map[gateKey]int{},
		busy: map[int64]int{}, freed: make(chan struct{}, 1), done: make(chan struct{}),
	}
	d.rates = newRates(s.Redis, s.KeyPrefix, s.Now)
	return d
}

// every runs f again and again; what it finds is a condition in its queries.
func (s *Service) every(ctx context.Context, pause time.Duration, what string, f func(context.Context) (int, error)) {
	failing := false
	for ctx.Err() == nil {
		_, err := f(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			s.Logger.ErrorContext(ctx, "outreach: "+what+" fails; it is tried again", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// loop starts chunks whenever something is due and a slot is free.
func (d *dispatcher) loop(ctx, base context.Context) {
	defer d.work.Wait()
	failing := false
	for ctx.Err() == nil {
		started, err := d.round(ctx, base)
		if err != nil && ctx.Err() == nil && !failing {
			d.s.Logger.ErrorContext(ctx, "outreach: looking for due deliveries fails; it is tried again", "error", err)
		}
		failing = err != nil
		wait := pollTime
		if started > 0 {
			wait = 20 * time.Millisecond // more may be due in the same lanes
		}
		poll := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-d.s.wake:
		case <-d.freed:
		case <-poll.C:
		}
		poll.Stop()
	}
}

// round looks once at all lanes with due deliveries and starts chunks, the lane that has had least first.
func (d *dispatcher) round(ctx, base context.Context) (started int, err error) {
	if d.full() {
		return 0, nil
	}
	lanes, err := d.s.dueLanes(ctx)
	if err != nil {
		return 0, err
	}
	d.turns.keep(lanes)
	for ctx.Err() == nil {
		lane := d.next(lanes)
		if lane == nil {
			return started, nil
		}
		ch, _ := d.s.Channel(lane.Channel)
		desc := ch.Describe()
		n := d.rates.chunk(desc)
		if desc.Batch > 1 {
			n = chunkMost
			if desc.Batch > n {
				n = min(desc.Batch, 10_000)
			}
		}
		c, err := d.claim(ctx, lane, desc, n)
		if err != nil {
			return started, err
		}
		if c == nil || c.found == 0 {
			d.turns.skip(lane) // nothing left for now
			continue
		}
		d.turns.served(lane, c.found)
		started++
		d.start(ctx, base, ch, c)
		if c.found < n {
			d.turns.skip(lane)
		}
	}
	return started, nil
}

// next chooses the lane whose turn it is among those that may go; nil: none.
func (d *dispatcher) next(lanes []model.DeliveryLane) *model.DeliveryLane {
	now := d.s.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.held) >= slotsAll {
		return nil
	}
	return d.turns.next(lanes, func(l *model.DeliveryLane) bool {
		if _, known := d.s.Channel(l.Channel); !known {
			return false
		}
		return d.taken[keyOf(l)] < slotsOf && !d.gates.closed(l, now) && !d.rests.resting(l.ID, now)
	})
}

func (d *dispatcher) full() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.held) >= slotsAll
}

func (d *dispatcher) claim(ctx context.Context, lane *model.DeliveryLane, desc Description, n int) (*chunk, error) {
	d.mu.Lock()
	from := d.spots[lane.ID]
	d.mu.Unlock()
	c, next, err := d.s.claim(ctx, lane, desc, n, from)
	if err == nil && c.found == 0 && from.id != 0 { // behind the spot is nothing: others may have come before it
		c, next, err = d.s.claim(ctx, lane, desc, n, spot{})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.spots) > mostLanes {
		clear(d.spots)
	}
	d.spots[lane.ID] = next
	return c, err
}

// start sends a chunk aside.
func (d *dispatcher) start(stop, base context.Context, ch Channel, c *chunk) {
	if len(c.rows) == 0 {
		return
	}
	key := keyOf(c.lane)
	d.mu.Lock()
	d.held[c.id] = true
	d.taken[key]++
	d.mu.Unlock()
	d.s.metrics.held(1)
	d.work.Go(func() {
		err := d.run(stop, base, ch, c)
		if errors.Is(err, errLost) {
			d.s.metrics.stale(c.lane.Channel)
			d.s.Logger.WarnContext(base, "outreach: a claim was taken over by another process; nothing more is written of it", "lane", c.lane.ID)
		} else if err != nil {
			d.s.Logger.ErrorContext(base, "outreach: a chunk of deliveries was broken off; it is found out what became of it", "lane", c.lane.ID, "error", err)
		}
		d.mu.Lock()
		delete(d.held, c.id)
		if d.taken[key]--; d.taken[key] == 0 {
			delete(d.taken, key)
		}
		d.mu.Unlock()
		d.s.metrics.held(-1)
		poke(d.freed)
	})
}

// tend extends the leases of what is in hand until the last chunk has ended.
func (d *dispatcher) tend(base context.Context) {
	beat := time.NewTicker(leaseTime / 6)
	defer beat.Stop()
	for {
		select {
		case <-d.done:
			return
		case <-beat.C:
		}
		ids := d.claims()
		if len(ids) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(base, leaseTime/6)
		if err := extendLeases(d.s.DB.WithContext(ctx), d.s.token, ids, d.s.now().Add(leaseTime)); err != nil && base.Err() == nil {
			d.s.Logger.WarnContext(base, "outreach: leases can't be extended", "error", err)
		}
		cancel()
	}
}

func (d *dispatcher) claims() (ids []int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.held {
		ids = append(ids, id)
	}
	return ids
}
