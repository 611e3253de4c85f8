package coupon

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
)

// countsOf reads the counters of batches.
func countsOf(tx *gorm.DB, ids []int64) (map[int64]*model.CouponCount, error) {
	m := make(map[int64]*model.CouponCount, len(ids))
	if len(ids) == 0 {
		return m, nil
	}
	var rows []*model.CouponCount
	if err := tx.Where("batch_id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find counters of coupon batches: %w", err)
	}
	for _, r := range rows {
		m[r.BatchID] = r
	}
	return m, nil
}

func useByID(tx *gorm.DB, id int64) (*Use, error) {
	m, err := usesByID(tx, tx, []int64{id})
	if err == nil && m[id] == nil {
		err = ErrNoUse
	}
	return m[id], err
}

// lockUses locks uses, in the order of their ids.
func lockUses(tx *gorm.DB, ids []int64) (map[int64]*Use, error) {
	return usesByID(tx, model.ForUpdate(tx), ids)
}

// usesByID finds uses by a query of the caller's, and their parts.
func usesByID(tx, q *gorm.DB, ids []int64) (map[int64]*Use, error) {
	m := map[int64]*Use{}
	if len(ids) == 0 {
		return m, nil
	}
	var rows []model.CouponUse
	if err := q.Where("id IN ?", ids).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find uses of coupons: %w", err)
	}
	for i := range rows {
		m[rows[i].ID] = &Use{CouponUse: rows[i]}
	}
	var parts []model.CouponUsePart
	if err := tx.Where("use_id IN ?", ids).Order("use_id, place").Find(&parts).Error; err != nil {
		return nil, fmt.Errorf("find parts of uses: %w", err)
	}
	for _, p := range parts {
		if u := m[p.UseID]; u != nil {
			u.Parts = append(u.Parts, p)
		}
	}
	return m, nil
}

// ordersWithCoupons are those of the orders that coupons are reserved for or used on.
func ordersWithCoupons(tx *gorm.DB, keys []hash) (map[hash]bool, error) {
	m := map[hash]bool{}
	if len(keys) == 0 {
		return m, nil
	}
	list := make([][]byte, len(keys))
	for i := range keys {
		list[i] = keys[i][:]
	}
	var found [][]byte
	if err := tx.Model(&model.CouponUse{}).Where("order_key IN ?", list).Pluck("order_key", &found).Error; err != nil {
		return nil, fmt.Errorf("find orders with coupons: %w", err)
	}
	for _, k := range found {
		m[hash(k)] = true
	}
	return m, nil
}

const (
	useColumns = "customer_id,state,order_number,order_key,shop,api_key_id,staff_id,bill,total_fen,off_fen,returned_fen,expires_at,redeemed_at,created_at,updated_at"

	partColumns = "use_id,coupon_id,batch_id,place,off_fen,returned_fen,budget_day,split"
)

// insertUses inserts uses and sets their ids. It fails as a duplicate when another was quicker with an order.
func insertUses(tx *gorm.DB, list []*model.CouponUse) error {
	rows := make([][]any, len(list))
	for i, u := range list {
		rows[i] = []any{
			u.CustomerID, u.State, u.OrderNumber, u.OrderKey, u.Shop, u.APIKeyID, u.StaffID, u.Bill, u.TotalFen, u.OffFen, u.ReturnedFen, u.ExpiresAt,
			u.RedeemedAt, u.CreatedAt, u.UpdatedAt,
		}
	}
	ids, err := insertRows(tx, "coupon_use", useColumns, rows)
	for i, id := range ids {
		list[i].ID = id
	}
	return err
}

func insertParts(tx *gorm.DB, list []*model.CouponUsePart) error {
	rows := make([][]any, len(list))
	for i, p := range list {
		rows[i] = []any{p.UseID, p.CouponID, p.BatchID, p.Place, p.OffFen, p.ReturnedFen, p.BudgetDay, p.Split}
	}
	_, err := insertRows(tx, "coupon_use_part", partColumns, rows)
	return err
}

// updateUse writes what became of a use that was in a state.
func updateUse(tx *gorm.DB, u *model.CouponUse, was string) error {
	return exactly(tx, 1, "UPDATE coupon_use SET state = ?, order_key = ?, bill = ?, returned_fen = ?, redeemed_at = ?, updated_at = ? WHERE id = ? AND state = ?",
		u.State, u.OrderKey, u.Bill, u.ReturnedFen, u.RedeemedAt, u.UpdatedAt, u.ID, was)
}

func updatePart(tx *gorm.DB, p *model.CouponUsePart, was model.Fen) error {
	return exactly(tx, 1, "UPDATE coupon_use_part SET returned_fen = ?, split = ? WHERE id = ? AND returned_fen = ?", p.ReturnedFen, p.Split, p.ID, was)
}

