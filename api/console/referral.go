package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/loyalty/referral"
)

// Referral is a programme in which customers invite newcomers.
type Referral struct {
	ID         string            `json:"id"`
	State      string            `json:"state" doc:"draft, active, paused, ended"`
	Version    int64             `json:"version"`
	Definition ReferralBody      `json:"definition"`
	Used       ReferralBudget    `json:"used" doc:"what was given so far, less what was taken back"`
	StaffCodes int64             `json:"staff_codes" doc:"专属二维码数 · inviters' contact ways there are"`
	Warnings   []ReferralWarning `json:"warnings" nullable:"false" doc:"to be read and acknowledged before it is published"`
	// Who published it having read the warnings.
	AcknowledgedBy string     `json:"acknowledged_by,omitempty"`
	AcknowledgedAt *time.Time `json:"acknowledged_at,omitempty"`
	UpdatedAt      time.Time  `json:"updated_at"`
}

// ReferralWarning is something that operators read before they publish.
type ReferralWarning struct {
	Code string `json:"code"`
	Zh   string `json:"zh"`
	En   string `json:"en"`
}

// ReferralBody is what people say a programme is. Once it is out, from, ask, cool_off_days, subtract_leavers, take_back,
// per_inviter, points_days, steps and invitee stay as they are.
type ReferralBody struct {
	Name            string         `json:"name" minLength:"1" maxLength:"64"`
	Note            string         `json:"note,omitempty" maxLength:"255"`
	From            time.Time      `json:"from"`
	Until           time.Time      `json:"until"`
	SegmentID       string         `json:"segment_id,omitempty" maxLength:"26" doc:"who may invite; absent: every customer"`
	Ask             string         `json:"ask" enum:"sign_in,relation,order" doc:"what a newcomer does to count: come, add a staff member, pay a first order"`
	CoolOffDays     int            `json:"cool_off_days" minimum:"0" maximum:"90"`
	SubtractLeavers bool           `json:"subtract_leavers,omitempty" doc:"who leaves after having counted counts no more"`
	TakeBack        bool           `json:"take_back,omitempty" doc:"and points, and gifts not handed over, are taken back that friends are then missing for"`
	PerInviter      int64          `json:"per_inviter,omitempty" minimum:"0" maximum:"10000" doc:"friends of one inviter that count; 0: any number"`
	PointsDays      int            `json:"points_days,omitempty" minimum:"0" maximum:"3650" doc:"for how many days points are good; 0: for ever"`
	Steps           []ReferralStep `json:"steps" maxItems:"10" nullable:"false"`
	Invitee         *ReferralPrize `json:"invitee,omitempty" doc:"what a newcomer gets who counts"`
	Budget          ReferralBudget `json:"budget" doc:"ceilings; 0: none"`
	ReviewAt        int            `json:"review_at,omitempty" minimum:"0" maximum:"1000" doc:"from which score of fraud on a person decides; 0: never"`
	Link            string         `json:"link,omitempty" maxLength:"512" doc:"https address behind posters, with {code} in it"`
	AccountID       string         `json:"miniapp_account_id,omitempty" maxLength:"26" doc:"the mini-program whose code posters carry instead"`
	Page            string         `json:"page,omitempty" maxLength:"128" doc:"its page, without a leading /; the scene is r= and the code"`
	BackgroundID    string         `json:"background_id,omitempty" maxLength:"26" doc:"media that posters are drawn on, JPG or PNG; absent: plain"`
	StaffCode       *ReferralStaff `json:"staff_code,omitempty" doc:"邀请加企业微信成员 · posters carry a contact way of the inviter's own, by which newcomers add a staff member; takes the place of link and mini-program on posters"`
}

// ReferralStaff says that invitations lead to adding staff.
type ReferralStaff struct {
	ChannelCodeID string `json:"channel_code_id" maxLength:"26" doc:"渠道活码 · the channel code whose staff, tags, remark and welcome hold for whoever comes"`
	Most          int64  `json:"most" minimum:"1" maximum:"100000" doc:"专属二维码上限 · inviters' codes at a time; the platform has room for 500,000 contact ways in all"`
	KeepDays      int    `json:"keep_days,omitempty" minimum:"0" maximum:"365" doc:"结束后保留天数 · for how many days after the end codes work"`
}

