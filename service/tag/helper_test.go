package tag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// house is a service with its database, one account, one staff member with relations, and a platform.
type house struct {
	*Service
	t         testing.TB
	db        *gorm.DB
	clock     *clock.Fake
	acct      *model.Account
	lisi      int64 // a staff member's row
	platform  *fake
	relations []*model.Relation
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, db: modeltest.DB(t), clock: clock.NewFake(noon), platform: &fake{marks: map[string][]string{}}}
	queue := work.New(h.db, h.clock.Now)
	h.Service = New(h.db, event.New(queue, h.clock.Now), queue, h.clock.Now, h, func(string) Platform { return h.platform })
	h.acct = &model.Account{Kind: "wecom", Name: "main", PlatformID: "wwCORP", Enabled: true}
	modeltest.Create(t, h.db, h.acct)
	lisi := &model.Staff{AccountID: h.acct.ID, UserID: "lisi"}
	modeltest.Create(t, h.db, lisi)
	h.lisi = lisi.ID
	for i := range 3 {
		modeltest.Create(t, h.db, &model.Customer{ID: int64(100 + i), FirstSeenAt: noon})
		r := &model.Relation{AccountID: h.acct.ID, StaffID: lisi.ID, CustomerID: int64(100 + i), ExternalUserID: fmt.Sprintf("wm%d", i),
			Status: "active", AddedAt: noon}
		modeltest.Create(t, h.db, r)
		h.relations = append(h.relations, r)
	}
	return h
}

// Relations implements Customers: staff member 1 sees all.
func (h *house) Relations(_ context.Context, v *staff.Viewer, ids []int64) (out []*model.Relation, err error) {
	for _, r := range h.relations {
		if slices.Contains(ids, r.ID) {
			out = append(out, r)
		}
	}
	if v.StaffID != 1 || len(out) != len(ids) {
		return nil, errOutOfSight
	}
	return out, nil
}

// Visible implements Customers: staff member 1 and 李四 see all.
func (h *house) Visible(_ context.Context, v *staff.Viewer, ids []int64) ([]int64, error) {
	if v.StaffID != 1 && v.StaffID != h.lisi {
		return nil, nil
	}
	return ids, nil
}

// List implements Customers: all of them, newest first, two on a page.
func (h *house) List(_ context.Context, v *staff.Viewer, f customer.Filter) (*customer.Page, error) {
	var rows []model.Customer
	q := h.db.Where("name LIKE ?", f.NamePrefix+"%").Order("id DESC").Limit(3)
	if f.Cursor != "" {
		q = q.Where("id < ?", f.Cursor)
	}
	if err := q.Find(&rows).Error; err != nil {
		return nil, err
	}
	page := &customer.Page{}
	if len(rows) > 2 {
		rows = rows[:2]
		page.Next = fmt.Sprint(rows[1].ID)
	}
	for _, r := range rows {
		page.Items = append(page.Items, customer.Item{Customer: r})
	}
	return page, nil
}

var errOutOfSight = errors.New("out of sight")

var boss = &staff.Viewer{StaffID: 1}

func (h *house) in(do func(tx *gorm.DB) error) {
	h.t.Helper()
	if err := model.InTx(context.Background(), h.db, do); err != nil {
		h.t.Fatal(err)
	}
}