// updateCoupons moves coupons that are at the versions they had when they were locked, by one statement.
func updateCoupons(tx *gorm.DB, list []*model.Coupon, from map[int64]int) error {
	for part := range slices.Chunk(list, statementRows) {
		var args []any
		each := func(value func(c *model.Coupon) any) string {
			for _, c := range part {
				args = append(args, c.ID, value(c))
			}
			return "CASE id" + strings.Repeat(" WHEN ? THEN ?", len(part)) + " END"
		}
		q := "UPDATE coupon SET state = " + each(func(c *model.Coupon) any { return c.State }) +
			", customer_id = " + each(func(c *model.Coupon) any { return c.CustomerID }) +
			", use_id = " + each(func(c *model.Coupon) any { return c.UseID }) +
			", balance_fen = " + each(func(c *model.Coupon) any { return c.BalanceFen }) +
			", version = " + each(func(c *model.Coupon) any { return c.Version }) + ", moved_at = ? WHERE id IN ?"
		args = append(args, part[0].MovedAt, idsOf(part))
		q += " AND version = " + each(func(c *model.Coupon) any { return from[c.ID] })
		if err := exactly(tx, len(part), q, args...); err != nil {
			return err
		}
	}
	return nil
}

func idsOf(list []*model.Coupon) []int64 {
	ids := make([]int64, len(list))
	for i, c := range list {
		ids[i] = c.ID
	}
	return ids
}

// ensureBudgets makes the budgets of days that have none yet.
func ensureBudgets(tx *gorm.DB, days []*model.CouponBudget) error {
	if len(days) == 0 {
		return nil
	}
	if err := model.InsertIgnore(tx).Create(days).Error; err != nil {
		return fmt.Errorf("begin budgets of a day: %w", err)
	}
	return nil
}

// lockBudgetRows locks budgets in one order. It may lock those of other days too: databases find rows by
// pairs of columns less well than by each of them.
func lockBudgetRows(tx *gorm.DB, wanted map[budgetKey]bool) ([]*model.CouponBudget, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	batches, days := map[int64]bool{}, map[string]bool{}
	for k := range wanted {
		batches[k.batch], days[k.day] = true, true
	}
	var rows []*model.CouponBudget
	err := model.ForUpdate(tx).Where("batch_id IN ? AND day IN ?", sortedKeys(batches), slices.Sorted(maps.Keys(days))).Order("batch_id, day").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("lock budgets: %w", err)
	}
	return rows, nil
}

// addBudget adds to what is used of a budget, if its limits allow it. What is given back is always taken.
func addBudget(tx *gorm.DB, d *model.CouponBudget) error {
	if d.UsedCount == 0 && d.UsedFen == 0 {
		return nil // what was taken was given back
	}
	return exactly(tx, 1, "UPDATE coupon_budget SET used_count = used_count + ?, used_fen = used_fen + ? WHERE batch_id = ? AND day = ?"+
		" AND (? <= 0 OR limit_count = 0 OR used_count + ? <= limit_count) AND (? <= 0 OR limit_fen = 0 OR used_fen + ? <= limit_fen)",
		d.UsedCount, d.UsedFen, d.BatchID, d.Day, d.UsedCount, d.UsedCount, d.UsedFen, d.UsedFen)
}

// goodsOf finds products by their numbers, and the parents of all categories.
func goodsOf(tx *gorm.DB, numbers map[string]bool) (map[string]*model.Product, map[int64]int64, error) {
	products, parents := map[string]*model.Product{}, map[int64]int64{}
	var list []string
	for n := range numbers {
		list = append(list, n)
	}
	if len(list) == 0 {
		return products, parents, nil
	}
	var rows []*model.Product
	if err := tx.Select("id", "number", "category_id", "price_fen", "status").Where("number IN ?", list).Find(&rows).Error; err != nil {
		return nil, nil, fmt.Errorf("find products: %w", err)
	}
	for _, r := range rows {
		products[r.Number] = r
	}
	var categories []model.ProductCategory
	if err := tx.Select("id", "parent_id").Find(&categories).Error; err != nil {
		return nil, nil, fmt.Errorf("read categories: %w", err)
	}
	for _, c := range categories {
		parents[c.ID] = c.ParentID
	}
	return products, parents, nil
}

// hasBought tells whether a customer has paid for an order, other than this one, that was not cancelled.
func hasBought(tx *gorm.DB, customerID int64, order string) (bool, error) {
	var n int64
	err := tx.Model(&model.CustomerOrder{}).Where("customer_id = ? AND number <> ? AND paid_at IS NOT NULL AND status <> 'cancelled'", customerID, order).
		Limit(1).Count(&n).Error
	if err != nil {
		return false, fmt.Errorf("find orders of a customer: %w", err)
	}
	return n > 0, nil
}

// couponsInHand are a customer's coupons that may be used, or are waiting, those that expire first first.
func couponsInHand(tx *gorm.DB, customerID int64, limit int) ([]*model.Coupon, error) {
	var rows []*model.Coupon
	err := tx.Where("customer_id = ? AND state IN ?", customerID, []string{InReview, Usable, Reserved}).Order("valid_until, id").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find coupons of a customer: %w", err)
	}
	return rows, nil
}

// budgetsOf reads the budgets of batches, for all time and for a day.
func budgetsOf(tx *gorm.DB, batches []int64, day string) ([]*model.CouponBudget, error) {
	var rows []*model.CouponBudget
	if len(batches) == 0 {
		return nil, nil
	}
	if err := tx.Where("batch_id IN ? AND day IN ?", batches, []string{"", day}).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find budgets: %w", err)
	}
	return rows, nil
}
