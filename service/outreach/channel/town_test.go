package channel

import (
	"bytes"
	"context"
	"encoding/json"
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
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/outreach/message"
	"zhiyin/service/staff"
	"zhiyin/service/vault"
	"zhiyin/service/webhook"
	"zhiyin/simulator"
	"zhiyin/wecom"
)

// town is the whole way: the ledger and its sender, the channels, the gateway, and the simulator behind HTTP.
type town struct {
	*Service
	t       *testing.T
	db      *gorm.DB
	url     string
	ledger  *outreach.Service
	corp    *model.Account
	mini    *model.Account
	staff   map[string]*model.Staff // by userid
	texts   *texts
	wishes  wishes
	offset  atomic.Int64 // of both clocks, in ns
	started bool
}

type object = map[string]any

// texts are messages by their rows: {{name}} stands for a value of the planner.
type texts struct {
	mu  sync.Mutex
	all map[int64]message.Content
}

func (x *texts) Render(_ context.Context, id int64, to []message.Recipient) ([]message.Rendered, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c, ok := x.all[id]
	if !ok {
		return nil, fmt.Errorf("no message %d", id)
	}
	out := make([]message.Rendered, len(to))
	for i, r := range to {
		out[i].Content = c
		for k, v := range r.Values {
			out[i].Text = strings.ReplaceAll(out[i].Text, "{{"+k+"}}", v)
		}
		if strings.Contains(out[i].Text, "{{") {
			out[i] = message.Rendered{Missing: "value"}
		}
	}
	return out, nil
}

func (town *town) says(id int64, c message.Content) {
	town.texts.mu.Lock()
	defer town.texts.mu.Unlock()
	town.texts.all[id] = c
}

// people is staff with tasks, phone numbers and addresses.
type people struct{ *staff.Service }

func (people) Phone(i *model.Identity) (string, error) { return string(i.SealedValue), nil }

func (people) TextsOf(_ context.Context, field string, ids []int64) (map[int64]string, error) {
	out := map[int64]string{}
	for _, id := range ids {
		out[id] = fmt.Sprintf("%s%d@example.com", field, id)
	}
	return out, nil
}

// wishes is a governor who lets everything through but what customers do not want.
type wishes struct{ unwanted sync.Map }

func (w *wishes) RuleTx(_ *gorm.DB, asks []governor.Ask) ([]governor.Ruling, error) {
	out := make([]governor.Ruling, len(asks))
	for i := range asks {
		out[i].Verdict = governor.Allow
		if why, known := w.unwanted.Load(asks[i].CustomerID); known {
			out[i] = governor.Ruling{Verdict: governor.Refuse, Reason: why.(string)}
		}
	}
	return out, nil
}

func (*wishes) ReturnTx(*gorm.DB, []governor.Reservation) error { return nil }

// book is the accounts.
type book struct{ rows []model.Account }

func (b *book) ByID(_ context.Context, id int64) (*model.Account, error) {
	for i := range b.rows {
		if b.rows[i].ID == id {
			return &b.rows[i], nil
		}
	}
	return nil, fmt.Errorf("no account %d", id)
}

func (b *book) List(context.Context) ([]model.Account, error) { return b.rows, nil }

// shelf is files: the platform has those that were asked for before.
type shelf struct {
	corp  Corp
	asked sync.Map
}

func (f *shelf) Handles(ctx context.Context, ids []int64) (map[int64]string, error) {
	out := map[int64]string{}
	for _, id := range ids {
		if h, ok := f.asked.Load(id); ok {
			out[id] = h.(string)
			continue
		}
		m, err := f.corp.(*wecom.Corp).UploadMedia(ctx, wecom.MediaFile, "a.txt", []byte("content of a file"))
		if err != nil {
			return nil, err
		}
		f.asked.Store(id, m.ID) // ready at the next question
	}
	return out, nil
}

func (f *shelf) Forgotten(_ context.Context, ids []int64) error {
	for _, id := range ids {
		f.asked.Delete(id)
	}
	return nil
}

func (f *shelf) MediaFile(context.Context, int64) (*model.Media, []byte, error) {
	return &model.Media{Name: "a.png", Kind: "image"}, picture, nil
}

