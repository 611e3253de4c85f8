package wecom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

const (
	follow  = "externalcontact/get_follow_user_list"
	expired = `{"errcode":42001,"errmsg":"access_token expired"}`
)

// accepting makes the API accept only the token that was lent last.
func (p *fake) accepting(api, answer string) {
	p.on(path(api), func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		want := fmt.Sprintf("token-%s-%d", corpSecret, p.tokens)
		p.mu.Unlock()
		if r.URL.Query().Get("access_token") != want {
			fmt.Fprint(w, expired)
			return
		}
		fmt.Fprint(w, answer)
	})
}

func TestTokenRefusedOnceIsRefreshedOnce(t *testing.T) {
	for _, api := range []struct {
		name, host string
		codes      []int
		call       func(*Gateway) error
	}{
		{follow, qyapi, []int{40014, 42001}, func(g *Gateway) error { _, err := g.Corp("a").FollowUsers(t.Context()); return err }},
		// Not repeatable, but a call that was refused for its token has not happened.
		{"externalcontact/send_welcome_msg", qyapi, []int{42001}, func(g *Gateway) error {
			return g.Corp("a").SendWelcome(t.Context(), "code", Welcome{Text: "hi"})
		}},
		{"wxa/business/getuserphonenumber", weixin, []int{40001, 40014, 42001}, func(g *Gateway) error {
			_, err := g.MiniApp("mini").PhoneNumber(t.Context(), "code")
			return err
		}},
	} {
		for _, code := range api.codes {
			t.Run(fmt.Sprint(api.name, code), func(t *testing.T) {
				p := newFake(t)
				p.answers(api.name, fmt.Sprintf(`{"errcode":%d,"errmsg":"no"}`, code),
					`{"errcode":0,"follow_user":[],"phone_info":{"phoneNumber":"1"}}`)
				g, _ := newTestGateway(t, p, nil)
				// A life in Redis-less memory allows one fetch a minute on refusals; the first is not one.
				g.keeper.item(g.mustApp(t, api.host).key + ":token").now = loan{Value: "old", ExpiresAt: noon.Add(time.Hour), RenewAt: noon.Add(time.Hour)}
				if err := api.call(g); err != nil {
					t.Fatalf("call: %v", err)
				}
				if p.tokens != 1 || p.count(api.name) != 2 {
					t.Errorf("got %d fetches and %d calls, want 1 and 2", p.tokens, p.count(api.name))
				}
			})
		}
	}
}

