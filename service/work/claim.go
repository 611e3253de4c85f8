package work

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

const (
	firstPage  = 50 // at least
	laterPages = 1000
	mostPages  = 10 // per look at a lane; the next look goes on where this one stopped
)

// claimer claims works of some lanes in a loop of its own, so that whatever holds up one lane's claims
// holds up no urgent work.
type claimer struct {
	w       *Worker
	lanes   []int
	wake    chan struct{}     // there may be new work
	freed   chan struct{}     // there may be free slots
	places  map[int]place     // per lane: where the next look begins
	front   map[int]time.Time // per lane: when the last look at its beginning was
	doubted []claim
	aside   map[int]bool    // per lane: whether the last look was one at its beginning, out of turn
	unknown map[string]bool // kinds nobody here handles, said once
	swept   time.Time       // when the last look ended that went beyond the first page
	cost    time.Duration   // of that look
	health  health

	mu   sync.Mutex
	next map[int][]string // per lane: order keys whose first work has just ended
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
		places: map[int]place{}, front: map[int]time.Time{}, aside: map[int]bool{}, unknown: map[string]bool{}, next: map[int][]string{},
	}
}

// goOn says that a work of an order key has ended, so that the next of the key may go. Without it that
// one would be found too, but among all that wait.
func (w *Worker) goOn(lane int, key string) {
	for _, c := range w.claimers {
		if slices.Contains(c.lanes, lane) {
			c.mu.Lock()
			c.next[lane] = append(c.next[lane], key)
			c.mu.Unlock()
			poke(c.wake)
		}
	}
}

func (c *claimer) takeNext(lane int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := c.next[lane]
	delete(c.next, lane)
	return keys
}

// loop claims until ctx ends; attempts run under base.
func (c *claimer) loop(ctx, base context.Context) {
	for ctx.Err() == nil {
		more := c.round(ctx, base)
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
	c.giveBackDoubted()
	if slices.Contains(c.lanes, LaneUrgent) {
		defer func() { c.w.slots.press(more) }()
	}
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
	search := c.search(lane, n, now)
	chosen, err := call(c.w, "look", func(ctx context.Context) (choice, error) {
		return c.w.choose(c.w.db.WithContext(ctx), search)
	})
	if err != nil {
		return nil, cl, false, err
	}
	if chosen.pages > 1 {
		c.swept, c.cost = time.Now(), time.Since(began)
	}
	if search.aside {
		chosen.left = true // where the last look stopped
	} else {
		c.places[lane] = chosen.next
	}
	c.sayUnknown(chosen.unknown)
	if len(chosen.works) == 0 {
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
	if len(rows) == 0 && !search.aside { // others have them all: go on behind them
		last := chosen.works[len(chosen.works)-1]
		c.places[lane] = place{last.RunAt, last.ID}
	}
	return rows, cl, chosen.left || len(rows) == n && len(cl.ids) > n, nil
}

// search says what to look for now. Looks go on where works were found, and return to the beginning
// of the lane once per poll.
func (c *claimer) search(lane, n int, now time.Time) search {
	s := search{
		lane: lane, n: 2 * n, now: now, from: c.places[lane], keys: c.takeNext(lane),
		// Thousands may wait that can't be done now: looking at them must not be all we do.
		far: time.Since(c.swept) > 10*c.cost,
	}
	// Never twice running: where looks take longer than a poll nothing but the beginning would be seen.
	s.aside = s.from.id != 0 && !c.aside[lane] && time.Since(c.front[lane]) > c.w.o.Poll
	if c.aside[lane] = s.aside; s.aside {
		s.from, s.far = place{}, false
	}
	if s.from.id == 0 {
		c.front[lane] = time.Now()
	}
	return s
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

// search says what a look is for.
type search struct {
	lane  int
	n     int // how many are wanted; twice what is claimed, because others look at the same moment
	now   time.Time
	keys  []string // order keys to look at first
	from  place
	far   bool // whether to go beyond the first page
	aside bool // a look at the beginning while the lane is being looked through elsewhere
}

// choice is which works to try to claim next.
type choice struct {
	works   []candidate
	unknown []string // kinds that were seen and can't be done here
	left    bool     // more may be due
	next    place    // where the next look begins
	pages   int      // that were read
}

// choose looks through a lane's due works for those that this process can do and whose turn it is.
// It reads page by page and a bounded number of them: works that can't be taken (of unknown kinds, or
// behind others of their order key) neither hide those behind them nor make a look slow.
func (w *Worker) choose(db *gorm.DB, s search) (ch choice, err error) {
	if ch.works, err = w.successors(db, s); err != nil {
		return ch, err
	}
	size, from := max(firstPage, s.n), s.from
	for ch.pages < w.mostPages {
		ch.pages++
		page, err := due(db, s.lane, s.now, from, size)
		if err != nil {
			return ch, err
		}
		if err := w.chooseFrom(db, &ch, page, s.n); err != nil {
			return ch, err
		}
		switch {
		case len(ch.works) >= s.n:
			ch.left, ch.next = true, from
			return ch, nil
		case len(page) < size: // the lane's end: the next look begins at its beginning
			return ch, nil
		}
		last := page[len(page)-1]
		from = place{last.RunAt, last.ID}
		if !s.far { // a page per look is enough to get ahead, however slow looks are
			ch.next = from
			return ch, nil
		}
		size = w.laterPages
	}
	ch.left, ch.next = true, from
	return ch, nil
}

// chooseFrom adds the works of a page that can be done here and whose turn it is, at most one per order
// key, until there are n.
func (w *Worker) chooseFrom(db *gorm.DB, ch *choice, page []candidate, n int) error {
	first, err := w.firstOf(db, page)
	if err != nil {
		return err
	}
	chosen := map[int64]bool{}
	for _, c := range ch.works {
		chosen[c.ID] = true
	}
	for _, c := range page {
		switch {
		case !w.knows(c.Kind):
			ch.unknown = append(ch.unknown, c.Kind)
		case len(ch.works) < n && !chosen[c.ID] && (c.OrderKey == "" || first[c.OrderKey] == c.ID):
			ch.works = append(ch.works, c)
		}
	}
	return nil
}

// firstOf tells of the order keys of a page which work is the first.
func (w *Worker) firstOf(db *gorm.DB, page []candidate) (map[string]int64, error) {
	var keys []string
	for _, c := range page {
		if c.OrderKey != "" && w.knows(c.Kind) {
			keys = append(keys, c.OrderKey)
		}
	}
	slices.Sort(keys)
	return heads(db, slices.Compact(keys))
}

// successors are the first works of the order keys to look at, as far as they are due and known here.
func (w *Worker) successors(db *gorm.DB, s search) (works []candidate, err error) {
	first, err := heads(db, s.keys)
	if err != nil {
		return nil, err
	}
	page, err := dueOf(db, slices.Collect(maps.Values(first)), s.lane, s.now)
	if err != nil {
		return nil, err
	}
	for _, c := range page {
		if w.knows(c.Kind) && len(works) < s.n {
			works = append(works, c)
		}
	}
	return works, nil
}
