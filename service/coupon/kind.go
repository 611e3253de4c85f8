package coupon

import (
	"slices"

	"zhiyin/model"
)

// kind is one way in which a coupon is worth something.
type kind struct {
	Kind
	// off says what a coupon saves of what it applies to.
	off func(t Terms, of basis) saving
	// check finds what the fields' bounds don't; empty: nothing is wrong.
	check func(t Terms) string
}

// Kind is a kind as the console shows it. Its name is data, stored in batches: never renamed.
type Kind struct {
	Name   string
	Zh, En string
	Fields []Field // what people set
}

// Field is one thing that people set of a kind: the name is that of the JSON of [Terms].
type Field struct {
	Name     string
	Zh, En   string
	Type     string // fen, basis_points, count, steps
	Required bool
	Min, Max int64
}

// maxFen bounds every amount, so that no sum or product of two leaves 64 bits: ten million yuan.
const maxFen = 1_000_000_000

var (
	offFen = Field{"off_fen", "减免金额", "Amount off", "fen", true, 1, maxFen}
	capFen = Field{"cap_fen", "最高减免", "At most", "fen", false, 1, maxFen}
)

// kinds is the one table of what coupons can be.
var kinds = []kind{
	{
		Kind: Kind{"amount_off", "满减券", "Amount off", []Field{offFen}},
		off:  func(t Terms, of basis) saving { return of.spread(t.OffFen) },
	}, {
		Kind: Kind{"percent_off", "折扣券", "Percentage off", []Field{
			{"off_bp", "减免比例（基点，1500 即 85 折）", "Off, in basis points", "basis_points", true, 1, 10_000}, capFen,
		}},
		off: func(t Terms, of basis) saving {
			return of.spread(capped(of.sum()*model.Fen(t.OffBP)/10_000, t.CapFen))
		},
	}, {
		Kind:  Kind{"ladder", "阶梯满减券", "The more, the more off", []Field{{"steps", "阶梯", "Steps", "steps", true, 1, 10}}},
		check: risingSteps,
		off: func(t Terms, of basis) saving {
			var off model.Fen
			for _, step := range t.Steps {
				if of.sum() >= step.FromFen {
					off = step.OffFen
				}
			}
			return of.spread(off)
		},
	}, {
		Kind: Kind{"exchange", "兑换券", "Exchange for goods", []Field{{"pieces", "可兑换件数", "Pieces", "count", true, 1, 100}}},
		off:  func(t Terms, of basis) saving { return of.free(t.Pieces) },
	}, {
		Kind: Kind{"shipping", "运费券", "Free delivery", []Field{capFen}},
		off:  func(t Terms, of basis) saving { return saving{shipping: capped(of.shipping, t.CapFen)} },
	}, {
		Kind: Kind{"stored_value", "储值券", "Stored value", []Field{{"face_fen", "面值", "Value", "fen", true, 1, maxFen}}},
		off:  func(_ Terms, of basis) saving { return of.pay(of.balance) },
	}, {
		Kind: Kind{"buy_get", "买赠券", "Buy some, get some", []Field{
			{"buy", "购买件数", "Pieces to buy", "count", true, 1, 100}, {"get", "优惠件数", "Pieces that are cheaper", "count", true, 1, 100},
			{"off_bp", "优惠件减免比例（基点，10000 即免费）", "Off those, in basis points", "basis_points", true, 1, 10_000},
		}},
		off: func(t Terms, of basis) saving { return of.everyNth(t.Buy, t.Get, t.OffBP) },
	},
}

// Kinds lists what coupons can be, for forms.
func Kinds() []Kind {
	list := make([]Kind, len(kinds))
	for i, k := range kinds {
		list[i] = k.Kind
	}
	return list
}

// kindOf finds a kind by its name; nil: there is none.
func kindOf(name string) *kind {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.Name == name })
	if i < 0 {
		return nil
	}
	return &kinds[i]
}

// capped is an amount, and no more than a cap unless that is 0.
func capped(off, most model.Fen) model.Fen {
	if most > 0 {
		return min(off, most)
	}
	return off
}
