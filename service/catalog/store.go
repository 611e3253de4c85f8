package catalog

import (
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func categoryNumber(r *model.ProductCategory) string { return r.Number }
func productNumber(r *model.Product) string          { return r.Number }
func orderNumber(r *model.CustomerOrder) string      { return r.Number }
func refundNumber(r *model.Refund) string            { return r.Number }

func find[Row any](tx *gorm.DB, numbers []string) ([]*Row, error) {
	var rows []*Row
	if len(numbers) == 0 {
		return nil, nil
	}
	for part := range slices.Chunk(numbers, 500) {
		var some []*Row
		if err := tx.Where("number IN ?", part).Find(&some).Error; err != nil {
			return nil, fmt.Errorf("find %T: %w", rows, err)
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// hold locks the rows of these numbers that there are, in the order of the numbers.
func hold[Row any](tx *gorm.DB, numbers []string, numberOf func(*Row) string, held map[string]*Row) error {
	for part := range slices.Chunk(numbers, 500) {
		var rows []*Row
		if err := model.ForUpdate(tx).Where("number IN ?", part).Order("number").Find(&rows).Error; err != nil {
			return fmt.Errorf("lock %T: %w", rows, err)
		}
		for _, r := range rows {
			held[numberOf(r)] = r
		}
	}
	return nil
}

func updateRow(tx *gorm.DB, row any, id int64, columns map[string]any) error {
	if err := tx.Model(row).Where("id = ?", id).Updates(columns).Error; err != nil {
		return fmt.Errorf("update %T %d: %w", row, id, err)
	}
	return nil
}

// holdTree reads the parents of all categories, after all who changed them before have finished.
func holdTree(tx *gorm.DB) (tree, error) {
	var first model.ProductCategory
	if err := model.ForUpdate(tx).Order("id").Limit(1).Find(&first).Error; err != nil {
		return nil, fmt.Errorf("lock categories: %w", err)
	}
	var rows []model.ProductCategory
	if err := tx.Select("id", "parent_id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read categories: %w", err)
	}
	t := make(tree, len(rows))
	for _, r := range rows {
		t[r.ID] = r.ParentID
	}
	return t, nil
}

func allCategories(tx *gorm.DB) ([]model.ProductCategory, error) {
	var rows []model.ProductCategory
	if err := tx.Order("name, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list categories: %w", err)
	}
	return rows, nil
}

func updateProduct(tx *gorm.DB, p *model.Product) error {
	return updateRow(tx, &model.Product{}, p.ID, map[string]any{
		"name": p.Name, "category_id": p.CategoryID, "price_fen": p.PriceFen, "image_url": p.ImageURL, "page_path": p.PagePath,
		"status": p.Status, "version": p.Version, "fingerprint": p.Fingerprint, "updated_at": p.UpdatedAt,
	})
}

// relabelLines gives up to limit lines of a product its present category and tells how many it changed.
func relabelLines(tx *gorm.DB, productID int64, limit int) (int64, error) {
	var p model.Product
	if err := tx.Select("category_id").Where("id = ?", productID).Take(&p).Error; err != nil {
		return 0, fmt.Errorf("find product %d: %w", productID, err)
	}
	var ids []int64
	err := tx.Model(&model.OrderLine{}).Where("product_id = ? AND category_id <> ?", productID, p.CategoryID).Limit(limit).Pluck("id", &ids).Error
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	res := tx.Model(&model.OrderLine{}).Where("id IN ?", ids).Updates(map[string]any{"category_id": p.CategoryID})
	return res.RowsAffected, res.Error
}

// mislabelled lists the products of lines (from, to] whose category is another by now.
func mislabelled(tx *gorm.DB, from, to int64) ([]int64, error) {
	var ids []int64
	err := tx.Model(&model.OrderLine{}).Joins("JOIN product ON product.id = order_line.product_id AND product.category_id <> order_line.category_id").
		Where("order_line.id > ? AND order_line.id <= ?", from, to).Distinct().Pluck("order_line.product_id", &ids).Error
	return ids, err
}

func lastLine(tx *gorm.DB) (id int64, err error) {
	return id, tx.Model(&model.OrderLine{}).Select("COALESCE(MAX(id), 0)").Scan(&id).Error
}

func lastOrder(tx *gorm.DB) (id int64, err error) {
	return id, tx.Model(&model.CustomerOrder{}).Select("COALESCE(MAX(id), 0)").Scan(&id).Error
}

func updateOrder(tx *gorm.DB, o *model.CustomerOrder) error {
	return updateRow(tx, &model.CustomerOrder{}, o.ID, map[string]any{
		"shop": o.Shop, "customer_id": o.CustomerID, "buyer_kind": o.BuyerKind, "buyer_scope": o.BuyerScope, "buyer_value": o.BuyerValue,
		"status": o.Status, "total_fen": o.TotalFen, "discount_fen": o.DiscountFen, "paid_fen": o.PaidFen, "placed_at": o.PlacedAt,
		"paid_at": o.PaidAt, "completed_at": o.CompletedAt, "version": o.Version, "fingerprint": o.Fingerprint, "updated_at": o.UpdatedAt,
	})
}

func updateRefund(tx *gorm.DB, r *model.Refund) error {
	return updateRow(tx, &model.Refund{}, r.ID, map[string]any{
		"order_id": r.OrderID, "customer_id": r.CustomerID, "line": r.Line, "status": r.Status, "amount_fen": r.AmountFen,
		"refunded_at": r.RefundedAt, "version": r.Version, "fingerprint": r.Fingerprint, "updated_at": r.UpdatedAt,
	})
}

// replaceLines puts lines in the place of whatever lines the orders had.
func replaceLines(tx *gorm.DB, orders []*model.CustomerOrder, lines []*model.OrderLine) error {
	if len(orders) == 0 {
		return nil
	}
	if err := tx.Where("order_id IN ?", idsOf(orders)).Delete(&model.OrderLine{}).Error; err != nil {
		return fmt.Errorf("replace lines: %w", err)
	}
	if len(lines) == 0 {
		return nil
	}
	if err := tx.CreateInBatches(lines, 500).Error; err != nil {
		return fmt.Errorf("insert lines: %w", err)
	}
	return nil
}

func updateLinesOf(tx *gorm.DB, o *model.CustomerOrder) error {
	err := tx.Model(&model.OrderLine{}).Where("order_id = ?", o.ID).Updates(map[string]any{"customer_id": o.CustomerID, "paid_at": o.PaidAt}).Error
	if err != nil {
		return fmt.Errorf("update lines of order %d: %w", o.ID, err)
	}
	return nil
}

func updateRefundsOf(tx *gorm.DB, o *model.CustomerOrder) error {
	err := tx.Model(&model.Refund{}).Where("order_id = ?", o.ID).Updates(map[string]any{"customer_id": o.CustomerID}).Error
	if err != nil {
		return fmt.Errorf("update refunds of order %d: %w", o.ID, err)
	}
	return nil
}

func idsOf(orders []*model.CustomerOrder) []int64 {
	ids := make([]int64, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	return ids
}

func refundsOf(tx *gorm.DB, orderIDs []int64) (map[int64][]*model.Refund, error) {
	out := map[int64][]*model.Refund{}
	if len(orderIDs) == 0 {
		return out, nil
	}
	var rows []*model.Refund
	if err := tx.Where("order_id IN ?", orderIDs).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find refunds: %w", err)
	}
	for _, r := range rows {
		out[r.OrderID] = append(out[r.OrderID], r)
	}
	return out, nil
}

func linesOf(tx *gorm.DB, orderIDs []int64) (map[int64][]*model.OrderLine, error) {
	var rows []*model.OrderLine
	if err := tx.Where("order_id IN ?", orderIDs).Order("order_id, line").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find lines: %w", err)
	}
	out := map[int64][]*model.OrderLine{}
	for _, r := range rows {
		out[r.OrderID] = append(out[r.OrderID], r)
	}
	return out, nil
}

// customersBehind finds who is recognised by identities.
func customersBehind(tx *gorm.DB, asked []Buyer) (map[Buyer]int64, error) {
	values := map[[2]string][]string{} // by kind and scope
	for _, b := range asked {
		key := [2]string{b.Kind, b.Scope}
		values[key] = append(values[key], b.Value)
	}
	out := map[Buyer]int64{}
	for key, list := range values {
		var rows []model.Identity
		err := tx.Select("value", "customer_id").Where("kind = ? AND scope = ? AND value IN ?", key[0], key[1], list).Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("find buyers: %w", err)
		}
		for _, r := range rows {
			out[Buyer{key[0], key[1], r.Value}] = r.CustomerID
		}
	}
	return out, nil
}

