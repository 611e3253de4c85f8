package simulator

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

const maxBody = 32 << 20

// servePlatform takes one platform call from the wire to its answer: admission,
// faults and latency without the lock, the effect with it, then what faults do to the answer.
func (s *Simulator) servePlatform(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err != nil {
		http.Error(rw, "body too large", http.StatusRequestEntityTooLarge)
		return
	}
	name := apiName(r.URL.Path)
	e := s.routes[name]
	if e == nil {
		e = &endpoint{api: name, method: r.Method, open: true, do: plain(unknownAPI)}
	}
	c := &call{s: s, e: e, r: r, query: r.URL.Query(), body: body}
	// Multipart handlers read the body again under the lock, from memory.
	r.Body = io.NopCloser(bytes.NewReader(body))

	started := time.Now()
	gate := s.admit(c)
	defer s.leave(gate)
	if !s.sleep(r, gate.latency) || !s.before(rw, c, gate) {
		return
	}
	out := s.perform(c, gate, started)
	s.after(rw, c, gate.fault, out)
}

func unknownAPI(*call) (any, error) { return nil, fail(40066) }

// gate is what was decided when a call arrived.
type gate struct {
	fault   *fault
	latency time.Duration
	refused error  // rate or concurrency
	slot    string // counted concurrency
}

// admit authenticates, counts the call against the limits and picks the fault that will hit it.
func (s *Simulator) admit(c *call) *gate {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.w, c.now = s.world, s.nowLocked()
	g := &gate{fault: s.faults.take(c.e.api), latency: time.Duration(s.world.Config.LatencyMS) * time.Millisecond}
	s.ledger.enter()
	if c.authenticate() == nil {
		g.slot, g.refused = s.limiter.enter(c)
	}
	return g
}

func (s *Simulator) leave(g *gate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limiter.leave(g.slot)
	s.ledger.leave()
}

// answer is the outcome of a call whose effect has happened, or was refused.
type answer struct {
	file *file
	json []byte
}

// perform runs the handler under the lock and writes the ledger.
func (s *Simulator) perform(c *call, g *gate, started time.Time) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.w, c.now = s.world, s.nowLocked() // time has passed, and the state may have been imported anew
	v, err := s.run(c, g)
	s.note(c, g, err, started)
	if f, ok := v.(*file); ok && err == nil {
		return answer{file: f}
	}
	return answer{json: c.encode(v, err)}
}

func (s *Simulator) run(c *call, g *gate) (any, error) {
	if g.fault != nil && g.fault.Kind == faultErrcode {
		return nil, fail(g.fault.Errcode)
	}
	if c.r.Method != c.e.method {
		if c.e.method == "POST" {
			return nil, fail(43002)
		}
		return nil, fail(43001)
	}
	if err := c.authenticate(); err != nil {
		return nil, err
	}
	if g.refused != nil {
		return nil, g.refused
	}
	if g.fault != nil && g.fault.Kind == faultSilentDrop {
		return nil, nil
	}
	v, err := c.e.do.run(c)
	if len(c.notes) > 0 {
		s.log.Warn("simulator: body outside the documented shape", slog.String("api", c.e.api), slog.Any("notes", c.notes))
	}
	return v, err
}

// authenticate resolves the token to corp and app, or to a mini-program, and checks right and address.
func (c *call) authenticate() error {
	if c.e.open {
		return nil
	}
	text := c.arg("access_token")
	if text == "" {
		return fail(41001)
	}
	t := c.w.Tokens[text]
	weixin := strings.HasPrefix(c.e.api, "weixin/")
	switch {
	case t == nil || (t.AppID != "") != weixin || (t.Kind != "" && t.Kind != "stable"):
		if weixin {
			return fail(40001)
		}
		return fail(40014)
	case t.DeadAs != 0:
		return fail(t.DeadAs)
	case !c.now.Before(t.Expires):
		return fail(42001)
	}
	if weixin {
		c.mini = c.w.MiniApps[t.AppID]
		return nil
	}
	c.corp = c.w.Corps[t.Corp]
	c.app = c.corp.Apps[t.Agent]
	if len(c.app.TrustedIPs) > 0 && !slices.Contains(c.app.TrustedIPs, remoteIP(c.r)) {
		return fail(60020)
	}
	if c.e.right != "" && !slices.Contains(c.app.Rights, c.e.right) {
		return fail(48002)
	}
	return nil
}
