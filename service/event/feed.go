package event

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// feed is one reader of all that happens.
type feed struct {
	name   string
	kinds  map[string]bool // empty: all
	handle func(tx *gorm.DB, batch []model.Event) error
	wake   chan struct{}
}

func (f *feed) wants(kind string) bool { return len(f.kinds) == 0 || f.kinds[kind] }

// Feed has handle called with all events of these kinds (none named: of all kinds) that are recorded from
// now on, in batches of at most about a thousand, soon after their commit: at once where they were
// recorded by the replica that reads the feed, within a quarter of a second otherwise.
//
//	events.Feed("segment", func(tx *gorm.DB, batch []model.Event) error { … })
//
// Each event comes exactly once: that it was handed on is committed together with what handle writes
// to tx. When handle fails, nothing of it remains and the batch comes again; when it fails again and again, the
// events come in ever smaller batches, until those that handle can't bear are alone. They are tried
// less and less often and finally kept, to be released by [Log.ReleaseFeed]; the others go on.
//
// handle must write to tx alone, because a transaction may be run again after a deadlock; what it
// changes in memory it does by model.AfterCommit. It should be quick: one batch is under way at a time
// per feed, over all replicas. Batches follow the order of commits, not of OccurredAt: events may
// come late and are about any number of customers. Within a batch they are in the order of their ids.
// An event of a customer who was merged meanwhile comes with the one who remains.
//
// Call it while parts are put together, before anything is recorded; events of before are not handed
// on. name is data, at most 32 letters. Something must run [Log.RunFeeds]; tests call [Log.DrainFeeds].
func (l *Log) Feed(name string, handle func(tx *gorm.DB, batch []model.Event) error, kinds ...string) {
	if slices.ContainsFunc(l.feeds, func(f *feed) bool { return f.name == name }) {
		panic("event: a second feed named " + name)
	}
	f := &feed{name: name, handle: handle, wake: make(chan struct{}, 1)}
	if len(kinds) > 0 {
		f.kinds = map[string]bool{}
		for _, k := range kinds {
			f.kinds[k] = true
		}
	}
	l.feeds = append(l.feeds, f)
}

// feed leaves new events for every feed that wants some of them, in the transaction that adds them.
// Each feed has a pile of its own and takes from it what it sees, so that nothing rests on the order in
// which ids become visible: a transaction may commit later than one with larger ids.
func (l *Log) feed(tx *gorm.DB, added []*model.Event) error {
	var piled []model.EventFeedBatch
	now := l.now()
	for _, f := range l.feeds {
		n := len(piled)
		for from := 0; from < len(added); {
			to := from + 1
			for to < len(added) && added[to].ID == added[to-1].ID+1 {
				to++
			}
			if slices.ContainsFunc(added[from:to], func(e *model.Event) bool { return f.wants(e.Kind) }) {
				piled = append(piled, model.EventFeedBatch{Feed: f.name, FirstID: added[from].ID, LastID: added[to-1].ID, DueAt: now})
			}
			from = to
		}
		if len(piled) > n {
			model.AfterCommit(tx, f.poke)
		}
	}
	return insertFeedBatches(tx, piled)
}

func (f *feed) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

const (
	feedEvents   = 1000 // in a batch, about
	feedPiles    = 200  // looked at for a batch
	feedPoll     = 250 * time.Millisecond
	feedLease    = 10 * time.Second
	feedTime     = 30 * time.Second // of one batch
	feedPatience = 3                // tries of a whole batch before its events are told apart
	feedTries    = 12               // of one event, before it is kept
)

// RunFeeds hands events on until ctx ends, and returns when the batches in hand are finished. Every
// replica runs it; each feed is read by one of them at a time, and by another within seconds when
// that one dies.
func (l *Log) RunFeeds(ctx context.Context) {
	owner := rand.Text()
	var all sync.WaitGroup
	for _, f := range l.feeds {
		all.Go(func() { (&feedRunner{log: l, feed: f, owner: owner}).run(ctx) })
	}
	all.Wait()
}

