package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"gorm.io/gorm"

	"zhiyin/api/callback"
	"zhiyin/api/console"
	"zhiyin/api/miniapp"
	"zhiyin/api/open"
	"zhiyin/api/rate"
	"zhiyin/api/sidebar"
	"zhiyin/job"
	"zhiyin/logs"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/account"
	"zhiyin/service/acquisition"
	"zhiyin/service/activity"
	"zhiyin/service/apikey"
	"zhiyin/service/autotag"
	"zhiyin/service/campaign"
	"zhiyin/service/catalog"
	"zhiyin/service/clock"
	"zhiyin/service/coupon"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/group"
	"zhiyin/service/intake"
	"zhiyin/service/journey"
	"zhiyin/service/lifecycle"
	"zhiyin/service/loyalty"
	"zhiyin/service/loyalty/referral"
	"zhiyin/service/moderation"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/channel"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/outreach/message"
	"zhiyin/service/privacy"
	"zhiyin/service/profile"
	"zhiyin/service/segment"
	"zhiyin/service/social/draw"
	"zhiyin/service/staff"
	"zhiyin/service/tag"
	"zhiyin/service/transfer"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/visit"
	"zhiyin/service/webhook"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// replica is one whole server: every service over a real database, and a platform that is out of reach.
type replica struct {
	t         testing.TB
	db        *gorm.DB
	clock     *clock.Fake
	ids       model.PublicIDs
	staff     *staff.Service
	events    *event.Log
	keys      *apikey.Service
	hooks     *webhook.Service
	server    *Server
	handler   http.Handler
	metrics   *prometheus.Registry
	logs      *safeBuffer
	privacy   *privacy.Service
	profiles  *profile.Service
	visits    *visit.Service
	platform  *miniPlatform
	referrals *referral.Service
	desk      *desk
}

// options is what a test wants otherwise.
type options struct {
	secure  bool
	proxies []string
	ready   []Check
	redis   redis.UniversalClient // nil: none, as where it is away for good
}

