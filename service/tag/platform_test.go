package tag_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/tag"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
	"zhiyin/simulator"
	"zhiyin/wecom"
)

// enterprise is customers and tags with the real gateway, and the simulated platform behind HTTP.
type enterprise struct {
	t         *testing.T
	db        *gorm.DB
	url       string
	acct      *model.Account
	corp      *wecom.Corp
	customers *customer.Service
	tags      *tag.Service
	viewer    *staff.Viewer
}

func newEnterprise(t *testing.T) *enterprise {
	sim := simulator.New(simulator.Options{Seed: 1, Company: simulator.Company{Staff: 4, Customers: 12, Tags: 6}})
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		server.Close()
		sim.Close()
	})
	e := &enterprise{t: t, db: modeltest.DB(t), url: server.URL}
	var world struct {
		Base  string `json:"qyapi_base"`
		Corps []struct {
			ID   string `json:"id"`
			Apps []struct {
				AgentID int64  `json:"agentid"`
				Secret  string `json:"secret"`
			} `json:"apps"`
		} `json:"corps"`
	}
	e.get("/_sim/world", &world)
	c := world.Corps[0]
	gateway, err := wecom.New(wecom.Config{BaseURL: world.Base, Logger: slog.New(slog.DiscardHandler),
		Accounts: func(context.Context, string) (wecom.Credential, error) {
			return wecom.Credential{CorpID: c.ID, AgentID: c.Apps[0].AgentID, Secret: wecom.Secret(c.Apps[0].Secret)}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gateway.Close() })
	e.acct = &model.Account{Kind: "wecom", Name: "main", PlatformID: c.ID, Enabled: true}
	modeltest.Create(t, e.db, e.acct)
	queue := work.New(e.db, clock.System)
	events := event.New(queue, clock.System)
	people := staff.New(e.db, clock.System, staff.Options{})
	e.corp = gateway.Corp("main")
	e.customers = customer.New(e.db, events, queue, clock.System, people, vaulttest.New(e.t), func(a string) customer.Contacts { return gateway.Corp(a) })
	e.tags = tag.New(e.db, events, queue, clock.System, e.customers, func(a string) tag.Platform { return gateway.Corp(a) })
	e.viewer = &staff.Viewer{StaffID: 1, Roles: []string{"admin"}}
	e.run(work.NewWorker(queue, work.Options{Poll: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}))
	return e
}

func (e *enterprise) run(w *work.Worker) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	e.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			e.t.Error(err)
		}
	})
}

func (e *enterprise) get(path string, out any) {
	e.t.Helper()
	resp, err := http.Get(e.url + path)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		e.t.Fatal(err)
	}
}

// post makes the simulated world do something.
func (e *enterprise) post(path string, in any) {
	e.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		e.t.Fatal(err)
	}
	resp, err := http.Post(e.url+path, "application/json", bytes.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		e.t.Fatalf("%s answered %d", path, resp.StatusCode)
	}
}

