package coupon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/fault"
)

// TestKinds: what each kind saves, and how it is divided among lines.
func TestKinds(t *testing.T) {
	lines := basis{lines: []piece{{1, 1000}, {2, 999}, {3, 1}}, shipping: 800, balance: 5000}
	tests := []struct {
		name, kind, terms string
		of                basis
		lines             []model.Fen
		shipping          model.Fen
	}{
		{"amount", "amount_off", `{"off_fen":100}`, lines, []model.Fen{50, 50, 0}, 0},
		{"amount above the bill", "amount_off", `{"off_fen":9999}`, lines, []model.Fen{1000, 999, 1}, 0},
		{"percentage", "percent_off", `{"off_bp":1500}`, lines, []model.Fen{150, 150, 0}, 0},
		{"percentage with cap", "percent_off", `{"off_bp":5000,"cap_fen":10}`, lines, []model.Fen{5, 5, 0}, 0},
		{"ladder below", "ladder", `{"steps":[{"from_fen":2001,"off_fen":5}]}`, lines, []model.Fen{0, 0, 0}, 0},
		{"ladder at the step", "ladder", `{"steps":[{"from_fen":1000,"off_fen":5},{"from_fen":2000,"off_fen":20}]}`, lines, []model.Fen{10, 10, 0}, 0},
		{"exchange the dearest piece", "exchange", `{"pieces":1}`, lines, []model.Fen{1000, 0, 0}, 0},
		{"exchange two pieces", "exchange", `{"pieces":2}`, lines, []model.Fen{1000, 499, 0}, 0},
		{"delivery", "shipping", `{}`, lines, nil, 800},
		{"delivery with cap", "shipping", `{"cap_fen":500}`, lines, nil, 500},
		{"stored value, all of it", "stored_value", `{"face_fen":5000}`, lines, []model.Fen{1000, 999, 1}, 800},
		{"stored value, a part", "stored_value", `{"face_fen":5000}`, basis{lines.lines, 800, 20}, []model.Fen{10, 10, 0}, 0},
		{"two and one free", "buy_get", `{"buy":2,"get":1,"off_bp":10000}`, lines, []model.Fen{0, 499, 0}, 0},
		{"two and the third for half", "buy_get", `{"buy":2,"get":1,"off_bp":5000}`, basis{lines: []piece{{6, 6000}}}, []model.Fen{1000}, 0},
		{"too few pieces", "buy_get", `{"buy":6,"get":1,"off_bp":10000}`, lines, []model.Fen{0, 0, 0}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := kindOf(tt.kind)
			terms, field, why := termsOf(k, json.RawMessage(tt.terms))
			if why != "" {
				t.Fatal(field, why)
			}
			if got := k.off(terms, tt.of); !slices.Equal(got.lines, tt.lines) || got.shipping != tt.shipping {
				t.Errorf("saves %v and %d, want %v and %d", got.lines, got.shipping, tt.lines, tt.shipping)
			}
		})
	}
}

func TestTermsOfAnotherKind(t *testing.T) {
	for kind, terms := range map[string]string{
		"amount_off": `{"off_bp":10}`, "percent_off": `{"off_bp":10001}`, "ladder": `{"steps":[{"from_fen":10,"off_fen":20}]}`, "exchange": `{}`,
		"shipping": `{"price":1}`, "stored_value": `{"face_fen":-1}`, "buy_get": `{"buy":1,"get":1}`,
	} {
		if _, _, why := termsOf(kindOf(kind), json.RawMessage(terms)); why == "" {
			t.Errorf("%s takes %s", kind, terms)
		}
	}
}

