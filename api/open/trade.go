package open

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/catalog"
	"zhiyin/service/fault"
)

func trouble(f *fault.Fault) *Trouble {
	if f == nil {
		return nil
	}
	return &Trouble{f.Code, f.Zh, f.En, f.Fields}
}

// Version is a part of all that is told.
type Version struct {
	Version int64 `json:"version" doc:"when it was last changed in your system, in ms since 1970: an older one than the last changes nothing"`
}

// Category is a category of products.
type Category struct {
	Number string `json:"number"`
	Name   string `json:"name"`
	Parent string `json:"parent,omitempty" doc:"number of the category above; absent: at the top"`
	Version
}

// CategoriesInput is up to 100 categories.
type CategoriesInput struct {
	Body struct {
		Items []Category `json:"items" minItems:"1" maxItems:"100" nullable:"false"`
	}
}

// UpsertCategories takes categories as they stand.
func (h *Handlers) UpsertCategories(ctx context.Context, in *CategoriesInput) (*Batch, error) {
	list := make([]catalog.CategoryInput, len(in.Body.Items))
	for i, c := range in.Body.Items {
		list[i] = catalog.CategoryInput{Number: c.Number, Name: c.Name, Parent: c.Parent, Version: c.Version.Version}
	}
	return batch(h.Catalog.UpsertCategories(ctx, list))
}

// Product is something that is sold.
type Product struct {
	Number   string `json:"number"`
	Name     string `json:"name"`
	Category string `json:"category,omitempty" doc:"its number; it may be described later"`
	PriceFen int64  `json:"price_fen"`
	ImageURL string `json:"image_url,omitempty"`
	PagePath string `json:"page_path,omitempty" doc:"in the mini-program"`
	Status   string `json:"status" doc:"on_sale or off_sale"`
	Version
}

// ProductsInput is up to 100 products.
type ProductsInput struct {
	Body struct {
		Items []Product `json:"items" minItems:"1" maxItems:"100" nullable:"false"`
	}
}

// UpsertProducts takes products as they stand.
func (h *Handlers) UpsertProducts(ctx context.Context, in *ProductsInput) (*Batch, error) {
	list := make([]catalog.ProductInput, len(in.Body.Items))
	for i, p := range in.Body.Items {
		list[i] = catalog.ProductInput{
			Number: p.Number, Name: p.Name, Category: p.Category, PriceFen: model.Fen(p.PriceFen), ImageURL: p.ImageURL, PagePath: p.PagePath,
			Status: p.Status, Version: p.Version.Version,
		}
	}
	return batch(h.Catalog.UpsertProducts(ctx, list))
}

// Order is an order as it stands.
type Order struct {
	Number      string     `json:"number" doc:"unique among all shops"`
	Shop        string     `json:"shop,omitempty" doc:"which shop or channel"`
	Buyer       *Identity  `json:"buyer,omitempty" doc:"who ordered; may become known later"`
	Status      string     `json:"status" doc:"placed, paid, shipped, completed, cancelled"`
	TotalFen    int64      `json:"total_fen" doc:"of the goods and their delivery, before any discount"`
	DiscountFen int64      `json:"discount_fen,omitempty"`
	PaidFen     int64      `json:"paid_fen,omitempty"`
	PlacedAt    time.Time  `json:"placed_at"`
	PaidAt      *time.Time `json:"paid_at,omitempty"`
	CompletedAt *time.Time `json:"completed_at,omitempty"`
	Lines       []Line     `json:"lines,omitempty" maxItems:"200"`
	Version
}

// Line is one line of an order.
type Line struct {
	Line     int    `json:"line" doc:"from 1"`
	Product  string `json:"product" doc:"its number; it may be described later"`
	Name     string `json:"name,omitempty" doc:"as it was sold"`
	Quantity int64  `json:"quantity"`
	PriceFen int64  `json:"price_fen" doc:"of one piece"`
	PaidFen  int64  `json:"paid_fen" doc:"for all of them, after discounts"`
}

// OrdersInput is up to 100 orders.
type OrdersInput struct {
	Body struct {
		Items []Order `json:"items" minItems:"1" maxItems:"100" nullable:"false"`
	}
}

// UpsertOrders takes orders as they stand, with all their lines.
func (h *Handlers) UpsertOrders(ctx context.Context, in *OrdersInput) (*Batch, error) {
	list := make([]catalog.OrderInput, len(in.Body.Items))
	for i, o := range in.Body.Items {
		list[i] = catalog.OrderInput{
			Number: o.Number, Shop: o.Shop, Status: o.Status, TotalFen: model.Fen(o.TotalFen), DiscountFen: model.Fen(o.DiscountFen),
			PaidFen: model.Fen(o.PaidFen), PlacedAt: o.PlacedAt, PaidAt: o.PaidAt, CompletedAt: o.CompletedAt, Version: o.Version.Version,
		}
		if o.Buyer != nil {
			list[i].Buyer = catalog.Buyer(*o.Buyer)
		}
		for _, l := range o.Lines {
			list[i].Lines = append(list[i].Lines, catalog.LineInput{
				Line: l.Line, Product: l.Product, Name: l.Name, Quantity: l.Quantity, PriceFen: model.Fen(l.PriceFen), PaidFen: model.Fen(l.PaidFen),
			})
		}
	}
	return batch(h.Catalog.UpsertOrders(ctx, list))
}

