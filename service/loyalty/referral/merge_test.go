package referral

import (
	"context"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/customer"
	"zhiyin/service/staff"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
)

var boss = &staff.Viewer{StaffID: 9}

// everybody lets anybody see all.
type everybody struct{}

func (everybody) VisibleStaff(context.Context, *staff.Viewer) (bool, []int64, error) {
	return true, nil, nil
}

func (everybody) EnsureTx(*gorm.DB, int64, string) (*model.Staff, error) { return nil, errAbsent }

// persons is the real capability that merges customers.
func (h *house) persons() *customer.Service {
	s := customer.New(h.DB, h.Events, work.New(h.DB, h.clock.Now), h.clock.Now, everybody{}, vaulttest.New(h.t), nil)
	s.Owns(h.points.Mover())
	s.Owns(h.Mover())
	return s
}

// merge makes other the one who is called id, and has everybody hear of it.
func (h *house) merge(s *customer.Service, id, other int64) int64 {
	h.t.Helper()
	m := must(s.Merge(h.t.Context(), boss, id, other))(h.t)
	h.must(h.Events.DrainFeeds(h.t.Context()))
	return m.ID
}

// TestMergedInviters: the friends of two who are one are theirs, counted once; what either has been given is not given again.
func TestMergedInviters(t *testing.T) {
	h := newHouse(t)
	s := h.persons()
	p := h.published(definition())
	a, b := h.customer(), h.customer()
	codeA, codeB := h.code(p, a), h.code(p, b)
	h.friend(p, a)
	h.friend(p, a)
	h.friend(p, b)
	h.later(8 * day)
	if h.balance(a) != 10 || h.balance(b) != 0 {
		t.Fatalf("before: %d, %d", h.balance(a), h.balance(b))
	}
	merged := h.merge(s, b, a)
	h.later(0)
	if got := h.rewards(p, b); got != "points:given gift:to_hand_over " || h.balance(b) != 10 {
		t.Errorf("three friends of two who are one: %s, %d points", got, h.balance(b))
	}
	for _, code := range []string{codeA, codeB} { // both posters work
		if e := must(h.Touch(t.Context(), Touch{CustomerID: h.customer(), Code: code}))(t); e.InviterID != b {
			t.Errorf("a touch after the merge: %+v", e)
		}
	}
	h.must(s.UndoMerge(t.Context(), boss, merged))
	h.must(h.Events.DrainFeeds(t.Context()))
	if m := must(h.Mine(t.Context(), a, p.ID))(t); m.Counted != 2 || m.Code.Code != codeA || h.balance(a) != 10 {
		t.Errorf("after undoing it: %d friends, code %s, %d points", m.Counted, m.Code.Code, h.balance(a))
	}
	if m := must(h.Mine(t.Context(), b, p.ID))(t); m.Counted != 1 || m.Code.Code != codeB {
		t.Errorf("the other: %d friends, code %s", m.Counted, m.Code.Code)
	}
}

// TestMergedInvitees: who was invited twice, under two names, is one friend: of the earlier touch.
func TestMergedInvitees(t *testing.T) {
	h := newHouse(t)
	s := h.persons()
	p := h.published(with(func(d *Definition) { d.TakeBack, d.Steps[0].Friends = true, 1 }))
	me, you := h.customer(), h.customer()
	first, _ := h.friend(p, me)
	h.clock.Advance(1)
	second, _ := h.friend(p, you)
	h.later(8 * day)
	if h.balance(me) != 10 || h.balance(you) != 10 {
		t.Fatalf("before: %d, %d", h.balance(me), h.balance(you))
	}
	merged := h.merge(s, second.InviteeID, first.InviteeID)
	h.is(first.ID, Counted, "")
	h.is(second.ID, Void, ReasonOther)
	if e := must(edgeOfInvitee(h.DB, p.ID, second.InviteeID))(t); e == nil || e.ID != first.ID {
		t.Errorf("the edge that stands: %+v", e)
	}
	if h.balance(me) != 10 || h.balance(you) != 0 || h.balance(second.InviteeID) != 5 {
		t.Errorf("one friend of two: %d and %d points, the friend has %d", h.balance(me), h.balance(you), h.balance(second.InviteeID))
	}
	h.must(s.UndoMerge(t.Context(), boss, merged))
	h.must(h.Events.DrainFeeds(t.Context()))
	h.later(0)
	if h.balance(you) != 10 || h.balance(first.InviteeID) != 5 || h.balance(second.InviteeID) != 5 {
		t.Errorf("two friends again: %d points, the friends have %d and %d", h.balance(you), h.balance(first.InviteeID), h.balance(second.InviteeID))
	}
	h.is(first.ID, Counted, "")
	h.is(second.ID, Counted, "")
	if a, b := h.edge(first.ID), h.edge(second.ID); a.InviteeID != first.InviteeID || b.InviteeID != second.InviteeID || a.Spare != 0 || b.Spare != 0 {
		t.Errorf("after undoing it: %+v, %+v", a, b)
	}
}

