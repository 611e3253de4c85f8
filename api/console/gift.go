package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/coupon"
)

// CouponGift is a coupon that a customer gave away.
type CouponGift struct {
	ID        string     `json:"id"`
	CouponID  string     `json:"coupon_id"`
	BatchID   string     `json:"batch_id"`
	BatchName string     `json:"batch_name"`
	GiverID   string     `json:"giver_id"`
	TakerID   string     `json:"taker_id,omitempty"`
	State     string     `json:"state" doc:"open, taken, withdrawn, lapsed"`
	ExpiresAt time.Time  `json:"expires_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
}

// ListCouponGiftsInput selects gifts.
type ListCouponGiftsInput struct {
	PageQuery
	BatchID    string `query:"batch_id" maxLength:"26"`
	CouponID   string `query:"coupon_id" maxLength:"26"`
	CustomerID string `query:"customer_id" maxLength:"26" doc:"who gave"`
}

// ListCouponGifts lists the coupons that customers gave away, the newest first. Codes are for their givers alone.
func (h *Handlers) ListCouponGifts(ctx context.Context, in *ListCouponGiftsInput) (*Page[CouponGift], error) {
	r := h.reader()
	f := coupon.GiftFilter{
		BatchID: r.optional(model.KindCouponBatch, in.BatchID), CouponID: r.optional(model.KindCoupon, in.CouponID),
		CustomerID: r.optional(model.KindCustomer, in.CustomerID),
	}
	before := r.after(listCouponGift, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Coupons.Gifts(ctx, f, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []CouponGift
	for _, g := range rows {
		out := CouponGift{
			ID: h.IDs.Of(model.KindCouponGift, g.ID), CouponID: h.IDs.Of(model.KindCoupon, g.CouponID), BatchID: h.IDs.Of(model.KindCouponBatch, g.BatchID),
			GiverID: h.IDs.Of(model.KindCustomer, g.CustomerID), TakerID: h.IDs.Of(model.KindCustomer, g.TakerID), State: g.State,
			ExpiresAt: g.ExpiresAt, EndedAt: g.EndedAt, CreatedAt: g.CreatedAt,
		}
		if g.Item.Batch != nil {
			out.BatchName = g.Item.Batch.Name
		}
		items = append(items, out)
	}
	return newPage(h, listCouponGift, items, lastOf(rows, in.Limit, func(g coupon.Gift) int64 { return g.ID }))
}
