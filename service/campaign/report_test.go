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
	"zhiyin/service/work"
)

func (h *house) buys(id int64, at time.Time, fen int64) {
	h.t.Helper()
	key := [16]byte{byte(id), byte(id >> 8), byte(id >> 16), byte(at.Unix()), byte(at.Unix() >> 8), byte(fen), 1}
	modeltest.Create(h.t, h.db, &model.Event{Kind: "order.paid", CustomerID: id, Value: fen, DedupeKey: key[:], Payload: "{}", OccurredAt: at, RecordedAt: at})
}

func (h *house) counted(run *model.CampaignRun) {
	h.t.Helper()
	h.must(h.count(h.t.Context(), &work.Lease{}, runRef{run.ID}))
}

// TestReport: everybody counts in the arm they were put into, from the freezing to the end of the window, whatever became
// of their message.
func TestReport(t *testing.T) {
	h := newHouse(t)
	h.ApprovalAbove = 100_000
	h.enter(h.segment, upTo(4000)...)
	d := h.definition()
	d.HoldoutBP, d.Goal = 2500, &Goal{Kind: "order.paid", Hours: 48}
	d.Variants = []Variant{{Name: "A", ShareBP: 5000, MessageID: 7}, {Name: "B", ShareBP: 5000, MessageID: 8}}
	d.Audience.Except = []int64{h.newSegment("黑名单", 1, 2)}
	c, run := h.launched(d)
	h.work(run)
	var members []model.CampaignMember
	h.must(h.db.Where("run_id = ? AND excluded = ''", run.ID).Order("customer_id").Find(&members).Error)
	h.clock.Advance(time.Hour)
	buyers := map[int64]int64{} // by variant
	place := map[int64]int{}
	for _, m := range members {
		// One of 5 who got A, of 10 who got B, of 20 who got nothing.
		every := map[int64]int{c.Definition.Variants[0].ID: 5, c.Definition.Variants[1].ID: 10, 0: 20}[m.VariantID]
		if place[m.VariantID]++; place[m.VariantID]%every == 0 {
			buyers[m.VariantID]++
			h.buys(m.CustomerID, h.clock.Now(), 100)
		}
	}
	first := members[0].CustomerID
	h.buys(first, noon.Add(-time.Minute), 5) // before
	h.buys(first, noon.Add(48*time.Hour), 7) // after the end
	h.buys(1, noon.Add(time.Hour), 9)        // left out
	h.set(outreach.Failed, "id % 10 = 0")
	h.counted(run)
	h.counted(run) // again, and nothing is counted twice
	r, err := h.Report(t.Context(), c.ID, run.ID)
	h.must(err)
	if len(r.Arms) != 3 || r.Excluded[ExcludedSegment] != 2 || !r.Open || r.CountedAt == nil {
		t.Fatalf("got %+v", r)
	}
	all := int64(0)
	for i, id := range []int64{c.Definition.Variants[0].ID, c.Definition.Variants[1].ID, 0} {
		a := r.Arms[i]
		all += a.Members
		if a.VariantID != id || a.Converted != buyers[id] || a.Times != buyers[id] || a.ValueFen != 100*buyers[id] {
			t.Errorf("arm %d: %+v, want %d", i, a, buyers[id])
		}
	}
	if all != 3998 {
		t.Errorf("%d in all arms", all)
	}
	a, b := r.Arms[0], r.Arms[1]
	if a.Uplift.Verdict != More || b.Against.Verdict != Less || a.Against != nil || r.Arms[2].Uplift != nil {
		t.Errorf("comparisons: %+v, %+v", a.Uplift, b.Against)
	}
	if n := a.States[outreach.Failed] + a.States[outreach.Planned]; a.States[outreach.Failed] == 0 || n != a.Members {
		t.Errorf("states of A: %v of %d", a.States, a.Members)
	}
	// Whose message left before they bought is converted; the others' is what it was.
	bought := h.deliveries("customer_id IN (SELECT customer_id FROM event WHERE occurred_at >= ? AND occurred_at < ?)", noon, noon.Add(48*time.Hour))
	h.must(h.db.Model(&model.Delivery{}).Where("state = ? AND id % 3 = 0", int8(outreach.Planned)).UpdateColumns(map[string]any{"state": int8(outreach.Accepted), "accepted_at": noon.Add(time.Minute)}).Error)
	could := h.deliveries("state = ? AND customer_id IN (SELECT customer_id FROM event WHERE occurred_at >= ? AND occurred_at < ?)", int8(outreach.Accepted), noon, noon.Add(48*time.Hour))
	h.counted(run)
	if n := h.deliveries("state = ?", int8(outreach.Converted)); n != could || n == 0 || n == bought {
		t.Errorf("%d converted, want %d of %d", n, could, bought)
	}
	// The window ends, and after one more count nothing changes.
	h.clock.Advance(48 * time.Hour)
	h.counted(h.run(c.ID))
	if r, err = h.Report(t.Context(), c.ID, run.ID); err != nil || r.Open {
		t.Errorf("open after its end: %v", err)
	}
	if ids, err := runsToCount(h.db); err != nil || len(ids) != 0 {
		t.Errorf("still to be counted: %v, %v", ids, err)
	}
	if _, err := h.Report(t.Context(), c.ID+1, run.ID); !errors.Is(err, ErrRunNotFound) {
		t.Errorf("the run of another campaign: %v", err)
	}
}