// TestValidate: a chosen stack is counted as Redeem would count it now, and nothing is promised.
func TestValidate(t *testing.T) {
	h := newHouse(t)
	shop := h.batch(func(in *BatchInput) {
		in.Rules.Category, in.Rules.With, in.BudgetDayFen, in.PerCustomer = "shop", []string{"delivery"}, 1500, 3
	})
	delivery := h.batch(func(in *BatchInput) {
		in.Kind, in.Terms, in.BudgetCount = "shipping", nil, 1
		in.Rules.Category, in.Rules.With = "delivery", []string{"shop"}
	})
	a, again, d := h.has(shop.ID, 7), h.has(shop.ID, 7), h.has(delivery.ID, 7)
	theirs := h.has(shop.ID, 8)
	order := bill("", 5000)
	order.ShippingFen = 600
	ask := func(ids ...int64) (*Qualified, error) { return h.Validate(t.Context(), 7, ids, order) }
	q := must(ask(d.ID, a.ID))
	if q.OffFen != 1600 || q.TotalFen != 5600 || len(q.Items) != 2 || q.Items[0].OffFen != 1000 || q.Items[1].OffFen != 600 || h.coupon(a.ID).State != Usable {
		t.Errorf("validated %+v", q)
	}
	for name, ids := range map[string][]int64{"somebody else's": {theirs.ID}, "one that is not": {99999}, "one of two": {a.ID, theirs.ID}, "none": {}, "twice": {a.ID, a.ID}} {
		if _, err := ask(ids...); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	order.Order = "A1"
	must(h.redeem(7, order, a.ID, d.ID))
	refusedFor := func(name, reason string, ids ...int64) {
		t.Helper()
		_, err := ask(ids...)
		if f := fault.Of(err); !errors.Is(err, ErrRefused) || f.Fields[len(f.Fields)-1].Reason != reason {
			t.Errorf("%s: %v", name, err)
		}
	}
	refusedFor("what is used", "state", a.ID)
	refusedFor("beyond the budget of the day", "budget", again.ID)
	h.clock.Advance(24 * time.Hour)
	if q := must(ask(again.ID)); q.OffFen != 1000 {
		t.Errorf("the next day it saves %d", q.OffFen)
	}
	must(h.SetState(t.Context(), shop.ID, BatchPaused))
	refusedFor("what is paused", "paused", again.ID)
}

func TestRedeem(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.Rules.MinimumFen = 5000 })
	c := h.has(b.ID, 7)
	if _, err := h.redeem(7, bill("A1", 4999), c.ID); !errors.Is(err, ErrRefused) {
		t.Errorf("below the minimum: %v", err)
	}
	if _, err := h.redeem(8, bill("A1", 5000), c.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	u := must(h.redeem(7, bill("A1", 5000), c.ID))
	if u.OffFen != 1000 || u.State != UseRedeemed || h.coupon(c.ID).State != Used {
		t.Errorf("use %+v", u.CouponUse)
	}
	if _, err := h.redeem(7, bill("A2", 5000), c.ID); !errors.Is(err, ErrRefused) {
		t.Errorf("twice: %v", err)
	}
	h.wantFacts("coupon.issued", "coupon.redeemed")
}

