package wecom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

func newTextLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

const crowded = `{"errcode":45033,"errmsg":"concurrency"}`

func TestF21_RateLimitClosesOneAPI(t *testing.T) {
	p := newFake(t)
	_, rdb := newTestRedis(t)
	clock := &clockAt{t: noon}
	use := func(c *Config) { c.Redis, c.Now = rdb, clock.now }
	first, _ := newTestGateway(t, p, use)
	other, _ := newTestGateway(t, p, use)
	p.answers("externalcontact/mark_tag", `{"errcode":0}`)
	p.answers(follow, `{"errcode":45009,"errmsg":"limit"}`)
	call := func(g *Gateway) *Error {
		_, err := g.Corp("a").FollowUsers(t.Context())
		var e *Error
		_ = errors.As(err, &e)
		return e
	}
	for step, length := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		length *= time.Minute
		if e := call(first); e == nil || !errors.Is(e, ErrRateLimited) || e.RetryAfter != length {
			t.Fatalf("step %d: got %v, want closed for %s", step, e, length)
		}
		for _, at := range []time.Duration{0, length - time.Second - circuitRead} {
			clock.add(at)
			clock.add(circuitRead + time.Millisecond) // how long the other replica may not know
			for _, g := range []*Gateway{first, other} {
				if e := call(g); e == nil || e.Code != 45009 || e.RetryAfter <= 0 || e.RetryAfter >= length || !e.Retryable() {
					t.Fatalf("step %d: got %v", step, e)
				}
			}
		}
		if n := p.count(follow); n != step+1 {
			t.Fatalf("step %d: the platform saw %d calls", step, n)
		}
		if err := first.Corp("a").MarkTags(t.Context(), "ann", "wm", []string{"et"}, nil); err != nil {
			t.Fatalf("another API: %v", err)
		}
		clock.add(time.Second)
	}
	p.answers(follow, okList)
	clock.add(time.Minute)
	if e := call(first); e != nil {
		t.Fatalf("afterwards: %v", e)
	}
	p.answers(follow, `{"errcode":45009,"errmsg":"limit"}`)
	if e := call(first); e == nil || e.RetryAfter != time.Minute {
		t.Errorf("after a success a block should begin with a minute again: %v", e)
	}
}

func TestF21_ManyCallersMeetOneBlock(t *testing.T) {
	p := newFake(t)
	p.answers(follow, `{"errcode":45009,"errmsg":"limit"}`)
	g, _ := newTestGateway(t, p, nil)
	for _, err := range parallel(64, func(int) error { _, err := g.Corp("a").FollowUsers(t.Context()); return err }) {
		var e *Error
		if !errors.As(err, &e) || e.Code != 45009 || e.RetryAfter != time.Minute {
			t.Fatalf("got %v", err)
		}
	}
	if n := p.count(follow); n != 1 {
		t.Errorf("the platform saw %d calls", n)
	}
}

// Answers to calls that were under way together count as one.
func TestF21_AnswersOfOneMomentAreOneBlock(t *testing.T) {
	p := newFake(t)
	p.answers(follow, okList)
	g, clock := newTestGateway(t, p, nil)
	if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
		t.Fatal(err)
	}
	var together sync.WaitGroup
	together.Add(8)
	p.on(path(follow), func(w http.ResponseWriter, _ *http.Request) {
		together.Done()
		together.Wait()
		fmt.Fprint(w, `{"errcode":45009,"errmsg":"limit"}`)
	})
	parallel(8, func(int) error { _, err := g.Corp("a").FollowUsers(t.Context()); return err })
	clock.add(time.Minute)
	p.answers(follow, `{"errcode":45009,"errmsg":"limit"}`)
	_, err := g.Corp("a").FollowUsers(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.RetryAfter != 2*time.Minute {
		t.Errorf("got %v for %s, want a second block of two minutes", err, e.RetryAfter)
	}
}