// refreshAll mirrors what the platform has now.
func (h *house) refreshAll() Counts {
	h.t.Helper()
	h.clock.Advance(time.Millisecond)
	c, err := h.Refresh(h.t.Context(), h.acct)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// read applies what the platform shows of a relation now.
func (h *house) read(r *model.Relation) {
	h.t.Helper()
	h.clock.Advance(time.Millisecond)
	h.apply(RelationTags{Relation: r, PlatformTagIDs: h.platform.marksOf(r), ReadAt: h.clock.Now()})
}

func (h *house) apply(list ...RelationTags) {
	h.t.Helper()
	h.in(func(tx *gorm.DB) error { return h.ApplyAssignmentsTx(tx, h.acct, list, event.SourceSync) })
}

func (h *house) assign(r *model.Relation, add, remove []int64) {
	h.t.Helper()
	h.clock.Advance(time.Millisecond)
	h.in(func(tx *gorm.DB) error {
		return h.AssignTx(tx, []*model.Relation{r}, add, remove, event.SourceConsole)
	})
}

// work does all works that wait, in order, as one worker would, and keeps those that fail for the next
// round. The attempt is what the handlers are told.
func (h *house) work(attempt int) (failed []error) {
	h.t.Helper()
	for {
		var rows []model.Work
		if err := h.db.Where("state = 'ready' AND kind LIKE 'tag.%'").Order("id").Find(&rows).Error; err != nil {
			h.t.Fatal(err)
		}
		n := 0
		for _, w := range rows {
			err := h.do(w, attempt)
			switch {
			case err == nil, strings.HasPrefix(err.Error(), "cancelled"):
				n++
				if err := h.db.Model(&model.Work{}).Where("id = ?", w.ID).Update("state", "done").Error; err != nil {
					h.t.Fatal(err)
				}
			default:
				failed = append(failed, err)
			}
		}
		if n == 0 || len(failed) > 0 {
			return failed
		}
	}
}

func (h *house) do(w model.Work, attempt int) error {
	h.clock.Advance(time.Millisecond)
	l := &work.Lease{ID: w.ID, Kind: w.Kind, Attempt: attempt}
	ctx := h.t.Context()
	switch w.Kind {
	case workPush:
		return h.push(ctx, l, decode[Ref](h.t, w))
	case workClear:
		return h.clear(ctx, l, decode[Ref](h.t, w))
	case workBatch:
		return h.runBatch(ctx, l, decode[batchRef](h.t, w))
	case workAlign:
		return h.alignSome(ctx, l, decode[alignRef](h.t, w))
	case workUnmarked:
		return h.unmarked(ctx, l, decode[markRef](h.t, w))
	case workPushMarks:
		return h.pushMarks(ctx, l, decode[relationRef](h.t, w))
	default:
		return h.refresh(ctx, l, decode[accountRef](h.t, w))
	}
}

func decode[T any](t testing.TB, w model.Work) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(w.Payload), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// quiet works off everything and wants no failure.
func (h *house) quiet() {
	h.t.Helper()
	if errs := h.work(1); len(errs) > 0 {
		h.t.Fatalf("works failed: %v", errs)
	}
}

// dictionary is what is listed, as "group: tag tag", with a state where it is not synced.
func (h *house) dictionary() []string {
	h.t.Helper()
	groups, err := h.Service.List(h.t.Context(), h.acct.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	state := func(name, state string) string {
		if state == Synced {
			return name
		}
		return name + "(" + state + ")"
	}
	for _, g := range groups {
		line := state(g.Name, g.SyncState) + ":"
		for _, t := range g.Tags {
			line += " " + state(t.Name, t.SyncState)
		}
		out = append(out, line)
	}
	return out
}

// group makes a group with tags, here and at the platform.
func (h *house) group(name string, tags ...string) *Group {
	h.t.Helper()
	g, err := h.CreateGroup(h.t.Context(), NewGroup{AccountID: h.acct.ID, Name: name, Tags: tags})
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

func (h *house) tagNamed(name string) *model.Tag {
	h.t.Helper()
	var t model.Tag
	if err := h.db.Where("name = ?", name).Order("id DESC").Take(&t).Error; err != nil {
		h.t.Fatalf("tag %s: %v", name, err)
	}
	return &t
}

// borne are the names of the tags that a relation bears here.
func (h *house) borne(r *model.Relation) []string {
	h.t.Helper()
	names := []string{}
	err := h.db.Table("tag_assignment").Joins("JOIN tag ON tag.id = tag_assignment.tag_id").
		Where("relation_id = ? AND tag_assignment.sync_state IN ?", r.ID, []string{Adding, Synced}).Order("tag.name").Pluck("tag.name", &names).Error
	if err != nil {
		h.t.Fatal(err)
	}
	return names
}

func (h *house) facts() int64 {
	h.t.Helper()
	return modeltest.Count[model.Event](h.t, h.db, "kind = ?", event.KindTagChanged)
}

// wants compares.
func wants(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// fake is a platform: a dictionary, and marks by external user id.
type fake struct {
	mu       sync.Mutex
	next     int
	groups   []wecom.TagGroup
	marks    map[string][]string
	collapse bool // a name that is there is taken for the same tag, not refused
	calls    []string

	fail   map[string][]error // by call: what the next calls answer instead of doing it
	lose   map[string]int     // by call: how many calls are done, but their answer is lost
	before func(call string)
}

var errDoubt = &wecom.Error{Class: wecom.ClassUnknown}

func refused(code int, class wecom.Class) error { return &wecom.Error{Code: code, Class: class} }

// enter says what a call is to answer instead of doing it, and what after it was done.
func (f *fake) enter(call string) (instead, after error) {
	if f.before != nil {
		f.before(call)
	}
	f.mu.Lock()
	f.calls = append(f.calls, call)
	if list := f.fail[call]; len(list) > 0 {
		f.fail[call] = list[1:]
		if list[0] != nil {
			f.mu.Unlock()
			return list[0], nil
		}
	}
	if f.lose[call] > 0 {
		f.lose[call]--
		return nil, errDoubt
	}
	return nil, nil
}

func (f *fake) CorpTags(context.Context, ...string) ([]wecom.TagGroup, error) {
	if err, _ := f.enter("list"); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	out := slices.Clone(f.groups)
	for i := range out {
		out[i].Tags = slices.Clone(out[i].Tags)
	}
	return out, nil
}

func (f *fake) id(prefix string) string { f.next++; return fmt.Sprintf("et%s%d", prefix, f.next) }

func (f *fake) AddCorpTags(_ context.Context, in wecom.NewTags) (*wecom.TagGroup, error) {
	err, after := f.enter("add")
	if err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	at := slices.IndexFunc(f.groups, func(g wecom.TagGroup) bool { return g.ID == in.GroupID || in.GroupID == "" && g.Name == in.GroupName })
	if at < 0 && in.GroupID != "" {
		return nil, refused(40068, wecom.ClassBadInput)
	}
	var group wecom.TagGroup
	if at >= 0 {
		group = f.groups[at]
	} else {
		group = wecom.TagGroup{ID: f.id("g"), Name: in.GroupName, Order: order(in.Order)}
	}
	answer := group
	answer.Tags = nil
	for _, n := range in.Tags {
		if i := named(group.Tags, n.Name); i >= 0 {
			if !f.collapse {
				return nil, refused(40071, wecom.ClassBadInput)
			}
			answer.Tags = append(answer.Tags, group.Tags[i])
			continue
		}
		t := wecom.Tag{ID: f.id("t"), Name: n.Name, Order: order(n.Order)}
		group.Tags = append(slices.Clone(group.Tags), t)
		answer.Tags = append(answer.Tags, t)
	}
	if at >= 0 {
		f.groups[at] = group
	} else {
		f.groups = append(f.groups, group)
	}
	if after != nil {
		return nil, after
	}
	return &answer, nil
}

func order(n *uint32) uint32 {
	if n == nil {
		return 0
	}
	return *n
}

func (f *fake) EditCorpTag(_ context.Context, id string, edit wecom.TagEdit) error {
	err, after := f.enter("edit")
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	found := false
	f.each(func(itemID string, name *string, order *uint32) {
		if itemID == id {
			found = true
			if edit.Name != nil {
				*name = *edit.Name
			}
			if edit.Order != nil {
				*order = *edit.Order
			}
		}
	})
	if !found {
		return refused(40068, wecom.ClassBadInput)
	}
	return after
}

func (f *fake) each(do func(id string, name *string, order *uint32)) {
	for i := range f.groups {
		g := &f.groups[i]
		do(g.ID, &g.Name, &g.Order)
		for j := range g.Tags {
			do(g.Tags[j].ID, &g.Tags[j].Name, &g.Tags[j].Order)
		}
	}
}

func (f *fake) DeleteCorpTags(_ context.Context, tagIDs, groupIDs []string) error {
	err, after := f.enter("delete")
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	for i := range f.groups {
		whole := slices.Contains(groupIDs, f.groups[i].ID)
		f.groups[i].Tags = slices.DeleteFunc(slices.Clone(f.groups[i].Tags), func(t wecom.Tag) bool {
			gone := whole || slices.Contains(tagIDs, t.ID)
			for ext := range f.marks {
				if gone {
					f.unmark(ext, t.ID)
				}
			}
			return gone
		})
	}
	f.groups = slices.DeleteFunc(f.groups, func(g wecom.TagGroup) bool { return len(g.Tags) == 0 })
	return after
}

func (f *fake) unmark(ext, id string) {
	f.marks[ext] = slices.DeleteFunc(slices.Clone(f.marks[ext]), func(have string) bool { return have == id })
}

func (f *fake) MarkTags(_ context.Context, _, ext string, add, remove []string) error {
	err, after := f.enter("mark")
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	known := map[string]bool{}
	f.each(func(id string, _ *string, _ *uint32) { known[id] = true })
	for _, id := range slices.Concat(add, remove) {
		if !known[id] {
			return refused(40068, wecom.ClassBadInput)
		}
	}
	for _, id := range remove {
		f.unmark(ext, id)
	}
	for _, id := range add {
		f.unmark(ext, id)
		f.marks[ext] = append(f.marks[ext], id)
	}
	return after
}

func (f *fake) marksOf(r *model.Relation) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.marks[r.ExternalUserID])
}

// markNames are the names of what a relation bears at the platform.
func (f *fake) markNames(r *model.Relation) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := map[string]bool{}
	f.each(func(id string, name *string, _ *uint32) {
		if slices.Contains(f.marks[r.ExternalUserID], id) {
			names[*name] = true
		}
	})
	return slices.Sorted(maps.Keys(names))
}

// admin makes tags in the platform's own console.
func (f *fake) admin(group string, tags ...string) {
	in := wecom.NewTags{GroupName: group}
	for _, t := range tags {
		in.Tags = append(in.Tags, wecom.NewTag{Name: t})
	}
	if _, err := f.AddCorpTags(context.Background(), in); err != nil {
		panic(err)
	}
}

func (f *fake) dictionary() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.groups {
		line := g.Name + ":"
		for _, t := range g.Tags {
			line += " " + t.Name
		}
		out = append(out, line)
	}
	return out
}

func (f *fake) tagID(name string) (found string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.each(func(id string, have *string, _ *uint32) {
		if *have == name {
			found = id
		}
	})
	return found
}
