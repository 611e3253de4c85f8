package miniapp

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zhiyin/model"
	"zhiyin/service/coupon"
)

// Offer is something in the coupon centre.
type Offer struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Note       string          `json:"note,omitempty"`
	Kind       string          `json:"kind"`
	Terms      json.RawMessage `json:"terms" doc:"what it is worth, as its kind says"`
	MinimumFen int64           `json:"minimum_fen,omitempty"`
	ValidFrom  *time.Time      `json:"valid_from,omitempty"`
	ValidUntil *time.Time      `json:"valid_until,omitempty"`
	ValidDays  int             `json:"valid_days,omitempty" doc:"after receipt"`
	ClaimUntil *time.Time      `json:"claim_until,omitempty"`
	SoldOut    bool            `json:"sold_out"`
	Had        int64           `json:"had" doc:"how many of it one has had"`
	Limit      bool            `json:"limit" doc:"true: one has had as many as one may, in all or today"`
}

// Offers are what is in the coupon centre.
type Offers struct {
	Items []Offer `json:"items" nullable:"false"`
}

// ListOffers lists what one may take in the coupon centre.
func (h *Handlers) ListOffers(ctx context.Context, _ *struct{}) (*One[Offers], error) {
	rows, err := h.Coupons.Offers(ctx, visitorOf(ctx).CustomerID)
	if err != nil {
		return nil, err
	}
	out := Offers{[]Offer{}}
	for i := range rows {
		o := &rows[i]
		_, rules, err := coupon.OfferOf(&o.CouponBatch)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, Offer{
			ID: h.IDs.Of(model.KindCouponBatch, o.ID), Name: o.Name, Note: o.Note, Kind: o.Kind, Terms: json.RawMessage(o.Terms), MinimumFen: int64(rules.MinimumFen),
			ValidFrom: o.ValidFrom, ValidUntil: o.ValidUntil, ValidDays: o.ValidDays, ClaimUntil: o.ClaimUntil, SoldOut: o.SoldOut, Had: o.Had, Limit: o.Limit,
		})
	}
	return one(out), nil
}

// Coupon is one of one's own.
type Coupon struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Note       string          `json:"note,omitempty"`
	Kind       string          `json:"kind"`
	Terms      json.RawMessage `json:"terms"`
	MinimumFen int64           `json:"minimum_fen,omitempty"`
	State      string          `json:"state" doc:"review, usable, reserved, used, expired, void, gifted（转赠中 · on its way to somebody）"`
	BalanceFen int64           `json:"balance_fen,omitempty" doc:"of stored value: what is left"`
	ValidFrom  time.Time       `json:"valid_from"`
	ValidUntil time.Time       `json:"valid_until"`
	GiveAway   bool            `json:"give_away" doc:"true: one may give it to somebody else"`
}

func (h *Handlers) coupon(c *coupon.Item) (Coupon, error) {
	_, rules, err := coupon.OfferOf(c.Batch)
	return Coupon{
		ID: h.IDs.Of(model.KindCoupon, c.ID), Name: c.Batch.Name, Note: c.Batch.Note, Kind: c.Batch.Kind, Terms: json.RawMessage(c.Batch.Terms),
		MinimumFen: int64(rules.MinimumFen), State: c.State, BalanceFen: int64(c.BalanceFen), ValidFrom: c.ValidFrom, ValidUntil: c.ValidUntil,
		GiveAway: c.Batch.Transferable && c.State == coupon.Usable,
	}, err
}

func (h *Handlers) oneCoupon(ctx context.Context, id int64) (*One[Coupon], error) {
	item, err := h.Coupons.Coupon(ctx, visitorOf(ctx).CustomerID, id)
	if err != nil {
		return nil, err
	}
	c, err := h.coupon(item)
	return one(c), err
}

// Repeatable is a request that may be sent again under its key.
type Repeatable struct {
	IdempotencyKey string `header:"Idempotency-Key" minLength:"8" maxLength:"64" required:"true" doc:"客户端生成，重发同一请求用同一个 · made by the client; a request sent again under it is answered as before"`
}

