package catalog

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// followed are the states of a relation in which the staff member sees the customer, as everywhere.
var followed = []string{"active", "half", "left"}

// seen narrows rows with a customer to those whose customer may be seen.
func (sc scope) seen(q *gorm.DB, column string) *gorm.DB {
	if sc.all {
		return q
	}
	relations := q.Session(&gorm.Session{NewDB: true}).Model(&model.Relation{}).Select("relation.customer_id").
		Where("relation.staff_id IN ? AND relation.status IN ?", sc.staffIDs, followed)
	return q.Where(column+" IN (?)", relations)
}

// where adds conditions that are asked for.
type where struct{ q *gorm.DB }

func (w *where) when(asked bool, cond string, args ...any) {
	if asked {
		w.q = w.q.Where(cond, args...)
	}
}

const orderColumns = "customer_order.*, customer.name AS customer_name"

func ordersWithNames(tx *gorm.DB, sc scope) *gorm.DB {
	q := tx.Table("customer_order").Select(orderColumns).Joins("LEFT JOIN customer ON customer.id = customer_order.customer_id").
		Where("customer_order.status <> ?", StatusAwaited)
	return sc.seen(q, "customer_order.customer_id")
}

func listOrders(tx *gorm.DB, sc scope, f OrderFilter) ([]OrderItem, error) {
	w := where{ordersWithNames(tx, sc)}
	w.when(f.CustomerID != 0, "customer_order.customer_id = ?", f.CustomerID)
	w.when(f.Number != "", "customer_order.number = ?", f.Number)
	w.when(f.Shop != "", "customer_order.shop = ?", f.Shop)
	w.when(f.Status != "", "customer_order.status = ?", f.Status)
	w.when(f.Waiting, "customer_order.customer_id = 0")
	w.when(!f.PlacedFrom.IsZero(), "customer_order.placed_at >= ?", f.PlacedFrom.UTC())
	w.when(!f.PlacedTo.IsZero(), "customer_order.placed_at < ?", f.PlacedTo.UTC())
	at := time.UnixMilli(f.After.At).UTC()
	w.when(f.After.ID != 0, "customer_order.placed_at <= ? AND (customer_order.placed_at < ? OR customer_order.id < ?)", at, at, f.After.ID)
	var rows []OrderItem
	if err := w.q.Order("customer_order.placed_at DESC, customer_order.id DESC").Limit(f.Limit + 1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	return rows, nil
}

func findOrder(tx *gorm.DB, sc scope, cond string, arg any) (*OrderItem, error) {
	var row OrderItem
	err := ordersWithNames(tx, sc).Where(cond, arg).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find order: %w", err)
	}
	return &row, nil
}

func detailLines(tx *gorm.DB, orderID int64) ([]DetailLine, error) {
	var rows []DetailLine
	err := tx.Table("order_line").Select("order_line.*, product.number AS product_number, product.name AS product_name").
		Joins("LEFT JOIN product ON product.id = order_line.product_id").Where("order_line.order_id = ?", orderID).Order("order_line.line").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find lines: %w", err)
	}
	return rows, nil
}

func listRefunds(tx *gorm.DB, sc scope, f RefundFilter) ([]RefundItem, error) {
	q := tx.Table("refund").Select("refund.*, customer.name AS customer_name").Joins("LEFT JOIN customer ON customer.id = refund.customer_id")
	w := where{sc.seen(q, "refund.customer_id")}
	w.when(f.CustomerID != 0, "refund.customer_id = ?", f.CustomerID)
	w.when(f.Number != "", "refund.number = ?", f.Number)
	if f.Order != "" {
		w.q = w.q.Where("refund.order_id IN (?)", tx.Model(&model.CustomerOrder{}).Select("id").Where("number = ?", f.Order))
	}
	w.when(f.Status != "", "refund.status = ?", f.Status)
	w.when(f.After != 0, "refund.id < ?", f.After)
	var rows []RefundItem
	if err := w.q.Order("refund.id DESC").Limit(f.Limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list refunds: %w", err)
	}
	return rows, nil
}

func listProducts(tx *gorm.DB, f ProductFilter, within []int64) ([]ProductItem, error) {
	w := where{tx.Table("product").Select("product.*, product_category.name AS category_name").
		Joins("LEFT JOIN product_category ON product_category.id = product.category_id")}
	w.when(f.Number != "", "product.number = ?", f.Number)
	w.when(f.NamePrefix != "", "product.name LIKE ? ESCAPE '!'", strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(f.NamePrefix)+"%")
	w.when(f.Status != "", "product.status = ?", f.Status)
	w.when(len(within) > 0, "product.category_id IN ?", within)
	w.when(f.After != 0, "product.id < ?", f.After)
	var rows []ProductItem
	if err := w.q.Order("product.id DESC").Limit(f.Limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list products: %w", err)
	}
	return rows, nil
}