// TestExpiryAtTheVerySecond: good in the last millisecond, not in the next.
func TestExpiryAtTheVerySecond(t *testing.T) {
	h := newHouse(t)
	end := noon.Add(time.Hour)
	b := h.batch(func(in *BatchInput) { in.ValidUntil, in.PerCustomer = &end, 2 })
	first, second := h.has(b.ID, 7), h.has(b.ID, 7)
	h.clock.Advance(time.Hour - time.Millisecond)
	must(h.redeem(7, bill("A1", 5000), first.ID))
	h.clock.Advance(time.Millisecond)
	if _, err := h.redeem(7, bill("A2", 5000), second.ID); !errors.Is(err, ErrRefused) {
		t.Errorf("at the very moment: %v", err)
	}
	for range 2 {
		if err := h.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if h.coupon(second.ID).State != Expired || h.count(b.ID).Expired != 1 {
		t.Errorf("it is %s", h.coupon(second.ID).State)
	}
	h.wantFacts("coupon.issued", "coupon.issued", "coupon.redeemed", "coupon.expired")
}

func TestReservations(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.BudgetCount = 1 })
	mine, theirs := h.has(b.ID, 7), h.has(b.ID, 8)
	reserve := func(order string, customer, coupon int64) (*Use, error) {
		return h.Reserve(t.Context(), UseInput{Key: h.key("key:1"), CustomerID: customer, Coupons: []int64{coupon}, Bill: bill(order, 5000), TTL: time.Minute, APIKeyID: 1})
	}
	u := must(reserve("A1", 7, mine.ID))
	if _, err := reserve("A2", 7, mine.ID); !errors.Is(err, ErrRefused) {
		t.Errorf("reserved twice: %v", err)
	}
	if _, err := reserve("A3", 8, theirs.ID); !errors.Is(err, ErrBudget) {
		t.Errorf("beyond the budget: %v", err)
	}
	if _, err := h.RedeemReserved(t.Context(), Settle{Key: h.key("key:2"), UseID: u.ID, APIKeyID: 2}); !errors.Is(err, ErrNoUse) {
		t.Errorf("by another system: %v", err)
	}
	h.clock.Advance(time.Minute)
	if _, err := h.RedeemReserved(t.Context(), Settle{Key: h.key("key:1"), UseID: u.ID, APIKeyID: 1}); !errors.Is(err, ErrOver) {
		t.Errorf("when it is over: %v", err)
	}
	if err := h.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h.coupon(mine.ID).State != Usable {
		t.Errorf("it is %s after the reservation", h.coupon(mine.ID).State)
	}
	u = must(reserve("A1", 8, theirs.ID)) // the order and the budget are free again
	done := must(h.RedeemReserved(t.Context(), Settle{Key: h.key("key:1"), UseID: u.ID, APIKeyID: 1}))
	if done.State != UseRedeemed || h.coupon(theirs.ID).State != Used {
		t.Errorf("use %+v", done.CouponUse)
	}
	if _, err := h.Release(t.Context(), Settle{Key: h.key("key:1"), UseID: u.ID, APIKeyID: 1}); !errors.Is(err, ErrUse) {
		t.Errorf("released after it was redeemed: %v", err)
	}
}

// TestStacks: a stack is used whole or not at all; categories say what goes together.
func TestStacks(t *testing.T) {
	h := newHouse(t)
	shop := h.batch(func(in *BatchInput) { in.Rules.Category, in.Rules.With = "shop", []string{"delivery"} })
	alone := h.batch()
	delivery := h.batch(func(in *BatchInput) {
		in.Kind, in.Terms, in.BudgetCount = "shipping", nil, 1000
		in.Rules.Category, in.Rules.With = "delivery", []string{"shop"}
	})
	a, b, c := h.has(shop.ID, 7), h.has(delivery.ID, 7), h.has(alone.ID, 7)
	order := bill("A1", 5000)
	order.ShippingFen = 600
	if _, err := h.redeem(7, order, a.ID, c.ID); !errors.Is(err, ErrRefused) {
		t.Errorf("one that stands alone: %v", err)
	}
	if h.coupon(a.ID).State != Usable {
		t.Error("a part of a refused stack is used")
	}
	q := must(h.Qualify(t.Context(), 7, order))
	if q.OffFen != 1600 || !slices.Equal(q.Best, []int64{a.ID, b.ID}) {
		t.Errorf("best is %v with %d, want %v", q.Best, q.OffFen, []int64{a.ID, b.ID})
	}
	u := must(h.redeem(7, order, a.ID, b.ID))
	if u.OffFen != 1600 || len(u.Parts) != 2 {
		t.Errorf("use %+v", u)
	}
}