func TestEstimate(t *testing.T) {
	h := newHouse(t)
	h.enter(h.segment, upTo(250)...)
	for i := range int64(240) { // 10 are followed by nobody; some by two
		staffID := int64(1)
		if i >= 150 {
			staffID = 2
		}
		modeltest.Create(t, h.db, &model.Relation{AccountID: h.account, StaffID: staffID, CustomerID: i + 1, ExternalUserID: fmt.Sprint("wm", i), Status: "active", AddedAt: noon})
	}
	modeltest.Create(t, h.db, &model.Relation{AccountID: h.account, StaffID: 2, CustomerID: 1, ExternalUserID: "wm", Status: "active", AddedAt: noon})
	// Of two who follow a customer it is who met them last, and who is gone does not count.
	modeltest.Create(t, h.db, &model.Staff{ID: 3, UserID: "gone", GoneAt: &noon})
	modeltest.Create(t, h.db, &model.Relation{AccountID: h.account, StaffID: 2, CustomerID: 5, ExternalUserID: "wm5b", Status: "active", AddedAt: noon.Add(time.Hour)})
	modeltest.Create(t, h.db, &model.Relation{AccountID: h.account, StaffID: 3, CustomerID: 6, ExternalUserID: "wm6b", Status: "active", AddedAt: noon.Add(time.Hour)})
	modeltest.Create(t, h.db, &model.Relation{AccountID: h.account, StaffID: 2, CustomerID: 7, ExternalUserID: "wm7b", Status: "lost", AddedAt: noon.Add(time.Hour)})
	d := h.definition()
	d.Audience.Except = []int64{h.newSegment("黑名单", 1)}
	d.Audience.Customers = []int64{2, 1} // in the segment, and left out
	e, err := h.Estimate(t.Context(), d)
	if err != nil || e.People != 249 || e.Sends != 249 || e.Calls != 249 || e.Takes.Round(time.Second) != 25*time.Second {
		t.Errorf("by sms: %+v, %v", e, err)
	}
	d.Channel, d.HoldoutBP = "mass", 1000
	e, err = h.Estimate(t.Context(), d)
	if err != nil || e.HeldOut != 24 || e.Unreachable != 10 || len(e.Staff) != 2 || e.Taps != 3 {
		t.Fatalf("by mass message: %+v, %v", e, err)
	}
	if one := e.Staff[0]; one.StaffID != 1 || one.Customers != 148-14 || one.Taps != 2 {
		t.Errorf("first: %+v", one)
	}
	d.HoldoutBP = 0
	d.Variants = []Variant{{Name: "A", ShareBP: 5000, MessageID: 7}, {Name: "B", ShareBP: 5000, MessageID: 14}} // the second reads differently to each
	if e, err = h.Estimate(t.Context(), d); err != nil || e.Staff[0].Taps != 1+74 {
		t.Errorf("of two messages: %+v, %v", e, err)
	}
	d.Variants = []Variant{{Name: "A", ShareBP: 10_000, MessageID: 7}}
	if e, err = h.Estimate(t.Context(), d); err != nil {
		t.Fatal(err)
	}

	// What is estimated is what members are asked for.
	_, run := h.launched(d)
	h.work(run)
	var chosen []StaffShare
	h.must(h.db.Raw("SELECT target_id AS staff_id, COUNT(*) AS customers FROM campaign_member WHERE run_id = ? AND excluded = '' GROUP BY target_id ORDER BY customers DESC", run.ID).Scan(&chosen).Error)
	if len(chosen) != 3 || chosen[2] != (StaffShare{StaffID: 0, Customers: 10}) {
		t.Fatalf("chosen: %+v", chosen)
	}
	for i, share := range e.Staff {
		if chosen[i].StaffID != share.StaffID || chosen[i].Customers != share.Customers {
			t.Errorf("estimated %+v, chosen %+v", share, chosen[i])
		}
	}
	if h.ledger.staffColumn != "target_id" {
		t.Errorf("the ledger is told %q", h.ledger.staffColumn)
	}
}

