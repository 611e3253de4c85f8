package simulator

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// token is an access token or, with Kind set, a JS ticket.
type token struct {
	Value   string    `json:"value"`
	Kind    string    `json:"kind,omitempty"` // "", jsapi, agent, stable
	Corp    string    `json:"corp,omitempty"`
	Agent   int64     `json:"agent,omitempty"`
	AppID   string    `json:"appid,omitempty"`
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	DeadAs  int       `json:"dead_as,omitempty"` // errcode after early revocation
}

// random gives 2n hex digits that nobody can guess, unlike the seeded ids.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// current finds the living token of an owner; living means usable now.
func (w *world) current(kind, corp string, agent int64, appid string, now time.Time) *token {
	var best *token
	for _, t := range w.Tokens {
		if t.Kind == kind && t.Corp == corp && t.Agent == agent && t.AppID == appid && t.DeadAs == 0 && now.Before(t.Expires) {
			if best == nil || t.Expires.After(best.Expires) {
				best = t
			}
		}
	}
	return best
}

func (w *world) issue(t token, now time.Time, seconds int) *token {
	for value, old := range w.Tokens { // a day later nobody asks whether it was expired or unknown
		if now.Sub(old.Expires) > 24*time.Hour {
			delete(w.Tokens, value)
		}
	}
	t.Value, t.Issued, t.Expires = random(64), now, now.Add(time.Duration(seconds)*time.Second)
	w.Tokens[t.Value] = &t
	return &t
}

func (c *call) life(t *token, full int) int {
	if c.w.Config.TokenFullLife {
		return full
	}
	return max(1, int(t.Expires.Sub(c.now)/time.Second))
}

func getToken(c *call) (any, error) {
	corpID, secret := c.arg("corpid"), c.arg("corpsecret")
	frozen := window{Seconds: 3600, Max: c.w.Config.BadTokenCallsPerHour, Block: 3600}
	key := "gettoken faults " + corpID
	if k := c.s.limiter.counts[key]; k != nil && c.now.Unix() < k.blocked {
		return nil, fail(45009)
	}
	a, err := c.w.appBySecret(corpID, secret, remoteIP(c.r))
	if err != nil {
		c.s.limiter.allow(key, frozen, c.now)
		return nil, err
	}
	t := c.w.current("", corpID, a.AgentID, "", c.now)
	if t == nil {
		t = c.w.issue(token{Corp: corpID, Agent: a.AgentID}, c.now, c.w.Config.TokenSeconds)
	}
	return reply{"access_token": t.Value, "expires_in": c.life(t, c.w.Config.TokenSeconds)}, nil
}

func (w *world) appBySecret(corpID, secret, ip string) (*app, error) {
	switch {
	case corpID == "":
		return nil, fail(41002)
	case secret == "":
		return nil, fail(41004)
	case w.Corps[corpID] == nil:
		return nil, fail(40013)
	}
	for id, other := range w.Corps {
		for _, a := range other.Apps {
			if a.Secret != secret {
				continue
			}
			if id != corpID {
				return nil, fail(40091)
			}
			if len(a.TrustedIPs) > 0 && !slices.Contains(a.TrustedIPs, ip) {
				return nil, fail(60020)
			}
			return a, nil
		}
	}
	return nil, fail(40001)
}

func platformIPs(*call) (any, error) {
	return reply{"ip_list": []string{"127.0.0.1", "::1"}}, nil
}

func corpTicket(c *call) (any, error) { return c.ticket("jsapi", 0) }

func agentTicket(c *call) (any, error) {
	if c.arg("type") != "agent_config" {
		return nil, fail(91040)
	}
	return c.ticket("agent", c.app.AgentID)
}

func (c *call) ticket(kind string, agent int64) (any, error) {
	t := c.w.current(kind, c.corp.ID, agent, "", c.now)
	if t == nil {
		t = c.w.issue(token{Kind: kind, Corp: c.corp.ID, Agent: agent}, c.now, c.w.Config.TicketSeconds)
	}
	return reply{"ticket": t.Value, "expires_in": c.life(t, c.w.Config.TicketSeconds)}, nil
}

