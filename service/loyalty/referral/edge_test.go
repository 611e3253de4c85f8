package referral

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

// TestALadder is a whole invitation: friends come, add somebody, stay for the cool-off, and count.
func TestALadder(t *testing.T) {
	h := newHouse(t)
	p := h.published(definition())
	me := h.known(300 * day)
	first, _ := h.friend(p, me)
	if first.State != Cooling || first.JoinedAt == nil || !first.DueAt.Equal(first.JoinedAt.AddDate(0, 0, 7)) {
		t.Fatalf("joined: %+v", first)
	}
	h.later(7*day - time.Second)
	h.is(first.ID, Cooling, "")
	h.later(time.Second) // exactly due
	h.is(first.ID, Counted, "")
	if got := h.rewards(p, first.InviteeID); got != "points:given " || h.balance(first.InviteeID) != 5 {
		t.Errorf("the newcomer has %s(%d)", got, h.balance(first.InviteeID))
	}
	if got := h.rewards(p, me); got != "" {
		t.Errorf("one friend earned %s", got)
	}
	h.friend(p, me)
	third := h.invited(p, me) // never adds anybody
	h.later(8 * day)
	h.is(third.ID, Touched, "")
	if got := h.rewards(p, me); got != "points:given " || h.balance(me) != 10 {
		t.Errorf("two friends earned %s(%d)", got, h.balance(me))
	}
	h.friend(p, me)
	h.later(8 * day)
	h.later(0) // nothing twice
	if got := h.rewards(p, me); got != "points:given gift:to_hand_over " || h.balance(me) != 10 {
		t.Errorf("three friends earned %s(%d)", got, h.balance(me))
	}
	m := must(h.Mine(t.Context(), me, p.ID))(t)
	if m.Counted != 3 || m.Waiting != 0 || m.Coming != 1 || m.Invited || m.Code == nil || m.Budget.UsedRewards != 5 || m.Budget.UsedPoints != 25 || m.Budget.UsedFen != 1750 {
		t.Errorf("got %+v, budget %+v", m, m.Budget)
	}
	for kind, want := range map[string]int64{event.KindReferralTouched: 4, event.KindReferralJoined: 3, event.KindReferralCounted: 3, event.KindReferralRewarded: 5} {
		if got := modeltest.Count[model.Event](t, h.DB, "kind = ?", kind); got != want {
			t.Errorf("%d facts %s, want %d", got, kind, want)
		}
	}
	if n := modeltest.Count[model.Event](t, h.DB, "kind = ? AND customer_id = ?", event.KindReferralCounted, me); n != 3 {
		t.Errorf("%d friends counted are told of the inviter", n)
	}
	gift := must(rewardsOf(h.DB, p.ID, me))(t)[1]
	h.must(h.HandOver(t.Context(), 9, gift.ID, "门店"))
	h.must(h.HandOver(t.Context(), 9, gift.ID, "门店"))
	if err := h.HandOver(t.Context(), 9, must(rewardsOf(h.DB, p.ID, me))(t)[0].ID, ""); !errors.Is(err, ErrState) {
		t.Errorf("points handed over: %v", err)
	}
}

