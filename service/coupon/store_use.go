package coupon

import (
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

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

// updateUse writes what became of a use that was in a state.
func updateUse(tx *gorm.DB, u *model.CouponUse, was string) error {
	return exactly(tx, 1, "UPDATE coupon_use SET state = ?, order_key = ?, bill = ?, returned_fen = ?, redeemed_at = ?, updated_at = ? WHERE id = ? AND state = ?",
		u.State, u.OrderKey, u.Bill, u.ReturnedFen, u.RedeemedAt, u.UpdatedAt, u.ID, was)
}

func updatePart(tx *gorm.DB, p *model.CouponUsePart, was model.Fen) error {
	return exactly(tx, 1, "UPDATE coupon_use_part SET returned_fen = ?, split = ? WHERE id = ? AND returned_fen = ?", p.ReturnedFen, p.Split, p.ID, was)
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
