package customer

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/staff"
)

// crowd is three staff, of whom chef leads the department of lisi, and customers among them.
func crowd(t *testing.T) *house {
	h := newHouse(t)
	var all []Contact
	for i := range 30 {
		who := []string{"lisi", "wang", "zhao"}[i%3]
		all = append(all, contact(who, fmt.Sprintf("wm%02d", i), at(i), func(c *Contact) {
			c.Person.Name = fmt.Sprintf("客户%02d", i)
			c.Follow.Remark = fmt.Sprintf("备注 %d%%", i)
		}))
	}
	all = append(all, contact("wang", "wm00", at(40))) // lisi's and wang's
	h.apply(Input{Contacts: all})
	return h
}

func names(p *Page) (out []string) {
	for _, it := range p.Items {
		out = append(out, it.Name)
	}
	return out
}

func (h *house) viewer(userid, role string) *staff.Viewer {
	var row model.Staff
	if err := h.db.Where("userid = ?", userid).Take(&row).Error; err != nil {
		h.t.Fatal(err)
	}
	return &staff.Viewer{StaffID: row.ID, AccountID: h.acct.ID, Roles: []string{role}}
}

func TestListWalksByCursorInThreeStatements(t *testing.T) {
	h := crowd(t)
	statements := countStatements(t, h.db)
	var all []string
	f := Filter{Limit: 7}
	for {
		statements.Store(0)
		p, err := h.List(t.Context(), admin, f)
		if err != nil {
			t.Fatal(err)
		}
		if n := statements.Load(); n > 3 {
			t.Errorf("a page took %d statements", n)
		}
		for _, it := range p.Items {
			if len(it.Relations) == 0 || it.Relations[0].StaffID == 0 {
				t.Errorf("%s comes without relations", it.Name)
			}
		}
		all = append(all, names(p)...)
		if f.Cursor = p.Next; p.Next == "" {
			break
		}
	}
	if len(all) != 30 || !slices.IsSortedFunc(all, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("got %d customers: %v", len(all), all)
	}
}

func TestListFilters(t *testing.T) {
	h := crowd(t)
	lisi, wang := h.viewer("lisi", "sales").StaffID, h.viewer("wang", "sales").StaffID
	h.lost("zhao", "wm02", StatusLeft, at(50))
	rel := h.relation("wang", "wm01")
	ended, later := noon.Add(-time.Second), noon.Add(24*365*time.Hour)
	modeltest.Create(t, h.db,
		&model.TagAssignment{TagID: 5, RelationID: rel.ID, CustomerID: rel.CustomerID, SyncState: "synced", KnownAt: noon},
		&model.CustomerTag{CustomerID: rel.CustomerID, TagID: 5, Source: "wecom", CreatedAt: noon},
		&model.CustomerTag{CustomerID: rel.CustomerID, TagID: 6, Source: "rule", ExpiresAt: &ended, CreatedAt: noon},
		&model.CustomerTag{CustomerID: rel.CustomerID, TagID: 7, Source: "rule", ExpiresAt: &later, CreatedAt: noon})
	tests := []struct {
		name string
		f    Filter
		want int
	}{
		{"all", Filter{}, 30},
		{"part of a name", Filter{Name: "户07"}, 1},
		{"part of a remark", Filter{Name: "注 7%"}, 1},
		{"a percent sign is itself", Filter{Name: "%"}, 30}, // every one of these has a remark with one
		{"not before a digit", Filter{Name: "%1"}, 0},
		{"percent in a name prefix matches nothing", Filter{NamePrefix: "%07"}, 0},
		{"underscore is itself", Filter{NamePrefix: "客户0_"}, 0},
		{"the escape sign is itself", Filter{Name: "!"}, 0},
		{"injection", Filter{Name: "' OR 1=1 --"}, 0},
		{"prefix", Filter{NamePrefix: "客户1"}, 10},
		{"staff", Filter{StaffIDs: []int64{lisi}}, 10},
		{"two staff", Filter{StaffIDs: []int64{lisi, wang}}, 20},
		{"status", Filter{Status: StatusLeft}, 1},
		{"tag", Filter{TagIDs: []int64{5, 99}}, 1},
		{"tag that has ended", Filter{TagIDs: []int64{6}}, 0},
		{"tag that will end", Filter{TagIDs: []int64{7}}, 1},
		{"tag with another staff", Filter{TagIDs: []int64{5}, StaffIDs: []int64{lisi}}, 0},
		{"code", Filter{ChannelCodeID: 3}, 0},
		{"another account", Filter{AccountID: 999}, 0},
		{"from and to", Filter{AddedFrom: at(10), AddedTo: at(13)}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.f.Limit = MaxPage
			p, err := h.List(t.Context(), admin, tt.f)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Items) != tt.want {
				t.Errorf("got %d: %v, want %d", len(p.Items), names(p), tt.want)
			}
		})
	}
	p, err := h.List(t.Context(), admin, Filter{TagIDs: []int64{5}})
	if err != nil || len(p.Items) != 1 || !slices.Equal(p.Items[0].Relations[0].TagIDs, []int64{5}) {
		t.Errorf("got %+v, %v; want the tags it bears", p, err)
	}
}

