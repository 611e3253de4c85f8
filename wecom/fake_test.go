package wecom

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a platform of a few lines: scripted answers by path, and a count of what it was asked.
type fake struct {
	*httptest.Server
	t        *testing.T
	mu       sync.Mutex
	handlers map[string]http.HandlerFunc
	counts   map[string]int
	tokens   int
	inFlight int
	most     int
}

func newFake(t *testing.T) *fake {
	p := &fake{t: t, handlers: map[string]http.HandlerFunc{}, counts: map[string]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	p.on("/qyapi/cgi-bin/gettoken", p.lend)
	p.on("/weixin/cgi-bin/stable_token", p.lend)
	return p
}

// lend gives a new token each time.
func (p *fake) lend(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.tokens++
	n := p.tokens
	p.mu.Unlock()
	fmt.Fprintf(w, `{"errcode":0,"errmsg":"ok","access_token":"token-%s-%d","expires_in":7200}`, r.URL.Query().Get("corpsecret"), n)
}

func (p *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The server notices that a caller is gone only once it has read all that he sent.
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.mu.Lock()
	p.counts[r.URL.Path]++
	p.inFlight++
	p.most = max(p.most, p.inFlight)
	h := p.handlers[r.URL.Path]
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.inFlight--
		p.mu.Unlock()
	}()
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h(w, r)
}

func (p *fake) on(path string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handlers[path] = h
}

// answers gives one answer after the other; the last one for ever.
func (p *fake) answers(api string, list ...string) {
	var mu sync.Mutex
	p.on(path(api), func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		text := list[0]
		if len(list) > 1 {
			list = list[1:]
		}
		mu.Unlock()
		fmt.Fprint(w, text)
	})
}

func path(api string) string {
	if e := endpointByName[api]; e.host == weixin {
		return "/weixin/" + api
	}
	return "/qyapi/cgi-bin/" + api
}

func (p *fake) count(api string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[path(api)]
}

// clockAt is a clock that moves when told to.
type clockAt struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clockAt) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clockAt) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// secrets that must never be seen again.
const (
	corpSecret = "canary-corp-secret"
	miniSecret = "canary-mini-secret"
	loginCode  = "canary+login/code"
)

func testAccounts(_ context.Context, account string) (Credential, error) {
	switch {
	case strings.HasPrefix(account, "mini"):
		return Credential{AppID: "wxmini", Secret: miniSecret}, nil
	case account == "second":
		return Credential{CorpID: "wwcorp", AgentID: 1000002, Secret: "canary-second-secret"}, nil
	case account == "other":
		return Credential{CorpID: "wwother", AgentID: 1000002, Secret: "canary-other-secret"}, nil
	case account == "unknown":
		return Credential{}, fmt.Errorf("no such account")
	}
	return Credential{CorpID: "wwcorp", AgentID: 1000002, Secret: corpSecret}, nil
}

// newTestGateway makes a gateway for the fake with a clock that stands at noon; change alters its
// configuration.
func newTestGateway(t *testing.T, p *fake, change func(*Config)) (*Gateway, *clockAt) {
	t.Helper()
	clock := &clockAt{t: noon}
	cfg := Config{
		BaseURL: p.URL + "/qyapi", WeixinURL: p.URL + "/weixin",
		Accounts: testAccounts, Now: clock.now, Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g.pause = time.Millisecond
	t.Cleanup(func() { _ = g.Close() })
	return g, clock
}

func newTestRedis(t *testing.T) (*miniredis.Miniredis, *redis.Client) {
	t.Helper()
	m := miniredis.RunT(t)
	c := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { _ = c.Close() })
	return m, c
}

// parallel runs f n times at once and returns the errors.
func parallel(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errs
}

const okList = `{"errcode":0,"errmsg":"ok","follow_user":["ann"]}`

// newSilentRedis is a server that accepts connections and never says a word. It returns how often
// it was connected to.
func newSilentRedis(t *testing.T) (func() int, *redis.Client) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	})
	c := redis.NewClient(&redis.Options{Addr: l.Addr().String()})
	t.Cleanup(func() {
		_ = c.Close()
		_ = l.Close()
		done.Wait()
		for _, c := range conns {
			_ = c.Close()
		}
	})
	return func() int { mu.Lock(); defer mu.Unlock(); return len(conns) }, c
}