// DrainFeeds hands on all that is due and returns when nothing is, or with the first failure. It is for
// tests and tools: leases don't matter to it, because what is handed on once is decided by the rows.
func (l *Log) DrainFeeds(ctx context.Context) error {
	for _, f := range l.feeds {
		r := &feedRunner{log: l, feed: f}
		for {
			n, err := r.batch(ctx)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}

// feedRunner reads one feed in one replica.
type feedRunner struct {
	log       *Log
	feed      *feed
	owner     string
	heldUntil time.Time
	failures  int // batches in a row
}

func (r *feedRunner) run(ctx context.Context) {
	poll := time.NewTicker(feedPoll)
	defer poll.Stop()
	defer r.release()
	for {
		more, err := r.step(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !errors.Is(err, errTaken) {
			r.failures++
			r.log.Logger.WarnContext(ctx, "feed can't go on; trying again", "feed", r.feed.name, "failures", r.failures, "error", err)
			if !pause(ctx, feedBackoff(r.failures)) {
				return
			}
			continue
		}
		r.failures = 0
		if more {
			continue
		}
		select {
		case <-r.feed.wake:
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}

// step hands on one batch, if this replica reads the feed now.
func (r *feedRunner) step(ctx context.Context) (more bool, err error) {
	held, err := r.hold(ctx)
	if err != nil || !held {
		return false, err
	}
	if r.failures >= feedPatience {
		return true, r.tellApart(ctx)
	}
	n, err := r.batch(ctx)
	return n > 0, err
}

// hold takes or keeps the lease. It only spares work: two that read at once would be told apart by
// the rows they take.
func (r *feedRunner) hold(ctx context.Context) (bool, error) {
	now := r.log.now()
	if now.Before(r.heldUntil.Add(-feedLease * 2 / 3)) {
		return true, nil
	}
	held, err := leaseFeed(r.log.DB.WithContext(ctx), r.feed.name, r.owner, now, now.Add(feedLease))
	if held {
		r.heldUntil = now.Add(feedLease)
	}
	return held, err
}

func (r *feedRunner) release() {
	if r.heldUntil.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := endFeedLease(r.log.DB.WithContext(ctx), r.feed.name, r.owner, r.log.now()); err != nil {
		r.log.Logger.Warn("feed not given back; another replica takes it when the lease ends", "feed", r.feed.name, "error", err)
	}
}

// errTaken says that another replica has taken some of the events.
var errTaken = errors.New("taken by another")

// batch hands on the next events and tells how many piles they came from.
func (r *feedRunner) batch(ctx context.Context) (int, error) {
	piles, err := duePiles(r.log.DB.WithContext(ctx), r.feed.name, r.log.now(), feedPiles)
	if err != nil {
		return 0, err
	}
	piles = fitting(piles)
	return len(piles), r.handOn(ctx, piles)
}

// fitting keeps the first piles that make a batch.
func fitting(piles []model.EventFeedBatch) []model.EventFeedBatch {
	events := int64(0)
	for i, p := range piles {
		events += p.LastID - p.FirstID + 1
		if events > feedEvents && i > 0 {
			return piles[:i]
		}
	}
	return piles
}

// handOn takes piles and calls the handler, in one transaction. A stopping process finishes it.
func (r *feedRunner) handOn(ctx context.Context, piles []model.EventFeedBatch) error {
	if len(piles) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), feedTime)
	defer cancel()
	return model.InTx(ctx, r.log.DB, func(tx *gorm.DB) error {
		if taken, err := takePiles(tx, piles); err != nil || !taken {
			return cmpErr(err, errTaken)
		}
		events, err := eventsIn(tx, piles)
		if err != nil {
			return err
		}
		events = slices.DeleteFunc(events, func(e model.Event) bool { return !r.feed.wants(e.Kind) })
		if len(events) == 0 {
			return nil
		}
		return r.feed.handle(tx, events)
	})
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// tellApart hands on the next events in ever smaller batches, so that only those wait that the
// handler can't bear.
func (r *feedRunner) tellApart(ctx context.Context) error {
	piles, err := duePiles(r.log.DB.WithContext(ctx), r.feed.name, r.log.now(), feedPiles)
	if err != nil {
		return err
	}
	return r.halve(ctx, fitting(piles))
}

func (r *feedRunner) halve(ctx context.Context, piles []model.EventFeedBatch) error {
	err := r.handOn(ctx, piles)
	if err == nil || len(piles) == 0 {
		return nil
	}
	if errors.Is(err, errTaken) || ctx.Err() != nil || model.IsUnavailable(err) || model.IsTransient(err) {
		return err
	}
	if len(piles) > 1 {
		return cmpErr(r.halve(ctx, piles[:len(piles)/2]), r.halve(ctx, piles[len(piles)/2:]))
	}
	p := piles[0]
	if p.FirstID == p.LastID {
		return r.postpone(ctx, p, err)
	}
	mid := p.FirstID + (p.LastID-p.FirstID)/2
	left, right := p, p
	left.LastID, right.FirstID = mid, mid+1
	if err := splitPile(ctx, r.log.DB, p, left, right); err != nil {
		return err
	}
	return cmpErr(r.halve(ctx, []model.EventFeedBatch{left}), r.halve(ctx, []model.EventFeedBatch{right}))
}

// postpone puts off one event that the handler can't bear.
func (r *feedRunner) postpone(ctx context.Context, p model.EventFeedBatch, why error) error {
	p.Tries++
	p.DueAt = r.log.now().Add(feedBackoff(p.Tries))
	level := r.log.Logger.WarnContext
	if p.Tries >= feedTries {
		level = r.log.Logger.ErrorContext
	}
	level(ctx, "event not handled", "feed", r.feed.name, "event", p.FirstID, "tries", p.Tries, "kept", p.Tries >= feedTries, "error", why)
	return postponePile(r.log.DB.WithContext(ctx), p, why.Error())
}

// feedBackoff is the wait after the nth failure in a row.
func feedBackoff(n int) time.Duration {
	return min(time.Second<<min(n-1, 12), time.Hour)
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// FeedState is how a feed stands.
type FeedState struct {
	Name    string
	Waiting int64 // events not handed on yet, of kinds it may not want too
	Since   *time.Time
	Kept    int64 // events that it has failed at too often
	Error   string
}

// Feeds tells how every feed of this version stands.
func (l *Log) Feeds(ctx context.Context) ([]FeedState, error) {
	out := make([]FeedState, len(l.feeds))
	for i, f := range l.feeds {
		s, err := feedState(l.DB.WithContext(ctx), f.name)
		if err != nil {
			return nil, err
		}
		out[i] = *s
	}
	return out, nil
}

// ReleaseFeed makes the events due again that a feed has failed at, and tells how many there are.
func (l *Log) ReleaseFeed(ctx context.Context, name string) (int64, error) {
	i := slices.IndexFunc(l.feeds, func(f *feed) bool { return f.name == name })
	if i < 0 {
		return 0, ErrNoFeed
	}
	n, err := releasePiles(l.DB.WithContext(ctx), name, l.now())
	l.feeds[i].poke()
	return n, err
}