// holdCustomers locks customers and tells how many of them stand for themselves.
func holdCustomers(tx *gorm.DB, ids []int64) (standing int, err error) {
	var rows []model.Customer
	if err := model.ForUpdate(model.ByIndex(tx, "customer", model.PrimaryKey)).Select("id", "merged_into").Where("id IN ?", ids).Order("id").Find(&rows).Error; err != nil {
		return 0, fmt.Errorf("lock buyers: %w", err)
	}
	for _, r := range rows {
		if r.MergedInto == 0 {
			standing++
		}
	}
	return standing, nil
}

func holdOrders(tx *gorm.DB, ids []int64) ([]*model.CustomerOrder, error) {
	var rows []*model.CustomerOrder
	if err := model.ForUpdate(model.ByIndex(tx, "customer_order", model.PrimaryKey)).Where("id IN ?", ids).Order("number").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("lock orders: %w", err)
	}
	return rows, nil
}

const buyerIsKnown = "JOIN identity ON identity.kind = customer_order.buyer_kind AND identity.scope = customer_order.buyer_scope AND " +
	"identity.value = customer_order.buyer_value"

// waitingFor lists waiting orders whose buyer is one of these customers.
func waitingFor(tx *gorm.DB, customerIDs []int64, limit int) ([]int64, error) {
	var ids []int64
	err := tx.Model(&model.CustomerOrder{}).Joins(buyerIsKnown).
		Where("identity.customer_id IN ? AND customer_order.customer_id = 0", customerIDs).Limit(limit).Pluck("customer_order.id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find waiting orders: %w", err)
	}
	return ids, nil
}

