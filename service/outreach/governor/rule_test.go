package governor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/privacy"
)

// TestRuleTx: what is let out is reserved, once for each message; the more important of a batch comes first.
func TestRuleTx(t *testing.T) {
	h := newHouse(t, 3)
	h.save(Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}})
	ask := func(ref, customer int64, priority int) Ask {
		return Ask{Ref: ref, CustomerID: customer, Channel: "sms", Priority: priority, Source: "campaign"}
	}
	got := h.rule(ask(1, 2, 0), ask(2, 1, 0), ask(3, 2, 5))
	if got[0].Reason != ReasonCap || got[1].Verdict != Allow || got[2].Verdict != Allow {
		t.Errorf("the more important does not come first: %+v", got)
	}
	if again := h.rule(ask(3, 2, 0), ask(4, 2, 9)); again[0].Verdict != Allow || again[1].Verdict != Later {
		t.Errorf("asked again: %+v", again)
	}
	err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
		return h.ReturnTx(tx, []Reservation{{3, 2}, {3, 2}, {99, 1}, {98, 3}})
	})
	if err != nil {
		t.Fatal(err)
	}
	if again := h.rule(ask(4, 2, 9), ask(5, 1, 0)); again[0].Verdict != Allow || again[1].Verdict != Later {
		t.Errorf("after a return: %+v", again)
	}
}

// TestAskedAnew: what was let out and is sent only later counts from then on, and its own reservation does not stand in its way; while it
// is put off, the reservation stays.
func TestAskedAnew(t *testing.T) {
	h := newHouse(t, 1)
	h.save(Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}, RepeatDays: 3})
	ask := func(ref int64, anew bool) Ruling {
		return h.rule(Ask{Ref: ref, CustomerID: 1, Channel: "sms", Content: [32]byte{byte(ref)}, Anew: anew})[0]
	}
	var got []Verdict
	got = append(got, ask(1, false).Verdict)
	h.clock.Advance(24 * time.Hour)
	got = append(got, ask(2, false).Verdict, ask(1, true).Verdict) // on top of another
	h.clock.Advance(24 * time.Hour)
	got = append(got, ask(1, true).Verdict, ask(1, true).Verdict, ask(3, false).Verdict)
	if want := []Verdict{Allow, Allow, Later, Allow, Allow, Later}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var book model.ContactBook
	h.db.Take(&book)
	if marks := readMarks(book.Marks); len(marks) != 2 || marks[0].ref != 2 || marks[1].ref != 1 || marks[1].at != h.clock.Now().UnixMilli() {
		t.Errorf("the book says %+v", marks)
	}
}

// TestNothingIsWrittenWhereNothingCounts: without a cap, a quota or a content to compare, no book is opened.
func TestNothingIsWrittenWhereNothingCounts(t *testing.T) {
	h := newHouse(t, 2)
	h.save(Setting{Caps: []Cap{{Channel: "email", Window: WindowDay, Most: 1}}, Quiet: []Quiet{{From: 0, To: 1}}})
	got := h.rule(Ask{Ref: 1, CustomerID: 1, Channel: "sms"}, Ask{Ref: 2, CustomerID: 2, Channel: "email", Transactional: true})
	if got[0].Verdict != Allow || got[1].Verdict != Allow {
		t.Errorf("got %+v", got)
	}
	if n := modeltest.Count[model.ContactBook](t, h.db); n != 0 {
		t.Errorf("%d books, want none", n)
	}
}