// TestPartialRefunds: whatever the order of refunds, what comes back adds up, and the last gives the coupon back.
func TestPartialRefunds(t *testing.T) {
	lines := []Line{{Line: 1, Quantity: 3, PriceFen: 333}, {Line: 2, Quantity: 7, PriceFen: 101}, {Line: 3, Quantity: 1, PriceFen: 4999}}
	pieces := []int{1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3}
	for _, shift := range []int{0, 1, 4, 7, 10} {
		t.Run(fmt.Sprint("from ", shift), func(t *testing.T) {
			h := newHouse(t)
			b := h.batch(func(in *BatchInput) { in.BudgetFen = 100_000 })
			c := h.has(b.ID, 7)
			u := must(h.redeem(7, Bill{Order: "A1", Lines: lines}, c.ID))
			var back model.Fen
			for i := range pieces {
				line := pieces[(i*7+shift)%len(pieces)]
				r, err := h.RollBack(t.Context(), RollBackInput{Key: h.key("key:1"), UseID: u.ID, Lines: []ReturnedLine{{line, 1}}})
				if err != nil {
					t.Fatal(err)
				}
				back += r.OffFen
				if last := i == len(pieces)-1; (h.coupon(c.ID).State == Usable) != last {
					t.Fatalf("after %d of %d pieces the coupon is %s", i+1, len(pieces), h.coupon(c.ID).State)
				}
			}
			if back != 1000 {
				t.Errorf("%d fen came back, want 1000", back)
			}
			m := must(budgetsOf(h.db, []int64{b.ID}, ""))
			if m[0].UsedFen != 0 || m[0].UsedCount != 0 {
				t.Errorf("the budget has %d fen and %d uses", m[0].UsedFen, m[0].UsedCount)
			}
			must(h.redeem(7, bill("A2", 5000), c.ID))
		})
	}
}

// TestS22_KeysOfUses: repeated, refunds and redemptions are answered as before.
func TestS22_KeysOfUses(t *testing.T) {
	h := newHouse(t)
	c := h.has(h.batch().ID, 7)
	in := UseInput{Key: Key{"key:1", "redeem-A1"}, CustomerID: 7, Coupons: []int64{c.ID}, Bill: bill("A1", 5000)}
	first, again := must(h.Redeem(t.Context(), in)), must(h.Redeem(t.Context(), in))
	if first.ID != again.ID {
		t.Error("redeemed twice under one key")
	}
	other := in
	other.Bill = bill("A1", 6000)
	if _, err := h.Redeem(t.Context(), other); !errors.Is(err, ErrOther) {
		t.Errorf("another bill under the key: %v", err)
	}
	back := RollBackInput{Key: Key{"key:1", "refund-A1"}, UseID: first.ID}
	one, two := must(h.RollBack(t.Context(), back)), must(h.RollBack(t.Context(), back))
	if one.OffFen != 1000 || two.OffFen != 1000 {
		t.Errorf("took back %d, and again %d", one.OffFen, two.OffFen)
	}
	back.Key = h.key("key:1")
	if _, err := h.RollBack(t.Context(), back); !errors.Is(err, ErrUse) {
		t.Errorf("taken back twice: %v", err)
	}
	if n := modeltest.Count[model.CouponEntry](t, h.db); n != 3 {
		t.Errorf("%d entries, want 3", n)
	}
}