func newTown(t *testing.T) *town {
	t.Helper()
	t.Parallel()
	sim := simulator.New(simulator.Options{Seed: 3, Strict: true, Company: simulator.Company{Staff: 3, Customers: 30, Groups: 3}})
	server := httptest.NewServer(sim.Handler())
	town := &town{t: t, db: modeltest.DB(t), url: server.URL, staff: map[string]*model.Staff{}, texts: &texts{all: map[int64]message.Content{}}}
	credentials := town.learn()
	gateway, err := wecom.New(wecom.Config{
		BaseURL: server.URL + "/qyapi", WeixinURL: server.URL + "/weixin", Logger: slog.New(slog.DiscardHandler), Now: town.clock,
		Accounts: func(_ context.Context, name string) (wecom.Credential, error) { return credentials[name], nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	town.mirror()
	seals, err := vault.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	town.ledger = outreach.New(outreach.Deps{DB: town.db, Now: town.clock, Governor: &town.wishes, Logger: slog.New(slog.DiscardHandler)})
	ids, err := model.NewPublicIDs(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	who := people{staff.New(town.db, town.clock, staff.Options{Zone: shanghai})}
	town.Service = New(Deps{
		DB: town.db, Now: town.clock, Zone: shanghai, Accounts: &book{[]model.Account{*town.corp, *town.mini}},
		Corp: func(a string) Corp { return gateway.Corp(a) }, MiniApp: func(a string) MiniApp { return gateway.MiniApp(a) },
		Messages: town.texts, Media: &shelf{corp: gateway.Corp("shop")}, Ledger: town.ledger, Tasks: who, Persons: who, Addresses: who, Vault: seals,
		Guard: webhook.Guard{AllowPrivate: true}, OpenURL: "https://example.com/sidebar", ShortLinks: "https://example.com/s/", IDs: ids, Logger: slog.New(slog.DiscardHandler),
	})
	for _, c := range town.Channels() {
		town.ledger.Register(c)
	}
	t.Cleanup(func() {
		_ = gateway.Close()
		server.Close()
		sim.Close()
	})
	return town
}

// run lets the sender send until the test ends.
func (town *town) run() {
	if town.started {
		return
	}
	town.started = true
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); town.ledger.Run(ctx) }()
	town.t.Cleanup(func() { stop(); <-done })
}

func (town *town) clock() time.Time { return time.Now().UTC().Add(time.Duration(town.offset.Load())) }

// move moves our clock and the platform's.
func (town *town) move(d time.Duration) {
	town.t.Helper()
	town.offset.Add(int64(d))
	town.control("POST", "/_sim/clock", object{"advance": d.String()}, nil)
}

func (town *town) learn() map[string]wecom.Credential {
	var world struct {
		Corps []struct {
			ID   string
			Apps []struct {
				AgentID int64
				Secret  string
			}
		}
		MiniApps []struct{ AppID, Secret string }
	}
	town.control("GET", "/_sim/world", nil, &world)
	corp, app, mini := world.Corps[0].ID, world.Corps[0].Apps[0], world.MiniApps[0]
	town.corp = &model.Account{Kind: "wecom", Name: "shop", Title: "知音商店", PlatformID: corp, Enabled: true}
	town.mini = &model.Account{Kind: "miniapp", Name: "mini", Title: "会员中心", PlatformID: mini.AppID, Enabled: true}
	modeltest.Create(town.t, town.db, town.corp, town.mini)
	return map[string]wecom.Credential{
		"shop": {CorpID: corp, AgentID: app.AgentID, Secret: wecom.Secret(app.Secret)}, "mini": {AppID: mini.AppID, Secret: wecom.Secret(mini.Secret)},
	}
}

// mirror takes the company into the tables, as a synchronisation does.
func (town *town) mirror() {
	var world struct {
		Corps []struct {
			StaffList []struct{ UserID, Name string } `json:"staff_list"`
			GroupList []struct {
				ChatID string `json:"chat_id"`
				Owner  string
			} `json:"group_list"`
		}
	}
	town.control("GET", "/_sim/world?full=1", nil, &world)
	for _, m := range world.Corps[0].StaffList {
		row := &model.Staff{AccountID: town.corp.ID, UserID: m.UserID, Name: m.Name, ServesCustomers: true, PlatformStatus: 1}
		modeltest.Create(town.t, town.db, row)
		town.staff[m.UserID] = row
	}
	for _, g := range world.Corps[0].GroupList {
		modeltest.Create(town.t, town.db, &model.CustomerGroup{AccountID: town.corp.ID, ChatID: g.ChatID, OwnerUserID: g.Owner, OwnerStaffID: town.staff[g.Owner].ID, FoundedAt: town.clock()})
	}
	var all struct {
		Customers []struct {
			Customer struct {
				ID        string `json:"external_userid"`
				Relations []struct {
					UserID  string
					Created int64
					Left    bool
				}
			}
		}
	}
	town.control("GET", "/_sim/customers", nil, &all)
	for _, c := range all.Customers {
		row := &model.Customer{Type: 1, FirstSeenAt: town.clock()}
		modeltest.Create(town.t, town.db, row)
		modeltest.Create(town.t, town.db, &model.Identity{CustomerID: row.ID, Kind: "external_userid", Scope: town.corp.PlatformID, Value: c.Customer.ID, Source: "sync"})
		for _, r := range c.Customer.Relations {
			status := "active"
			if r.Left {
				status = "left"
			}
			modeltest.Create(town.t, town.db, &model.Relation{
				AccountID: town.corp.ID, StaffID: town.staff[r.UserID].ID, CustomerID: row.ID, ExternalUserID: c.Customer.ID, Status: status,
				AddedAt: time.Unix(r.Created, 0).UTC(), RemarkState: "synced", DescriptionState: "synced",
			})
		}
	}
}

func (town *town) control(method, path string, body, out any) {
	town.t.Helper()
	text, _ := json.Marshal(body)
	req, err := http.NewRequest(method, town.url+path, bytes.NewReader(text))
	if err != nil {
		town.t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		town.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		town.t.Fatalf("%s %s: %s", method, path, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			town.t.Fatal(err)
		}
	}
}

func (town *town) act(name string, body object) (out object) {
	town.t.Helper()
	town.control("POST", "/_sim/act/"+name, body, &out)
	return out
}

func (town *town) fault(body object) {
	town.t.Helper()
	town.control("POST", "/_sim/faults", body, nil)
}

// effects counts the calls of an API that the platform carried out.
func (town *town) effects(api string) int {
	town.t.Helper()
	var ledger struct{ Matched int }
	town.control("GET", "/_sim/ledger?count=1&effect=true&api="+api, nil, &ledger)
	return ledger.Matched
}

// followedBy lists customers whom a member follows, as active relations say.
func (town *town) followedBy(userID string) (ids []int64) {
	town.t.Helper()
	err := town.db.Model(&model.Relation{}).Where("staff_id = ? AND status = 'active'", town.staff[userID].ID).Order("customer_id").Pluck("customer_id", &ids).Error
	if err != nil {
		town.t.Fatal(err)
	}
	return ids
}

func (town *town) plan(in ...outreach.Intent) {
	town.t.Helper()
	for i := range in {
		if in[i].Source == "" {
			in[i].Source, in[i].SourceID = outreach.SourceCampaign, 7
		}
	}
	err := model.InTx(town.t.Context(), town.db, func(tx *gorm.DB) error {
		_, err := town.ledger.PlanTx(tx, in)
		return err
	})
	if err != nil {
		town.t.Fatal(err)
	}
}

// each is one intent for each customer.
func each(in outreach.Intent, customers []int64) (out []outreach.Intent) {
	for _, id := range customers {
		in.CustomerID = id
		out = append(out, in)
	}
	return out
}

// states counts deliveries by state and reason.
func (town *town) states() map[string]int {
	town.t.Helper()
	var rows []model.Delivery
	if err := town.db.Find(&rows).Error; err != nil {
		town.t.Fatal(err)
	}
	out := map[string]int{}
	for _, r := range rows {
		key := outreach.State(r.State).String()
		if r.Reason != "" {
			key += " " + r.Reason
		}
		out[key]++
	}
	return out
}

// wait waits until the deliveries stand so.
func (town *town) wait(want map[string]int) {
	town.t.Helper()
	town.run()
	town.eventually(fmt.Sprint(want), func() bool { return fmt.Sprint(town.states()) == fmt.Sprint(want) })
}

func (town *town) eventually(what string, is func() bool) {
	town.t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			town.t.Fatalf("it never comes about that %s; deliveries %v", what, town.states())
		}
	}
}

func (town *town) job(f func(context.Context) error) {
	town.t.Helper()
	if err := f(town.t.Context()); err != nil {
		town.t.Fatal(err)
	}
}
