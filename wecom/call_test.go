package wecom

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/silenceper/wechat/v2/miniprogram"
	"github.com/silenceper/wechat/v2/miniprogram/config"
	"github.com/silenceper/wechat/v2/miniprogram/qrcode"
	"github.com/silenceper/wechat/v2/util"
)

const sendWelcome = "externalcontact/send_welcome_msg"

func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestF25_BusyIsRetriedOnlyWhereHarmless(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"-1":     func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"errcode":-1,"errmsg":"busy"}`) },
		"6000":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"errcode":6000,"errmsg":"conflict"}`) },
		"502":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"reset":  reset,
		"500 as": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); fmt.Fprint(w, `{"errcode":0}`) },
	}
	for name, h := range answers {
		t.Run(name, func(t *testing.T) {
			p := newFake(t)
			p.on(path("externalcontact/mark_tag"), h)
			p.on(path(sendWelcome), h)
			g, _ := newTestGateway(t, p, nil)
			err := g.Corp("a").MarkTags(t.Context(), "ann", "wm1", []string{"et1"}, nil)
			if !errors.Is(err, ErrBusy) || p.count("externalcontact/mark_tag") != 3 {
				t.Errorf("repeatable: got %v after %d calls, want busy after 3", err, p.count("externalcontact/mark_tag"))
			}
			err = g.Corp("a").SendWelcome(t.Context(), "code", Welcome{Text: "hi"})
			if p.count(sendWelcome) != 1 {
				t.Errorf("not repeatable: %d calls, want 1", p.count(sendWelcome))
			}
			inDoubt := !strings.ContainsAny(name[:1], "-6") // a code is an answer, the others are none
			if errors.Is(err, ErrInDoubt) != inDoubt || err == nil {
				t.Errorf("not repeatable: got %v, in doubt should be %v", err, inDoubt)
			}
		})
	}
}

func TestBusyOnceSucceeds(t *testing.T) {
	p := newFake(t)
	p.answers(follow, `{"errcode":-1,"errmsg":"busy"}`, `{"errcode":-1,"errmsg":"busy"}`, okList)
	g, _ := newTestGateway(t, p, nil)
	if got, err := g.Corp("a").FollowUsers(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) }
}

func TestF27_UnreadableAnswersAreNeverSuccess(t *testing.T) {
	bomb := func() []byte {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		_, _ = z.Write([]byte(`{"errcode":0,"follow_user":["`))
		for range 100 {
			_, _ = z.Write(bytes.Repeat([]byte("a"), 1<<20))
		}
		_, _ = z.Write([]byte(`"]}`))
		_ = z.Close()
		return buf.Bytes()
	}()
	tests := map[string]http.HandlerFunc{
		"empty":            text(""),
		"html":             text("<html>ok</html>"),
		"malformed":        text(`{"errcode":0,"follow_user":["ann"`),
		"two documents":    text(okList + okList),
		"null":             text("null"),
		"list":             text(`[{"errcode":0}]`),
		"empty object":     text(`{}`),
		"errmsg only":      text(`{"errmsg":"ok"}`),
		"null errcode":     text(`{"errcode":null,"follow_user":[]}`),
		"errcode object":   text(`{"errcode":{},"follow_user":[]}`),
		"errcode fraction": text(`{"errcode":0.5,"follow_user":[]}`),
		"errcode words":    text(`{"errcode":"ok","follow_user":[]}`),
		"wrong type":       text(`{"errcode":0,"follow_user":"ann"}`),
		"wrong types":      text(`{"errcode":0,"follow_user":[1,2]}`),
		"404":              func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); fmt.Fprint(w, okList) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/qyapi/elsewhere", http.StatusFound)
		},
		"half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, okList)
		},
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"errcode":0,"follow_user":["`)
			chunk := bytes.Repeat([]byte("a"), 1<<20)
			for range 100 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
			fmt.Fprint(w, `"]}`)
		},
		"long tail": text(okList + strings.Repeat(" ", maxAnswer)),
		"gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		},
		"not gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, okList)
		},
	}
	for name, h := range tests {
		t.Run(name, func(t *testing.T) {
			p := newFake(t)
			p.on(path(follow), h)
			p.on("/qyapi/elsewhere", text(okList))
			g, _ := newTestGateway(t, p, nil)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			list, err := g.Corp("a").FollowUsers(t.Context())
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrInDoubt) || len(list) != 0 {
				t.Errorf("got %v, %v, want in doubt", list, err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
				t.Errorf("took %d MB of memory", used>>20)
			}
			if p.count(follow) != 1 {
				t.Errorf("asked %d times", p.count(follow))
			}
		})
	}
}

