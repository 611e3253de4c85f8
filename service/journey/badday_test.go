package journey

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/outreach"
	"zhiyin/service/segment"
)

func TestMistakesAreNamedByPlace(t *testing.T) {
	h := newHouse(t, 1)
	for _, tt := range []struct{ name, text, place string }{
		{"no such trigger", journey(`{"kind":"moon"}`, "", theEnd), "trigger.kind"},
		{"nothing said of the trigger", journey(`{"kind":"event"}`, "", theEnd), "trigger.with.event"},
		{"an event that there is not", journey(`{"kind":"event","with":{"event":{"kind":"moon.rose"}}}`, "", theEnd), "trigger.with.event.kind"},
		{"a property that it has not", journey(`{"kind":"event","with":{"event":{"kind":"order.paid","where":[{"property":"moon","op":"is","value":"1"}]}}}`, "", theEnd), "trigger.with.event.where[0].property"},
		{"no such step", journey(byAPI, "", `{"id":"a","step":"fly"}`), "nodes[0].step"},
		{"an unknown variable", journey(byAPI, "", `{"id":"a","step":"wait","with":{"for":"1d","color":"red"},"next":{"next":"end"}}`, theEnd), "nodes[0].with.color"},
		{"a span that is none", journey(byAPI, "", wait("a", "soon", "end"), theEnd), "nodes[0].with.for"},
		{"a missing one", journey(byAPI, "", `{"id":"a","step":"wait","next":{"next":"end"}}`, theEnd), "nodes[0].with.for"},
		{"a dangling edge", journey(byAPI, "", wait("a", "1d", "moon"), theEnd), "nodes[0].next.next"},
		{"no edge", journey(byAPI, "", `{"id":"a","step":"wait","with":{"for":"1d"}}`, theEnd), "nodes[0].next.next"},
		{"an outcome that there is not", journey(byAPI, "", `{"id":"a","step":"wait","with":{"for":"1d"},"next":{"next":"end","moon":"end"}}`, theEnd), "nodes[0].next.moon"},
		{"nobody gets there", journey(byAPI, "", wait("a", "1d", "end"), theEnd, message("lost", "end")), "nodes[2]"},
		{"two of one name", journey(byAPI, "", wait("end", "1d", "end"), theEnd), "nodes[1].id"},
		{"a field that rules don't know", journey(byAPI, "", `{"id":"a","step":"split","with":{"branches":[{"name":"x","rule":{"field":"moon","op":"is","values":["1"]}}]},"next":{"x":"end","otherwise":"end"}}`, theEnd), "nodes[0].with.branches[0].rule.field"},
		{"shares that add up to something else", journey(byAPI, "", `{"id":"a","step":"split_share","with":{"shares":[{"name":"x","points":1},{"name":"y","points":2}]},"next":{"x":"end","y":"end"}}`, theEnd), "nodes[0].with.shares"},
		{"a segment that there is not", journey(`{"kind":"segment_entered","with":{"segment":"77"}}`, "", theEnd), "trigger.with.segment"},
		{"a circle", journey(byAPI, "", message("a", "b"), message("b", "a")), "nodes[0]"},
		{"a circle with a short wait", journey(byAPI, "", message("a", "b"), wait("b", "5m", "a")), "nodes[0]"},
		{"a circle through something that may happen at once", journey(byAPI, "", `{"id":"a","step":"wait_for","with":{"when":{"event":{"kind":"order.paid"}},"timeout":"1d"},"next":{"happened":"a","timeout":"end"}}`, theEnd), "nodes[0]"},
		{"a rule of entry that there is not", journey(byAPI, `,"entry":{"again":"always"}`, theEnd), "entry.again"},
		{"tags without a tag", journey(byAPI, "", `{"id":"a","step":"tag","next":{"next":"end"}}`, theEnd), "nodes[0].with.add"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			problems, err := h.Check(t.Context(), h.read(tt.text))
			if err != nil || len(problems) == 0 || !slices.ContainsFunc(problems, func(p Problem) bool { return p.Place == tt.place && p.Zh != "" && p.En != "" }) {
				t.Errorf("got %v, %v; want one at %s", problems, err, tt.place)
			}
		})
	}
	for name, text := range map[string]string{
		"a routine":    journey(byAPI, "", message("a", "b"), wait("b", "1h", "a")),
		"the simplest": journey(byAPI, "", theEnd),
	} {
		if problems, err := h.Check(t.Context(), h.read(text)); err != nil || len(problems) > 0 {
			t.Errorf("%s: got %v, %v", name, problems, err)
		}
	}
	for name, text := range map[string]string{
		"not JSON": "{", "an unknown key": `{"trigger":{},"moon":1}`, "too large": `{"start":"` + strings.Repeat("a", MaxBytes) + `"}`, "two values": "{}{}",
		"too many nodes": `{"nodes":[` + strings.TrimSuffix(strings.Repeat(`{"id":"a"},`, 101), ",") + `]}`,
	} {
		if _, err := h.Read(t.Context(), []byte(text), segment.RowIDs); !errors.Is(err, ErrDefinition) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestADefinitionIsReadAsItIsWritten(t *testing.T) {
	h := newHouse(t, 1)
	text := journey(onOrder, `,"holdout":100,"goal":{"when":{"left":"4"},"within":"14d","stay":true},"exits":[{"event":{"kind":"order.paid","where":[{"property":"shop","op":"is","value":"a"}]}}],"keep_lost":true,"entry":{"again":"after_days","days":3}`,
		message("m", "w"), wait("w", "90m", "c"), `{"id":"c","step":"wait_clock","with":{"at":"09:30","weekdays":[1,5]},"next":{"next":"s"}}`,
		`{"id":"s","step":"split","with":{"branches":[{"name":"x","rule":{"not":{"field":"tag","op":"any","values":["5"]}}}]},"next":{"x":"end","otherwise":"t"}}`,
		`{"id":"t","step":"tag","with":{"add":["5"],"expires":"30d"},"next":{"next":"end"}}`, theEnd)
	once := h.read(text)
	again := h.read(string(once.Encode(segment.RowIDs)))
	if diff := Compare(once, again, segment.RowIDs); len(diff) > 0 || len(once.problems) > 0 {
		t.Errorf("got %v, %v", diff, once.problems)
	}
}

func TestDifferencesAreReadable(t *testing.T) {
	h := newHouse(t, 1)
	a := h.read(journey(onOrder, "", message("m", "w"), wait("w", "3d", "x"), message("x", "end"), theEnd))
	b := h.read(journey(onView, `,"holdout":500`, message("m", "w"), wait("w", "5d", "y"), message("y", "end"), theEnd))
	var zh, en []string
	for _, d := range Compare(a, b, segment.RowIDs) {
		zh, en = append(zh, d.Zh), append(en, d.En)
	}
	for _, want := range []string{"时长 3d → 5d", "出口 next 由 x 改到 y", "新增节点 「y」（发送消息）", "删除节点 「x」（发送消息）", "对照组（基点）：0 → 500", "order.paid → "} {
		if !strings.Contains(strings.Join(zh, "\n"), want) {
			t.Errorf("no %q in\n%s", want, strings.Join(zh, "\n"))
		}
	}
	if !strings.Contains(strings.Join(en, "\n"), `node "w" (Wait for a time): how long 3d → 5d`) {
		t.Errorf("got\n%s", strings.Join(en, "\n"))
	}
}

// inIt is how many are in the journey that is changed. A database server that many tests share takes minutes for the large number.
var inIt = flag.Int("journey.people", 0, "how many are in the journey that TestAJourneyIsChangedWhileManyAreInIt changes; 0: 100,000 on SQLite, 10,000 on MySQL")

// TestAJourneyIsChangedWhileManyAreInIt: all are moved to the new version with what they have waited already. The first comers, for whom the
// new version's wait is over, go on by it at once; the many who came two days later wait for what is left.
func TestAJourneyIsChangedWhileManyAreInIt(t *testing.T) {
	const first = 1200
	db, people := modeltest.DB(t), max(*inIt, first)
	switch {
	case *inIt == 0 && model.IsSQLite(db):
		people = 100_000
	case *inIt == 0:
		people = 10_000
	}
	h := openHouse(t, db, people)
	id := h.open(journey(onView, "", wait("pause", "5d", "old"), message("old", "end"), theEnd))
	for c := int64(1); c <= first; c++ {
		h.record(c, "product.viewed", map[string]any{"product": "p"})
	}
	h.settle()
	d := h.read(journey(onView, "", wait("first", "2d", "fresh"), message("fresh", "end"), theEnd))
	if _, err := h.Update(t.Context(), id, 2, Input{Name: "旅程", Definition: d}); !errors.Is(err, ErrChanged) {
		t.Errorf("of a draft that was not seen: got %v", err)
	}
	if _, err := h.Update(t.Context(), id, 1, Input{Name: "旅程", Definition: d}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Activate(t.Context(), id, 2, 0); err != nil {
		t.Fatal(err)
	}
	h.pass(day)
	if err := h.Migrate(t.Context(), id, Migration{1, 2, map[string]string{"pause": "moon"}}); !errors.Is(err, ErrMap) {
		t.Errorf("to a node that there is not: got %v", err)
	}
	h.pass(day)
	h.follow(id, 1, first+1, people)
	h.pass(day)
	h.wantSent("on the old version", 7)
	if err := h.Migrate(t.Context(), id, Migration{1, 2, map[string]string{"pause": "first"}}); err != nil {
		t.Fatal(err)
	}
	h.settle()
	if n := modeltest.Count[model.Delivery](t, h.db, "step = ?", "fresh"); n != first {
		t.Errorf("%d of %d go on by the new version, which had them wait for less", n, first)
	}
	if n := modeltest.Count[model.Delivery](t, h.db); n != first {
		t.Errorf("%d messages in all, want %d", n, first)
	}
	if n := modeltest.Count[model.Enrolment](t, h.db, "version = 2 AND node = 'first' AND state = ? AND due_at = ?", Running, noon.Add(4*day)); n != int64(people-first) {
		t.Errorf("%d of %d wait on the new version for what is left", n, people-first)
	}
	if diff, err := h.Diff(t.Context(), id, 1, 2, segment.RowIDs); err != nil || len(diff) == 0 {
		t.Errorf("got %v, %v", diff, err)
	}
	h.pass(6 * time.Hour)
	if n := modeltest.Count[model.JourneyVersion](t, h.db, "live = ?", true); n != 1 {
		t.Errorf("%d versions are live, want one: nobody is on the first", n)
	}
}

// follow has customers enter as another did, now: their rows are copies of that one's.
func (h *house) follow(journey, whom int64, from, to int) {
	h.t.Helper()
	like, now := h.of(journey, whom), h.clock.Now()
	later := now.Sub(like.EnteredAt)
	like.ID, like.EnteredAt, like.ArrivedAt, like.DueAt, like.UpdatedAt = 0, now, like.ArrivedAt.Add(later), like.DueAt.Add(later), now
	rows := make([]*model.Enrolment, 0, to-from+1)
	for c := from; c <= to; c++ {
		e := like
		e.CustomerID = int64(c)
		rows = append(rows, &e)
	}
	if err := h.db.CreateInBatches(rows, 1000).Error; err != nil {
		h.t.Fatal(err)
	}
}

func TestPauseDrainStop(t *testing.T) {
	h := newHouse(t, 5)
	id := h.open(journey(onView, "", wait("pause", "1d", "hello"), message("hello", "end"), theEnd))
	turn := func(to string) error { _, err := h.Turn(t.Context(), id, to); h.settle(); return err }
	view := func(c int64) { h.happen(c, "product.viewed", map[string]any{"product": "p"}) }
	view(1)
	if err := turn(Paused); err != nil {
		t.Fatal(err)
	}
	view(2)
	h.pass(2 * day)
	h.wantSent("while it pauses", 1)
	if err := turn(Active); err != nil {
		t.Fatal(err)
	}
	h.wantSent("afterwards", 1, "hello")
	view(3)
	if err := turn(Draining); err != nil {
		t.Fatal(err)
	}
	view(4)
	h.pass(day)
	h.wantSent("who is in goes on", 3, "hello")
	if n := modeltest.Count[model.Enrolment](t, h.db); n != 2 {
		t.Errorf("%d came in, want those who came while it was open", n)
	}
	h.tick()
	if row, _, _ := h.Get(t.Context(), id); row.State != Stopped {
		t.Errorf("it is %s when nobody is left", row.State)
	}
	if err := turn(Active); !errors.Is(err, ErrState) {
		t.Errorf("a stopped one goes on: %v", err)
	}
	if _, err := h.Activate(t.Context(), id, 1, 0); err != nil {
		t.Fatal(err)
	}
	view(5)
	if err := turn(Stopped); err != nil {
		t.Fatal(err)
	}
	h.wantState("stopped", id, 5, Ended, "pause", ReasonStopped)
	h.pass(2 * day)
	h.wantSent("nothing after the stop", 5)
	if err := h.Delete(t.Context(), id); err != nil {
		t.Error(err)
	}
}

func TestWhoLeavesOrTurnsOutToBeAnother(t *testing.T) {
	h := newHouse(t, 6)
	id := h.open(journey(onView, "", wait("pause", "1d", "hello"), message("hello", "end"), theEnd))
	keep := h.open(journey(onView, `,"keep_lost":true`, wait("pause", "1d", "kept"), message("kept", "end"), theEnd))
	for c := int64(1); c <= 5; c++ {
		h.happen(c, "product.viewed", map[string]any{"product": "p"})
	}
	modeltest.Create(t, h.db, &model.Relation{AccountID: 1, StaffID: 71, CustomerID: 2, ExternalUserID: "wm2", Status: "active", AddedAt: noon})
	h.pass(time.Hour)
	h.happen(1, event.KindCustomerLeft, nil)
	h.happen(2, event.KindCustomerLeft, nil)
	h.wantState("nobody's contact any more", id, 1, Ended, "pause", ReasonUnfollowed)
	h.wantState("somebody else follows", id, 2, Running, "pause", "")
	h.db.Delete(&model.Customer{}, 3)
	h.db.Model(&model.Customer{}).Where("id = 4").Update("merged_into", 6)
	h.pass(day)
	h.wantSent("left", 1, "kept")
	h.wantState("erased", id, 3, Ended, "pause", ReasonErased)
	h.wantState("waits for its rows to be moved", keep, 4, Running, "pause", "")
	h.db.Model(&model.Enrolment{}).Where("customer_id = 4").Update("customer_id", 6) // what a merge does
	h.pass(2 * time.Minute)
	if got := h.sent(6); len(got) != 2 {
		t.Errorf("the one who stands was sent %q", got)
	}
	h.wantSent("the one who is no more", 4)
}

func TestADeletedSegmentSendsNobodyDownAWrongBranch(t *testing.T) {
	h := newHouse(t, 3)
	vip, out := h.list(2), h.list(1)
	id := h.open(journey(onView, fmt.Sprintf(`,"exits":[{"segment":"%d"}]`, out), wait("pause", "1d", "before"), message("before", "which"),
		fmt.Sprintf(`{"id":"which","step":"split","with":{"branches":[{"name":"vip","rule":{"field":"segment","op":"any","values":["%d"]}}]},"next":{"vip":"fine","otherwise":"plain"}}`, vip),
		message("fine", "end"), message("plain", "end"), theEnd))
	h.happen(1, "product.viewed", map[string]any{"product": "p"})
	h.wantState("out at once", id, 1, Ended, "pause", "exit:1")
	for _, s := range []int64{vip, out} {
		if err := h.segments.Delete(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	h.members(out, 3)
	h.happen(2, "product.viewed", map[string]any{"product": "p"})
	h.happen(3, "product.viewed", map[string]any{"product": "p"})
	h.pass(day)
	h.wantState("asks somebody", id, 2, Stuck, "which", lure)
	if e := h.of(id, 2); !strings.Contains(e.Reason, "人群已删除") {
		t.Errorf("the reason is %q", e.Reason)
	}
	h.wantState("an exit rule of a segment that is gone says nothing", id, 3, Stuck, "which", lure)
	h.wantSent("nothing on a wrong premise", 2, "before")
	if err := h.Decide(t.Context(), boss, h.of(id, 2).ID, Skip); err != nil {
		t.Fatal(err)
	}
	if err := h.Decide(t.Context(), boss, h.of(id, 3).ID, Leave); err != nil {
		t.Fatal(err)
	}
	h.settle()
	h.wantSent("skipped by hand", 2, "before", "plain")
	h.wantState("taken out by hand", id, 3, Ended, "which", ReasonByHand)
	if err := h.Decide(t.Context(), boss, h.of(id, 3).ID, Retry); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v", err)
	}
}

// breaking is a ledger that can't bear one customer.
type breaking struct {
	Messages
	customer int64
	panics   bool
}

func (b *breaking) PlanTx(tx *gorm.DB, in []outreach.Intent) (int, error) {
	if slices.ContainsFunc(in, func(i outreach.Intent) bool { return i.CustomerID == b.customer }) {
		if b.panics {
			panic("poison")
		}
		return 0, errors.New("poison")
	}
	return b.Messages.PlanTx(tx, in)
}

func TestF8_APoisonStepIsIsolated(t *testing.T) {
	for _, panics := range []bool{false, true} {
		h := newHouse(t, 64)
		poison := &breaking{h.Messages, 13, panics}
		h.Messages = poison
		id := h.open(journey(onView, "", message("hello", "end"), theEnd))
		for c := int64(1); c <= 64; c++ {
			h.record(c, "product.viewed", map[string]any{"product": "p"})
		}
		h.settle()
		if n := modeltest.Count[model.Delivery](t, h.db); n != 63 {
			t.Errorf("%d of the 63 others were sent to", n)
		}
		h.wantState("is tried again", id, 13, Running, "hello", lure)
		for range 20 {
			h.pass(10 * time.Minute)
		}
		h.wantState("until somebody has to decide", id, 13, Stuck, "hello", lure)
		if e := h.of(id, 13); e.Tries != stepTries || e.Reason == "" {
			t.Errorf("%d tries, %q", e.Tries, e.Reason)
		}
		poison.customer = 0
		if err := h.Decide(t.Context(), boss, h.of(id, 13).ID, Retry); err != nil {
			t.Fatal(err)
		}
		h.settle()
		h.wantSent("tried again by hand", 13, "hello")
	}
}

func TestF36_ClocksThatJump(t *testing.T) {
	h := newHouse(t, 2)
	vip := h.list(1)
	h.open(journey(onView, "", wait("pause", "3h", "hello"), message("hello", "end"), theEnd))
	h.open(journey(fmt.Sprintf(`{"kind":"schedule","with":{"cron":"0 * * * *","segment":"%d"}}`, vip), `,"entry":{"again":"after_exit"}`, message("hourly", "end"), theEnd))
	h.happen(1, "product.viewed", map[string]any{"product": "p"})
	for _, jump := range []time.Duration{time.Hour, -time.Hour, time.Hour, -day, day} {
		h.clock.Advance(jump)
		h.tick()
	}
	h.wantSent("an hour is an hour", 1, "hourly")
	h.clock.Advance(day) // forward: what is due is due
	h.tick()
	h.clock.Advance(-day)
	h.tick()
	h.wantSent("and nothing twice", 1, "hourly", "hello", "hourly")
}

func TestTwoReplicasMoveEverybodyOnce(t *testing.T) {
	dsn := modeltest.DSN(t)
	h := openHouse(t, modeltest.Open(t, dsn), 400)
	h.open(journey(onView, "", message("a", "b"), wait("b", "1h", "c"), message("c", "end"), theEnd))
	for c := int64(1); c <= 400; c++ {
		h.record(c, "product.viewed", map[string]any{"product": "p"})
	}
	h.tell()
	if err := h.Events.DrainFeeds(t.Context()); err != nil {
		t.Fatal(err)
	}
	other, _ := replica(t, modeltest.Open(t, dsn), h.clock.Now)
	for range 2 {
		var all sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			all.Go(func() {
				s := h.Service
				if i%2 == 1 {
					s = other
				}
				_, errs[i] = s.Advance(t.Context())
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		h.clock.Advance(time.Hour)
	}
	if n := modeltest.Count[model.Delivery](t, h.db); n != 800 {
		t.Errorf("%d messages, want 800", n)
	}
	if n := modeltest.Count[model.EnrolmentVisit](t, h.db); n != 1600 {
		t.Errorf("%d visits, want 1600", n)
	}
	if n := modeltest.Count[model.Enrolment](t, h.db, "state = ?", Ended); n != 400 {
		t.Errorf("%d have come to the end, want 400", n)
	}
}
