package simulator

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// entry is one platform call, as it was judged.
type entry struct {
	Seq     int64           `json:"seq"`
	Time    time.Time       `json:"time"` // virtual
	Real    int64           `json:"real"` // unix milliseconds of the machine
	API     string          `json:"api"`
	Method  string          `json:"method"`
	Corp    string          `json:"corp,omitempty"`
	AgentID int64           `json:"agentid,omitempty"`
	AppID   string          `json:"appid,omitempty"`
	Query   string          `json:"query,omitempty"` // without tokens, secrets and codes
	Body    json.RawMessage `json:"body,omitempty"`
	Errcode int             `json:"errcode"`
	Effect  bool            `json:"effect"`          // the handler ran and agreed
	Fault   string          `json:"fault,omitempty"` // kind of the fault that struck
	MS      int64           `json:"ms"`              // until the effect
}

// ledger is append-only: the oldest entries are forgotten beyond Config.LedgerMax,
// the counts never.
type ledger struct {
	entries  []entry
	seq      int64
	byAPI    map[string]int
	byCode   map[string]int
	effects  map[string]int
	inFlight int
	peak     int
}

func (l *ledger) enter() {
	l.inFlight++
	l.peak = max(l.peak, l.inFlight)
}

func (l *ledger) leave() { l.inFlight-- }

// note appends one call. The caller holds the lock.
func (s *Simulator) note(c *call, g *gate, err error, started time.Time) {
	l := &s.ledger
	if l.byAPI == nil {
		l.byAPI, l.byCode, l.effects = map[string]int{}, map[string]int{}, map[string]int{}
	}
	l.seq++
	e := entry{
		Seq: l.seq, Time: c.now.UTC(), Real: time.Now().UnixMilli(), API: c.e.api, Method: c.r.Method,
		Query: redactedQuery(c.query), Body: ledgerBody(c), Errcode: errcode(err),
		Effect: err == nil && (g.fault == nil || g.fault.effect()), MS: time.Since(started).Milliseconds(),
	}
	if c.corp != nil {
		e.Corp, e.AgentID = c.corp.ID, c.app.AgentID
	} else {
		e.Corp = c.arg("corpid")
	}
	if c.mini != nil {
		e.AppID = c.mini.AppID
	} else {
		e.AppID = c.arg("appid")
	}
	if g.fault != nil {
		e.Fault = g.fault.Kind
	}
	l.byAPI[e.API]++
	l.byCode[strconv.Itoa(e.Errcode)]++
	if e.Effect {
		l.effects[e.API]++
	}
	l.entries = append(l.entries, e)
	// Trimmed in blocks, so that appending stays cheap.
	if limit := c.w.Config.LedgerMax; len(l.entries) > limit+limit/8+64 {
		l.entries = append([]entry(nil), l.entries[len(l.entries)-limit:]...)
	}
}

func redactedQuery(q url.Values) string {
	keep := url.Values{}
	for k, v := range q {
		if !redact(k) {
			keep[k] = v
		}
	}
	return keep.Encode()
}

// ledgerBody keeps JSON as it came; anything else by size and hash.
func ledgerBody(c *call) json.RawMessage {
	switch {
	case len(c.body) == 0:
		return nil
	case strings.HasPrefix(c.r.Header.Get("Content-Type"), "multipart/") || len(c.body) > 1<<20 || !json.Valid(c.body):
		return mustJSON(fmt.Sprintf("%d bytes, sha256 %x", len(c.body), sha256.Sum256(c.body)))
	case c.e.api == "weixin/cgi-bin/stable_token":
		var in stableTokenRequest
		c.decodeQuietly(&in)
		in.Secret = ""
		return mustJSON(in)
	}
	return json.RawMessage(c.body)
}

// controlLedger lists entries: ?api= pattern, ?errcode=, ?effect=true|false, ?corp=,
// ?after= seq, ?limit= (the last so many; default 1000). ?count=1 leaves the entries out.
func (s *Simulator) controlLedger(c *controlCall) (any, error) {
	q := c.r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 {
		limit = 1000
	}
	after, _ := strconv.ParseInt(q.Get("after"), 10, 64)
	var found []entry
	matched := 0
	for i := len(s.ledger.entries) - 1; i >= 0; i-- {
		e := s.ledger.entries[i]
		if e.Seq <= after {
			break
		}
		if !e.fits(q) {
			continue
		}
		matched++
		if len(found) < limit && q.Get("count") == "" {
			found = append(found, e)
		}
	}
	for i, j := 0, len(found)-1; i < j; i, j = i+1, j-1 {
		found[i], found[j] = found[j], found[i]
	}
	return reply{
		"matched": matched, "entries": list(found), "total": s.ledger.seq,
		"by_api": s.ledger.byAPI, "by_errcode": s.ledger.byCode, "effects": s.ledger.effects,
		"in_flight": s.ledger.inFlight, "max_in_flight": s.ledger.peak,
	}, nil
}

func (e entry) fits(q url.Values) bool {
	return (q.Get("api") == "" || match(q.Get("api"), e.API)) &&
		(q.Get("corp") == "" || q.Get("corp") == e.Corp) &&
		(q.Get("errcode") == "" || q.Get("errcode") == strconv.Itoa(e.Errcode)) &&
		(q.Get("effect") == "" || q.Get("effect") == strconv.FormatBool(e.Effect))
}

// controlLedgerClear starts a new ledger; seq goes on, so entries stay unique.
func (s *Simulator) controlLedgerClear(*controlCall) (any, error) {
	n := len(s.ledger.entries)
	s.ledger = ledger{seq: s.ledger.seq, inFlight: s.ledger.inFlight, peak: s.ledger.inFlight}
	return reply{"cleared": n}, nil
}
