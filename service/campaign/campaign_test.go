package campaign

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/outreach"
)

func TestCheck(t *testing.T) {
	h := newHouse(t)
	at := noon.Add(time.Hour)
	tests := []struct {
		name   string
		change func(d *Definition)
		field  string // empty: fine
	}{
		{"fine", func(*Definition) {}, ""},
		{"no name", func(d *Definition) { d.Name = "  " }, "name"},
		{"a long name", func(d *Definition) { d.Name = strings.Repeat("活", 65) }, "name"},
		{"nobody", func(d *Definition) { d.Audience = Audience{} }, "audience"},
		{"a segment that is gone", func(d *Definition) { d.Audience.Segments = []int64{404} }, "audience.segments"},
		{"a customer who is nobody", func(d *Definition) { d.Audience.Customers = []int64{404} }, "audience.customers"},
		{"groups by sms", func(d *Definition) { d.Audience = Audience{Groups: []int64{1}} }, "audience"},
		{"groups with people", func(d *Definition) { d.Audience.Groups = []int64{1} }, "audience"},
		{"customers by group message", func(d *Definition) { d.Channel = "group_mass" }, "audience"},
		{"customers by moments", func(d *Definition) { d.Channel = "moment" }, "audience"},
		{"no such channel", func(d *Definition) { d.Channel = "pigeon" }, "channel"},
		{"no such account", func(d *Definition) { d.AccountID = 404 }, "account_id"},
		{"no variant", func(d *Definition) { d.Variants = nil }, "variants"},
		{"shares that are no whole", func(d *Definition) { d.Variants[0].ShareBP = 9999 }, "variants"},
		{"two of one name", func(d *Definition) {
			d.Variants = []Variant{{Name: "A", ShareBP: 5000, MessageID: 7}, {Name: "A", ShareBP: 5000, MessageID: 8}}
		}, "variants"},
		{"an unfit message", func(d *Definition) { d.Variants[0].MessageID = 13 }, "variants"},
		{"coupons where there are none", func(d *Definition) { d.Variants[0].BatchID = 1 }, "variants"},
		{"half held out", func(d *Definition) { d.HoldoutBP = 5000 }, ""},
		{"more than half held out", func(d *Definition) { d.HoldoutBP = 5001 }, "holdout_bp"},
		{"a canary of all", func(d *Definition) { d.Canary = &Canary{ShareBP: 10000, Minutes: 10} }, "canary.share_bp"},
		{"no such goal", func(d *Definition) { d.Goal = &Goal{Kind: "order.dreamt", Hours: 24} }, "goal.kind"},
		{"a goal", func(d *Definition) { d.Goal = &Goal{Kind: "order.paid", Hours: 24} }, ""},
		{"every Monday", func(d *Definition) { d.Schedule = Schedule{Cron: "0 10 * * 1"} }, ""},
		{"every minute", func(d *Definition) { d.Schedule = Schedule{Cron: "* * * * *"} }, "schedule.cron"},
		{"59 minutes apart once a day", func(d *Definition) { d.Schedule = Schedule{Cron: "0,59 10 * * *"} }, "schedule.cron"},
		{"30 February", func(d *Definition) { d.Schedule = Schedule{Cron: "0 10 30 2 *"} }, "schedule"},
		{"another zone", func(d *Definition) { d.Schedule = Schedule{Cron: "CRON_TZ=UTC 0 10 * * *"} }, "schedule.cron"},
		{"cron and a time", func(d *Definition) { d.Schedule = Schedule{Cron: "0 10 * * 1", At: &at} }, "schedule.cron"},
		{"over before it begins", func(d *Definition) { d.Schedule = Schedule{Cron: "0 10 * * *", Until: &at} }, "schedule"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := h.definition()
			tt.change(&d)
			c, err := h.Create(t.Context(), author, d)
			switch {
			case tt.field == "" && err != nil:
				t.Error(err)
			case tt.field == "" && c.Version != 1:
				t.Errorf("got %+v", c)
			case tt.field != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.field)):
				t.Errorf("got %v, want it to name %s", err, tt.field)
			}
		})
	}
}

