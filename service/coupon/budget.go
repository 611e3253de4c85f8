package coupon

import (
	"cmp"
	"maps"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// budgetKey names a budget: of a batch, for all time or one day.
type budgetKey struct {
	batch int64
	day   string
}

// budgets is what batches may spend, locked.
type budgets struct {
	rows  map[budgetKey]*model.CouponBudget
	daily map[int64]bool // which batches are limited by the day
	delta map[budgetKey]*model.CouponBudget
}

// lockBudgets locks the budgets that uses of coupons today may touch, and those that reservations were
// charged to, in one order.
func (s *Service) lockBudgets(tx *gorm.DB, list []*held, day string, uses map[int64]*Use) (*budgets, error) {
	b := &budgets{rows: map[budgetKey]*model.CouponBudget{}, daily: map[int64]bool{}, delta: map[budgetKey]*model.CouponBudget{}}
	wanted := map[budgetKey]bool{}
	var days []*model.CouponBudget
	for _, h := range list {
		wanted[budgetKey{h.BatchID, ""}] = true
		if o := h.offer; (o.BudgetDayCount > 0 || o.BudgetDayFen > 0) && !b.daily[h.BatchID] {
			b.daily[h.BatchID] = true
			wanted[budgetKey{h.BatchID, day}] = true
			days = append(days, &model.CouponBudget{BatchID: h.BatchID, Day: day, LimitCount: o.BudgetDayCount, LimitFen: o.BudgetDayFen})
		}
	}
	for _, u := range uses {
		for _, p := range u.Parts {
			for _, k := range keysOf(p.BatchID, p.BudgetDay) {
				wanted[k] = true
			}
		}
	}
	slices.SortFunc(days, func(x, y *model.CouponBudget) int { return cmp.Compare(x.BatchID, y.BatchID) })
	if err := ensureBudgets(tx, days); err != nil {
		return nil, err
	}
	rows, err := lockBudgetRows(tx, wanted)
	for _, r := range rows {
		b.rows[budgetKey{r.BatchID, r.Day}] = r
	}
	return b, err
}

// day is the day whose budget a use of a batch is charged to; empty: none.
func (b *budgets) day(batchID int64, today string) string {
	if b.daily[batchID] {
		return today
	}
	return ""
}

// charge charges what parts save to their budgets, all of it or, when one does not suffice, nothing.
func (b *budgets) charge(parts []*model.CouponUsePart) bool {
	for i, p := range parts {
		if !b.allows(p) {
			for _, done := range parts[:i] {
				b.give(done.BatchID, done.BudgetDay, 1, done.OffFen)
			}
			return false
		}
		b.give(p.BatchID, p.BudgetDay, -1, -p.OffFen)
	}
	return true
}

func (b *budgets) allows(p *model.CouponUsePart) bool {
	for _, k := range keysOf(p.BatchID, p.BudgetDay) {
		r := b.rows[k]
		if r.LimitCount > 0 && r.UsedCount+1 > r.LimitCount || r.LimitFen > 0 && r.UsedFen+p.OffFen > r.LimitFen {
			return false
		}
	}
	return true
}

// keysOf are the budgets of a use: for all time, and of its day if there is one.
func keysOf(batchID int64, day string) []budgetKey {
	if day == "" {
		return []budgetKey{{batchID, ""}}
	}
	return []budgetKey{{batchID, ""}, {batchID, day}}
}

// give gives back to budgets; less than nothing is taken from them.
func (b *budgets) give(batchID int64, day string, count int64, fen model.Fen) {
	for _, k := range keysOf(batchID, day) {
		d := b.delta[k]
		if d == nil {
			d = &model.CouponBudget{BatchID: k.batch, Day: k.day}
			b.delta[k] = d
		}
		d.UsedCount, d.UsedFen = d.UsedCount-count, d.UsedFen-fen
		if r := b.rows[k]; r != nil {
			r.UsedCount, r.UsedFen = r.UsedCount-count, r.UsedFen-fen
		}
	}
}

// write changes the rows; one that would go over its limit after all ends the transaction.
func (b *budgets) write(tx *gorm.DB) error {
	keys := make([]budgetKey, 0, len(b.delta))
	for k := range b.delta {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y budgetKey) int { return cmp.Or(cmp.Compare(x.batch, y.batch), cmp.Compare(x.day, y.day)) })
	byDay := map[string][]*model.CouponBudget{}
	for _, k := range keys {
		if d := b.delta[k]; d.UsedCount != 0 || d.UsedFen != 0 { // else what was taken was given back
			byDay[k.day] = append(byDay[k.day], d)
		}
	}
	for _, day := range slices.Sorted(maps.Keys(byDay)) {
		if err := addBudgets(tx, day, byDay[day]); err != nil {
			return err
		}
	}
	return nil
}