func newReplica(t testing.TB, dsn string, o options) *replica {
	t.Helper()
	r := &replica{t: t, db: modeltest.Open(t, dsn), clock: clock.NewFake(noon), metrics: prometheus.NewRegistry(), logs: &safeBuffer{}}
	log := logs.New(r.logs, "text", "debug")
	now, key := r.clock.Now, bytes.Repeat([]byte("k"), 32)
	r.ids = must(model.NewPublicIDs(key))(t)
	gateway := must(wecom.New(wecom.Config{
		Now: now, Logger: log,
		Accounts: func(context.Context, string) (wecom.Credential, error) {
			return wecom.Credential{}, errors.New("the platform is out of reach in this test")
		},
	}))(t)
	t.Cleanup(func() { gateway.Close() })
	zone := must(time.LoadLocation("Asia/Shanghai"))(t)

	accounts := account.New(r.db, now, vaulttest.New(t))
	queue := work.New(r.db, now)
	r.events = event.New(queue, now, event.Options{DB: r.db, Zone: zone, Logger: log})
	r.events.Feed("test", func(*gorm.DB, []model.Event) error { return nil })
	r.desk = &desk{}
	r.staff = staff.New(r.db, now, staff.Options{IdleTimeout: 12 * time.Hour, AbsoluteTimeout: 7 * 24 * time.Hour, Zone: zone, Corp: func(string) staff.Corp { return r.desk }})
	customers := customer.New(r.db, r.events, queue, now, r.staff, vaulttest.New(t), func(a string) customer.Contacts { return gateway.Corp(a) })
	r.privacy = privacy.New(r.db, r.events, vaulttest.New(t), now)
	r.platform = &miniPlatform{}
	checks := moderation.New(moderation.Deps{DB: r.db, Queue: queue, Now: now, MiniApp: func(string) moderation.MiniApp { return r.platform }, Logger: log})
	r.profiles = profile.New(profile.Deps{
		DB: r.db, Events: r.events, Vault: vaulttest.New(t), Now: now, Zone: zone, Persons: customers, Consents: r.privacy, Moderation: checks, Watchers: r.staff,
	})
	checks.Reads(r.profiles)
	r.visits = visit.New(visit.Deps{
		DB: r.db, Now: now, Zone: zone, Accounts: accounts, Persons: customers, Staff: r.staff, Touches: r.profiles, Privacy: r.privacy, Moderation: checks,
		MiniApp: func(string) visit.MiniApp { return r.platform }, Corp: func(string) visit.Corp { return miniCorp{} },
	})
	tags := tag.New(r.db, r.events, queue, now, customers, func(a string) tag.Platform { return gateway.Corp(a) })
	cycle := lifecycle.New(lifecycle.Deps{DB: r.db, Events: r.events, Queue: queue, Now: now, Zone: zone, Customers: customers, Logger: log})
	club := loyalty.New(loyalty.Deps{DB: r.db, Events: r.events, Now: now, Zone: zone, Customers: customers, Logger: log})
	segments := segment.New(segment.Deps{DB: r.db, Events: r.events, Queue: queue, Now: now, Zone: zone, Staff: r.staff, Logger: log})
	draws := draw.New(draw.Deps{DB: r.db, Now: now, Zone: zone, Vault: vaulttest.New(t), Purse: club, Logger: log})
	invitations := referral.New(referral.Deps{DB: r.db, Events: r.events, Now: now, Purse: club, Accounts: accounts, Key: key, Logger: log})
	r.referrals = invitations
	r.events.Feed("referral", invitations.OnEvents, referral.Kinds...)
	autotags := autotag.New(autotag.Deps{DB: r.db, Queue: queue, Now: now, Zone: zone, Tags: tags, Logger: log})
	tags.UseSegments(segment.Membership{DB: r.db})
	codes := must(acquisition.New(acquisition.Deps{
		DB: r.db, Queue: queue, Now: now, Zone: zone, Staff: r.staff, Tags: tags, Remarks: customers,
		Corp: func(a string) acquisition.Platform { return gateway.Corp(a) },
	}))(t)
	counted := activity.New(activity.Deps{DB: r.db, Now: now, Scope: r.staff})
	groups := group.New(r.db, r.events, now, r.staff, func(a string) group.Platform { return gateway.Corp(a) })
	inbox := intake.New(intake.Deps{
		DB: r.db, Queue: queue, Now: now, Accounts: accounts, Staff: r.staff, Customers: customers, Tags: tags, Acquisition: codes,
		Groups: groups, Visits: r.visits, Moderation: checks, Corp: func(a string) intake.Platform { return gateway.Corp(a) }, Logger: log,
	})
	trade := catalog.New(r.db, r.events, queue, now, customers, r.staff)
	r.keys = apikey.New(r.db, now, vaulttest.New(t), o.redis, "")
	r.hooks = webhook.New(webhook.Deps{
		DB: r.db, Events: r.events, Queue: queue, Now: now, Vault: vaulttest.New(t), IDs: r.ids,
		Public: func(payload string) map[string]any { return console.PublicPayload(r.ids, payload) },
	})
	offers := coupon.New(coupon.Deps{
		DB: r.db, Events: r.events, Queue: queue, Now: now, Zone: zone, Persons: customers, Segments: segment.Membership{DB: r.db}, Vault: vaulttest.New(t),
		IDs: r.ids, Key: key, Logger: log,
	})
	gov := governor.New(governor.Deps{DB: r.db, Now: now, Zone: zone, Wishes: r.privacy, Logger: log})
	messages := message.New(message.Deps{DB: r.db, Now: now, Media: codes, Wishes: r.privacy, Stages: func(context.Context) (map[string]string, error) { return nil, nil }})
	ledger := outreach.New(outreach.Deps{DB: r.db, Events: r.events, Now: now, Governor: gov, Contents: messages, Logger: log})
	journeys := journey.New(journey.Deps{
		DB: r.db, Events: r.events, Queue: queue, Now: now, Zone: zone, Customers: customers, Messages: ledger,
		Tags: tags, Profiles: r.profiles, Tasks: r.staff, Logger: log,
	})
	scheduler := must(job.New(r.db, queue, now, zone, log, nil))(t)
	if err := scheduler.Plan(job.All(idleJobs())); err != nil {
		t.Fatal(err)
	}
	channels := channel.New(channel.Deps{
		DB: r.db, Now: now, Zone: zone, Accounts: accounts, Messages: noMessages{}, Ledger: ledger, Media: codes, Tasks: r.staff, Persons: customers, Addresses: r.profiles,
		Vault: vaulttest.New(t), IDs: r.ids, Logger: log, Corp: func(string) channel.Corp { return massCorp{} }, MiniApp: func(string) channel.MiniApp { return r.platform },
	})
	ledger.Register(postbox{})
	for _, way := range channels.Channels() {
		if way.Describe().Name == channel.NameTask { // what the sidebar sends
			ledger.Register(way)
		}
	}
	pushes := campaign.New(campaign.Deps{
		DB: r.db, Queue: queue, Now: now, Zone: zone, Ledger: ledger, Messages: messages, TakeBack: channels.CancelTasks, Kinds: r.events.Kinds,
		Coupons: offers, ApprovalAbove: 1000, Logger: log,
	})
	ledger.Gives(campaign.Source, pushes)
	transfers := transfer.New(transfer.Deps{DB: r.db, Queue: queue, Now: now, Zone: zone, MaxFile: console.MaxUpload, Colleagues: r.staff, Logger: log})
	transfers.Tables(transfer.Capabilities{
		People: transfer.People{Customers: customers, Profiles: r.profiles, Tags: tags, Events: r.events, Now: now}, Orders: trade, Viewers: r.staff, Deliveries: ledger, Campaigns: pushes,
	})
	r.server = must(New(Deps{
		Console: &console.Handlers{
			APIKeys:     r.keys,
			Accounts:    accounts,
			Acquisition: codes,
			AutoTags:    autotags,
			Campaigns:   pushes,
			Catalog:     trade,
			Activity:    counted,
			Channels:    channels,
			Coupons:     offers,
			Cursors:     must(console.NewCursors(key))(t),
			Customers:   customers,
			Draws:       draws,
			Events:      r.events,
			Governor:    gov,
			Groups:      groups,
			IDs:         r.ids,
			Intake:      inbox,
			Journeys:    journeys,
			Lifecycle:   cycle,
			Loyalty:     club,
			Messages:    messages,
			Moderation:  checks,
			Outreach:    ledger,
			Privacy:     r.privacy,
			Profiles:    r.profiles,
			Queue:       queue,
			Referrals:   invitations,
			Scheduler:   scheduler,
			Secure:      o.secure,
			Segments:    segments,
			Staff:       r.staff,
			Tags:        tags,
			Transfers:   transfers,
			Webhooks:    r.hooks,
		},
		Open: &open.Handlers{
			Catalog:  trade,
			Coupons:  offers,
			Events:   r.events,
			IDs:      r.ids,
			Journeys: journeys,
		},
		OpenDoor: &open.Door{Keys: r.keys},
		Door:     &console.Door{Staff: r.staff, Secure: o.secure},
		MiniApp: &miniapp.Handlers{
			Channels:  channels,
			Coupons:   offers,
			Draws:     draws,
			Referrals: invitations,
			Events:    r.events,
			Governor:  gov,
			IDs:       r.ids,
			Loyalty:   club,
			Privacy:   r.privacy,
			Profiles:  r.profiles,
			Visits:    r.visits,
		},
		MiniAppDoor: &miniapp.Door{Visits: r.visits, Agreed: r.privacy, Limits: &rate.Limits{Redis: o.redis, Now: now, Rates: miniapp.Rates, Refusal: miniapp.ErrTooOften}},
		Sidebar: &sidebar.Handlers{
			Now: now, Corp: func(string) sidebar.Platform { return r.desk }, PageURL: sidebarPage, Origins: []string{"https://scrm.example.com"}, OpenURL: "https://open.weixin.qq.com",
		},
		SidebarDoor: sidebar.NewDoor(r.staff, o.secure, &rate.Limits{Now: now, Rates: sidebar.Rates, Refusal: sidebar.ErrTooOften}),
		Links:       pushes,
		Clicks:      channels,
		Callback:    callback.New(callback.Deps{Accounts: accounts, Inbox: inbox, Now: now, Logger: log}),
		Ready:       o.ready, Version: "test", TrustedProxies: o.proxies, Logger: log, Metrics: r.metrics,
	}))(t)
	r.handler = r.server.Handler()
	return r
}