// Refund is a refund as it stands.
type Refund struct {
	Number     string     `json:"number"`
	Order      string     `json:"order" doc:"the order's number; the order may come later"`
	Line       int        `json:"line,omitempty" doc:"of that order; absent: of the whole order"`
	Status     string     `json:"status" doc:"requested, refunded, refused"`
	AmountFen  int64      `json:"amount_fen"`
	RefundedAt *time.Time `json:"refunded_at,omitempty"`
	Version
}

// RefundsInput is up to 100 refunds.
type RefundsInput struct {
	Body struct {
		Items []Refund `json:"items" minItems:"1" maxItems:"100" nullable:"false"`
	}
}

// UpsertRefunds takes refunds as they stand.
func (h *Handlers) UpsertRefunds(ctx context.Context, in *RefundsInput) (*Batch, error) {
	list := make([]catalog.RefundInput, len(in.Body.Items))
	for i, r := range in.Body.Items {
		list[i] = catalog.RefundInput{
			Number: r.Number, Order: r.Order, Line: r.Line, Status: r.Status, AmountFen: model.Fen(r.AmountFen), RefundedAt: r.RefundedAt, Version: r.Version.Version,
		}
	}
	return batch(h.Catalog.UpsertRefunds(ctx, list))
}

// OrderQuery names an order.
type OrderQuery struct {
	Number string `query:"number" minLength:"1" maxLength:"64" required:"true"`
}

// OrderDetail is an order as we know it.
type OrderDetail struct {
	Number      string         `json:"number"`
	Shop        string         `json:"shop,omitempty"`
	CustomerID  string         `json:"customer_id,omitempty" doc:"absent while the buyer is nobody known"`
	Status      string         `json:"status"`
	TotalFen    int64          `json:"total_fen"`
	DiscountFen int64          `json:"discount_fen"`
	PaidFen     int64          `json:"paid_fen"`
	RefundedFen int64          `json:"refunded_fen" doc:"never more than was paid"`
	PlacedAt    time.Time      `json:"placed_at"`
	PaidAt      *time.Time     `json:"paid_at,omitempty"`
	CompletedAt *time.Time     `json:"completed_at,omitempty"`
	Lines       []DetailLine   `json:"lines" nullable:"false"`
	Refunds     []DetailRefund `json:"refunds" nullable:"false"`
	Version
}

// DetailLine is a line with what was refunded of it.
type DetailLine struct {
	Line
	RefundedFen int64 `json:"refunded_fen"`
}

// DetailRefund is a refund of an order.
type DetailRefund struct {
	Number     string     `json:"number"`
	Line       int        `json:"line,omitempty"`
	Status     string     `json:"status"`
	AmountFen  int64      `json:"amount_fen"`
	RefundedAt *time.Time `json:"refunded_at,omitempty"`
	Version
}

// GetOrder gives one order.
func (h *Handlers) GetOrder(ctx context.Context, in *OrderQuery) (*One[OrderDetail], error) {
	d, err := h.Catalog.OrderByNumber(ctx, in.Number)
	if err != nil {
		return nil, err
	}
	out := OrderDetail{
		Number: d.Number, Shop: d.Shop, CustomerID: h.IDs.Of(model.KindCustomer, d.CustomerID), Status: d.Status, TotalFen: int64(d.TotalFen),
		DiscountFen: int64(d.DiscountFen), PaidFen: int64(d.PaidFen), RefundedFen: int64(d.RefundedFen), PlacedAt: d.PlacedAt, PaidAt: d.PaidAt,
		CompletedAt: d.CompletedAt, Lines: []DetailLine{}, Refunds: []DetailRefund{}, Version: Version{d.CustomerOrder.Version},
	}
	for _, l := range d.Lines {
		out.Lines = append(out.Lines, DetailLine{Line{l.Line, l.ProductNumber, l.Name, l.Quantity, int64(l.PriceFen), int64(l.PaidFen)}, int64(l.RefundedFen)})
	}
	for _, r := range d.Refunds {
		out.Refunds = append(out.Refunds, DetailRefund{r.Number, r.Line, r.Status, int64(r.AmountFen), r.RefundedAt, Version{r.Version}})
	}
	return &One[OrderDetail]{out}, nil
}
