package moderation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/account"
	"zhiyin/service/acquisition"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/intake"
	"zhiyin/service/moderation"
	"zhiyin/service/privacy"
	"zhiyin/service/profile"
	"zhiyin/service/staff"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/visit"
	"zhiyin/service/work"
	"zhiyin/simulator"
	"zhiyin/wecom"
)

type object = map[string]any

// town is a mini-program with its customers, over a simulated platform that pushes into the inbox.
type town struct {
	*moderation.Service
	t        testing.TB
	db       *gorm.DB
	url      string
	offset   atomic.Int64
	app      *model.Account
	visits   *visit.Service
	profiles *profile.Service
}

func (h *town) now() time.Time {
	return time.Now().UTC().Add(time.Duration(h.offset.Load())).Truncate(time.Millisecond)
}

// pass lets time go by here; the platform has its own clock.
func (h *town) pass(d time.Duration) { h.offset.Add(int64(d)) }

func newTown(t testing.TB) *town {
	sim := simulator.New(simulator.Options{Seed: 1, Strict: true, Company: simulator.Company{Staff: 1}})
	server := httptest.NewServer(sim.Handler())
	h := &town{t: t, db: modeltest.DB(t), url: server.URL}
	var world struct {
		MiniApps []struct{ AppID, Secret string }
	}
	h.control("GET", "/_sim/world", nil, &world)
	log := slog.New(slog.DiscardHandler)
	gateway := must(wecom.New(wecom.Config{
		BaseURL: server.URL + "/qyapi", WeixinURL: server.URL + "/weixin", Logger: log,
		Accounts: func(context.Context, string) (wecom.Credential, error) {
			return wecom.Credential{AppID: world.MiniApps[0].AppID, Secret: wecom.Secret(world.MiniApps[0].Secret)}, nil
		},
	}))(t)
	v := vaulttest.New(t)
	accounts := account.New(h.db, h.now, v)
	h.app = must(accounts.Create(t.Context(), account.CreateInput{
		Kind: account.KindMiniApp, Name: "mini", Title: "小程序", PlatformID: world.MiniApps[0].AppID, Secret: world.MiniApps[0].Secret,
	}))(t)
	queue := work.New(h.db, h.now)
	events := event.New(queue, h.now)
	people := staff.New(h.db, h.now, staff.Options{Zone: time.UTC})
	persons := customer.New(h.db, events, queue, h.now, people, v, nil)
	consents := privacy.New(h.db, events, v, h.now)
	h.Service = moderation.New(moderation.Deps{DB: h.db, Queue: queue, Now: h.now, MiniApp: func(a string) moderation.MiniApp { return gateway.MiniApp(a) }, Logger: log})
	h.profiles = profile.New(profile.Deps{DB: h.db, Events: events, Vault: v, Now: h.now, Zone: time.UTC, Persons: persons, Consents: consents, Moderation: h.Service, Watchers: people})
	h.Reads(h.profiles)
	h.visits = visit.New(visit.Deps{
		DB: h.db, Now: h.now, Zone: time.UTC, Accounts: accounts, Persons: persons, Staff: people, Touches: h.profiles, Privacy: consents, Moderation: h.Service,
		MiniApp: func(a string) visit.MiniApp { return gateway.MiniApp(a) },
	})
	inbox := intake.New(intake.Deps{DB: h.db, Queue: queue, Now: h.now, Accounts: accounts, Acquisition: noWelcomes{}, Moderation: h.Service, Logger: log})
	pushed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if inbox.Receive(r.Context(), h.app, body, intake.Meta{ReceivedAt: h.now()}) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	h.control("POST", "/_sim/callback", object{"appid": h.app.PlatformID, "url": pushed.URL, "plain": true, "format": "json"}, nil)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() {
		ended <- work.NewWorker(queue, work.Options{Poll: 20 * time.Millisecond, Logger: log}).Run(ctx)
	}()
	go func() { inbox.Pump(ctx); ended <- nil }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, <-ended); err != nil {
			t.Error(err)
		}
		_ = gateway.Close()
		server.Close()
		sim.Close()
		pushed.Close()
	})
	return h
}

