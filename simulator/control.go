package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// controlCall is one call of the control API.
type controlCall struct {
	s    *Simulator
	r    *http.Request
	body []byte
}

// refusal is an error of the control API, answered with 400.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// decode reads the JSON body; unknown fields are refused, so that a typing error in a test is seen.
func (c *controlCall) decode(in any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(in); err != nil {
		return refuse("body: %v", err)
	}
	return nil
}

// corp is the corp named by ?corp=, or the first.
func (c *controlCall) corp() (*corp, error) { return c.s.world.corpNamed(c.r.URL.Query().Get("corp")) }

func (w *world) corpNamed(id string) (*corp, error) {
	if id == "" {
		id = w.corpIDs()[0]
	}
	if c := w.Corps[id]; c != nil {
		return c, nil
	}
	return nil, refuse("no corp %q", id)
}

func (w *world) miniNamed(appid string) (*miniApp, error) {
	if appid == "" && len(w.MiniApps) > 0 {
		appid = w.miniAppIDs()[0]
	}
	if m := w.MiniApps[appid]; m != nil {
		return m, nil
	}
	return nil, refuse("no mini-program %q", appid)
}

// controlRoute is one call of the control API. Most run with the world locked; those
// that wait or talk to others (free) lock for themselves.
type controlRoute struct {
	method, path string
	doc          string
	free         bool
	do           func(*controlCall) (any, error)
}

func (s *Simulator) controlTable() []controlRoute {
	table := []controlRoute{
		{"GET", "/_sim/world", "ids, credentials and sizes of every corp and mini-program; ?full=1 adds staff and groups", false, s.controlWorld},
		{"POST", "/_sim/corps", "new corp {name, company{staff,customers,tags,groups}}", false, s.controlCorpAdd},
		{"POST", "/_sim/apps", "new app, or change one {corp, agentid, name, rights, visible_users, visible_parties, trusted_ips, trusted_domains}", false, s.controlApp},
		{"POST", "/_sim/miniapps", "new mini-program {appid, name, corp, unbound}", false, s.controlMiniAdd},
		{"GET", "/_sim/clock", "virtual time", false, s.controlClockGet},
		{"POST", "/_sim/clock", "move it {advance: \"90s\"} or {set: RFC 3339}", false, s.controlClock},
		{"GET", "/_sim/config", "all configurable numbers", false, s.controlConfigGet},
		{"PUT", "/_sim/config", "change those named", false, s.controlConfigPut},
		{"GET", "/_sim/state", "the whole world as JSON", true, s.controlStateGet},
		{"PUT", "/_sim/state", "replace the world", true, s.controlStatePut},
		{"GET", "/_sim/ledger", "platform calls: ?api= ?errcode= ?effect= ?corp= ?after= ?limit= ?count=1", false, s.controlLedger},
		{"DELETE", "/_sim/ledger", "start a new ledger", false, s.controlLedgerClear},
		{"GET", "/_sim/faults", "planned faults and the kinds there are", false, s.controlFaultList},
		{"POST", "/_sim/faults", "plan one {api, kind, skip, times, errcode, status, ms, mb, location}", false, s.controlFaultAdd},
		{"DELETE", "/_sim/faults", "clear all, or ?id=", false, s.controlFaultClear},
		{"POST", "/_sim/tokens/revoke", "kill access tokens early {corp, agentid, appid, errcode}", false, s.controlRevoke},
		{"GET", "/_sim/welcomes", "welcome codes, what was sent and how fast; ?count=1", false, s.controlWelcomes},
		{"GET", "/_sim/messages", "app messages received by members", false, s.controlMessages},
		{"GET", "/_sim/mass", "mass messages, who confirmed and what became of each; ?msgid= ?count=1", false, s.controlMass},
		{"GET", "/_sim/moments", "moments, who published and who saw them", false, s.controlMoments},
		{"GET", "/_sim/subscribed", "?appid= subscribe messages received, templates and consents left", false, s.controlSubscribed},
		{"GET", "/_sim/media_checks", "?appid= pictures that the platform was asked to look at", false, s.controlMediaChecks},
		{"GET", "/_sim/kf", "customer-service accounts, their messages and sessions", false, s.controlKf},
		{"GET", "/_sim/customers", "?userid= ?limit= customers with their relations", false, s.controlCustomers},
		{"POST", "/_sim/callback", "where events go {corp, agentid | appid, url, token, aes_key, format, plain, events}", false, s.controlCallback},
		{"POST", "/_sim/callback/verify", "send the verification GET {corp, agentid | appid}", true, s.controlVerify},
		{"POST", "/_sim/callback/raw", "send a plaintext now {…, plain, times, receiver, skew, flip, same_bytes}", true, s.controlRaw},
		{"GET", "/_sim/callback/rules", "rules for events on their way", false, s.controlRules},
		{"POST", "/_sim/callback/rules", "{event, change_type, times, duplicate, delay_ms, drop, reorder}", false, s.controlRuleAdd},
		{"DELETE", "/_sim/callback/rules", "clear them", false, s.controlRulesClear},
		{"GET", "/_sim/callbacks", "delivery log: ?status= ?event= (pattern of event/change) ?after= ?limit=", false, s.controlCallbacks},
		{"GET", "/_sim/callbacks/stats", "counts and latency of deliveries", false, s.controlCallbackStats},
		{"DELETE", "/_sim/callbacks", "clear the log", false, s.controlCallbacksClear},
		{"POST", "/_sim/callbacks/wait", "wait until nothing is on its way {timeout_ms}", true, s.controlCallbacksWait},
		{"GET", "/_sim/life", "is life on, and what has happened", false, s.controlLifeGet},
		{"POST", "/_sim/life", "{on, per_minute} or {steps}", true, s.controlLife},
		{"POST", "/_sim/act/scan/bulk", "n new people scan {corp, states|config_ids, n, rate per second, async}", true, s.actBulk},
	}
	return append(table, s.actTable()...)
}

