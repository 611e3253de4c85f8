package customer

import (
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

func TestLeftStaysLostUntilANewBeginning(t *testing.T) {
	h := newHouse(t)
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}})
	r, changed := h.lost("LiSi", "wmA", StatusLeft, at(5))
	if !changed || r.Status != StatusLeft || !r.LostAt.Equal(at(5)) {
		t.Errorf("got %+v, changed %v", r, changed)
	}
	if _, again := h.lost("lisi", "wmA", StatusLeft, at(5)); again {
		t.Error("the second telling changed something")
	}
	// The platform still shows the relation.
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1), func(c *Contact) { c.Follow.Remark = "新备注" })}})
	if r := h.relation("lisi", "wmA"); r.Status != StatusLeft || r.Remark != "新备注" {
		t.Errorf("got %s %q, want left with the new remark", r.Status, r.Remark)
	}
	out := h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(9))}})
	if r := h.relation("lisi", "wmA"); r.Status != StatusActive || r.LostAt != nil || !out.Relations[0].New {
		t.Errorf("added again: got %s lost %v new %v", r.Status, r.LostAt, out.Relations[0].New)
	}
	if added, left := h.facts(event.KindCustomerAdded), h.facts(event.KindCustomerLeft); added != 2 || left != 1 {
		t.Errorf("got %d added and %d left, want 2 and 1", added, left)
	}
}

func TestLossBeforeAddIsRememberedAndCountedOnce(t *testing.T) {
	h := newHouse(t)
	if _, changed := h.lost("lisi", "wmA", StatusLeft, at(5)); changed {
		t.Error("nothing stood that could end")
	}
	out := h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}})
	r := out.Relations[0]
	if r.Status != StatusLeft || !r.New || !r.AddedAt.Equal(at(1)) || len(out.Lost) != 1 || r.CustomerName == "" {
		t.Errorf("got %+v new %v lost %d, want a new one that is lost already", r.Relation, r.New, len(out.Lost))
	}
	out = h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}})
	if out.Relations[0].New || len(out.Lost) != 0 {
		t.Error("the second reading counts it again")
	}
	if added, left := h.facts(event.KindCustomerAdded), h.facts(event.KindCustomerLeft); added != 1 || left != 1 {
		t.Errorf("got %d added and %d left, want 1 and 1", added, left)
	}
}

func TestOldLossDoesNotEndAYoungerRelation(t *testing.T) {
	h := newHouse(t)
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(10))}})
	for _, status := range []string{StatusLeft, StatusRemoved} {
		if r, changed := h.lost("lisi", "wmA", status, at(5)); changed || r.Status != StatusActive {
			t.Errorf("%s: got %s, changed %v", status, r.Status, changed)
		}
	}
	if r, changed := h.lost("lisi", "wmA", StatusLeft, at(10)); !changed || r.Status != StatusLeft {
		t.Errorf("lost in the very second: got %s, changed %v", r.Status, changed)
	}
}

func TestReadingTakenBeforeTheRemovalDoesNotBringItBack(t *testing.T) {
	h := newHouse(t)
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}})
	slow := h.clock.Now() // a synchronisation asks …
	h.clock.Advance(time.Second)
	h.lost("lisi", "wmA", StatusRemoved, h.clock.Now())
	out := h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}, ReadAt: slow, Source: event.SourceSync, RunID: 3}) // … and applies late
	if r := h.relation("lisi", "wmA"); r.Status != StatusRemoved || len(out.Relations) != 0 || out.Unchanged != 1 {
		t.Errorf("got %s and %+v", r.Status, out.Counts)
	}
}

