package journey

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/outreach"
	"zhiyin/service/profile"
	"zhiyin/service/segment"
)

func TestAnEventStartsAndTimeCarriesOn(t *testing.T) {
	h := newHouse(t, 3)
	id := h.open(journey(`{"kind":"event","with":{"event":{"kind":"order.paid","where":[{"property":"amount_fen","op":"at_least","value":"10000"}]}}}`, "",
		message("thanks", "pause"), wait("pause", "3d", "ask"), message("ask", "end"), theEnd))
	h.happen(1, "order.paid", map[string]any{"amount_fen": 9999})
	h.wantSent("too small", 1)
	h.happen(1, "order.paid", map[string]any{"amount_fen": 10000, "number": "A1"})
	h.wantSent("at once", 1, "thanks")
	h.wantState("waits", id, 1, Running, "pause", "")
	h.pass(3*day - time.Second)
	h.wantSent("not yet", 1, "thanks")
	h.pass(time.Second)
	h.wantSent("three days later", 1, "thanks", "ask")
	h.wantState("done", id, 1, Ended, "end", ReasonCompleted)
	if n := h.facts(event.KindJourneyEntered) + h.facts(event.KindJourneyExited); n != 2 {
		t.Errorf("%d facts, want that it entered and that it exited", n)
	}
	h.happen(1, "order.paid", map[string]any{"amount_fen": 20000})
	h.wantSent("once is once", 1, "thanks", "ask")

	var d model.Delivery
	if err := h.db.Where("step = 'thanks'").Take(&d).Error; err != nil || d.Source != "journey" || d.SourceID != id {
		t.Errorf("got %+v, %v", d, err)
	}
	f, err := h.Funnel(t.Context(), id, 0)
	if err != nil || f.Entered != 1 || f.Running != 0 || f.Ended[ReasonCompleted] != 1 || f.Nodes[1].Arrived != 1 || f.Nodes[1].Outcomes[Next] != 1 {
		t.Errorf("funnel %+v, %v", f, err)
	}
}

func TestWaitUntilSomethingHappens(t *testing.T) {
	h := newHouse(t, 4)
	id := h.open(journey(onView, "",
		`{"id":"buy","step":"wait_for","with":{"when":{"event":{"kind":"order.paid"}},"timeout":"2d"},"next":{"happened":"praise","timeout":"nudge"}}`,
		message("praise", "end"), message("nudge", "end"), theEnd))
	for c := int64(1); c <= 3; c++ {
		h.happen(c, "product.viewed", map[string]any{"product": "p"})
	}
	h.pass(time.Hour)
	h.happen(1, "order.paid", nil)
	h.wantSent("who bought is woken at once", 1, "praise")
	h.wantSent("who did not waits", 2)
	// An event of before that comes late is past; one that the reader had before the customer came here is found at the time-out.
	h.in(func(tx *gorm.DB) error {
		return tx.Create(&model.Event{Kind: "order.paid", CustomerID: 3, Source: "test", DedupeKey: []byte("late"), Payload: "{}", OccurredAt: h.clock.Now(), RecordedAt: h.clock.Now()}).Error
	})
	h.pass(2 * day)
	h.wantSent("time-out", 2, "nudge")
	h.wantSent("what went past is not forgotten", 3, "praise")
	h.wantState("done", id, 2, Ended, "end", ReasonCompleted)
}

func TestSplitsAskAboutTheCustomerNow(t *testing.T) {
	h := newHouse(t, 3)
	vip := h.label("VIP")
	h.open(journey(onView, "", wait("pause", "1d", "which"),
		fmt.Sprintf(`{"id":"which","step":"split","with":{"branches":[{"name":"vip","rule":{"field":"tag","op":"any","values":["%d"]}}]},"next":{"vip":"fine","otherwise":"mark"}}`, vip),
		message("fine", "end"), fmt.Sprintf(`{"id":"mark","step":"tag","with":{"add":["%d"]},"next":{"next":"again"}}`, vip),
		fmt.Sprintf(`{"id":"again","step":"split","with":{"branches":[{"name":"vip","rule":{"field":"tag","op":"any","values":["%d"]}}]},"next":{"vip":"now","otherwise":"end"}}`, vip),
		message("now", "end"), theEnd))
	h.happen(1, "product.viewed", map[string]any{"product": "p"})
	h.happen(2, "product.viewed", map[string]any{"product": "p"})
	modeltest.Create(t, h.db, &model.CustomerTag{CustomerID: 1, TagID: vip, Source: "console", CreatedAt: noon})
	h.pass(day)
	h.wantSent("tagged while waiting", 1, "fine")
	h.wantSent("tagged by the step before", 2, "now")
}

