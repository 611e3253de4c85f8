package acquisition

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/staff"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// noon is 12:00 in Shanghai on Sunday 2026-11-22.
var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// house is a service over a database of its own, a platform in memory, and notebooks for what it asks of
// other capabilities.
type house struct {
	*Service
	t       *testing.T
	db      *gorm.DB
	clock   *clock.Fake
	account *model.Account
	staff   map[string]*model.Staff
	fake    *fakePlatform

	mu      sync.Mutex
	tagged  []string // "relation:tag"
	remarks map[int64]string
}

func newHouse(t *testing.T, userIDs ...string) *house {
	t.Helper()
	h := &house{t: t, db: modeltest.DB(t), clock: clock.NewFake(noon), staff: map[string]*model.Staff{}, remarks: map[int64]string{}}
	h.account = &model.Account{Kind: "wecom", Name: "shop", Title: "知音商店", PlatformID: "ww1", Enabled: true}
	modeltest.Create(t, h.db, h.account)
	for _, id := range userIDs {
		h.staff[id] = &model.Staff{AccountID: h.account.ID, UserID: id, Name: "name of " + id, ServesCustomers: true, PlatformStatus: 1}
		modeltest.Create(t, h.db, h.staff[id])
	}
	h.fake = &fakePlatform{now: h.clock.Now, ways: map[string]*fakeWay{}}
	s, err := New(Deps{
		DB: h.db, Queue: work.New(h.db, h.clock.Now), Now: h.clock.Now, Zone: shanghai(t),
		Corp:  func(string) Platform { return h.fake },
		Staff: staff.New(h.db, h.clock.Now, staff.Options{}), Tags: h, Remarks: h,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Service = s
	return h
}

func (h *house) AssignTx(_ *gorm.DB, relations []*model.Relation, add, remove []int64, source string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range relations {
		for _, tag := range add {
			h.tagged = append(h.tagged, fmt.Sprintf("%d:%d", r.ID, tag))
		}
	}
	return nil
}

func (h *house) SetRemarkTx(_ *gorm.DB, relationID int64, remark string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remarks[relationID] = remark
	return nil
}

// inTx runs f in a transaction that must succeed.
func (h *house) inTx(f func(tx *gorm.DB) error) {
	h.t.Helper()
	if err := model.InTx(h.t.Context(), h.db, f); err != nil {
		h.t.Fatal(err)
	}
}

// code makes a channel code of these staff.
func (h *house) code(members ...CodeStaff) *Code {
	h.t.Helper()
	code, err := h.CreateCode(h.t.Context(), h.account.ID, 0, CodeInput{Name: "门店海报", SkipVerify: true, Staff: members})
	if err != nil {
		h.t.Fatal(err)
	}
	return code
}

func (h *house) member(id string) CodeStaff { return CodeStaff{StaffID: h.staff[id].ID} }

func (h *house) read(id int64) *Code {
	h.t.Helper()
	code, err := h.Code(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return code
}

// work does what is queued and due, a work at a time as often as it takes, and tells how each attempt ended.
func (h *house) work() (results []error) {
	h.t.Helper()
	for range 50 {
		var w model.Work
		err := h.db.Where("state = 'ready' AND run_at <= ?", h.clock.Now()).Order("lane, id").Limit(1).Find(&w).Error
		if err != nil {
			h.t.Fatal(err)
		}
		if w.ID == 0 {
			return results
		}
		lease := &work.Lease{ID: w.ID, Kind: w.Kind, Attempt: w.Attempts + 1, Fence: w.Fence + 1}
		if w.Deadline != nil {
			lease.Deadline = *w.Deadline
		}
		result := h.handle(lease, w.Payload)
		results = append(results, result)
		state := map[string]any{"state": "done", "attempts": lease.Attempt, "fence": lease.Fence}
		if result != nil {
			state["state"] = "failed once" // tests look at it and put it back with retry
		}
		if err := h.db.Model(&w).UpdateColumns(state).Error; err != nil {
			h.t.Fatal(err)
		}
	}
	h.t.Fatal("the queue never empties")
	return nil
}

// retry puts failed works back into the queue.
func (h *house) retry() {
	h.t.Helper()
	if err := h.db.Model(&model.Work{}).Where("state = 'failed once'").UpdateColumns(map[string]any{"state": "ready"}).Error; err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) handle(l *work.Lease, payload string) error {
	ctx := h.t.Context()
	switch l.Kind {
	case workPush:
		return h.push(ctx, l, decode[codePayload](h.t, payload))
	case workDelete:
		return h.remove(ctx, l, decode[codePayload](h.t, payload))
	case workWelcome:
		return h.sendWelcome(ctx, l, decode[welcomePayload](h.t, payload))
	case workUpload:
		return h.upload(ctx, l, decode[mediaPayload](h.t, payload))
	}
	h.t.Fatalf("nobody does %s", l.Kind)
	return nil
}

func decode[P any](t *testing.T, payload string) (p P) {
	t.Helper()
	if err := json.Unmarshal([]byte(payload), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// mustWork fails the test unless all that is queued succeeds.
func (h *house) mustWork() {
	h.t.Helper()
	for _, err := range h.work() {
		if err != nil {
			h.t.Fatalf("work: %v", err)
		}
	}
}

func (h *house) works(kind string) int64 {
	h.t.Helper()
	return modeltest.Count[model.Work](h.t, h.db, "kind = ? AND state = 'ready'", kind)
}

// fakePlatform is as much of the platform as this package asks of, with a ledger of what was asked.
type fakePlatform struct {
	now func() time.Time

	mu      sync.Mutex
	calls   []string
	ways    map[string]*fakeWay
	refuses []string // members who are not activated
	sent    []wecom.Welcome
	uploads []string
	name    string // of every customer
	// fail, when set, may answer a call instead; effect says whether the call is carried out all the same.
	fail func(api string) (err error, effect bool)
	// hook runs before a call is carried out.
	hook func(api string)
}

type fakeWay struct {
	wecom.ContactWay
	created time.Time
}

func lost() error {
	return &wecom.Error{Class: wecom.ClassUnknown, Message: "no answer in time"}
}

func refusedWith(code int) error {
	class := map[int]wecom.Class{
		-1: wecom.ClassBusy, 41096: wecom.ClassBusy, 45009: wecom.ClassRate, 41044: wecom.ClassNotFound, 40007: wecom.ClassNotFound,
		48002: wecom.ClassPermission, 60011: wecom.ClassPermission, 40058: wecom.ClassBadInput, 84061: wecom.ClassRelation,
	}
	c, ok := class[code]
	if !ok {
		c = wecom.ClassBusiness
	}
	return &wecom.Error{Class: c, Code: code}
}

// failOnce answers the first call of an API with err, after carrying it out if effect says so.
func (p *fakePlatform) failOnce(api string, err error, effect bool) {
	done := false
	p.fail = func(called string) (error, bool) {
		if called != api || done {
			return nil, true
		}
		done = true
		return err, effect
	}
}

// enter writes down the call; carry says whether it is carried out, err what is answered.
func (p *fakePlatform) enter(api string) (carry bool, err error) {
	p.mu.Lock()
	p.calls = append(p.calls, api)
	fail, hook := p.fail, p.hook
	p.mu.Unlock()
	if hook != nil {
		hook(api)
	}
	if fail != nil {
		if err, effect := fail(api); err != nil {
			return effect, err
		}
	}
	return true, nil
}

func (p *fakePlatform) count(api string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, c := range p.calls {
		if c == api {
			n++
		}
	}
	return n
}

func (p *fakePlatform) takes(userIDs []string) error {
	if len(userIDs) == 0 {
		return refusedWith(40058)
	}
	for _, id := range userIDs {
		if slices.Contains(p.refuses, id) {
			return refusedWith(41054)
		}
	}
	return nil
}

func (p *fakePlatform) AddContactWay(_ context.Context, in wecom.NewContactWay) (string, string, error) {
	carry, err := p.enter("add")
	p.mu.Lock()
	defer p.mu.Unlock()
	if refused := p.takes(in.UserIDs); refused != nil && err == nil {
		return "", "", refused
	}
	id := fmt.Sprintf("config%d", len(p.ways)+1)
	if carry {
		p.ways[id] = &fakeWay{wecom.ContactWay{
			ConfigID: id, QRCode: "https://qr/" + id, State: in.State, UserIDs: in.UserIDs, Remark: in.Remark, SkipVerify: *in.SkipVerify,
		}, p.now()}
	}
	if err != nil {
		return "", "", err
	}
	return id, "https://qr/" + id, nil
}

func (p *fakePlatform) UpdateContactWay(_ context.Context, id string, c wecom.ContactWayChange) error {
	carry, err := p.enter("update")
	p.mu.Lock()
	defer p.mu.Unlock()
	way := p.ways[id]
	if way == nil {
		return refusedWith(41044)
	}
	if refused := p.takes(*c.UserIDs); refused != nil && err == nil {
		return refused
	}
	if carry {
		way.UserIDs, way.Remark, way.SkipVerify = *c.UserIDs, *c.Remark, *c.SkipVerify
	}
	return err
}

func (p *fakePlatform) ContactWay(_ context.Context, id string) (*wecom.ContactWay, error) {
	if _, err := p.enter("get"); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if way := p.ways[id]; way != nil {
		c := way.ContactWay
		return &c, nil
	}
	return nil, refusedWith(41044)
}

// ContactWays lists two ways a page, so that pages are met.
func (p *fakePlatform) ContactWays(_ context.Context, q wecom.ContactWayQuery) (ids []string, next string, err error) {
	if _, err := p.enter("list"); err != nil {
		return nil, "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, way := range p.ways {
		if !way.created.Before(q.From.Time) && !way.created.After(q.To.Time) && id > q.Cursor {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if len(ids) > 2 {
		ids, next = ids[:2], ids[1]
	}
	return ids, next, nil
}

func (p *fakePlatform) DeleteContactWay(_ context.Context, id string) error {
	carry, err := p.enter("delete")
	p.mu.Lock()
	defer p.mu.Unlock()
	if carry {
		delete(p.ways, id)
	}
	return err
}

func (p *fakePlatform) SendWelcome(_ context.Context, _ string, w wecom.Welcome) error {
	carry, err := p.enter("send")
	p.mu.Lock()
	defer p.mu.Unlock()
	if carry {
		p.sent = append(p.sent, w)
	}
	return err
}

func (p *fakePlatform) UploadMedia(_ context.Context, kind wecom.MediaKind, name string, content []byte) (*wecom.Media, error) {
	if _, err := p.enter("upload"); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.uploads = append(p.uploads, fmt.Sprintf("%s %s %d", kind, name, len(content)))
	return &wecom.Media{ID: fmt.Sprintf("media%d", len(p.uploads)), Kind: kind, CreatedAt: wecom.Time{Time: p.now()}}, nil
}

func (p *fakePlatform) Customer(context.Context, string) (*wecom.Customer, error) {
	if _, err := p.enter("customer"); err != nil {
		return nil, err
	}
	return &wecom.Customer{Contact: wecom.Contact{Name: p.name}}, nil
}

// told is whom the platform sends customers of a code to.
func (h *house) told(code *Code) string {
	h.t.Helper()
	h.fake.mu.Lock()
	defer h.fake.mu.Unlock()
	var found []string
	for _, way := range h.fake.ways {
		if way.State == code.State {
			found = append(found, strings.Join(way.UserIDs, " "))
		}
	}
	return strings.Join(found, " | ")
}

func (h *house) wantTold(code *Code, want string) {
	h.t.Helper()
	if got := h.told(code); got != want {
		h.t.Errorf("the platform sends customers to %q, want %q", got, want)
	}
}

func (h *house) wantCalls(api string, want int) {
	h.t.Helper()
	if got := h.fake.count(api); got != want {
		h.t.Errorf("%s was called %d times, want %d (%v)", api, got, want, h.fake.calls)
	}
}
