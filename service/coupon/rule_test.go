package coupon

import (
	"errors"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/fault"
)

// TestRules: each rule lets a coupon be used where it says, and nowhere else; the answer says which one does not.
func TestRules(t *testing.T) {
	h := newHouse(t) // Wednesday noon
	modeltest.Create(t, h.db,
		&model.ProductCategory{ID: 1, Number: "drinks", Name: "饮料", Fingerprint: []byte{}}, &model.ProductCategory{ID: 2, ParentID: 1, Number: "tea", Name: "茶", Fingerprint: []byte{}},
		&model.Product{ID: 1, Number: "TEA", Name: "茶", CategoryID: 2, Status: "on_sale", Fingerprint: []byte{}}, &model.Product{ID: 2, Number: "CUP", Name: "杯", Status: "on_sale", Fingerprint: []byte{}},
	)
	lines := func(products ...string) (list []Line) {
		for i, p := range products {
			list = append(list, Line{Line: i + 1, Product: p, Quantity: 1, PriceFen: 3000})
		}
		return list
	}
	const hour = time.Hour
	customer := int64(100)
	for _, tt := range []struct {
		name  string
		rules Rules
		after time.Duration // Wednesday noon
		bill  Bill
		want  string // the reason; empty: it is good
		off   model.Fen
	}{
		{"its day of the week", Rules{Weekdays: []int{3}}, 0, Bill{Lines: lines("CUP")}, "", 1000},
		{"another day", Rules{Weekdays: []int{1, 2, 4, 5, 6, 7}}, 0, Bill{Lines: lines("CUP")}, "weekday", 0},
		{"its last minute of the day", Rules{Weekdays: []int{3}}, 12*hour - time.Millisecond, Bill{Lines: lines("CUP")}, "", 1000},
		{"midnight in the business's zone", Rules{Weekdays: []int{3}}, 12 * hour, Bill{Lines: lines("CUP")}, "weekday", 0},
		{"within its hours", Rules{Hours: []Hours{{720, 780}}}, 0, Bill{Lines: lines("CUP")}, "", 1000},
		{"when they end", Rules{Hours: []Hours{{660, 720}}}, 0, Bill{Lines: lines("CUP")}, "hour", 0},
		{"a second stretch of hours", Rules{Hours: []Hours{{0, 60}, {700, 800}}}, 0, Bill{Lines: lines("CUP")}, "", 1000},
		{"past midnight it goes by the day before", Rules{Weekdays: []int{3}, Hours: []Hours{{1320, 120}}}, 13 * hour, Bill{Lines: lines("CUP")}, "", 1000},
		{"and not by the day it is", Rules{Weekdays: []int{4}, Hours: []Hours{{1320, 120}}}, 13 * hour, Bill{Lines: lines("CUP")}, "weekday", 0},
		{"its shop", Rules{Shops: []string{"S1", "S2"}}, 0, Bill{Shop: "S2", Lines: lines("CUP")}, "", 1000},
		{"another shop", Rules{Shops: []string{"S1"}}, 0, Bill{Shop: "S2", Lines: lines("CUP")}, "shop", 0},
		{"no shop", Rules{Shops: []string{"S1"}}, 0, Bill{Lines: lines("CUP")}, "shop", 0},
		{"its product", Rules{Products: []int64{1}}, 0, Bill{Lines: lines("CUP", "TEA")}, "", 1000},
		{"other goods", Rules{Products: []int64{1}}, 0, Bill{Lines: lines("CUP", "UNKNOWN", "")}, "goods", 0},
		{"a category above the product's", Rules{Categories: []int64{1}}, 0, Bill{Lines: lines("TEA")}, "", 1000},
		{"goods of no category", Rules{Categories: []int64{1}}, 0, Bill{Lines: lines("CUP")}, "goods", 0},
		{"left out of its category", Rules{Categories: []int64{1}, NotProducts: []int64{1}}, 0, Bill{Lines: lines("TEA")}, "goods", 0},
		{"the minimum is of what it fits", Rules{Products: []int64{1}, MinimumFen: 3001}, 0, Bill{Lines: lines("TEA", "CUP")}, "minimum", 0},
		{"reached to the fen", Rules{Products: []int64{1}, MinimumFen: 3000}, 0, Bill{Lines: lines("TEA", "CUP")}, "", 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			customer++
			c := h.has(h.batch(func(in *BatchInput) { in.Rules = tt.rules }).ID, customer)
			then := open(t, h.db, clock.NewFake(noon.Add(tt.after)))
			q, err := then.Validate(t.Context(), customer, []int64{c.ID}, tt.bill)
			if tt.want == "" {
				if err != nil || q.OffFen != tt.off {
					t.Errorf("got %+v, %v", q, err)
				}
				return
			}
			if f := fault.Of(err); !errors.Is(err, ErrRefused) || f.Fields[len(f.Fields)-1].Reason != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if _, err := then.redeem(customer, Bill{Order: tt.name, Shop: tt.bill.Shop, Lines: tt.bill.Lines}, c.ID); !errors.Is(err, ErrRefused) {
				t.Errorf("redeemed: %v", err)
			}
		})
	}
	h.reconciles()
}

// TestOrderOfStacks: of coupons that go together the lower order is counted first, and a minimum may be asked of what is left.
func TestOrderOfStacks(t *testing.T) {
	h := newHouse(t)
	stackable := func(name, with string, order int, more func(*BatchInput)) *model.CouponBatch {
		return h.batch(func(in *BatchInput) {
			in.Rules.Category, in.Rules.With, in.Rules.Order = name, []string{with}, order
			if more != nil {
				more(in)
			}
		})
	}
	half := func(in *BatchInput) { in.Kind, in.Terms = "percent_off", []byte(`{"off_bp":5000}`) }
	for name, tt := range map[string]struct {
		fixed, percent int
		left           bool
		want           model.Fen
		refused        bool
	}{
		"ten off, then half": {1, 2, false, 1000 + 2000, false}, "half, then ten off": {2, 1, false, 2500 + 1000, false},
		"the minimum of the prices": {2, 1, false, 3500, false}, "the minimum of what is left": {2, 1, true, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := stackable("a", "b", tt.fixed, func(in *BatchInput) { in.Rules.MinimumFen, in.Rules.MinimumLeft = 4000, tt.left })
			b := stackable("b", "a", tt.percent, half)
			customer := h.keys.Add(1)
			q, err := h.Validate(t.Context(), customer, []int64{h.has(b.ID, customer).ID, h.has(a.ID, customer).ID}, bill("", 5000))
			if tt.refused {
				if !errors.Is(err, ErrRefused) {
					t.Errorf("got %+v, %v", q, err)
				}
				return
			}
			if err != nil || q.OffFen != tt.want {
				t.Errorf("got %+v, %v, want %d", q, err, tt.want)
			}
		})
	}
}