// TestNewcomers: who was known before the touch, in whatever way, does not count.
func TestNewcomers(t *testing.T) {
	h := newHouse(t)
	p := h.published(with(func(d *Definition) { d.Ask = AskSignIn }))
	me := h.customer()
	touch := func(id int64) *model.ReferralEdge {
		return must(h.Touch(t.Context(), Touch{CustomerID: id, Code: h.code(p, me)}))(t)
	}
	fresh, justNow, longAgo := h.customer(), h.known(29*time.Minute), h.known(31*time.Minute)
	contact, buyer, placed, imported := h.customer(), h.customer(), h.customer(), h.customer()
	h.clock.Advance(-10 * time.Second)
	h.adds(contact)
	h.pays(buyer)
	modeltest.Create(t, h.DB, &model.CustomerOrder{Number: "x", Shop: "s", CustomerID: placed, Status: "cancelled", PlacedAt: h.clock.Now(), CreatedAt: noon, UpdatedAt: noon})
	h.clock.Advance(10 * time.Second)
	modeltest.Create(t, h.DB, &model.Identity{CustomerID: imported, Kind: "member_number", Scope: "s", Value: "m", CreatedAt: noon.Add(-day)})
	for name, tt := range map[string]struct {
		id            int64
		state, reason string
	}{
		"just signed in": {fresh, Cooling, ""}, "a while ago": {justNow, Cooling, ""}, "longer ago": {longAgo, Refused, ReasonKnown}, "a contact": {contact, Refused, ReasonKnown},
		"a buyer": {buyer, Refused, ReasonKnown}, "who ordered": {placed, Refused, ReasonKnown}, "a member": {imported, Refused, ReasonKnown},
	} {
		if e := touch(tt.id); e.State != tt.state || e.Reason != tt.reason {
			t.Errorf("%s: %s (%s)", name, e.State, e.Reason)
		}
	}
	// What comes to light later counts as well: an order from before, that found its customer after the touch.
	late := touch(h.customer())
	modeltest.Create(t, h.DB, &model.CustomerOrder{Number: "late", Shop: "s", CustomerID: late.InviteeID, Status: "completed", PlacedAt: noon.Add(-90 * day), CreatedAt: noon, UpdatedAt: noon})
	h.later(8 * day)
	h.is(late.ID, Refused, ReasonKnown)
}

// TestWhatIsAsked: a relation or an order after the touch, and before the programme's end.
func TestWhatIsAsked(t *testing.T) {
	h := newHouse(t)
	byOrder := h.published(with(func(d *Definition) { d.Ask = AskOrder }))
	me := h.customer()
	e := h.invited(byOrder, me)
	h.adds(e.InviteeID)
	h.is(e.ID, Touched, "")
	h.clock.Advance(time.Hour)
	o := h.pays(e.InviteeID)
	if got := h.edge(e.ID); got.State != Cooling || got.OrderID != o.ID || !got.JoinedAt.Equal(*o.PaidAt) {
		t.Errorf("after the order: %+v", got)
	}
	if n := modeltest.Count[model.Event](t, h.DB, "kind = ?", event.KindReferralJoined); n != 1 {
		t.Errorf("joined %d times", n)
	}
	late := h.invited(byOrder, me)
	h.clock.Advance(30 * day) // it is over
	h.pays(late.InviteeID)
	h.is(late.ID, Touched, "")
	if _, err := h.Touch(t.Context(), Touch{CustomerID: h.customer(), Code: h.code(byOrder, me)}); !errors.Is(err, ErrClosed) {
		t.Errorf("a touch after the end: %v", err)
	}
	h.later(0) // what had joined counts after the end
	h.is(e.ID, Counted, "")
}

// TestFirstTouchWins: a customer is invited once in a programme, whoever asks, however often and at once.
func TestFirstTouchWins(t *testing.T) {
	h := newHouse(t)
	p, other := h.published(definition()), h.published(definition())
	a, b, guest := h.customer(), h.customer(), h.customer()
	first := must(h.Touch(t.Context(), Touch{CustomerID: guest, Code: h.code(p, a)}))(t)
	again := must(h.Touch(t.Context(), Touch{CustomerID: guest, Code: h.code(p, b)}))(t)
	if again.ID != first.ID || again.InviterID != a {
		t.Errorf("the second touch: %+v", again)
	}
	if e := must(h.Touch(t.Context(), Touch{CustomerID: guest, Code: h.code(other, b)}))(t); e.InviterID != b {
		t.Errorf("in another programme: %+v", e)
	}
	racer, codes, done := h.customer(), []string{h.code(p, a), h.code(p, b)}, make(chan *model.ReferralEdge, 16)
	for i := range 16 {
		go func() {
			e, err := h.Touch(t.Context(), Touch{CustomerID: racer, Code: codes[i%2]})
			if err != nil {
				t.Error(err)
			}
			done <- e
		}()
	}
	ids := map[int64]bool{}
	for range 16 {
		if e := <-done; e != nil {
			ids[e.ID] = true
		}
	}
	if n := modeltest.Count[model.ReferralEdge](t, h.DB, "invitee_id = ?", racer); n != 1 || len(ids) != 1 {
		t.Errorf("%d edges, %d answers", n, len(ids))
	}
}

