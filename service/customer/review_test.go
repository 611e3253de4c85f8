package customer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// pair makes two customers with different unionids, tied by a phone, and gives the review of it.
func (h *house) pair() (one, other int64, r Review) {
	h.t.Helper()
	one = h.resolve(union("u1"), phoneOf(alice, Verified)).CustomerID
	h.clock.Advance(time.Hour)
	other = h.resolve(union("u2"), phoneOf(alice, Verified)).CustomerID
	list, err := h.Reviews(h.t.Context(), admin, PairFilter{})
	if err != nil || len(list) != 1 {
		h.t.Fatalf("%d reviews, %v", len(list), err)
	}
	return one, other, list[0]
}

func TestConfirmMergesAndCanBeUndone(t *testing.T) {
	h := newHouse(t)
	one, other, r := h.pair()
	if r.One.ID != one || r.Other.ID != other || r.Reason != "conflict" || r.IdentityKind != KindPhone {
		t.Errorf("review %+v", r)
	}
	var wg sync.WaitGroup // two confirm at once
	for range 2 {
		wg.Go(func() {
			_, err := h.Confirm(context.Background(), admin, r.ID, other)
			if err != nil && !errors.Is(err, ErrReviewDecided) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	merges, err := h.Merges(t.Context(), admin, PairFilter{CustomerID: one})
	if err != nil || len(merges) != 1 || merges[0].CustomerID != other || merges[0].Reason != ReasonReview {
		t.Fatalf("merges %+v, %v", merges, err)
	}
	if err := h.Reject(t.Context(), admin, r.ID); !errors.Is(err, ErrReviewDecided) {
		t.Errorf("rejected after it was merged: %v", err)
	}
	if err := h.UndoMerge(t.Context(), admin, merges[0].ID); err != nil {
		t.Fatal(err)
	}
	if rejected, _ := h.Reviews(t.Context(), admin, PairFilter{Status: ReviewRejected}); len(rejected) != 1 || rejected[0].ID != r.ID {
		t.Errorf("after undoing: %+v", rejected)
	}
}

// TestRejectHoldsForGood: neither the same pair nor one into whom either is merged later is asked about
// again, whatever evidence comes.
func TestRejectHoldsForGood(t *testing.T) {
	h := newHouse(t)
	one, other, r := h.pair()
	for range 2 {
		if err := h.Reject(t.Context(), admin, r.ID); err != nil {
			t.Fatal(err)
		}
	}
	third := h.resolve(openid("o3")).CustomerID
	h.merge2(third, other)
	got := h.resolve(openid("o3"), phoneOf(alice, Verified), member("7"))
	if got.CustomerID != third || len(got.Reviews)+len(got.Merged) != 0 {
		t.Errorf("after a no: %+v", got)
	}
	if n := modeltest.Count[model.MergeReview](t, h.db); n != 1 {
		t.Errorf("%d reviews", n)
	}
	if _, err := h.Confirm(t.Context(), admin, r.ID, 0); !errors.Is(err, ErrReviewDecided) {
		t.Errorf("confirmed after a no: %v", err)
	}
	if _, err := h.Confirm(t.Context(), admin, 1<<40, 0); !errors.Is(err, ErrReviewNotFound) {
		t.Errorf("a review that is none: %v", err)
	}
	if m := h.merge2(one, third); m.Reason != ReasonHand { // a person may change their mind
		t.Errorf("%+v", m)
	}
}

// TestSamePersonFoundMerges: what a synchronisation finds is merged, unless it contradicts itself.
func TestSamePersonFoundMerges(t *testing.T) {
	h := newHouse(t)
	a, b := h.resolve(extID("wm1")).CustomerID, h.resolve(union("u")).CustomerID
	c, d := h.resolve(union("c"), extID("wm3")).CustomerID, h.resolve(union("d")).CustomerID
	for _, pair := range [][2]int64{{a, b}, {a, b}, {c, d}} {
		f := event.SamePersonFound{CustomerID: pair[0], OtherID: pair[1], Source: event.SourceSync, At: noon}
		if err := h.OnSamePerson(t.Context(), event.Recorded{CustomerID: pair[0], OccurredAt: noon, Payload: mustJSON(f)}); err != nil {
			t.Fatal(err)
		}
	}
	merges, _ := h.Merges(t.Context(), admin, PairFilter{})
	if len(merges) != 1 || merges[0].Reason != "same_person" || merges[0].CustomerID != min(a, b) {
		t.Errorf("merges %+v", merges)
	}
	if n := modeltest.Count[model.MergeReview](t, h.db, "status = ? AND reason = ?", ReviewOpen, "conflict"); n != 1 {
		t.Errorf("%d reviews", n)
	}
}

func TestSearchByPhoneAndMemberNumber(t *testing.T) {
	h := newHouse(t)
	id := h.resolve(member("M-7"), phoneOf(alice, Stated)).CustomerID
	h.resolve(openid("o"))
	for _, f := range []Filter{{Phone: "+86 138-0013-8000"}, {Phone: "１３８００１３８０００"}, {MemberNumber: "M-7"}} {
		p, err := h.List(t.Context(), admin, f)
		if err != nil || len(p.Items) != 1 || p.Items[0].ID != id {
			t.Errorf("%+v: %+v, %v", f, p, err)
		}
		if p, err := h.List(t.Context(), &staff.Viewer{StaffID: 1 << 40, Roles: []string{staff.RoleSales}}, f); err != nil || len(p.Items) != 0 {
			t.Errorf("somebody who follows nobody: %+v, %v", p, err)
		}
	}
	if p, err := h.List(t.Context(), admin, Filter{Phone: "13800138001"}); err != nil || len(p.Items) != 0 {
		t.Errorf("another number: %+v, %v", p, err)
	}
	if _, err := h.List(t.Context(), admin, Filter{Phone: "1 OR 1=1"}); !errors.Is(err, ErrIdentity) {
		t.Errorf("no number: %v", err)
	}
	if _, err := h.List(t.Context(), admin, Filter{Phone: alice, MemberNumber: "x"}); !errors.Is(err, ErrFilter) {
		t.Errorf("both: %v", err)
	}
}

// TestConversion: who signs in with unionid and openid is found among the external contacts; who is nobody's
// customer yet waits for 90 days and is found when they are added, and is asked about anew afterwards.
func TestConversion(t *testing.T) {
	h := newHouse(t)
	h.platform.contacts = map[string]string{"known": "wm1"}
	convert := func(union string) model.IDConversion {
		t.Helper()
		var row model.IDConversion
		if err := h.db.Where("union_id = ?", union).Take(&row).Error; err != nil {
			t.Fatal(err)
		}
		if err := h.convert(t.Context(), &work.Lease{}, convertWork{row.ID}); err != nil {
			t.Fatal(err)
		}
		h.db.Take(&row, row.ID)
		return row
	}
	contactOfStaff := h.resolve(extID("wm1")).CustomerID
	h.clock.Advance(time.Hour)
	r := h.resolve(union("known"), openid("o1"))
	if row := convert("known"); row.Status != convertFound || row.ExternalUserID != "wm1" {
		t.Errorf("%+v", row)
	}
	if got := h.resolve(union("known")); got.CustomerID != contactOfStaff || h.customer(r.CustomerID).MergedInto != contactOfStaff {
		t.Errorf("the contact and the visitor are two: %+v", got)
	}

	late := h.resolve(union("late"), openid("o2")).CustomerID
	if row := convert("late"); row.Status != convertPending || row.PendingID != "pd-late" || !row.PendingUntil.Equal(h.clock.Now().Add(90*24*time.Hour)) {
		t.Errorf("%+v", row)
	}
	h.platform.contacts["late"] = "wm2"
	h.clock.Advance(time.Hour)
	added := h.resolve(extID("wm2")).CustomerID
	for range 2 {
		if err := h.OnAdded(t.Context(), event.Recorded{AccountID: h.acct.ID, CustomerID: added}); err != nil {
			t.Fatal(err)
		}
	}
	if h.customer(added).MergedInto != late {
		t.Error("whoever was added is not the one who waited")
	}

	h.resolve(union("gone"), openid("o3"))
	convert("gone")
	h.clock.Advance(pendingLife + time.Minute)
	if err := h.RenewConversions(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := modeltest.Count[model.IDConversion](t, h.db, "status = ?", convertWaiting); n != 1 {
		t.Errorf("%d wait to be asked anew", n)
	}
	h.platform.convertFails = &wecom.Error{Code: 610014, Class: wecom.ClassBusiness}
	if row := convert("gone"); row.Status != convertRefused || row.ErrCode != 610014 {
		t.Errorf("%+v", row)
	}
}

// TestAsOf walks back through a merge, a rename, a tag, an order and a lost relation.
func TestAsOf(t *testing.T) {
	h := newHouse(t)
	h.apply(Input{Contacts: []Contact{contact("lisi", "wm1", at(0))}})
	id := h.relation("lisi", "wm1").CustomerID
	rel := h.relation("lisi", "wm1").ID
	other := h.resolve(openid("o"), phoneOf(alice, Verified)).CustomerID
	now := h.clock.Now()
	paid := now.Add(time.Hour)
	modeltest.Create(t, h.db, &model.CustomerOrder{CustomerID: other, Number: "1", Status: "paid", PaidFen: 100, PlacedAt: now, PaidAt: &paid},
		&model.CustomerTag{CustomerID: id, TagID: 5, CreatedAt: now})
	h.clock.Advance(2 * time.Hour)
	before := h.clock.Now()
	h.clock.Advance(2 * time.Hour)
	h.merge2(id, other)
	h.in(func(tx *gorm.DB) error {
		return h.EditTx(tx, id, "console", 1, func(c *model.Customer) error {
			c.Name, c.SealedBirthday, c.BirthMD = "改名", h.SealBirthday(id, "1990-02-03"), 203
			return nil
		})
	})
	h.in(func(tx *gorm.DB) error {
		_, err := h.events.Record(tx,
			event.TagChanged{RelationFact: event.RelationFact{CustomerID: id, RelationID: rel, At: h.clock.Now()}, Added: []int64{6}, Removed: []int64{5}, ChangeKey: "x"})
		return err
	})
	h.db.Model(&model.CustomerTag{}).Where("customer_id = ?", id).UpdateColumns(map[string]any{"tag_id": 6, "created_at": h.clock.Now()})
	h.lost("lisi", "wm1", StatusLeft, h.clock.Now())
	h.clock.Advance(time.Hour)
	h.in(func(tx *gorm.DB) error {
		return h.EditTx(tx, id, "console", 1, func(c *model.Customer) error { c.SealedBirthday, c.BirthMD = nil, 0; return nil })
	})

	past, err := h.AsOf(t.Context(), admin, id, before)
	if err != nil {
		t.Fatal(err)
	}
	if past.Name != "客户wm1" || past.BirthMD != 0 || len(past.Identities) != 1 || len(past.Orders) != 0 || past.Trade.Orders != 0 {
		t.Errorf("before the merge: %+v", past)
	}
	if len(past.TagIDs) != 1 || past.TagIDs[0] != 5 || len(past.Relations) != 1 || past.Relations[0].Status != StatusActive || past.Relations[0].LostAt != nil {
		t.Errorf("tags %v, relations %+v", past.TagIDs, past.Relations)
	}
	between, err := h.AsOf(t.Context(), admin, other, h.clock.Now().Add(-time.Minute)) // an id that stands no more
	if err != nil {
		t.Fatal(err)
	}
	if day, err := h.Birthday(&between.Customer); between.ID != id || between.Name != "改名" || day != "1990-02-03" || err != nil || len(between.Identities) != 3 {
		t.Errorf("after the merge: %+v, birthday %q, %v", between, day, err)
	}
	if between.Trade.Orders != 1 || between.Trade.PaidFen != 100 || len(between.Orders) != 1 || between.Orders[0].Status != "paid" ||
		len(between.TagIDs) != 1 || between.TagIDs[0] != 6 || between.Relations[0].Status != StatusLeft {
		t.Errorf("after the merge: %+v", between)
	}
	if _, err := h.AsOf(t.Context(), admin, id, noon.Add(-24*time.Hour)); !errors.Is(err, ErrNotYet) {
		t.Errorf("before anybody knew: %v", err)
	}
}
