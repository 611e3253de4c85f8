package simulator

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// receiver names an app or a mini-program.
type receiver struct {
	Corp    string `json:"corp"`
	AgentID int64  `json:"agentid"`
	AppID   string `json:"appid"`
	OpenID  string `json:"openid"` // of the pushing user, for raw mini-program pushes
}

// find returns where the receiver's callback settings live and how to seal for it.
func (s *Simulator) find(to receiver) (*callbackSpec, envelope, error) {
	now := s.nowLocked()
	if to.AppID != "" {
		m, err := s.world.miniNamed(to.AppID)
		if err != nil {
			return nil, envelope{}, err
		}
		return &m.Push, m.envelope(to.OpenID, now), nil
	}
	c, err := s.world.corpNamed(to.Corp)
	if err != nil {
		return nil, envelope{}, err
	}
	if to.AgentID == 0 {
		to.AgentID = firstAgent
	}
	a := c.Apps[to.AgentID]
	if a == nil {
		return nil, envelope{}, refuse("no app %d", to.AgentID)
	}
	return &a.Callback, c.envelope(a, now), nil
}

// controlCallback sets what it names; url "" stops the callbacks.
func (s *Simulator) controlCallback(c *controlCall) (any, error) {
	var in struct {
		receiver
		URL    *string   `json:"url"`
		Token  *string   `json:"token"`
		AESKey *string   `json:"aes_key"`
		Format *string   `json:"format"`
		Plain  *bool     `json:"plain"`
		Events *[]string `json:"events"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	spec, _, err := s.find(in.receiver)
	if err != nil {
		return nil, err
	}
	next := *spec
	assign(&next.URL, in.URL)
	assign(&next.Token, in.Token)
	assign(&next.AESKey, in.AESKey)
	assign(&next.Format, in.Format)
	assign(&next.Plain, in.Plain)
	assign(&next.Events, in.Events)
	if err := next.check(); err != nil {
		return nil, err
	}
	*spec = next
	return next, nil
}

// controlVerify makes the platform's verification GET: the answer must be the plain
// echostr and nothing else, within one second.
func (s *Simulator) controlVerify(c *controlCall) (any, error) {
	var in receiver
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	_, e, err := s.find(in)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	want := random(16)
	address, err := e.verification(want)
	if err != nil {
		return nil, refuse("%v", err)
	}
	started := time.Now()
	status, body, err := s.courier.send(http.MethodGet, address, "", time.Second)
	out := reply{"status": status, "ms": time.Since(started).Milliseconds(), "ok": err == nil && status == http.StatusOK && body == want}
	if err != nil {
		out["error"] = withoutURL(err)
	} else if body != want {
		out["error"] = "the answer is not the plain echostr"
	}
	return out, nil
}

func (e envelope) verification(want string) (string, error) {
	stamp, nonce := strconv.FormatInt(e.at.Unix(), 10), random(8)
	if e.mini {
		q := url.Values{"timestamp": {stamp}, "nonce": {nonce}, "echostr": {want}, "signature": {sign(e.spec.Token, stamp, nonce)}}
		return join(e.spec.URL, q), nil
	}
	echo, err := sealMessage(e.spec.AESKey, [16]byte([]byte(random(8))), want, e.receiver)
	if err != nil {
		return "", err
	}
	q := url.Values{"timestamp": {stamp}, "nonce": {nonce}, "echostr": {echo}, "msg_signature": {sign(e.spec.Token, stamp, nonce, echo)}}
	return join(e.spec.URL, q), nil
}

type rawRequest struct {
	receiver
	tampering
	URL       string `json:"url"` // instead of the configured one
	Plain     string `json:"plain"`
	Token     string `json:"token"`
	AESKey    string `json:"aes_key"`
	Times     int    `json:"times"`      // POSTs, default 1
	SameBytes bool   `json:"same_bytes"` // repeat the very same bytes instead of sealing anew
	AtOnce    bool   `json:"at_once"`    // all in parallel
	Seal      bool   `json:"seal_only"`  // send nothing, return what would be sent
}

type rawResult struct {
	sealed
	Status int     `json:"status"`
	Answer string  `json:"answer"`
	MS     float64 `json:"ms"`
	Error  string  `json:"error,omitempty"`
}

// controlRaw posts a plaintext of the caller's making, at once and without retries.
func (s *Simulator) controlRaw(c *controlCall) (any, error) {
	var in rawRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	_, e, err := s.find(in.receiver)
	timeout := time.Duration(s.world.Config.Callback.TimeoutMS) * time.Millisecond
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	e.spec.URL, e.spec.Token, e.spec.AESKey = cmp.Or(in.URL, e.spec.URL), cmp.Or(in.Token, e.spec.Token), cmp.Or(in.AESKey, e.spec.AESKey)
	results := make([]rawResult, max(in.Times, 1))
	for i := range results {
		if i > 0 && in.SameBytes {
			results[i].sealed = results[0].sealed
			continue
		}
		results[i].sealed, err = e.seal(in.Plain, e.at, in.tampering)
		if err != nil {
			return nil, refuse("%v", err)
		}
	}
	if !in.Seal {
		s.sendAll(results, timeout, in.AtOnce)
	}
	return reply{"results": results}, nil
}

func (s *Simulator) sendAll(results []rawResult, timeout time.Duration, atOnce bool) {
	var wg sync.WaitGroup
	for i := range results {
		one := func() {
			r := &results[i]
			started := time.Now()
			var err error
			if r.Status, r.Answer, err = s.courier.send(http.MethodPost, r.URL, r.Body, timeout); err != nil {
				r.Error = withoutURL(err)
			}
			r.MS = float64(time.Since(started).Microseconds()) / 1000
		}
		if atOnce {
			wg.Go(one)
		} else {
			one()
		}
	}
	wg.Wait()
}

func (s *Simulator) controlRules(*controlCall) (any, error) {
	s.courier.mu.Lock()
	defer s.courier.mu.Unlock()
	rules := []rule{}
	for _, r := range s.courier.rules {
		rules = append(rules, *r)
	}
	return reply{"rules": rules}, nil
}

func (s *Simulator) controlRuleAdd(c *controlCall) (any, error) {
	r := &rule{}
	if err := c.decode(r); err != nil {
		return nil, err
	}
	s.courier.mu.Lock()
	defer s.courier.mu.Unlock()
	r.ID, r.Used = int64(len(s.courier.rules)+1), 0
	s.courier.rules = append(s.courier.rules, r)
	return *r, nil
}

func (s *Simulator) controlRulesClear(*controlCall) (any, error) {
	s.courier.mu.Lock()
	defer s.courier.mu.Unlock()
	n := len(s.courier.rules)
	s.courier.rules = nil
	return reply{"cleared": n}, nil
}

func (s *Simulator) controlCallbacks(c *controlCall) (any, error) {
	q := c.r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 {
		limit = 1000
	}
	after, _ := strconv.ParseInt(q.Get("after"), 10, 64)
	return reply{"deliveries": list(s.courier.deliveries(q.Get("status"), q.Get("event"), after, limit))}, nil
}

func (s *Simulator) controlCallbackStats(*controlCall) (any, error) { return s.courier.stats(), nil }

func (s *Simulator) controlCallbacksClear(*controlCall) (any, error) {
	return reply{"cleared": s.courier.clear()}, nil
}

// controlCallbacksWait answers when every delivery has found its end, or says that it did not in time.
func (s *Simulator) controlCallbacksWait(c *controlCall) (any, error) {
	in := struct {
		TimeoutMS int `json:"timeout_ms"`
	}{10_000}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	end := time.Now().Add(time.Duration(in.TimeoutMS) * time.Millisecond)
	for !s.courier.idle() && time.Now().Before(end) && s.sleep(c.r, 5*time.Millisecond) {
	}
	return reply{"idle": s.courier.idle()}, nil
}
