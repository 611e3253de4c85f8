package intake

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

func TestRouteTableIsSound(t *testing.T) {
	if len(routes) != len(routeTable) {
		t.Error("a kind stands in the table twice")
	}
	for _, r := range routeTable {
		if (r.about == nil) != (r.act == nil) {
			t.Errorf("%s: acts without an order, or the other way round", r.kind)
		}
	}
}

func TestOrderKeys(t *testing.T) {
	one := orderKey(1, "customer:wm1")
	for _, other := range []string{orderKey(2, "customer:wm1"), orderKey(1, "customer:wm2"), orderKey(1, "group:wm1")} {
		if other == one {
			t.Errorf("%s is shared", one)
		}
	}
}

func TestAddIsKnownAttributedAndWelcomed(t *testing.T) {
	h := open(t)
	h.platform.follow("wm1", "zhangsan", noon, "code1")
	h.receive(contactPush("add_external_contact", "wm1", noon, "State", "code1", "WelcomeCode", "c1"), false)
	h.mustSettle()
	r := h.relation("wm1")
	if r == nil || r.Status != "active" || r.ChannelCodeID != 1 || !r.AddedAt.Equal(noon) {
		t.Fatalf("got %+v", r)
	}
	if h.calls.count("welcome ZhangSan wm1 c1") != 1 || h.calls.count("arrived wm1") != 1 || h.calls.count("assignments 1") != 1 {
		t.Errorf("got %q", h.calls.list)
	}
	// The staff member was nobody we knew.
	if modeltest.Count[model.Staff](t, h.db, "userid = ?", "zhangsan") != 1 {
		t.Error("no bare row for the staff member")
	}
	// The half-added event of the same, coming later, changes nothing.
	h.receive(contactPush("add_half_external_contact", "wm1", noon, "State", "code1"), false)
	h.mustSettle()
	if r := h.relation("wm1"); r.Status != "active" || h.calls.count("arrived wm1") != 1 {
		t.Errorf("got %+v, %q", r, h.calls.list)
	}
	if s := h.states(); s[StateDone] != 2 || len(s) != 1 {
		t.Errorf("got %v", s)
	}
}

