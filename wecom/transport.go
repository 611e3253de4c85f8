package wecom

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/silenceper/wechat/v2/util"
)

// maxAnswer bounds the answer of the platform, unpacked.
const maxAnswer = 4 << 20

// baseURLs says where each platform host really is.
func baseURLs(cfg Config) (map[string]*url.URL, error) {
	bases := map[string]*url.URL{}
	for host, text := range map[string]string{qyapi: cfg.BaseURL, weixin: cfg.WeixinURL} {
		if text == "" {
			text = "https://" + host
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("wecom: the address for %s must look like https://host/prefix", host)
		}
		u.Path = strings.TrimRight(u.Path, "/")
		bases[host] = u
	}
	return bases, nil
}

// newWire makes the transport that touches the network.
func newWire(dial time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dial, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// sdkClient is the client of all calls. The SDK reaches the network only through its package-wide
// client, so that has to be this one; which gateway is meant stands in the request's context.
var sdkClient = sync.OnceValue(func() *http.Client {
	c := &http.Client{
		Transport: transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	util.DefaultHTTPClient = c
	return c
})

// attempt is one try of one call: what the transport needs to send it, and what it found out. The
// SDK turns failures into text, so the verdict is taken here, from the answer itself.
type attempt struct {
	g     *Gateway
	app   *app
	api   *endpoint
	token string   // the access token, when the API needs one
	hide  []string // values of this call that must not reach an error
	wrote atomic.Bool
	err   *Error
	body  []byte // the whole answer of a successful try
}

type attemptKey struct{}

var errOutside = errors.New("wecom: request outside of a gateway call refused")

// transport sends a request that names a platform host to where Config says, with the token put in
// at the last moment: neither our code nor the SDK's ever has a real token in a URL that an error
// could show. Anything but a readable success is an error, so that nobody acts on half an answer.
type transport struct{}

// RoundTrip implements http.RoundTripper.
func (transport) RoundTrip(req *http.Request) (*http.Response, error) {
	at, _ := req.Context().Value(attemptKey{}).(*attempt)
	if at == nil || at.g.bases[req.URL.Host] == nil || req.URL.Host != at.app.host {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, errOutside
	}
	resp, err := at.exchange(req)
	if err != nil {
		at.err = err
		return nil, err
	}
	return resp, nil
}

func (at *attempt) exchange(req *http.Request) (*http.Response, *Error) {
	line := at.api.host
	if wait := at.g.lines.down(line); wait > 0 {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, at.fail(ClassBusy, "the platform cannot be reached", withRetry(wait))
	}
	resp, err := at.g.wire.RoundTrip(at.address(req))
	if err != nil {
		at.g.lines.note(line, at.wrote.Load() || req.Context().Err() != nil)
		return nil, at.lost(req.Context(), err)
	}
	at.g.lines.note(line, true)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, at.status(resp)
	}
	body, e := at.read(req.Context(), resp.Body)
	if e != nil {
		return nil, e
	}
	if !at.api.picture || !isPicture(body) {
		if body, e = at.judge(body); e != nil {
			return nil, e
		}
	}
	at.body = body
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	return resp, nil
}

// address points a copy of the request at the configured base and fills in what is secret.
func (at *attempt) address(req *http.Request) *http.Request {
	out := req.Clone(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { at.wrote.Store(true) },
	}))
	base := at.g.bases[req.URL.Host]
	out.URL.Scheme, out.URL.Host, out.Host = base.Scheme, base.Host, base.Host
	out.URL.Path, out.URL.RawPath = base.Path+req.URL.Path, ""
	q := out.URL.Query()
	if !at.api.open {
		q.Set("access_token", at.token)
	}
	for _, name := range []string{"corpsecret", "secret"} {
		if q.Has(name) {
			q.Set(name, at.app.cred.Secret.Reveal())
		}
	}
	out.URL.RawQuery = q.Encode()
	return out
}

// lost judges a request that brought no answer.
func (at *attempt) lost(ctx context.Context, err error) *Error {
	if cause := ctx.Err(); cause != nil {
		class := ClassUnknown
		if !at.wrote.Load() {
			class = ClassBusy
		}
		return at.fail(class, "no answer in time", withCause(cause))
	}
	// Only the innermost text: the outer ones may hold the URL.
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if at.wrote.Load() && !at.api.repeatable {
		return at.fail(ClassUnknown, "connection lost before an answer: "+err.Error())
	}
	return at.fail(ClassBusy, err.Error(), withAgain)
}

// status judges an HTTP status that is not 200; the platform itself only answers 200.
func (at *attempt) status(resp *http.Response) *Error {
	text := fmt.Sprintf("HTTP status %d", resp.StatusCode)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return at.fail(ClassRate, text)
	case resp.StatusCode >= 500 && at.api.repeatable:
		return at.fail(ClassBusy, text, withAgain)
	}
	return at.fail(ClassUnknown, text)
}

// read takes the whole answer, unpacked, up to maxAnswer.
func (at *attempt) read(ctx context.Context, r io.Reader) ([]byte, *Error) {
	body, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, at.fail(ClassUnknown, "the answer did not end in time", withCause(ctx.Err()))
	case err != nil:
		return nil, at.fail(ClassUnknown, "the answer broke off")
	case len(body) > maxAnswer:
		return nil, at.fail(ClassUnknown, "the answer is larger than 4 MB")
	}
	return body, nil
}

type detail func(*Error)

func withRetry(d time.Duration) detail { return func(e *Error) { e.RetryAfter = d } }
func withCause(err error) detail       { return func(e *Error) { e.cause = err } }
func withCode(code int) detail         { return func(e *Error) { e.Code = code } }
func withAgain(e *Error)               { e.again = true }

// fail makes the error of this try, with everything secret taken out of the text.
func (at *attempt) fail(class Class, text string, details ...detail) *Error {
	e := &Error{
		API: at.api.API, Account: at.app.account, Class: class, repeatable: at.api.repeatable,
		Message: redact(text, append([]string{at.token, at.app.cred.Secret.Reveal()}, at.hide...)),
	}
	for _, d := range details {
		d(e)
	}
	return e
}

// lines remembers hosts that cannot be connected to. After five failures in a row it lets one call
// through now and then, so that a platform that comes back is not met by everybody at once.
type lines struct {
	now   func() time.Time
	mu    sync.Mutex
	hosts map[string]*line
}

type line struct {
	failures int
	until    time.Time
}

const lineFailures = 5

// down says how long calls to the host should not be tried; zero lets this one through.
func (l *lines) down(host string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hosts[host]
	if h == nil || h.failures < lineFailures {
		return 0
	}
	now := l.now()
	if wait := h.until.Sub(now); wait > 0 {
		return wait
	}
	h.until = now.Add(h.pause()) // this one is the trial
	return 0
}

// note records whether a call got through to the host.
func (l *lines) note(host string, reached bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reached {
		delete(l.hosts, host)
		return
	}
	if l.hosts == nil {
		l.hosts = map[string]*line{}
	}
	h := l.hosts[host]
	if h == nil {
		h = &line{}
		l.hosts[host] = h
	}
	h.failures++
	h.until = l.now().Add(h.pause())
}

// pause doubles from one second to thirty, half of it at random.
func (h *line) pause() time.Duration {
	d := min(time.Second<<min(max(h.failures-lineFailures, 0), 5), 30*time.Second)
	return d/2 + rand.N(d/2)
}