// TestBillsOfAGroup: bills that are decided together are each looked up for what its own coupons ask.
func TestBillsOfAGroup(t *testing.T) {
	h := newHouse(t)
	paid := noon.Add(-time.Hour)
	tea := &model.Product{Number: "TEA", Name: "tea", Status: "on_sale", PriceFen: 5000, Fingerprint: []byte{}}
	modeltest.Create(t, h.db, tea, &model.CustomerOrder{Number: "OLD", CustomerID: 8, Status: "paid", PaidAt: &paid, PlacedAt: paid, Fingerprint: []byte{}})
	free, goods := h.batch(), h.batch(func(in *BatchInput) { in.Rules.Products = []int64{tea.ID} })
	first := h.batch(func(in *BatchInput) { in.Rules.FirstOrder = true })
	of := func(product string) []Line { return []Line{{Line: 1, Product: product, Quantity: 1, PriceFen: 5000}} }
	tests := []struct {
		name            string
		batch, customer int64
		lines           []Line
		wantErr         error
	}{
		{"any goods", free.ID, 7, of(""), nil},
		{"its goods", goods.ID, 7, of("TEA"), nil},
		{"other goods", goods.ID, 8, of("COFFEE"), ErrRefused},
		{"first order", first.ID, 7, of(""), nil},
		{"bought before", first.ID, 8, of("TEA"), ErrRefused},
	}
	var items []useItem
	for i, tt := range tests {
		items = append(items, useItem{verb: actRedeem, in: UseInput{
			Key: h.key("key:1"), CustomerID: tt.customer, Coupons: []int64{h.has(tt.batch, tt.customer).ID}, Bill: Bill{Order: fmt.Sprint("A", i), Lines: tt.lines},
		}})
	}
	var outs []used
	err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) (err error) {
		outs, err = h.useGathered(tx, items)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range tests {
		if !errors.Is(outs[i].err, tt.wantErr) {
			t.Errorf("%s: %v, want %v", tt.name, outs[i].err, tt.wantErr)
		}
		if outs[i].err != nil {
			continue
		}
		// What the caller is told without being read is what there is.
		if told, there := asJSON(outs[i].use), asJSON(must(h.Use(t.Context(), outs[i].id))); told != there {
			t.Errorf("%s: told %s, there is %s", tt.name, told, there)
		}
	}
	h.reconciles()
}

func TestStoredValue(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.Kind, in.Terms = "stored_value", json.RawMessage(`{"face_fen":5000}`) })
	c := h.has(b.ID, 7)
	u := must(h.redeem(7, bill("A1", 3000), c.ID))
	if got := h.coupon(c.ID); got.State != Usable || got.BalanceFen != 2000 {
		t.Errorf("after 3000 of 5000: %s with %d", got.State, got.BalanceFen)
	}
	must(h.redeem(7, bill("A2", 9000), c.ID))
	if got := h.coupon(c.ID); got.State != Used || got.BalanceFen != 0 {
		t.Errorf("after all: %s with %d", got.State, got.BalanceFen)
	}
	must(h.RollBack(t.Context(), RollBackInput{Key: h.key("key:1"), UseID: u.ID}))
	if got := h.coupon(c.ID); got.State != Usable || got.BalanceFen != 3000 {
		t.Errorf("after a refund: %s with %d", got.State, got.BalanceFen)
	}
}

// TestDailyBudget: a day's budget ends with the day.
func TestDailyBudget(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.BudgetDayFen, in.PerCustomer = 1500, 3 })
	list := []*model.Coupon{h.has(b.ID, 7), h.has(b.ID, 7), h.has(b.ID, 7)}
	must(h.redeem(7, bill("A1", 5000), list[0].ID))
	if _, err := h.redeem(7, bill("A2", 5000), list[1].ID); !errors.Is(err, ErrBudget) {
		t.Errorf("beyond the day's budget: %v", err)
	}
	q := must(h.Qualify(t.Context(), 7, bill("A2", 5000)))
	if q.Items[0].Misfit == nil || q.Items[0].Misfit.Code != "budget" {
		t.Errorf("qualified %+v", q.Items[0])
	}
	h.clock.Advance(24 * time.Hour)
	must(h.redeem(7, bill("A2", 5000), list[1].ID))
}

