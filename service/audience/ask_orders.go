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
	var amounts []span
	for _, f := range c.Where {
		of, ok := comparing(f.Op, f.Values)
		if f.Property != "amount" || !ok {
			return test{}, false
		}
		amounts = append(amounts, of)
	}
	in, add, counted := q.window(c.Window), orderSums[c.Field], c.Field == "order.count"
	return test{dear: ofRows, only: &q.orders.some, otherwise: fits.holds(0), scan: q.orders.scan(func(list []orderRow) bool {
		var so int64
		if counted {
			if answer, sure := fits.foreseen(len(list)); sure {
				return answer
			}
		}
		for i := range list {
			if o := &list[i]; in.holds(o.paidAt.ms()) && allHold(amounts, int64(o.paid)) {
				so = add(so, o)
			}
		}
		return fits.holds(so)
	})}, !q.large
}

// keptSums are the columns that hold the sums over all time.
var keptSums = map[string]string{"order.count": "trade.orders", "order.sum": "trade.paid", "order.refunded": "order.refunded"}

var orderSums = map[string]func(so int64, o *orderRow) int64{
	"order.count":    func(so int64, _ *orderRow) int64 { return so + 1 },
	"order.sum":      func(so int64, o *orderRow) int64 { return so + int64(o.paid) - int64(o.refunded) },
	"order.refunded": func(so int64, o *orderRow) int64 { return so + int64(o.refunded) },
	"order.largest":  func(so int64, o *orderRow) int64 { return max(so, int64(o.paid)) },
}

func allHold(spans []span, n int64) bool {
	for _, s := range spans {
		if !s.holds(n) {
			return false
		}
	}
	return true
}

// keptNumber asks a number of which those have 0 who have none.
func (q *question) keptNumber(column string, fits span) test {
	return test{dear: ofColumn, scan: q.columns[column].scan(fits, fits.holds(0))}
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
	in := q.window(c.Window)
	if op == "any" {
		return test{dear: ofRows, only: either(who), scan: q.lines.scan(func(list []lineRow) bool {
			return slices.ContainsFunc(wanted, func(one []bool) bool { return boughtOne(list, one, in) })
		})}, true
	}
	return test{dear: ofRows, only: roaring.FastAnd(who...), scan: q.lines.scan(func(list []lineRow) bool {
		return !slices.ContainsFunc(wanted, func(one []bool) bool { return !boughtOne(list, one, in) })
	})}, true
}

func boughtOne(list []lineRow, wanted []bool, in span) bool {
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