// TestRunOnce: an audience without those it leaves out is frozen, shared out and handed to the ledger, once.
func TestRunOnce(t *testing.T) {
	h := newHouse(t)
	h.enter(h.segment, upTo(5000)...)
	d := h.definition()
	h.ApprovalAbove = 10_000
	d.Audience.Except = []int64{h.newSegment("黑名单", 3, 4, 5)}
	d.Audience.Customers = []int64{5001, 2}
	modeltest.Create(t, h.db, &model.Customer{ID: 5001, FirstSeenAt: noon})
	d.HoldoutBP = 1000
	d.Variants = []Variant{{Name: "A", ShareBP: 3000, MessageID: 7}, {Name: "B", ShareBP: 7000, MessageID: 8}}
	c, run := h.launched(d)
	if wait := h.work(run); wait != over {
		t.Fatalf("waits %v", wait)
	}
	run = h.run(c.ID)
	if run.State != RunSending || run.Members != 5001 || run.Excluded != 3 || run.Planned != 5001-3-run.HeldOut {
		t.Errorf("got %+v", run)
	}
	if held := float64(run.HeldOut); held < 500*0.8 || held > 500*1.2 {
		t.Errorf("%v held out of 5000, want about 500", held)
	}
	a, b := h.deliveries("step = '1/A' AND message_id = 7"), h.deliveries("step = '1/B' AND message_id = 8")
	if a+b != run.Planned || a < run.Planned*27/100 || a > run.Planned*33/100 {
		t.Errorf("A got %d and B %d of %d", a, b, run.Planned)
	}
	if n := h.deliveries("customer_id IN (3, 4, 5)"); n != 0 {
		t.Errorf("%d of those left out get something", n)
	}
	if n := h.deliveries("expires_at <> ?", noon.Add(72*time.Hour)); n != 0 {
		t.Errorf("%d may leave at another time", n)
	}
	h.must(h.Tick(t.Context()))
	if got := h.now(c.ID); got.State != StateRunning {
		t.Errorf("%s while its messages wait", got.State)
	}
	h.set(outreach.Sent, "id % 2 = 0")
	h.set(outreach.Suppressed, "id % 2 = 1")
	h.must(h.Tick(t.Context()))
	if got := h.now(c.ID); got.State != StateDone || h.run(c.ID).State != RunDone {
		t.Errorf("%s when all have left", got.State)
	}
}

// TestRunIsTakenUp: whatever a step was when its process died, another goes on without doing it twice.
func TestRunIsTakenUp(t *testing.T) {
	h := newHouse(t)
	h.ApprovalAbove = 100_000
	h.enter(h.segment, upTo(5000)...)
	c, run := h.launched(h.definition())
	died := errors.New("the process dies before the commit")
	for i := 0; ; i++ {
		h.ledger.fail = nil
		if i%2 == 0 {
			h.ledger.fail = died // planned, and rolled back
		}
		wait, err := h.step(t.Context(), run.ID)
		if err != nil && !errors.Is(err, died) {
			t.Fatal(err)
		}
		if wait == over {
			break
		}
	}
	if n := h.deliveries(); n != 5000 || h.run(c.ID).Planned != 5000 {
		t.Errorf("%d intended, counted %d", n, h.run(c.ID).Planned)
	}
	// A step that somebody else has done meanwhile is not done again.
	stale := *run
	if err := h.freeze(t.Context(), c, &stale); !errors.Is(err, errMoved) {
		t.Errorf("got %v from a place that was passed long ago", err)
	}
}