// A platform that bears fewer calls at once than we allow ourselves is found out without an error.
func TestF22_CrowdingIsNoError(t *testing.T) {
	p := newFake(t)
	var mu sync.Mutex
	here, refused := 0, 0
	p.on(path("externalcontact/groupchat/get"), func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		here++
		tooMany := here > 3
		if tooMany {
			refused++
		}
		mu.Unlock()
		time.Sleep(2 * time.Millisecond)
		mu.Lock()
		here--
		mu.Unlock()
		if tooMany {
			fmt.Fprint(w, crowded)
			return
		}
		fmt.Fprint(w, `{"errcode":0,"group_chat":{"chat_id":"wr1"}}`)
	})
	g, clock := newTestGateway(t, p, nil)
	g.pause = 10 * time.Millisecond
	stop := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				clock.add(50 * time.Millisecond)
			}
		}
	})
	errs := parallel(200, func(int) error { _, err := g.Corp("a").Group(t.Context(), "wr1"); return err })
	close(stop)
	moving.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	if refused == 0 {
		t.Error("the platform never complained: the test shows nothing")
	}
}

func TestGate(t *testing.T) {
	g := newGate(8, 0)
	enter := func() bool { return g.enter(t.Context(), false, time.Millisecond) == nil }
	fill := func() (n int) {
		for enter() {
			n++
		}
		return n
	}
	empty := func(n int) {
		for range n {
			g.leave()
		}
	}
	check := func(when string, want int) {
		t.Helper()
		got := fill()
		if got != want {
			t.Errorf("%s: %d may enter, want %d", when, got, want)
		}
		empty(got)
	}
	check("untried", 1)
	g.answered()
	check("after an answer", 8)
	g.crowded(noon)
	g.crowded(noon.Add(time.Millisecond)) // one of the same burst
	check("crowded", 4)
	g.crowded(noon.Add(time.Second))
	g.crowded(noon.Add(2 * time.Second))
	g.crowded(noon.Add(3 * time.Second))
	check("crowded again and again", 1)
	for range 1 + 2 + 3 {
		g.answered()
	}
	check("growing", 4)
	for range 100 {
		g.answered()
	}
	check("grown", 8)
	g.doubt()
	check("in doubt", 1)
}

func TestGateKeepsRoomForUrgentCalls(t *testing.T) {
	g := newGate(4, 1)
	g.answered()
	ordinary := 0
	for g.enter(t.Context(), false, time.Millisecond) == nil {
		ordinary++
	}
	if ordinary != 3 {
		t.Fatalf("%d ordinary calls entered, want 3", ordinary)
	}
	if err := g.enter(t.Context(), true, time.Millisecond); err != nil {
		t.Fatal("no room for an urgent call")
	}
	if err := g.enter(t.Context(), true, time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal("more than the gate holds")
	}
	slow := newGate(8, 2)
	if slow.enter(t.Context(), false, time.Millisecond) != nil || slow.enter(t.Context(), false, time.Millisecond) == nil {
		t.Fatal("an untried gate lets in one ordinary call")
	}
	if slow.enter(t.Context(), true, time.Millisecond) != nil {
		t.Fatal("a slow first call holds up an urgent one")
	}
	// Who gives up while being let in gives the place back.
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.enter(ctx, true, time.Minute) }()
		for waiting := false; !waiting; {
			g.mu.Lock()
			waiting = len(g.urgent) > 0
			g.mu.Unlock()
		}
		cancel()
		g.leave()
		if <-done != nil {
			if err := g.enter(t.Context(), true, time.Minute); err != nil {
				t.Fatal("a place was lost")
			}
		}
	}
}

func TestInFlightIsBounded(t *testing.T) {
	p := newFake(t)
	for _, e := range endpoints {
		if e.API != "gettoken" {
			p.on(path(e.API), func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(2 * time.Millisecond)
				fmt.Fprint(w, `{"errcode":0,"external_contact":{"external_userid":"wm"},"group_chat":{"chat_id":"wr"}}`)
			})
		}
	}
	g, _ := newTestGateway(t, p, func(c *Config) { c.MaxInFlight = 12 })
	c := g.Corp("a")
	errs := parallel(300, func(i int) error {
		var err error
		switch i % 4 {
		case 0:
			_, err = c.Customer(t.Context(), "wm")
		case 1:
			_, err = c.Group(t.Context(), "wr")
		case 2:
			_, err = c.CustomersOf(t.Context(), []string{"ann"}, "", 0)
		case 3:
			err = c.SendWelcome(t.Context(), "code", Welcome{Text: "hi"})
		}
		return err
	})
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	if p.most > 12 || p.most < 6 {
		t.Errorf("%d calls in flight at once, want up to 12", p.most)
	}
}

