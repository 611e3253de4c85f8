package catalog

import (
	"slices"
	"time"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// CategoryInput describes a category.
type CategoryInput struct {
	Number  string
	Name    string
	Parent  string // the number of the category above; empty: at the top
	Version int64  // when it was last changed, in ms since 1970
}

func (in CategoryInput) check(now time.Time) *fault.Fault {
	var c check
	c.number("number", in.Number, true)
	c.text("name", in.Name, 128, true)
	c.number("parent", in.Parent, false)
	c.version(in.Version, now)
	if c.err() == nil && in.Parent == in.Number {
		return ErrCycle
	}
	return c.err()
}

// ProductInput describes a product.
type ProductInput struct {
	Number   string
	Name     string
	Category string // its number; empty: none
	PriceFen model.Fen
	ImageURL string
	PagePath string // in the mini-program
	Status   string // ProductOnSale or ProductOffSale
	Version  int64
}

func (in ProductInput) check(now time.Time) *fault.Fault {
	var c check
	c.number("number", in.Number, true)
	c.text("name", in.Name, 255, true)
	c.number("category", in.Category, false)
	c.fen("price_fen", in.PriceFen)
	c.link("image_url", in.ImageURL)
	c.text("page_path", in.PagePath, 512, false)
	c.oneOf("status", in.Status, ProductOnSale, ProductOffSale)
	c.version(in.Version, now)
	return c.err()
}

// Buyer is an identity of who ordered; the zero Buyer is a stranger.
type Buyer struct{ Kind, Scope, Value string }

// OrderInput describes an order as it stands.
type OrderInput struct {
	Number      string
	Shop        string // which shop or channel; may be empty
	Buyer       Buyer
	Status      string // not StatusAwaited
	TotalFen    model.Fen
	DiscountFen model.Fen
	PaidFen     model.Fen
	PlacedAt    time.Time
	PaidAt      *time.Time
	CompletedAt *time.Time
	Lines       []LineInput
	Version     int64
}

// LineInput is one line of an order.
type LineInput struct {
	Line     int    // from 1, unique in the order
	Product  string // its number
	Name     string // as it was sold
	Quantity int64
	PriceFen model.Fen // of one piece
	PaidFen  model.Fen // for all of them, after discounts
}

func (in OrderInput) check(now time.Time) *fault.Fault {
	var c check
	c.number("number", in.Number, true)
	c.number("shop", in.Shop, false)
	c.oneOf("status", in.Status, StatusPlaced, StatusPaid, StatusShipped, StatusCompleted, StatusCancelled)
	c.fen("total_fen", in.TotalFen)
	c.fen("discount_fen", in.DiscountFen)
	c.fen("paid_fen", in.PaidFen)
	c.that(in.DiscountFen <= in.TotalFen, "discount_fen", "不能超过总额 / not more than the total")
	c.that(in.PaidFen <= in.TotalFen, "paid_fen", "不能超过总额 / not more than the total")
	c.time("placed_at", &in.PlacedAt, now, true)
	c.time("paid_at", in.PaidAt, now, in.Status == StatusPaid || in.Status == StatusCompleted || in.PaidFen > 0)
	c.time("completed_at", in.CompletedAt, now, in.Status == StatusCompleted)
	in.checkBuyer(&c)
	in.checkLines(&c)
	c.version(in.Version, now)
	return c.err()
}

// buyerKinds are the identities that a shop may know its buyers by.
var buyerKinds = []string{"unionid", "openid", "external_userid", "phone", "member_number", "buyer"}

func (in OrderInput) checkBuyer(c *check) {
	if in.Buyer == (Buyer{}) {
		return
	}
	c.oneOf("buyer.kind", in.Buyer.Kind, buyerKinds...)
	c.number("buyer.scope", in.Buyer.Scope, false)
	c.text("buyer.value", in.Buyer.Value, 128, true)
}

func (in OrderInput) checkLines(c *check) {
	c.that(len(in.Lines) <= maxLines, "lines", "最多 200 行 / at most 200 lines")
	var sum model.Fen
	var seen []int
	for _, l := range in.Lines[:min(len(in.Lines), maxLines)] {
		c.that(l.Line > 0 && l.Line < 1_000_000 && !slices.Contains(seen, l.Line), "lines.line", "从 1 起，不重复 / from 1, each once")
		seen = append(seen, l.Line)
		c.number("lines.product", l.Product, true)
		c.text("lines.name", l.Name, 255, false)
		c.that(l.Quantity > 0 && l.Quantity <= maxQuantity, "lines.quantity", "1 到 1000000 / 1 to 1000000")
		c.fen("lines.price_fen", l.PriceFen)
		c.fen("lines.paid_fen", l.PaidFen)
		sum += min(max(l.PaidFen, 0), maxFen)
		if c.err() != nil {
			return // one bad line says enough
		}
	}
	c.that(sum <= in.PaidFen || in.PaidAt == nil, "lines.paid_fen", "各行实付之和不能超过订单实付 / the lines' sum must not exceed what was paid")
}

// RefundInput describes a refund as it stands.
type RefundInput struct {
	Number     string
	Order      string // the order's number
	Line       int    // of that order; 0: of the whole order
	Status     string
	AmountFen  model.Fen
	RefundedAt *time.Time
	Version    int64
}

func (in RefundInput) check(now time.Time) *fault.Fault {
	var c check
	c.number("number", in.Number, true)
	c.number("order", in.Order, true)
	c.that(in.Line >= 0 && in.Line < 1_000_000, "line", "订单行号，0 为整单 / the order's line, 0: the whole order")
	c.oneOf("status", in.Status, RefundRequested, RefundRefunded, RefundRefused)
	c.fen("amount_fen", in.AmountFen)
	c.that(in.AmountFen > 0, "amount_fen", "大于 0 / more than 0")
	c.time("refunded_at", in.RefundedAt, now, in.Status == RefundRefunded)
	c.version(in.Version, now)
	return c.err()
}

// ms is t as it is stored.
func ms(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func msOrNil(t *time.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	at := ms(*t)
	return &at
}
