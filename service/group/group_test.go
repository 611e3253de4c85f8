package group

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// house is a service over a database of its own and a platform of one group.
type house struct {
	*Service
	t       *testing.T
	db      *gorm.DB
	clock   *clock.Fake
	account *model.Account
	anna    *model.Staff

	mu    sync.Mutex
	group *wecom.Group // what the platform shows; nil: unknown
	reads int
	// onRead runs after a reading was taken and before it is handed over.
	onRead func()
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: modeltest.DB(t), clock: clock.NewFake(noon)}
	h.account = &model.Account{Kind: "wecom", Name: "shop", PlatformID: "ww1", Enabled: true}
	modeltest.Create(t, h.db, h.account)
	h.anna = &model.Staff{AccountID: h.account.ID, UserID: "anna", Name: "Anna"}
	modeltest.Create(t, h.db, h.anna)
	queue := work.New(h.db, h.clock.Now)
	h.Service = New(h.db, event.New(queue, h.clock.Now), h.clock.Now, everybody{}, func(string) Platform { return h })
	return h
}

type everybody struct{}

func (everybody) VisibleStaff(context.Context, *staff.Viewer) (bool, []int64, error) {
	return true, nil, nil
}

func (h *house) Group(_ context.Context, chatID string) (*wecom.Group, error) {
	h.mu.Lock()
	h.reads++
	shown := h.group
	hook := h.onRead
	h.mu.Unlock()
	if hook != nil {
		hook()
	}
	if shown == nil || shown.ChatID != chatID {
		return nil, &wecom.Error{Code: 86003, Class: wecom.ClassNotFound}
	}
	return shown, nil
}

func (h *house) shows(version string, members ...wecom.GroupMember) {
	h.mu.Lock()
	defer h.mu.Unlock()
	owner := wecom.GroupMember{UserID: "Anna", Type: 1, JoinedAt: at(-time.Hour)}
	h.group = &wecom.Group{
		ChatID: "wr1", Name: "茶友", OwnerID: "Anna", CreatedAt: at(-time.Hour), MemberVersion: version,
		Members: append([]wecom.GroupMember{owner}, members...),
	}
}

func at(d time.Duration) wecom.Time { return wecom.Time{Time: noon.Add(d)} }

func outsider(id string, joined time.Duration) wecom.GroupMember {
	return wecom.GroupMember{UserID: id, Type: 2, JoinedAt: at(joined), JoinScene: 3, Name: "name of " + id, State: "door"}
}

