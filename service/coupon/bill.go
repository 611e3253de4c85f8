package coupon

import (
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Bill is what somebody is about to pay for, at the prices of whoever sells it: never at those of the one
// who pays.
type Bill struct {
	Order       string    `json:"order,omitempty"` // its number; empty while nothing is ordered yet
	Shop        string    `json:"shop,omitempty"`
	Lines       []Line    `json:"lines"`
	ShippingFen model.Fen `json:"shipping_fen,omitempty"`
}

// Line is one line of a bill.
type Line struct {
	Line     int       `json:"line"`              // from 1
	Product  string    `json:"product,omitempty"` // its number; empty: nothing in particular
	Quantity int64     `json:"quantity"`
	PriceFen model.Fen `json:"price_fen"` // of one piece
	// Returned are the pieces that were given back later.
	Returned int64 `json:"returned,omitempty"`
}

func (l Line) total() model.Fen { return l.PriceFen * model.Fen(l.Quantity) }

// The bounds of bills.
const (
	maxLines    = 200
	maxQuantity = 10_000
)

// total is what the bill comes to before any coupon.
func (b *Bill) total() model.Fen {
	sum := b.ShippingFen
	for _, l := range b.Lines {
		sum += l.total()
	}
	return sum
}

// check fails with ErrBill.
func (b *Bill) check() error {
	if len(b.Lines) == 0 || len(b.Lines) > maxLines {
		return ErrBill.With("lines", "1–200")
	}
	if b.ShippingFen < 0 || b.ShippingFen > maxFen {
		return ErrBill.With("shipping_fen", fmt.Sprintf("0–%d", maxFen))
	}
	for _, text := range []string{b.Order, b.Shop} {
		if utf8.RuneCountInString(text) > maxName || slices.ContainsFunc([]rune(text), unicode.IsControl) {
			return ErrBill.With("order", "最多 64 个字符 / up to 64 characters")
		}
	}
	seen := map[int]bool{}
	for _, l := range b.Lines {
		switch {
		case l.Line < 1 || l.Line > 1000 || seen[l.Line]:
			return ErrBill.With("lines.line", "行号须不同 / lines have numbers of their own, from 1")
		case l.Quantity < 1 || l.Quantity > maxQuantity:
			return ErrBill.With("lines.quantity", "1–10000")
		case l.PriceFen < 0 || l.PriceFen > maxFen, l.total() > maxFen, l.Returned != 0:
			return ErrBill.With("lines.price_fen", fmt.Sprintf("0–%d", maxFen))
		}
		seen[l.Line] = true
	}
	if b.total() > maxFen {
		return ErrBill.With("lines", "金额过大 / too much money")
	}
	return nil
}

// weighed is a bill with what coupons ask about it.
type weighed struct {
	Bill
	customerID int64
	at         time.Time
	products   []int64   // line by line; 0: none that is known
	categories [][]int64 // line by line: its product's category and those above
	bought     bool      // the customer has paid for something before
}

// weigh checks a bill and looks up what the offers ask about it. It fails with ErrBill.
func weigh(tx *gorm.DB, b Bill, customerID int64, at time.Time, offers []*offer) (*weighed, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	w, goods, err := weighing(tx, b, customerID, at, offers)
	if err == nil && goods {
		err = lookUp(tx, []*weighed{w})
	}
	return w, err
}

// weighing is weigh of a bill that was checked; what goods there are the caller has to look up, if it tells so.
func weighing(tx *gorm.DB, b Bill, customerID int64, at time.Time, offers []*offer) (w *weighed, goods bool, err error) {
	w = &weighed{Bill: b, customerID: customerID, at: at, products: make([]int64, len(b.Lines)), categories: make([][]int64, len(b.Lines))}
	first := false
	for _, o := range offers {
		goods = goods || len(o.rules.Products)+len(o.rules.Categories)+len(o.rules.NotProducts) > 0
		first = first || o.rules.FirstOrder
	}
	if first {
		w.bought, err = hasBought(tx, customerID, b.Order)
	}
	return w, goods, err
}

// lookUp looks up the goods of bills.
func lookUp(tx *gorm.DB, bills []*weighed) error {
	numbers := map[string]bool{}
	for _, w := range bills {
		for _, l := range w.Lines {
			if l.Product != "" {
				numbers[l.Product] = true
			}
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	products, parents, err := goodsOf(tx, numbers)
	if err != nil {
		return err
	}
	for _, w := range bills {
		w.know(products, parents)
	}
	return nil
}

func (w *weighed) know(products map[string]*model.Product, parents map[int64]int64) {
	for i, l := range w.Lines {
		p := products[l.Product]
		if p == nil {
			continue
		}
		w.products[i] = p.ID
		for c := p.CategoryID; c != 0 && !slices.Contains(w.categories[i], c); c = parents[c] {
			w.categories[i] = append(w.categories[i], c)
		}
	}
}

// fits tells whether a line is one of those that an offer is about.
func (w *weighed) fits(i int, r *Rules) bool {
	if slices.Contains(r.NotProducts, w.products[i]) && w.products[i] != 0 {
		return false
	}
	if len(r.Products)+len(r.Categories) == 0 {
		return true
	}
	return w.products[i] != 0 && slices.Contains(r.Products, w.products[i]) ||
		slices.ContainsFunc(w.categories[i], func(c int64) bool { return slices.Contains(r.Categories, c) })
}
