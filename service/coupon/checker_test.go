package coupon

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"zhiyin/model"
)

// move names the entries that one order may write: of a coupon, or of all coupons of a use.
type move struct {
	act string
	of  int64
}

// checker holds what clients were told against the ledger.
type checker struct {
	*house
	acks  []ack
	wrong []string
}

func (w *checker) bad(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// check looks both ways: each answer is in the ledger once, and nothing is there that nobody was told of, but for what time brings
// about. Whatever was asked after something else was answered came after it. It tells what is wrong.
func (w *checker) check() []string {
	var entries []model.CouponEntry
	if err := w.db.Order("id").Find(&entries).Error; err != nil {
		w.t.Fatal(err)
	}
	found := map[move][]model.CouponEntry{}
	for _, e := range entries {
		m := moveOf(e)
		found[m] = append(found[m], e)
	}
	stacks := map[int64]int{} // of uses
	for _, a := range w.acks {
		if a.Verb == actRedeem || a.Verb == actReserve {
			stacks[a.reply.ID] = len(a.Coupons)
		}
	}
	answers := map[move][]ack{}
	for _, a := range w.acks {
		m := a.move()
		answers[m] = append(answers[m], a)
		if a.Verb != actRollBack && len(answers[m]) > 1 {
			w.bad("%v was granted to keys %s and %s", m, answers[m][0].Key, a.Key)
		}
	}
	for m, list := range answers {
		w.checkAnswer(m, list, found[m], stacks)
	}
	for m, list := range found {
		if answers[m] == nil && m.act != actExpire && m.act != actRelease {
			w.bad("%v is in the ledger, and nobody was told of it: %+v", m, list[0])
		}
	}
	w.checkTime(found)
	w.checkOrder(entries, answers)
	return w.wrong
}

// moveOf is whose an entry is. To redeem what is reserved adds nothing to the budget.
func moveOf(e model.CouponEntry) move {
	switch {
	case e.Act == actIssue, e.Act == actVoid, e.Act == actExpire:
		return move{e.Act, e.CouponID}
	case e.Act == actRedeem && e.Count == 0:
		return move{verbSettle, e.UseID}
	}
	return move{e.Act, e.UseID}
}

func (a ack) move() move { return move{a.Verb, a.reply.ID} }

// checkAnswer: an answer has its entries, one for each of its coupons, and they say what it said.
func (w *checker) checkAnswer(m move, list []ack, entries []model.CouponEntry, stacks map[int64]int) {
	a := list[0]
	bad := func(why string, args ...any) {
		w.bad("%v, key %s: %s; %d entries", m, a.Key, fmt.Sprintf(why, args...), len(entries))
	}
	want := 1
	switch m.act {
	case actRedeem, actReserve, verbSettle, actRelease:
		want = stacks[m.of]
	case actRollBack:
		var told, kept model.Fen
		for _, a := range list {
			told += a.reply.Fen
		}
		for _, e := range entries {
			kept -= e.Fen
		}
		if told != kept {
			bad("%d fen were answered, %d are in the ledger", told, kept)
		}
		return
	}
	if len(entries) != want {
		bad("want %d entries", want)
	}
	for _, e := range entries {
		switch {
		case m.act == actIssue && (e.BatchID != a.Batch || e.CustomerID != a.Customer):
			bad("it was issued of batch %d to %d", e.BatchID, e.CustomerID)
		case (m.act == actRedeem || m.act == actReserve) && (e.CustomerID != a.Customer || !slices.Contains(a.Coupons, e.CouponID)):
			bad("coupon %d of customer %d was used", e.CouponID, e.CustomerID)
		}
	}
}

// checkTime: what time brought about had its time, and was brought about once.
func (w *checker) checkTime(found map[move][]model.CouponEntry) {
	var coupons []model.Coupon
	var uses []model.CouponUse
	if err := w.db.Find(&coupons).Error; err != nil {
		w.t.Fatal(err)
	}
	if err := w.db.Find(&uses).Error; err != nil {
		w.t.Fatal(err)
	}
	for _, c := range coupons {
		list := found[move{actExpire, c.ID}]
		if len(list) > 1 || len(list) == 1 && list[0].At.Before(c.ValidUntil) {
			w.bad("coupon %d, good until %s, expired %d times, first at %s", c.ID, c.ValidUntil, len(list), list[0].At)
		}
	}
	acked := map[move]bool{}
	for _, a := range w.acks {
		acked[a.move()] = true
	}
	for _, u := range uses {
		released := found[move{actRelease, u.ID}]
		if len(released) > 0 && !acked[move{actRelease, u.ID}] && released[0].At.Before(*u.ExpiresAt) {
			w.bad("use %d, reserved until %s, was released at %s and nobody asked for it", u.ID, u.ExpiresAt, released[0].At)
		}
		if len(released) > 0 && len(found[move{verbSettle, u.ID}]) > 0 {
			w.bad("use %d was released and redeemed", u.ID)
		}
	}
}

// checkOrder: of two orders that moved one coupon, the one that was answered before the other was asked comes first in its history.
func (w *checker) checkOrder(entries []model.CouponEntry, answers map[move][]ack) {
	latest := map[int64]time.Time{} // of a coupon's moves so far, when the last of their orders was asked
	for _, e := range entries {
		list := answers[moveOf(e)]
		if len(list) != 1 {
			continue
		}
		if list[0].told.Before(latest[e.CouponID]) {
			w.bad("coupon %d: %s, key %s, was answered before what comes before it was asked", e.CouponID, e.Act, list[0].Key)
		}
		if list[0].asked.After(latest[e.CouponID]) {
			latest[e.CouponID] = list[0].asked
		}
	}
}

// TestTheCheckerFindsWhatIsWrong: one that never finds anything proves nothing.
func TestTheCheckerFindsWhatIsWrong(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.PerCustomer = 9 })
	at := time.Now()
	var honest []ack
	do := func(o order) int64 {
		o.Key = fmt.Sprintf("key-of-%d", len(honest))
		r := h.serve(t.Context(), o)
		if r.Fault != "" || r.Unsure != "" {
			t.Fatal(r)
		}
		honest = append(honest, ack{o, r, at, at.Add(time.Second)})
		at = at.Add(2 * time.Second)
		return r.ID
	}
	claim := func() int64 { return do(order{Verb: actIssue, Batch: b.ID, Customer: 7}) }
	used, kept, gone, late := claim(), claim(), claim(), claim()
	do(order{Verb: actVoid, Coupons: []int64{gone}})
	of := func(number string, coupon int64) order {
		return order{Customer: 7, Coupons: []int64{coupon}, Bill: Bill{Order: number, Lines: []Line{{Line: 1, Quantity: 3, PriceFen: 3000}}}}
	}
	redeem, reserve := of("A1", used), of("A2", kept)
	redeem.Verb, reserve.Verb = actRedeem, actReserve
	use := do(redeem)
	do(order{Verb: actRollBack, Use: use, Lines: []ReturnedLine{{1, 1}}})
	do(order{Verb: actRollBack, Use: use})
	do(order{Verb: verbSettle, Use: do(reserve)})
	h.clock.Advance(40 * 24 * time.Hour)
	if err := h.Tick(t.Context()); err != nil || h.coupon(late).State != Expired {
		t.Fatal(err)
	}
	if wrong := (&checker{house: h, acks: honest}).check(); len(wrong) > 0 {
		t.Fatalf("what is right is found wrong: %v", wrong)
	}
	for name, lie := range map[string]func(acks []ack) []ack{
		"lost claim":      func(a []ack) []ack { a[0].reply.ID = 999; return a },
		"claimed twice":   func(a []ack) []ack { return append(a, a[0]) },
		"unknown claim":   func(a []ack) []ack { return a[1:] },
		"somebody else's": func(a []ack) []ack { a[0].Customer = 8; return a },
		"unknown void":    func(a []ack) []ack { return slices.Delete(a, 4, 5) },
		"lost redemption": func(a []ack) []ack { a[5].reply.ID = 999; return a },
		"other coupons":   func(a []ack) []ack { a[5].Coupons = []int64{kept}; return a },
		"half a stack":    func(a []ack) []ack { a[5].Coupons = []int64{used, kept}; return a },
		"a fen too much":  func(a []ack) []ack { a[6].reply.Fen++; return a },
		"unknown refund":  func(a []ack) []ack { return slices.Delete(a, 7, 8) },
		"unknown settle":  func(a []ack) []ack { return a[:9] },
		"out of order":    func(a []ack) []ack { a[0].asked = a[7].told.Add(time.Second); return a },
	} {
		if wrong := (&checker{house: h, acks: lie(slices.Clone(honest))}).check(); len(wrong) == 0 {
			t.Errorf("%s: nothing was found", name)
		}
	}
	if err := h.db.Exec("UPDATE coupon SET valid_until = ? WHERE id = ?", noon.AddDate(1, 0, 0), late).Error; err != nil {
		t.Fatal(err)
	}
	if wrong := (&checker{house: h, acks: honest}).check(); len(wrong) == 0 {
		t.Error("expired before its time: nothing was found")
	}
}
