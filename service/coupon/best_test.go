package coupon

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"

	"zhiyin/model"
)

// TestTheBestStackIsTheBest tries all stacks of random coupons on random bills: none that may be used saves more than the one that is
// proposed, and that one can be used and saves what was said.
func TestTheBestStackIsTheBest(t *testing.T) {
	h := newHouse(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	offers := []struct{ kind, terms string }{
		{"amount_off", `{"off_fen":1000}`}, {"amount_off", `{"off_fen":333}`}, {"percent_off", `{"off_bp":3000,"cap_fen":1500}`}, {"ladder", `{"steps":[{"from_fen":2000,"off_fen":300},{"from_fen":6000,"off_fen":1900}]}`},
		{"shipping", `{}`}, {"stored_value", `{"face_fen":2500}`}, {"buy_get", `{"buy":1,"get":1,"off_bp":5000}`}, {"exchange", `{"pieces":1}`},
	}
	names := []string{"a", "b", "c"}
	stacks := 0
	for round := range 40 {
		customer := int64(round + 1)
		var all []int64
		for len(all) < 7 {
			o := offers[r.IntN(len(offers))]
			b := h.batch(func(in *BatchInput) {
				in.Kind, in.Terms, in.PerCustomer = o.kind, json.RawMessage(o.terms), 0
				in.Rules.Order, in.Rules.PerOrder, in.Rules.MinimumLeft = r.IntN(3), r.IntN(3), r.IntN(2) == 0
				in.Rules.MinimumFen = model.Fen(r.IntN(2) * r.IntN(5000))
				if r.IntN(5) > 0 {
					in.Rules.Category, in.Rules.With = names[r.IntN(3)], names[r.IntN(2):]
				}
				if r.IntN(3) == 0 {
					in.BudgetCount = 1
				}
				if r.IntN(4) == 0 {
					in.BudgetFen = model.Fen(1 + r.IntN(1500))
				}
			})
			for range 1 + r.IntN(2) {
				all = append(all, h.has(b.ID, customer).ID)
			}
		}
		order := Bill{Order: fmt.Sprint("B", round), ShippingFen: model.Fen(r.IntN(2) * 600)}
		for i := range 1 + r.IntN(3) {
			order.Lines = append(order.Lines, Line{Line: i + 1, Quantity: int64(1 + r.IntN(3)), PriceFen: model.Fen(1 + r.IntN(3000))})
		}
		var most model.Fen
		var which []int64
		for set := uint(1); set < 1<<len(all); set++ {
			if bits.OnesCount(set) > maxStack {
				continue
			}
			var ids []int64
			for i, id := range all {
				if set>>i&1 == 1 {
					ids = append(ids, id)
				}
			}
			q, err := h.Validate(t.Context(), customer, ids, order)
			if errors.Is(err, ErrRefused) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(ids) > 1 {
				stacks++
			}
			if q.OffFen > most {
				most, which = q.OffFen, ids
			}
		}
		q, err := h.Qualify(t.Context(), customer, order)
		if err != nil || q.OffFen != most {
			t.Errorf("seed %d, round %d: proposed are %v for %d, %v saves %d, %v", seed, round, q.Best, q.OffFen, which, most, err)
			continue
		}
		if len(q.Best) == 0 {
			continue
		}
		if u, err := h.redeem(customer, order, q.Best...); err != nil || u.OffFen != most {
			t.Errorf("seed %d, round %d: of %v proposed: %v", seed, round, q.Best, err)
		}
	}
	if stacks < 40 {
		t.Errorf("only %d stacks of several were possible", stacks)
	}
	h.reconciles()
}