// TestSelfReferral: nobody is their own friend, by whatever door they come.
func TestSelfReferral(t *testing.T) {
	h := newHouse(t)
	p := h.published(definition())
	me := h.customer()
	mine := must(h.Code(t.Context(), me, p.ID, Origin{Device: "phone-1"}))(t).Code
	if _, err := h.Touch(t.Context(), Touch{CustomerID: me, Code: mine}); !errors.Is(err, ErrSelf) || modeltest.Count[model.ReferralEdge](t, h.DB) != 0 {
		t.Errorf("my own code: %v", err)
	}
	if e := must(h.Touch(t.Context(), Touch{CustomerID: h.customer(), Code: mine, Origin: Origin{Device: "phone-1"}}))(t); e.State != Refused || e.Reason != ReasonDevice {
		t.Errorf("my own device: %+v", e)
	}
	if e := must(h.Touch(t.Context(), Touch{CustomerID: h.customer(), Code: mine, Origin: Origin{Device: "phone-2"}}))(t); e.State != Touched {
		t.Errorf("another device: %+v", e)
	}
	// A rule has found that they may be one, by their phone number say; a person has yet to decide.
	twin := h.customer()
	review := &model.MergeReview{Pair: fmt.Sprint(me, ":", twin), CustomerID: me, OtherID: twin, Reason: "phone", IdentityKind: "phone", Status: "open", FoundAt: noon}
	modeltest.Create(t, h.DB, review)
	if e := must(h.Touch(t.Context(), Touch{CustomerID: twin, Code: mine}))(t); e.State != Refused || e.Reason != ReasonSamePerson {
		t.Errorf("who may be me: %+v", e)
	}
	stranger := h.customer()
	modeltest.Create(t, h.DB, &model.MergeReview{Pair: "x", CustomerID: min(me, stranger), OtherID: max(me, stranger), Reason: "phone", Status: "rejected", FoundAt: noon})
	if e := must(h.Touch(t.Context(), Touch{CustomerID: stranger, Code: mine}))(t); e.State != Touched {
		t.Errorf("who is surely not me: %+v", e)
	}
	// A code of somebody who turned out to be me.
	gone := h.customer()
	theirs := h.code(p, gone)
	h.must(h.DB.Model(&model.Customer{}).Where("id = ?", gone).UpdateColumn("merged_into", me).Error)
	if _, err := h.Touch(t.Context(), Touch{CustomerID: me, Code: theirs}); !errors.Is(err, ErrSelf) {
		t.Errorf("the code of who became me: %v", err)
	}
}

// TestCycles: nobody is the guest of their guests, and of two who touch one another at once at most one counts.
func TestCycles(t *testing.T) {
	h := newHouse(t)
	p := h.published(with(func(d *Definition) { d.Ask, d.CoolOffDays = AskSignIn, 0 }))
	a := h.customer()
	ab := h.invited(p, a)
	bc := h.invited(p, ab.InviteeID)
	e := must(h.Touch(t.Context(), Touch{CustomerID: a, Code: h.code(p, bc.InviteeID)}))(t)
	if e.State != Refused || e.Reason != ReasonCycle {
		t.Errorf("the inviter of my inviter: %+v", e)
	}
	// Two touches that do not see one another yet.
	x, y := h.customer(), h.customer()
	h.code(p, x)
	h.code(p, y)
	var edges []*model.ReferralEdge
	for _, pair := range [][2]int64{{x, y}, {y, x}} {
		at := h.clock.Now()
		e := &model.ReferralEdge{ProgrammeID: p.ID, InviterID: pair[0], InviteeID: pair[1], State: Cooling, TouchedAt: at, JoinedAt: &at, DueAt: &at, UpdatedAt: at}
		modeltest.Create(t, h.DB, e)
		edges = append(edges, e)
	}
	h.later(time.Minute)
	if n := modeltest.Count[model.ReferralEdge](t, h.DB, "id IN ? AND state = ?", []int64{edges[0].ID, edges[1].ID}, Counted); n != 1 {
		t.Errorf("%d of a ring of two count", n)
	}
}

