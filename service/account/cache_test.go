package account

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

func TestCallbackKeysOutliveTheDatabase(t *testing.T) {
	db := modeltest.DB(t)
	now := clock.NewFake(noon)
	s := newService(t, db, now.Now, key)
	create(t, s, corp())
	if _, _, err := s.CallbackKeys(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	if err := model.Close(db); err != nil {
		t.Fatal(err)
	}
	now.Advance(usableFor)
	keys, _, err := s.CallbackKeys(t.Context(), "main")
	if err != nil || keys[0].Token.Reveal() != token1 {
		t.Errorf("after 10 minutes without a database: %v and %v", keys, err)
	}
	if _, err := s.ByName(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown name without a database: %v", err)
	}
	now.Advance(time.Millisecond)
	if _, _, err := s.CallbackKeys(t.Context(), "main"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("after more than 10 minutes without a database: error %v", err)
	}
}

// counted is a cache whose readings are counted, held up and made to fail.
type counted struct {
	cache
	loads atomic.Int64
	fail  atomic.Bool
	hold  chan struct{}
}

func newCounted(now clock.Clock) *counted {
	c := &counted{hold: make(chan struct{})}
	c.now = now
	c.load = func(ctx context.Context) (*book, error) {
		c.loads.Add(1)
		at := now()
		select {
		case <-c.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if c.fail.Load() {
			return nil, errors.New("database down")
		}
		return &book{at: at}, nil
	}
	return c
}

func TestOneReadingServesAllWhoWait(t *testing.T) {
	c := newCounted(clock.NewFake(noon).Now)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := c.get(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	for c.loads.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(c.hold)
	all.Wait()
	if n := c.loads.Load(); n != 1 {
		t.Errorf("%d readings for 50 callers", n)
	}
}

func TestFreshForFiveSeconds(t *testing.T) {
	now := clock.NewFake(noon)
	c := newCounted(now.Now)
	close(c.hold)
	for _, step := range []struct {
		wait  time.Duration
		loads int64
	}{{0, 1}, {0, 1}, {5 * time.Second, 1}, {time.Millisecond, 2}, {-time.Hour, 3}} {
		now.Advance(step.wait)
		if _, err := c.get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := c.loads.Load(); n != step.loads {
			t.Errorf("after waiting %v more: %d readings, want %d", step.wait, n, step.loads)
		}
	}
}

func TestAFailingDatabaseIsAskedOnceASecond(t *testing.T) {
	now := clock.NewFake(noon)
	c := newCounted(now.Now)
	close(c.hold)
	if _, err := c.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.fail.Store(true)
	now.Advance(time.Minute)
	for range 20 {
		if _, err := c.get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.loads.Load(); n != 2 {
		t.Errorf("%d readings, want 2", n)
	}
	now.Advance(retryWait)
	c.fail.Store(false)
	b, err := c.get(t.Context())
	if err != nil || !b.at.Equal(now.Now()) {
		t.Errorf("after the database came back: book of %v and %v", b.at, err)
	}
}

func TestAReadingFromBeforeAWriteIsNotKept(t *testing.T) {
	now := clock.NewFake(noon)
	before, after := &book{at: now.Now()}, &book{at: now.Now()}
	begun, slow := make(chan struct{}), make(chan struct{})
	var loads atomic.Int64
	c := &cache{now: now.Now, load: func(context.Context) (*book, error) {
		if loads.Add(1) > 1 {
			return after, nil
		}
		close(begun)
		<-slow
		return before, nil
	}}
	first := make(chan struct{})
	go func() {
		defer close(first)
		_, _ = c.get(context.Background())
	}()
	<-begun
	c.forget() // a write, while the first reading is under way
	if b, err := c.get(t.Context()); err != nil || b != after {
		t.Errorf("who asks after the write joins the reading from before it, or %v", err)
	}
	close(slow)
	<-first
	if b, err := c.get(t.Context()); err != nil || b != after || loads.Load() != 2 {
		t.Errorf("the reading from before the write is kept, or %v, after %d readings", err, loads.Load())
	}
}

func TestACallerWhoGivesUpDoesNotEndTheReading(t *testing.T) {
	c := newCounted(clock.NewFake(noon).Now)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	close(c.hold)
	if _, err := c.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := c.loads.Load(); n != 1 {
		t.Errorf("%d readings, want 1", n)
	}
}
