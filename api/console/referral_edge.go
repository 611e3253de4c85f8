package console

import (
	"context"
	"strings"
	"time"

	"zhiyin/model"
	"zhiyin/service/loyalty/referral"
)

// ReferralEdge says that one customer was invited by another.
type ReferralEdge struct {
	ID        string     `json:"id"`
	InviterID string     `json:"inviter_id"`
	InviteeID string     `json:"invitee_id"`
	State     string     `json:"state" doc:"touched, cooling, review, counted, refused, left, void"`
	Reason    string     `json:"reason,omitempty" doc:"known, self, same_person, same_device, cycle, person, unfollowed, refunded, other_touch"`
	Score     int        `json:"score"`
	Signals   []string   `json:"signals" nullable:"false" doc:"the signs of fraud, see the list of signals"`
	TouchedAt time.Time  `json:"touched_at"`
	JoinedAt  *time.Time `json:"joined_at,omitempty"`
	DueAt     *time.Time `json:"due_at,omitempty" doc:"when the cool-off is over"`
	CountedAt *time.Time `json:"counted_at,omitempty"`
	LeftAt    *time.Time `json:"left_at,omitempty"`
	DecidedBy string     `json:"decided_by,omitempty"`
	Note      string     `json:"note,omitempty"`
}

// ListReferralEdgesInput selects edges.
type ListReferralEdgesInput struct {
	IDPath
	PageQuery
	State     string `query:"state" enum:"touched,cooling,review,counted,refused,left,void"`
	InviterID string `query:"inviter_id" maxLength:"26"`
	InviteeID string `query:"invitee_id" maxLength:"26"`
	MinScore  int    `query:"min_score" minimum:"0" maximum:"1000"`
}

