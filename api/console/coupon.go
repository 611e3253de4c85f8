package console

import (
	"context"
	"fmt"
	"time"

	"zhiyin/model"
	"zhiyin/service/coupon"
)

// Coupon is one customer's instance of a batch.
type Coupon struct {
	ID            string    `json:"id"`
	BatchID       string    `json:"batch_id"`
	BatchName     string    `json:"batch_name"`
	CustomerID    string    `json:"customer_id"`
	State         string    `json:"state" doc:"review, usable, reserved, used, expired, void, gifted (on its way to somebody)"`
	BalanceFen    int64     `json:"balance_fen,omitempty" doc:"of stored value: what is left"`
	ValidFrom     time.Time `json:"valid_from"`
	ValidUntil    time.Time `json:"valid_until"`
	Source        string    `json:"source" doc:"claim, code, staff, journey, campaign, draw, points, referral, console"`
	CampaignID    string    `json:"campaign_id,omitempty" doc:"the campaign that it is credited to"`
	JourneyID     string    `json:"journey_id,omitempty"`
	Step          string    `json:"step,omitempty" doc:"of the journey, or variant of the campaign"`
	ChannelCodeID string    `json:"channel_code_id,omitempty"`
	StaffID       string    `json:"staff_id,omitempty" doc:"who gave it, or whose customer took it"`
	Score         int       `json:"score,omitempty" doc:"of the signs of fraud when it was issued"`
	CreatedAt     time.Time `json:"created_at"`
	MovedAt       time.Time `json:"moved_at"`
}

// ShownCoupon is a coupon as staff see it.
func (h *Handlers) ShownCoupon(c *coupon.Item) Coupon {
	out := Coupon{
		ID: h.IDs.Of(model.KindCoupon, c.ID), BatchID: h.IDs.Of(model.KindCouponBatch, c.BatchID), CustomerID: h.IDs.Of(model.KindCustomer, c.CustomerID),
		State: c.State, BalanceFen: int64(c.BalanceFen), ValidFrom: c.ValidFrom, ValidUntil: c.ValidUntil, Source: c.Source,
		CampaignID: h.IDs.Of(model.KindCampaign, c.CampaignID), JourneyID: h.IDs.Of(model.KindJourney, c.JourneyID), Step: c.Step,
		ChannelCodeID: h.IDs.Of(model.KindChannelCode, c.ChannelCodeID), StaffID: h.IDs.Of(model.KindStaff, c.StaffID), Score: c.Score,
		CreatedAt: c.CreatedAt, MovedAt: c.MovedAt,
	}
	if c.Batch != nil {
		out.BatchName = c.Batch.Name
	}
	return out
}

// ListCouponsInput selects coupons.
type ListCouponsInput struct {
	PageQuery
	BatchID    string `query:"batch_id" maxLength:"26"`
	CustomerID string `query:"customer_id" maxLength:"26"`
	State      string `query:"state" enum:"review,usable,reserved,used,expired,void,gifted" doc:"review: those that wait for a person"`
}