func TestF29_SameEventAHundredTimesHasOneEffect(t *testing.T) {
	dsn := modeltest.DSN(t)
	p := &platform{}
	p.follow("wm1", "zhangsan", noon, "code1")
	a, b := openOn(t, dsn, p), openOn(t, dsn, p)
	m := contactPush("add_external_contact", "wm1", noon, "State", "code1", "WelcomeCode", "c1")
	var wg sync.WaitGroup
	for i := range 100 {
		h := []*house{a, b}[i%2]
		wg.Go(func() {
			if err := h.Receive(t.Context(), acme, []byte(m), Meta{ReceivedAt: noon}); err != nil {
				t.Error(err)
			}
			if err := h.drain(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	a.mustSettle()
	b.mustSettle()
	if n := modeltest.Count[model.Inbox](t, a.db); n != 1 {
		t.Errorf("%d rows", n)
	}
	if n := modeltest.Count[model.Event](t, a.db, "kind = ?", event.KindCustomerAdded); n != 1 {
		t.Errorf("%d facts", n)
	}
	for _, what := range []string{"welcome", "arrived"} {
		if n := a.calls.count(what) + b.calls.count(what); n != 1 {
			t.Errorf("%s %d times", what, n)
		}
	}
}

// permutations calls f with every order of n things.
func permutations(n int, f func(order []int)) {
	order := make([]int, 0, n)
	used := make([]bool, n)
	var place func()
	place = func() {
		if len(order) == n {
			f(order)
			return
		}
		for i := range n {
			if used[i] {
				continue
			}
			used[i] = true
			order = append(order, i)
			place()
			order, used[i] = order[:len(order)-1], false
		}
	}
	place()
}

func TestF30_AnyOrderEndsInThePlatformsTruth(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	type happening struct {
		change string
		at     time.Time
	}
	tests := []struct {
		name    string
		events  []happening
		since   time.Time // what the platform shows at last; zero: nothing
		status  string
		addedAt time.Time
	}{
		{"removed and added again", []happening{
			{"add_external_contact", at(1)}, {"edit_external_contact", at(2)}, {"del_follow_user", at(3)},
			{"add_external_contact", at(4)}, {"del_external_contact", at(5)}, {"add_external_contact", at(6)},
		}, at(6), "active", at(6)},
		{"left at last, which the platform does not show", []happening{
			{"add_half_external_contact", at(1)}, {"add_external_contact", at(1)}, {"del_external_contact", at(3)},
			{"add_external_contact", at(4)}, {"edit_external_contact", at(5)}, {"del_follow_user", at(6)},
		}, at(4), "left", at(4)},
		{"removed at last", []happening{
			{"add_external_contact", at(1)}, {"edit_external_contact", at(2)}, {"del_follow_user", at(3)},
			{"add_external_contact", at(4)}, {"edit_external_contact", at(5)}, {"del_external_contact", at(6)},
		}, time.Time{}, "removed", time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t)
			h.clock.Advance(time.Hour)
			n := 0
			permutations(len(tt.events), func(order []int) {
				n++
				if n%everyNth != 0 {
					return
				}
				id := fmt.Sprintf("wm%d", n)
				if !tt.since.IsZero() {
					h.platform.follow(id, "zhangsan", tt.since, "")
				}
				for _, i := range order {
					e := tt.events[i]
					m, err := parse([]byte(contactPush(e.change, id, e.at)))
					if err != nil {
						t.Fatal(err)
					}
					if err := routes[m.Kind].act(h.Service, t.Context(), Event{Message: m, Account: acme, ReceivedAt: h.clock.Now()}); err != nil {
						t.Fatalf("%v: %v", order, err)
					}
					h.clock.Advance(time.Millisecond)
				}
				r := h.relation(id)
				if r == nil || r.Status != tt.status || !tt.addedAt.IsZero() && !r.AddedAt.Equal(tt.addedAt) {
					t.Errorf("%v: got %+v", order, r)
				}
			})
			if n != 720 {
				t.Errorf("%d orders", n)
			}
		})
	}
}

func TestF31_StaleOnlyReadsAgain(t *testing.T) {
	h := open(t)
	h.platform.follow("wm1", "zhangsan", noon.Add(-48*time.Hour), "")
	h.receive(contactPush("edit_external_contact", "wm1", noon), false)
	h.mustSettle()
	before := modeltest.Count[model.Event](t, h.db)
	for _, change := range []string{"add_external_contact", "add_half_external_contact", "del_external_contact", "del_follow_user", "msg_audit_approved"} {
		h.receive(contactPush(change, "wm1", noon.Add(-5*time.Hour), "WelcomeCode", "c1"), true)
	}
	h.receive(pushed("change_contact", "delete_user", noon.Add(-5*time.Hour), "UserID", "lisi"), true)
	h.platform.members = map[string]*wecom.StaffMember{"lisi": {UserID: "lisi", Name: "李四", Status: 1}}
	asked := h.platform.times("get")
	h.mustSettle()
	if n := h.platform.times("get") - asked; n != 5 {
		t.Errorf("read %d times, want each", n)
	}
	if h.calls.count("welcome") != 0 {
		t.Error("a stale event led to a welcome")
	}
	if r := h.relation("wm1"); r.Status != "active" {
		t.Errorf("a replayed event ended the relation: %+v", r)
	}
	if n := modeltest.Count[model.Event](t, h.db); n != before {
		t.Errorf("%d facts of what is long past", n-before)
	}
	if modeltest.Count[model.Staff](t, h.db, "userid = ? AND gone_at IS NULL", "lisi") != 1 {
		t.Error("a replayed event shut out a member")
	}
}

func TestNobodysCustomerIsLost(t *testing.T) {
	h := open(t)
	h.platform.follow("wm1", "zhangsan", noon, "code1")
	h.receive(contactPush("add_external_contact", "wm1", noon), false)
	h.mustSettle()
	h.platform.unfollow("wm1")
	h.clock.Advance(time.Minute)
	h.receive(contactPush("edit_external_contact", "wm1", h.clock.Now()), false) // all we ever hear
	h.mustSettle()
	if r := h.relation("wm1"); r.Status != "removed" || r.LostAt == nil || h.calls.count("lost wm1") != 1 {
		t.Errorf("got %+v, %q", r, h.calls.list)
	}
	// Of somebody whom nobody ever knew, nothing comes.
	h.receive(contactPush("edit_external_contact", "wm2", h.clock.Now()), false)
	h.mustSettle()
	if h.relation("wm2") != nil {
		t.Error("a relation out of nothing")
	}
}

func TestBadAnswersAreNeverASuccess(t *testing.T) {
	tests := []struct {
		name    string
		err     error
		attempt int
		state   string
		snoozed bool
	}{
		{"malformed", fails(wecom.ClassUnknown, 0), 1, StateRouted, false},
		{"busy", fails(wecom.ClassBusy, -1), 1, StateRouted, false},
		{"no right", fails(wecom.ClassPermission, 60011), 1, StateRouted, false},
		{"malformed at the last attempt", fails(wecom.ClassUnknown, 0), eventPolicy.MaxAttempts, StateFailed, false},
		{"45009", fails(wecom.ClassRate, 45009), eventPolicy.MaxAttempts, StateRouted, true},
		{"wrong secret", fails(wecom.ClassCredential, 40001), eventPolicy.MaxAttempts, StateRouted, true},
		{"not a customer's id", fails(wecom.ClassBadInput, 40096), 1, StateFailed, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t)
			h.platform.follow("wm1", "zhangsan", noon, "")
			h.platform.before = func(string, int) error { return tt.err }
			h.receive(contactPush("add_external_contact", "wm1", noon), false)
			if err := h.drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := h.handle(t.Context(), &work.Lease{Attempt: tt.attempt}, eventWork{h.lastID()})
			if err == nil {
				t.Fatal("taken for a success")
			}
			if s := h.states(); s[tt.state] != 1 {
				t.Errorf("got %v, want %s", s, tt.state)
			}
			if got := strings.HasPrefix(err.Error(), "snoozed"); got != tt.snoozed {
				t.Errorf("got %T: %v", err, err)
			}
			if h.relation("wm1") != nil {
				t.Error("something was written")
			}
			// Replayed or tried again, it succeeds.
			h.platform.before = nil
			if tt.state == StateFailed {
				if err := h.Replay(t.Context(), h.lastID()); err != nil {
					t.Fatal(err)
				}
			}
			h.mustSettle()
			if h.relation("wm1") == nil || h.states()[StateDone] != 1 {
				t.Errorf("not made up for: %v", h.states())
			}
		})
	}
}