func (r *Repeatable) key(ctx context.Context) coupon.Key {
	return coupon.Key{Whose: fmt.Sprintf("customer:%d", visitorOf(ctx).CustomerID), Name: r.IdempotencyKey}
}

// ClaimInput takes a coupon in the coupon centre.
type ClaimInput struct {
	ID string `path:"id" doc:"of the offer"`
	Repeatable
	Body struct {
		Device string `json:"device,omitempty" maxLength:"128" doc:"设备标识 · what the device calls itself; only a hash is kept"`
	}
}

// ClaimCoupon takes a coupon in the coupon centre.
func (h *Handlers) ClaimCoupon(ctx context.Context, in *ClaimInput) (*One[Coupon], error) {
	batch, err := h.IDs.Row(model.KindCouponBatch, in.ID)
	if err != nil {
		return nil, err
	}
	ask := coupon.IssueInput{
		BatchID: batch, CustomerID: visitorOf(ctx).CustomerID, Key: in.key(ctx), Source: coupon.SourceClaim, Device: in.Body.Device, Address: originOf(ctx).ip,
	}
	if err := h.Coupons.Came(ctx, &ask); err != nil {
		return nil, err
	}
	c, err := h.Coupons.Issue(ctx, ask)
	if err != nil {
		return nil, err
	}
	return h.oneCoupon(ctx, c.ID)
}

// TakeCodeInput makes a code into a coupon.
type TakeCodeInput struct {
	Repeatable
	Body struct {
		Code   string `json:"code" minLength:"1" maxLength:"64"`
		Device string `json:"device,omitempty" maxLength:"128"`
	}
}

// TakeCode makes a code into a coupon of one's own.
func (h *Handlers) TakeCode(ctx context.Context, in *TakeCodeInput) (*One[Coupon], error) {
	ask := coupon.IssueInput{
		CustomerID: visitorOf(ctx).CustomerID, Key: in.key(ctx), Code: in.Body.Code, Device: in.Body.Device, Address: originOf(ctx).ip,
	}
	if err := h.Coupons.Came(ctx, &ask); err != nil {
		return nil, err
	}
	c, err := h.Coupons.TakeCode(ctx, ask)
	if err != nil {
		return nil, err
	}
	return h.oneCoupon(ctx, c.ID)
}

// Coupons is a page of one's own coupons.
type Coupons struct {
	Items  []Coupon `json:"items" nullable:"false"`
	Cursor string   `json:"next_cursor,omitempty" doc:"absent when nothing follows"`
}

