package coupon

import (
	"cmp"
	"slices"
	"time"

	"zhiyin/model"
)

// maxTries bounds how many stacks are counted in search of the best one.
const maxTries = 2000

// best finds the stack that saves most; of those that save the same, the one with the fewest coupons, and of
// these the one whose coupons expire first. It looks at every stack that the rules and budgets allow, the most promising
// first, until it has counted maxTries of them.
func best(fitting []*fitted, w *weighed, money moneyLeft, zone *time.Location) (stack []*held, off model.Fen) {
	list := slices.Clone(fitting)
	slices.SortStableFunc(list, func(a, b *fitted) int {
		return cmp.Or(cmp.Compare(b.off, a.off), a.held.ValidUntil.Compare(b.held.ValidUntil), cmp.Compare(a.held.ID, b.held.ID))
	})
	list = spare(list)
	c := &combining{w: w, money: money, zone: zone, list: list}
	c.grow(nil, 0)
	return c.stack, c.off
}

// fitted is a coupon that fits a bill by itself, and what it saves then.
type fitted struct {
	held *held
	off  model.Fen
}

// spare leaves out coupons that are like another one: of a batch no order has more than its rules allow.
func spare(list []*fitted) []*fitted {
	n := map[int64]int{}
	return slices.DeleteFunc(list, func(f *fitted) bool {
		n[f.held.BatchID]++
		return f.held.offer.terms.FaceFen == 0 && n[f.held.BatchID] > f.held.offer.rules.perOrder()
	})
}

type combining struct {
	w     *weighed
	money moneyLeft
	zone  *time.Location
	list  []*fitted
	tries int
	stack []*held
	off   model.Fen
}

// grow tries all stacks that begin with one and go on with coupons from a place on.
func (c *combining) grow(chosen []*held, from int) {
	for i := from; i < len(c.list) && c.tries < maxTries; i++ {
		h := c.list[i].held
		next := append(slices.Clone(chosen), h)
		if !slices.ContainsFunc(chosen, func(o *held) bool { return !goTogether(o, h, next) }) {
			c.try(next)
			if len(next) < maxStack {
				c.grow(next, i+1)
			}
		}
	}
}

func (c *combining) try(list []*held) {
	c.tries++
	list = stacked(list)
	savings, _, no := countAll(list, c.w, c.zone)
	if no != nil || c.money.over(list, savings) != nil {
		return
	}
	var off model.Fen
	for _, s := range savings {
		off += s.total()
	}
	if off > c.off || off == c.off && len(list) < len(c.stack) {
		c.stack, c.off = list, off
	}
}