// ListCoupons lists coupons, the newest first.
func (h *Handlers) ListCoupons(ctx context.Context, in *ListCouponsInput) (*Page[Coupon], error) {
	r := h.reader()
	f := coupon.Filter{BatchID: r.optional(model.KindCouponBatch, in.BatchID), CustomerID: r.optional(model.KindCustomer, in.CustomerID)}
	before := r.after(listCoupon, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	if in.State != "" {
		f.States = []string{in.State}
	}
	rows, err := h.Coupons.List(ctx, f, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []Coupon
	for i := range rows {
		items = append(items, h.ShownCoupon(&rows[i]))
	}
	return newPage(h, listCoupon, items, lastOf(rows, in.Limit, func(c coupon.Item) int64 { return c.ID }))
}

// GetCoupon gives one coupon.
func (h *Handlers) GetCoupon(ctx context.Context, in *IDPath) (*One[Coupon], error) {
	id, err := h.IDs.Row(model.KindCoupon, in.ID)
	if err != nil {
		return nil, err
	}
	return h.oneCoupon(ctx, id)
}

func (h *Handlers) oneCoupon(ctx context.Context, id int64) (*One[Coupon], error) {
	c, err := h.Coupons.Coupon(ctx, 0, id)
	if err != nil {
		return nil, err
	}
	return one(h.ShownCoupon(c)), nil
}

// CouponEntry is one move of one coupon.
type CouponEntry struct {
	ID         string    `json:"id"`
	CouponID   string    `json:"coupon_id"`
	CustomerID string    `json:"customer_id"`
	Version    int       `json:"version" doc:"of the coupon after it"`
	Act        string    `json:"act" doc:"issue, reserve, release, redeem, roll_back, extend, void, transfer, expire, review, gift, gift_back"`
	State      string    `json:"state" doc:"of the coupon after it"`
	Count      int       `json:"count" doc:"uses added to the budget"`
	Fen        int64     `json:"fen" doc:"money added to the budget"`
	BudgetDay  string    `json:"budget_day,omitempty"`
	StaffID    string    `json:"staff_id,omitempty"`
	Shop       string    `json:"shop,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	At         time.Time `json:"at"`
}

// ListCouponEntriesInput selects a part of the ledger.
type ListCouponEntriesInput struct {
	PageQuery
	BatchID  string `query:"batch_id" maxLength:"26"`
	CouponID string `query:"coupon_id" maxLength:"26"`
}

// ListCouponEntries lists the ledger, the newest move first.
func (h *Handlers) ListCouponEntries(ctx context.Context, in *ListCouponEntriesInput) (*Page[CouponEntry], error) {
	r := h.reader()
	batch, id, before := r.optional(model.KindCouponBatch, in.BatchID), r.optional(model.KindCoupon, in.CouponID), r.after(listCouponEntry, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Coupons.Entries(ctx, batch, id, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []CouponEntry
	for _, e := range rows {
		items = append(items, CouponEntry{
			ID: h.IDs.Of(model.KindCouponEntry, e.ID), CouponID: h.IDs.Of(model.KindCoupon, e.CouponID), CustomerID: h.IDs.Of(model.KindCustomer, e.CustomerID),
			Version: e.Version, Act: e.Act, State: e.State, Count: e.Count, Fen: int64(e.Fen), BudgetDay: e.BudgetDay,
			StaffID: h.IDs.Of(model.KindStaff, e.StaffID), Shop: e.Shop, Reason: e.Reason, At: e.At,
		})
	}
	return newPage(h, listCouponEntry, items, lastOf(rows, in.Limit, func(e model.CouponEntry) int64 { return e.ID }))
}

// Repeatable is a request that may be sent again under its key.
type Repeatable struct {
	IdempotencyKey string `header:"Idempotency-Key" minLength:"8" maxLength:"64" required:"true" doc:"of your making: sent again under it, the same request is answered as before"`
}

// Key is the caller's key.
func (r *Repeatable) Key(ctx context.Context) coupon.Key {
	return coupon.Key{Whose: fmt.Sprintf("staff:%d", ViewerOf(ctx).StaffID), Name: r.IdempotencyKey}
}

// act is what somebody wants to do with a coupon.
func (h *Handlers) act(ctx context.Context, key Repeatable, id, reason string) (coupon.Act, error) {
	row, err := h.IDs.Row(model.KindCoupon, id)
	return coupon.Act{Key: key.Key(ctx), CouponID: row, StaffID: ViewerOf(ctx).StaffID, Reason: reason}, err
}

func (h *Handlers) acted(ctx context.Context, c *model.Coupon, err error) (*One[Coupon], error) {
	if err != nil {
		return nil, err
	}
	return h.oneCoupon(ctx, c.ID)
}

// VoidCouponInput ends a coupon.
type VoidCouponInput struct {
	IDPath
	Repeatable
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"255"`
	}
}

// VoidCoupon ends a coupon that is not used.
func (h *Handlers) VoidCoupon(ctx context.Context, in *VoidCouponInput) (*One[Coupon], error) {
	act, err := h.act(ctx, in.Repeatable, in.ID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	c, err := h.Coupons.Void(ctx, act)
	return h.acted(ctx, c, err)
}

// ExtendCouponInput lets a coupon be good for longer.
type ExtendCouponInput struct {
	IDPath
	Repeatable
	Body struct {
		ValidUntil time.Time `json:"valid_until"`
		Reason     string    `json:"reason" minLength:"1" maxLength:"255"`
	}
}

// ExtendCoupon lets a coupon be good for longer; one that has expired is usable again.
func (h *Handlers) ExtendCoupon(ctx context.Context, in *ExtendCouponInput) (*One[Coupon], error) {
	act, err := h.act(ctx, in.Repeatable, in.ID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	c, err := h.Coupons.Extend(ctx, act, in.Body.ValidUntil)
	return h.acted(ctx, c, err)
}

// TransferCouponInput gives a coupon to somebody else.
type TransferCouponInput struct {
	IDPath
	Repeatable
	Body struct {
		CustomerID string `json:"customer_id" maxLength:"26"`
		Reason     string `json:"reason" minLength:"1" maxLength:"255"`
	}
}

// TransferCoupon gives a coupon to another customer, where its batch allows it.
func (h *Handlers) TransferCoupon(ctx context.Context, in *TransferCouponInput) (*One[Coupon], error) {
	act, err := h.act(ctx, in.Repeatable, in.ID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	to, err := h.IDs.Row(model.KindCustomer, in.Body.CustomerID)
	if err != nil {
		return nil, err
	}
	c, err := h.Coupons.Transfer(ctx, act, to)
	return h.acted(ctx, c, err)
}

// ReviewCouponInput decides about a coupon that was held back.
type ReviewCouponInput struct {
	IDPath
	Repeatable
	Body struct {
		Good   bool   `json:"good" doc:"true: it becomes usable; false: void"`
		Reason string `json:"reason,omitempty" maxLength:"255"`
	}
}

// ReviewCoupon ends the wait of a coupon that was held back.
func (h *Handlers) ReviewCoupon(ctx context.Context, in *ReviewCouponInput) (*One[Coupon], error) {
	act, err := h.act(ctx, in.Repeatable, in.ID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	c, err := h.Coupons.Review(ctx, act, in.Body.Good)
	return h.acted(ctx, c, err)
}
