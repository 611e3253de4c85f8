package miniapp

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"zhiyin/model"
	"zhiyin/service/loyalty"
)

// Club is what the caller has in the club.
type Club struct {
	Points   int64      `json:"points" doc:"可用积分，可能为负 · points to spend; below zero: more was taken back than there was"`
	Frozen   int64      `json:"frozen" doc:"退款处理中冻结的积分 · earned by orders whose refund is being decided"`
	Soon     int64      `json:"soon" doc:"30 天内到期的积分 · points that expire within 30 days"`
	SoonAt   *time.Time `json:"soon_at,omitempty"`
	Level    int        `json:"level" doc:"会员等级，0 为无 · tier, 0: none"`
	KeptTill *time.Time `json:"kept_till,omitempty"`
	Next     *ClubTier  `json:"next,omitempty"`
	Missing  int64      `json:"missing_fen" doc:"距下一等级还差的金额（分） · what is missing to the next tier"`
}

// ClubTier is a tier of the club.
type ClubTier struct {
	Level        int      `json:"level"`
	Name         string   `json:"name"`
	ThresholdFen int64    `json:"threshold_fen"`
	MultiplierBP int      `json:"multiplier_bp" doc:"积分倍数，万分之几 · points count so many times, in basis points"`
	Benefits     []string `json:"benefits" nullable:"false"`
}

func clubTier(t *model.Tier) *ClubTier {
	if t == nil {
		return nil
	}
	benefits := []string{}
	_ = json.Unmarshal([]byte(t.Benefits), &benefits) // written by us
	return &ClubTier{t.Level, t.Name, int64(t.ThresholdFen), t.MultiplierBP, benefits}
}

// GetClub gives what the caller has in the club.
func (h *Handlers) GetClub(ctx context.Context, _ *struct{}) (*One[Club], error) {
	a, err := h.Loyalty.Account(ctx, nil, visitorOf(ctx).CustomerID)
	if err != nil {
		return nil, err
	}
	return one(Club{a.Balance, a.Frozen, a.Soon, a.SoonAt, a.Tier.Level, a.Tier.KeepUntil, clubTier(a.Next), int64(a.Missing)}), nil
}

// Many is a list that has one page.
type Many[T any] struct {
	Body struct {
		Items []T    `json:"items" nullable:"false"`
		Next  string `json:"next,omitempty" doc:"下一页的 before · what to ask for next; absent after the last"`
	}
}

// ListClubTiers lists the tiers, from the lowest.
func (h *Handlers) ListClubTiers(ctx context.Context, _ *struct{}) (*Many[ClubTier], error) {
	all, err := h.Loyalty.Tiers(ctx)
	if err != nil {
		return nil, err
	}
	out := &Many[ClubTier]{}
	out.Body.Items = []ClubTier{}
	for i := range all {
		out.Body.Items = append(out.Body.Items, *clubTier(&all[i]))
	}
	return out, nil
}

// PointsMove is a move of the caller's points.
type PointsMove struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind" doc:"earn, spend, return, expire, freeze, thaw, take_back, restore, adjust"`
	Points    int64     `json:"points" doc:"可用积分的变化 · how the points to spend change"`
	Reason    string    `json:"reason"`
	CreatedAt time.Time `json:"created_at"`
}

// BeforeInput asks for a page of a list, the newest first.
type BeforeInput struct {
	Before string `query:"before" maxLength:"26" doc:"上一页返回的 next · next of the page before"`
}

const pointsPage = 50

// ListPoints lists the moves of the caller's points, the newest first.
func (h *Handlers) ListPoints(ctx context.Context, in *BeforeInput) (*Many[PointsMove], error) {
	before := int64(0)
	if in.Before != "" {
		row, err := h.IDs.Row(model.KindPointsEntry, in.Before)
		if err != nil {
			return nil, err
		}
		before = row
	}
	rows, err := h.Loyalty.Entries(ctx, nil, visitorOf(ctx).CustomerID, before, pointsPage)
	if err != nil {
		return nil, err
	}
	out := &Many[PointsMove]{}
	out.Body.Items = []PointsMove{}
	for _, r := range rows {
		points := int64(0)
		switch loyalty.Available {
		case r.ToBook:
			points = r.Points
		case r.FromBook:
			points = -r.Points
		}
		out.Body.Items = append(out.Body.Items, PointsMove{h.IDs.Of(model.KindPointsEntry, r.ID), r.Kind, points, r.Reason, r.CreatedAt})
	}
	if len(rows) == pointsPage {
		out.Body.Next = h.IDs.Of(model.KindPointsEntry, rows[pointsPage-1].ID)
	}
	return out, nil
}

// CheckedIn is a check-in.
type CheckedIn struct {
	Day    string `json:"day" doc:"yyyy-mm-dd"`
	Streak int    `json:"streak" doc:"连续天数 · days in a row"`
	Points int64  `json:"points"`
	Next   int64  `json:"next" doc:"明天可得 · what tomorrow is worth"`
}