// ListReferralEdges lists who was invited by whom, newest first.
func (h *Handlers) ListReferralEdges(ctx context.Context, in *ListReferralEdgesInput) (*Page[ReferralEdge], error) {
	r := h.reader()
	f := referral.EdgeFilter{
		ProgrammeID: r.row(model.KindReferral, in.ID), State: in.State, InviterID: r.optional(model.KindCustomer, in.InviterID), InviteeID: r.optional(model.KindCustomer, in.InviteeID),
		MinScore: in.MinScore, Before: r.after(listReferralEdge, in.Cursor), Limit: in.Limit,
	}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Referrals.Edges(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []ReferralEdge
	for _, e := range rows {
		signals := []string{}
		if e.Signals != "" {
			signals = strings.Split(e.Signals, ",")
		}
		items = append(items, ReferralEdge{
			h.IDs.Of(model.KindReferralEdge, e.ID), h.IDs.Of(model.KindCustomer, e.InviterID), h.IDs.Of(model.KindCustomer, e.InviteeID), e.State, e.Reason, e.Score, signals,
			e.TouchedAt, e.JoinedAt, e.DueAt, e.CountedAt, e.LeftAt, h.IDs.Of(model.KindStaff, e.DecidedBy), e.Note,
		})
	}
	return newPage(h, listReferralEdge, items, lastOf(rows, in.Limit, func(e model.ReferralEdge) int64 { return e.ID }))
}

// DecideReferralEdgeInput is what a person says of an edge.
type DecideReferralEdgeInput struct {
	IDPath
	Body struct {
		Counts bool   `json:"counts" doc:"true: the friend counts; false: they are refused"`
		Note   string `json:"note,omitempty" maxLength:"255"`
	}
}

// DecideReferralEdge has an edge count, or refuses it.
func (h *Handlers) DecideReferralEdge(ctx context.Context, in *DecideReferralEdgeInput) (*None, error) {
	id, err := h.IDs.Row(model.KindReferralEdge, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Referrals.Decide(ctx, ViewerOf(ctx).StaffID, id, in.Body.Counts, in.Body.Note)
}

// ReferralSignal is a sign of fraud.
type ReferralSignal struct {
	Name   string `json:"name"`
	Zh     string `json:"zh"`
	En     string `json:"en"`
	Points int    `json:"points" doc:"what it adds to the score"`
}

// ListReferralSignals lists what adds to the score of an edge.
func (h *Handlers) ListReferralSignals(context.Context, *struct{}) (*Page[ReferralSignal], error) {
	var items []ReferralSignal
	for _, s := range referral.Signals() {
		items = append(items, ReferralSignal(s))
	}
	return whole(items), nil
}

// ReferralReward is something that somebody has earned by a programme.
type ReferralReward struct {
	ID         string     `json:"id"`
	CustomerID string     `json:"customer_id"`
	Role       string     `json:"role" doc:"inviter, invitee"`
	Step       int        `json:"step" doc:"from 0; -1: the newcomer's"`
	Kind       string     `json:"kind"`
	Name       string     `json:"name"`
	Points     int64      `json:"points,omitempty"`
	CouponID   string     `json:"coupon_id,omitempty"`
	CostFen    int64      `json:"cost_fen"`
	State      string     `json:"state" doc:"owed, given, to_hand_over, handed_over, taken_back"`
	Reason     string     `json:"reason,omitempty" doc:"why it is still owed: referral.budget, coupon.sold_out, …"`
	Note       string     `json:"note,omitempty"`
	StaffID    string     `json:"staff_id,omitempty"`
	GivenAt    *time.Time `json:"given_at,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
}

// ListReferralRewardsInput selects rewards.
type ListReferralRewardsInput struct {
	IDPath
	PageQuery
	State      string `query:"state" enum:"owed,given,to_hand_over,handed_over,taken_back"`
	CustomerID string `query:"customer_id" maxLength:"26"`
}

// ListReferralRewards lists what was earned by a programme, newest first.
func (h *Handlers) ListReferralRewards(ctx context.Context, in *ListReferralRewardsInput) (*Page[ReferralReward], error) {
	r := h.reader()
	f := referral.RewardFilter{
		ProgrammeID: r.row(model.KindReferral, in.ID), State: in.State, CustomerID: r.optional(model.KindCustomer, in.CustomerID),
		Before: r.after(listReferralReward, in.Cursor), Limit: in.Limit,
	}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Referrals.Rewards(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []ReferralReward
	for _, w := range rows {
		items = append(items, ReferralReward{
			h.IDs.Of(model.KindReferralReward, w.ID), h.IDs.Of(model.KindCustomer, w.CustomerID), w.Role, w.Place, w.Kind, w.Name, w.Points, h.IDs.Of(model.KindCoupon, w.CouponID),
			int64(w.CostFen), w.State, w.Reason, w.Note, h.IDs.Of(model.KindStaff, w.StaffID), w.GivenAt, w.CreatedAt,
		})
	}
	return newPage(h, listReferralReward, items, lastOf(rows, in.Limit, func(w model.ReferralReward) int64 { return w.ID }))
}

// HandOverReferralReward notes that a gift was handed over.
func (h *Handlers) HandOverReferralReward(ctx context.Context, in *HandOverInput) (*None, error) {
	id, err := h.IDs.Row(model.KindReferralReward, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Referrals.HandOver(ctx, ViewerOf(ctx).StaffID, id, in.Body.Note)
}

// ReferralReport is what a programme has come to.
type ReferralReport struct {
	Inviters  int64               `json:"inviters" doc:"who have a code"`
	Active    int64               `json:"active_inviters" doc:"of them: by whom somebody joined"`
	Touched   int64               `json:"touched" doc:"who came by an invitation"`
	Newcomers int64               `json:"newcomers" doc:"of them: not known before"`
	Joined    int64               `json:"joined" doc:"of them: did what is asked"`
	Counted   int64               `json:"counted"`
	Left      int64               `json:"left"`
	InReview  int64               `json:"in_review"`
	Refused   int64               `json:"refused"`
	Reasons   map[string]int64    `json:"reasons" doc:"how many of those who don't count, by reason"`
	KFactorBP int64               `json:"k_factor_bp" doc:"newcomers who joined per inviter, in basis points"`
	CostFen   int64               `json:"cost_fen" doc:"of what was given"`
	Rewards   []ReferralRewardSum `json:"rewards" nullable:"false"`
	Levels    []int64             `json:"levels" nullable:"false" doc:"who joined at the first level, the second …; for analysis, nothing is given for any but the first"`
	Top       []ReferralInviter   `json:"top_inviters" nullable:"false"`
}

// ReferralRewardSum is how many rewards of a kind are in a state.
type ReferralRewardSum struct {
	Role    string `json:"role"`
	Kind    string `json:"kind"`
	State   string `json:"state"`
	Rewards int64  `json:"rewards"`
	Points  int64  `json:"points"`
	CostFen int64  `json:"cost_fen"`
}

// ReferralInviter is somebody with many friends.
type ReferralInviter struct {
	CustomerID string `json:"customer_id"`
	Counted    int64  `json:"counted"`
	Joined     int64  `json:"joined"`
	Left       int64  `json:"left"`
	Refused    int64  `json:"refused"`
	InReview   int64  `json:"in_review"`
	MaxScore   int64  `json:"max_score"`
}

const topInviters = 20

// GetReferralReport gives what a programme has come to, and how far invitations spread.
func (h *Handlers) GetReferralReport(ctx context.Context, in *IDPath) (*One[ReferralReport], error) {
	id, err := h.IDs.Row(model.KindReferral, in.ID)
	if err != nil {
		return nil, err
	}
	r, err := h.Referrals.Report(ctx, id)
	if err != nil {
		return nil, err
	}
	tree, err := h.Referrals.Tree(ctx, id, topInviters)
	if err != nil {
		return nil, err
	}
	out := ReferralReport{
		r.Inviters, r.Active, r.Touched, r.Newcomers, r.Joined, r.ByState[referral.Counted], r.ByState[referral.Left], r.ByState[referral.Review], r.ByState[referral.Refused],
		r.ByReason, r.KFactorBP, int64(r.CostFen), []ReferralRewardSum{}, tree.Levels[:], []ReferralInviter{},
	}
	for _, w := range r.Rewards {
		out.Rewards = append(out.Rewards, ReferralRewardSum{w.Role, w.Kind, w.State, w.Rewards, w.Points, int64(w.CostFen)})
	}
	for _, t := range tree.Top {
		out.Top = append(out.Top, ReferralInviter{h.IDs.Of(model.KindCustomer, t.CustomerID), t.Counted, t.Joined, t.Gone, t.Refused, t.Held, t.MaxScore})
	}
	return one(out), nil
}
