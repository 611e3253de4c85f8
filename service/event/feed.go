package event

import (
	"context"
	"crypto/rand"
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
