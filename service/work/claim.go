package work

import (
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

const (
	smallestPage = 50
	largestPage  = 1000
	maxPages     = 10 // per look at a lane; the next look goes on where this one stopped
)

// claimer claims works of some lanes in a loop of its own, so that whatever holds up one lane's claims
// holds up no urgent work.
type claimer struct {
	w       *Worker
	lanes   []int
	wake    chan struct{} // there may be new work
	freed   chan struct{} // there may be free slots
	places  map[int]place
	doubted []claim
	unknown map[string]bool // kinds nobody here handles, said once
	rest    time.Duration   // after a costly look that found nothing
	health  health
}

// claim is a set of works that one token was put on.
type claim struct {
	ids   []int64
	token string
	until time.Time
}

func newClaimer(w *Worker, lanes ...int) *claimer {
	return &claimer{
		w: w, lanes: lanes, wake: make(chan struct{}, 1), freed: make(chan struct{}, 1),
		places: map[int]place{}, unknown: map[string]bool{},
	}
}

// loop claims until ctx ends; attempts run under base.
func (c *claimer) loop(ctx, base context.Context) {
	for ctx.Err() == nil {
		more := c.round(ctx, base)
		pause(ctx, c.rest)
		poll := time.NewTimer(jittered(c.w.o.Poll))
		freed := c.freed
		if !more {
			freed = nil // no work waits for a slot
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-freed:
		case <-poll.C:
		}
		poll.Stop()
	}
	c.giveBackDoubted()
}

// round claims from each lane until nothing is due or no slot is free; more tells that works
// were left for want of slots.
func (c *claimer) round(ctx, base context.Context) (more bool) {
	c.rest = 0
	c.giveBackDoubted()
	for _, lane := range c.lanes {
		for ctx.Err() == nil {
			slots := c.w.slots.reserve(lane, c.w.o.Batch)
			if slots == 0 {
				more = true
				break
			}
			rows, cl, left, err := c.claim(lane, min(slots*c.w.pace[lane].perSlot(), c.w.o.Batch))
			c.health.note(c.w, "claiming works", err)
			used := min(slots, len(rows))
			c.w.slots.giveBack(lane, slots-used)
			c.w.start(ctx, base, lane, used, rows, cl)
			if !left || err != nil {
				break
			}
		}
	}
	return more
}

// claim takes up to n works of a lane; left tells that more may be due.
func (c *claimer) claim(lane, n int) (rows []model.Work, cl claim, left bool, err error) {
	now, began := c.w.now(), time.Now()
	cl = claim{token: newToken(), until: now.Add(c.w.o.Lease)}
	chosen, err := call(c.w, "look", func(ctx context.Context) (choice, error) {
		// Twice as many as wanted: others look at the same works at the same moment.
		return c.w.choose(c.w.db.WithContext(ctx), lane, 2*n, now, c.places[lane])
	})
	if err != nil {
		return nil, cl, false, err
	}
	c.places[lane] = chosen.next
	c.sayUnknown(chosen.unknown)
	if len(chosen.works) == 0 {
		if chosen.pages > 1 { // thousands wait that can't be done now: looking at them must not be all we do
			c.rest = min(c.rest+10*time.Since(began), 10*c.w.o.Poll)
		}
		return nil, cl, chosen.left, nil
	}
	for _, w := range chosen.works {
		cl.ids = append(cl.ids, w.ID)
	}
	rows, err = call(c.w, "claim", func(ctx context.Context) (rows []model.Work, err error) {
		err = model.InTx(ctx, c.w.db, func(tx *gorm.DB) (err error) {
			rows, err = take(tx, cl.ids, n, cl.token, c.w.o.Owner, now, cl.until)
			return err
		})
		return rows, err
	})
	if err != nil {
		c.doubt(cl) // the commit may have gone through
		return nil, cl, false, err
	}
	if len(rows) == 0 { // others have them all: go on behind them
		last := chosen.works[len(chosen.works)-1]
		c.places[lane] = place{last.RunAt, last.ID}
	}
	return rows, cl, chosen.left || len(rows) == n && len(cl.ids) > n, nil
}

// doubt remembers a claim that may stand although nobody works on it.
func (c *claimer) doubt(cl claim) {
	if len(cl.ids) > 0 {
		c.doubted = append(c.doubted, cl)
	}
}

// giveBackDoubted returns doubted claims to the queue, so that their works need not wait for the
// lease to run out. A call nobody waits for any more may still commit, so a claim is forgotten
// only when it was given back or has run out.
func (c *claimer) giveBackDoubted() {
	kept := c.doubted[:0]
	for _, cl := range c.doubted {
		n, err := call(c.w, "give back", func(ctx context.Context) (n int64, err error) {
			err = model.InTx(ctx, c.w.db, func(tx *gorm.DB) (err error) {
				n, err = putBack(tx, cl.ids, cl.token)
				return err
			})
			return n, err
		})
		if (err != nil || n == 0) && c.w.now().Before(cl.until) {
			kept = append(kept, cl)
		}
	}
	c.doubted = kept
}

func (c *claimer) sayUnknown(kinds []string) {
	for _, k := range kinds {
		if !c.unknown[k] {
			c.unknown[k] = true
			c.w.o.Logger.Warn("works of this kind are left to other processes: no handler here", "kind", k)
		}
	}
}

// choice is which works to try to claim next.
type choice struct {
	works   []candidate
	unknown []string // kinds that were seen and can't be done here
	left    bool     // more may be due
	next    place    // where the next look begins
	pages   int      // that were read
}

// choose looks through a lane's due works for up to n that this process can do and whose turn it is.
// It reads page by page and a bounded number of them: works that can't be taken (of unknown kinds, or
// behind others of their order key) neither hide those behind them nor make a look slow.
func (w *Worker) choose(db *gorm.DB, lane, n int, now time.Time, from place) (ch choice, err error) {
	size := max(smallestPage, n)
	for range maxPages {
		ch.pages++
		page, err := due(db, lane, now, from, size)
		if err != nil {
			return ch, err
		}
		free, unknown, err := w.free(db, page)
		if err != nil {
			return ch, err
		}
		ch.unknown = append(ch.unknown, unknown...)
		ch.works = append(ch.works, free[:min(len(free), n-len(ch.works))]...)
		if len(ch.works) == n {
			ch.left = true // and the next look begins at the front again
			return ch, nil
		}
		if len(page) < size {
			return ch, nil
		}
		last := page[len(page)-1]
		from = place{last.RunAt, last.ID}
		size = largestPage
	}
	ch.left, ch.next = true, from
	return ch, nil
}

// free lists the works of a page that can be done here and whose turn it is, at most one per order key.
func (w *Worker) free(db *gorm.DB, page []candidate) (free []candidate, unknown []string, err error) {
	var keys []string
	for _, c := range page {
		if c.OrderKey != "" && w.knows(c.Kind) {
			keys = append(keys, c.OrderKey)
		}
	}
	var first map[string]int64
	if len(keys) > 0 {
		if first, err = heads(db, keys); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range page {
		switch {
		case !w.knows(c.Kind):
			unknown = append(unknown, c.Kind)
		case c.OrderKey == "" || first[c.OrderKey] == c.ID:
			free = append(free, c)
		}
	}
	return free, unknown, nil
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
