package callback_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"zhiyin/api/callback"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/account"
	"zhiyin/service/clock"
	"zhiyin/service/intake"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

const (
	token  = "simtoken"
	aesKey = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
	corpID = "wwsim0000000000001"
	appID  = "wxsim0000000000001"
)

// fakeAccounts stands for the account capability.
type fakeAccounts struct {
	rows  map[string]*model.Account
	sets  []account.KeySet
	err   error
	asked atomic.Int64
}

func (a *fakeAccounts) CallbackKeys(_ context.Context, name string) ([]account.KeySet, *model.Account, error) {
	a.asked.Add(1)
	if a.err != nil {
		return nil, nil, a.err
	}
	row := a.rows[name]
	if row == nil {
		return nil, nil, account.ErrNotFound
	}
	return a.sets, row, nil
}

func init() { gin.SetMode(gin.ReleaseMode) }

// world is one replica of the callback face with a database behind it.
type world struct {
	t        testing.TB
	clock    *clock.Fake
	db       *gorm.DB
	accounts *fakeAccounts
	logs     *bytes.Buffer
	deps     callback.Deps
	handler  http.Handler
	key      *wecom.Crypto // of the corp
	appKey   *wecom.Crypto // of the mini-program
	nonces   atomic.Int64
}

func newWorld(t testing.TB, change ...func(*callback.Deps)) *world {
	t.Helper()
	return newReplica(t, modeltest.DSN(t), change...)
}

func newReplica(t testing.TB, dsn string, change ...func(*callback.Deps)) *world {
	t.Helper()
	w := &world{
		t: t, clock: clock.NewFake(noon), db: modeltest.Open(t, dsn), logs: &bytes.Buffer{},
		key: newKey(t, token, aesKey, corpID), appKey: newKey(t, token, aesKey, appID),
		accounts: &fakeAccounts{
			rows: map[string]*model.Account{
				"acme": {ID: 1, Kind: account.KindWeCom, Name: "acme", PlatformID: corpID},
				"shop": {ID: 2, Kind: account.KindMiniApp, Name: "shop", PlatformID: appID},
			},
			sets: []account.KeySet{{Token: token, AESKey: aesKey}},
		},
	}
	log := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.deps = callback.Deps{
		Accounts: w.accounts, Now: w.clock.Now, Logger: log,
		Inbox: intake.New(intake.Deps{DB: w.db, Queue: work.New(w.db, w.clock.Now), Now: w.clock.Now, Logger: log}),
	}
	for _, c := range change {
		c(&w.deps)
	}
	w.mount()
	return w
}

// mount puts the handler together anew, from what deps says now.
func (w *world) mount() {
	e := gin.New()
	callback.New(w.deps).Mount(e)
	w.handler = e
}

func newKey(t testing.TB, token, aesKey, receiver string) *wecom.Crypto {
	t.Helper()
	k, err := wecom.NewCrypto(token, aesKey, receiver)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// request is one callback as a test wants it.
type request struct {
	method, path string
	query        url.Values
	body         string
	header       http.Header
	remote       string
}

func (w *world) timestamp() string { return strconv.FormatInt(w.clock.Now().Unix(), 10) }

// push seals a message as the platform does, each time anew.
func (w *world) push(message string) request {
	return w.seal(w.key, w.key.Encrypt([]byte(message)))
}

func (w *world) seal(key *wecom.Crypto, sealed string) request {
	ts, nonce := w.timestamp(), fmt.Sprintf("n%d", w.nonces.Add(1))
	return request{
		method: http.MethodPost, path: "/callback/wecom/acme",
		query: url.Values{"msg_signature": {key.Sign(ts, nonce, sealed)}, "timestamp": {ts}, "nonce": {nonce}},
		body:  "<xml>\n<ToUserName><![CDATA[" + corpID + "]]></ToUserName>\n<AgentID><![CDATA[1000002]]></AgentID>\n<Encrypt><![CDATA[" + sealed + "]]></Encrypt>\n</xml>",
	}
}

func (w *world) miniPush(message string) request {
	r := w.seal(w.appKey, w.appKey.Encrypt([]byte(message)))
	r.path = "/callback/miniapp/shop"
	r.query.Set("encrypt_type", "aes")
	r.query.Set("signature", w.appKey.Sign(r.query.Get("timestamp"), r.query.Get("nonce"), ""))
	r.query.Set("openid", "o1")
	return r
}

func (w *world) check(echo string) request {
	r := w.seal(w.key, w.key.Encrypt([]byte(echo)))
	r.method, r.body = http.MethodGet, ""
	sealed := w.key.Encrypt([]byte(echo))
	r.query.Set("echostr", sealed)
	r.query.Set("msg_signature", w.key.Sign(r.query.Get("timestamp"), r.query.Get("nonce"), sealed))
	return r
}

func (w *world) do(r request) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.doRaw(r, r.query.Encode())
}

func (w *world) doRaw(r request, query string) *httptest.ResponseRecorder {
	w.t.Helper()
	req := httptest.NewRequest(r.method, r.path+"?"+query, strings.NewReader(r.body))
	for name, values := range r.header {
		req.Header[name] = values
	}
	if r.remote != "" {
		req.RemoteAddr = r.remote
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	return rec
}

// send bypasses the parsing of addresses, so that any query reaches the handler.
func (w *world) send(method string, u *url.URL, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, u.Path, strings.NewReader(body))
	req.URL = u
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	return rec
}

// want sends a request and holds the answer against a status.
func (w *world) want(r request, status int) *httptest.ResponseRecorder {
	w.t.Helper()
	rec := w.do(r)
	if rec.Code != status {
		w.t.Fatalf("%s %s: got %d %q, want %d", r.method, r.path, rec.Code, rec.Body, status)
	}
	return rec
}

// wantRefused holds that nothing at all can be learnt from the answer, and that nothing was stored.
func (w *world) wantRefused(what string, rec *httptest.ResponseRecorder) {
	w.t.Helper()
	if rec.Code != http.StatusForbidden || rec.Body.Len() != 0 || len(rec.Header()) != 0 {
		w.t.Errorf("%s: got %d %q %v, want 403, no body, no header", what, rec.Code, rec.Body, rec.Header())
	}
	w.wantRows(0)
}

func (w *world) wantRows(n int64) {
	w.t.Helper()
	if got := modeltest.Count[model.Inbox](w.t, w.db); got != n {
		w.t.Errorf("got %d inbox rows, want %d", got, n)
	}
}

// message is a push about a customer.
func message(externalUserID, change string, at time.Time) string {
	return fmt.Sprintf("<xml><ToUserName><![CDATA[%s]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName><CreateTime>%d</CreateTime>"+
		"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[change_external_contact]]></Event><ChangeType><![CDATA[%s]]></ChangeType>"+
		"<UserID><![CDATA[zhangsan]]></UserID><ExternalUserID><![CDATA[%s]]></ExternalUserID></xml>", corpID, at.Unix(), change, externalUserID)
}

// flip changes one character of a text to another of its kind.
func flip(s string, at int) string {
	b := []byte(s)
	if b[at] == '1' {
		b[at] = '2'
	} else {
		b[at] = '1'
	}
	return string(b)
}

// streamed hides a body's length.
func streamed(body string) io.Reader { return struct{ io.Reader }{strings.NewReader(body)} }
