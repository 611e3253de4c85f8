package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/loyalty"
)

// Reward is what points can be spent on.
type Reward struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	Taken   int64  `json:"taken"`
	RewardBody
	UpdatedAt time.Time `json:"updated_at"`
}

// RewardBody is what a reward says.
type RewardBody struct {
	Name        string     `json:"name" minLength:"1" maxLength:"64"`
	Note        string     `json:"note,omitempty" maxLength:"255"`
	Kind        string     `json:"kind" enum:"gift,coupon"`
	BatchID     string     `json:"batch_id,omitempty" maxLength:"26" doc:"of coupons"`
	Price       int64      `json:"price" minimum:"1" doc:"points"`
	Stock       int64      `json:"stock,omitempty" minimum:"0" doc:"0: any number"`
	PerCustomer int64      `json:"per_customer,omitempty" minimum:"0" doc:"0: any number"`
	MinLevel    int        `json:"min_level,omitempty" minimum:"0" maximum:"20" doc:"tier"`
	Enabled     bool       `json:"enabled,omitempty"`
	From        *time.Time `json:"from,omitempty"`
	Until       *time.Time `json:"until,omitempty"`
}

func (h *Handlers) reward(r *model.Reward) Reward {
	return Reward{h.IDs.Of(model.KindReward, r.ID), r.Version, r.Taken, RewardBody{
		r.Name, r.Note, r.Kind, h.IDs.Of(model.KindCouponBatch, r.BatchID), r.Price, r.Stock, r.PerCustomer, r.MinLevel, r.Enabled, r.From, r.Until,
	}, r.UpdatedAt}
}

// ListRewards lists all rewards, the cheapest first.
func (h *Handlers) ListRewards(ctx context.Context, _ *struct{}) (*Page[Reward], error) {
	rows, err := h.Loyalty.Rewards(ctx, false)
	if err != nil {
		return nil, err
	}
	var items []Reward
	for i := range rows {
		items = append(items, h.reward(&rows[i]))
	}
	return whole(items), nil
}

// CreateRewardInput is a new reward.
type CreateRewardInput struct{ Body RewardBody }

// CreateReward makes a reward.
func (h *Handlers) CreateReward(ctx context.Context, in *CreateRewardInput) (*One[Reward], error) {
	return h.saveReward(ctx, 0, 0, &in.Body)
}

// UpdateRewardInput replaces what a reward says.
type UpdateRewardInput struct {
	IDPath
	Body struct {
		Version int64      `json:"version" minimum:"1"`
		Reward  RewardBody `json:"reward"`
	}
}

// UpdateReward replaces what a reward says.
func (h *Handlers) UpdateReward(ctx context.Context, in *UpdateRewardInput) (*One[Reward], error) {
	id, err := h.IDs.Row(model.KindReward, in.ID)
	if err != nil {
		return nil, err
	}
	return h.saveReward(ctx, id, in.Body.Version, &in.Body.Reward)
}

func (h *Handlers) saveReward(ctx context.Context, id, version int64, b *RewardBody) (*One[Reward], error) {
	r := h.reader()
	batch := r.optional(model.KindCouponBatch, b.BatchID)
	r.moments(given(map[string]*time.Time{"from": b.From, "until": b.Until}))
	if r.err != nil {
		return nil, r.err
	}
	row, err := h.Loyalty.SaveReward(ctx, ViewerOf(ctx).StaffID, id, version, loyalty.RewardInput{
		Name: b.Name, Note: b.Note, Kind: b.Kind, BatchID: batch, Price: b.Price, Stock: b.Stock, PerCustomer: b.PerCustomer, MinLevel: b.MinLevel,
		Enabled: b.Enabled, From: b.From, Until: b.Until,
	})
	if err != nil {
		return nil, err
	}
	return one(h.reward(row)), nil
}

// Redemption is one reward that a customer took.
type Redemption struct {
	ID         string    `json:"id"`
	RewardID   string    `json:"reward_id"`
	CustomerID string    `json:"customer_id"`
	Points     int64     `json:"points"`
	State      string    `json:"state" doc:"done, to_hand_over, handed_over, cancelled"`
	CouponID   string    `json:"coupon_id,omitempty"`
	Note       string    `json:"note,omitempty"`
	StaffID    string    `json:"staff_id,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
}

// ListRedemptionsInput selects redemptions.
type ListRedemptionsInput struct {
	PageQuery
	State string `query:"state" enum:"done,to_hand_over,handed_over,cancelled"`
}

// ListRedemptions lists redemptions, the newest first.
func (h *Handlers) ListRedemptions(ctx context.Context, in *ListRedemptionsInput) (*Page[Redemption], error) {
	r := h.reader()
	f := loyalty.RedemptionFilter{State: in.State, Before: r.after(listRedemption, in.Cursor), Limit: in.Limit}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Loyalty.Redemptions(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []Redemption
	for _, x := range rows {
		items = append(items, Redemption{
			h.IDs.Of(model.KindRedemption, x.ID), h.IDs.Of(model.KindReward, x.RewardID), h.IDs.Of(model.KindCustomer, x.CustomerID), x.Points, x.State,
			h.IDs.Of(model.KindCoupon, x.CouponID), x.Note, h.IDs.Of(model.KindStaff, x.StaffID), x.CreatedAt,
		})
	}
	return newPage(h, listRedemption, items, lastOf(rows, in.Limit, func(x model.Redemption) int64 { return x.ID }))
}

// EndRedemptionInput says how a redemption ends.
type EndRedemptionInput struct {
	IDPath
	Body struct {
		State string `json:"state" enum:"handed_over,cancelled" doc:"cancelled: the points come back, and the gift is there again"`
		Note  string `json:"note,omitempty" maxLength:"255"`
	}
}

// EndRedemption hands a gift over, or cancels its redemption.
func (h *Handlers) EndRedemption(ctx context.Context, in *EndRedemptionInput) (*None, error) {
	id, err := h.IDs.Row(model.KindRedemption, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.State == loyalty.HandedOver {
		return &None{}, h.Loyalty.HandOver(ctx, ViewerOf(ctx).StaffID, id, in.Body.Note)
	}
	return &None{}, h.Loyalty.CancelRedemption(ctx, ViewerOf(ctx).StaffID, id, in.Body.Note)
}
