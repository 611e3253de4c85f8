package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/account"
	"zhiyin/service/acquisition"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/group"
	"zhiyin/service/staff"
	"zhiyin/service/tag"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

var acme = &model.Account{ID: 1, Kind: account.KindWeCom, Name: "acme", PlatformID: "ww1", Enabled: true}

var shop = &model.Account{ID: 2, Kind: account.KindMiniApp, Name: "shop", PlatformID: "wx1", Enabled: true}

// house is one replica with the real staff, customers and groups, and a platform that tests hold.
type house struct {
	*Service
	t        testing.TB
	clock    *clock.Fake
	platform *platform
	calls    *calls
}

// open makes a house on a database of its own.
func open(t testing.TB) *house {
	t.Helper()
	return openOn(t, modeltest.DSN(t), &platform{now: clock.System})
}

func openOn(t testing.TB, dsn string, p *platform) *house {
	t.Helper()
	h := &house{t: t, clock: clock.NewFake(noon), platform: p, calls: &calls{}}
	db := modeltest.Open(t, dsn)
	now := h.clock.Now
	queue := work.New(db, now)
	events := event.New(queue, now)
	members := staff.New(db, now, staff.Options{})
	customers := customer.New(db, events, queue, now, members, vaulttest.New(t), func(string) customer.Contacts { return nil })
	groups := group.New(db, events, now, nil, func(string) group.Platform { return p })
	h.Service = New(Deps{
		DB: db, Queue: queue, Now: now, Accounts: accounts{}, Staff: members, Customers: customers,
		Tags: h.calls, Acquisition: h.calls, Groups: groups, Corp: func(string) Platform { return p },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	return h
}

type accounts struct{}

func (accounts) ByID(_ context.Context, id int64) (*model.Account, error) {
	for _, a := range []*model.Account{acme, shop} {
		if a.ID == id {
			return a, nil
		}
	}
	return nil, account.ErrNotFound
}

func (accounts) List(context.Context) ([]model.Account, error) {
	return []model.Account{*acme, *shop}, nil
}

// calls stands for tags and acquisition, and notes what it is asked.
type calls struct {
	mu      sync.Mutex
	list    []string
	failFor string // a welcome for this customer can't be received
}

func (c *calls) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

func (c *calls) count(prefix string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.list {
		if strings.HasPrefix(s, prefix) {
			n++
		}
	}
	return n
}

func (c *calls) ApplyGroupsTx(_ *gorm.DB, _ int64, groups []wecom.TagGroup, complete bool, _ time.Time) (staff.Counts, error) {
	c.note("tag groups %d %v", len(groups), complete)
	return staff.Counts{Read: int64(len(groups)), Unchanged: int64(len(groups))}, nil
}

func (c *calls) ApplyAssignmentsTx(_ *gorm.DB, _ *model.Account, relations []tag.RelationTags, _ string) error {
	c.note("assignments %d", len(relations))
	return nil
}

func (c *calls) CodesByState(_ *gorm.DB, _ int64, states []string) (map[string]customer.Origin, error) {
	origins := map[string]customer.Origin{}
	for i, s := range states {
		if strings.HasPrefix(s, "code") {
			origins[s] = customer.Origin{ChannelCodeID: int64(i + 1), SourceName: s}
		}
	}
	return origins, nil
}

func (c *calls) ArrivedTx(_ *gorm.DB, _ *model.Account, rel *model.Relation, _ string) error {
	c.note("arrived %s", rel.ExternalUserID)
	return nil
}

func (c *calls) LostTx(_ *gorm.DB, rel *model.Relation) error {
	c.note("lost %s", rel.ExternalUserID)
	return nil
}

func (c *calls) ReceiveWelcomes(_ *gorm.DB, dues ...acquisition.WelcomeDue) error {
	for _, due := range dues {
		if c.failFor != "" && due.ExternalUserID == c.failFor {
			return errors.New("can't be received")
		}
		c.note("welcome %s %s %s", due.UserID, due.ExternalUserID, due.WelcomeCode)
	}
	return nil
}

// platform is the truth, and what goes wrong with asking for it.
type platform struct {
	now clock.Clock

	mu          sync.Mutex
	customers   map[string]*wecom.Customer // by external user id; absent: nobody's
	members     map[string]*wecom.StaffMember
	departments []wecom.Department
	serving     []string
	tags        []wecom.TagGroup
	groups      map[string]*wecom.Group
	asked       map[string]int
	before      func(api string, n int) error // called before each answer; n counts calls of the API
}

func (p *platform) ask(ctx context.Context, api string) error {
	p.mu.Lock()
	if p.asked == nil {
		p.asked = map[string]int{}
	}
	p.asked[api]++
	n, before := p.asked[api], p.before
	p.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if before == nil {
		return nil
	}
	return before(api, n)
}

func (p *platform) times(api string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[api]
}

func fails(class wecom.Class, code int) error {
	return &wecom.Error{API: "test", Class: class, Code: code}
}

func (p *platform) Customer(ctx context.Context, id string) (*wecom.Customer, error) {
	if err := p.ask(ctx, "get"); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.customers[id]; c != nil && len(c.Relations) > 0 {
		return c, nil
	}
	return nil, fails(wecom.ClassRelation, 84061)
}

func (p *platform) CustomerIDs(ctx context.Context, userID string) (ids []string, err error) {
	if err := p.ask(ctx, "list"); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, c := range p.customers {
		if slices.ContainsFunc(c.Relations, func(r wecom.Relation) bool { return r.UserID == userID }) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (p *platform) CustomersOf(ctx context.Context, userIDs []string, cursor string, limit int) (*wecom.CustomerPage, error) {
	if err := p.ask(ctx, "batch"); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for id, c := range p.customers {
		if slices.ContainsFunc(c.Relations, func(r wecom.Relation) bool { return r.UserID == userIDs[0] }) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	page := &wecom.CustomerPage{}
	for _, id := range ids {
		if cursor != "" && id <= cursor {
			continue
		}
		if len(page.Customers) == limit {
			page.Next = page.Customers[limit-1].Contact.ExternalUserID
			break
		}
		for _, r := range p.customers[id].Relations {
			if r.UserID == userIDs[0] {
				page.Customers = append(page.Customers, wecom.CustomerOf{Contact: p.customers[id].Contact, Relation: r})
			}
		}
	}
	return page, nil
}

func (p *platform) Departments(ctx context.Context) ([]wecom.Department, error) {
	return p.departments, p.ask(ctx, "departments")
}

func (p *platform) StaffOf(ctx context.Context, id int64) ([]wecom.StaffMember, error) {
	if err := p.ask(ctx, "staff"); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []wecom.StaffMember
	for _, m := range p.members {
		if slices.Contains(m.Departments, id) {
			list = append(list, *m)
		}
	}
	return list, nil
}

func (p *platform) StaffMember(ctx context.Context, id string) (*wecom.StaffMember, error) {
	if err := p.ask(ctx, "member"); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.members[strings.ToLower(id)]; m != nil {
		return m, nil
	}
	return nil, fails(wecom.ClassNotFound, 60111)
}

func (p *platform) FollowUsers(ctx context.Context) ([]string, error) {
	return p.serving, p.ask(ctx, "serving")
}

func (p *platform) CorpTags(ctx context.Context, _ ...string) ([]wecom.TagGroup, error) {
	return p.tags, p.ask(ctx, "tags")
}

func (p *platform) Groups(ctx context.Context, q wecom.GroupsQuery) ([]wecom.GroupStatus, string, error) {
	if err := p.ask(ctx, "groups"+strings.Repeat(" by owner", min(len(q.OwnerIDs), 1))); err != nil {
		return nil, "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for id, g := range p.groups {
		if id > q.Cursor && (len(q.OwnerIDs) == 0 || slices.Contains(q.OwnerIDs, g.OwnerID)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	next := ""
	if len(ids) > q.Limit {
		ids = ids[:q.Limit]
		next = ids[q.Limit-1]
	}
	var list []wecom.GroupStatus
	for _, id := range ids {
		list = append(list, wecom.GroupStatus{ChatID: id})
	}
	return list, next, nil
}

func (p *platform) Group(ctx context.Context, id string) (*wecom.Group, error) {
	if err := p.ask(ctx, "group"); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if g := p.groups[id]; g != nil {
		return g, nil
	}
	return nil, fails(wecom.ClassNotFound, 86003)
}

// follow makes staff follow a customer since a time.
func (p *platform) follow(externalUserID, userID string, since time.Time, state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.customers == nil {
		p.customers = map[string]*wecom.Customer{}
	}
	c := p.customers[externalUserID]
	if c == nil {
		c = &wecom.Customer{Contact: wecom.Contact{ExternalUserID: externalUserID, Name: "客户" + externalUserID, Type: 1}}
		p.customers[externalUserID] = c
	}
	c.Relations = append(c.Relations, wecom.Relation{UserID: userID, CreatedAt: wecom.Time{Time: since}, State: state, AddWay: 1})
}

func (p *platform) unfollow(externalUserID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.customers, externalUserID)
}

// pushed is a message of the platform; fields alternate names and texts.
func pushed(event, change string, at time.Time, fields ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<xml><ToUserName>ww1</ToUserName><FromUserName>sys</FromUserName><CreateTime>%d</CreateTime><MsgType>event</MsgType><Event>%s</Event>", at.Unix(), event)
	if change != "" {
		fmt.Fprintf(&b, "<ChangeType>%s</ChangeType>", change)
	}
	for i := 0; i < len(fields); i += 2 {
		fmt.Fprintf(&b, "<%s>%s</%s>", fields[i], fields[i+1], fields[i])
	}
	return b.String() + "</xml>"
}

func contactPush(change, externalUserID string, at time.Time, more ...string) string {
	return pushed("change_external_contact", change, at, append([]string{"UserID", "ZhangSan", "ExternalUserID", externalUserID}, more...)...)
}

func (h *house) receive(message string, stale bool) {
	h.t.Helper()
	if err := h.Receive(h.t.Context(), acme, []byte(message), Meta{ReceivedAt: h.clock.Now(), Stale: stale}); err != nil {
		h.t.Fatal(err)
	}
}

// settle routes what is new and does every work of the inbox once, and gives what went wrong.
func (h *house) settle() (errs []error) {
	h.t.Helper()
	if err := h.drain(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	var rows []model.Inbox
	if err := h.db.Where("state = ?", StateRouted).Order("id").Find(&rows).Error; err != nil {
		h.t.Fatal(err)
	}
	for _, r := range rows {
		if err := h.handle(h.t.Context(), &work.Lease{Attempt: 1}, eventWork{r.ID}); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// mustSettle is settle where nothing may go wrong.
func (h *house) mustSettle() {
	h.t.Helper()
	if errs := h.settle(); len(errs) > 0 {
		h.t.Fatal(errs)
	}
}

func (h *house) states() map[string]int64 {
	h.t.Helper()
	var rows []model.Inbox
	if err := h.db.Find(&rows).Error; err != nil {
		h.t.Fatal(err)
	}
	states := map[string]int64{}
	for _, r := range rows {
		states[r.State]++
	}
	return states
}

// lastID is the row that came last.
func (h *house) lastID() int64 {
	h.t.Helper()
	var row model.Inbox
	if err := h.db.Select("id").Order("id DESC").Take(&row).Error; err != nil {
		h.t.Fatal(err)
	}
	return row.ID
}

func (h *house) relation(externalUserID string) *model.Relation {
	h.t.Helper()
	var r model.Relation
	err := h.db.Take(&r, "external_userid = ?", externalUserID).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return &r
}