// noWelcomes stands for the acquisition capability: nobody is to be welcomed.
type noWelcomes struct{ intake.Acquisition }

func (noWelcomes) ReceiveWelcomes(*gorm.DB, ...acquisition.WelcomeDue) error { return nil }

func (h *town) control(method, path string, body, out any) {
	h.t.Helper()
	text, _ := json.Marshal(body)
	req := must(http.NewRequest(method, h.url+path, bytes.NewReader(text)))(h.t)
	resp := must((&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req))(h.t)
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("%s %s: %s", method, path, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			h.t.Fatal(err)
		}
	}
}

// somebody signs in, as the person with an openid or as somebody new.
func (h *town) somebody(openid string) (id int64, as string) {
	h.t.Helper()
	in := object{}
	if openid != "" {
		in["openid"] = openid
	}
	var login struct{ Code, OpenID string }
	h.control("POST", "/_sim/act/login", in, &login)
	_, v, err := h.visits.SignIn(h.t.Context(), visit.SignInInput{Account: "mini", Code: login.Code})
	if err != nil {
		h.t.Fatal(err)
	}
	return v.CustomerID, login.OpenID
}

func (h *town) edit(id int64, in profile.Edit) error {
	in.Asked = true
	return h.profiles.Edit(h.t.Context(), id, in, profile.By{Source: visit.Source, AccountID: h.app.ID})
}

func (h *town) name(id int64, name string) {
	h.t.Helper()
	if err := h.edit(id, profile.Edit{Name: &name}); err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
}

func (h *town) avatar(id int64, address string) {
	h.t.Helper()
	if err := h.edit(id, profile.Edit{Avatar: &address}); err != nil {
		h.t.Fatalf("%s: %v", address, err)
	}
}

// kept is what is stored in a customer's field, and shown what others see of it.
func (h *town) kept(id int64, field string) (kept, shown string) {
	h.t.Helper()
	var c model.Customer
	if err := h.db.Take(&c, id).Error; err != nil {
		h.t.Fatal(err)
	}
	kept = map[string]string{"name": c.Name, "avatar": c.Avatar}[field]
	return kept, must(moderation.Shown(h.db, field, moderation.Saying{CustomerID: id, Content: kept}))(h.t)[0]
}

// hidden checks that a content is kept, and that others don't see it.
func (h *town) hidden(id int64, field, want, state, reason string) {
	h.t.Helper()
	if kept, shown := h.kept(id, field); kept != want || shown != "" {
		h.t.Errorf("kept %q and shown %q, want %q kept alone", kept, shown, want)
	}
	held := must(h.profiles.Of(h.t.Context(), id))(h.t).Held
	if len(held) != 1 || held[0] != (moderation.Held{Field: field, State: state, Reason: reason}) {
		h.t.Errorf("held %v, want %s %s %s", held, field, state, reason)
	}
}

// visible waits until others see a content.
func (h *town) visible(id int64, field, want string) {
	h.t.Helper()
	h.eventually(want+" is shown", func() bool {
		kept, shown := h.kept(id, field)
		return kept == want && shown == want
	})
}

func (h *town) check(id int64, field string) (row model.ContentCheck) {
	h.t.Helper()
	err := h.db.Where("customer_id = ? AND field = ?", id, field).Take(&row).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		h.t.Fatal(err)
	}
	return row
}

func (h *town) eventually(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	h.t.Fatalf("not within half a minute: %s", what)
}

func (h *town) risky(what string, err error, fields ...string) {
	h.t.Helper()
	f := fault.Of(err)
	if !errors.Is(err, moderation.ErrRisky) || f.Kind != fault.Invalid || len(f.Fields) != len(fields) {
		h.t.Fatalf("%s: %v", what, err)
	}
	for i, name := range fields {
		if f.Fields[i].Name != name {
			h.t.Errorf("%s names %v, want %v", what, f.Fields, fields)
		}
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