// CheckIn notes that the caller is here today.
func (h *Handlers) CheckIn(ctx context.Context, _ *struct{}) (*One[CheckedIn], error) {
	c, err := h.Loyalty.CheckIn(ctx, visitorOf(ctx).CustomerID)
	if err != nil {
		return nil, err
	}
	return one(CheckedIn{dayText(c.Day), c.Streak, c.Points, c.Next}), nil
}

// CheckInMonth is on which days of a month the caller checked in.
type CheckInMonth struct {
	Days  []string `json:"days" nullable:"false"`
	Today bool     `json:"today" doc:"今天是否已签到 · whether today is one of them"`
}

// ListCheckIns says on which days of this month the caller checked in.
func (h *Handlers) ListCheckIns(ctx context.Context, _ *struct{}) (*One[CheckInMonth], error) {
	days, today, err := h.Loyalty.CheckIns(ctx, visitorOf(ctx).CustomerID, h.Loyalty.Now())
	if err != nil {
		return nil, err
	}
	out := CheckInMonth{Days: []string{}, Today: today}
	for _, d := range days {
		out.Days = append(out.Days, dayText(d.Day))
	}
	return one(out), nil
}

// dayText is yyyymmdd as yyyy-mm-dd.
func dayText(day int) string {
	s := strconv.Itoa(day)
	return s[:4] + "-" + s[4:6] + "-" + s[6:]
}

// Reward is what points can be spent on.
type Reward struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Note     string `json:"note"`
	Kind     string `json:"kind" doc:"gift, coupon"`
	Price    int64  `json:"price" doc:"积分 · points"`
	Left     int64  `json:"left" doc:"剩余，-1 为不限 · how many are left, -1: any number"`
	MinLevel int    `json:"min_level"`
}

// ListRewards lists what points can be spent on now.
func (h *Handlers) ListRewards(ctx context.Context, _ *struct{}) (*Many[Reward], error) {
	rows, err := h.Loyalty.Rewards(ctx, true)
	if err != nil {
		return nil, err
	}
	out := &Many[Reward]{}
	out.Body.Items = []Reward{}
	for _, r := range rows {
		left := int64(-1)
		if r.Stock > 0 {
			left = max(r.Stock-r.Taken, 0)
		}
		out.Body.Items = append(out.Body.Items, Reward{h.IDs.Of(model.KindReward, r.ID), r.Name, r.Note, r.Kind, r.Price, left, r.MinLevel})
	}
	return out, nil
}

// Redemption is a reward that the caller took.
type Redemption struct {
	ID        string    `json:"id"`
	RewardID  string    `json:"reward_id"`
	Points    int64     `json:"points"`
	State     string    `json:"state" doc:"done, to_hand_over, handed_over, cancelled"`
	CreatedAt time.Time `json:"created_at"`
}

func (h *Handlers) redemption(r *model.Redemption) Redemption {
	return Redemption{h.IDs.Of(model.KindRedemption, r.ID), h.IDs.Of(model.KindReward, r.RewardID), r.Points, r.State, r.CreatedAt}
}

// RedeemInput names a reward.
type RedeemInput struct {
	ID   string `path:"id"`
	Body struct {
		RequestID string `json:"request_id" minLength:"8" maxLength:"48" doc:"重复提交返回第一次的结果 · repeat it and the first redemption is returned"`
	}
}

// Redeem spends the caller's points on a reward.
func (h *Handlers) Redeem(ctx context.Context, in *RedeemInput) (*One[Redemption], error) {
	id, err := h.IDs.Row(model.KindReward, in.ID)
	if err != nil {
		return nil, err
	}
	r, err := h.Loyalty.Redeem(ctx, visitorOf(ctx).CustomerID, id, in.Body.RequestID)
	if err != nil {
		return nil, err
	}
	return one(h.redemption(r)), nil
}

// ListRedemptions lists the rewards that the caller took, the newest first.
func (h *Handlers) ListRedemptions(ctx context.Context, in *BeforeInput) (*Many[Redemption], error) {
	f := loyalty.RedemptionFilter{CustomerID: visitorOf(ctx).CustomerID, Limit: pointsPage}
	if in.Before != "" {
		row, err := h.IDs.Row(model.KindRedemption, in.Before)
		if err != nil {
			return nil, err
		}
		f.Before = row
	}
	rows, err := h.Loyalty.Redemptions(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &Many[Redemption]{}
	out.Body.Items = []Redemption{}
	for i := range rows {
		out.Body.Items = append(out.Body.Items, h.redemption(&rows[i]))
	}
	if len(rows) == pointsPage {
		out.Body.Next = out.Body.Items[pointsPage-1].ID
	}
	return out, nil
}