// ReferralStep is what an inviter gets for so many friends.
type ReferralStep struct {
	Friends int64 `json:"friends" minimum:"1" maximum:"10000"`
	ReferralPrize
}

// ReferralPrize is what somebody gets.
type ReferralPrize struct {
	Kind    string `json:"kind" enum:"points,coupon,gift"`
	Name    string `json:"name" minLength:"1" maxLength:"64"`
	Points  int64  `json:"points,omitempty" minimum:"0" maximum:"1000000"`
	BatchID string `json:"batch_id,omitempty" maxLength:"26" doc:"of coupons"`
	CostFen int64  `json:"cost_fen,omitempty" minimum:"0" maximum:"100000000" doc:"what one costs the house"`
}

// ReferralBudget is numbers of rewards and what they come to.
type ReferralBudget struct {
	Rewards int64 `json:"rewards,omitempty" minimum:"0" maximum:"1000000000000"`
	Points  int64 `json:"points,omitempty" minimum:"0" maximum:"1000000000000"`
	Coupons int64 `json:"coupons,omitempty" minimum:"0" maximum:"1000000000000"`
	Fen     int64 `json:"fen,omitempty" minimum:"0" maximum:"1000000000000"`
}

func (h *Handlers) referralPrize(p referral.Prize) ReferralPrize {
	return ReferralPrize{p.Kind, p.Name, p.Points, h.IDs.Of(model.KindCouponBatch, p.BatchID), int64(p.CostFen)}
}

func (h *Handlers) referral(p *referral.Programme) Referral {
	d, b := p.Definition(), p.Budget
	out := Referral{
		ID: h.IDs.Of(model.KindReferral, p.ID), State: p.State, Version: p.Version, Used: ReferralBudget{b.UsedRewards, b.UsedPoints, b.UsedCoupons, int64(b.UsedFen)},
		Warnings: []ReferralWarning{}, AcknowledgedBy: h.IDs.Of(model.KindStaff, p.AcknowledgedBy), AcknowledgedAt: p.AcknowledgedAt, UpdatedAt: p.UpdatedAt,
		Definition: ReferralBody{
			d.Name, d.Note, d.From, d.Until, h.IDs.Of(model.KindSegment, d.SegmentID), d.Ask, d.CoolOffDays, d.SubtractLeavers, d.TakeBack, d.PerInviter, d.PointsDays,
			[]ReferralStep{}, nil, ReferralBudget{d.Budget.Rewards, d.Budget.Points, d.Budget.Coupons, int64(d.Budget.Fen)}, d.ReviewAt, d.Link,
			h.IDs.Of(model.KindAccount, d.AccountID), d.Page, h.IDs.Of(model.KindMedia, d.BackgroundID), nil,
		},
	}
	if a := p.Adding; a != nil {
		out.StaffCodes, out.Definition.StaffCode = a.Used, &ReferralStaff{h.IDs.Of(model.KindChannelCode, a.ChannelCodeID), a.Most, a.KeepDays}
	}
	for _, w := range p.Warnings() {
		out.Warnings = append(out.Warnings, ReferralWarning(w))
	}
	for _, st := range d.Steps {
		out.Definition.Steps = append(out.Definition.Steps, ReferralStep{st.Friends, h.referralPrize(st.Prize)})
	}
	if d.Invitee != nil {
		prize := h.referralPrize(*d.Invitee)
		out.Definition.Invitee = &prize
	}
	return out
}