func TestGroupsTagsStaffAndDepartmentsAreReadAgain(t *testing.T) {
	h := open(t)
	p := h.platform
	p.groups = map[string]*wecom.Group{"wr1": {ChatID: "wr1", Name: "群", OwnerID: "zhangsan", CreatedAt: wecom.Time{Time: noon}, MemberVersion: "v1",
		Members: []wecom.GroupMember{{UserID: "zhangsan", Type: 1, JoinedAt: wecom.Time{Time: noon}}}}}
	p.members = map[string]*wecom.StaffMember{"lisi": {UserID: "LiSi", Name: "李四", Status: 1, Departments: []int64{1}}, "new": {UserID: "new", Name: "新", Status: 1}}
	p.departments = []wecom.Department{{ID: 1, Name: "总部"}}
	p.tags = []wecom.TagGroup{{ID: "et1", Name: "级别"}}
	for _, m := range []string{
		pushed("change_external_chat", "create", noon, "ChatId", "wr1"),
		pushed("change_external_chat", "update", noon, "ChatId", "wr1", "UpdateDetail", "change_name"),
		pushed("change_external_tag", "create", noon, "Id", "et2", "TagType", "tag"),
		pushed("change_external_tag", "shuffle", noon, "Id", "et1"),
		pushed("change_contact", "create_user", noon, "UserID", "LiSi"),
		pushed("change_contact", "update_user", noon, "UserID", "old", "NewUserID", "new"),
		pushed("change_contact", "create_party", noon, "Id", "2"),
	} {
		h.receive(m, false)
	}
	h.mustSettle()
	if s := h.states(); s[StateDone] != 7 {
		t.Fatalf("got %v", s)
	}
	if n := modeltest.Count[model.CustomerGroup](t, h.db, "chat_id = ? AND dismissed_at IS NULL", "wr1"); n != 1 {
		t.Error("group not mirrored")
	}
	if h.calls.count("tag groups 1 true") != 2 {
		t.Errorf("got %q", h.calls.list)
	}
	if n := modeltest.Count[model.Staff](t, h.db, "userid IN ? AND gone_at IS NULL", []string{"lisi", "new"}); n != 2 {
		t.Errorf("%d members mirrored", n)
	}
	if n := modeltest.Count[model.Department](t, h.db); n != 1 {
		t.Errorf("%d departments mirrored", n)
	}
	h.clock.Advance(time.Minute)
	h.receive(pushed("change_external_chat", "dismiss", noon, "ChatId", "wr1"), false)
	h.receive(pushed("change_contact", "delete_user", noon, "UserID", "LISI"), false)
	delete(p.groups, "wr1")
	delete(p.members, "lisi")
	h.mustSettle()
	if n := modeltest.Count[model.CustomerGroup](t, h.db, "dismissed_at IS NULL"); n != 0 {
		t.Error("group not dismissed")
	}
	if n := modeltest.Count[model.Staff](t, h.db, "userid = ? AND gone_at IS NULL", "lisi"); n != 0 {
		t.Error("member not gone")
	}
}