func TestBudgetIsSharedAndWaits(t *testing.T) {
	p := newFake(t)
	p.answers(follow, okList)
	_, rdb := newTestRedis(t)
	clock := &clockAt{t: noon}
	replicas := make([]*Gateway, 2)
	for i := range replicas {
		replicas[i], _ = newTestGateway(t, p, func(c *Config) {
			c.Redis, c.Now = rdb, clock.now
			c.Limits = []Limit{{API: follow, PerMinute: 40}}
			c.Timeouts.Wait = time.Second
		})
	}
	good := 0
	var last *Error
	for i := range 60 {
		// The second has what the first has left, not what it has leased in advance.
		_, err := replicas[min(i/21, 1)].Corp("a").FollowUsers(t.Context())
		if err == nil {
			good++
		} else if !errors.As(err, &last) || !errors.Is(err, ErrRateLimited) || last.RetryAfter <= 0 || last.RetryAfter > 66*time.Second {
			t.Fatalf("got %v", err)
		}
	}
	if good != 40 {
		t.Errorf("two replicas made %d calls in a minute, want 40", good)
	}
	clock.add(last.RetryAfter)
	if _, err := replicas[0].Corp("a").FollowUsers(t.Context()); err != nil {
		t.Errorf("after RetryAfter: %v", err)
	}
	// Another corp has its own.
	if _, err := replicas[0].Corp("other").FollowUsers(t.Context()); err != nil {
		t.Errorf("another corp: %v", err)
	}
}

func TestBudgetWaitsRatherThanFails(t *testing.T) {
	p := newFake(t)
	p.answers(follow, okList)
	_, rdb := newTestRedis(t)
	g, _ := newTestGateway(t, p, func(c *Config) {
		c.Redis, c.Now = rdb, time.Now
		c.Limits = []Limit{{API: follow, PerSecond: 10}}
	})
	started := time.Now()
	for _, err := range parallel(25, func(int) error { _, err := g.Corp("a").FollowUsers(t.Context()); return err }) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if spent := time.Since(started); spent < 1500*time.Millisecond || spent > 6*time.Second {
		t.Errorf("25 calls at 10 a second took %s", spent)
	}
}

func TestBudgetTellsAtOnceWhoCannotWait(t *testing.T) {
	p := newFake(t)
	p.answers(follow, okList)
	g, _ := newTestGateway(t, p, func(c *Config) {
		c.Limits = []Limit{{API: follow, PerMinute: 1}}
		c.Timeouts.Wait = time.Hour
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := g.Corp("a").FollowUsers(ctx); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	if _, err := g.Corp("a").FollowUsers(ctx); !errors.Is(err, ErrRateLimited) || time.Since(started) > 5*time.Second {
		t.Errorf("got %v after %s", err, time.Since(started))
	}
}

// No stretch of time of the window's length holds more calls than the limit, wherever it begins,
// with and without Redis, however the calls come.
func TestBudgetHoldsInAnyStretch(t *testing.T) {
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) {
			s := newShared(nil, "test:")
			if shared {
				_, rdb := newTestRedis(t)
				s = newShared(rdb, "test:")
			}
			rnd := rand.New(rand.NewPCG(1, 2))
			windows := windowsOf(Limit{PerSecond: 30, PerMinute: 300})
			purse := newPurse("corp:api", windows)
			var taken []time.Time
			now := noon
			for range 6_000 {
				if wait := purse.take(t.Context(), s, now); wait == 0 {
					taken = append(taken, now)
				} else if rnd.IntN(3) == 0 {
					now = now.Add(wait)
				}
				now = now.Add(time.Duration(rnd.ExpFloat64() * float64(20*time.Millisecond)))
			}
			if len(taken) < 500 {
				t.Fatalf("only %d calls in %s", len(taken), now.Sub(noon))
			}
			for _, w := range windows {
				length, from := time.Duration(w.parts)*w.part, 0
				for to := range taken {
					for taken[to].Sub(taken[from]) >= length {
						from++
					}
					if n := to - from + 1; int64(n) > w.limit {
						t.Fatalf("%d calls in %s, limit %d", n, length, w.limit)
					}
				}
			}
		})
	}
}