func TestWholeReadingEndsWhatIsMissing(t *testing.T) {
	h := newHouse(t)
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1)), contact("wang", "wmA", at(1)), contact("lisi", "wmB", at(1))}})
	out := h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}, Whole: true})
	if len(out.Lost) != 1 || out.Vanished != 1 || h.relation("wang", "wmA").Status != StatusRemoved || h.relation("lisi", "wmB").Status != StatusActive {
		t.Errorf("got %+v, lost %d", out.Counts, len(out.Lost))
	}
	out = h.apply(Input{Customers: []string{"wmB"}, Whole: true})
	if len(out.Lost) != 1 || h.relation("lisi", "wmB").Status != StatusRemoved {
		t.Errorf("nobody follows: got %+v", out.Counts)
	}
	// The event that tells of it comes afterwards and adds no second fact.
	h.lost("wang", "wmA", StatusRemoved, at(30))
	if n := h.facts(event.KindCustomerDeletedByStaff); n != 2 {
		t.Errorf("got %d facts, want 2", n)
	}
	// Shown again with the same beginning, as when a staff member is back in the app's range.
	out = h.apply(Input{Contacts: []Contact{contact("lisi", "wmB", at(1))}})
	if h.relation("lisi", "wmB").Status != StatusActive || out.Relations[0].New {
		t.Errorf("shown again: %+v", out.Relations[0])
	}
}

func TestVanished(t *testing.T) {
	h := newHouse(t)
	began := h.clock.Now()
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmSeen", at(1)), contact("lisi", "wmGone", at(1)), contact("lisi", "wmLeft", at(1)), contact("wang", "wmOther", at(1))}, ReadAt: began.Add(-time.Hour)})
	h.lost("lisi", "wmLeft", StatusLeft, at(2))
	h.clock.Advance(time.Minute)
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmSeen", at(1))}, RunID: 7, Source: event.SourceSync})
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmYoung", began.Add(30*time.Second))}}) // by a callback, during the run
	lisi := h.relation("lisi", "wmSeen").StaffID
	for round, want := range []int{1, 0} {
		var lost []*model.Relation
		h.in(func(tx *gorm.DB) (err error) {
			lost, err = h.VanishedTx(tx, h.acct, lisi, 7, began, event.SourceSync)
			return err
		})
		if len(lost) != want || want == 1 && (lost[0].ExternalUserID != "wmGone" || lost[0].Status != StatusRemoved) {
			t.Errorf("round %d: got %d lost, want %d", round, len(lost), want)
		}
	}
	for ext, want := range map[string]string{"wmSeen": StatusActive, "wmGone": StatusRemoved, "wmLeft": StatusLeft, "wmYoung": StatusActive} {
		if r := h.relation("lisi", ext); r.Status != want {
			t.Errorf("%s: got %s, want %s", ext, r.Status, want)
		}
	}
	if r := h.relation("wang", "wmOther"); r.Status != StatusActive {
		t.Errorf("another staff member's: got %s", r.Status)
	}
	if n := h.facts(event.KindCustomerDeletedByStaff); n != 1 {
		t.Errorf("got %d facts, want 1", n)
	}
}

func TestHalfAddedThenAdded(t *testing.T) {
	h := newHouse(t)
	half := HalfAdded{Account: h.acct, UserID: "lisi", ExternalUserID: "wmA", State: "k1", Origin: Origin{ChannelCodeID: 7}, At: at(1), Source: event.SourceCallback}
	for i := range 2 {
		h.in(func(tx *gorm.DB) error {
			r, isNew, err := h.HalfAddedTx(tx, half)
			if err == nil && (isNew != (i == 0) || r.Status != StatusHalf || r.ChannelCodeID != 7) {
				t.Errorf("telling %d: got %+v new %v", i, r, isNew)
			}
			return err
		})
	}
	out := h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}, Half: true})
	if r := out.Relations[0]; r.Status != StatusHalf || r.New || r.CustomerName == "" {
		t.Errorf("read while half: got %+v", r)
	}
	out = h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}})
	if r := out.Relations[0]; r.Status != StatusActive || !r.New {
		t.Errorf("confirmed: got %s new %v", r.Status, r.New)
	}
	h.in(func(tx *gorm.DB) error { // late
		r, isNew, err := h.HalfAddedTx(tx, half)
		if err == nil && (isNew || r.Status != StatusActive) {
			t.Errorf("late telling: got %+v new %v", r, isNew)
		}
		return err
	})
	if n := h.facts(event.KindCustomerAdded); n != 1 {
		t.Errorf("got %d added facts, want 1", n)
	}
	if n := modeltest.Count[model.Customer](t, h.db); n != 1 {
		t.Errorf("got %d customers, want 1", n)
	}
}