func TestSharesAreStable(t *testing.T) {
	n := map[string]int{}
	d := mustStep(t, "split_share")
	p := Params{"shares": []Portion{{"a", 3000}, {"b", 7000}}}
	for c := int64(1); c <= 10_000; c++ {
		m := d.next(p, Facts{Journey: 7, Node: "x", Customer: c})
		if again := d.next(p, Facts{Journey: 7, Node: "x", Customer: c, Now: noon}); again.Outcome != m.Outcome {
			t.Fatalf("customer %d gets %s, then %s", c, m.Outcome, again.Outcome)
		}
		n[m.Outcome]++
	}
	if n["a"] < 2850 || n["a"] > 3150 {
		t.Errorf("%v, want about 3000 a", n)
	}
}

func mustStep(t *testing.T, name string) *step {
	t.Helper()
	s := stepOf(name)
	if s == nil {
		t.Fatal("no step " + name)
	}
	return s
}

func TestGoalExitsAndHoldout(t *testing.T) {
	h := newHouse(t, 300)
	left := h.list()
	id := h.open(journey(onView, fmt.Sprintf(`,"holdout":5000,"goal":{"when":{"event":{"kind":"order.paid"}},"within":"7d"},"exits":[{"event":{"kind":"search.made"}},{"segment":"%d"}]`, left),
		wait("pause", "3d", "nudge"), message("nudge", "end"), theEnd))
	for c := int64(1); c <= 300; c++ {
		h.record(c, "product.viewed", map[string]any{"product": "p"})
	}
	h.settle()
	held := modeltest.Count[model.Enrolment](t, h.db, "state = ?", Held)
	if held < 110 || held > 190 {
		t.Fatalf("%d of 300 are held, want about half", held)
	}
	var in, out []int64
	h.db.Model(&model.Enrolment{}).Where("state = ?", Running).Order("id").Pluck("customer_id", &in)
	h.db.Model(&model.Enrolment{}).Where("state = ?", Held).Order("id").Pluck("customer_id", &out)
	h.pass(time.Hour)
	h.happen(in[0], "order.paid", nil)
	h.wantState("the goal ends it", id, in[0], Ended, "pause", ReasonGoal)
	h.happen(in[1], "search.made", map[string]any{"keyword": "退款"})
	h.wantState("an exit rule ends it", id, in[1], Ended, "pause", "exit:1")
	h.members(left, in[2])
	h.happen(out[0], "order.paid", nil)
	h.pass(3 * day)
	h.wantState("membership is asked at the step", id, in[2], Ended, "pause", "exit:2")
	h.wantSent("nothing after the goal", in[0])
	h.wantSent("the others go on", in[3], "nudge")
	h.wantSent("the hold-out gets nothing", out[1])
	h.happen(in[3], "order.paid", nil) // it has ended, and the window is open
	h.pass(7 * day)
	h.happen(in[4], "order.paid", nil) // too late
	f, err := h.Funnel(t.Context(), id, 0)
	if err != nil || f.Goal != 2 || f.HeldGoal != 1 || f.Held != held || f.Entered != 300-held || f.Uplift == nil {
		t.Errorf("funnel %+v, %v", f, err)
	}
	if n := h.facts(event.KindJourneyGoal); n != 3 {
		t.Errorf("%d goals are facts, want 3", n)
	}
}

// TestTheGoalConvertsAMessage: of an enrolment the last message that had left when its goal was reached is converted, however late that is
// heard of; where none had left, none is.
func TestTheGoalConvertsAMessage(t *testing.T) {
	h := newHouse(t, 4)
	h.open(journey(onView, `,"goal":{"when":{"event":{"kind":"order.paid"}},"within":"7d","stay":true}`,
		message("hello", "pause"), wait("pause", "2d", "nudge"), message("nudge", "rest"), wait("rest", "4d", "end"), theEnd))
	for c := int64(1); c <= 4; c++ {
		h.record(c, "product.viewed", map[string]any{"product": "p"})
	}
	h.settle()
	leave := func() {
		err := h.db.Model(&model.Delivery{}).Where("state = 1 AND customer_id < 4").UpdateColumns(map[string]any{"state": int8(outreach.Accepted), "shelf": 2, "accepted_at": h.clock.Now()}).Error
		if err != nil {
			t.Fatal(err)
		}
	}
	leave()
	h.pass(time.Hour)
	between := h.clock.Now()
	h.happen(1, "order.paid", nil)
	h.pass(2 * day)
	leave()
	h.pass(time.Hour)
	h.happen(2, "order.paid", nil)
	h.happen(4, "order.paid", nil) // whose messages never left
	h.untold = append(h.untold, fact{event.About{Kind: "order.paid", CustomerID: 3, Source: "test", At: between, Key: "late"}, json.RawMessage("{}")})
	h.happen(1, "order.paid", nil) // once more, and once is what counts
	var got []string
	err := h.db.Model(&model.Delivery{}).Where("state = ?", int8(outreach.Converted)).Order("customer_id").Pluck("step", &got).Error
	if want := []string{"hello", "nudge", "hello"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("converted %q, %v; want %q", got, err, want)
	}
}