// The same through the SDK, and for calls without a result.
func TestF27_UnreadableAnswersElsewhere(t *testing.T) {
	p := newFake(t)
	g, _ := newTestGateway(t, p, nil)
	for _, answer := range []string{"", "{}", `{"errmsg":"ok"}`, "<html>", `{"errcode":0,"openid":7,"phone_info":[]}`} {
		p.answers("sns/jscode2session", answer)
		p.answers("wxa/business/getuserphonenumber", answer)
		if _, err := g.MiniApp("mini").CodeToSession(t.Context(), "code"); !errors.Is(err, ErrInDoubt) {
			t.Errorf("CodeToSession, %q: got %v", answer, err)
		}
		if _, err := g.MiniApp("mini").PhoneNumber(t.Context(), "code"); !errors.Is(err, ErrInDoubt) {
			t.Errorf("PhoneNumber, %q: got %v", answer, err)
		}
	}
	for _, answer := range []string{"", "{}", `{"errmsg":"ok"}`, "<html>"} {
		p.answers("externalcontact/remark", answer)
		name := "x"
		if err := g.Corp("a").Remark(t.Context(), "ann", "wm1", RemarkChange{Remark: &name}); !errors.Is(err, ErrInDoubt) {
			t.Errorf("Remark, %q: got %v", answer, err)
		}
	}
}