func TestMemberListsOfBothForms(t *testing.T) {
	for _, list := range []string{"<Item>wm1</Item><Item>wm2</Item>", "<![CDATA[wm1,wm2]]>"} {
		m, err := parse([]byte("<xml><Event>change_external_chat</Event><ChangeType>update</ChangeType><MemChangeList>" + list + "</MemChangeList></xml>"))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.List("MemChangeList"); len(got) != 2 || got[0] != "wm1" || got[1] != "wm2" {
			t.Errorf("%s: got %q", list, got)
		}
	}
}

// The platform takes eight seconds over every answer; whoever pushes must not notice.
func TestSlowPlatformDoesNotDelayReceipt(t *testing.T) {
	h := open(t)
	release := make(chan struct{})
	h.platform.before = func(string, int) error { <-release; return nil }
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { h.Pump(ctx) })
	wg.Go(func() { _ = work.NewWorker(h.queue, work.Options{StopWithin: time.Second}).Run(ctx) })
	defer func() { close(release); stop(); wg.Wait() }()

	idle := open(t) // the same without anybody waiting: how slow the machine is just now
	var slow, base []time.Duration
	for i := range 200 {
		m := contactPush("edit_external_contact", fmt.Sprintf("wm%d", i), noon)
		slow = append(slow, timed(func() { h.receive(m, false) }))
		base = append(base, timed(func() { idle.receive(m, false) }))
	}
	if h.platform.times("get") == 0 {
		t.Error("nobody waits for the platform")
	}
	if got, most := percentile(slow, 99), max(50*time.Millisecond, 3*percentile(base, 99)); got > most {
		t.Errorf("p99 of storing is %s while the platform is slow, want at most %s", got, most)
	}
}

func timed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

func percentile(took []time.Duration, p int) time.Duration {
	slices.Sort(took)
	return took[len(took)*p/100-1]
}