func TestEntryRules(t *testing.T) {
	ago := func(d time.Duration) model.Enrolment { return model.Enrolment{State: Ended, EnteredAt: noon.Add(-d)} }
	for _, tt := range []struct {
		name  string
		entry Entry
		last  model.Enrolment
		want  bool
	}{
		{"once", Entry{Again: Once}, ago(1000 * day), false},
		{"after exit, out", Entry{Again: AfterExit}, ago(0), true},
		{"after exit, in", Entry{Again: AfterExit}, model.Enrolment{State: Running}, false},
		{"after exit, stuck", Entry{Again: AfterExit}, model.Enrolment{State: Stuck}, false},
		{"after 30 days, exactly", Entry{Again: AfterDays, Days: 30}, ago(30 * day), true},
		{"after 30 days, almost", Entry{Again: AfterDays, Days: 30}, ago(30*day - time.Second), false},
		{"held without a goal", Entry{Again: AfterExit}, model.Enrolment{State: Held}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.entry.mayEnter(&tt.last, noon); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestKeysAndCaps(t *testing.T) {
	h := newHouse(t, 10)
	id := h.open(journey(onOrder, `,"entry":{"again":"once","key":"number","most":5,"most_a_day":3}`, wait("pause", "3d", "end"), theEnd))
	h.happen(1, "order.paid", map[string]any{"number": "A"})
	h.happen(1, "order.paid", map[string]any{"number": "A"})
	h.happen(1, "order.paid", map[string]any{"number": "B"})
	if n := modeltest.Count[model.Enrolment](t, h.db, "customer_id = 1"); n != 2 {
		t.Errorf("customer 1 is in %d times, want once per order", n)
	}
	for c := int64(2); c <= 10; c++ {
		h.happen(c, "order.paid", map[string]any{"number": fmt.Sprint(c)})
	}
	if n := modeltest.Count[model.Enrolment](t, h.db); n != 3 {
		t.Errorf("%d on the first day, want 3", n)
	}
	h.pass(day)
	for c := int64(2); c <= 10; c++ {
		h.happen(c, "order.paid", map[string]any{"number": fmt.Sprint(c)})
	}
	row, _, err := h.Get(t.Context(), id)
	if err != nil || row.Entered != 5 {
		t.Errorf("%d in all (%v), want 5", row.Entered, err)
	}
}

func TestWhoIsThereNowAndWhoComes(t *testing.T) {
	h := newHouse(t, 1300)
	var all []int64
	for c := int64(1); c <= 1200; c++ {
		all = append(all, c)
	}
	vip := h.list(all...)
	steps := []string{message("hello", "end"), theEnd}
	trigger := `{"kind":"segment_entered","with":{"segment":"%d","whom":%q}}`
	now := h.open(journey(fmt.Sprintf(trigger, vip, "now"), "", steps...))
	both := h.open(journey(fmt.Sprintf(trigger, vip, "both"), "", steps...))
	future := h.open(journey(fmt.Sprintf(trigger, vip, "future"), "", steps...))
	h.happen(1201, event.KindSegmentEntered, map[string]any{"segment_id": vip})
	h.happen(1202, event.KindSegmentEntered, map[string]any{"segment_id": vip + 1})
	for journey, want := range map[int64]int64{now: 1200, both: 1201, future: 1} {
		if n := modeltest.Count[model.Enrolment](t, h.db, "journey_id = ?", journey); n != want {
			t.Errorf("journey %d has %d, want %d", journey, n, want)
		}
	}
}

func TestF37_BirthdaysOnThe29thOfFebruary(t *testing.T) {
	h := newHouse(t, 4)
	for c, md := range map[int64]int{1: 228, 2: 229, 3: 301} {
		h.db.Model(&model.Customer{}).Where("id = ?", c).Update("birth_md", md)
	}
	h.clock.Advance(time.Date(2027, 2, 20, 0, 0, 0, 0, shanghai).Sub(noon))
	h.open(journey(`{"kind":"date","with":{"of":"birthday","before":3,"at":"09:00"}}`, `,"entry":{"again":"after_days","days":300}`, message("cake", "end"), theEnd))
	h.pass(4*day + 9*time.Hour - time.Minute) // until just before 9 on the 24th
	h.wantSent("not yet", 1)
	h.pass(time.Minute)
	h.clock.Advance(day - time.Minute)
	h.tick() // the 25th, 8:59
	h.wantSent("not yet", 1)
	h.pass(time.Minute)
	h.wantSent("three days before the 28th", 1, "cake")
	h.wantSent("in a year without a 29th", 2, "cake")
	h.pass(day)
	h.wantSent("of 1 March", 3, "cake")
	h.wantSent("nobody else", 4)
	// In 2028 there is one.
	h.clock.Advance(time.Date(2028, 2, 25, 9, 0, 0, 0, shanghai).Sub(h.clock.Now()))
	h.tick()
	h.wantSent("the 28th again", 1, "cake", "cake")
	h.wantSent("not on the 28th", 2, "cake")
	h.pass(day)
	h.wantSent("on the 29th", 2, "cake", "cake")
}

// TestF37_TheBirthdayTemplate: of the template for birthdays, those born on 29 February have theirs on the 28th in a common year, on the 29th in
// a leap year, and once in each.
func TestF37_TheBirthdayTemplate(t *testing.T) {
	h := newHouse(t, 2)
	for c, md := range map[int64]int{1: 228, 2: 229} {
		h.db.Model(&model.Customer{}).Where("id = ?", c).Update("birth_md", md)
	}
	list, err := h.Templates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(tm Template) bool { return tm.Name == "birthday" })
	d := list[i].Plan
	for _, n := range d.Nodes {
		if n.Step == "message" {
			n.With["message"] = int64(1)
		}
	}
	id := h.open(string(d.Encode(segment.RowIDs)))
	for year := range 3 {
		h.clock.Advance(time.Date(2027+year, 2, 20, 0, 0, 0, 0, shanghai).Sub(h.clock.Now()))
		for range 2 * 15 {
			h.tick()
			h.clock.Advance(day / 2)
		}
	}
	for c, want := range map[int64][]string{1: {"2027-02-25", "2028-02-25", "2029-02-25"}, 2: {"2027-02-25", "2028-02-26", "2029-02-25"}} {
		var rows []model.Enrolment
		if err := h.db.Where("journey_id = ? AND customer_id = ?", id, c).Order("id").Find(&rows).Error; err != nil {
			t.Fatal(err)
		}
		var began []string
		for _, e := range rows {
			began = append(began, e.EnteredAt.In(shanghai).Format(time.DateOnly))
		}
		if !slices.Equal(began, want) {
			t.Errorf("customer %d entered on %q, want %q", c, began, want)
		}
		h.wantSent("each year", c, "wish", "wish", "wish")
	}
}

func TestCustomDates(t *testing.T) {
	h := newHouse(t, 3)
	f, err := h.Profiles.(*profile.Service).CreateField(t.Context(), profile.FieldInput{Name: "wedding", Title: "结婚", Kind: profile.KindDate})
	if err != nil {
		t.Fatal(err)
	}
	for c, n := range map[int64]int64{1: 20201125, 2: 20261125, 3: 20201126} {
		modeltest.Create(t, h.db, &model.CustomValue{CustomerID: c, FieldID: f.ID, Value: fmt.Sprint(n), Number: &n, Source: "test", UpdatedAt: noon})
	}
	h.open(journey(`{"kind":"date","with":{"of":"field","field":"wedding","yearly":true}}`, "", message("yearly", "end"), theEnd))
	h.open(journey(`{"kind":"date","with":{"of":"field","field":"wedding","after":1}}`, "", message("after", "end"), theEnd))
	h.pass(5 * day)
	h.wantSent("every year", 1, "yearly")
	h.wantSent("the year itself, and the day after", 2, "yearly", "after")
	h.wantSent("another day", 3, "yearly")
}

func TestSchedules(t *testing.T) {
	h := newHouse(t, 3)
	vip := h.list(1, 2)
	h.open(journey(fmt.Sprintf(`{"kind":"schedule","with":{"cron":"0 10 * * 1","segment":"%d"}}`, vip), `,"entry":{"again":"after_exit"}`, message("news", "end"), theEnd))
	h.pass(21 * time.Hour) // Monday, 9:00
	h.wantSent("not yet", 1)
	h.pass(time.Hour)
	h.tick() // again: nothing new
	h.wantSent("on Monday at ten", 1, "news")
	h.members(vip, 1, 3)
	h.pass(7 * day)
	h.wantSent("the week after", 1, "news", "news")
	h.wantSent("who has left the segment", 2, "news")
	h.wantSent("who has come", 3, "news")
}

func TestOneJourneyStartsAnother(t *testing.T) {
	h := newHouse(t, 2)
	second := h.open(journey(byAPI, "", message("second", "end"), theEnd))
	h.open(journey(onView, "", fmt.Sprintf(`{"id":"go","step":"start","with":{"journey":"%d"},"next":{"next":"end"}}`, second), theEnd))
	third := h.open(journey(fmt.Sprintf(`{"kind":"journey","with":{"journey":"%d","when":"exited"}}`, second), "", message("third", "end"), theEnd))
	h.happen(1, "product.viewed", map[string]any{"product": "p"})
	h.wantSent("one after the other", 1, "second", "third")

	row, err := h.Create(t.Context(), Input{Name: "环", Definition: h.read(journey(fmt.Sprintf(`{"kind":"journey","with":{"journey":"%d","when":"exited"}}`, third), "",
		fmt.Sprintf(`{"id":"go","step":"start","with":{"journey":"%d"},"next":{"next":"end"}}`, second), theEnd))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Activate(t.Context(), row.ID, 1, 0); !errors.Is(err, ErrDefinition) {
		t.Errorf("journeys that start each other in a circle: got %v", err)
	}
}

func TestTheAPIStarts(t *testing.T) {
	h := newHouse(t, 3)
	id := h.open(journey(byAPI, `,"entry":{"again":"after_exit"}`, wait("pause", "1h", "hello"), message("hello", "end"), theEnd))
	h.db.Model(&model.Customer{}).Where("id = 3").Update("merged_into", 2)
	for i, tt := range []struct {
		customer int64
		want     bool
		err      error
	}{{1, true, nil}, {1, false, nil}, {9, false, ErrCustomer}, {3, true, nil}, {2, false, nil}} {
		if got, err := h.Start(t.Context(), id, tt.customer, "", map[string]string{"code": "X1"}); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%d: got %v, %v", i, got, err)
		}
	}
	h.pass(time.Hour)
	var d model.Delivery
	if err := h.db.Where("customer_id = 1").Take(&d).Error; err != nil || d.Vars != `{"code":"X1"}` {
		t.Errorf("got %q, %v", d.Vars, err)
	}
	other := h.open(journey(onView, "", message("hello", "end"), theEnd))
	if _, err := h.Start(t.Context(), other, 1, "", nil); !errors.Is(err, ErrNotOpen) {
		t.Errorf("of a journey that events start: got %v", err)
	}
}

func TestStepsThatActInTheHouse(t *testing.T) {
	h := newHouse(t, 2)
	if _, err := h.Profiles.(*profile.Service).CreateField(t.Context(), profile.FieldInput{Name: "phase", Title: "阶段", Kind: profile.KindText}); err != nil {
		t.Fatal(err)
	}
	modeltest.Create(t, h.db, &model.Relation{AccountID: 1, StaffID: 71, CustomerID: 1, ExternalUserID: "wm1", Status: "active", AddedAt: noon})
	h.open(journey(onView, "", `{"id":"phase","step":"set_field","with":{"field":"phase","value":"考察期"},"next":{"next":"call"}}`,
		`{"id":"call","step":"task","with":{"title":"打个电话","due":"2d"},"next":{"next":"tell"}}`,
		`{"id":"tell","step":"webhook","with":{"label":"crm"},"next":{"next":"end"}}`, theEnd))
	h.happen(1, "product.viewed", map[string]any{"product": "p"})
	h.happen(2, "product.viewed", map[string]any{"product": "p"})
	var task model.Task
	if err := h.db.Take(&task).Error; err != nil || task.StaffID != 71 || task.CustomerID != 1 || task.Title != "打个电话" || !task.DueAt.Equal(noon.Add(2*day)) {
		t.Errorf("got %+v, %v", task, err)
	}
	if n := modeltest.Count[model.CustomValue](t, h.db, "value = ?", "考察期"); n != 2 {
		t.Errorf("%d fields are set, want 2", n)
	}
	if n := h.facts(event.KindJourneyCalled); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}