// TestLeavers: who leaves before the cool-off is over never counts, and who leaves after it is subtracted.
func TestLeavers(t *testing.T) {
	h := newHouse(t)
	p := h.published(with(func(d *Definition) { d.TakeBack = true }))
	me := h.customer()
	before, rel := h.friend(p, me)
	h.clock.Advance(day)
	h.leaves(rel)
	h.is(before.ID, Left, ReasonUnfollowed)
	h.adds(before.InviteeID) // comes back: too late
	h.later(10 * day)
	h.is(before.ID, Left, ReasonUnfollowed)

	var rels []*model.Relation
	var edges []*model.ReferralEdge
	for range 3 {
		e, r := h.friend(p, me)
		edges, rels = append(edges, e), append(rels, r)
	}
	h.later(8 * day)
	if got := h.rewards(p, me); got != "points:given gift:to_hand_over " {
		t.Fatalf("earned %s", got)
	}
	// One of them adds a second staff member before they leave the first: they are still here.
	second := h.adds(edges[0].InviteeID)
	h.leaves(rels[0])
	h.is(edges[0].ID, Counted, "")
	h.leaves(second)
	h.is(edges[0].ID, Left, ReasonUnfollowed)
	if got := h.rewards(p, me); got != "points:given gift:taken_back " || h.balance(me) != 10 || h.balance(edges[0].InviteeID) != 0 {
		t.Errorf("two are left: %s, %d, the leaver has %d", got, h.balance(me), h.balance(edges[0].InviteeID))
	}
	h.leaves(rels[1])
	if got := h.rewards(p, me); got != "points:taken_back gift:taken_back " || h.balance(me) != 0 {
		t.Errorf("one is left: %s, %d", got, h.balance(me))
	}
	if b := must(h.Get(t.Context(), p.ID))(t).Budget; b.UsedRewards != 1 || b.UsedPoints != 5 || b.UsedFen != 50 {
		t.Errorf("budget %+v", b)
	}
	// New friends earn it again.
	h.friend(p, me)
	h.friend(p, me)
	h.later(8 * day)
	if got := h.rewards(p, me); got != "points:given gift:to_hand_over " || h.balance(me) != 10 {
		t.Errorf("three again: %s, %d", got, h.balance(me))
	}
	if n := modeltest.Count[model.Event](t, h.DB, "kind = ? AND customer_id = ?", event.KindReferralLeft, me); n != 3 {
		t.Errorf("%d facts of leavers", n)
	}
	h.must(h.points.Verify(t.Context()))
}

// TestGivenStays: where the programme does not take back, who has been given something keeps it, and where it does not subtract
// leavers, they count on.
func TestGivenStays(t *testing.T) {
	h := newHouse(t)
	me := h.customer()
	p := h.published(definition())
	_, r1 := h.friend(p, me)
	h.friend(p, me)
	h.later(8 * day)
	h.leaves(r1)
	if m := must(h.Mine(t.Context(), me, p.ID))(t); m.Counted != 1 || h.balance(me) != 10 || h.rewards(p, me) != "points:given " {
		t.Errorf("counted %d, balance %d, %s", m.Counted, h.balance(me), h.rewards(p, me))
	}
	h.friend(p, me)
	h.later(8 * day)
	if h.balance(me) != 10 {
		t.Errorf("the step was earned twice: %d", h.balance(me))
	}
	keeps := h.published(with(func(d *Definition) { d.SubtractLeavers = false }))
	e, r2 := h.friend(keeps, me)
	h.later(8 * day)
	h.leaves(r2)
	h.is(e.ID, Counted, "")
}