// TestRefundsAddUp is a property: whatever was bought and saved, and in whatever order the pieces come back, one by one or several at once,
// every refund gives back something from nothing to what is left, and all of them what was saved, to the fen.
func TestRefundsAddUp(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 5))
		var bill Bill
		var saved model.Fen
		var list []share
		var pieces []int
		for i := range 1 + r.IntN(5) {
			l := Line{Line: i + 1, Quantity: int64(1 + r.IntN(9)), PriceFen: model.Fen(r.IntN(5000))}
			bill.Lines = append(bill.Lines, l)
			if off := model.Fen(r.Int64N(int64(l.total()) + 1)); off > 0 {
				list = append(list, share{Line: l.Line, Off: off})
				saved += off
			}
			for range l.Quantity {
				pieces = append(pieces, i+1)
			}
		}
		if r.IntN(2) == 0 {
			list = append(list, share{Off: 600}) // the delivery
			saved += 600
		}
		r.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		var back model.Fen
		for len(pieces) > 0 {
			n := 1 + r.IntN(min(3, len(pieces)))
			var whole bool
			for _, line := range pieces[:n] {
				whole = must(bill.giveBack([]ReturnedLine{{line, 1}}))
			}
			pieces = pieces[n:]
			now := bill.takeBack(list, whole)
			if back += now; now < 0 || back > saved || whole != (len(pieces) == 0) {
				t.Fatalf("seed %d: %d came back, %d of %d in all", seed, now, back, saved)
			}
			if again := bill.takeBack(list, whole); again != 0 {
				t.Fatalf("seed %d: %d came back for nothing", seed, again)
			}
		}
		if back != saved {
			t.Fatalf("seed %d: %d of %d came back", seed, back, saved)
		}
	}
}

// TestRedeemAfterRefund: as long as anything of an order is kept its coupon stays used; then it is good for one other order, and the
// order that was refunded has nothing more to give back.
func TestRedeemAfterRefund(t *testing.T) {
	h := newHouse(t)
	c := h.has(h.batch().ID, 7)
	u := must(h.redeem(7, Bill{Order: "A1", Lines: []Line{{Line: 1, Quantity: 2, PriceFen: 3000}}}, c.ID))
	refund := func() error {
		_, err := h.RollBack(t.Context(), RollBackInput{Key: h.key("key:1"), UseID: u.ID, Lines: []ReturnedLine{{1, 1}}})
		return err
	}
	if err := refund(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.redeem(7, bill("A2", 5000), c.ID); !errors.Is(err, ErrRefused) {
		t.Errorf("after a partial refund: %v", err)
	}
	if err := refund(); err != nil {
		t.Fatal(err)
	}
	second := must(h.redeem(7, bill("A1", 5000), c.ID)) // the order may be placed again
	if _, err := h.redeem(7, bill("A3", 5000), c.ID); !errors.Is(err, ErrRefused) {
		t.Errorf("twice after a refund: %v", err)
	}
	if err := refund(); !errors.Is(err, ErrUse) {
		t.Errorf("a refund of what was refunded: %v", err)
	}
	if got := h.coupon(c.ID); got.State != Used || got.UseID != second.ID {
		t.Errorf("the coupon is %s, by use %d, want %d", got.State, got.UseID, second.ID)
	}
	h.reconciles()
}

// TestF36_ValidityByTheDatabasesTime: where the database's clock and the machine's disagree, as they do while one is set, the database's decides, for
// every replica.
func TestF36_ValidityByTheDatabasesTime(t *testing.T) {
	db := modeltest.DB(t)
	ahead := func(d time.Duration) clock.Clock {
		return must(clock.Anchored(t.Context(), func(ctx context.Context) (time.Time, error) {
			at, err := model.DatabaseTime(ctx, db)
			return at.Add(d), err
		}))
	}
	h := openBy(t, db, ahead(0))
	until := clock.System().Add(time.Hour)
	b := h.batch(func(in *BatchInput) { in.ValidUntil, in.PerCustomer = &until, 2 })
	c := h.has(b.ID, 7)
	set := openBy(t, db, ahead(time.Hour+time.Minute)) // this machine says that it is good for an hour
	if _, err := set.redeem(7, bill("A1", 5000), c.ID); !errors.Is(err, ErrRefused) {
		t.Errorf("used after the database's time is over: %v", err)
	}
	if _, err := set.claim(b.ID, 7); !errors.Is(err, ErrClosed) {
		t.Errorf("claimed after the database's time is over: %v", err)
	}
	must(h.redeem(7, bill("A1", 5000), c.ID))
}
