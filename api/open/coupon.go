package open

import (
	"context"
	"fmt"
	"time"

	"zhiyin/model"
	"zhiyin/service/catalog"
	"zhiyin/service/coupon"
)

// Repeatable is a request that may be sent again under its key.
type Repeatable struct {
	IdempotencyKey string `header:"Idempotency-Key" minLength:"8" maxLength:"64" required:"true" doc:"of your making: sent again under it, with another nonce, the same request is answered as before"`
}

func (r *Repeatable) key(ctx context.Context) coupon.Key {
	return coupon.Key{Whose: fmt.Sprintf("key:%d", callerOf(ctx).KeyID), Name: r.IdempotencyKey}
}

// Holder says whose coupons are meant, and which.
type Holder struct {
	Customer *Identity `json:"customer,omitempty"`
	Pass     string    `json:"pass,omitempty" maxLength:"64" doc:"instead of a customer: the code that they show, which names one coupon"`
	Coupons  []string  `json:"coupons,omitempty" maxItems:"5" doc:"ids; absent with a pass: the coupon it names"`
}

// holder finds whose coupons are meant, and which.
func (h *Handlers) holder(ctx context.Context, in *Holder) (customer int64, coupons []int64, err error) {
	if (in.Customer == nil) == (in.Pass == "") {
		return 0, nil, coupon.ErrBill.With("customer", "customer 与 pass 二选一 / one of customer and pass")
	}
	for _, id := range in.Coupons {
		row, err := h.IDs.Row(model.KindCoupon, id)
		if err != nil {
			return 0, nil, err
		}
		coupons = append(coupons, row)
	}
	if in.Customer != nil {
		customer, err = h.Catalog.CustomerBehind(ctx, catalog.Buyer(*in.Customer))
		return customer, coupons, err
	}
	c, err := h.Coupons.CouponOfPass(ctx, in.Pass)
	if err != nil {
		return 0, nil, err
	}
	if len(coupons) == 0 {
		coupons = []int64{c.ID}
	}
	return c.CustomerID, coupons, nil
}

// Bill is what a customer is about to pay for, at your prices.
type Bill struct {
	Order       string     `json:"order,omitempty" maxLength:"64" doc:"its number, unique among all shops; needed to reserve and redeem"`
	Shop        string     `json:"shop,omitempty" maxLength:"64"`
	ShippingFen int64      `json:"shipping_fen,omitempty" minimum:"0"`
	Lines       []BillLine `json:"lines" minItems:"1" maxItems:"200" nullable:"false"`
}

// BillLine is a line of a bill.
type BillLine struct {
	Line     int    `json:"line" minimum:"1" maximum:"1000"`
	Product  string `json:"product,omitempty" maxLength:"64" doc:"its number; absent: nothing in particular"`
	Quantity int64  `json:"quantity" minimum:"1" maximum:"10000"`
	PriceFen int64  `json:"price_fen" minimum:"0" doc:"of one piece"`
}

func (b *Bill) bill() coupon.Bill {
	out := coupon.Bill{Order: b.Order, Shop: b.Shop, ShippingFen: model.Fen(b.ShippingFen)}
	for _, l := range b.Lines {
		out.Lines = append(out.Lines, coupon.Line{Line: l.Line, Product: l.Product, Quantity: l.Quantity, PriceFen: model.Fen(l.PriceFen)})
	}
	return out
}

// ValidateInput asks what coupons would save.
type ValidateInput struct {
	Body struct {
		Holder
		Bill Bill `json:"bill"`
	}
}

// Validated says what coupons would save.
type Validated struct {
	CustomerID string    `json:"customer_id"`
	TotalFen   int64     `json:"total_fen" doc:"before any coupon"`
	OffFen     int64     `json:"off_fen" doc:"what those chosen, or else the best, save together"`
	PayFen     int64     `json:"pay_fen"`
	Chosen     []string  `json:"chosen" nullable:"false" doc:"those chosen, or else the best, in the order of counting"`
	Items      []Quality `json:"items" nullable:"false"`
}

// Quality is how one coupon stands to a bill.
type Quality struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	OffFen  int64  `json:"off_fen" doc:"of those chosen: in the stack; else by itself"`
	Fits    bool   `json:"fits"`
	Reason  string `json:"reason,omitempty" doc:"a stable name: why it does not fit"`
	Zh      string `json:"zh,omitempty"`
	En      string `json:"en,omitempty"`
	MoreFen int64  `json:"more_fen,omitempty"`
}

