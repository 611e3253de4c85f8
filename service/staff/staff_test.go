package staff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC) // noon in Shanghai

// cheap makes passwords quick, because most tests are about something else.
var cheap = cost{memory: 64, passes: 1, threads: 1}

const goodPassword = "tea-and-seven-plums"

func newService(db *gorm.DB, now clock.Clock) *Service {
	s := New(db, now, Options{Zone: time.FixedZone("Shanghai", 8*3600)})
	s.hash = newHasher(cheap)
	s.pause = func(context.Context, time.Duration) error { return nil }
	return s
}

// house is a service over an empty database with a clock that stands still.
type house struct {
	*Service
	db    *gorm.DB
	clock *clock.Fake
}

func newHouse(t *testing.T) house {
	t.Helper()
	c := clock.NewFake(noon)
	db := modeltest.DB(t)
	return house{newService(db, c.Now), db, c}
}

func (h house) user(t *testing.T, login string, roles ...string) *model.Staff {
	t.Helper()
	row, err := h.Create(t.Context(), CreateInput{Login: login, Name: login, Password: goodPassword, Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func (h house) signIn(t *testing.T, login string) (string, *Viewer) {
	t.Helper()
	token, v, err := h.SignIn(t.Context(), SignInInput{Login: login, Password: goodPassword, IP: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	return token, v
}

func inTx(t *testing.T, db *gorm.DB, fn func(tx *gorm.DB) error) {
	t.Helper()
	if err := model.InTx(t.Context(), db, fn); err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

// statements counts what is sent to the database through db from now on.
func statements(t *testing.T, db *gorm.DB) (all, writes *atomic.Int64) {
	t.Helper()
	all, writes = &atomic.Int64{}, &atomic.Int64{}
	read := func(*gorm.DB) { all.Add(1) }
	write := func(*gorm.DB) { all.Add(1); writes.Add(1) }
	c := db.Callback()
	name := t.Name()
	err := errors.Join(
		c.Query().Before("*").Register(name, read), c.Row().Before("*").Register(name, read),
		c.Create().Before("*").Register(name, write), c.Update().Before("*").Register(name, write),
		c.Delete().Before("*").Register(name, write), c.Raw().Before("*").Register(name, write))
	if err != nil {
		t.Fatal(err)
	}
	return all, writes
}

func TestRolesTable(t *testing.T) {
	want := strings.Fields(`customer.read customer.write tag.read tag.write segment.read segment.write channel_code.read channel_code.write welcome.write
		group.read sync.read sync.run work.read work.replay inbox.read inbox.content cron.read cron.run account.read account.write
		staff.read staff.write task.read task.write lifecycle.read lifecycle.write import.read import.write export.read export.write export.approve tag.batch tag_rule.read tag_rule.write merge.read merge.write event.read event.write field.read field.write quality.read privacy.read privacy.write customer.sensitive customer.reveal
		product.read order.read api_key.read api_key.write webhook.read webhook.write loyalty.read loyalty.write points.adjust
		coupon.read coupon.write coupon.issue coupon.approve coupon.give delivery.read delivery.write message.read message.write governor.read governor.write campaign.read campaign.write campaign.approve draw.read draw.write referral.read referral.write moderation.read moderation.write
		journey.read journey.write reveal.read`)
	slices.Sort(want)
	got := Permissions()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got permissions %v, want %v", got, want)
	}
	names := map[string]bool{}
	for _, r := range Roles() {
		if names[r.Name] || r.Zh == "" || r.En == "" {
			t.Errorf("role %q is listed twice or has no title", r.Name)
		}
		names[r.Name] = true
		for _, p := range r.Permissions {
			if !slices.Contains(want, p) {
				t.Errorf("role %s has the unknown permission %s", r.Name, p)
			}
			if r.Name == RoleAuditor && !strings.HasSuffix(p, ".read") {
				t.Errorf("the auditor may %s", p)
			}
		}
	}
}

func TestMay(t *testing.T) {
	tests := []struct {
		roles      string
		permission string
		want       bool
	}{
		{"admin", "staff.write", true},
		{"operator", "staff.write", false},
		{"operator", "account.write", false},
		{"operator", "channel_code.write", true},
		{"sales", "customer.write", true},
		{"sales", "channel_code.write", false},
		{"auditor", "customer.read", true},
		{"auditor", "customer.write", false},
		{"auditor sales", "customer.write", true}, // roles add up
		{"sales manager", "staff.read", true},
		{"", "task.read", false},
		{"emperor", "task.read", false}, // unknown to this version
		{"admin", "", false},
	}
	for _, tt := range tests {
		v := &Viewer{Roles: strings.Fields(tt.roles)}
		if got := v.May(tt.permission); got != tt.want {
			t.Errorf("roles %q, permission %q: got %v", tt.roles, tt.permission, got)
		}
	}
}

func TestRolesGiveCopies(t *testing.T) {
	Roles()[0].Name = "changed"
	Permissions()[0] = "changed"
	if roles[0].Name != RoleAdmin || slices.Contains(roles[0].Permissions, "changed") {
		t.Error("a caller can change the table of roles")
	}
}

func TestListPagesAndFilters(t *testing.T) {
	h := newHouse(t)
	for i := range 5 {
		modeltest.Create(t, h.db, &model.Staff{AccountID: 1, UserID: fmt.Sprintf("m%d", i), Name: fmt.Sprintf("成员%d", i)})
	}
	gone := noon
	modeltest.Create(t, h.db,
		&model.Staff{AccountID: 1, UserID: "left", Name: "走了", GoneAt: &gone},
		&model.Staff{AccountID: 2, UserID: "percent", Name: "100%"})
	one, two := int64(1), int64(2)
	tests := []struct {
		name   string
		filter Filter
		want   string
	}{
		{"everybody present", Filter{}, "m0 m1 m2 m3 m4 percent"},
		{"one account", Filter{AccountID: &two}, "percent"},
		{"gone too", Filter{AccountID: &one, Gone: true}, "m0 m1 m2 m3 m4 left"},
		{"by name", Filter{Search: "成员3"}, "m3"},
		{"by user id in any case", Filter{Search: "M2"}, "m2"},
		{"a wildcard is a character", Filter{Search: "%"}, "percent"},
		{"search stays in the account", Filter{AccountID: &one, Search: "m"}, "m0 m1 m2 m3 m4"},
		{"first page", Filter{Limit: 2}, "m0 m1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := h.List(t.Context(), tt.filter)
			if got := userids(rows); err != nil || got != tt.want {
				t.Errorf("got %q and %v, want %q", got, err, tt.want)
			}
		})
	}
	first, err := h.List(t.Context(), Filter{Limit: 4})
	if err != nil {
		t.Fatal(err)
	}
	next, err := h.List(t.Context(), Filter{Limit: 4, After: first[3].ID})
	if got := userids(next); err != nil || got != "m4 percent" {
		t.Errorf("second page: %q and %v", got, err)
	}
}

func userids(rows []model.Staff) string {
	var list []string
	for _, r := range rows {
		list = append(list, r.UserID)
	}
	return strings.Join(list, " ")
}

func TestFinders(t *testing.T) {
	h := newHouse(t)
	row := h.user(t, "Boss@shop", RoleAdmin)
	if got, err := h.ByLogin(t.Context(), " BOSS@shop"); err != nil || got.ID != row.ID {
		t.Errorf("by login: %v and %v", got, err)
	}
	_, err := h.ByLogin(t.Context(), "nobody")
	wantErr(t, err, ErrNotFound)
	if got, err := h.ByID(t.Context(), row.ID); err != nil || got.UserID != "boss@shop" {
		t.Errorf("by id: %v and %v", got, err)
	}
	_, err = h.ByID(t.Context(), row.ID+1)
	wantErr(t, err, ErrNotFound)
	modeltest.Create(t, h.db, &model.Staff{AccountID: 1, UserID: "li"})
	found, err := h.ByUserIDs(t.Context(), 1, []string{"LI", "li", "wang", ""})
	if err != nil || len(found) != 1 || found["li"] == nil {
		t.Errorf("by user ids: %v and %v", found, err)
	}
	roles, err := h.RolesOf(t.Context(), []int64{row.ID})
	if err != nil || !slices.Equal(roles[row.ID], []string{RoleAdmin}) {
		t.Errorf("roles: %v and %v", roles, err)
	}
}