// TestP1_WithdrawalHoldsAtOnce: what a customer or an operator has just decided holds from the next batch on.
func TestP1_WithdrawalHoldsAtOnce(t *testing.T) {
	h := newHouse(t, 5)
	h.save(Setting{})
	modeltest.Create(t, h.db, &model.Customer{ID: 6, MergedInto: 5, FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
	asks := []Ask{}
	for id := int64(1); id <= 7; id++ {
		asks = append(asks, Ask{Ref: id, CustomerID: id, Channel: "sms", Topic: "news", Purpose: privacy.Marketing, Targeted: id == 4})
	}
	reasons := func() (out []string) {
		for _, r := range h.rule(asks...) {
			out = append(out, r.Reason)
		}
		return out
	}
	if got, want := reasons(), []string{"", "", "", "", "", ReasonGone, ReasonGone}; !slices.Equal(got, want) {
		t.Errorf("before: got %q, want %q", got, want)
	}
	h.choose(1, "", privacy.None)
	h.choose(2, privacy.AboutTopic("news"), privacy.None)
	refuse := func(id int64, purpose string) {
		t.Helper()
		if err := h.privacy.Decide(t.Context(), privacy.Decision{CustomerID: id, Purpose: purpose, Channel: privacy.ByMiniApp}); err != nil {
			t.Fatal(err)
		}
	}
	refuse(3, privacy.Marketing)
	refuse(4, privacy.Targeting)
	if err := h.db.Model(&model.Customer{}).Where("id = 5").Update("minor", true).Error; err != nil {
		t.Fatal(err)
	}
	want := []string{ReasonDoNotContact, ReasonDoNotContact, ReasonRefused, ReasonNoTargeting, ReasonMinor, ReasonGone, ReasonGone}
	if got := reasons(); !slices.Equal(got, want) {
		t.Errorf("after: got %q, want %q", got, want)
	}
	if _, err := h.privacy.Request(t.Context(), privacy.RequestInput{CustomerID: 1, Kind: privacy.RequestErase, Source: privacy.ByMiniApp}); err != nil {
		t.Fatal(err)
	}
	if got := reasons(); got[0] != ReasonErasing {
		t.Errorf("erasing: got %q", got)
	}
	counts, err := h.Refusals(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if counts[0] != (RefusalCount{"sms", "", ReasonGone, true, 6}) {
		t.Errorf("got %+v", counts)
	}
}

// TestPriorityKeepsTheSlot: what is planned for later today and more important keeps the only slot of the day.
func TestPriorityKeepsTheSlot(t *testing.T) {
	h := newHouse(t, 2)
	h.save(Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}, AheadHours: 24})
	due := noon.Add(3 * time.Hour)
	modeltest.Create(t, h.db,
		&model.DeliveryLane{ID: 1, Alike: "a", Source: "journey", Channel: "wecom_mass", Priority: 5, CreatedAt: noon},
		&model.Delivery{ID: 9, Source: "journey", CustomerID: 1, LaneID: 1, Shelf: plannedShelf, State: 1, DueAt: due, CreatedAt: noon, UpdatedAt: noon})
	ask := func(id int64) Ask { return Ask{Ref: id, CustomerID: id, Channel: "sms", Priority: 1} }
	got := h.rule(ask(1), ask(2))
	if want := (Ruling{Later, ReasonPriority, due.Add(time.Minute)}); got[0] != want || got[1].Verdict != Allow {
		t.Errorf("got %+v", got)
	}
	if err := h.db.Where("id = 9").Delete(&model.Delivery{}).Error; err != nil {
		t.Fatal(err)
	}
	if got := h.rule(ask(1)); got[0].Verdict != Allow {
		t.Errorf("after the rival is gone: got %+v", got)
	}
}

// TestHoldouts: a source's share of customers is kept from it, and from nobody else.
func TestHoldouts(t *testing.T) {
	const people = 2000
	h := newHouse(t, people)
	h.save(Setting{})
	set := func(share int) {
		t.Helper()
		err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error { return h.HoldOutTx(tx, "campaign", 7, share) })
		if err != nil {
			t.Fatal(err)
		}
	}
	held := func(source string, id int64) map[int64]bool {
		asks := make([]Ask, people)
		for i := range asks {
			asks[i] = Ask{Ref: int64(i + 1), CustomerID: int64(i + 1), Channel: "sms", Source: source, SourceID: id}
		}
		out := map[int64]bool{}
		for i, r := range h.rule(asks...) {
			if r.Reason == ReasonHoldout {
				out[int64(i+1)] = true
			}
		}
		return out
	}
	set(1000)
	small := held("campaign", 7)
	set(2000)
	large := held("campaign", 7)
	if len(small) < people*8/100 || len(small) > people*12/100 || len(large) < people*17/100 || len(large) > people*23/100 {
		t.Errorf("held out %d and %d of %d, want a tenth and a fifth", len(small), len(large), people)
	}
	for id := range small {
		if !large[id] {
			t.Fatalf("customer %d has left the hold-out as it grew", id)
		}
	}
	if other := held("campaign", 8); len(other) != 0 {
		t.Errorf("%d are held out of another campaign", len(other))
	}
}