// TestTheEarlierTouchStands: whichever of two edges was written first.
func TestTheEarlierTouchStands(t *testing.T) {
	h := newHouse(t)
	s := h.persons()
	p := h.published(definition())
	a, b := h.invited(p, h.customer()), h.invited(p, h.customer())
	h.must(h.DB.Model(&model.ReferralEdge{}).Where("id = ?", a.ID).UpdateColumn("touched_at", b.TouchedAt.Add(time.Minute)).Error)
	h.merge(s, a.InviteeID, b.InviteeID)
	h.is(b.ID, Touched, "")
	h.is(a.ID, Void, ReasonOther)
}

// TestMergedIntoSelf: an edge between two who turn out to be one falls away, with what it earned.
func TestMergedIntoSelf(t *testing.T) {
	h := newHouse(t)
	s := h.persons()
	p := h.published(with(func(d *Definition) { d.TakeBack, d.Steps[0].Friends, d.Invitee = true, 1, nil }))
	for name, keepInviter := range map[string]bool{"the inviter stands": true, "the invitee stands": false} {
		me := h.customer()
		e, _ := h.friend(p, me)
		h.later(8 * day)
		if h.balance(me) != 10 {
			t.Fatalf("%s: %d before", name, h.balance(me))
		}
		id, other := me, e.InviteeID
		if !keepInviter {
			id, other = other, id
		}
		h.merge(s, id, other)
		h.is(e.ID, Void, ReasonSelf)
		if h.balance(id) != 0 || h.rewards(p, id) != "points:taken_back " {
			t.Errorf("%s: %d points, %s", name, h.balance(id), h.rewards(p, id))
		}
	}
}

// TestAnOldCustomerUnderANewName: a newcomer who turns out to be a customer of old never was one.
func TestAnOldCustomerUnderANewName(t *testing.T) {
	h := newHouse(t)
	s := h.persons()
	p := h.published(with(func(d *Definition) { d.TakeBack, d.Steps[0].Friends = true, 1 }))
	me, old := h.customer(), h.known(300*day)
	e, _ := h.friend(p, me)
	h.later(8 * day)
	h.is(e.ID, Counted, "")
	h.merge(s, old, e.InviteeID)
	h.is(e.ID, Refused, ReasonKnown)
	if h.balance(me) != 0 || h.balance(old) != 0 {
		t.Errorf("%d and %d points are left", h.balance(me), h.balance(old))
	}
	if n := modeltest.Count[model.ReferralEdge](t, h.DB, "state = ?", Counted); n != 0 {
		t.Errorf("%d count", n)
	}
}

// TestARelationUnderAnotherName: the contact of the corp and the visitor of the mini-program are found to be one later.
func TestARelationUnderAnotherName(t *testing.T) {
	h := newHouse(t)
	s := h.persons()
	p := h.published(definition())
	e := h.invited(p, h.customer())
	h.clock.Advance(60e9)
	contact := h.customer()
	h.adds(contact)
	h.is(e.ID, Touched, "")
	h.merge(s, contact, e.InviteeID)
	h.is(e.ID, Cooling, "")
}