// postbox is a channel that sends nothing.
type postbox struct{}

func (postbox) Describe() outreach.Description {
	return outreach.Description{Name: "postbox", Zh: "邮筒", En: "Postbox", Contents: []message.Kind{message.KindText}}
}
func (postbox) Prepare(context.Context, []outreach.Delivery) ([]outreach.Call, []outreach.Refusal, error) {
	return nil, nil, errors.ErrUnsupported
}
func (postbox) Send(context.Context, outreach.Call) (outreach.Outcome, error) {
	return outreach.Outcome{}, errors.ErrUnsupported
}
func (postbox) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, errors.ErrUnsupported
}

// idleJobs does nothing, whatever jobs there are.
func idleJobs() job.Deps {
	d := job.Deps{SyncSchedule: "0 3 * * *"}
	idle := reflect.ValueOf(func(context.Context) error { return nil })
	for v, i := reflect.ValueOf(&d).Elem(), 0; i < v.NumField(); i++ {
		if v.Field(i).Type() == idle.Type() {
			v.Field(i).Set(idle)
		}
	}
	return d
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

// session signs somebody in to the console without the cost of a password, and gives the token.
func (r *replica) session(staffID int64) string {
	r.t.Helper()
	return r.sessionOf(staff.FaceConsole, staffID)
}

func (r *replica) sessionOf(face string, staffID int64) string {
	r.t.Helper()
	token := rand.Text()
	hash := sha256.Sum256([]byte(token))
	now := r.clock.Now()
	modeltest.Create(r.t, r.db, &model.Session{
		StaffID: staffID, TokenHash: hash[:], Face: face, UserAgent: "test", SeenAt: now, ExpiresAt: now.Add(24 * time.Hour), CreatedAt: now,
	})
	return token
}

// request is one HTTP request as a test wants it.
type request struct {
	method, path string
	token        string // as a bearer
	body         any    // string and []byte as they are, else JSON
	header       http.Header
	remote       string
}

func (r *replica) do(q request) *httptest.ResponseRecorder {
	r.t.Helper()
	req := httptest.NewRequest(q.method, q.path, q.reader(r.t))
	q.dress(req)
	rec := httptest.NewRecorder()
	r.handler.ServeHTTP(rec, req)
	return rec
}

func (q request) reader(t testing.TB) io.Reader {
	switch b := q.body.(type) {
	case nil:
		return nil
	case string:
		return strings.NewReader(b)
	case []byte:
		return bytes.NewReader(b)
	}
	b, err := json.Marshal(q.body)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b)
}