func TestBudgetCostsFewRoundTrips(t *testing.T) {
	m, rdb := newTestRedis(t)
	s := newShared(rdb, "test:")
	purse := newPurse("corp:api", windowsOf(Limit{PerMinute: generalPerMinute, PerHour: generalPerHour}))
	if wait := purse.take(t.Context(), s, noon); wait != 0 {
		t.Fatal(wait)
	}
	before := m.CommandCount()
	for range 100 {
		if wait := purse.take(t.Context(), s, noon); wait != 0 {
			t.Fatal(wait)
		}
	}
	// Two windows cost six commands in one round trip; leases double from one to 64.
	if n := m.CommandCount() - before; n > 7*6 {
		t.Errorf("100 calls cost %d Redis commands", n)
	}
}

// Asking in vain costs nothing: calls are free again when those made have left the window.
func TestBudgetInVainCostsNothing(t *testing.T) {
	_, rdb := newTestRedis(t)
	for _, s := range []*shared{newShared(rdb, "test:"), newShared(nil, "")} {
		purse, now := newPurse("corp:api", windowsOf(Limit{PerMinute: 10})), noon
		for range 10 {
			if wait := purse.take(t.Context(), s, now); wait != 0 {
				t.Fatal(wait)
			}
		}
		for now.Before(noon.Add(66 * time.Second)) {
			if wait := purse.take(t.Context(), s, now); wait == 0 {
				t.Fatalf("a call after %s", now.Sub(noon))
			}
			now = now.Add(time.Second)
		}
		if wait := purse.take(t.Context(), s, now); wait != 0 {
			t.Errorf("still has to wait %s", wait)
		}
	}
}

// Without Redis each replica counts for itself, also what it leased while Redis was there.
func TestBudgetWithoutRedis(t *testing.T) {
	m, rdb := newTestRedis(t)
	s := newShared(rdb, "test:")
	purse := newPurse("corp:api", windowsOf(Limit{PerMinute: 10}))
	for i := range 10 {
		if i == 5 {
			m.Close()
		}
		if wait := purse.take(t.Context(), s, noon); wait != 0 {
			t.Fatalf("call %d has to wait %s", i, wait)
		}
	}
	if wait := purse.take(t.Context(), s, noon); wait < time.Minute || wait > 66*time.Second {
		t.Errorf("call 11 has to wait %s", wait)
	}
}

func TestF19_RedisHangs(t *testing.T) {
	p := newFake(t)
	p.answers(follow, okList)
	silent, rdb := newSilentRedis(t)
	g, _ := newTestGateway(t, p, func(c *Config) { c.Redis = rdb })
	started := time.Now()
	for range 10 {
		if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if spent := time.Since(started); spent > 1500*time.Millisecond {
		t.Errorf("ten calls took %s while Redis hung", spent)
	}
	if silent() == 0 {
		t.Error("Redis was never asked: the test shows nothing")
	}
}

func TestLimitTable(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range endpoints {
		if seen[e.API] {
			t.Errorf("%s is listed twice", e.API)
		}
		seen[e.API] = true
		if e.must && e.result == "" {
			t.Errorf("%s must have a result without a name", e.API)
		}
	}
	// What gives something away must never be repeated by itself.
	for _, api := range []string{"externalcontact/send_welcome_msg", "externalcontact/add_contact_way", "externalcontact/add_corp_tag",
		"auth/getuserinfo", "sns/jscode2session", "miniprogram/jscode2session", "wxa/business/getuserphonenumber", "gettoken", "cgi-bin/stable_token", "media/uploadimg"} {
		if endpointByName[api].repeatable {
			t.Errorf("%s is marked repeatable", api)
		}
	}
	table, err := limitTable([]Limit{{API: follow, PerMinute: -1}})
	if err != nil || table[follow].PerMinute != -1 || table[follow].PerHour != generalPerHour || table["user/get"].PerMinute != generalPerMinute {
		t.Errorf("got %+v, %v", table[follow], err)
	}
	for _, api := range []string{"externalcontact/batch/get_by_user", "externalcontact/list", "externalcontact/groupchat/get"} {
		if table[api].Concurrency != 8 {
			t.Errorf("%s: concurrency %d, want 8", api, table[api].Concurrency)
		}
	}
}