func TestApproval(t *testing.T) {
	h := newHouse(t)
	h.enter(h.segment, upTo(1000)...)
	c := h.create(h.definition())
	h.must(h.Launch(t.Context(), author, c.ID))
	if c = h.now(c.ID); c.State != StateAsked || c.ApprovalSize != 1000 || c.NextAt != nil {
		t.Fatalf("got %+v", c.Campaign)
	}
	for _, tt := range []struct {
		name    string
		who     int64
		version int64
		want    error
	}{
		{"by whoever asked", 1, c.Version, ErrOwnApproval},
		{"of what was before", 2, c.Version - 1, ErrChanged},
		{"by another", 2, c.Version, nil},
		{"again", 2, c.Version, ErrState},
	} {
		v := *reviewer
		v.StaffID = tt.who
		if err := h.Approve(t.Context(), &v, c.ID, tt.version); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if c = h.now(c.ID); c.State != StateScheduled || c.NextAt == nil {
		t.Errorf("got %+v", c.Campaign)
	}
	// What is changed afterwards nobody has agreed to.
	if c, err := h.Update(t.Context(), reviewer, c.ID, c.Version, h.definition()); err != nil || c.State != StateDraft || c.NextAt != nil {
		t.Fatalf("got %v, %v", c, err)
	}
	h.must(h.Launch(t.Context(), author, c.ID))
	if got := h.now(c.ID); got.State != StateAsked {
		t.Errorf("a changed campaign is %s", got.State)
	}
	if err := h.Approve(t.Context(), reviewer, c.ID, c.Version+1); !errors.Is(err, ErrOwnApproval) {
		t.Errorf("whoever changed it approves: %v", err)
	}
	h.must(h.Reject(t.Context(), author, c.ID, "文案不妥"))
	if got := h.now(c.ID); got.State != StateDraft || got.Reason != "文案不妥" {
		t.Errorf("got %+v", got.Campaign)
	}
}

// TestApprovalOfWhatHasGrown: a campaign that was small when it was launched, and is not when it begins, asks.
func TestApprovalOfWhatHasGrown(t *testing.T) {
	h := newHouse(t)
	h.enter(h.segment, upTo(10)...)
	d := h.definition()
	at := noon.Add(24 * time.Hour)
	d.Schedule.At = &at
	c := h.create(d)
	h.must(h.Launch(t.Context(), author, c.ID))
	for i := int64(11); i <= 1000; i += 495 {
		ids := upTo(495)
		for k := range ids {
			ids[k] += i - 1
		}
		h.enter(h.segment, ids...)
	}
	h.clock.Advance(24 * time.Hour)
	h.must(h.Tick(t.Context()))
	if c = h.now(c.ID); c.State != StateAsked || c.Runs != 0 || c.ApprovalSize != 1000 {
		t.Fatalf("got %+v", c.Campaign)
	}
	h.must(h.Approve(t.Context(), reviewer, c.ID, c.Version))
	h.must(h.Tick(t.Context()))
	if h.run(c.ID).Number != 1 {
		t.Error("it does not begin after it was approved")
	}
}

func TestSchedule(t *testing.T) {
	h := newHouse(t)
	h.enter(h.segment, upTo(3)...)
	d := h.definition()
	until := noon.Add(21 * 24 * time.Hour)
	d.Schedule = Schedule{Cron: "0 10 * * 1", Until: &until} // Mondays at 10 in Shanghai
	c := h.create(d)
	h.must(h.Launch(t.Context(), author, c.ID))
	monday := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	if c = h.now(c.ID); !c.NextAt.Equal(monday) {
		t.Fatalf("next at %v", c.NextAt)
	}
	for week := range 3 {
		h.at(monday.Add(time.Duration(week) * 7 * 24 * time.Hour))
		for range 3 { // however often it is looked at, by whomever
			h.must(h.Tick(t.Context()))
			h.must(h.begin(t.Context(), c.ID))
		}
		run := h.run(c.ID)
		if run.Number != int64(week+1) || !run.PlannedFor.Equal(h.clock.Now()) {
			t.Fatalf("week %d: %+v", week, run)
		}
		h.work(run)
		if n := h.deliveries("occurrence = ?", fmt.Sprint(week+1)); n != 3 {
			t.Errorf("week %d: %d messages", week, n)
		}
	}
	h.set(outreach.Sent, "1 = 1")
	h.must(h.Tick(t.Context()))
	if c = h.now(c.ID); c.State != StateDone || c.NextAt != nil {
		t.Errorf("after its last run: %+v", c.Campaign)
	}
}

// TestF36_MissedStart: a start that nobody was there for is made up for while its messages would still make sense.
func TestF36_MissedStart(t *testing.T) {
	h := newHouse(t)
	h.enter(h.segment, 1)
	at := noon.Add(time.Hour)
	for _, tt := range []struct {
		name  string
		away  time.Duration
		sched Schedule
		state string
		runs  int64
	}{
		{"a little late", 2 * time.Hour, Schedule{At: &at}, StateRunning, 1},
		{"too late", 74 * time.Hour, Schedule{At: &at}, StatePaused, 0},
		{"too late, but there is a next time", 100 * time.Hour, Schedule{Cron: "0 13 22 * *"}, StateRunning, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.at(noon)
			d := h.definition()
			d.Schedule = tt.sched
			c := h.create(d)
			h.must(h.Launch(t.Context(), author, c.ID))
			h.clock.Advance(tt.away)
			h.must(h.Tick(t.Context()))
			if c = h.now(c.ID); c.State != tt.state || c.Runs != tt.runs {
				t.Errorf("got %s with %d runs (%s)", c.State, c.Runs, c.Reason)
			}
		})
	}
}

