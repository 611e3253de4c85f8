package sidebar

import (
	"context"
	"time"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/service/coupon"
)

// GivableCoupon is a batch that one may give coupons of.
type GivableCoupon struct {
	BatchID    string     `json:"batch_id"`
	Name       string     `json:"name"`
	Note       string     `json:"note,omitempty"`
	Kind       string     `json:"kind"`
	ValidUntil *time.Time `json:"valid_until,omitempty"`
	ValidDays  int        `json:"valid_days,omitempty"`
	Left       int64      `json:"left" doc:"how many one may still give today"`
	SoldOut    bool       `json:"sold_out"`
}

// ListGivableCoupons lists what one may give, with one's allowance of today.
func (h *Handlers) ListGivableCoupons(ctx context.Context, _ *struct{}) (*console.Page[GivableCoupon], error) {
	rows, err := h.Coupons.Givable(ctx, console.ViewerOf(ctx).StaffID)
	if err != nil {
		return nil, err
	}
	page := &console.Page[GivableCoupon]{}
	page.Body.Items = []GivableCoupon{}
	for _, g := range rows {
		page.Body.Items = append(page.Body.Items, GivableCoupon{
			h.IDs.Of(model.KindCouponBatch, g.ID), g.Name, g.Note, g.Kind, g.ValidUntil, g.ValidDays, g.Left, g.SoldOut,
		})
	}
	return page, nil
}

