package campaign

import (
	"errors"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/outreach"
)

// all pages through the members of a run.
func (h *house) all(c *Campaign, runID int64, f MemberFilter) (list []Member) {
	h.t.Helper()
	for {
		page, next, err := h.Members(h.t.Context(), c.ID, runID, f)
		h.must(err)
		if list = append(list, page...); next == (MemberPlace{}) {
			return list
		}
		f.After = next
	}
}

// TestMembers: of a run's audience everybody is listed once, with what they got or why they got nothing, whatever the page; and
// a filter gives exactly those it is true of.
func TestMembers(t *testing.T) {
	h := newHouse(t)
	h.enter(h.segment, upTo(5000)...)
	d := h.definition()
	d.HoldoutBP = 1000
	d.Variants = []Variant{{Name: "A", ShareBP: 5000, MessageID: 7}, {Name: "B", ShareBP: 5000, MessageID: 8}}
	d.Audience.Except = []int64{h.newSegment("黑名单", 3, 4999)}
	h.ApprovalAbove = 100_000
	c, run := h.launched(d)
	h.work(run)
	run = h.run(c.ID)
	h.set(outreach.Accepted, "customer_id % 2 = 0")
	h.must(h.db.Exec("UPDATE delivery SET state = ?, class = 'relation', code = 84061 WHERE customer_id IN (SELECT customer_id FROM campaign_member WHERE run_id = ? AND customer_id > 4900 AND variant_id > 0)",
		int8(outreach.Failed), run.ID).Error)
	h.must(h.db.Exec("UPDATE delivery SET state = ?, reason = 'quota' WHERE customer_id = ?", int8(outreach.Suppressed), h.first(run.ID, 100)).Error)

	everybody := h.all(c, run.ID, MemberFilter{Limit: 700})
	count, seen := map[string]int64{}, map[int64]bool{}
	for _, m := range everybody {
		if seen[m.CustomerID] {
			t.Fatalf("%d is listed twice", m.CustomerID)
		}
		seen[m.CustomerID] = true
		count[m.Outcome]++
		if (m.Delivery == nil) != (m.Outcome == OutcomeExcluded || m.Outcome == OutcomeHeldOut) || m.Delivery != nil && (m.Delivery.CustomerID != m.CustomerID || m.Variant == "") {
			t.Fatalf("%+v", m)
		}
	}
	if len(everybody) != 5000 || count[OutcomeExcluded] != 2 || count[OutcomeHeldOut] != run.HeldOut || count["suppressed"] != 1 || count["failed"] == 0 {
		t.Errorf("%d members: %v, %d held out", len(everybody), count, run.HeldOut)
	}
	for outcome, n := range count {
		if got := h.all(c, run.ID, MemberFilter{Outcome: outcome, Limit: 30}); int64(len(got)) != n {
			t.Errorf("%s: %d listed, want %d", outcome, len(got), n)
		}
	}
	of := map[string]MemberFilter{
		"excepted": {Reason: ExcludedSegment}, "quota": {Reason: "quota"}, "relation": {Reason: outreach.ClassRelation},
		"of A": {VariantID: c.Definition.Variants[0].ID}, "failed of B": {VariantID: c.Definition.Variants[1].ID, Outcome: "failed"},
	}
	for name, f := range of {
		want := 0
		for _, m := range everybody {
			if (f.VariantID == 0 || m.VariantID == f.VariantID) && (f.Outcome == "" || m.Outcome == f.Outcome) && (f.Reason == "" || m.has(f.Reason)) {
				want++
			}
		}
		f.Limit = 20
		if got := h.all(c, run.ID, f); len(got) != want || want == 0 {
			t.Errorf("%s: %d listed, want %d", name, len(got), want)
		}
	}
	if _, _, err := h.Members(t.Context(), c.ID+1, run.ID, MemberFilter{Limit: 1}); !errors.Is(err, ErrRunNotFound) {
		t.Errorf("the run of another campaign: %v", err)
	}
}

// first is the first member from an id on who gets a message.
func (h *house) first(runID, from int64) (id int64) {
	h.t.Helper()
	h.must(h.db.Raw("SELECT MIN(customer_id) FROM campaign_member WHERE run_id = ? AND variant_id > 0 AND customer_id >= ?", runID, from).Scan(&id).Error)
	return id
}

// TestMembersWhoAreNoCustomers: groups, and staff, are told apart as customers are; and before anything is planned nobody has a message.
func TestMembersWhoAreNoCustomers(t *testing.T) {
	for channel, audience := range map[string]Audience{"group_mass": {Groups: []int64{1, 2}}, "moment": {Staff: []int64{1, 2}}} {
		h := newHouse(t)
		modeltest.Create(t, h.db, &[]model.CustomerGroup{{ID: 1, AccountID: h.account, ChatID: "wr1", FoundedAt: noon}, {ID: 2, AccountID: h.account, ChatID: "wr2", FoundedAt: noon}})
		d := h.definition()
		d.Channel, d.Audience = channel, audience
		c, run := h.launched(d)
		h.must(h.freeze(t.Context(), c, run))
		if list := h.all(c, run.ID, MemberFilter{Limit: 1}); len(list) != 2 || list[0].Outcome != OutcomeNone || list[1].Outcome != OutcomeNone {
			t.Errorf("%s before it is planned: %+v", channel, list)
		}
		h.work(run)
		h.must(h.db.Exec("UPDATE delivery SET state = ? WHERE group_id = 2 OR occurrence = '1/2'", int8(outreach.Failed)).Error)
		list := h.all(c, run.ID, MemberFilter{Limit: 1})
		if len(list) != 2 || list[0].TargetID != 1 || list[0].Outcome != "planned" || list[1].TargetID != 2 || list[1].Outcome != "failed" {
			t.Errorf("%s: %+v", channel, list)
		}
	}
}