// TestSave: a setting that was changed meanwhile is not overwritten, and a wrong one names what is wrong.
func TestSave(t *testing.T) {
	h := newHouse(t, 0)
	s, err := h.Setting(t.Context())
	if err != nil || s.Revision != 0 || s.check() != nil {
		t.Fatalf("the default: %+v, %v, %v", s, err, s.check())
	}
	changed := *s
	changed.RepeatDays = 9
	saved, err := h.Save(t.Context(), changed, 1)
	if err != nil || saved.Revision != 1 {
		t.Fatalf("got %+v, %v", saved, err)
	}
	if _, err := h.Save(t.Context(), changed, 2); !errors.Is(err, ErrStale) {
		t.Errorf("a stale one: got %v", err)
	}
	if now, err := h.Setting(t.Context()); err != nil || now.RepeatDays != 9 || len(now.Caps) != len(s.Caps) {
		t.Errorf("got %+v, %v", now, err)
	}
	wrong := Setting{
		Revision: 1, Caps: []Cap{{Window: "year", Topic: "x", Most: 0}, {Window: WindowRolling, Most: 1}, {Window: WindowDay, Hours: 3, Most: 1}},
		Quiet: []Quiet{{From: 5, To: 5}, {From: 1, To: 2}}, Topics: []Topic{{"A", ""}}, RepeatDays: -1, Holdout: Holdout{Share: 9999}, AheadHours: 999,
	}
	_, err = h.Save(t.Context(), wrong, 1)
	if !errors.Is(err, ErrSetting) {
		t.Fatalf("got %v", err)
	}
	for _, field := range []string{
		"caps[0].window", "caps[0].topic", "caps[0].most", "caps[1].hours", "caps[2].hours", "quiet[0]", "quiet[1].channel", "topics[0].name", "topics[0].title",
		"repeat_days", "holdout.share", "ahead_hours",
	} {
		if !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s is not named in %s", field, err)
		}
	}
	list, err := h.Revisions(t.Context())
	if err != nil || len(list) != 1 || list[0].StaffID != 1 || list[0].RepeatDays != 9 {
		t.Errorf("revisions: %+v, %v", list, err)
	}
}

// TestPrune: counts and books that say nothing any more are forgotten, others stay.
func TestPrune(t *testing.T) {
	h := newHouse(t, 2)
	h.save(Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}})
	h.rule(Ask{Ref: 1, CustomerID: 1, Channel: "sms"}, Ask{Ref: 2, CustomerID: 1, Channel: "sms"})
	h.clock.Advance(29 * 24 * time.Hour)
	h.rule(Ask{Ref: 3, CustomerID: 2, Channel: "sms"}, Ask{Ref: 4, CustomerID: 2, Channel: "sms"})
	h.clock.Advance(25 * time.Hour)
	if err := h.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b, r := modeltest.Count[model.ContactBook](t, h.db), modeltest.Count[model.ContactRefusal](t, h.db); b != 1 || r != 1 {
		t.Errorf("%d books and %d counts are left, want one of each", b, r)
	}
}

// TestExplain: the answer is that of RuleTx, with how far each cap is used up, and nothing is reserved.
func TestExplain(t *testing.T) {
	h := newHouse(t, 2)
	h.save(Setting{Caps: []Cap{{Window: WindowDay, Most: 2}, {Channel: "email", Window: WindowDay, Most: 1}}, Quiet: []Quiet{{From: 22 * 60, To: 8 * 60}}})
	h.choose(1, "", privacy.Fewer)
	a := Ask{CustomerID: 1, Channel: "sms", Source: "campaign", Purpose: privacy.Marketing}
	explain := func() *Explanation {
		t.Helper()
		x, err := h.Explain(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for range 2 {
		if x := explain(); x.Verdict != Allow || len(x.Caps) != 1 || x.Caps[0].Most != 1 || x.Caps[0].Used != 0 || x.Choice != privacy.Fewer {
			t.Fatalf("before: %+v", x)
		}
	}
	h.rule(Ask{Ref: 1, CustomerID: 1, Channel: "sms"})
	x := explain()
	if x.Verdict != Later || x.Reason != ReasonCap || x.Caps[0].Used != 1 || x.Caps[0].FreeAt.IsZero() || len(x.Sent) != 1 || x.Sent[0] != (Contact{"sms", "", noon}) {
		t.Errorf("after one: %+v", x)
	}
	h.clock.Advance(11 * time.Hour)
	h.choose(1, "sms", privacy.None)
	if x := explain(); x.Unwanted != ReasonDoNotContact || x.QuietUntil.IsZero() {
		t.Errorf("at night, unwanted: %+v", x)
	}
}
