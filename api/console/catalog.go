package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/catalog"
)

// Product is something that is sold.
type Product struct {
	ID           string    `json:"id"`
	Number       string    `json:"number" doc:"the shop's own"`
	Name         string    `json:"name"`
	CategoryID   string    `json:"category_id,omitempty"`
	CategoryName string    `json:"category_name,omitempty"`
	PriceFen     int64     `json:"price_fen"`
	ImageURL     string    `json:"image_url,omitempty"`
	PagePath     string    `json:"page_path,omitempty" doc:"in the mini-program"`
	Status       string    `json:"status" doc:"on_sale, off_sale; mentioned: an order spoke of it, the shop has not described it"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// ListProductsInput selects products.
type ListProductsInput struct {
	PageQuery
	Number     string `query:"number" maxLength:"64"`
	NamePrefix string `query:"name_prefix" maxLength:"64" doc:"how the name begins"`
	Status     string `query:"status" enum:"on_sale,off_sale,mentioned"`
	CategoryID string `query:"category_id" maxLength:"26" doc:"of it or of one below it"`
}

// ListProducts lists products, the last told of first.
func (h *Handlers) ListProducts(ctx context.Context, in *ListProductsInput) (*Page[Product], error) {
	r := h.reader()
	f := catalog.ProductFilter{
		Number: in.Number, NamePrefix: in.NamePrefix, Status: in.Status, CategoryID: r.optional(model.KindProductCategory, in.CategoryID),
		After: r.after(listProduct, in.Cursor), Limit: in.Limit,
	}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Catalog.Products(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []Product
	for _, p := range rows {
		items = append(items, Product{
			ID: h.IDs.Of(model.KindProduct, p.ID), Number: p.Number, Name: p.Name, CategoryID: h.IDs.Of(model.KindProductCategory, p.CategoryID),
			CategoryName: p.CategoryName, PriceFen: int64(p.PriceFen), ImageURL: p.ImageURL, PagePath: p.PagePath, Status: p.Status, UpdatedAt: p.UpdatedAt,
		})
	}
	return newPage(h, listProduct, items, lastOf(rows, in.Limit, func(p catalog.ProductItem) int64 { return p.ID }))
}

// ProductCategory is a category of products.
type ProductCategory struct {
	ID       string `json:"id"`
	ParentID string `json:"parent_id,omitempty" doc:"absent at the top"`
	Number   string `json:"number" doc:"the shop's own"`
	Name     string `json:"name"`
}

// ListProductCategories lists all categories, every one after the one it is below.
func (h *Handlers) ListProductCategories(ctx context.Context, _ *struct{}) (*Page[ProductCategory], error) {
	top, err := h.Catalog.Categories(ctx)
	if err != nil {
		return nil, err
	}
	return whole(h.flat(top)), nil
}

func (h *Handlers) flat(level []catalog.Category) (items []ProductCategory) {
	for _, c := range level {
		items = append(items, ProductCategory{
			ID: h.IDs.Of(model.KindProductCategory, c.ID), ParentID: h.IDs.Of(model.KindProductCategory, c.ParentID), Number: c.Number, Name: c.Name,
		})
		items = append(items, h.flat(c.Below)...)
	}
	return items
}

// Order is an order as a list shows it.
type Order struct {
	ID           string     `json:"id"`
	Number       string     `json:"number"`
	Shop         string     `json:"shop,omitempty"`
	CustomerID   string     `json:"customer_id,omitempty" doc:"absent while the buyer is nobody known"`
	CustomerName string     `json:"customer_name,omitempty"`
	Status       string     `json:"status" doc:"placed, paid, shipped, completed, cancelled"`
	TotalFen     int64      `json:"total_fen"`
	DiscountFen  int64      `json:"discount_fen"`
	PaidFen      int64      `json:"paid_fen"`
	RefundedFen  int64      `json:"refunded_fen" doc:"never more than was paid"`
	PlacedAt     time.Time  `json:"placed_at"`
	PaidAt       *time.Time `json:"paid_at,omitempty"`
	CompletedAt  *time.Time `json:"completed_at,omitempty"`
}

func (h *Handlers) order(o *catalog.OrderItem) Order {
	return Order{
		ID: h.IDs.Of(model.KindOrder, o.ID), Number: o.Number, Shop: o.Shop, CustomerID: h.IDs.Of(model.KindCustomer, o.CustomerID), CustomerName: o.CustomerName,
		Status: o.Status, TotalFen: int64(o.TotalFen), DiscountFen: int64(o.DiscountFen), PaidFen: int64(o.PaidFen), RefundedFen: int64(o.RefundedFen),
		PlacedAt: o.PlacedAt, PaidAt: o.PaidAt, CompletedAt: o.CompletedAt,
	}
}

// ListOrdersInput selects orders.
type ListOrdersInput struct {
	PageQuery
	CustomerID string    `query:"customer_id" maxLength:"26"`
	Number     string    `query:"number" maxLength:"64"`
	Shop       string    `query:"shop" maxLength:"64"`
	Status     string    `query:"status" enum:"placed,paid,shipped,completed,cancelled"`
	Waiting    bool      `query:"waiting" doc:"only those whose buyer is nobody known"`
	PlacedFrom time.Time `query:"placed_from"`
	PlacedTo   time.Time `query:"placed_to" doc:"exclusive"`
}

// ListOrders lists the orders of the customers that the viewer may see, the last placed first.
func (h *Handlers) ListOrders(ctx context.Context, in *ListOrdersInput) (*Page[Order], error) {
	r := h.reader()
	f := catalog.OrderFilter{
		CustomerID: r.optional(model.KindCustomer, in.CustomerID), Number: in.Number, Shop: in.Shop, Status: in.Status, Waiting: in.Waiting,
		PlacedFrom: in.PlacedFrom, PlacedTo: in.PlacedTo, Limit: in.Limit,
	}
	r.moments(map[string]time.Time{"query.placed_from": in.PlacedFrom, "query.placed_to": in.PlacedTo})
	place, err := unseal[catalog.Place](h.Cursors, listOrder, in.Cursor)
	r.fail(err)
	if r.err != nil {
		return nil, r.err
	}
	f.After = place
	rows, end, err := h.Catalog.Orders(ctx, ViewerOf(ctx), f)
	if err != nil {
		return nil, err
	}
	var items []Order
	for i := range rows {
		items = append(items, h.order(&rows[i]))
	}
	return newPage(h, listOrder, items, end)
}

// OrderLine is one line of an order.
type OrderLine struct {
	Line          int    `json:"line"`
	ProductID     string `json:"product_id"`
	ProductNumber string `json:"product_number"`
	Name          string `json:"name" doc:"as it was sold"`
	Quantity      int64  `json:"quantity"`
	PriceFen      int64  `json:"price_fen" doc:"of one piece"`
	PaidFen       int64  `json:"paid_fen" doc:"for all of them, after discounts"`
	RefundedFen   int64  `json:"refunded_fen"`
}

// Refund is money that went back, or is to.
type Refund struct {
	ID           string     `json:"id"`
	Number       string     `json:"number"`
	OrderID      string     `json:"order_id"`
	OrderNumber  string     `json:"order_number"`
	CustomerID   string     `json:"customer_id,omitempty"`
	CustomerName string     `json:"customer_name,omitempty"`
	Line         int        `json:"line,omitempty" doc:"of the order; absent: of the whole"`
	Status       string     `json:"status" doc:"requested, refunded, refused"`
	AmountFen    int64      `json:"amount_fen"`
	RefundedAt   *time.Time `json:"refunded_at,omitempty"`
}

func (h *Handlers) refund(r *model.Refund, customerName string) Refund {
	return Refund{
		ID: h.IDs.Of(model.KindRefund, r.ID), Number: r.Number, OrderID: h.IDs.Of(model.KindOrder, r.OrderID), OrderNumber: r.OrderNumber,
		CustomerID: h.IDs.Of(model.KindCustomer, r.CustomerID), CustomerName: customerName, Line: r.Line, Status: r.Status,
		AmountFen: int64(r.AmountFen), RefundedAt: r.RefundedAt,
	}
}

// OrderDetail is an order with its lines and refunds.
type OrderDetail struct {
	Order
	Lines   []OrderLine `json:"lines" nullable:"false"`
	Refunds []Refund    `json:"refunds" nullable:"false"`
}

// GetOrder gives one order.
func (h *Handlers) GetOrder(ctx context.Context, in *IDPath) (*One[OrderDetail], error) {
	id, err := h.IDs.Row(model.KindOrder, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := h.Catalog.Order(ctx, ViewerOf(ctx), id)
	if err != nil {
		return nil, err
	}
	out := OrderDetail{Order: h.order(&d.OrderItem), Lines: []OrderLine{}, Refunds: []Refund{}}
	for _, l := range d.Lines {
		out.Lines = append(out.Lines, OrderLine{
			Line: l.Line, ProductID: h.IDs.Of(model.KindProduct, l.ProductID), ProductNumber: l.ProductNumber, Name: l.Name, Quantity: l.Quantity,
			PriceFen: int64(l.PriceFen), PaidFen: int64(l.PaidFen), RefundedFen: int64(l.RefundedFen),
		})
	}
	for i := range d.Refunds {
		out.Refunds = append(out.Refunds, h.refund(&d.Refunds[i], d.CustomerName))
	}
	return one(out), nil
}

// ListRefundsInput selects refunds.
type ListRefundsInput struct {
	PageQuery
	CustomerID string `query:"customer_id" maxLength:"26"`
	Number     string `query:"number" maxLength:"64"`
	Order      string `query:"order_number" maxLength:"64"`
	Status     string `query:"status" enum:"requested,refunded,refused"`
}

// ListRefunds lists the refunds of the customers that the viewer may see, the last told first.
func (h *Handlers) ListRefunds(ctx context.Context, in *ListRefundsInput) (*Page[Refund], error) {
	r := h.reader()
	f := catalog.RefundFilter{
		CustomerID: r.optional(model.KindCustomer, in.CustomerID), Number: in.Number, Order: in.Order, Status: in.Status,
		After: r.after(listRefund, in.Cursor), Limit: in.Limit,
	}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Catalog.Refunds(ctx, ViewerOf(ctx), f)
	if err != nil {
		return nil, err
	}
	var items []Refund
	for i := range rows {
		items = append(items, h.refund(&rows[i].Refund, rows[i].CustomerName))
	}
	return newPage(h, listRefund, items, lastOf(rows, in.Limit, func(r catalog.RefundItem) int64 { return r.ID }))
}

// Trade is what a customer bought in all: the sums of the paid orders that are not cancelled.
type Trade struct {
	Orders      int64      `json:"orders"`
	PaidFen     int64      `json:"paid_fen"`
	RefundedFen int64      `json:"refunded_fen"`
	FirstPaidAt *time.Time `json:"first_paid_at,omitempty"`
	LastPaidAt  *time.Time `json:"last_paid_at,omitempty"`
}

// lastOrders is how many orders a customer's detail shows.
const lastOrders = 5

// TradeOf is what a customer, whom the viewer may see, bought in all, and the orders placed last.
func (h *Handlers) TradeOf(ctx context.Context, customerID int64) (Trade, []Order, error) {
	t, err := h.Catalog.Totals(ctx, customerID)
	if err != nil {
		return Trade{}, nil, err
	}
	rows, _, err := h.Catalog.Orders(ctx, ViewerOf(ctx), catalog.OrderFilter{CustomerID: customerID, Limit: lastOrders})
	orders := []Order{}
	for i := range rows {
		orders = append(orders, h.order(&rows[i]))
	}
	return Trade{t.Orders, int64(t.PaidFen), int64(t.RefundedFen), t.FirstPaidAt, t.LastPaidAt}, orders, err
}