// TestV05_Scope: everybody sees what the role allows and nothing of the rest, by every way in.
func TestV05_Scope(t *testing.T) {
	h := crowd(t)
	sales := h.viewer("lisi", "sales")
	p, err := h.List(t.Context(), sales, Filter{Limit: MaxPage})
	if err != nil || len(p.Items) != 10 {
		t.Fatalf("got %d, %v; want the 10 that lisi follows", len(p.Items), err)
	}
	for _, it := range p.Items {
		for _, r := range it.Relations {
			if r.StaffID != sales.StaffID {
				t.Errorf("%s shows the relation with staff %d", it.Name, r.StaffID)
			}
		}
	}
	p, err = h.List(t.Context(), sales, Filter{StaffIDs: []int64{h.viewer("wang", "sales").StaffID}})
	if err != nil || len(p.Items) != 0 {
		t.Errorf("asked for wang's: got %v, %v", names(p), err)
	}
	p, err = h.List(t.Context(), sales, Filter{Name: "备注 1%"}) // wang's remark
	if err != nil || len(p.Items) != 0 {
		t.Errorf("asked by wang's remark: got %v, %v", names(p), err)
	}
	theirs := h.relation("wang", "wm01")
	if _, err := h.Detail(t.Context(), sales, theirs.CustomerID); !errors.Is(err, ErrNotFound) {
		t.Errorf("detail: got %v", err)
	}
	if _, err := h.Timeline(t.Context(), sales, theirs.CustomerID, TimelineFilter{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("timeline: got %v", err)
	}
	if _, err := h.Relations(t.Context(), sales, []int64{theirs.ID}); !errors.Is(err, ErrNotFound) {
		t.Errorf("relations: got %v", err)
	}
	shared := h.relation("lisi", "wm00")
	d, err := h.Detail(t.Context(), sales, shared.CustomerID)
	if err != nil || len(d.Relations) != 1 || d.Relations[0].StaffID != sales.StaffID || len(d.Identities) != 1 {
		t.Errorf("shared customer: got %+v, %v", d, err)
	}
	tl, err := h.Timeline(t.Context(), sales, shared.CustomerID, TimelineFilter{})
	if err != nil || len(tl.Events) != 1 || tl.Events[0].StaffID != sales.StaffID {
		t.Errorf("shared customer's timeline: got %+v, %v", tl, err)
	}
	// Whoever removed a customer follows them no longer.
	h.lost("lisi", "wm00", StatusRemoved, at(60))
	if _, err := h.Detail(t.Context(), sales, shared.CustomerID); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed: got %v", err)
	}
	d, err = h.Detail(t.Context(), admin, shared.CustomerID)
	if err != nil || len(d.Relations) != 2 {
		t.Errorf("admin: got %+v, %v", d, err)
	}
}

func TestS50_PagesAndCursorsAreChecked(t *testing.T) {
	h := crowd(t)
	for _, f := range []Filter{{Limit: 201}, {Limit: -1}, {Status: "status; DROP"}, {Name: string(make([]rune, 65))}, {Name: "\xff"}, {TagIDs: make([]int64, 201)}} {
		if _, err := h.List(t.Context(), admin, f); !errors.Is(err, ErrFilter) {
			t.Errorf("%+v: got %v", f, err)
		}
	}
	good := cursor{at(3), 7}.String()
	if c, err := readCursor(good); err != nil || c.id != 7 || !c.at.Equal(at(3)) {
		t.Errorf("got %+v, %v", c, err)
	}
	enc := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, c := range []string{"x", good + "A", enc("1.-5"), enc("1.0"), enc("zzzzzzzzzzzzz.1"), enc("-1.1"), enc("1.1;DROP"), enc("01.1"), enc(".."), "'"} {
		if _, err := h.List(t.Context(), admin, Filter{Cursor: c}); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %q: got %v", c, err)
		}
		if _, err := h.Timeline(t.Context(), admin, 1, TimelineFilter{Cursor: c}); !errors.Is(err, ErrCursor) {
			t.Errorf("timeline cursor %q: got %v", c, err)
		}
	}
}

func TestTimeline(t *testing.T) {
	h := newHouse(t)
	for i := range 6 {
		h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(i*10))}})
		h.lost("lisi", "wmA", StatusLeft, at(i*10+5))
	}
	id := h.relation("lisi", "wmA").CustomerID
	f := TimelineFilter{Limit: 5}
	var seen []model.Event
	for {
		p, err := h.Timeline(t.Context(), admin, id, f)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, p.Events...)
		if f.Cursor = p.Next; p.Next == "" {
			break
		}
	}
	if len(seen) != 12 || seen[0].Kind != event.KindCustomerLeft || !seen[0].OccurredAt.Equal(at(55)) || !seen[11].OccurredAt.Equal(at(0)) {
		t.Errorf("got %d events, first %+v", len(seen), seen[0])
	}
	p, err := h.Timeline(t.Context(), admin, id, TimelineFilter{Kinds: []string{event.KindCustomerAdded}})
	if err != nil || len(p.Events) != 6 {
		t.Errorf("by kind: got %d, %v", len(p.Events), err)
	}
	p, err = h.Timeline(t.Context(), admin, id, TimelineFilter{From: at(10), To: at(20)})
	if err != nil || len(p.Events) != 2 || !p.Events[0].OccurredAt.Equal(at(15)) || !p.Events[1].OccurredAt.Equal(at(10)) {
		t.Errorf("by time: got %+v, %v", p.Events, err)
	}
}