func TestErrcodeAsText(t *testing.T) {
	p := newFake(t)
	g, _ := newTestGateway(t, p, nil)
	p.answers(follow, `{"errcode":"0","errmsg":"ok","follow_user":["ann"]}`, `{"errcode":"60011","errmsg":"no"}`)
	if list, err := g.Corp("a").FollowUsers(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
	if _, err := g.Corp("a").FollowUsers(t.Context()); CodeOf(err) != 60011 {
		t.Errorf("got %v, want 60011", err)
	}
	p.answers("sns/jscode2session", `{"errcode":"0","openid":"o1","session_key":"k"}`, `{"openid":"o1","session_key":"k","unionid":"u1"}`, `{"errcode":"40029","errmsg":"bad"}`)
	for range 2 { // errcode may also be absent here
		if s, err := g.MiniApp("mini").CodeToSession(t.Context(), "code"); err != nil || s.OpenID != "o1" {
			t.Errorf("got %v, %v", s, err)
		}
	}
	if _, err := g.MiniApp("mini").CodeToSession(t.Context(), "code"); !errors.Is(err, ErrLoginCode) {
		t.Errorf("got %v, want ErrLoginCode", err)
	}
}

func TestF26_DeadlinesHold(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := w.Write([]byte(" ")); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, h := range map[string]http.HandlerFunc{"slow body": slow, "no answer": hang} {
		t.Run(name, func(t *testing.T) {
			p := newFake(t)
			p.on(path(follow), h)
			g, _ := newTestGateway(t, p, func(c *Config) { c.Timeouts.Call = 200 * time.Millisecond })
			started := time.Now()
			_, err := g.Corp("a").FollowUsers(t.Context())
			if !errors.Is(err, ErrInDoubt) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want in doubt by deadline", err)
			}
			if spent := time.Since(started); spent > 2*time.Second || p.count(follow) != 1 {
				t.Errorf("took %s and %d calls", spent, p.count(follow))
			}
		})
	}
	t.Run("the caller's own wins", func(t *testing.T) {
		p := newFake(t)
		p.on(path(follow), hang)
		g, _ := newTestGateway(t, p, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		started := time.Now()
		if _, err := g.Corp("a").FollowUsers(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(started) > 2*time.Second {
			t.Errorf("got %v after %s", err, time.Since(started))
		}
	})
	t.Run("through the SDK", func(t *testing.T) {
		p := newFake(t)
		p.on(path("sns/jscode2session"), hang)
		g, _ := newTestGateway(t, p, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := g.MiniApp("mini").CodeToSession(ctx, "code"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		p := newFake(t)
		p.on(path(follow), hang)
		g, _ := newTestGateway(t, p, nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		if _, err := g.Corp("a").FollowUsers(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestS64_TokenGoesToNoOtherHost(t *testing.T) {
	reached := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer elsewhere.Close()
	p := newFake(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		p.on(path(follow), func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/?"+r.URL.RawQuery, status)
		})
		p.on(path("sns/jscode2session"), func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/?"+r.URL.RawQuery, status)
		})
		g, _ := newTestGateway(t, p, nil)
		if _, err := g.Corp("a").FollowUsers(t.Context()); !errors.Is(err, ErrInDoubt) {
			t.Errorf("%d: got %v", status, err)
		}
		if _, err := g.MiniApp("mini").CodeToSession(t.Context(), "code"); !errors.Is(err, ErrInDoubt) {
			t.Errorf("%d: got %v", status, err)
		}
	}
	if reached != 0 {
		t.Errorf("%d redirects followed", reached)
	}
}

func TestS64_OnlyGatewayCallsLeaveTheProcess(t *testing.T) {
	p := newFake(t)
	p.on("/weixin/wxa/getwxacodeunlimit", text(`{}`))
	_, _ = newTestGateway(t, p, nil)
	for _, address := range []string{"https://example.com/", "https://qyapi.weixin.qq.com/cgi-bin/gettoken", p.URL + "/qyapi/cgi-bin/gettoken"} {
		if _, err := util.HTTPGet(address); err == nil || !strings.Contains(err.Error(), errOutside.Error()) {
			t.Errorf("%s: got %v, want a refusal", address, err)
		}
	}
	// QR codes bypass the SDK's own URL modifier; the client stops them too.
	mini := miniprogram.NewMiniProgram(&config.Config{AppID: "wx", AppSecret: "s", Cache: noCache{}})
	if _, err := mini.GetQRCode().GetWXACodeUnlimit(qrcode.QRCoder{}); err == nil || !strings.Contains(err.Error(), errOutside.Error()) {
		t.Errorf("QR code: got %v, want a refusal", err)
	}
}

type noCache struct{}

func (noCache) Get(string) any                       { return "token" }
func (noCache) Set(string, any, time.Duration) error { return nil }
func (noCache) IsExist(string) bool                  { return true }
func (noCache) Delete(string) error                  { return nil }

// A request made through the SDK within a gateway call goes to the configured host, prefix and all.
func TestSDKQRCodeGoesWhereTheGatewayGoes(t *testing.T) {
	p := newFake(t)
	var asked string
	p.on("/weixin/wxa/getwxacodeunlimit", func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Get("access_token")
		fmt.Fprint(w, `{"errcode":0}`)
	})
	g, _ := newTestGateway(t, p, nil)
	a := g.mustApp(t, weixin)
	for _, host := range []string{"example.com", qyapi, strings.TrimPrefix(p.URL, "http://")} { // not this call's
		err := g.run(t.Context(), a, endpointByName["sns/jscode2session"], nil, func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/weixin/sns/jscode2session", nil)
			if err != nil {
				return err
			}
			_, err = g.client.Do(req)
			return err
		})
		if err == nil || len(p.counts) != 0 {
			t.Errorf("%s: %v, asked %v", host, err, p.counts)
		}
	}
	api := &endpoint{Limit: Limit{API: "wxa/getwxacodeunlimit"}, host: weixin}
	err := g.run(t.Context(), a, api, nil, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.weixin.qq.com/wxa/getwxacodeunlimit?access_token=x", nil)
		if err != nil {
			return err
		}
		resp, err := util.DefaultHTTPClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	})
	if err != nil || asked != "token--1" {
		t.Errorf("got %v, token %q", err, asked)
	}
}

func TestBaseURLs(t *testing.T) {
	for _, bad := range []string{"qyapi.weixin.qq.com", "ftp://host", "http://", "http://u:p@host", "http://host?x=1", "http://host#f", "http://ho st"} {
		if _, err := New(Config{Accounts: testAccounts, BaseURL: bad}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	bases, err := baseURLs(Config{BaseURL: "http://127.0.0.1:8090/qyapi/"})
	if err != nil || bases[qyapi].String() != "http://127.0.0.1:8090/qyapi" || bases[weixin].String() != "https://api.weixin.qq.com" {
		t.Errorf("got %v, %v", bases, err)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a gateway without accounts was accepted")
	}
	if _, err := New(Config{Accounts: testAccounts, Limits: []Limit{{API: "nonsense"}}}); err == nil {
		t.Error("a limit for an unknown API was accepted")
	}
}

func TestAccountsThatCannotCall(t *testing.T) {
	p := newFake(t)
	g, _ := newTestGateway(t, p, nil)
	if _, err := g.Corp("unknown").FollowUsers(t.Context()); err == nil {
		t.Error("an unknown account could call")
	}
	if _, err := g.Corp("mini").FollowUsers(t.Context()); !errors.Is(err, ErrCredentials) {
		t.Errorf("a mini-program as a corp: got %v", err)
	}
	if _, err := g.MiniApp("a").CodeToSession(t.Context(), "code"); !errors.Is(err, ErrCredentials) {
		t.Errorf("a corp as a mini-program: got %v", err)
	}
}

// Whatever goes wrong, no secret, token or code is in what comes back.
func TestS65_NoSecretInAnyError(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		code := 40035
		fmt.Fprintf(w, `{"errcode":%d,"errmsg":%q}`, code, r.URL.RawQuery+" "+r.URL.Query().Encode()+" "+string(body))
	}
	failures := map[string]http.HandlerFunc{
		"echo": echo, "reset": reset,
		"502": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/?"+r.URL.RawQuery, http.StatusFound)
		},
		"hang":  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"html":  text("<html>"),
		"42001": text(expired),
	}
	calls := map[string]func(context.Context, *Gateway) error{
		"FollowUsers": func(ctx context.Context, g *Gateway) error { _, err := g.Corp("a").FollowUsers(ctx); return err },
		"UserFromCode": func(ctx context.Context, g *Gateway) error {
			_, err := g.Corp("a").UserFromCode(ctx, loginCode)
			return err
		},
		"StaffSession": func(ctx context.Context, g *Gateway) error {
			_, err := g.Corp("a").CodeToSession(ctx, loginCode)
			return err
		},
		"Session": func(ctx context.Context, g *Gateway) error {
			_, err := g.MiniApp("mini").CodeToSession(ctx, loginCode)
			return err
		},
		"Phone": func(ctx context.Context, g *Gateway) error {
			_, err := g.MiniApp("mini").PhoneNumber(ctx, loginCode)
			return err
		},
		"Welcome": func(ctx context.Context, g *Gateway) error {
			return g.Corp("a").SendWelcome(ctx, loginCode, Welcome{Text: "hi"})
		},
	}
	canaries := []string{corpSecret, miniSecret, loginCode, "canary", "token-", "127.0.0.1"}
	for failure, h := range failures {
		for where, token := range map[string]bool{"token": true, "call": false} {
			p := newFake(t)
			for _, e := range endpoints {
				if strings.HasSuffix(e.API, "token") == token {
					p.on(path(e.API), h)
				}
			}
			var log bytes.Buffer
			g, _ := newTestGateway(t, p, func(c *Config) {
				c.Timeouts.Call = 100 * time.Millisecond
				c.Logger = newTextLogger(&log)
			})
			for name, call := range calls {
				err := call(t.Context(), g)
				if token && name == "Session" {
					continue // needs no token
				}
				if err == nil {
					t.Errorf("%s, %s at the %s: no error", name, failure, where)
					continue
				}
				for _, c := range canaries {
					if shown := fmt.Sprintf("%v %+v %q %s", err, err, err, log.String()); strings.Contains(shown, c) {
						t.Errorf("%s, %s at the %s: %q is shown in %s", name, failure, where, c, shown)
					}
				}
			}
		}
	}
}

func TestF48_UnreachablePlatform(t *testing.T) {
	p := newFake(t)
	p.answers("gettoken", `{"errcode":0,"access_token":"t","expires_in":7200}`)
	p.answers(follow, okList)
	g, clock := newTestGateway(t, p, nil)
	if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
		t.Fatal(err)
	}
	down := httptest.NewServer(nil)
	down.Close()
	bases, _ := baseURLs(Config{BaseURL: down.URL})
	working := g.bases
	g.bases = bases
	// Not repeatable, but nothing was sent: not in doubt.
	if err := g.Corp("a").SendWelcome(t.Context(), "code", Welcome{Text: "hi"}); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want busy", err)
	}
	for range 4 {
		_, err := g.Corp("a").FollowUsers(t.Context())
		var e *Error
		if !errors.As(err, &e) || e.Class != ClassBusy || !e.Retryable() {
			t.Fatalf("got %v, want busy", err)
		}
	}
	g.bases = working
	before := p.count(follow)
	for range 20 {
		_, _ = g.Corp("a").FollowUsers(t.Context())
	}
	if n := p.count(follow) - before; n != 0 {
		t.Errorf("%d calls went out although the line was held to be down", n)
	}
	clock.add(time.Minute)
	for range 20 {
		if _, err := g.Corp("a").FollowUsers(t.Context()); err != nil {
			t.Fatalf("after recovery: %v", err)
		}
	}
}

func TestMetrics(t *testing.T) {
	p := newFake(t)
	p.answers(follow, okList, `{"errcode":60011,"errmsg":"no"}`)
	r := prometheus.NewRegistry()
	g, _ := newTestGateway(t, p, func(c *Config) { c.Metrics = r })
	for range 3 {
		_, _ = g.Corp("a").FollowUsers(t.Context())
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			key := f.GetName()
			for _, l := range m.Label {
				key += " " + l.GetValue()
			}
			got[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for key, want := range map[string]float64{
		"zhiyin_wecom_calls_total a " + follow + " ok":         1,
		"zhiyin_wecom_calls_total a " + follow + " permission": 2,
		"zhiyin_wecom_token_fetches_total a ok token":          1,
		"zhiyin_wecom_requests_in_flight a":                    0,
		"zhiyin_wecom_request_seconds a " + follow:             3,
	} {
		if n, ok := got[key]; !ok || n != want {
			t.Errorf("%s: got %v, want %v", key, n, want)
		}
	}
	if _, err := New(Config{Accounts: testAccounts, Metrics: r}); err == nil {
		t.Error("a second gateway registered the same metrics")
	}
}
