package coupon

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Quality is how one coupon of a customer stands to a bill.
type Quality struct {
	Coupon *model.Coupon
	Batch  *model.CouponBatch
	OffFen model.Fen // what it saves by itself
	Misfit *Misfit   // nil: it fits
}

// Qualified is how all coupons of a customer stand to a bill, and which of them are best used on it.
type Qualified struct {
	Items    []Quality
	Best     []int64 // coupons, in the order in which they are counted
	OffFen   model.Fen
	TotalFen model.Fen // before
}

// maxHeld is how many coupons of a customer are looked at; those that expire first go first.
const maxHeld = 200

// Qualify says which of a customer's coupons fit a bill, what each saves, why others do not, and which
// stack saves most. It changes nothing and promises nothing. It fails with ErrBill.
func (s *Service) Qualify(ctx context.Context, customerID int64, b Bill) (*Qualified, error) {
	db := s.DB.WithContext(ctx)
	coupons, err := couponsInHand(db, customerID, maxHeld)
	if err != nil {
		return nil, err
	}
	list, err := s.hold(db, coupons)
	if err != nil {
		return nil, err
	}
	w, err := weigh(db, b, customerID, s.Now(), offersOf(list))
	if err != nil {
		return nil, err
	}
	money, err := s.budgetsLeft(db, list)
	if err != nil {
		return nil, err
	}
	out := &Qualified{TotalFen: b.total()}
	var fitting []*fitted
	for _, h := range list {
		q := Quality{Coupon: h.Coupon, Batch: h.offer.CouponBatch}
		off, no := s.alone(h, w, money)
		if q.Misfit = no; no == nil {
			q.OffFen = off
		}
		if no == nil || no == &misfitBudget { // which may allow what it saves after others
			fitting = append(fitting, &fitted{h, off})
		}
		out.Items = append(out.Items, q)
	}
	stack, off := best(fitting, w, money, s.Zone)
	out.OffFen = off
	for _, h := range stack {
		out.Best = append(out.Best, h.ID)
	}
	return out, nil
}

// Validate says what a stack that somebody chose would save on a bill, coupon by coupon in the order of
// counting, as Redeem would count it now. It fails with ErrBill, ErrNotFound or ErrRefused.
func (s *Service) Validate(ctx context.Context, customerID int64, ids []int64, b Bill) (*Qualified, error) {
	if len(ids) == 0 || len(ids) > maxStack {
		return nil, ErrNotFound
	}
	db := s.DB.WithContext(ctx)
	day, _ := s.day(s.Now())
	coupons, counts, money, err := couponsWithMoney(db, ids, day)
	if err != nil {
		return nil, err
	}
	if len(coupons) != len(ids) || slices.ContainsFunc(coupons, func(c *model.Coupon) bool { return c.CustomerID != customerID }) {
		return nil, ErrNotFound
	}
	list, err := s.offersTo(db, coupons, counts)
	if err != nil {
		return nil, err
	}
	w, err := weigh(db, b, customerID, s.Now(), offersOf(list))
	if err != nil {
		return nil, err
	}
	list = stacked(list)
	for _, h := range list {
		if no := h.usable(w.at); no != nil {
			return nil, refused(h, no)
		}
	}
	savings, bad, no := countAll(list, w, s.Zone)
	if no != nil {
		return nil, refused(bad, no)
	}
	if h := money.over(list, savings); h != nil {
		return nil, refused(h, &misfitBudget)
	}
	out := &Qualified{TotalFen: b.total()}
	for i, h := range list {
		off := savings[i].total()
		out.Items = append(out.Items, Quality{Coupon: h.Coupon, Batch: h.offer.CouponBatch, OffFen: off})
		out.Best = append(out.Best, h.ID)
		out.OffFen += off
	}
	return out, nil
}

func offersOf(list []*held) []*offer {
	offers := make([]*offer, len(list))
	for i, h := range list {
		offers[i] = h.offer
	}
	return offers
}

// alone is what a coupon saves by itself, or why it does not; of misfitBudget what it would save.
func (s *Service) alone(h *held, w *weighed, money moneyLeft) (model.Fen, *Misfit) {
	if no := h.usable(w.at); no != nil {
		return 0, no
	}
	got, no := h.count(w, newTally(w), s.Zone)
	if no != nil {
		return 0, no
	}
	if money.over([]*held{h}, []saving{got}) != nil {
		no = &misfitBudget
	}
	return got.total(), no
}

// moneyLeft is the budgets of batches as they stand, not locked.
type moneyLeft map[int64][]*model.CouponBudget

func (s *Service) budgetsLeft(tx *gorm.DB, list []*held) (moneyLeft, error) {
	day, _ := s.day(s.Now())
	ids := map[int64]bool{}
	for _, h := range list {
		ids[h.BatchID] = true
	}
	rows, err := budgetsOf(tx, sortedKeys(ids), day)
	m := moneyLeft{}
	for _, r := range rows {
		m[r.BatchID] = append(m[r.BatchID], r)
	}
	return m, err
}

// over gives the first coupon of a stack that goes beyond a budget of its batch, together with those before it; nil: none does.
func (m moneyLeft) over(list []*held, savings []saving) *held {
	for i, h := range list {
		for _, r := range m[h.BatchID] {
			count, fen := r.UsedCount, r.UsedFen
			for j, other := range list[:i+1] {
				if other.BatchID == h.BatchID {
					count, fen = count+1, fen+savings[j].total()
				}
			}
			if r.LimitCount > 0 && count > r.LimitCount || r.LimitFen > 0 && fen > r.LimitFen {
				return h
			}
		}
	}
	return nil
}

// PricedLine is a product and how many of it, as somebody wants to buy it.
type PricedLine struct {
	Product  string
	Quantity int64
}

// Price makes a bill of what somebody wants to buy, at the prices of the catalogue. It fails with ErrBill for what
// is not on sale.
func (s *Service) Price(ctx context.Context, shop string, lines []PricedLine) (Bill, error) {
	b := Bill{Shop: shop}
	numbers := map[string]bool{}
	for _, l := range lines {
		numbers[l.Product] = true
	}
	goods, _, err := goodsOf(s.DB.WithContext(ctx), numbers)
	if err != nil {
		return b, err
	}
	for i, l := range lines {
		p := goods[l.Product]
		if p == nil || p.Status != "on_sale" {
			return b, ErrBill.With("lines.product", "没有在售的商品 / there is no such product on sale")
		}
		b.Lines = append(b.Lines, Line{Line: i + 1, Product: l.Product, Quantity: l.Quantity, PriceFen: p.PriceFen})
	}
	return b, b.check()
}