// read applies what the platform shows of all customers now.
func (e *enterprise) read() []customer.AppliedRelation {
	e.t.Helper()
	users, err := e.corp.FollowUsers(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	readAt := clock.System()
	page, err := e.corp.CustomersOf(e.t.Context(), users, "", 100)
	if err != nil {
		e.t.Fatal(err)
	}
	in := customer.Input{Account: e.acct, Source: event.SourceSync, ReadAt: readAt}
	for _, c := range page.Customers {
		in.Contacts = append(in.Contacts, customer.Contact{Person: c.Contact, Follow: c.Relation})
	}
	var out *customer.Applied
	err = model.InTx(e.t.Context(), e.db, func(tx *gorm.DB) (err error) {
		if out, err = e.customers.ApplyTx(tx, in); err != nil {
			return err
		}
		var list []tag.RelationTags
		for _, r := range out.Relations {
			list = append(list, tag.RelationTags{Relation: r.Relation, PlatformTagIDs: r.PlatformTagIDs, ReadAt: r.ReadAt, First: r.New})
		}
		return e.tags.ApplyAssignmentsTx(tx, e.acct, list, event.SourceSync)
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return out.Relations
}

func (e *enterprise) refresh() {
	e.t.Helper()
	if _, err := e.tags.Refresh(e.t.Context(), e.acct); err != nil {
		e.t.Fatal(err)
	}
}

// there is a relation as the platform has it.
func (e *enterprise) there(r customer.AppliedRelation) wecom.Relation {
	e.t.Helper()
	c, err := e.corp.Customer(e.t.Context(), r.ExternalUserID)
	if err != nil {
		e.t.Fatal(err)
	}
	var who model.Staff
	if err := e.db.Where("id = ?", r.StaffID).Take(&who).Error; err != nil {
		e.t.Fatal(err)
	}
	at := slices.IndexFunc(c.Relations, func(f wecom.Relation) bool { return f.UserID == who.UserID })
	if at < 0 {
		e.t.Fatalf("%s does not follow %s", who.UserID, r.ExternalUserID)
	}
	return c.Relations[at]
}

func (e *enterprise) eventually(what string, ok func() bool) {
	e.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	e.t.Fatalf("still not so: %s", what)
}

func (e *enterprise) tag(id int64) model.Tag {
	var t model.Tag
	if err := e.db.Where("id = ?", id).Take(&t).Error; err != nil {
		e.t.Fatal(err)
	}
	return t
}

func (e *enterprise) bears(r customer.AppliedRelation, tagID int64) bool {
	return modeltest.Count[model.TagAssignment](e.t, e.db, "relation_id = ? AND tag_id = ? AND sync_state IN ('add', 'synced')", r.ID, tagID) == 1
}

// TestTagsAndRemarksBothWays goes through the real gateway to the simulated platform and back.
func TestTagsAndRemarksBothWays(t *testing.T) {
	e := newEnterprise(t)
	ctx := t.Context()
	relations := e.read() // before the dictionary: every tag is met unknown
	if len(relations) < 12 {
		t.Fatalf("got %d relations", len(relations))
	}
	e.refresh()
	groups, err := e.tags.List(ctx, e.acct.ID)
	if err != nil || len(groups) == 0 || modeltest.Count[model.Tag](t, e.db, "group_id = 0") != 0 {
		t.Fatalf("got %d groups, %v, and tags without a group", len(groups), err)
	}
	r := relations[0]

	// From here to there: a group with tags, a mark, a remark. The answer to the first call is lost.
	e.post("/_sim/faults", map[string]any{"api": "externalcontact/add_corp_tag", "kind": "drop_after", "times": 1})
	made, err := e.tags.CreateGroup(ctx, tag.NewGroup{AccountID: e.acct.ID, Name: "跟进阶段", Position: 7, Tags: []string{"初聊", "报价"}})
	if err != nil {
		t.Fatal(err)
	}
	first, second := made.Tags[0].ID, made.Tags[1].ID
	if err := e.tags.Assign(ctx, e.viewer, tag.AssignInput{RelationIDs: []int64{r.ID}, Add: []int64{first, second}}); err != nil {
		t.Fatal(err)
	}
	if err := e.customers.SetRemark(ctx, e.viewer, r.ID, "王总 👍"); err != nil {
		t.Fatal(err)
	}
	if err := e.customers.SetDescription(ctx, e.viewer, r.ID, "老客户介绍"); err != nil {
		t.Fatal(err)
	}
	e.eventually("the platform has remark and tags", func() bool {
		f := e.there(r)
		ids := f.CorpTagIDs()
		a, b := e.tag(first).PlatformID, e.tag(second).PlatformID
		return f.Remark == "王总 👍" && f.Description == "老客户介绍" && a != nil && b != nil && slices.Contains(ids, *a) && slices.Contains(ids, *b)
	})
	e.eventually("all is settled", func() bool {
		return modeltest.Count[model.Work](t, e.db, "state NOT IN ('done')") == 0 &&
			modeltest.Count[model.Tag](t, e.db, "sync_state <> 'synced'")+modeltest.Count[model.TagGroup](t, e.db, "sync_state <> 'synced'") == 0
	})
	dictionary, err := e.corp.CorpTags(ctx)
	if err != nil {
		t.Fatal(err)
	}
	same := slices.DeleteFunc(dictionary, func(g wecom.TagGroup) bool { return g.Name != "跟进阶段" })
	if len(same) != 1 || len(same[0].Tags) != 2 || same[0].Order != 7 {
		t.Errorf("the platform has %+v", same)
	}
	facts := modeltest.Count[model.Event](t, e.db)
	e.read()
	e.refresh()
	if n := modeltest.Count[model.Event](t, e.db); n != facts {
		t.Errorf("our own echo was recorded as %d events", n-facts)
	}

	// From there to here: the staff member edits in the client, an administrator deletes a tag.
	e.post("/_sim/act/edit", map[string]any{"userid": e.there(r).UserID, "external_userid": r.ExternalUserID,
		"remark": "王先生", "remove_tag": []string{*e.tag(first).PlatformID}})
	e.read()
	if got, err := e.customers.Relations(ctx, e.viewer, []int64{r.ID}); err != nil || got[0].Remark != "王先生" || e.bears(r, first) || !e.bears(r, second) {
		t.Errorf("got %+v, %v; bears %v and %v", got[0], err, e.bears(r, first), e.bears(r, second))
	}
	e.post("/_sim/act/tag_delete", map[string]any{"ids": []string{*e.tag(second).PlatformID}})
	e.refresh()
	e.eventually("nobody bears the deleted tag", func() bool { return !e.bears(r, second) && e.tag(second).GoneAt != nil })

	// Nobody may change what another app has made; the reason is shown.
	foreign := groups[0].Tags[0].ID
	if err := e.tags.Rename(ctx, tag.TagRef(foreign), "我的标签"); err != nil {
		t.Fatal(err)
	}
	e.eventually("the refusal is shown", func() bool {
		f := e.tag(foreign)
		return f.SyncState == tag.Failed && f.SyncError != ""
	})
	// Ours may be deleted; its group goes with the last tag.
	if err := e.tags.Delete(ctx, tag.TagRef(first)); err != nil {
		t.Fatal(err)
	}
	e.eventually("the group is gone on both sides", func() bool {
		all, err := e.corp.CorpTags(ctx)
		return err == nil && !slices.ContainsFunc(all, func(g wecom.TagGroup) bool { return g.Name == "跟进阶段" }) &&
			modeltest.Count[model.TagGroup](t, e.db, "name = ? AND gone_at IS NULL", "跟进阶段") == 0
	})
}