func (q request) dress(req *http.Request) {
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.token != "" {
		req.Header.Set("Authorization", "Bearer "+q.token)
	}
	req.Header.Set("Idempotency-Key", rand.Text()) // where a route wants one; a test that repeats gives its own
	for name, values := range q.header {
		req.Header[name] = values
	}
	if q.remote != "" {
		req.RemoteAddr = q.remote
	}
}

// problemOf reads an answer that must be a problem document of this status and code.
func problemOf(t testing.TB, what string, rec *httptest.ResponseRecorder, status int, code string) doc {
	t.Helper()
	var p doc
	if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
		t.Fatalf("%s: got %d and no JSON: %q", what, rec.Code, head(rec.Body.String()))
	}
	if ct := rec.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("%s: content type %q", what, ct)
	}
	if rec.Code != status || p.Status != status || p.Code != code && code != "" {
		t.Errorf("%s: got %d %+v, want %d %s", what, rec.Code, p, status, code)
	}
	if p.Code == "" || p.Title == "" || p.RequestID == "" || p.RequestID != rec.Header().Get("X-Request-ID") {
		t.Errorf("%s: a problem needs code, title and the request's id: %+v", what, p)
	}
	return p
}

// doc is a problem document as clients read it.
type doc struct {
	Status    int
	Code      string
	Title     string
	RequestID string `json:"request_id"`
	Fields    []struct{ Name, Reason string }
}

func head(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

// safeBuffer is a buffer that several goroutines may write to.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
