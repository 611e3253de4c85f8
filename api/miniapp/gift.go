package miniapp

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/model"
	"zhiyin/service/coupon"
)

// GivenCoupon is what is given, as giver and taker see it. What became of it afterwards is the taker's affair.
type GivenCoupon struct {
	Name       string          `json:"name"`
	Note       string          `json:"note,omitempty"`
	Kind       string          `json:"kind"`
	Terms      json.RawMessage `json:"terms"`
	MinimumFen int64           `json:"minimum_fen,omitempty"`
	ValidUntil time.Time       `json:"valid_until"`
}

// Gift is a coupon that one gave away.
type Gift struct {
	ID        string      `json:"id"`
	State     string      `json:"state" doc:"open, taken, withdrawn, lapsed"`
	Code      string      `json:"code,omitempty" doc:"还在等待领取时有；放进分享链接 · while it is open: whoever comes with it has the coupon; put it into what is shared"`
	ExpiresAt time.Time   `json:"expires_at" doc:"到时无人领取则退回 · the coupon comes back then, if nobody takes it"`
	EndedAt   *time.Time  `json:"ended_at,omitempty"`
	Coupon    GivenCoupon `json:"coupon"`
}

func givenCoupon(it *coupon.Item) (GivenCoupon, error) {
	_, rules, err := coupon.OfferOf(it.Batch)
	return GivenCoupon{it.Batch.Name, it.Batch.Note, it.Batch.Kind, json.RawMessage(it.Batch.Terms), int64(rules.MinimumFen), it.ValidUntil}, err
}

func (h *Handlers) gift(g *coupon.Gift) (Gift, error) {
	c, err := givenCoupon(&g.Item)
	return Gift{h.IDs.Of(model.KindCouponGift, g.ID), g.State, g.Code, g.ExpiresAt, g.EndedAt, c}, err
}

func (h *Handlers) oneGift(g *coupon.Gift, err error) (*One[Gift], error) {
	if err != nil {
		return nil, err
	}
	out, err := h.gift(g)
	return one(out), err
}

// GiveCouponInput gives one of one's own coupons away.
type GiveCouponInput struct {
	CouponPath
	Repeatable
	Body struct {
		Minutes int `json:"minutes,omitempty" minimum:"1" maximum:"10080" doc:"等待领取多久，默认一天 · how long it waits to be taken; absent: a day"`
	}
}

// GiveCoupon lets whoever comes with a code have one of one's own coupons.
func (h *Handlers) GiveCoupon(ctx context.Context, in *GiveCouponInput) (*One[Gift], error) {
	id, err := h.IDs.Row(model.KindCoupon, in.ID)
	if err != nil {
		return nil, err
	}
	return h.oneGift(h.Coupons.Give(ctx, coupon.GiftInput{
		Key: in.key(ctx), CustomerID: visitorOf(ctx).CustomerID, CouponID: id, For: time.Duration(in.Body.Minutes) * time.Minute,
	}))
}

const giftsPage = 50

// ListGifts lists the coupons that one gave away, the newest first.
func (h *Handlers) ListGifts(ctx context.Context, in *BeforeInput) (*Many[Gift], error) {
	before := int64(0)
	if in.Before != "" {
		row, err := h.IDs.Row(model.KindCouponGift, in.Before)
		if err != nil {
			return nil, err
		}
		before = row
	}
	rows, err := h.Coupons.Gifts(ctx, coupon.GiftFilter{CustomerID: visitorOf(ctx).CustomerID}, before, giftsPage)
	if err != nil {
		return nil, err
	}
	out := &Many[Gift]{}
	out.Body.Items = []Gift{}
	for i := range rows {
		g, err := h.gift(&rows[i])
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, g)
	}
	if len(rows) == giftsPage {
		out.Body.Next = out.Body.Items[giftsPage-1].ID
	}
	return out, nil
}

// WithdrawGiftInput takes a gift back.
type WithdrawGiftInput struct {
	ID string `path:"id"`
	Repeatable
}

// WithdrawGift takes back a coupon that nobody has taken yet.
func (h *Handlers) WithdrawGift(ctx context.Context, in *WithdrawGiftInput) (*One[Gift], error) {
	id, err := h.IDs.Row(model.KindCouponGift, in.ID)
	if err != nil {
		return nil, err
	}
	return h.oneGift(h.Coupons.Withdraw(ctx, in.key(ctx), visitorOf(ctx).CustomerID, id))
}

// GiftOffer is what a code gives whoever takes it.
type GiftOffer struct {
	ExpiresAt time.Time   `json:"expires_at" doc:"it waits until then"`
	Own       bool        `json:"own" doc:"自己送出的，不能自己领取 · one gives it oneself, and can't take it"`
	Coupon    GivenCoupon `json:"coupon"`
}

// GiftCode is the code of a gift, and where one comes from.
type GiftCode struct {
	Code   string `json:"code" minLength:"1" maxLength:"64"`
	Device string `json:"device,omitempty" maxLength:"128" doc:"设备标识 · what the device calls itself; only a hash is kept"`
}

func (c *GiftCode) ask(ctx context.Context, key coupon.Key) coupon.TakeGift {
	return coupon.TakeGift{Key: key, CustomerID: visitorOf(ctx).CustomerID, Code: c.Code, Device: c.Device, Address: originOf(ctx).ip}
}

// LookAtGiftInput has the code in the body: addresses are written into logs.
type LookAtGiftInput struct{ Body GiftCode }

// LookAtGift says what a code would give, and changes nothing.
func (h *Handlers) LookAtGift(ctx context.Context, in *LookAtGiftInput) (*One[GiftOffer], error) {
	g, err := h.Coupons.LookAtGift(ctx, in.Body.ask(ctx, coupon.Key{}))
	if err != nil {
		return nil, err
	}
	c, err := givenCoupon(&g.Item)
	return one(GiftOffer{g.ExpiresAt, g.CustomerID == visitorOf(ctx).CustomerID, c}), err
}

// TakeGiftInput takes what somebody gives away.
type TakeGiftInput struct {
	Repeatable
	Body GiftCode
}

// TakeGift makes the coupon behind a code one's own.
func (h *Handlers) TakeGift(ctx context.Context, in *TakeGiftInput) (*One[Coupon], error) {
	c, err := h.Coupons.Take(ctx, in.Body.ask(ctx, in.key(ctx)))
	if err != nil {
		return nil, err
	}
	return h.oneCoupon(ctx, c.ID)
}