type stableTokenRequest struct {
	GrantType    string `json:"grant_type"`
	AppID        string `json:"appid"`
	Secret       string `json:"secret"`
	ForceRefresh bool   `json:"force_refresh"`
}

func (c *call) decodeQuietly(in any) bool { return json.Unmarshal(c.body, in) == nil }

// miniToken issues a new token each time; the one before lives five minutes more.
func miniToken(c *call) (any, error) {
	m, err := c.w.miniBySecret(c.arg("grant_type"), c.arg("appid"), c.arg("secret"), remoteIP(c.r))
	if err != nil {
		return nil, err
	}
	if old := c.w.current("", "", 0, m.AppID, c.now); old != nil {
		old.Expires = earlier(old.Expires, c.now.Add(5*time.Minute))
	}
	t := c.w.issue(token{AppID: m.AppID}, c.now, c.w.Config.TokenSeconds)
	c.exact = true
	return reply{"access_token": t.Value, "expires_in": c.life(t, c.w.Config.TokenSeconds)}, nil
}

// miniStableToken returns the same token within its life, a new one in the last five
// minutes (both work then); force_refresh kills the old one at once.
func miniStableToken(c *call, in *stableTokenRequest) (any, error) {
	m, err := c.w.miniBySecret(in.GrantType, in.AppID, in.Secret, remoteIP(c.r))
	if err != nil {
		return nil, err
	}
	old := c.w.current("stable", "", 0, m.AppID, c.now)
	if in.ForceRefresh {
		if err := c.force(m, old); err != nil {
			return nil, err
		}
		old = nil
	}
	if old == nil || old.Expires.Sub(c.now) <= 5*time.Minute {
		old = c.w.issue(token{Kind: "stable", AppID: m.AppID}, c.now, c.w.Config.TokenSeconds)
	}
	c.exact = true
	return reply{"access_token": old.Value, "expires_in": c.life(old, c.w.Config.TokenSeconds)}, nil
}

func (c *call) force(m *miniApp, old *token) error {
	if c.now.Sub(m.Forced) < 30*time.Second {
		return fail(45011)
	}
	if !c.s.limiter.allow("force "+m.AppID, window{Seconds: day, Max: c.w.Config.StableForcePerDay}, c.now) {
		return fail(45009)
	}
	m.Forced = c.now
	if old != nil {
		old.DeadAs = 40001
	}
	return nil
}

func (w *world) miniBySecret(grant, appid, secret, ip string) (*miniApp, error) {
	m := w.MiniApps[appid]
	switch {
	case grant != "client_credential":
		return nil, fail(40035, "grant_type")
	case appid == "":
		return nil, fail(41002)
	case secret == "":
		return nil, fail(41004)
	case m == nil:
		return nil, fail(40013)
	case m.Secret != secret:
		return nil, fail(40125)
	case len(m.TrustedIPs) > 0 && !slices.Contains(m.TrustedIPs, ip):
		return nil, fail(40164)
	}
	return m, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

type revokeRequest struct {
	Corp    string `json:"corp"`
	AgentID int64  `json:"agentid"`
	AppID   string `json:"appid"`
	Errcode int    `json:"errcode"` // what later calls hear; default 40014, for mini-programs 40001
}

// controlRevoke kills living access tokens early. Without a corp and an appid it kills all.
func (s *Simulator) controlRevoke(c *controlCall) (any, error) {
	var in revokeRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	n := 0
	for _, t := range s.world.Tokens {
		ours := (in.Corp == "" || t.Corp == in.Corp) && (in.AgentID == 0 || t.Agent == in.AgentID) && (in.AppID == "" || t.AppID == in.AppID)
		if !ours || t.DeadAs != 0 || (t.Kind != "" && t.Kind != "stable") {
			continue
		}
		t.DeadAs = in.Errcode
		if in.Errcode == 0 {
			t.DeadAs = 40014
			if t.AppID != "" {
				t.DeadAs = 40001
			}
		}
		n++
	}
	return reply{"revoked": n}, nil
}

// secretNames are query parameters that never enter the ledger.
var secretNames = []string{"access_token", "corpsecret", "secret", "js_code", "code"}

func redact(key string) bool { return slices.Contains(secretNames, strings.ToLower(key)) }
