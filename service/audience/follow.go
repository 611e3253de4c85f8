package audience

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// How the log is followed.
const (
	poll      = 250 * time.Millisecond
	atOnce    = 2000 // events read at once
	perRead   = 500  // customers read again at once
	gapTime   = time.Minute
	maxGaps   = 400
	lookBack  = 5000 // ids looked at for transactions under way when the index is begun
	sweepTime = 4 * time.Hour
)

// follower knows which events have been seen. Ids become visible out of order, since a transaction may commit
// after one with larger ids, and with several id ranges in use at once. So below the largest id seen the gaps are
// remembered and looked into until nothing has come out of them for a while.
type follower struct {
	high  int64
	gaps  []gap
	swept int64 // customers up to this id have been read again in this round
}

type gap struct {
	from, to int64
	until    time.Time
}

// told is what is read of an event.
type told struct {
	ID         int64
	CustomerID int64
	Payload    string // empty of most
}

// start notes the place in the log.
func (f *follower) start(ctx context.Context, x *Index) error {
	high, err := lastEvent(ctx, x.db)
	if err != nil {
		return err
	}
	*f = follower{high: max(0, high-lookBack)}
	seen, err := eventsAfter(ctx, x.db, f.high, 2*lookBack)
	if err != nil {
		return err
	}
	f.see(seen, x.now())
	return nil
}

// see moves on past events, which ascend, and remembers the gaps between them.
func (f *follower) see(events []told, now time.Time) {
	for _, e := range events {
		if e.ID > f.high+1 {
			f.gaps = append(f.gaps, gap{f.high + 1, e.ID - 1, now.Add(gapTime)})
		}
		f.high = max(f.high, e.ID)
	}
	if over := len(f.gaps) - maxGaps; over > 0 {
		f.gaps = slices.Delete(f.gaps, 0, over)
	}
}

// fill takes events that came out of gaps: what is left of each gap is looked into longer.
func (f *follower) fill(events []told, now time.Time) {
	var left []gap
	for _, g := range f.gaps {
		from, until := g.from, g.until
		for _, e := range events {
			if e.ID < from || e.ID > g.to {
				continue
			}
			until = now.Add(gapTime)
			if e.ID > from {
				left = append(left, gap{from, e.ID - 1, until})
			}
			from = e.ID + 1
		}
		if from <= g.to && now.Before(until) {
			left = append(left, gap{from, g.to, until})
		}
	}
	f.gaps = left
}

// step reads what is new in the log and, from the tables, whoever it is about. more tells that there is more.
func (f *follower) step(ctx context.Context, x *Index, late bool) (more bool, err error) {
	began := x.now()
	next := follower{high: f.high, gaps: slices.Clone(f.gaps), swept: f.swept}
	events, err := eventsAfter(ctx, x.db, f.high, atOnce)
	if err != nil {
		return false, err
	}
	next.see(events, began)
	more = len(events) == atOnce
	if late && len(f.gaps) > 0 {
		out, err := eventsIn(ctx, x.db, f.gaps, atOnce)
		if err != nil {
			return false, err
		}
		next.fill(out, began)
		events, more = append(events, out...), more || len(out) == atOnce
	}
	if err := x.refreshAll(ctx, customersOf(events)); err != nil {
		return false, err
	}
	*f = next // only now: what failed is read again
	if !more {
		x.current.Store(began.UnixNano())
	}
	return more, nil
}

// refreshAll reads customers again, in handy pieces.
func (x *Index) refreshAll(ctx context.Context, ids []int64) error {
	for part := range slices.Chunk(ids, perRead) {
		if err := x.refresh(ctx, part); err != nil {
			return err
		}
	}
	x.metrics.reread.Add(float64(len(ids)))
	return nil
}

// customersOf lists whom events are about, ascending. Facts about two persons name the other one in their payload.
func customersOf(events []told) []int64 {
	var ids []int64
	for _, e := range events {
		if e.CustomerID != 0 {
			ids = append(ids, e.CustomerID)
		}
		ids = append(ids, othersIn(e.Payload)...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// othersIn takes all whole numbers in a payload for ids of customers: reading one too many does no harm.
func othersIn(payload string) (ids []int64) {
	d := json.NewDecoder(strings.NewReader(payload))
	d.UseNumber()
	for {
		t, err := d.Token()
		if err != nil {
			return ids
		}
		if n, ok := t.(json.Number); ok {
			if id, err := n.Int64(); err == nil && id > 0 {
				ids = append(ids, id)
			}
		}
	}
}

// follow keeps the index up to date until ctx ends.
func (x *Index) follow(ctx context.Context, f *follower) {
	for tick := 0; ctx.Err() == nil; tick++ {
		more, err := f.step(ctx, x, tick%4 == 0)
		if err == nil && !more {
			x.built.Store(true)
			err = x.sweep(ctx, f)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			x.log.WarnContext(ctx, "audience index can't follow; trying again", "error", err)
			pause(ctx, time.Second)
		case !more:
			pause(ctx, poll)
		}
	}
}

// sweep reads a few customers again although nothing was said of them, so that in time even a change of which the log
// knows nothing is seen.
func (x *Index) sweep(ctx context.Context, f *follower) error {
	last, err := nextIDs(ctx, x.db, f.swept, x.customers()*int(poll/time.Millisecond)/int(sweepTime/time.Millisecond)+1)
	if err != nil {
		return err
	}
	to := last
	if last == 0 {
		to = 1<<63 - 1 // behind the last one there may be some that are gone
	}
	r := newReading()
	if last != 0 {
		if r, err = read(ctx, x.db, scope{from: f.swept + 1, to: last}); err != nil {
			return err
		}
	}
	x.mu.Lock()
	x.held.apply(x.held.people.between(f.swept+1, to), r)
	x.mu.Unlock()
	f.swept = last
	return nil
}

func (x *Index) customers() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.held.people.ids)
}