// TestSegmentDeletedUnderIt: the campaign says so, and sends nothing.
func TestSegmentDeletedUnderIt(t *testing.T) {
	h := newHouse(t)
	h.enter(h.segment, upTo(3)...)
	d := h.definition()
	at := noon.Add(time.Hour)
	d.Schedule.At = &at
	c := h.create(d)
	h.must(h.Launch(t.Context(), author, c.ID))
	h.must(h.db.Model(&model.Segment{}).Where("id = ?", h.segment).Update("gone_at", noon).Error)
	h.clock.Advance(time.Hour)
	h.must(h.Tick(t.Context()))
	if c = h.now(c.ID); c.State != StatePaused || c.Reason == "" || c.Runs != 0 {
		t.Errorf("got %+v", c.Campaign)
	}
	if err := h.Launch(t.Context(), author, h.createUnchecked().ID); !errors.Is(err, ErrNoSegment) {
		t.Errorf("launching another: %v", err)
	}
}

// createUnchecked makes a draft whose segment is gone already.
func (h *house) createUnchecked() *Campaign {
	h.must(h.db.Model(&model.Segment{}).Where("id = ?", h.segment).Update("gone_at", nil).Error)
	c := h.create(h.definition())
	h.must(h.db.Model(&model.Segment{}).Where("id = ?", h.segment).Update("gone_at", noon).Error)
	return c
}

func TestPauseResumeStop(t *testing.T) {
	h := newHouse(t)
	h.ApprovalAbove = 100_000
	h.enter(h.segment, upTo(5000)...)
	c, run := h.launched(h.definition())
	if _, err := h.step(t.Context(), run.ID); err != nil {
		t.Fatal(err)
	}
	h.must(h.Pause(t.Context(), author, c.ID, "库存不足"))
	h.must(h.Pause(t.Context(), author, c.ID, "again"))
	if wait := h.work(run); wait != pausedLook || !h.ledger.paused || h.now(c.ID).Reason != "库存不足" {
		t.Errorf("a paused run waits %v", wait)
	}
	h.must(h.Resume(t.Context(), author, c.ID))
	if err := h.Resume(t.Context(), author, c.ID); !errors.Is(err, ErrState) {
		t.Errorf("resumed twice: %v", err)
	}
	if wait := h.work(run); wait != over || h.ledger.paused || h.deliveries() != 5000 {
		t.Errorf("after it was resumed: %v, %d messages", wait, h.deliveries())
	}
	for range 2 {
		h.must(h.Stop(t.Context(), author, c.ID, "活动取消"))
	}
	if h.ledger.cancelled == 0 || h.takenBack == 0 || h.run(c.ID).State != RunStopped || h.now(c.ID).State != StateStopped {
		t.Errorf("stopped: %+v", h.run(c.ID))
	}
	if err := h.Pause(t.Context(), author, c.ID, ""); !errors.Is(err, ErrState) {
		t.Errorf("paused after the end: %v", err)
	}
	// What was being planned while it was stopped is cancelled too, and kept from leaving until then.
	before := h.ledger.cancelled
	if wait := h.work(run); wait != over || h.ledger.cancelled <= before || !h.ledger.paused {
		t.Errorf("a stopped run waits %v; cancelled %d times", wait, h.ledger.cancelled)
	}
}