// TestRefunds: an order that is wholly paid back or cancelled is none.
func TestRefunds(t *testing.T) {
	h := newHouse(t)
	p := h.published(with(func(d *Definition) { d.Ask = AskOrder }))
	me := h.customer()
	var edges []*model.ReferralEdge
	var orders []*model.CustomerOrder
	for range 3 {
		e := h.invited(p, me)
		orders = append(orders, h.pays(e.InviteeID))
		edges = append(edges, e)
	}
	change := func(o *model.CustomerOrder, fact event.Fact, set map[string]any) {
		h.must(h.DB.Model(&model.CustomerOrder{}).Where("id = ?", o.ID).UpdateColumns(set).Error)
		h.told(fact)
	}
	fact := func(i int) event.OrderFact {
		return event.OrderFact{OrderID: orders[i].ID, CustomerID: edges[i].InviteeID, At: h.clock.Now()}
	}
	change(orders[0], event.OrderRefunded{OrderFact: fact(0), RefundID: 1}, map[string]any{"refunded_fen": 60})
	h.is(edges[0].ID, Cooling, "") // in part
	change(orders[1], event.OrderCancelled{OrderFact: fact(1)}, map[string]any{"status": "cancelled"})
	h.is(edges[1].ID, Left, ReasonRefunded)
	h.later(8 * day)
	change(orders[2], event.OrderRefunded{OrderFact: fact(2), RefundID: 2}, map[string]any{"refunded_fen": 100})
	h.is(edges[2].ID, Left, ReasonRefunded)
	h.is(edges[0].ID, Counted, "")
}

// TestPause: while a programme is paused nobody is invited, nobody counts and nothing is given; then all of it goes on.
func TestPause(t *testing.T) {
	h := newHouse(t)
	p := h.published(definition())
	me := h.customer()
	e, _ := h.friend(p, me)
	code := h.code(p, me)
	h.must(h.SetState(t.Context(), 1, p.ID, StatePaused, false))
	if _, err := h.Touch(t.Context(), Touch{CustomerID: h.customer(), Code: code}); !errors.Is(err, ErrClosed) {
		t.Errorf("a touch: %v", err)
	}
	h.later(8 * day)
	h.must(h.settle(t.Context(), e.ID)) // found due just before the pause
	h.is(e.ID, Cooling, "")
	h.must(h.SetState(t.Context(), 1, p.ID, StateActive, false))
	h.later(0)
	h.is(e.ID, Counted, "")
}

// TestPerInviter: friends beyond the bound count for the report, and earn nothing.
func TestPerInviter(t *testing.T) {
	h := newHouse(t)
	p := h.published(with(func(d *Definition) { d.PerInviter, d.Steps = 2, d.Steps[:1] }))
	me := h.customer()
	for range 3 {
		h.friend(p, me)
	}
	h.later(8 * day)
	if m := must(h.Mine(t.Context(), me, p.ID))(t); m.Counted != 3 || h.balance(me) != 10 {
		t.Errorf("counted %d, %d points", m.Counted, h.balance(me))
	}
}

// TestReview: what is suspicious waits for a person, who says what becomes of it; the inviter is not told.
func TestReview(t *testing.T) {
	h := newHouse(t)
	p := h.published(with(func(d *Definition) { d.ReviewAt, d.Ask = 40, AskSignIn }))
	me := h.customer()
	code := h.code(p, me)
	var edges []*model.ReferralEdge
	for range 3 {
		edges = append(edges, must(h.Touch(t.Context(), Touch{CustomerID: h.customer(), Code: code, Origin: Origin{Device: "farm"}}))(t))
	}
	plain := must(h.Touch(t.Context(), Touch{CustomerID: h.customer(), Code: code, Origin: Origin{Device: "own"}}))(t)
	h.later(8 * day)
	for _, e := range edges {
		if got := h.edge(e.ID); got.State != Review || got.Score != 40 || got.Signals != "device_again" {
			t.Errorf("%s, %d, %s", got.State, got.Score, got.Signals)
		}
	}
	h.is(plain.ID, Counted, "")
	for _, f := range must(h.Friends(t.Context(), me, p.ID, 0, 10))(t) {
		if f.State != "waiting" && f.EdgeID != plain.ID {
			t.Errorf("the inviter sees %s", f.State)
		}
	}
	h.must(h.Decide(t.Context(), 9, edges[0].ID, true, "认识"))
	h.must(h.Decide(t.Context(), 9, edges[0].ID, true, "认识"))
	h.must(h.Decide(t.Context(), 9, edges[1].ID, false, "刷单"))
	h.later(time.Minute)
	h.is(edges[0].ID, Counted, "")
	h.is(edges[1].ID, Refused, ReasonPerson)
	if got := h.edge(edges[1].ID); got.DecidedBy != 9 || got.Note != "刷单" {
		t.Errorf("decided: %+v", got)
	}
	if h.balance(me) != 10 {
		t.Errorf("two friends earned %d", h.balance(me))
	}
	h.must(h.Decide(t.Context(), 9, edges[1].ID, true, "弄错了")) // a person may change their mind
	h.must(h.Decide(t.Context(), 9, edges[1].ID, false, "还是刷单"))
	if err := h.Decide(t.Context(), 9, edges[1].ID+1000, true, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such edge: %v", err)
	}
	known := must(h.Touch(t.Context(), Touch{CustomerID: h.known(day), Code: code}))(t)
	if err := h.Decide(t.Context(), 9, known.ID, true, ""); !errors.Is(err, ErrState) {
		t.Errorf("who never joined: %v", err)
	}
}

