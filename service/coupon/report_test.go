package coupon

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/staff"
)

// TestReport: what a batch issued, what was used, revenue with its coupons and without, what they cost, and all of it by
// where the coupons came from.
func TestReport(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.Rules.StaffDaily = 5 })
	modeltest.Create(t, h.db, &model.Campaign{ID: 4, Code: "double11", Name: "双十一", State: "done", Channel: "postbox", Audience: "{}", Schedule: "{}", Version: 1, CreatedAt: noon, UpdatedAt: noon})
	give := func(in IssueInput) *model.Coupon {
		t.Helper()
		in.BatchID, in.Key = b.ID, h.key("x")
		return must(h.Issue(t.Context(), in))
	}
	claimed := give(IssueInput{CustomerID: 1, Source: SourceClaim, CampaignID: 4, ChannelCodeID: 9})
	unused := give(IssueInput{CustomerID: 2, Source: SourceClaim, CampaignID: 4, ChannelCodeID: 9})
	stepped := give(IssueInput{CustomerID: 3, Source: SourceJourney, JourneyID: 6, Step: "s1"})
	give(IssueInput{CustomerID: 4, Source: SourceJourney, JourneyID: 6, Step: "s2"})
	give(IssueInput{CustomerID: 5, Source: SourceStaff, StaffID: 8})
	h.clock.Advance(time.Hour)
	must(h.redeem(1, bill("o1", 5000), claimed.ID))
	u := must(h.redeem(3, Bill{Order: "o2", Lines: []Line{{Line: 1, Quantity: 2, PriceFen: 3000}}}, stepped.ID))
	must(h.RollBack(t.Context(), RollBackInput{Key: h.key("x"), UseID: u.ID, Lines: []ReturnedLine{{Line: 1, Quantity: 1}}}))
	at := h.clock.Now()
	for i, o := range []model.CustomerOrder{
		{CustomerID: 1, Number: "o1", PaidFen: 4000, RefundedFen: 100},   // with the coupon
		{CustomerID: 1, Number: "o3", PaidFen: 700, RefundedFen: 200},    // without one, while it is good
		{CustomerID: 2, Number: "o4", PaidFen: 900, Status: "cancelled"}, // came to nothing
		{CustomerID: 99, Number: "o5", PaidFen: 800},                     // of somebody who never held one
	} {
		o.ID, o.PlacedAt, o.PaidAt, o.CreatedAt, o.UpdatedAt = int64(i+1), at, &at, at, at
		if o.Status == "" {
			o.Status = "paid"
		}
		modeltest.Create(t, h.db, &o)
	}
	r := must(h.Report(t.Context(), b.ID))
	if r.ByState[Used] != 2 || r.ByState[Usable] != 3 || r.Uses != 2 || r.SavedFen != 1500 || r.WithOrders != 2 || r.WithFen != 8900 || r.WithoutOrders != 1 || r.WithoutFen != 500 {
		t.Errorf("report %+v", r)
	}
	want := []SourceReport{
		{Source: SourceClaim, CampaignID: 4, ChannelCodeID: 9, Issued: 2, Used: 1, SavedFen: 1000},
		{Source: SourceJourney, JourneyID: 6, Step: "s1", Issued: 1, Used: 1, SavedFen: 500},
		{Source: SourceJourney, JourneyID: 6, Step: "s2", Issued: 1},
		{Source: SourceStaff, StaffID: 8, Issued: 1},
	}
	if !slices.Equal(r.BySource, want) {
		t.Errorf("by source %+v", r.BySource)
	}
	if hand := must(h.Hand(t.Context(), unused.CustomerID)); hand.Usable != 1 || hand.Soon != 0 || hand.FirstUntil == nil || !hand.FirstUntil.Equal(unused.ValidUntil) {
		t.Errorf("in hand %+v", hand)
	}
	h.clock.Advance(25 * 24 * time.Hour)
	if hand := must(h.Hand(t.Context(), unused.CustomerID)); hand.Soon != 1 {
		t.Errorf("six days before their end %+v", hand)
	}
	h.clock.Advance(30 * 24 * time.Hour)
	if hand := must(h.Hand(t.Context(), unused.CustomerID)); hand.Usable != 0 {
		t.Errorf("in hand what is over, though nobody has swept yet: %+v", hand)
	}
	h.reconciles()
}

// TestCame: what a customer takes is credited to what brought them last, while that is not long ago; and a repeated request
// is the same though they came by another way meanwhile.
func TestCame(t *testing.T) {
	h := newHouse(t)
	late := noon.AddDate(0, 3, 0)
	b := h.batch(func(in *BatchInput) { in.ValidUntil = &late })
	modeltest.Create(t, h.db, &model.Campaign{ID: 4, Code: "double11", Name: "双十一", State: "done", Channel: "postbox", Audience: "{}", Schedule: "{}", Version: 1, CreatedAt: noon, UpdatedAt: noon})
	touch := func(customer int64, campaign string, code int64) {
		modeltest.Create(t, h.db, &model.CustomerTouch{CustomerID: customer, Place: "last", Source: "miniapp", Campaign: campaign, ChannelCodeID: code, StaffID: 3, TouchedAt: noon})
	}
	touch(1, "double11", 9)
	touch(2, "no-such-campaign", 0)
	claim := func(customer int64, key string) *model.Coupon {
		t.Helper()
		in := IssueInput{BatchID: b.ID, CustomerID: customer, Source: SourceClaim, Key: Key{fmt.Sprint("customer:", customer), key}}
		if err := h.Came(t.Context(), &in); err != nil {
			t.Fatal(err)
		}
		return must(h.Issue(t.Context(), in))
	}
	first := claim(1, "the-same-key")
	if first.CampaignID != 4 || first.ChannelCodeID != 9 || first.StaffID != 3 {
		t.Errorf("credited to %+v", first)
	}
	if err := h.db.Model(&model.CustomerTouch{}).Where("customer_id = 1").Updates(map[string]any{"campaign": "", "channel_code_id": 10}).Error; err != nil {
		t.Fatal(err)
	}
	if again := claim(1, "the-same-key"); again.ID != first.ID {
		t.Errorf("repeated, it is another: %d and %d", first.ID, again.ID)
	}
	if c := claim(2, "the-same-key"); c.CampaignID != 0 {
		t.Errorf("credited to a campaign that is none: %+v", c)
	}
	touch(3, "double11", 9)
	h.clock.Advance(cameWithin + time.Millisecond)
	for _, who := range []int64{3, 5} {
		if c := claim(who, "the-same-key"); c.CampaignID != 0 || c.ChannelCodeID != 0 {
			t.Errorf("customer %d, whom nothing brought lately: %+v", who, c)
		}
	}
}