// ValidateCoupons says what chosen coupons would save on a bill; without any chosen, how all of the
// customer's stand to it, and which are best.
func (h *Handlers) ValidateCoupons(ctx context.Context, in *ValidateInput) (*One[Validated], error) {
	customer, ids, err := h.holder(ctx, &in.Body.Holder)
	if err != nil {
		return nil, err
	}
	var q *coupon.Qualified
	if len(ids) > 0 {
		q, err = h.Coupons.Validate(ctx, customer, ids, in.Body.Bill.bill())
	} else {
		q, err = h.Coupons.Qualify(ctx, customer, in.Body.Bill.bill())
	}
	if err != nil {
		return nil, err
	}
	out := Validated{
		CustomerID: h.IDs.Of(model.KindCustomer, customer), TotalFen: int64(q.TotalFen), OffFen: int64(q.OffFen), PayFen: int64(q.TotalFen - q.OffFen),
		Chosen: []string{}, Items: []Quality{},
	}
	for _, id := range q.Best {
		out.Chosen = append(out.Chosen, h.IDs.Of(model.KindCoupon, id))
	}
	for _, it := range q.Items {
		item := Quality{ID: h.IDs.Of(model.KindCoupon, it.Coupon.ID), Name: it.Batch.Name, OffFen: int64(it.OffFen), Fits: it.Misfit == nil}
		if no := it.Misfit; no != nil {
			item.Reason, item.Zh, item.En, item.MoreFen = no.Code, no.Zh, no.En, int64(no.MoreFen)
		}
		out.Items = append(out.Items, item)
	}
	return &One[Validated]{out}, nil
}

// CouponUse is a stack of coupons reserved for, or redeemed on, an order.
type CouponUse struct {
	ID          string     `json:"id"`
	State       string     `json:"state" doc:"reserved, redeemed, released, rolled_back"`
	Order       string     `json:"order"`
	Shop        string     `json:"shop,omitempty"`
	TotalFen    int64      `json:"total_fen"`
	OffFen      int64      `json:"off_fen"`
	PayFen      int64      `json:"pay_fen"`
	ReturnedFen int64      `json:"returned_fen" doc:"of off_fen, by refunds"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" doc:"of a reservation"`
	RedeemedAt  *time.Time `json:"redeemed_at,omitempty"`
	Parts       []UsePart  `json:"parts" nullable:"false"`
}

// UsePart is what one coupon saves.
type UsePart struct {
	CouponID    string     `json:"coupon_id"`
	OffFen      int64      `json:"off_fen"`
	ReturnedFen int64      `json:"returned_fen"`
	Lines       []UseShare `json:"lines" nullable:"false"`
}

// UseShare is what a coupon saves of one line.
type UseShare struct {
	Line        int   `json:"line" doc:"0: the delivery"`
	OffFen      int64 `json:"off_fen"`
	ReturnedFen int64 `json:"returned_fen"`
}

func (h *Handlers) couponUse(u *coupon.Use) CouponUse {
	out := CouponUse{
		ID: h.IDs.Of(model.KindCouponUse, u.ID), State: u.State, Order: u.OrderNumber, Shop: u.Shop, TotalFen: int64(u.TotalFen), OffFen: int64(u.OffFen),
		PayFen: int64(u.TotalFen - u.OffFen), ReturnedFen: int64(u.ReturnedFen), ExpiresAt: u.ExpiresAt, RedeemedAt: u.RedeemedAt, Parts: []UsePart{},
	}
	for i := range u.Parts {
		p := &u.Parts[i]
		part := UsePart{CouponID: h.IDs.Of(model.KindCoupon, p.CouponID), OffFen: int64(p.OffFen), ReturnedFen: int64(p.ReturnedFen), Lines: []UseShare{}}
		lines, off, returned := coupon.Shares(p)
		for n := range lines {
			part.Lines = append(part.Lines, UseShare{lines[n], int64(off[n]), int64(returned[n])})
		}
		out.Parts = append(out.Parts, part)
	}
	return out
}

func (h *Handlers) usedCoupons(u *coupon.Use, err error) (*One[CouponUse], error) {
	if err != nil {
		return nil, err
	}
	return &One[CouponUse]{h.couponUse(u)}, nil
}