func TestLinks(t *testing.T) {
	h := newHouse(t)
	c := h.create(h.definition())
	for _, tt := range []struct {
		kind, target, want string // empty: refused
	}{
		{LinkWeb, "https://shop.example.com/p?id=1", "https://shop.example.com/p?id=1"},
		{LinkWeb, "http://shop.example.com/", ""},
		{LinkWeb, "//evil.example.com", ""},
		{LinkWeb, "https://user@shop.example.com/", ""},
		{LinkWeb, `https:\\evil.example.com`, ""},
		{LinkWeb, "javascript:alert(1)", ""},
		{LinkWeb, "https://a.example.com/\r\nSet-Cookie: a=b", ""},
		{LinkWeb, "https://a.example.com/" + strings.Repeat("a", 1100), ""},
		{LinkMiniApp, "pages/index?from=push", "pages/index?campaign=" + c.Code + "&from=push"},
		{LinkMiniApp, "/pages/index", ""},
		{LinkMiniApp, "https://a.example.com", ""},
		{"pigeon", "pages/index", ""},
	} {
		l, err := h.CreateLink(t.Context(), author, NewLink{c.ID, tt.kind, tt.target})
		if tt.want == "" && !errors.Is(err, ErrInvalid) || tt.want != "" && (err != nil || l.Target != tt.want) {
			t.Errorf("%s %q: %+v, %v", tt.kind, tt.target, l, err)
		}
	}
	links, err := h.Links(t.Context(), c.ID)
	if err != nil || len(links) != 2 {
		t.Fatalf("got %v, %v", links, err)
	}
	web := links[0]
	for range 3 {
		if target, err := h.Follow(t.Context(), web.Code); err != nil || target != web.Target {
			t.Fatalf("leads to %q, %v", target, err)
		}
	}
	if _, err := h.Follow(t.Context(), links[1].Code); !errors.Is(err, ErrNoLink) {
		t.Errorf("a mini-program's path on the web: %v", err)
	}
	for range 2 {
		h.must(h.EndLink(t.Context(), web.ID))
	}
	if _, err := h.Follow(t.Context(), web.Code); !errors.Is(err, ErrNoLink) {
		t.Errorf("after its end: %v", err)
	}
	if links, err = h.Links(t.Context(), c.ID); err != nil || links[0].Visits != 3 {
		t.Errorf("visits: %+v, %v", links, err)
	}
	if err := h.EndLink(t.Context(), 404); !errors.Is(err, ErrNoLink) {
		t.Errorf("no link: %v", err)
	}
}

// TestEstimateQuota: of what a channel gets through to those whom the audience holds and does not leave out, the estimate says what
// the campaign takes, how many are refused for it, and what its next runs need before it begins anew.
func TestEstimateQuota(t *testing.T) {
	h := newHouse(t)
	h.enter(h.segment, upTo(200)...)
	d := h.definition()
	d.Channel, d.HoldoutBP = "mass", 2500
	d.Audience.Except, d.Audience.Customers = []int64{h.newSegment("黑名单", 1, 2, 300)}, []int64{5, 300, 301}
	h.enter(h.newSegment("别人"), 301, 302)
	d.Variants = []Variant{{Name: "A", ShareBP: 5000, MessageID: 7}, {Name: "B", ShareBP: 5000, MessageID: 8}}
	if e, err := h.Estimate(t.Context(), d); err != nil || e.Quotas != nil {
		t.Fatalf("nothing limits it: %+v, %v", e, err)
	}
	until := noon.AddDate(0, 0, 3)
	var asked outreach.BudgetAsk
	h.ledger.budget = func(ask outreach.BudgetAsk) outreach.Budget {
		asked = ask
		var ids []int64
		h.must(h.db.Raw("?", ask.Recipients).Scan(&ids).Error)
		if int64(len(ids)) != ask.Size || ids[0] != 3 || ids[len(ids)-1] != 301 {
			t.Errorf("asked about %d, it says %d: %v", len(ids), ask.Size, ids)
		}
		return outreach.Budget{By: outreach.BudgetMonth, Messages: ask.Messages, Each: 30, Until: &until, Reachable: ask.Size - 39, Left: ask.Size * 4}
	}
	e, err := h.Estimate(t.Context(), d)
	h.must(err)
	if len(e.Quotas) != 1 || asked.AccountID != h.account || len(asked.Messages) != 2 || !asked.At.Equal(noon) {
		t.Fatalf("asked %+v, got %+v", asked, e.Quotas)
	}
	q := e.Quotas[0]
	if e.People != 199 || q.Sends != 150 || q.Takes != 120 || q.Refused != 30 || q.Left != 600 || q.Runs != 1 || q.Needs != 150 || q.Waiting != 11 {
		t.Errorf("of %d people: %+v", e.People, q)
	}
	// One a day at 9: three of its runs come before everybody may get as many again.
	d.Schedule = Schedule{Cron: "0 9 * * *"}
	if e, err = h.Estimate(t.Context(), d); err != nil || e.Quotas[0].Runs != 3 || e.Quotas[0].Needs != 450 || !asked.At.Equal(noon.Add(21*time.Hour)) {
		t.Errorf("every day: %+v, %v, asked at %v", e.Quotas, err, asked.At)
	}
}