// TestSigns: each sign of fraud is seen when it is there, and not a step before.
func TestSigns(t *testing.T) {
	h := newHouse(t)
	p := h.published(with(func(d *Definition) { d.Ask, d.CoolOffDays = AskSignIn, 0 }))
	other := h.published(with(func(d *Definition) { d.Ask, d.CoolOffDays = AskSignIn, 0 }))
	signalsOf := func(e *model.ReferralEdge) string {
		f := must(h.signsOf(h.DB.WithContext(t.Context()), e))(t)
		_, names := f.score()
		return names
	}
	batch := func(p *Programme, inviter int64, n int, from func(i int) Origin) (last *model.ReferralEdge) {
		code := h.code(p, inviter)
		for i := range n {
			last = must(h.Touch(t.Context(), Touch{CustomerID: h.customer(), Code: code, Origin: from(i)}))(t)
		}
		return last
	}
	own := func(i int) Origin { return Origin{Device: fmt.Sprint("d", i), Address: fmt.Sprint("10.0.0.", i)} }
	for _, tt := range []struct {
		name string
		n    int
		from func(i int) Origin
		want string
	}{
		{"four friends", 4, own, ""},
		{"two of a device", 2, func(int) Origin { return Origin{Device: "x2"} }, "device_again"},
		{"four of a device", 4, func(int) Origin { return Origin{Device: "x4"} }, "device_again,device_many"},
		{"ten of an address", 10, func(int) Origin { return Origin{Address: "192.0.2.1"} }, "silent_friends"},
		{"eleven of another", 11, func(int) Origin { return Origin{Address: "192.0.2.2"} }, "address_burst,silent_friends"},
		{"twenty-one in an hour", 21, func(int) Origin { return Origin{} }, "burst,silent_friends"},
		{"five who do nothing", 6, own, "silent_friends"},
	} {
		if got := signalsOf(batch(p, h.customer(), tt.n, tt.from)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		h.clock.Advance(3 * time.Hour)
	}
	// The friends of this one are alive.
	lively := h.customer()
	last := batch(other, lively, 6, own)
	for _, e := range must(h.Edges(t.Context(), EdgeFilter{ProgrammeID: other.ID, InviterID: lively, Limit: 10}))(t)[:3] {
		modeltest.Create(t, h.DB, &model.EventDay{CustomerID: e.InviteeID, Kind: "page.viewed", Item: "p", Day: 20261122, Times: 1, FirstAt: h.clock.Now().Add(time.Hour), LastAt: h.clock.Now().Add(time.Hour)})
	}
	if got := signalsOf(last); got != "" {
		t.Errorf("lively friends: %q", got)
	}
	// A ring over two programmes.
	back := &model.ReferralEdge{ProgrammeID: p.ID, InviterID: last.InviteeID, InviteeID: lively, State: Touched, TouchedAt: h.clock.Now(), UpdatedAt: h.clock.Now()}
	modeltest.Create(t, h.DB, back)
	if got := signalsOf(last); got != "ring" {
		t.Errorf("a ring: %q", got)
	}
	for _, s := range Signals() {
		if s.Zh == "" || s.En == "" || s.Points <= 0 {
			t.Errorf("signal %+v", s)
		}
	}
}

// TestFriendsArePrivate: an inviter sees who came as far as they need it, and nothing else of anybody.
func TestFriendsArePrivate(t *testing.T) {
	h := newHouse(t)
	p := h.published(definition())
	me, other := h.customer(), h.customer()
	e, _ := h.friend(p, me)
	h.friend(p, other)
	nameless := h.invited(p, me)
	h.must(h.DB.Model(&model.Customer{}).Where("id = ?", nameless.InviteeID).UpdateColumn("name", "").Error)
	refused := must(h.Touch(t.Context(), Touch{CustomerID: h.known(day), Code: h.code(p, me)}))(t)
	list := must(h.Friends(t.Context(), me, p.ID, 0, 10))(t)
	want := []Friend{
		{refused.ID, "王**", "not_counted", refused.TouchedAt}, {nameless.ID, "**", "coming", nameless.TouchedAt}, {e.ID, "王**", "waiting", e.TouchedAt},
	}
	same := slices.EqualFunc(list, want, func(a, b Friend) bool {
		return a.EdgeID == b.EdgeID && a.Name == b.Name && a.State == b.State && a.TouchedAt.Equal(b.TouchedAt)
	})
	if !same {
		t.Errorf("got %+v, want %+v", list, want)
	}
	if text := fmt.Sprint(list); strings.Contains(text, "小明") || strings.Contains(text, ReasonKnown) {
		t.Errorf("the list says %s", text)
	}
	if page := must(h.Friends(t.Context(), me, p.ID, nameless.ID, 10))(t); len(page) != 1 {
		t.Errorf("the next page: %+v", page)
	}
}

// TestReportAndTree counts what came of a programme, and how far it spread.
func TestReportAndTree(t *testing.T) {
	h := newHouse(t)
	p := h.published(with(func(d *Definition) { d.Ask, d.CoolOffDays, d.Steps[0].Friends = AskSignIn, 1, 1 }))
	root, idle := h.customer(), h.customer()
	h.code(p, idle)
	at := root
	for range 7 { // a chain of seven, and a second friend of the first
		at = h.invited(p, at).InviteeID
	}
	h.invited(p, root)
	must(h.Touch(t.Context(), Touch{CustomerID: h.known(day), Code: h.code(p, root)}))(t)
	h.later(2 * day)
	r := must(h.Report(t.Context(), p.ID))(t)
	if r.Inviters != 8 || r.Active != 7 || r.Touched != 9 || r.Newcomers != 8 || r.Joined != 8 || r.ByState[Counted] != 8 || r.ByReason[ReasonKnown] != 1 || r.KFactorBP != 10_000 {
		t.Errorf("report %+v", r)
	}
	// Seven inviters with a first friend, and eight newcomers; only whom one invited oneself earns anything.
	if r.CostFen != 7*100+8*50 || len(r.Rewards) != 2 || r.Rewards[0] != (RewardSum{Invitee, Points, Given, 8, 40, 400}) || r.Rewards[1] != (RewardSum{Inviter, Points, Given, 7, 70, 700}) {
		t.Errorf("rewards %+v, cost %d", r.Rewards, r.CostFen)
	}
	tree := must(h.Tree(t.Context(), p.ID, 3))(t)
	if tree.Levels != [levels]int64{2, 1, 1, 1, 1} || len(tree.Top) != 3 || tree.Top[0] != (TopInviter{CustomerID: root, Counted: 2, Joined: 2, Refused: 1}) {
		t.Errorf("tree %+v", tree)
	}
	if h.balance(root) != 10 {
		t.Errorf("the root of seven levels has %d", h.balance(root))
	}
}

// TestFactsComeTwice: the feed may be told anything again.
func TestFactsComeTwice(t *testing.T) {
	h := newHouse(t)
	p := h.published(definition())
	e, _ := h.friend(p, h.customer())
	var batch []model.Event
	h.must(h.DB.Find(&batch).Error)
	for range 2 {
		h.must(model.InTx(t.Context(), h.DB, func(tx *gorm.DB) error { return h.OnEvents(tx, batch) }))
	}
	h.is(e.ID, Cooling, "")
	if n := modeltest.Count[model.Event](t, h.DB, "kind = ?", event.KindReferralJoined); n != 1 {
		t.Errorf("joined %d times", n)
	}
}
