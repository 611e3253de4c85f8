package visit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/account"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/moderation"
	"zhiyin/service/privacy"
	"zhiyin/service/staff"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
	"zhiyin/simulator"
	"zhiyin/wecom"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// house is the capability over a database and a simulated platform.
type house struct {
	*Service
	t      testing.TB
	clock  *clock.Fake
	db     *gorm.DB
	url    string
	corpID string

	persons *customer.Service
}

// touches stands for the profile capability.
type touches struct{ last model.CustomerTouch }

func (h *touches) TouchTx(_ *gorm.DB, t model.CustomerTouch) error { h.last = t; return nil }

func newHouse(t testing.TB) *house {
	t.Helper()
	sim := simulator.New(simulator.Options{Seed: 1, Strict: true, Company: simulator.Company{Staff: 6, Customers: 10}})
	server := httptest.NewServer(sim.Handler())
	h := &house{t: t, clock: clock.NewFake(noon), db: modeltest.DB(t), url: server.URL}
	credentials := h.learn()
	g, err := wecom.New(wecom.Config{
		BaseURL: server.URL + "/qyapi", WeixinURL: server.URL + "/weixin", Logger: slog.New(slog.DiscardHandler),
		Accounts: func(_ context.Context, name string) (wecom.Credential, error) { return credentials[name], nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(); server.Close(); sim.Close() })
	accounts := account.New(h.db, h.clock.Now, vaulttest.New(t))
	for _, in := range []account.CreateInput{
		{Kind: account.KindMiniApp, Name: "mini", Title: "小程序", PlatformID: credentials["mini"].AppID, Secret: credentials["mini"].Secret.Reveal()},
		{Kind: account.KindWeCom, Name: "corp", Title: "企业", PlatformID: h.corpID, AgentID: 1000002, Secret: credentials["corp"].Secret.Reveal()},
	} {
		if _, err := accounts.Create(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	queue := work.New(h.db, h.clock.Now)
	people := staff.New(h.db, h.clock.Now, staff.Options{Zone: zone})
	events := event.New(queue, h.clock.Now)
	h.persons = customer.New(h.db, events, queue, h.clock.Now, people, vaulttest.New(t), func(a string) customer.Contacts { return g.Corp(a) })
	h.Service = New(Deps{
		DB: h.db, Now: h.clock.Now, Zone: zone, Accounts: accounts, Persons: h.persons, Staff: people, Touches: &touches{},
		Privacy:    privacy.New(h.db, events, vaulttest.New(t), h.clock.Now),
		Moderation: moderation.New(moderation.Deps{DB: h.db, Queue: queue, Now: h.clock.Now, Logger: slog.New(slog.DiscardHandler)}),
		MiniApp:    func(a string) MiniApp { return g.MiniApp(a) }, Corp: func(a string) Corp { return g.Corp(a) },
	})
	return h
}

func (h *house) learn() map[string]wecom.Credential {
	h.t.Helper()
	var world struct {
		Corps []struct {
			ID   string
			Apps []struct {
				AgentID int64
				Secret  wecomSecret
			}
		}
		MiniApps []struct {
			AppID  string
			Secret wecomSecret
		}
	}
	h.control("GET", "/_sim/world", nil, &world)
	h.corpID = world.Corps[0].ID
	return map[string]wecom.Credential{
		"corp": {CorpID: h.corpID, AgentID: world.Corps[0].Apps[0].AgentID, Secret: wecom.Secret(world.Corps[0].Apps[0].Secret)},
		"mini": {AppID: world.MiniApps[0].AppID, Secret: wecom.Secret(world.MiniApps[0].Secret)},
	}
}

type wecomSecret string

type object = map[string]any

// control calls the simulator's control API.
func (h *house) control(method, path string, body, out any) {
	h.t.Helper()
	text, _ := json.Marshal(body)
	req, err := http.NewRequest(method, h.url+path, bytes.NewReader(text))
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("%s %s: %s %s %v", method, path, resp.Status, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *house) act(name string, body object) object {
	h.t.Helper()
	out := object{}
	h.control("POST", "/_sim/act/"+name, body, &out)
	return out
}

func (h *house) calls(api string) (n int) {
	h.t.Helper()
	var out struct{ Matched int }
	h.control("GET", "/_sim/ledger?count=1&api=weixin/"+api, nil, &out)
	return out.Matched
}

func (h *house) signIn(code any) (string, *Visitor, error) {
	return h.SignIn(h.t.Context(), SignInInput{Account: "mini", Code: fmt.Sprint(code), UserAgent: "test"})
}

// visitor signs a customer in.
func (h *house) visitor(who object) (string, *Visitor) {
	h.t.Helper()
	token, v, err := h.signIn(h.act("login", who)["code"])
	if err != nil {
		h.t.Fatal(err)
	}
	return token, v
}

func (h *house) wantErr(what string, err, want error) {
	h.t.Helper()
	if !errors.Is(err, want) {
		h.t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func TestS16_ACodeLetsInOnce(t *testing.T) {
	h := newHouse(t)
	code := h.act("login", nil)["code"]
	token, v, err := h.signIn(code)
	if err != nil || len(token) != 43 || v.CustomerID == 0 || v.StaffID != 0 || !v.ExpiresAt.Equal(noon.Add(WholeTime)) {
		t.Fatalf("got %q %+v %v", token, v, err)
	}
	asked := h.calls("sns/jscode2session")
	_, _, err = h.signIn(code)
	h.wantErr("the same code", err, ErrBadCode)
	if h.calls("sns/jscode2session") != asked {
		t.Error("the platform was asked about a code that was brought before")
	}
	for _, bad := range []string{"", "invented", strings.Repeat("x", 257), "' OR 1=1 --"} {
		_, _, err := h.signIn(bad)
		h.wantErr("code "+bad, err, ErrBadCode)
	}
	late := h.act("login", nil)["code"]
	h.control("POST", "/_sim/clock", object{"advance": "6m"}, nil)
	_, _, err = h.signIn(late)
	h.wantErr("an old code", err, ErrBadCode)

	var row model.Visit
	if err := h.db.Take(&row).Error; err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(row.TokenHash, []byte(token)) || len(row.TokenHash) != 32 {
		t.Error("the token is stored")
	}
	if n := modeltest.Count[model.Identity](t, h.db, "customer_id = ? AND kind IN ?", v.CustomerID, []string{"openid", "unionid"}); n != 2 {
		t.Errorf("recognised by %d identities, want 2", n)
	}
	got, err := h.Authenticate(t.Context(), token)
	if err != nil || got.CustomerID != v.CustomerID || got.VisitID != v.VisitID {
		t.Errorf("authenticated: %+v, %v", got, err)
	}
}

func TestTheSamePersonIsTheSameCustomer(t *testing.T) {
	h := newHouse(t)
	first := h.act("login", nil)
	_, a, err := h.signIn(first["code"])
	if err != nil {
		t.Fatal(err)
	}
	_, b := h.visitor(object{"person": first["person"]})
	_, c := h.visitor(nil)
	if a.CustomerID != b.CustomerID || a.CustomerID == c.CustomerID || a.VisitID == b.VisitID {
		t.Errorf("%+v %+v %+v", a, b, c)
	}
}

func TestWhereACustomerCameFromIsHeard(t *testing.T) {
	h := newHouse(t)
	heard := &touches{}
	h.Touches = heard
	_, v, err := h.SignIn(t.Context(), SignInInput{
		Account: "mini", Code: h.act("login", nil)["code"].(string),
		Touch: model.CustomerTouch{CustomerID: 99, AccountID: 99, StaffID: 0, Campaign: "double11", Scene: 1047},
	})
	if err != nil {
		t.Fatal(err)
	}
	if l := heard.last; l.CustomerID != v.CustomerID || l.AccountID != v.AccountID || l.Campaign != "double11" || l.Scene != 1047 || l.Source != "miniapp" || !l.TouchedAt.Equal(noon) {
		t.Errorf("heard %+v", l)
	}
}

func TestAccountsThatDoNotLetIn(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"nobody", "corp", ""} {
		_, _, err := h.SignIn(t.Context(), SignInInput{Account: name, Code: "x"})
		h.wantErr(name, err, ErrUnknownApp)
	}
	_, _, err := h.SignInStaff(t.Context(), SignInInput{Account: "mini", Code: "x"})
	h.wantErr("a mini-program for staff", err, ErrUnknownApp)
	token, _ := h.visitor(nil)
	if err := h.db.Model(&model.Account{}).Where("name = 'mini'").Update("enabled", false).Error; err != nil {
		t.Fatal(err)
	}
	_, err = h.Authenticate(t.Context(), token)
	h.wantErr("a visit of a disabled account", err, ErrEnded)
}

func TestS18_VisitsEnd(t *testing.T) {
	h := newHouse(t)
	alive := func(token string) bool {
		t.Helper()
		_, err := h.Authenticate(t.Context(), token)
		if err != nil && !errors.Is(err, ErrEnded) {
			t.Fatal(err)
		}
		return err == nil
	}
	idle, _ := h.visitor(nil)
	out, _ := h.visitor(nil)
	cancelled, v := h.visitor(nil)
	for range 2 {
		if err := h.SignOut(t.Context(), out); err != nil {
			t.Fatal(err)
		}
	}
	if alive(out) || !alive(idle) {
		t.Error("signed out")
	}
	if err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error { return h.EndTx(tx, v.CustomerID) }); err != nil {
		t.Fatal(err)
	}
	if alive(cancelled) || !alive(idle) {
		t.Error("cancelled at the platform")
	}
	h.clock.Advance(IdleTime - time.Millisecond)
	if !alive(idle) {
		t.Error("ended just before the idle time")
	}
	h.clock.Advance(IdleTime)
	if alive(idle) {
		t.Error("alive at the idle time")
	}
	old, v := h.visitor(nil)
	for h.clock.Now().Before(v.ExpiresAt.Add(-time.Hour)) {
		h.clock.Advance(time.Hour)
		if !alive(old) {
			t.Fatalf("ended at %v already", h.clock.Now())
		}
	}
	h.clock.Advance(time.Hour)
	if alive(old) {
		t.Error("alive at the absolute end")
	}
	for _, forged := range []string{"", old[1:], old + "A", "' OR '1'='1"} {
		if alive(forged) {
			t.Errorf("%q is let in", forged)
		}
	}
}

func TestAMergedCustomerVisitsAsTheOneWhoStands(t *testing.T) {
	h := newHouse(t)
	token, v := h.visitor(nil)
	_, other := h.visitor(nil)
	if err := h.db.Model(&model.Customer{}).Where("id = ?", v.CustomerID).Update("merged_into", other.CustomerID).Error; err != nil {
		t.Fatal(err)
	}
	if got, err := h.Authenticate(t.Context(), token); err != nil || got.CustomerID != other.CustomerID {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error { return h.EndTx(tx, other.CustomerID) }); err != nil {
		t.Fatal(err)
	}
	_, err := h.Authenticate(t.Context(), token)
	h.wantErr("after the end of the one who stands", err, ErrEnded)
}

func TestStaffComeInsideWeCom(t *testing.T) {
	h := newHouse(t)
	var corp model.Account
	if err := h.db.Where("name = 'corp'").Take(&corp).Error; err != nil {
		t.Fatal(err)
	}
	who := &model.Staff{AccountID: corp.ID, UserID: "staff0001", Name: "王小明", PlatformStatus: 1, CreatedAt: noon, UpdatedAt: noon}
	modeltest.Create(t, h.db, who)
	come := func(userid string) (string, *Visitor, error) {
		code := h.act("qylogin", object{"userid": userid})["code"].(string)
		return h.SignInStaff(t.Context(), SignInInput{Account: "corp", Code: code})
	}
	token, v, err := come("staff0001")
	if err != nil || v.StaffID != who.ID || v.CustomerID != 0 || v.StaffName != "王小明" {
		t.Fatalf("got %+v, %v", v, err)
	}
	_, _, err = come("staff0002")
	h.wantErr("a member whom nobody knows here", err, ErrNotStaff)
	_, _, err = h.SignInStaff(t.Context(), SignInInput{Account: "corp", Code: "invented"})
	h.wantErr("an invented code", err, ErrBadCode)
	if err := h.db.Model(who).Update("disabled", true).Error; err != nil {
		t.Fatal(err)
	}
	_, err = h.Authenticate(t.Context(), token)
	h.wantErr("S38 a disabled member", err, ErrEnded)
	_, _, err = come("staff0001")
	h.wantErr("a disabled member comes", err, ErrNotStaff)
}

func TestS19_PhoneNumbers(t *testing.T) {
	h := newHouse(t)
	login := h.act("login", nil)
	_, v, err := h.signIn(login["code"])
	if err != nil {
		t.Fatal(err)
	}
	press := func(number string) string {
		return h.act("phone", object{"person": login["person"], "phone": number})["code"].(string)
	}
	code := press("13800138000")
	p, err := h.BindPhone(t.Context(), v, code)
	if err != nil || p.Masked != "138****8000" || p.Review {
		t.Fatalf("got %+v, %v", p, err)
	}
	asked := h.calls("wxa/business/getuserphonenumber")
	_, err = h.BindPhone(t.Context(), v, code)
	h.wantErr("a used code", err, ErrCodeUsed)
	if h.calls("wxa/business/getuserphonenumber") != asked {
		t.Error("the platform was asked about a used code")
	}
	_, err = h.BindPhone(t.Context(), v, "invented")
	h.wantErr("an invented code", err, ErrBadPhoneCode)
	_, err = h.BindPhone(t.Context(), v, "")
	h.wantErr("no code", err, ErrBadPhoneCode)
	_, rival := h.visitor(nil)
	if p, err := h.BindPhone(t.Context(), rival, h.act("phone", object{"phone": "13900139000"})["code"].(string)); err != nil || p.Review {
		t.Fatalf("got %+v, %v", p, err)
	}
	if p, err := h.BindPhone(t.Context(), v, press("13900139000")); err != nil || !p.Review {
		t.Errorf("another's number: %+v, %v", p, err)
	}
	if n := modeltest.Count[model.Customer](t, h.db, "merged_into <> 0"); n != 0 {
		t.Error("two customers were merged silently")
	}
	if n := modeltest.Count[model.MergeReview](t, h.db); n != 1 {
		t.Errorf("%d reviews, want 1", n)
	}
	asked = h.calls("wxa/business/getuserphonenumber")
	_, err = h.BindPhone(t.Context(), v, press("13700137000"))
	h.wantErr("a fourth try", err, ErrTooMany)
	if f := fault.Of(err); f == nil || f.RetryAfter != 12*time.Hour { // noon in Shanghai
		t.Errorf("try again after %v", f)
	}
	if h.calls("wxa/business/getuserphonenumber") != asked {
		t.Error("a try too many cost money")
	}
	_, w := h.visitor(nil)
	if _, err := h.BindPhone(t.Context(), w, h.act("phone", object{})["code"].(string)); err != nil {
		t.Errorf("another customer: %v", err)
	}
	h.clock.Advance(12 * time.Hour)
	if _, err := h.BindPhone(t.Context(), v, press("13700137000")); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

// TestRacingTries: of many tries at once no more reach the platform than are allowed.
func TestRacingTries(t *testing.T) {
	h := newHouse(t)
	_, v := h.visitor(nil)
	codes := make([]string, 10)
	for i := range codes {
		codes[i] = h.act("phone", object{})["code"].(string)
	}
	var bound, refused atomic.Int64
	var all sync.WaitGroup
	for _, code := range codes {
		for range 2 {
			all.Go(func() {
				switch _, err := h.BindPhone(t.Context(), v, code); {
				case err == nil:
					bound.Add(1)
				case errors.Is(err, ErrTooMany), errors.Is(err, ErrCodeUsed):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if bound.Load() != PhoneTries || h.calls("wxa/business/getuserphonenumber") != PhoneTries {
		t.Errorf("%d bound, %d refused, %d calls", bound.Load(), refused.Load(), h.calls("wxa/business/getuserphonenumber"))
	}
}

func TestWhatThePlatformDidNotLookAtIsGivenBack(t *testing.T) {
	h := newHouse(t)
	token, v := h.visitor(nil)
	_ = token
	fail := func(api string, code int) {
		h.control("POST", "/_sim/faults", object{"api": "weixin/" + api, "kind": "errcode", "errcode": code, "times": 1}, nil)
	}
	code := h.act("phone", object{})["code"].(string)
	fail("wxa/business/getuserphonenumber", -1)
	_, err := h.BindPhone(t.Context(), v, code)
	h.wantErr("a busy platform", err, ErrBusy)
	if _, err := h.BindPhone(t.Context(), v, code); err != nil {
		t.Errorf("the same code later: %v", err)
	}
	var n model.VisitCount
	if err := h.db.Take(&n).Error; err != nil || n.Times != 1 || n.Day != 20261122 {
		t.Errorf("counted: %+v, %v", n, err)
	}
	login := h.act("login", nil)["code"]
	fail("sns/jscode2session", -1)
	_, _, err = h.signIn(login)
	h.wantErr("a busy platform at the door", err, ErrBusy)
	if _, _, err := h.signIn(login); err != nil {
		t.Errorf("the same login code later: %v", err)
	}
	fail("sns/jscode2session", 40226)
	_, _, err = h.signIn(h.act("login", nil)["code"])
	h.wantErr("a risky account", err, ErrRisky)
}

func TestPrune(t *testing.T) {
	h := newHouse(t)
	_, v := h.visitor(nil)
	if _, err := h.BindPhone(t.Context(), v, h.act("phone", object{})["code"].(string)); err != nil {
		t.Fatal(err)
	}
	count := func() string {
		return fmt.Sprint(modeltest.Count[model.Visit](t, h.db), modeltest.Count[model.UsedCode](t, h.db), modeltest.Count[model.VisitCount](t, h.db))
	}
	for _, step := range []struct {
		wait time.Duration
		left string
	}{{0, "1 2 1"}, {25 * time.Hour, "1 0 1"}, {48 * time.Hour, "1 0 0"}, {WholeTime, "0 0 0"}} {
		h.clock.Advance(step.wait)
		if err := h.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := count(); got != step.left {
			t.Errorf("after %v more: visits, codes, counts %s, want %s", step.wait, got, step.left)
		}
	}
}
