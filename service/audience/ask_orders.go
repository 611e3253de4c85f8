package audience

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"zhiyin/service/segment"
)

// Conditions on rows ask every customer's rows in a loop of their own, because a call for each of millions of rows
// would cost more than the rest. Who has no rows that count has 0 of everything.

// spent is about the orders that count.
func (q *question) spent(c *segment.Condition, op string) (test, bool) {
	fits, ok := comparing(op, c.Values)
	if !ok || op == "filled" {
		return test{}, false
	}
	if kept := keptSums[c.Field]; kept != "" && c.Window == nil && len(c.Where) == 0 {
		return q.keptNumber(kept, fits), true
	}
	var amounts []func(int64) bool
	for _, f := range c.Where {
		of, ok := comparing(f.Op, f.Values)
		if f.Property != "amount" || !ok {
			return test{}, false
		}
		amounts = append(amounts, of)
	}
	in, add, counted := q.stretch(c.Window), orderSums[c.Field], c.Field == "order.count"
	return test{dear: ofRows, only: &q.orders.some, otherwise: fits(0), each: func(ord uint32) bool {
		var so int64
		list := q.orders.of(ord)
		if counted {
			if answer, sure := foreseen(op, fits, len(list)); sure {
				return answer
			}
		}
		for i := range list {
			if o := &list[i]; in.holds(o.paidAt.ms()) && allFit(amounts, int64(o.paid)) {
				so = add(so, o)
			}
		}
		return fits(so)
	}}, !q.large
}

// keptSums are the columns that hold the sums over all time.
var keptSums = map[string]string{"order.count": "trade.orders", "order.sum": "trade.paid", "order.refunded": "order.refunded"}

var orderSums = map[string]func(so int64, o *orderRow) int64{
	"order.count":    func(so int64, _ *orderRow) int64 { return so + 1 },
	"order.sum":      func(so int64, o *orderRow) int64 { return so + int64(o.paid) - int64(o.refunded) },
	"order.refunded": func(so int64, o *orderRow) int64 { return so + int64(o.refunded) },
	"order.largest":  func(so int64, o *orderRow) int64 { return max(so, int64(o.paid)) },
}

func allFit(tests []func(int64) bool, n int64) bool {
	for _, fits := range tests {
		if !fits(n) {
			return false
		}
	}
	return true
}

// keptNumber asks a number of which those have 0 who have none.
func (q *question) keptNumber(column string, fits func(int64) bool) test {
	kept, none := q.columns[column], fits(0)
	return test{dear: ofColumn, each: func(ord uint32) bool {
		v := kept.of(ord)
		if v == null {
			return none
		}
		return fits(v)
	}}
}

// bought compares products, or categories with those below them.
func (q *question) bought(c *segment.Condition, op string) (test, bool) {
	if len(c.Where) > 0 || op != "any" && op != "all" || q.wares.full(maxThings) {
		return test{}, false
	}
	who := make([]*roaring.Bitmap, len(c.Values))
	wanted := make([][]bool, len(c.Values))
	for i := range c.Values {
		who[i], wanted[i] = q.waresOf(c.Field, c.Values[i])
	}
	if c.Window == nil {
		return together(who, op)
	}
	in := q.stretch(c.Window)
	if op == "any" {
		return test{dear: ofRows, only: either(who), each: func(ord uint32) bool {
			return slices.ContainsFunc(wanted, func(one []bool) bool { return q.boughtOne(ord, one, in) })
		}}, true
	}
	return test{dear: ofRows, only: roaring.FastAnd(who...), each: func(ord uint32) bool {
		return !slices.ContainsFunc(wanted, func(one []bool) bool { return !q.boughtOne(ord, one, in) })
	}}, true
}

func (q *question) boughtOne(ord uint32, wanted []bool, in stretch) bool {
	list := q.lines.of(ord)
	for i := range list {
		if wanted[list[i].what] && in.holds(list[i].paidAt.ms()) {
			return true
		}
	}
	return false
}

// waresOf gives who ever bought what a value names, and of the number of every ware whether it is that.
func (q *question) waresOf(field string, v segment.Value) (who *roaring.Bitmap, wanted []bool) {
	ids := []int64{v.Number}
	if field == "order.category" {
		ids = q.env.Known.Categories(v.Number)
	}
	wanted = make([]bool, len(q.wares.numbers)+1)
	var of []*roaring.Bitmap
	for ware, n := range q.wares.numbers {
		id := ware.product
		if field == "order.category" {
			id = ware.category
		}
		if wanted[n] = slices.Contains(ids, id); wanted[n] && q.buyers[n] != nil {
			of = append(of, q.buyers[n])
		}
	}
	return either(of), wanted
}
