package event

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/work"
)

var quiet = slog.New(slog.DiscardHandler)

// reader makes a log over a database, as a replica would.
func reader(db *gorm.DB, now clock.Clock) *Log {
	return New(work.New(db, now), now, Options{DB: db, Logger: quiet})
}

// note leaves a row per event; a second one for the same event fails on its key.
func note(name string) func(tx *gorm.DB, batch []model.Event) error {
	return func(tx *gorm.DB, batch []model.Event) error {
		for _, e := range batch {
			if err := tx.Create(&model.Task{Kind: name, DedupeKey: fmt.Sprintf("%s:%d", name, e.ID), DueAt: noon, CreatedAt: noon}).Error; err != nil {
				return err
			}
		}
		return nil
	}
}

func record(t *testing.T, l *Log, db *gorm.DB, facts ...Fact) {
	t.Helper()
	err := model.InTx(t.Context(), db, func(tx *gorm.DB) error {
		_, err := l.Record(tx, facts...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFeedHandsOnWhatItWantsOnce(t *testing.T) {
	db := modeltest.DB(t)
	l := reader(db, clock.System)
	l.Feed("all", note("all"))
	l.Feed("left", note("left"), KindCustomerLeft)
	left := CustomerLeft{RelationFact{CustomerID: 9, RelationID: 9, At: noon, Since: noon}}
	record(t, l, db, added(1, 0), added(2, 0), left)
	record(t, l, db, added(1, 0), added(3, 0)) // the first is known
	if err := l.DrainFeeds(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.DrainFeeds(t.Context()); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]int64{"all": 4, "left": 1} {
		if n := modeltest.Count[model.Task](t, db, "kind = ?", kind); n != want {
			t.Errorf("%s heard %d events, want %d", kind, n, want)
		}
	}
	if n := modeltest.Count[model.EventFeedBatch](t, db); n != 0 {
		t.Errorf("%d piles are left", n)
	}
}

// TestFeedSurvivesCommitsOutOfOrder has transactions commit in another order than they took their
// ids, and some roll back, while two replicas read.
func TestFeedSurvivesCommitsOutOfOrder(t *testing.T) {
	dsn := modeltest.DSN(t)
	db := modeltest.Open(t, dsn)
	writer := reader(db, clock.System)
	writer.Feed("twice", note("twice"))
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 2 {
		other := modeltest.Open(t, dsn)
		l := reader(other, clock.System)
		l.Feed("twice", note("twice"))
		readers.Go(func() { l.RunFeeds(ctx) })
	}
	const each, rounds = 4, 6
	recorded := 0
	for round := range rounds {
		if model.IsSQLite(db) { // it has one writer, so nothing can overtake
			record(t, writer, db, burst(round, 0, each)...)
			record(t, writer, db, burst(round, 1, each)...)
		} else {
			overtake(t, writer, db, burst(round, 0, each), burst(round, 1, each))
		}
		recorded += 2 * each
		err := model.InTx(t.Context(), db, func(tx *gorm.DB) error { // its ids are lost
			_, err := writer.Record(tx, burst(round, 2, each)...)
			return errors.Join(err, errors.New("given up"))
		})
		if err == nil {
			t.Fatal("the transaction did not roll back")
		}
	}
	eventually(t, func() bool { return modeltest.Count[model.Task](t, db) == int64(recorded) })
	stop()
	readers.Wait()
	if n := modeltest.Count[model.Task](t, db); n != int64(recorded) {
		t.Errorf("heard %d events, want %d", n, recorded)
	}
	if n := modeltest.Count[model.EventFeedBatch](t, db); n != 0 {
		t.Errorf("%d piles are left", n)
	}
}

// burst gives facts that no other test records: a key that was deleted a moment ago, as the test before
// may have left it, would make MySQL lock its neighbours.
func burst(round, part, n int) (facts []Fact) {
	for i := range n {
		facts = append(facts, added(int64(7000+round*100+part*20+i), round))
	}
	return facts
}

// overtake has a second transaction take its ids after the first and commit before it.
func overtake(t *testing.T, l *Log, db *gorm.DB, first, second []Fact) {
	t.Helper()
	taken, overtaken := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- model.InTx(t.Context(), db, func(tx *gorm.DB) error {
			_, err := l.Record(tx, first...)
			close(taken)
			<-overtaken
			return err
		})
	}()
	<-taken
	record(t, l, db, second...)
	// The second is heard of although the first, with smaller ids, is not to be seen.
	before := modeltest.Count[model.Event](t, db)
	eventually(t, func() bool { return modeltest.Count[model.Task](t, db) == before })
	close(overtaken)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to pass")
		}
	}
}

// TestFeedWaitsForNobodyWhoIsRecording: what is recorded but not committed concerns no reader, however few piles there are
// and however many of them it takes at once.
func TestFeedWaitsForNobodyWhoIsRecording(t *testing.T) {
	db := modeltest.DB(t)
	if model.IsSQLite(db) {
		t.Skip("SQLite has one writer at a time")
	}
	l := reader(db, clock.System)
	l.Feed("all", note("all"))
	for round := range 5 {
		record(t, l, db, burst(round, 0, 1)...)
		record(t, l, db, burst(round, 1, 1)...)
	}
	err := model.InTx(t.Context(), db, func(tx *gorm.DB) error {
		if _, err := l.Record(tx, burst(9, 0, 1)...); err != nil {
			return err
		}
		handedOn := make(chan error, 1)
		go func() { handedOn <- l.DrainFeeds(t.Context()) }()
		select {
		case err := <-handedOn:
			return err
		case <-time.After(3 * time.Second):
			return errors.New("the feed waits for who is recording")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := modeltest.Count[model.Task](t, db, "kind = 'all'"); n != 10 {
		t.Errorf("heard %d events, want 10", n)
	}
}

// TestFeedTakesAnEventOnceFromTwoReaders has two hand on the same piles at once.
func TestFeedTakesAnEventOnceFromTwoReaders(t *testing.T) {
	dsn := modeltest.DSN(t)
	var logs []*Log
	for range 2 {
		l := reader(modeltest.Open(t, dsn), clock.System)
		l.Feed("both", note("both"))
		logs = append(logs, l)
	}
	db := logs[0].DB
	for i := range 30 {
		record(t, logs[0], db, added(int64(i+1), 0), added(int64(i+1), 1))
	}
	var all sync.WaitGroup
	for _, l := range logs {
		all.Go(func() {
			for {
				err := l.DrainFeeds(context.Background())
				if err == nil {
					return
				}
				if !errors.Is(err, errTaken) && !model.IsTransient(err) {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if n := modeltest.Count[model.Task](t, db); n != 60 {
		t.Errorf("heard %d events, want 60", n)
	}
}

// TestFeedSetsAsideOnlyWhatItCantBear has one event of many that the handler fails at.
func TestFeedSetsAsideOnlyWhatItCantBear(t *testing.T) {
	db := modeltest.DB(t)
	fake := clock.NewFake(noon)
	l := reader(db, fake.Now)
	bad := true
	l.Feed("picky", func(tx *gorm.DB, batch []model.Event) error {
		for _, e := range batch {
			if e.CustomerID == 5 && bad {
				return errors.New("not this one")
			}
		}
		return note("picky")(tx, batch)
	})
	var facts []Fact
	for i := range 9 {
		facts = append(facts, added(int64(i+1), 0))
	}
	record(t, l, db, facts...)
	record(t, l, db, added(5, 1))
	r := &feedRunner{log: l, feed: l.feeds[0], owner: "me"}
	for range feedPatience {
		if _, err := r.step(t.Context()); err == nil {
			t.Fatal("the batch holds what can't be handled")
		}
		r.failures++
	}
	if _, err := r.step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := modeltest.Count[model.Task](t, db); n != 8 {
		t.Errorf("%d events are handled, want 8", n)
	}
	for range feedTries {
		fake.Advance(2 * time.Hour)
		if err := r.tellApart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	states, err := l.Feeds(t.Context())
	if err != nil || states[0].Kept != 2 || states[0].Waiting != 0 || states[0].Error != "not this one" {
		t.Errorf("the feed stands %+v, %v", states, err)
	}
	bad = false
	if n, err := l.ReleaseFeed(t.Context(), "picky"); n != 2 || err != nil {
		t.Errorf("released %d, %v", n, err)
	}
	if err := l.DrainFeeds(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := modeltest.Count[model.Task](t, db); n != 10 {
		t.Errorf("%d events are handled, want 10", n)
	}
	if _, err := l.ReleaseFeed(t.Context(), "nobody"); !errors.Is(err, ErrNoFeed) {
		t.Errorf("got %v", err)
	}
}

// TestFeedIsReadByOneReplica: the lease passes on when it ends or is given back.
func TestFeedIsReadByOneReplica(t *testing.T) {
	db := modeltest.DB(t)
	fake := clock.NewFake(noon)
	l := reader(db, fake.Now)
	l.Feed("one", note("one"))
	a, b := &feedRunner{log: l, feed: l.feeds[0], owner: "a"}, &feedRunner{log: l, feed: l.feeds[0], owner: "b"}
	holds := func(r *feedRunner, want bool) {
		t.Helper()
		if got, err := r.hold(t.Context()); got != want || err != nil {
			t.Fatalf("%s holds: %v, %v; want %v", r.owner, got, err, want)
		}
	}
	holds(a, true)
	holds(b, false)
	fake.Advance(feedLease / 2)
	holds(a, true) // renews
	fake.Advance(feedLease * 3 / 4)
	holds(b, false)
	fake.Advance(feedLease)
	holds(b, true)
	holds(a, false)
	b.release()
	holds(a, true)
}