// CustomerCouponsInput selects coupons of a customer.
type CustomerCouponsInput struct {
	console.IDPath
	State string `query:"state" enum:"review,usable,reserved,used,expired,void,gifted"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// ListCustomerCoupons lists the coupons of a customer whom one sees, the newest first.
func (h *Handlers) ListCustomerCoupons(ctx context.Context, in *CustomerCouponsInput) (*console.Page[console.Coupon], error) {
	id, err := h.seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	f := coupon.Filter{CustomerID: id}
	if in.State != "" {
		f.States = []string{in.State}
	}
	rows, err := h.Coupons.List(ctx, f, 0, in.Limit)
	if err != nil {
		return nil, err
	}
	page := &console.Page[console.Coupon]{}
	page.Body.Items = []console.Coupon{}
	for i := range rows {
		page.Body.Items = append(page.Body.Items, h.ShownCoupon(&rows[i]))
	}
	return page, nil
}

// seen gives the row of a customer whom one may see.
func (h *Handlers) seen(ctx context.Context, id string) (int64, error) {
	row, err := h.IDs.Row(model.KindCustomer, id)
	if err != nil {
		return 0, err
	}
	return row, h.Customers.Sees(ctx, console.ViewerOf(ctx), row)
}

// GiveCouponInput gives a customer a coupon.
type GiveCouponInput struct {
	console.IDPath
	console.Repeatable
	Body struct {
		BatchID string `json:"batch_id" maxLength:"26"`
	}
}

// GiveCoupon gives a customer whom one sees a coupon, within one's allowance.
func (h *Handlers) GiveCoupon(ctx context.Context, in *GiveCouponInput) (*One[console.Coupon], error) {
	id, err := h.seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	batch, err := h.IDs.Row(model.KindCouponBatch, in.Body.BatchID)
	if err != nil {
		return nil, err
	}
	c, err := h.Coupons.Issue(ctx, coupon.IssueInput{
		BatchID: batch, CustomerID: id, Source: coupon.SourceStaff, StaffID: console.ViewerOf(ctx).StaffID, Key: in.Key(ctx),
	})
	if err != nil {
		return nil, err
	}
	item, err := h.Coupons.Coupon(ctx, 0, c.ID)
	if err != nil {
		return nil, err
	}
	return one(h.ShownCoupon(item)), nil
}

// Sale is what a customer in the shop is about to pay for.
type Sale struct {
	Pass      string     `json:"pass" maxLength:"64" doc:"the code that the customer shows"`
	Shop      string     `json:"shop" minLength:"1" maxLength:"64"`
	Order     string     `json:"order,omitempty" maxLength:"64" doc:"the receipt's number; absent: one is made"`
	AmountFen int64      `json:"amount_fen,omitempty" minimum:"0" maximum:"1000000000" doc:"of goods that are not listed"`
	Lines     []SaleLine `json:"lines,omitempty" maxItems:"199" doc:"goods of the catalogue, at its prices"`
}

// SaleLine is a product that is sold.
type SaleLine struct {
	Product  string `json:"product" minLength:"1" maxLength:"64" doc:"its number"`
	Quantity int64  `json:"quantity" minimum:"1" maximum:"10000"`
}

// VerifyCouponInput asks what a coupon that is shown would save.
type VerifyCouponInput struct {
	Body struct{ Sale }
}

// VerifiedCoupon says what a coupon that is shown saves.
type VerifiedCoupon struct {
	Coupon   console.Coupon `json:"coupon"`
	TotalFen int64          `json:"total_fen"`
	OffFen   int64          `json:"off_fen"`
	PayFen   int64          `json:"pay_fen"`
	UseID    string         `json:"use_id,omitempty" doc:"of a redemption"`
}

// sale reads a sale: whose coupon it is, and the bill.
func (h *Handlers) sale(ctx context.Context, s *Sale, order string) (*coupon.Item, coupon.Bill, error) {
	c, err := h.Coupons.CouponOfPass(ctx, s.Pass)
	if err != nil {
		return nil, coupon.Bill{}, err
	}
	item, err := h.Coupons.Coupon(ctx, 0, c.ID)
	if err != nil {
		return nil, coupon.Bill{}, err
	}
	bill := coupon.Bill{Shop: s.Shop}
	if len(s.Lines) > 0 {
		lines := make([]coupon.PricedLine, len(s.Lines))
		for i, l := range s.Lines {
			lines[i] = coupon.PricedLine(l)
		}
		if bill, err = h.Coupons.Price(ctx, s.Shop, lines); err != nil {
			return nil, bill, err
		}
	}
	if s.AmountFen > 0 {
		bill.Lines = append(bill.Lines, coupon.Line{Line: len(bill.Lines) + 1, Quantity: 1, PriceFen: model.Fen(s.AmountFen)})
	}
	bill.Order = s.Order
	if bill.Order == "" {
		bill.Order = order
	}
	return item, bill, nil
}

// VerifyCoupon says what a coupon that is shown would save, and changes nothing.
func (h *Handlers) VerifyCoupon(ctx context.Context, in *VerifyCouponInput) (*One[VerifiedCoupon], error) {
	c, bill, err := h.sale(ctx, &in.Body.Sale, "")
	if err != nil {
		return nil, err
	}
	q, err := h.Coupons.Validate(ctx, c.CustomerID, []int64{c.ID}, bill)
	if err != nil {
		return nil, err
	}
	return one(VerifiedCoupon{Coupon: h.ShownCoupon(c), TotalFen: int64(q.TotalFen), OffFen: int64(q.OffFen), PayFen: int64(q.TotalFen - q.OffFen)}), nil
}

// RedeemCouponInput redeems a coupon that is shown.
type RedeemCouponInput struct {
	console.Repeatable
	Body struct{ Sale }
}

// RedeemCoupon redeems a coupon that a customer shows in the shop. The code proves that they stand there, so it may
// be anybody's customer.
func (h *Handlers) RedeemCoupon(ctx context.Context, in *RedeemCouponInput) (*One[VerifiedCoupon], error) {
	key := in.Key(ctx)
	c, bill, err := h.sale(ctx, &in.Body.Sale, "shop-"+key.Name[:min(len(key.Name), 48)])
	if err != nil {
		return nil, err
	}
	u, err := h.Coupons.Redeem(ctx, coupon.UseInput{
		Key: key, CustomerID: c.CustomerID, Coupons: []int64{c.ID}, Bill: bill, StaffID: console.ViewerOf(ctx).StaffID,
	})
	if err != nil {
		return nil, err
	}
	if c, err = h.Coupons.Coupon(ctx, 0, c.ID); err != nil {
		return nil, err
	}
	return one(VerifiedCoupon{
		h.ShownCoupon(c), int64(u.TotalFen), int64(u.OffFen), int64(u.TotalFen - u.OffFen), h.IDs.Of(model.KindCouponUse, u.ID),
	}), nil
}