func (h *house) refresh() Counts {
	h.t.Helper()
	c, err := h.Refresh(h.t.Context(), h.account, "wr1", 0, event.SourceCallback)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// present lists who is in the group according to the mirror.
func (h *house) present() (ids []string) {
	h.t.Helper()
	if err := h.db.Model(&model.GroupMember{}).Where("left_at IS NULL").Order("userid").Pluck("userid", &ids).Error; err != nil {
		h.t.Fatal(err)
	}
	return ids
}

func (h *house) facts(kind string) (list []model.Event) {
	h.t.Helper()
	if err := h.db.Where("kind = ?", kind).Order("id").Find(&list).Error; err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h *house) row() model.CustomerGroup {
	h.t.Helper()
	var g model.CustomerGroup
	if err := h.db.Take(&g).Error; err != nil {
		h.t.Fatal(err)
	}
	return g
}

func (h *house) wantPresent(ids ...string) {
	h.t.Helper()
	if got := h.present(); !slices.Equal(got, ids) {
		h.t.Errorf("present: got %v, want %v", got, ids)
	}
}

func (h *house) wantFacts(joined, left int) {
	h.t.Helper()
	if j, l := len(h.facts(event.KindGroupJoined)), len(h.facts(event.KindGroupLeft)); j != joined || l != left {
		h.t.Errorf("facts: got %d joined and %d left, want %d and %d", j, l, joined, left)
	}
}

func TestFirstMirrorDatesFactsWhenTheyHappened(t *testing.T) {
	h := newHouse(t)
	known := &model.Customer{Name: "小明", FirstSeenAt: noon}
	modeltest.Create(t, h.db, known)
	modeltest.Create(t, h.db, &model.Identity{CustomerID: known.ID, Kind: "external_userid", Scope: "ww1", Value: "wm1"})
	h.shows("v1", outsider("wm1", -30*time.Minute), outsider("wm2", -20*time.Minute))

	if c := h.refresh(); c != (Counts{Read: 1, Created: 1}) {
		t.Errorf("first reading: got %+v", c)
	}
	if c := h.refresh(); c != (Counts{Read: 1, Unchanged: 1}) {
		t.Errorf("second reading: got %+v", c)
	}
	g := h.row()
	if g.Name != "茶友" || g.OwnerUserID != "anna" || g.OwnerStaffID != h.anna.ID || g.MemberCount != 3 || g.CustomerCount != 2 || g.MemberVersion != "v1" {
		t.Errorf("row: %+v", g)
	}
	h.wantPresent("anna", "wm1", "wm2")
	facts := h.facts(event.KindGroupJoined)
	if len(facts) != 2 || facts[0].CustomerID != known.ID || facts[1].CustomerID != 0 || facts[0].StaffID != h.anna.ID {
		t.Fatalf("facts: %+v", facts)
	}
	if !facts[0].OccurredAt.Equal(noon.Add(-30 * time.Minute)) {
		t.Errorf("fact dated %v, want the time of joining", facts[0].OccurredAt)
	}
}

func TestLeavingAndComingBack(t *testing.T) {
	h := newHouse(t)
	h.shows("v1", outsider("wm1", -30*time.Minute), outsider("wm2", -20*time.Minute))
	h.refresh()

	h.shows("v2", outsider("wm2", -20*time.Minute))
	for range 3 { // the same event, three times
		_, err := h.Changed(t.Context(), h.account, Change{ChatID: "wr1", Version: "v2", Left: []string{"wm1"}, QuitScene: 1, At: noon.Add(-time.Minute)}, event.SourceCallback)
		if err != nil {
			t.Fatal(err)
		}
	}
	if h.reads != 2 {
		t.Errorf("the platform was asked %d times, want 2: a version that is mirrored needs no reading", h.reads)
	}
	h.wantPresent("anna", "wm2")
	h.wantFacts(2, 1)
	var stay model.GroupMember
	if err := h.db.Take(&stay, "userid = 'wm1'").Error; err != nil {
		t.Fatal(err)
	}
	if stay.QuitScene != 1 || stay.LeftAt == nil || !stay.LeftAt.Equal(noon.Add(-time.Minute)) {
		t.Errorf("stay: %+v", stay)
	}

	h.shows("v3", outsider("wm2", -20*time.Minute), outsider("wm1", 0))
	h.refresh()
	h.wantPresent("anna", "wm1", "wm2")
	h.wantFacts(3, 1)
	if n := modeltest.Count[model.GroupMember](t, h.db, "userid = 'wm1'"); n != 2 {
		t.Errorf("got %d stays of wm1, want 2", n)
	}
}

func TestMissedLeaveIsSeenByTheNewJoiningTime(t *testing.T) {
	h := newHouse(t)
	h.shows("v1", outsider("wm1", -30*time.Minute))
	h.refresh()
	h.shows("v3", outsider("wm1", -5*time.Minute)) // left and came back while nobody looked
	h.refresh()
	h.wantFacts(2, 1)
	h.wantPresent("anna", "wm1")
	left := h.facts(event.KindGroupLeft)[0]
	if left.OccurredAt.After(noon.Add(-5 * time.Minute)) {
		t.Errorf("left at %v, after coming back", left.OccurredAt)
	}
}

func TestOwnerAndNameChange(t *testing.T) {
	h := newHouse(t)
	bob := &model.Staff{AccountID: h.account.ID, UserID: "bob"}
	modeltest.Create(t, h.db, bob)
	h.shows("v1", wecom.GroupMember{UserID: "Bob", Type: 1, JoinedAt: at(-time.Minute)})
	h.refresh()
	h.group.OwnerID, h.group.Name = "BOB", "新名字"
	if c := h.refresh(); c.Updated != 1 {
		t.Errorf("got %+v, want one updated", c)
	}
	if g := h.row(); g.OwnerStaffID != bob.ID || g.OwnerUserID != "bob" || g.Name != "新名字" {
		t.Errorf("row: %+v", g)
	}
	h.wantFacts(0, 0) // staff come and go without facts
}

// Somebody who was a stranger when the group was read is recognised later, without the list having
// changed.
func TestStrangersAreRecognisedLater(t *testing.T) {
	h := newHouse(t)
	h.shows("v1", outsider("wm1", -time.Minute))
	h.refresh()
	modeltest.Create(t, h.db, &model.Identity{CustomerID: 77, Kind: "external_userid", Scope: "ww1", Value: "wm1"})
	h.refresh()
	var stay model.GroupMember
	if err := h.db.Take(&stay, "userid = 'wm1'").Error; err != nil {
		t.Fatal(err)
	}
	if stay.CustomerID != 77 {
		t.Errorf("customer of the stay: got %d, want 77", stay.CustomerID)
	}
	h.wantFacts(1, 0)
}

func TestDismissedGroup(t *testing.T) {
	h := newHouse(t)
	h.shows("v1", outsider("wm1", -time.Minute))
	h.refresh()
	h.mu.Lock()
	h.group = nil
	h.mu.Unlock()
	if c := h.refresh(); c.Vanished != 1 {
		t.Errorf("got %+v, want one vanished", c)
	}
	if c := h.refresh(); c.Unchanged != 1 {
		t.Errorf("again: got %+v, want unchanged", c)
	}
	if g := h.row(); g.DismissedAt == nil || g.MemberCount != 0 {
		t.Errorf("row: %+v", g)
	}
	h.wantPresent()
	h.wantFacts(1, 0) // a dismissal is no leaving

	// It was only out of sight: the same stays go on.
	h.shows("v1", outsider("wm1", -time.Minute))
	h.refresh()
	h.wantPresent("anna", "wm1")
	h.wantFacts(1, 0)
	if g := h.row(); g.DismissedAt != nil || g.MemberCount != 2 {
		t.Errorf("row: %+v", g)
	}
}

func TestVanished(t *testing.T) {
	h := newHouse(t)
	h.shows("v1", outsider("wm1", -time.Minute))
	if _, err := h.Refresh(t.Context(), h.account, "wr1", 7, event.SourceSync); err != nil {
		t.Fatal(err)
	}
	modeltest.Create(t, h.db,
		&model.CustomerGroup{AccountID: h.account.ID, ChatID: "wrOld", FoundedAt: noon, CreatedAt: noon.Add(-time.Hour), SeenRunID: 6},
		&model.CustomerGroup{AccountID: h.account.ID, ChatID: "wrNew", FoundedAt: noon, CreatedAt: noon.Add(time.Second)},
		&model.CustomerGroup{AccountID: h.account.ID + 1, ChatID: "wrOther", FoundedAt: noon, CreatedAt: noon.Add(-time.Hour)})
	err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
		n, err := h.VanishedTx(tx, h.account, 7, noon)
		if n != 1 {
			t.Errorf("got %d vanished, want 1", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := modeltest.Count[model.CustomerGroup](t, h.db, "dismissed_at IS NOT NULL AND chat_id = 'wrOld'"); n != 1 {
		t.Error("the unseen group is not dismissed")
	}
}

func TestGroupWithoutAnybodyIsNoTruth(t *testing.T) {
	h := newHouse(t)
	h.shows("v1", outsider("wm1", -time.Minute))
	h.refresh()
	h.group = &wecom.Group{ChatID: "wr1", MemberVersion: "v2"}
	if _, err := h.Refresh(t.Context(), h.account, "wr1", 0, event.SourceSync); !errors.Is(err, errNobody) {
		t.Errorf("got %v, want errNobody", err)
	}
	h.wantPresent("anna", "wm1")
}

// The platform's answers may lag behind its events.
func TestLaggingAnswerIsReadAgain(t *testing.T) {
	h := newHouse(t)
	h.shows("v1", outsider("wm1", -time.Minute))
	h.refresh()
	joined := Change{ChatID: "wr1", Before: "v1", Version: "v2"}
	if _, err := h.Changed(t.Context(), h.account, joined, event.SourceCallback); !errors.Is(err, errLagging) {
		t.Errorf("got %v, want errLagging", err)
	}
	h.shows("v2", outsider("wm1", -time.Minute), outsider("wm2", 0))
	if c, err := h.Changed(t.Context(), h.account, joined, event.SourceCallback); err != nil || c.Updated != 1 {
		t.Errorf("got %+v, %v", c, err)
	}
	h.wantPresent("anna", "wm1", "wm2")
}

// A reading that was under way while a newer one was applied must not bring back what is gone.
func TestOldReadingIsNotApplied(t *testing.T) {
	h := newHouse(t)
	h.shows("v1", outsider("wm1", -time.Minute))
	h.refresh()
	h.onRead = func() { // while the old reading is on its way, wm1 leaves and somebody mirrors that
		h.onRead = nil
		h.shows("v2")
		h.refresh()
	}
	h.refresh()
	h.wantPresent("anna")
	h.wantFacts(1, 1)
	if g := h.row(); g.MemberVersion != "v2" {
		t.Errorf("version: got %s, want v2", g.MemberVersion)
	}
}

func TestFactsAreRecordedOnceUnderConcurrency(t *testing.T) {
	h := newHouse(t)
	var members []wecom.GroupMember
	for i := range 20 {
		members = append(members, outsider(fmt.Sprintf("wm%02d", i), -time.Minute))
	}
	h.shows("v1", members...)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			// Losing to others five times in a row is allowed; the queue tries again.
			if _, err := h.Refresh(t.Context(), h.account, "wr1", 0, event.SourceSync); err != nil && !errors.Is(err, errOutdated) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	h.wantFacts(20, 0)
	if n := modeltest.Count[model.GroupMember](t, h.db); n != 21 {
		t.Errorf("got %d stays, want 21", n)
	}
}

type onlyOwners []int64

func (o onlyOwners) VisibleStaff(context.Context, *staff.Viewer) (bool, []int64, error) {
	return false, o, nil
}

func TestListAndDetailKeepToTheScope(t *testing.T) {
	h := newHouse(t)
	h.shows("v1", outsider("wm1", -time.Minute))
	h.refresh()
	foreign := &model.CustomerGroup{AccountID: h.account.ID, ChatID: "wr2", Name: "100%_", OwnerStaffID: 999, FoundedAt: noon}
	gone := &model.CustomerGroup{AccountID: h.account.ID, ChatID: "wr3", FoundedAt: noon, DismissedAt: &noon}
	modeltest.Create(t, h.db, foreign, gone)
	mine := h.row()
	tests := []struct {
		name  string
		scope Scope
		f     Filter
		want  []int64
	}{
		{"all, newest first", everybody{}, Filter{}, []int64{foreign.ID, mine.ID}},
		{"one owner's", onlyOwners{h.anna.ID}, Filter{}, []int64{mine.ID}},
		{"nobody's", onlyOwners{}, Filter{}, nil},
		{"filter by owner outside the scope", onlyOwners{h.anna.ID}, Filter{OwnerStaffID: 999}, nil},
		{"search takes signs literally", everybody{}, Filter{Search: "%_"}, []int64{foreign.ID}},
		{"second page", everybody{}, Filter{After: foreign.ID}, []int64{mine.ID}},
		{"first page of one", everybody{}, Filter{Limit: 1}, []int64{foreign.ID}},
		{"dismissed", everybody{}, Filter{Dismissed: true}, []int64{gone.ID}},
		{"another account", everybody{}, Filter{AccountID: h.account.ID + 1}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.scope = tt.scope
			list, err := h.List(t.Context(), &staff.Viewer{}, tt.f)
			if err != nil {
				t.Fatal(err)
			}
			var got []int64
			for _, g := range list {
				got = append(got, g.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	h.scope = onlyOwners{h.anna.ID}
	if _, err := h.Detail(t.Context(), &staff.Viewer{}, foreign.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("detail outside the scope: got %v, want ErrNotFound", err)
	}
	d, err := h.Detail(t.Context(), &staff.Viewer{}, mine.ID)
	if err != nil || len(d.Members) != 2 || d.Members[0].UserID != "anna" {
		t.Errorf("detail: %+v, %v", d, err)
	}
	if _, err := h.History(t.Context(), &staff.Viewer{}, foreign.ID, 0, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("history outside the scope: got %v, want ErrNotFound", err)
	}
}

// Whatever the order in which events are worked on, the mirror ends where the platform is.
func TestAnyOrderOfEventsEndsInTheTruth(t *testing.T) {
	a, b, c := outsider("wma", -3*time.Minute), outsider("wmb", -2*time.Minute), outsider("wmc", -time.Minute)
	events := []Change{
		{ChatID: "wr1", Version: "v2"},
		{ChatID: "wr1", Version: "v3", Left: []string{"wma"}},
		{ChatID: "wr1", Version: "v4"},
	}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}, {1, 1, 0, 2, 1}} {
		h := newHouse(t)
		h.shows("v1", a)
		h.refresh()
		h.shows("v4", b, c) // all has happened by the time anything is worked on
		for _, i := range order {
			if _, err := h.Changed(t.Context(), h.account, events[i], event.SourceCallback); err != nil {
				t.Fatal(err)
			}
		}
		h.wantPresent("anna", "wmb", "wmc")
		h.wantFacts(3, 1)
	}
}
