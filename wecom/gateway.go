// Package wecom is the platform gateway: the one way in which this product speaks to WeCom
// (企业微信, qyapi.weixin.qq.com) and to the mini-program platform (api.weixin.qq.com), and the only
// package that knows the WeChat SDK. It offers what the product needs in the product's words and
// hides addresses, tokens, limits and codes.
//
// Every call has a deadline, a rate budget per corp and API that replicas share through Redis, a
// bounded number of calls in flight, retries where the platform says that they are safe, one
// replay after a token has died, a circuit for APIs that the platform has closed, and an *Error
// that carries the platform's code. Nothing that a caller gets back contains a token or a secret.
//
// Endpoints whose SDK types are right and which take a context go through the SDK; most of it lacks
// a context, loses error codes or sends fields that nobody set, so the others are our own calls.
// Both travel the same transport.
package wecom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Config is what a Gateway is made of. Only Accounts is required.
type Config struct {
	// BaseURL replaces https://qyapi.weixin.qq.com; a path in it is kept as a prefix.
	BaseURL string
	// WeixinURL replaces https://api.weixin.qq.com in the same way.
	WeixinURL string
	// Redis holds what replicas share and may lose: tokens, rate windows, circuits. Nil, or a server
	// that is down or slower than 200 ms, makes each replica decide from its own memory.
	Redis redis.UniversalClient
	// KeyPrefix stands before every Redis key; default "zhiyin:wecom:".
	KeyPrefix string
	// Now is the clock by which tokens, windows and circuits run out; default time.Now.
	Now func() time.Time
	// Accounts finds an account's credential by the account's short name. It is asked before every
	// call, so it should answer from memory; a changed secret takes effect with the next call.
	Accounts func(ctx context.Context, account string) (Credential, error)
	// Logger hears of refusals and closed circuits, without personal data; default slog.Default().
	Logger *slog.Logger
	// Metrics is where the gateway's metrics are registered; nil registers none.
	Metrics prometheus.Registerer
	// Limits replace the rows of [DefaultLimits] that name the same API.
	Limits []Limit
	// MaxInFlight bounds the requests in flight per corp or mini-program; default 32. A quarter of
	// them is kept for calls that somebody waits for: welcome messages and sign-in.
	MaxInFlight int
	// Timeouts bound each call; a deadline in the caller's context wins when it is earlier.
	Timeouts Timeouts
}

// Timeouts are the default bounds of a call. Zero values mean the defaults.
type Timeouts struct {
	Dial   time.Duration // to connect, and again for TLS; default 3 s
	Call   time.Duration // all tries of one call together; default 10 s
	Upload time.Duration // the same for uploads; default 60 s
	Wait   time.Duration // the longest wait for a rate budget; default 30 s
}

// Credential is what the platform knows one of our accounts by.
type Credential struct {
	CorpID  string // 企业ID; of WeCom accounts
	AgentID int64  // 应用 AgentID of the self-built app; of WeCom accounts
	AppID   string // of mini-programs
	Secret  Secret // of the app or of the mini-program
}

// Gateway speaks to the platform for any number of accounts. Safe for concurrent use.
type Gateway struct {
	accounts func(context.Context, string) (Credential, error)
	bases    map[string]*url.URL // by the platform's own host name
	client   *http.Client
	wire     *http.Transport
	lines    *lines
	now      func() time.Time
	log      *slog.Logger
	metrics  *metrics
	timeouts Timeouts
	inFlight int
	limits   map[string]Limit
	shared   *shared
	circuits *circuits
	budgets  *budgets
	gates    *gates
	keeper   *keeper
	pause    time.Duration // unit of the waits between tries

	ctx  context.Context // ends with Close; token fetches outlive the call that began them
	stop context.CancelFunc
	work sync.WaitGroup
	mu   sync.Mutex // keeps work from growing once Close waits for it
}

// New makes a gateway. Besides, it sets the SDK's package-wide util.DefaultHTTPClient to one that
// sends nothing except on behalf of a gateway call; several gateways may live in one process.
// Close it after use.
func New(cfg Config) (*Gateway, error) {
	if cfg.Accounts == nil {
		return nil, errors.New("wecom: Config.Accounts is missing")
	}
	bases, err := baseURLs(cfg)
	if err != nil {
		return nil, err
	}
	limits, err := limitTable(cfg.Limits)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, fmt.Errorf("wecom: register metrics: %w", err)
	}
	g := &Gateway{
		accounts: cfg.Accounts,
		bases:    bases,
		now:      cfg.Now,
		log:      cmp.Or(cfg.Logger, slog.Default()),
		metrics:  m,
		timeouts: Timeouts{
			Dial:   cmp.Or(cfg.Timeouts.Dial, 3*time.Second),
			Call:   cmp.Or(cfg.Timeouts.Call, 10*time.Second),
			Upload: cmp.Or(cfg.Timeouts.Upload, 60*time.Second),
			Wait:   cmp.Or(cfg.Timeouts.Wait, 30*time.Second),
		},
		inFlight: cmp.Or(cfg.MaxInFlight, 32),
		limits:   limits,
		pause:    200 * time.Millisecond,
	}
	if g.now == nil {
		g.now = time.Now
	}
	g.ctx, g.stop = context.WithCancel(context.Background())
	g.wire = newWire(g.timeouts.Dial)
	g.client = sdkClient()
	g.lines = &lines{now: g.now}
	g.shared = newShared(cfg.Redis, cmp.Or(cfg.KeyPrefix, "zhiyin:wecom:"))
	g.circuits = &circuits{g: g, states: map[string]*circuitState{}}
	g.budgets = &budgets{g: g, purses: map[string]*purse{}}
	g.gates = &gates{g: g, open: map[string]*gate{}}
	g.keeper = &keeper{g: g, items: map[string]*item{}}
	return g, nil
}

// Close gives up token fetches under way, waits for them and closes idle connections. Calls in
// flight end by their own deadlines. The Redis client stays open. Repeatable.
func (g *Gateway) Close() error {
	g.mu.Lock()
	g.stop()
	g.mu.Unlock()
	g.work.Wait()
	g.wire.CloseIdleConnections()
	return nil
}

// spawn runs f beside the calls and reports whether it did: not after Close.
func (g *Gateway) spawn(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx.Err() != nil {
		return false
	}
	g.work.Go(f)
	return true
}

// Corp speaks for a WeCom account, named by its short name. The account is looked up on each call.
func (g *Gateway) Corp(account string) *Corp { return &Corp{g: g, account: account} }

// MiniApp speaks for a mini-program account, named by its short name.
func (g *Gateway) MiniApp(account string) *MiniApp { return &MiniApp{g: g, account: account} }

// Corp is one WeCom app as one of our accounts. All methods fail with *Error.
type Corp struct {
	g       *Gateway
	account string
}

// MiniApp is one mini-program as one of our accounts. All methods fail with *Error.
type MiniApp struct {
	g       *Gateway
	account string
}