// ListCouponsInput says which of one's own.
type ListCouponsInput struct {
	State  string `query:"state" enum:"usable,used,expired" default:"usable" doc:"usable：含审核中、占用中和转赠中 · with those in review, reserved and on their way to somebody; expired：含作废 · with void ones"`
	Cursor string `query:"cursor" maxLength:"26"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// tabs are the states behind each tab of one's own coupons.
var tabs = map[string][]string{
	"usable": {coupon.Usable, coupon.Reserved, coupon.InReview, coupon.Gifted}, "used": {coupon.Used}, "expired": {coupon.Expired, coupon.Void},
}

// ListCoupons lists one's own coupons, the newest first.
func (h *Handlers) ListCoupons(ctx context.Context, in *ListCouponsInput) (*One[Coupons], error) {
	var before int64
	if in.Cursor != "" {
		var err error
		if before, err = h.IDs.Row(model.KindCoupon, in.Cursor); err != nil {
			return nil, err
		}
	}
	rows, err := h.Coupons.List(ctx, coupon.Filter{CustomerID: visitorOf(ctx).CustomerID, States: tabs[in.State]}, before, in.Limit)
	if err != nil {
		return nil, err
	}
	out := Coupons{Items: []Coupon{}}
	for i := range rows {
		c, err := h.coupon(&rows[i])
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, c)
	}
	if len(rows) == in.Limit {
		out.Cursor = out.Items[len(rows)-1].ID
	}
	return one(out), nil
}

// CouponPath is one of one's own coupons.
type CouponPath struct {
	ID string `path:"id"`
}

// GetCoupon gives one of one's own coupons.
func (h *Handlers) GetCoupon(ctx context.Context, in *CouponPath) (*One[Coupon], error) {
	id, err := h.IDs.Row(model.KindCoupon, in.ID)
	if err != nil {
		return nil, err
	}
	return h.oneCoupon(ctx, id)
}

// Pass is the code to be shown in a shop.
type Pass struct {
	Code      string    `json:"code" doc:"显示为二维码 · to be shown, as a QR code"`
	ChangesAt time.Time `json:"changes_at" doc:"到时重新获取 · ask again then"`
}

// GetPass gives the code to be shown in a shop, which changes every 30 seconds.
func (h *Handlers) GetPass(ctx context.Context, in *CouponPath) (*One[Pass], error) {
	id, err := h.IDs.Row(model.KindCoupon, in.ID)
	if err != nil {
		return nil, err
	}
	p, err := h.Coupons.Pass(ctx, visitorOf(ctx).CustomerID, id)
	if err != nil {
		return nil, err
	}
	return one(Pass{p.Code, p.ChangesAt}), nil
}

// QualifyInput is a cart. What things cost is looked up, never taken from here.
type QualifyInput struct {
	Body struct {
		Shop  string     `json:"shop,omitempty" maxLength:"64"`
		Lines []CartLine `json:"lines" minItems:"1" maxItems:"200" nullable:"false"`
	}
}

// CartLine is a product in the cart.
type CartLine struct {
	Product  string `json:"product" minLength:"1" maxLength:"64" doc:"its number"`
	Quantity int64  `json:"quantity" minimum:"1" maximum:"10000"`
}

// Qualified says which of one's coupons fit a cart.
type Qualified struct {
	TotalFen int64     `json:"total_fen" doc:"before any coupon"`
	OffFen   int64     `json:"off_fen" doc:"what the best of them save together"`
	Best     []string  `json:"best" nullable:"false" doc:"coupons that save most together"`
	Items    []Quality `json:"items" nullable:"false"`
}

// Quality is how one coupon stands to a cart.
type Quality struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	OffFen  int64  `json:"off_fen" doc:"what it saves by itself"`
	Fits    bool   `json:"fits"`
	Reason  string `json:"reason,omitempty" doc:"a stable name: why it does not fit"`
	Zh      string `json:"zh,omitempty"`
	En      string `json:"en,omitempty"`
	MoreFen int64  `json:"more_fen,omitempty" doc:"how much is missing to its minimum"`
}

// QualifyCoupons says which of one's coupons fit a cart, what each saves, and why others do not.
func (h *Handlers) QualifyCoupons(ctx context.Context, in *QualifyInput) (*One[Qualified], error) {
	lines := make([]coupon.PricedLine, len(in.Body.Lines))
	for i, l := range in.Body.Lines {
		lines[i] = coupon.PricedLine(l)
	}
	bill, err := h.Coupons.Price(ctx, in.Body.Shop, lines)
	if err != nil {
		return nil, err
	}
	q, err := h.Coupons.Qualify(ctx, visitorOf(ctx).CustomerID, bill)
	if err != nil {
		return nil, err
	}
	out := Qualified{TotalFen: int64(q.TotalFen), OffFen: int64(q.OffFen), Best: []string{}, Items: []Quality{}}
	for _, id := range q.Best {
		out.Best = append(out.Best, h.IDs.Of(model.KindCoupon, id))
	}
	for _, it := range q.Items {
		item := Quality{ID: h.IDs.Of(model.KindCoupon, it.Coupon.ID), Name: it.Batch.Name, OffFen: int64(it.OffFen), Fits: it.Misfit == nil}
		if no := it.Misfit; no != nil {
			item.Reason, item.Zh, item.En, item.MoreFen = no.Code, no.Zh, no.En, int64(no.MoreFen)
		}
		out.Items = append(out.Items, item)
	}
	return one(out), nil
}