// ReserveInput asks for coupons to be held for an order.
type ReserveInput struct {
	Repeatable
	Body struct {
		Holder
		Bill       Bill `json:"bill"`
		TTLSeconds int  `json:"ttl_seconds" minimum:"10" maximum:"604800" doc:"how long they are held"`
	}
}

// ReserveCoupons holds coupons for an order.
func (h *Handlers) ReserveCoupons(ctx context.Context, in *ReserveInput) (*One[CouponUse], error) {
	use, err := h.useInput(ctx, &in.Repeatable, &in.Body.Holder, &in.Body.Bill)
	if err != nil {
		return nil, err
	}
	use.TTL = time.Duration(in.Body.TTLSeconds) * time.Second
	return h.usedCoupons(h.Coupons.Reserve(ctx, use))
}

// RedeemInput asks for coupons to be used on an order.
type RedeemInput struct {
	Repeatable
	Body struct {
		Holder
		Bill Bill `json:"bill"`
	}
}

// RedeemCoupons uses coupons on an order, all of them or none.
func (h *Handlers) RedeemCoupons(ctx context.Context, in *RedeemInput) (*One[CouponUse], error) {
	use, err := h.useInput(ctx, &in.Repeatable, &in.Body.Holder, &in.Body.Bill)
	if err != nil {
		return nil, err
	}
	return h.usedCoupons(h.Coupons.Redeem(ctx, use))
}

func (h *Handlers) useInput(ctx context.Context, key *Repeatable, holder *Holder, b *Bill) (coupon.UseInput, error) {
	customer, ids, err := h.holder(ctx, holder)
	return coupon.UseInput{Key: key.key(ctx), CustomerID: customer, Coupons: ids, Bill: b.bill(), APIKeyID: callerOf(ctx).KeyID}, err
}

// UsePath is one of your own uses.
type UsePath struct {
	ID string `path:"id"`
	Repeatable
}

func (h *Handlers) settle(ctx context.Context, in *UsePath) (coupon.Settle, error) {
	id, err := h.IDs.Row(model.KindCouponUse, in.ID)
	return coupon.Settle{Key: in.key(ctx), UseID: id, APIKeyID: callerOf(ctx).KeyID}, err
}

// RedeemReserved uses what is reserved.
func (h *Handlers) RedeemReserved(ctx context.Context, in *UsePath) (*One[CouponUse], error) {
	s, err := h.settle(ctx, in)
	if err != nil {
		return nil, err
	}
	return h.usedCoupons(h.Coupons.RedeemReserved(ctx, s))
}

// ReleaseCoupons gives up a reservation.
func (h *Handlers) ReleaseCoupons(ctx context.Context, in *UsePath) (*One[CouponUse], error) {
	s, err := h.settle(ctx, in)
	if err != nil {
		return nil, err
	}
	return h.usedCoupons(h.Coupons.Release(ctx, s))
}

// RollBackInput says what of an order is refunded.
type RollBackInput struct {
	UsePath
	Body struct {
		Lines  []RefundedLine `json:"lines,omitempty" maxItems:"200" doc:"absent: all that is left"`
		Reason string         `json:"reason,omitempty" maxLength:"255"`
	}
}

// RefundedLine is so many pieces of a line.
type RefundedLine struct {
	Line     int   `json:"line"`
	Quantity int64 `json:"quantity" minimum:"1"`
}

// RolledBack is a use after a part of it was taken back.
type RolledBack struct {
	OffFen int64     `json:"off_fen" doc:"taken back now: the refund is so much less than the prices of what came back"`
	Use    CouponUse `json:"use"`
}

// RollBackCoupons takes coupons back from an order that is refunded, in all or in part.
func (h *Handlers) RollBackCoupons(ctx context.Context, in *RollBackInput) (*One[RolledBack], error) {
	id, err := h.IDs.Row(model.KindCouponUse, in.ID)
	if err != nil {
		return nil, err
	}
	back := coupon.RollBackInput{Key: in.key(ctx), UseID: id, APIKeyID: callerOf(ctx).KeyID, Reason: in.Body.Reason}
	for _, l := range in.Body.Lines {
		back.Lines = append(back.Lines, coupon.ReturnedLine(l))
	}
	r, err := h.Coupons.RollBack(ctx, back)
	if err != nil {
		return nil, err
	}
	return &One[RolledBack]{RolledBack{int64(r.OffFen), h.couponUse(r.Use)}}, nil
}