func TestCanary(t *testing.T) {
	for _, tt := range []struct {
		name         string
		failed, gone int // of the about 100 who are tried
		after        time.Duration
		want         string
	}{
		{"all well, time not over", 0, 0, 9 * time.Minute, RunCanary},
		{"all well", 0, 0, 10 * time.Minute, RunPlanning},
		{"some fail, but not more than may", 3, 0, 10 * time.Minute, RunPlanning},
		{"more fail than may", 9, 0, time.Minute, RunHalted},
		{"more leave than may", 0, 4, 2 * time.Minute, RunHalted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.ApprovalAbove = 100_000
			h.enter(h.segment, upTo(2000)...)
			d := h.definition()
			d.Canary = &Canary{ShareBP: 500, Minutes: 10, FailBP: 600, OptOutBP: 300}
			c, run := h.launched(d)
			if wait := h.work(run); wait != canaryLook {
				t.Fatalf("waits %v", wait)
			}
			tried := h.deliveries()
			if tried < 70 || tried > 130 {
				t.Fatalf("%d of 2000 are tried, want about 100", tried)
			}
			var ids []int64
			h.must(h.db.Model(&model.Delivery{}).Order("id").Pluck("customer_id", &ids).Error)
			h.set(outreach.Sent, "1 = 1")
			h.set(outreach.Failed, "customer_id IN ?", append([]int64{0}, ids[:tt.failed]...))
			for _, id := range ids[:tt.gone] {
				modeltest.Create(t, h.db, &model.ContactChoice{CustomerID: id, Choice: "none", CreatedAt: h.clock.Now()})
			}
			h.clock.Advance(tt.after)
			if _, err := h.step(t.Context(), run.ID); err != nil {
				t.Fatal(err)
			}
			if run = h.run(c.ID); run.State != tt.want {
				t.Fatalf("%s (%s), want %s", run.State, run.Reason, tt.want)
			}
			if run.State == RunHalted {
				h.must(h.Resume(t.Context(), author, c.ID))
			}
			if run.State != RunCanary {
				h.work(run)
				if n := h.deliveries(); n != 2000 {
					t.Errorf("%d messages in all", n)
				}
			}
		})
	}
}

// TestAssign: shares are as large as they say, independent of one another, and the same every time.
func TestAssign(t *testing.T) {
	c := &Campaign{Campaign: model.Campaign{Code: "abc"}, Definition: Definition{
		HoldoutBP: 2000, Canary: &Canary{ShareBP: 1000}, Variants: []Variant{{ID: 1, ShareBP: 2500}, {ID: 2, ShareBP: 7500}},
	}}
	a, again := armsOf(c), armsOf(c)
	const n = 100_000
	var counts, canaries [3]int
	for id := int64(1); id <= n; id++ {
		variant, canary := a.of(id)
		if v, k := again.of(id); v != variant || k != canary {
			t.Fatal("another answer the second time")
		}
		counts[variant]++
		if canary {
			canaries[variant]++
		}
	}
	for i, want := range []int{20_000, 20_000, 60_000} {
		if counts[i] < want*97/100 || counts[i] > want*103/100 {
			t.Errorf("arm %d has %d, want about %d", i, counts[i], want)
		}
	}
	if canaries[0] != 0 || canaries[1] < 1800 || canaries[1] > 2200 || canaries[2] < 5600 || canaries[2] > 6400 {
		t.Errorf("canaries by arm: %v", canaries)
	}
}

func TestGroups(t *testing.T) {
	h := newHouse(t)
	g := &model.CustomerGroup{AccountID: h.account, ChatID: "wr1", Name: "福利群", FoundedAt: noon}
	modeltest.Create(t, h.db, g)
	d := h.definition()
	d.Channel, d.Audience = "group_mass", Audience{Groups: []int64{g.ID}}
	c, run := h.launched(d)
	h.work(run)
	if n := h.deliveries("customer_id = 0 AND group_id = ?", g.ID); n != 1 || h.run(c.ID).Planned != 1 {
		t.Errorf("%d messages to the group", n)
	}
	h.counted(h.run(c.ID))
	if r, err := h.Report(t.Context(), c.ID, run.ID); err != nil || len(r.Arms) != 1 || r.Arms[0].Members != 1 || r.Arms[0].States[outreach.Planned] != 1 {
		t.Errorf("its report: %+v, %v", r, err)
	}
}

func TestStaff(t *testing.T) {
	h := newHouse(t)
	var ids []int64
	for _, name := range []string{"a", "b"} {
		m := &model.Staff{AccountID: h.account, UserID: name, CreatedAt: noon, UpdatedAt: noon}
		modeltest.Create(t, h.db, m)
		ids = append(ids, m.ID)
	}
	d := h.definition()
	d.Channel, d.Audience = "moment", Audience{Staff: ids}
	c, run := h.launched(d)
	h.work(run)
	if n := h.deliveries("customer_id = 0 AND group_id = 0"); n != 2 || h.run(c.ID).Planned != 2 {
		t.Errorf("%d posts by two people", n)
	}
}
