package clock

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	anchorEvery = time.Minute            // how often the authority is asked again
	driftCheck  = time.Second            // how often a jump or a pause of this machine is looked for
	maxDrift    = 500 * time.Millisecond // wall and monotonic time further apart than this: ask at once
	goodAnswer  = 20 * time.Millisecond  // a round trip this short needs no second try
	anchorTries = 3
)

// Anchored is a clock that follows an authority's time (the database's) instead of this machine's:
// it asks at once, then every minute until ctx ends, and counts monotonic time in between. Replicas
// whose own clocks are minutes apart so agree on leases and ticks to within the round trip, and a
// jump of this machine's clock changes nothing. While the authority can't be asked the last anchor
// holds. It fails only when the first question does.
func Anchored(ctx context.Context, ask func(ctx context.Context) (time.Time, error)) (Clock, error) {
	a := &anchored{ask: ask}
	if err := a.anchor(ctx); err != nil {
		return nil, fmt.Errorf("anchor the clock: %w", err)
	}
	go a.follow(ctx)
	return a.now, nil
}

type anchored struct {
	ask func(ctx context.Context) (time.Time, error)
	at  atomic.Pointer[anchor]
}

// anchor says: at this local instant (its monotonic reading counts) the authority's time was this.
type anchor struct{ local, theirs time.Time }

func (a *anchored) now() time.Time {
	p := a.at.Load()
	return p.theirs.Add(time.Since(p.local)).Truncate(time.Millisecond)
}

// anchor takes the answer that came back quickest: it can be wrong by half its round trip at most.
func (a *anchored) anchor(ctx context.Context) (err error) {
	var best *anchor
	var bestTrip time.Duration
	for range anchorTries {
		began := time.Now()
		theirs, askErr := a.askOnce(ctx)
		trip := time.Since(began)
		if askErr != nil {
			err = askErr
			continue
		}
		if best == nil || trip < bestTrip {
			best, bestTrip = &anchor{began.Add(trip / 2), theirs.UTC()}, trip
		}
		if trip <= goodAnswer {
			break
		}
	}
	if best == nil {
		return err
	}
	a.at.Store(best)
	return nil
}

func (a *anchored) askOnce(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return a.ask(ctx)
}

// follow asks again each minute, and at once after this machine was suspended or its clock was set:
// then monotonic time may have stood still.
func (a *anchored) follow(ctx context.Context) {
	tick := time.NewTicker(driftCheck)
	defer tick.Stop()
	began, asked := time.Now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			jumped := drift(began, time.Now()).Abs() > maxDrift
			if !jumped && now.Sub(asked) < anchorEvery {
				continue
			}
			if a.anchor(ctx) == nil {
				asked = now
			}
			began = time.Now()
		}
	}
}

// drift is how much more wall time than monotonic time went by between two readings.
func drift(from, to time.Time) time.Duration {
	return to.Round(0).Sub(from.Round(0)) - to.Sub(from)
}
