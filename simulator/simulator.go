package simulator

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Company says how large the first corp of a new world is. The zero value is an
// empty corp: the root department and one app, nobody in it.
type Company struct {
	Staff     int `json:"staff"`
	Customers int `json:"customers"`
	Tags      int `json:"tags"`
	Groups    int `json:"groups"`
}

// Options configure a Simulator. The zero value is useful: an empty corp, the
// wall clock, no latency, lenient bodies.
type Options struct {
	Seed    int64            // same seed and Company, same world
	Company Company          // size of the first corp
	Now     func() time.Time // base clock, default time.Now; POST /_sim/clock moves what is shown from it
	Latency time.Duration    // default latency of every platform answer
	Logger  *slog.Logger     // default: discard
	Strict  bool             // reject unknown fields and over-long values instead of logging them
}

// Simulator is a WeCom and WeChat platform in memory. It is safe for concurrent use.
type Simulator struct {
	base    func() time.Time
	log     *slog.Logger
	routes  map[string]*endpoint
	courier *courier
	mux     *http.ServeMux
	done    chan struct{} // closed by Close; releases hangs and sleeps

	mu      sync.Mutex // guards everything below
	world   *world
	limiter limiter
	faults  faults
	ledger  ledger
	life    *life
	running sync.WaitGroup // life and bulk acts
	closed  bool
}

// New builds the world that the options describe and starts the callback courier.
// The caller must Close it.
func New(o Options) *Simulator {
	s := &Simulator{
		base:   o.Now,
		log:    o.Logger,
		routes: routeTable(),
		done:   make(chan struct{}),
	}
	if s.base == nil {
		s.base = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.world = newWorld(o.Seed)
	s.world.Config.Strict = o.Strict
	s.world.Config.LatencyMS = int(o.Latency.Milliseconds())
	s.world.seedCorp("", "知音商贸（演示）", o.Company, s.base())
	s.world.addMiniApp("", "知音会员中心", s.world.corpIDs()[0])
	s.courier = newCourier(s.now, s.log)
	s.courier.configure(s.world.Config.Callback)
	s.limiter.reset()
	s.mux = s.newMux()
	return s
}

// Handler serves the platform (/qyapi, /weixin, the authorize pages, images) and
// the control API (/_sim/).
func (s *Simulator) Handler() http.Handler { return s.mux }

// Close stops life, bulk acts and callback deliveries, releases hanging answers
// and waits until all of them have ended. It may be called more than once.
func (s *Simulator) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	s.mu.Unlock()
	s.running.Wait()
	s.courier.close()
	return nil
}

func (s *Simulator) newMux() *http.ServeMux {
	m := http.NewServeMux()
	m.Handle("/qyapi/cgi-bin/", http.HandlerFunc(s.servePlatform))
	m.Handle("/weixin/", http.HandlerFunc(s.servePlatform))
	for _, prefix := range []string{"", "/open", "/login"} {
		m.HandleFunc("GET "+prefix+"/connect/oauth2/authorize", s.authorize)
		m.HandleFunc("GET "+prefix+"/wwlogin/sso/login", s.authorize)
		m.HandleFunc("GET "+prefix+"/wwopen/sso/qrConnect", s.authorize)
	}
	m.HandleFunc("GET /qr/{file}", s.serveQR)
	m.HandleFunc("GET /img/{file}", s.serveImage)
	m.HandleFunc("GET /avatar/{file}", s.serveAvatar)
	s.controlRoutes(m)
	return m
}

// apiName turns a request path into the name used in ledger, faults and limits:
// "externalcontact/get" for WeCom, "weixin/sns/jscode2session" for WeChat.
func apiName(path string) string {
	if name, ok := strings.CutPrefix(path, "/qyapi/cgi-bin/"); ok {
		return name
	}
	return strings.TrimPrefix(path, "/")
}
