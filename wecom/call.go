package wecom

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"time"
)

const (
	busyTries  = 3 // for -1, 6000, HTTP 5xx and lost connections, of calls that may be repeated
	crowdTries = 8 // for 45033, which the platform answers before doing anything
)

// request is what one call sends.
type request struct {
	query url.Values
	body  any    // encoded as JSON, unless raw is set
	raw   []byte // a multipart form, with its type
	form  string
	hide  []string // values that must not reach an error: login codes
}

// call makes one call for the app and decodes the answer into out, which
// may be nil and stays empty after a failure.
func (g *Gateway) call(ctx context.Context, a *app, name string, r request, out any) error {
	api := endpointByName[name]
	body, kind := r.raw, r.form
	if r.body != nil {
		var err error
		if body, err = encode(r.body); err != nil {
			return &Error{API: name, Account: a.account, Class: ClassBadInput, Message: "the request cannot be encoded"}
		}
		kind = "application/json; charset=utf-8"
	}
	method := http.MethodPost
	if api.get {
		method = http.MethodGet
	}
	address := api.url()
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	return g.run(ctx, a, api, r.hide, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
		if err != nil {
			return err
		}
		if kind != "" {
			req.Header.Set("Content-Type", kind)
		}
		resp, err := g.client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || out == nil {
			return err
		}
		if picture, ok := out.(*[]byte); ok {
			*picture = answer
			return nil
		}
		if err := json.Unmarshal(answer, out); err != nil {
			reflect.ValueOf(out).Elem().SetZero() // half an answer is none
			return err
		}
		return nil
	})
}

// encode is JSON without the HTML escapes, which the platform would count against its limits.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

// run makes a call in one or more tries. send makes one request with the context it is given; what
// it returns matters only when the transport itself found nothing wrong with the answer.
func (g *Gateway) run(ctx context.Context, a *app, api *endpoint, hide []string, send func(context.Context) error) error {
	c := &course{g: g, a: a, api: api, left: g.timeout(api)}
	var err *Error
	for {
		at := &attempt{g: g, app: a, api: api, hide: hide}
		if err = c.try(ctx, at, send); err == nil {
			break
		}
		wait, again := c.next(ctx, at, err)
		if !again || !sleep(ctx, wait) {
			break
		}
	}
	g.metrics.called(a.account, api.API, err)
	if err == nil {
		return nil // a nil *Error would not be a nil error
	}
	return err
}

func (g *Gateway) timeout(api *endpoint) time.Duration {
	switch l := g.limits[api.API]; {
	case l.Timeout > 0:
		return l.Timeout
	case api.upload:
		return g.timeouts.Upload
	}
	return g.timeouts.Call
}

// course is the course of one call through its tries.
type course struct {
	g        *Gateway
	a        *app
	api      *endpoint
	left     time.Duration // of the call's time; waiting in our own queues is not counted
	busy     int
	crowded  int
	replayed bool
}

// try makes one request, after everything that has to allow it.
func (c *course) try(ctx context.Context, at *attempt, send func(context.Context) error) *Error {
	g := c.g
	if err := g.circuits.blocked(ctx, at); err != nil {
		return err
	}
	if err := g.budgets.take(ctx, at); err != nil {
		return err
	}
	if !c.api.open {
		token, err := g.keeper.get(ctx, g.tokens(c.a))
		if err != nil {
			return c.noToken(err)
		}
		at.token = token
	}
	one, all := g.gates.of(c.a, c.api)
	pass := []*gate{one, all}
	if c.api.lends() {
		pass = pass[:1] // calls that wait for the token hold no place, and it waits for none of theirs
	}
	for _, gate := range pass {
		if err := gate.enter(ctx, c.api.urgent, g.timeouts.Wait); err != nil {
			return at.fail(ClassBusy, "given up while waiting for a free place", withCause(err))
		}
		defer gate.leave()
	}
	// Others may have met a closed door while this call was waiting.
	if err := g.circuits.blocked(ctx, at); err != nil {
		return err
	}
	err := c.send(ctx, at, send)
	c.learn(ctx, at, err, one, all)
	return err
}

// noToken says that the call failed because there is no token; it was not made.
func (c *course) noToken(err error) *Error {
	e := *err.(*Error)
	e.Message = e.API + ": " + e.Message
	e.API, e.Account, e.again = c.api.API, c.a.account, false
	if e.Class == ClassUnknown {
		e.Class = ClassBusy // the fetch is in doubt, but this call surely has not happened
	}
	return &e
}

// send makes the request within what is left of the call's time.
func (c *course) send(ctx context.Context, at *attempt, send func(context.Context) error) *Error {
	started := time.Now()
	defer func() { c.left -= time.Since(started) }()
	defer c.g.metrics.request(c.a.account, c.api.API)()
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, attemptKey{}, at), max(c.left, time.Millisecond))
	defer cancel()
	err := send(ctx)
	switch {
	case at.err != nil:
		return at.err
	case err != nil && at.body != nil:
		return at.fail(ClassUnknown, "the answer has an unexpected shape")
	case err != nil:
		return at.fail(ClassBadInput, "the request could not be made")
	}
	return nil
}

// learn draws the consequences of an answer for the calls after it.
func (c *course) learn(ctx context.Context, at *attempt, err *Error, one, all *gate) {
	g, key := c.g, subjects(c.a, c.api)
	if err != nil && (err.Class == ClassCredential || err.Class == ClassPermission || err.Code == 45009) {
		g.log.WarnContext(ctx, "platform refuses calls", "api", c.api.API, "account", c.a.account, "errcode", err.Code, "class", err.Class.String())
	}
	if err == nil {
		one.answered()
		if !c.api.lends() {
			all.answered()
		}
		g.circuits.clear(ctx, key[0])
		return
	}
	switch {
	case err.Code == 45009:
		err.RetryAfter = g.circuits.block(ctx, key[0], err.Code, err.Class, rateFirst, rateLast)
		one.doubt()
	case err.Code == 45033:
		one.crowded(g.now())
	case c.api.lends():
		// The keeper decides; a token that still works goes on working.
	case err.Code == 48002:
		err.RetryAfter = g.circuits.block(ctx, key[1], err.Code, err.Class, refusalRest, refusalRest)
		one.doubt()
	case err.Class == ClassCredential || err.Code == 60020:
		err.RetryAfter = g.circuits.block(ctx, key[2], err.Code, err.Class, refusalRest, refusalRest)
		all.doubt()
	case err.Code > 0:
		// A refusal of this one call still shows that calls are welcome.
		one.answered()
		all.answered()
	}
}

// next decides whether and when the call is tried again.
func (c *course) next(ctx context.Context, at *attempt, err *Error) (time.Duration, bool) {
	if ctx.Err() != nil || c.left <= 0 {
		return 0, false
	}
	switch {
	case err.Class == ClassToken && err.Code != 41001 && at.token != "" && !c.replayed:
		// The platform refused before doing anything, so every call may be replayed.
		c.replayed = true
		return 0, c.g.keeper.reject(c.g.tokens(c.a), at.token)
	case err.Code == 45033 && err.RetryAfter == 0 && c.crowded < crowdTries:
		c.crowded++
		return c.jitter(c.crowded), true
	case err.again && c.api.repeatable && c.busy < busyTries-1:
		c.busy++
		return c.jitter(c.busy), true
	}
	return 0, false
}

// jitter is a random part of a pause that doubles with every try.
func (c *course) jitter(try int) time.Duration {
	return rand.N(min(c.g.pause<<(try-1), 10*c.g.pause)) + time.Millisecond
}