// adoptable lists the waiting orders with ids in (from, to] whose buyer is known by now.
func adoptable(tx *gorm.DB, from, to int64) ([]int64, error) {
	var ids []int64
	err := tx.Model(&model.CustomerOrder{}).Joins(buyerIsKnown).
		Where("customer_order.id > ? AND customer_order.id <= ? AND customer_order.customer_id = 0", from, to).
		Order("customer_order.id").Pluck("customer_order.id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find waiting orders: %w", err)
	}
	return ids, nil
}

func waitingBuyers(tx *gorm.DB, orderIDs []int64) ([]Buyer, error) {
	var rows []model.CustomerOrder
	err := tx.Select("buyer_kind", "buyer_scope", "buyer_value").Where("id IN ? AND customer_id = 0 AND buyer_kind <> ''", orderIDs).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find waiting orders: %w", err)
	}
	list := make([]Buyer, len(rows))
	for i, r := range rows {
		list[i] = Buyer{r.BuyerKind, r.BuyerScope, r.BuyerValue}
	}
	return list, nil
}

// holdTotals locks the totals of customers, in the order of the customers, and makes those that are not there.
func holdTotals(tx *gorm.DB, customerIDs []int64, now time.Time) ([]*model.CustomerTrade, error) {
	find := func() (rows []*model.CustomerTrade, err error) {
		return rows, model.ForUpdate(model.ByIndex(tx, "customer_trade", model.PrimaryKey)).Where("customer_id IN ?", customerIDs).Order("customer_id").Find(&rows).Error
	}
	rows, err := find()
	if err != nil || len(rows) == len(customerIDs) {
		return rows, err
	}
	var absent []*model.CustomerTrade
	for _, id := range customerIDs {
		if !slices.ContainsFunc(rows, func(r *model.CustomerTrade) bool { return r.CustomerID == id }) {
			absent = append(absent, &model.CustomerTrade{CustomerID: id, UpdatedAt: now})
		}
	}
	if _, err := model.InsertNew(tx, absent); err != nil {
		return nil, fmt.Errorf("insert totals: %w", err)
	}
	return find()
}

// counts tells which orders count as bought.
const counts = "paid_at IS NOT NULL AND status <> 'cancelled'"

func countTotals(tx *gorm.DB, customerIDs []int64) (map[int64]model.CustomerTrade, error) {
	var rows []model.CustomerTrade
	err := tx.Model(&model.CustomerOrder{}).
		Select("customer_id, COUNT(*) AS orders, SUM(paid_fen) AS paid_fen, SUM(refunded_fen) AS refunded_fen, MIN(paid_at) AS first_paid_at, MAX(paid_at) AS last_paid_at").
		Where("customer_id IN ? AND "+counts, customerIDs).Group("customer_id").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count totals: %w", err)
	}
	return byCustomer(rows), nil
}

func byCustomer(rows []model.CustomerTrade) map[int64]model.CustomerTrade {
	out := map[int64]model.CustomerTrade{}
	for _, r := range rows {
		out[r.CustomerID] = r
	}
	return out
}

func updateTotals(tx *gorm.DB, t *model.CustomerTrade) error {
	return updateRow(tx, &model.CustomerTrade{}, t.ID, map[string]any{
		"orders": t.Orders, "paid_fen": t.PaidFen, "refunded_fen": t.RefundedFen, "first_paid_at": t.FirstPaidAt, "last_paid_at": t.LastPaidAt,
		"updated_at": t.UpdatedAt,
	})
}

func totalsOf(tx *gorm.DB, customerIDs []int64) (map[int64]model.CustomerTrade, error) {
	var rows []model.CustomerTrade
	if err := tx.Where("customer_id IN ?", customerIDs).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find totals: %w", err)
	}
	return byCustomer(rows), nil
}

// customersWithTrade lists customers who have orders or totals, in the order of ids.
func customersWithTrade(tx *gorm.DB, after int64, limit int) ([]int64, error) {
	var ids []int64
	for _, row := range []any{&model.CustomerTrade{}, &model.CustomerOrder{}} {
		var some []int64
		err := tx.Model(row).Where("customer_id > ?", after).Distinct().Order("customer_id").Limit(limit).Pluck("customer_id", &some).Error
		if err != nil {
			return nil, fmt.Errorf("list customers with orders: %w", err)
		}
		ids = append(ids, some...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), limit)], nil
}

// RekeyTx gives the orders of a phone number's buyer another blind index, because keys have changed.
func (s *Service) RekeyTx(tx *gorm.DB, old, fresh string) error {
	err := tx.Model(&model.CustomerOrder{}).Where("buyer_kind = 'phone' AND buyer_scope = '' AND buyer_value = ?", old).
		UpdateColumn("buyer_value", fresh).Error
	if err != nil {
		return fmt.Errorf("give orders another index: %w", err)
	}
	return nil
}