// ListReferrals lists programmes, newest first.
func (h *Handlers) ListReferrals(ctx context.Context, in *PageQuery) (*Page[Referral], error) {
	r := h.reader()
	before := r.after(listReferral, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Referrals.List(ctx, false, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []Referral
	for i := range rows {
		items = append(items, h.referral(&rows[i]))
	}
	return newPage(h, listReferral, items, lastOf(rows, in.Limit, func(p referral.Programme) int64 { return p.ID }))
}

// GetReferral gives a programme.
func (h *Handlers) GetReferral(ctx context.Context, in *IDPath) (*One[Referral], error) {
	id, err := h.IDs.Row(model.KindReferral, in.ID)
	if err != nil {
		return nil, err
	}
	p, err := h.Referrals.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.referral(p)), nil
}

// CreateReferralInput is a new programme.
type CreateReferralInput struct{ Body ReferralBody }

// CreateReferral makes a draft.
func (h *Handlers) CreateReferral(ctx context.Context, in *CreateReferralInput) (*One[Referral], error) {
	return h.saveReferral(ctx, 0, 0, &in.Body)
}

// UpdateReferralInput replaces what a programme says.
type UpdateReferralInput struct {
	IDPath
	Body struct {
		Version    int64        `json:"version" minimum:"1"`
		Definition ReferralBody `json:"definition"`
	}
}

// UpdateReferral replaces what a programme says; once it is out, what customers have been promised stays.
func (h *Handlers) UpdateReferral(ctx context.Context, in *UpdateReferralInput) (*One[Referral], error) {
	id, err := h.IDs.Row(model.KindReferral, in.ID)
	if err != nil {
		return nil, err
	}
	return h.saveReferral(ctx, id, in.Body.Version, &in.Body.Definition)
}

func (h *Handlers) saveReferral(ctx context.Context, id, version int64, b *ReferralBody) (*One[Referral], error) {
	r := h.reader()
	prize := func(p ReferralPrize) referral.Prize {
		return referral.Prize{Kind: p.Kind, Name: p.Name, Points: p.Points, BatchID: r.optional(model.KindCouponBatch, p.BatchID), CostFen: model.Fen(p.CostFen)}
	}
	d := referral.Definition{
		Name: b.Name, Note: b.Note, From: b.From, Until: b.Until, SegmentID: r.optional(model.KindSegment, b.SegmentID), Ask: b.Ask, CoolOffDays: b.CoolOffDays,
		SubtractLeavers: b.SubtractLeavers, TakeBack: b.TakeBack, PerInviter: b.PerInviter, PointsDays: b.PointsDays, ReviewAt: b.ReviewAt,
		Budget: referral.Budget{Rewards: b.Budget.Rewards, Points: b.Budget.Points, Coupons: b.Budget.Coupons, Fen: model.Fen(b.Budget.Fen)},
		Link:   b.Link, AccountID: r.optional(model.KindAccount, b.AccountID), Page: b.Page, BackgroundID: r.optional(model.KindMedia, b.BackgroundID),
	}
	for _, st := range b.Steps {
		d.Steps = append(d.Steps, referral.Step{Friends: st.Friends, Prize: prize(st.ReferralPrize)})
	}
	if a := b.StaffCode; a != nil {
		d.Adding = &referral.Adding{ChannelCodeID: r.row(model.KindChannelCode, a.ChannelCodeID), Most: a.Most, KeepDays: a.KeepDays}
	}
	if b.Invitee != nil {
		invitee := prize(*b.Invitee)
		d.Invitee = &invitee
	}
	r.moments(map[string]time.Time{"from": b.From, "until": b.Until})
	if r.err != nil {
		return nil, r.err
	}
	p, err := h.Referrals.Save(ctx, ViewerOf(ctx).StaffID, id, version, d)
	if err != nil {
		return nil, err
	}
	return one(h.referral(p)), nil
}

// SetReferralStateInput says what becomes of a programme.
type SetReferralStateInput struct {
	IDPath
	Body struct {
		State        string `json:"state" enum:"active,paused,ended" doc:"ended: for good; who had joined still counts"`
		Acknowledged bool   `json:"acknowledged,omitempty" doc:"已阅读并确认平台规则提示，发布时必填 · the warnings were read: needed to publish, and recorded"`
	}
}

// SetReferralState publishes, pauses, resumes or ends a programme.
func (h *Handlers) SetReferralState(ctx context.Context, in *SetReferralStateInput) (*None, error) {
	id, err := h.IDs.Row(model.KindReferral, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Referrals.SetState(ctx, ViewerOf(ctx).StaffID, id, in.Body.State, in.Body.Acknowledged)
}
