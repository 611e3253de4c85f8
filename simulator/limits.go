package simulator

import (
	"fmt"
	"strings"
	"time"
)

// window is one frequency limit: at most Max calls in Seconds, and whoever exceeds
// it is refused for Block seconds (0 = until the window ends).
type window struct {
	Per     string `json:"per"` // corp or app (agent, or mini-program)
	Seconds int64  `json:"seconds"`
	Max     int    `json:"max"`
	Block   int64  `json:"block_seconds"`
}

// limiter counts calls by window and calls in flight.
type limiter struct {
	counts   map[string]*count
	inFlight map[string]int
	swept    int64
}

type count struct {
	start   int64 // of the window
	length  int64
	n       int
	blocked int64 // until
}

func (l *limiter) reset() {
	l.counts, l.inFlight = map[string]*count{}, map[string]int{}
}

// enter counts a call that has passed authentication. It returns the concurrency
// slot to give back and 45009 or 45033 when the call is one too many.
func (l *limiter) enter(c *call) (string, error) {
	who, agent := c.owner()
	slot := who + " " + c.e.api
	l.inFlight[slot]++
	if max := c.w.Config.concurrency(c.e.api); max > 0 && l.inFlight[slot] > max {
		return slot, fail(45033)
	}
	for i, win := range c.windows() {
		key := fmt.Sprint(who, " ", c.e.api, " ", i)
		if win.Per == "app" {
			key = fmt.Sprint(who, "/", agent, " ", c.e.api, " ", i)
		}
		if !l.allow(key, win, c.now) {
			return slot, fail(45009)
		}
	}
	return slot, nil
}

func (l *limiter) leave(slot string) {
	if slot == "" {
		return
	}
	if l.inFlight[slot]--; l.inFlight[slot] <= 0 {
		delete(l.inFlight, slot)
	}
}

// allow counts one call against a window. Days begin at 0:00 UTC+8.
func (l *limiter) allow(key string, win window, now time.Time) bool {
	if win.Max <= 0 || win.Seconds <= 0 {
		return true
	}
	t := now.Unix()
	start := (t+8*3600)/win.Seconds*win.Seconds - 8*3600
	k := l.counts[key]
	if k == nil || k.start != start {
		blocked := int64(0)
		if k != nil {
			blocked = k.blocked
		}
		k = &count{start: start, length: win.Seconds, blocked: blocked}
		l.counts[key] = k
		l.sweep(t)
	}
	if t < k.blocked {
		return false
	}
	if k.n++; k.n <= win.Max {
		return true
	}
	k.blocked, k.n = t+win.Block, 0 // the block is the penalty; afterwards counting starts again
	if win.Block == 0 {
		k.blocked = start + win.Seconds
	}
	return false
}

// sweep forgets windows that are over, about once a minute of virtual time.
func (l *limiter) sweep(t int64) {
	if t < l.swept+60 && t >= l.swept {
		return
	}
	l.swept = t
	for key, k := range l.counts {
		if k.start+k.length < t && k.blocked < t {
			delete(l.counts, key)
		}
	}
}

// owner is whom the limits count: corp and agent, or the mini-program.
func (c *call) owner() (string, int64) {
	switch {
	case c.corp != nil:
		return c.corp.ID, c.app.AgentID
	case c.mini != nil:
		return c.mini.AppID, 0
	case strings.HasPrefix(c.e.api, "weixin/cgi-bin/stable_token"):
		var in stableTokenRequest
		if c.decodeQuietly(&in) {
			return in.AppID, 0
		}
	}
	if id := c.arg("corpid"); id != "" {
		return id, 0
	}
	return c.arg("appid"), 0
}

// windows lists the limits of this call: those configured for it, or the general and its own.
func (c *call) windows() []window {
	if own, ok := c.w.Config.Limits[c.e.api]; ok {
		return own
	}
	if c.e.free || strings.HasPrefix(c.e.api, "weixin/") {
		return c.e.limits
	}
	general := c.w.Config.Limits["*"]
	return append(general[:len(general):len(general)], c.e.limits...)
}

func (k Config) concurrency(api string) int {
	if n, ok := k.Concurrency[api]; ok {
		return n
	}
	for pattern, n := range k.Concurrency {
		if match(pattern, api) {
			return n
		}
	}
	return 0
}