func (s *Simulator) controlRoutes(m *http.ServeMux) {
	table := s.controlTable()
	for _, route := range table {
		m.Handle(route.method+" "+route.path, s.control(route))
	}
	m.HandleFunc("GET /_sim/{$}", func(rw http.ResponseWriter, _ *http.Request) {
		var control, platform []reply
		for _, r := range table {
			control = append(control, reply{"method": r.method, "path": r.path, "doc": r.doc})
		}
		for _, e := range endpointList() {
			platform = append(platform, e.describe())
		}
		writeJSON(rw, http.StatusOK, encodeJSON(reply{"control": control, "platform": platform}))
	})
}

// describe is an endpoint's line in the listing.
func (e endpoint) describe() reply {
	base := "/qyapi/cgi-bin/"
	if strings.HasPrefix(e.api, "weixin/") {
		base = "/"
	}
	out := reply{"api": e.api, "method": e.method, "path": base + e.api, "right": e.right, "repeatable": e.safe}
	if len(e.limits) > 0 {
		out["limits"] = e.limits
	}
	if e.do.body != nil {
		var fields []string
		for i := range e.do.body.NumField() {
			f := e.do.body.Field(i)
			fields = append(fields, strings.TrimSpace(f.Tag.Get("json")+" "+f.Tag.Get("max")))
		}
		out["body"] = fields
	}
	return out
}

func (s *Simulator) control(route controlRoute) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 512<<20))
		if err != nil {
			writeJSON(rw, http.StatusRequestEntityTooLarge, encodeJSON(reply{"error": err.Error()}))
			return
		}
		c := &controlCall{s: s, r: r, body: body}
		status, out := s.controlled(route, c)
		writeJSON(rw, status, out)
	})
}

// controlled runs a control call and encodes its result while the lock is still held.
func (s *Simulator) controlled(route controlRoute, c *controlCall) (int, []byte) {
	if !route.free {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	v, err := route.do(c)
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return http.StatusBadRequest, encodeJSON(reply{"error": err.Error()})
	case err != nil:
		return http.StatusInternalServerError, encodeJSON(reply{"error": err.Error()})
	}
	if raw, ok := v.(json.RawMessage); ok {
		return http.StatusOK, raw
	}
	return http.StatusOK, encodeJSON(v)
}