// TestGivers: who gives far more than is usual, or mostly to the same few, is to be watched.
func TestGivers(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.Rules.StaffDaily, in.PerCustomer, in.Stock = 100, 0, 1000 })
	customer := int64(0)
	give := func(staff int64, n int, same bool) {
		for range n {
			if !same {
				customer++
			}
			must(h.Issue(t.Context(), IssueInput{BatchID: b.ID, CustomerID: 1000*staff + customer, StaffID: staff, Source: SourceStaff, Key: h.key("staff")}))
		}
	}
	for staff := int64(1); staff <= 3; staff++ {
		give(staff, 5, false)
	}
	give(4, 16, false) // many, but not three times what is usual
	give(5, 12, true)  // all of them to one
	give(6, 12, false)
	before := must(h.Givers(t.Context(), noon.Add(-time.Hour)))
	watched := map[int64]bool{}
	for _, g := range before {
		watched[g.StaffID] = g.Watch
	}
	for staff, want := range map[int64]bool{1: false, 2: false, 3: false, 4: false, 5: true, 6: false} {
		if watched[staff] != want {
			t.Errorf("staff %d: watched %v, want %v: %+v", staff, watched[staff], want, before)
		}
	}
	give(4, 40, false)
	for _, g := range must(h.Givers(t.Context(), noon.Add(-time.Hour))) {
		if g.Watch != (g.StaffID == 4 || g.StaffID == 5) {
			t.Errorf("staff %d gave %d: watched %v", g.StaffID, g.Given, g.Watch)
		}
	}
	h.clock.Advance(48 * time.Hour)
	if list := must(h.Givers(t.Context(), h.clock.Now().Add(-time.Hour))); len(list) != 0 {
		t.Errorf("nobody gave anything lately: %+v", list)
	}
}

// TestUnusualGiversAreToldOfOnce: once a day and staff member, to those who may look into it and act, and not to themself.
func TestUnusualGiversAreToldOfOnce(t *testing.T) {
	h := newHouse(t)
	for id, role := range map[int64]string{80: staff.RoleAdmin, 81: staff.RoleAuditor, 82: staff.RoleAdmin} {
		modeltest.Create(t, h.db, &model.Staff{ID: id, Name: role, UserID: fmt.Sprint(role, id)}, &model.StaffRole{StaffID: id, Role: role})
	}
	seen := prometheus.NewRegistry()
	seen.MustRegister(h.unusual)
	h.Watchers = staff.New(h.db, h.clock.Now, staff.Options{Zone: shanghai})
	b := h.batch(func(in *BatchInput) { in.Rules.StaffDaily, in.PerCustomer, in.Stock = 500, 0, 2000 })
	customer := int64(0)
	give := func(staff int64, n int, same bool) {
		for range n {
			if !same {
				customer++
			}
			must(h.Issue(t.Context(), IssueInput{BatchID: b.ID, CustomerID: 1000*staff + customer, StaffID: staff, Source: SourceStaff, Key: h.key("staff")}))
		}
	}
	for range 2 { // what is usual
		give(4, 12, false)
		give(5, 6, false)
		give(6, 3, false)
		h.clock.Advance(24 * time.Hour)
	}
	must(0, h.WatchGivers(t.Context()))
	if n := modeltest.Count[model.Task](t, h.db, "1 = 1"); n != 0 {
		t.Fatalf("%d tasks about what is usual", n)
	}
	give(4, 36, false) // three times as usual, and no more
	give(5, 19, false) // more
	give(6, 9, true)   // too few to speak of
	give(7, 12, true)  // to one
	give(82, 90, false)
	h.clock.Advance(24 * time.Hour)
	for range 2 {
		must(0, h.WatchGivers(t.Context()))
	}
	var tasks []model.Task
	must(0, h.db.Order("staff_id, title").Find(&tasks).Error)
	got := ""
	for _, task := range tasks {
		got += fmt.Sprint(task.StaffID, task.DedupeKey[len(TaskUnusualGiving):], " ")
	}
	const want = "80:5:2026-11-27:80 80:7:2026-11-27:80 80:82:2026-11-27:80 82:5:2026-11-27:82 82:7:2026-11-27:82 "
	if len(tasks) != 5 || !sameWords(got, want) {
		t.Errorf("told of %s", got)
	}
	days := 0.0
	for _, family := range must(seen.Gather()) {
		for _, m := range family.Metric {
			days += m.GetCounter().GetValue()
		}
	}
	if days != 3 {
		t.Errorf("%v days are counted", days)
	}
	h.clock.Advance(24 * time.Hour)
	must(0, h.WatchGivers(t.Context()))
	if n := modeltest.Count[model.Task](t, h.db, "1 = 1"); n != 5 {
		t.Errorf("%d tasks after a day on which nobody gave anything", n)
	}
}

func sameWords(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}