func (g *Gateway) mustApp(t *testing.T, host string) *app {
	t.Helper()
	resolve, account := g.corpApp, "a"
	if host == weixin {
		resolve, account = g.miniApp, "mini"
	}
	a, err := resolve(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTokenRefusedAlwaysIsReplayedOnce(t *testing.T) {
	p := newFake(t)
	p.answers(follow, expired)
	_, rdb := newTestRedis(t)
	g, clock := newTestGateway(t, p, func(c *Config) { c.Redis = rdb })
	_, err := g.Corp("a").FollowUsers(t.Context())
	if !errors.Is(err, ErrToken) || CodeOf(err) != 42001 {
		t.Fatalf("got %v, want 42001", err)
	}
	if p.count(follow) != 2 || p.tokens != 2 {
		t.Errorf("got %d calls and %d fetches, want 2 and 2", p.count(follow), p.tokens)
	}
	for range 50 {
		_, _ = g.Corp("a").FollowUsers(t.Context())
	}
	if p.tokens > fetchesShared {
		t.Errorf("%d fetches within a minute: a storm", p.tokens)
	}
	clock.add(time.Minute)
	p.accepting(follow, okList)
	if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestTokenAppsNeverShare(t *testing.T) {
	p := newFake(t)
	seen := map[string]bool{}
	p.on(path(follow), func(w http.ResponseWriter, r *http.Request) {
		seen[r.URL.Query().Get("access_token")] = true
		fmt.Fprint(w, okList)
	})
	_, rdb := newTestRedis(t)
	g, _ := newTestGateway(t, p, func(c *Config) { c.Redis = rdb })
	for _, account := range []string{"a", "second", "a", "second"} { // one corp, one agent id, two secrets
		if _, err := g.Corp(account).FollowUsers(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if p.tokens != 2 || len(seen) != 2 {
		t.Errorf("got %d fetches and %d tokens in use, want 2 and 2", p.tokens, len(seen))
	}
}

func TestTokenFetchHangs(t *testing.T) {
	p := newFake(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	p.on(path("gettoken"), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("corpid") == "wwcorp" {
			<-release
			return
		}
		p.lend(w, r)
	})
	p.answers(follow, okList)
	g, _ := newTestGateway(t, p, nil)
	started := time.Now()
	errs := parallel(20, func(i int) error {
		account := "a"
		if i%2 == 0 {
			account = "other"
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := g.Corp(account).FollowUsers(ctx)
		return err
	})
	for i, err := range errs {
		if i%2 == 0 && err != nil {
			t.Errorf("the other account: %v", err)
		}
		if i%2 == 1 && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the caller's deadline", err)
		}
	}
	if spent := time.Since(started); spent > 3*time.Second {
		t.Errorf("callers waited %s", spent)
	}
	if n := p.count("gettoken"); n != 2 {
		t.Errorf("got %d fetches, want one for each account", n)
	}
}

func TestTokenExpiryManyCallers(t *testing.T) {
	p := newFake(t)
	p.accepting(follow, okList)
	_, rdb := newTestRedis(t)
	g, clock := newTestGateway(t, p, func(c *Config) { c.Redis = rdb })
	call := func(int) error { _, err := g.Corp("a").FollowUsers(t.Context()); return err }
	for round := 1; round <= 3; round++ {
		for _, err := range parallel(64, call) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if p.tokens != round {
			t.Fatalf("round %d: %d fetches", round, p.tokens)
		}
		clock.add(2*time.Hour + time.Second)
	}
}

func TestTokenDiesEarlyManyCallers(t *testing.T) {
	p := newFake(t)
	p.accepting(follow, okList)
	_, rdb := newTestRedis(t)
	replicas := make([]*Gateway, 2)
	for i := range replicas {
		replicas[i], _ = newTestGateway(t, p, func(c *Config) { c.Redis = rdb })
	}
	call := func(i int) error { _, err := replicas[i%2].Corp("a").FollowUsers(t.Context()); return err }
	for _, err := range parallel(64, call) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if p.tokens != 1 {
		t.Fatalf("two replicas made %d fetches, want 1", p.tokens)
	}
	p.mu.Lock()
	p.tokens++ // the platform has revoked token 1
	p.mu.Unlock()
	for _, err := range parallel(64, call) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if p.tokens != 3 {
		t.Errorf("64 refusals on two replicas made %d fetches, want 1", p.tokens-2)
	}
}

// Whoever comes late with a refusal of the old token must not kill the new one.
func TestTokenLateRefusalChangesNothing(t *testing.T) {
	p := newFake(t)
	g, clock := newTestGateway(t, p, nil)
	l := g.tokens(g.mustApp(t, qyapi))
	get := func() string {
		t.Helper()
		value, err := g.keeper.get(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	first := get()
	clock.add(time.Minute)
	g.keeper.reject(l, first)
	second := get()
	clock.add(time.Minute)
	for range 10 {
		if !g.keeper.reject(l, first) {
			t.Error("trying with the new token makes sense")
		}
	}
	if third := get(); third != second || second == first || p.tokens != 2 {
		t.Errorf("tokens %s, %s, %s in %d fetches", first, second, third, p.tokens)
	}
}

func TestTokenRenewedBeforeItEnds(t *testing.T) {
	p := newFake(t)
	p.answers(follow, okList)
	g, clock := newTestGateway(t, p, nil)
	call := func() {
		t.Helper()
		if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	call()
	clock.add(95 * time.Minute)
	call()
	if p.tokens != 1 {
		t.Fatalf("%d fetches at 79 %% of the token's life", p.tokens)
	}
	clock.add(2 * time.Minute)
	call() // goes on with the old token, and begins the renewal
	g.work.Wait()
	if p.tokens != 2 {
		t.Errorf("%d fetches at 81 %% of the token's life, want 2", p.tokens)
	}
	call()
	if p.tokens != 2 {
		t.Errorf("the renewed token was not kept")
	}
}

// WeCom repeats a token while it lives, with what is left of its life.
func TestTokenRepeatedIsNotChased(t *testing.T) {
	p := newFake(t)
	g, clock := newTestGateway(t, p, nil)
	p.on(path("gettoken"), func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		p.tokens++
		p.mu.Unlock()
		age := clock.now().Sub(noon) % (2 * time.Hour)
		fmt.Fprintf(w, `{"errcode":0,"access_token":"tok%d","expires_in":%d}`, clock.now().Sub(noon)/(2*time.Hour), int((2*time.Hour-age)/time.Second))
	})
	p.answers(follow, okList)
	for range 4 * 60 * 6 { // four hours in steps of ten seconds
		if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.work.Wait()
		clock.add(10 * time.Second)
	}
	if p.tokens > 8 {
		t.Errorf("%d fetches in four hours", p.tokens)
	}
}

func TestF17_RedisDownOneFetchAMinute(t *testing.T) {
	p := newFake(t)
	p.answers(follow, okList)
	m, rdb := newTestRedis(t)
	g, clock := newTestGateway(t, p, func(c *Config) { c.Redis = rdb })
	m.Close()
	minute := func() {
		for range 30 {
			_, _ = g.Corp("a").FollowUsers(t.Context())
			clock.add(2 * time.Second)
		}
	}
	minute()
	if p.tokens != 1 {
		t.Fatalf("%d fetches in the first minute, want 1", p.tokens)
	}
	p.answers(follow, expired) // the platform refuses whatever it lends
	for i := 2; i < 6; i++ {
		minute()
		if p.tokens > i {
			t.Fatalf("%d fetches after %d minutes", p.tokens, i)
		}
	}
}

func TestF18_RedisWiped(t *testing.T) {
	p := newFake(t)
	p.accepting(follow, okList)
	m, rdb := newTestRedis(t)
	g, clock := newTestGateway(t, p, func(c *Config) { c.Redis = rdb })
	for range 20 {
		if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.FlushAll()
		clock.add(3 * time.Second)
	}
	if p.tokens != 1 {
		t.Errorf("got %d fetches, want 1", p.tokens)
	}
}

// TestF20_RedisFromAnOldCopy: a Redis that comes back with the token of before costs each replica one fetch at most, and no
// call.
func TestF20_RedisFromAnOldCopy(t *testing.T) {
	p := newFake(t)
	p.accepting(follow, okList)
	m, rdb := newTestRedis(t)
	withRedis := func(c *Config) { c.Redis = rdb }
	a, _ := newTestGateway(t, p, withRedis)
	call := func(g *Gateway) {
		t.Helper()
		if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	call(a)
	old := map[string]string{}
	for _, key := range m.Keys() {
		if m.Type(key) == "string" {
			old[key], _ = m.Get(key)
		}
	}
	if len(old) == 0 {
		t.Fatal("nothing is shared through Redis")
	}
	p.mu.Lock()
	p.tokens++ // somebody else has fetched one, which ends ours
	p.mu.Unlock()
	call(a)
	before := p.tokens
	m.FlushAll()
	for key, value := range old {
		m.Set(key, value)
	}
	b, _ := newTestGateway(t, p, withRedis)
	for range 20 {
		call(b)
		call(a)
	}
	if got := p.tokens - before; got < 1 || got > 2 {
		t.Errorf("got %d fetches, want at most one for each of two", got)
	}
}

func TestF24_WrongCredentialsStop(t *testing.T) {
	for _, code := range []int{40001, 40013, 40091, 60020, 48002} {
		t.Run(fmt.Sprint("gettoken", code), func(t *testing.T) {
			p := newFake(t)
			p.answers("gettoken", fmt.Sprintf(`{"errcode":%d,"errmsg":"no"}`, code))
			p.answers(follow, okList)
			stops(t, p, "gettoken", code)
		})
		t.Run(fmt.Sprint("call", code), func(t *testing.T) {
			p := newFake(t)
			p.answers(follow, fmt.Sprintf(`{"errcode":%d,"errmsg":"no"}`, code))
			stops(t, p, follow, code)
		})
	}
}

// stops checks that many callers on two replicas make at most three calls in ten minutes.
func stops(t *testing.T, p *fake, api string, code int) {
	_, rdb := newTestRedis(t)
	clock := &clockAt{t: noon}
	var replicas []*Gateway
	for range 2 {
		g, _ := newTestGateway(t, p, func(c *Config) { c.Redis, c.Now = rdb, clock.now })
		replicas = append(replicas, g)
	}
	// One replica after the other: two that ask in the same moment know nothing of each other.
	for clock.now().Sub(noon) < 10*time.Minute {
		for _, g := range replicas {
			for _, err := range parallel(16, func(int) error { _, err := g.Corp("a").FollowUsers(t.Context()); return err }) {
				if CodeOf(err) != code {
					t.Fatalf("got %v, want %d", err, code)
				}
			}
		}
		clock.add(15 * time.Second)
	}
	if n := p.count(api); n > 3 || n < 2 {
		t.Errorf("got %d calls in ten minutes, want 2 or 3", n)
	}
}

func TestTokenNewSecretIsTriedAtOnce(t *testing.T) {
	p := newFake(t)
	p.on(path("gettoken"), func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("corpsecret") == "wrong" {
			fmt.Fprint(w, `{"errcode":40001,"errmsg":"invalid credential"}`)
			return
		}
		p.lend(w, r)
	})
	p.answers(follow, okList)
	var mu sync.Mutex
	secret := Secret("wrong")
	g, _ := newTestGateway(t, p, func(c *Config) {
		c.Accounts = func(context.Context, string) (Credential, error) {
			mu.Lock()
			defer mu.Unlock()
			return Credential{CorpID: "wwcorp", Secret: secret}, nil
		}
	})
	if _, err := g.Corp("a").FollowUsers(t.Context()); !errors.Is(err, ErrCredentials) {
		t.Fatalf("got %v, want wrong credentials", err)
	}
	mu.Lock()
	secret = corpSecret
	mu.Unlock()
	if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
		t.Errorf("with the right secret: %v", err)
	}
}

func TestTokenFetchBacksOff(t *testing.T) {
	p := newFake(t)
	p.on(path("gettoken"), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	p.answers(follow, okList)
	g, clock := newTestGateway(t, p, nil)
	for range 60 {
		_, err := g.Corp("a").FollowUsers(t.Context())
		var e *Error
		if !errors.As(err, &e) || !e.Retryable() || e.RetryAfter <= 0 {
			t.Fatalf("got %v, want a failure to try again later", err)
		}
		clock.add(time.Second)
	}
	if n := p.count("gettoken"); n > 3 { // at 0, 10 and 30 seconds
		t.Errorf("%d fetches in a minute of failures", n)
	}
	p.on(path("gettoken"), p.lend)
	clock.add(time.Minute)
	if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
		t.Errorf("after recovery: %v", err)
	}
}

// A renewal that fails must not disturb calls that have a good token.
func TestTokenRenewalFailsQuietly(t *testing.T) {
	p := newFake(t)
	p.answers(follow, okList)
	g, clock := newTestGateway(t, p, nil)
	_, _ = g.Corp("a").FollowUsers(t.Context())
	p.answers("gettoken", `{"errcode":40001,"errmsg":"invalid credential"}`)
	clock.add(100 * time.Minute)
	for range 100 {
		if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
			t.Fatal(err)
		}
		g.work.Wait()
		clock.add(time.Second)
	}
	if n := p.count("gettoken"); n != 2 {
		t.Errorf("got %d fetches, want 2", n)
	}
}

func TestTokenFetchEndsWithClose(t *testing.T) {
	p := newFake(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	p.on(path("gettoken"), func(http.ResponseWriter, *http.Request) { <-release })
	g, _ := newTestGateway(t, p, nil)
	failed := make(chan error)
	go func() { _, err := g.Corp("a").FollowUsers(context.Background()); failed <- err }()
	for p.count("gettoken") == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Error("the call succeeded without a token")
	}
	if _, err := g.Corp("a").FollowUsers(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("after Close: got %v", err)
	}
}
