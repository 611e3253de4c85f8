package miniapp

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/loyalty/referral"
)

// Referral is a programme in which the caller may invite friends.
type Referral struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Note        string         `json:"note"`
	From        time.Time      `json:"from"`
	Until       time.Time      `json:"until"`
	Open        bool           `json:"open" doc:"现在可以邀请 · one can invite now"`
	Ask         string         `json:"ask" doc:"好友需要做什么 · what a friend does to count: sign_in, relation (add a staff member), order (pay a first one)"`
	CoolOffDays int            `json:"cool_off_days" doc:"多少天后计入 · after how many days a friend counts"`
	PerInviter  int64          `json:"per_inviter,omitempty" doc:"每人最多计入，0 为不限 · friends that count, 0: any number"`
	AddsStaff   bool           `json:"adds_staff,omitempty" doc:"好友扫海报上的二维码添加成员 · friends add a staff member by the code on the poster"`
	Steps       []ReferralStep `json:"steps" nullable:"false"`
	Invitee     *ReferralPrize `json:"invitee,omitempty" doc:"好友可得 · what the friend gets"`
}

// ReferralStep is what one gets for so many friends.
type ReferralStep struct {
	Friends int64 `json:"friends"`
	ReferralPrize
	State string `json:"state,omitempty" doc:"absent: not reached; owed, given, to_hand_over, handed_over, taken_back"`
}

// ReferralPrize is what somebody gets.
type ReferralPrize struct {
	Kind   string `json:"kind" doc:"points, coupon, gift"`
	Name   string `json:"name"`
	Points int64  `json:"points,omitempty"`
}

func (h *Handlers) referral(p *referral.Programme) Referral {
	now := h.Referrals.Now()
	out := Referral{
		ID: h.IDs.Of(model.KindReferral, p.ID), Name: p.Name, Note: p.Note, From: p.From, Until: p.Until,
		Open: p.State == referral.StateActive && !now.Before(p.From) && now.Before(p.Until), Ask: p.Ask, CoolOffDays: p.CoolOffDays, PerInviter: p.PerInviter, AddsStaff: p.Adding != nil,
		Steps: []ReferralStep{},
	}
	for _, st := range p.Steps {
		out.Steps = append(out.Steps, ReferralStep{st.Friends, ReferralPrize{st.Kind, st.Name, st.Points}, ""})
	}
	if p.InviteeKind != "" {
		out.Invitee = &ReferralPrize{p.InviteeKind, p.InviteeName, p.InviteePoints}
	}
	return out
}

// ListReferrals lists the programmes that are open now.
func (h *Handlers) ListReferrals(ctx context.Context, _ *struct{}) (*Many[Referral], error) {
	rows, err := h.Referrals.List(ctx, true, 0, 50)
	if err != nil {
		return nil, err
	}
	out := &Many[Referral]{}
	out.Body.Items = []Referral{}
	for i := range rows {
		out.Body.Items = append(out.Body.Items, h.referral(&rows[i]))
	}
	return out, nil
}

// MyReferral is how the caller stands in a programme.
type MyReferral struct {
	Referral
	Code    string `json:"code,omitempty" doc:"我的邀请码，尚未领取时没有 · one's own code; absent until it is asked for"`
	Link    string `json:"link,omitempty"`
	Scene   string `json:"scene,omitempty" doc:"小程序码的 scene · of the mini-program's code"`
	Counted int64  `json:"counted" doc:"已计入的好友 · friends who count"`
	Waiting int64  `json:"waiting" doc:"冷静期中的好友 · friends whose cool-off runs"`
	Coming  int64  `json:"coming" doc:"已接受邀请、尚未完成条件的好友 · friends who have come and not done yet what is asked"`
	Invited bool   `json:"invited" doc:"本人也是被邀请来的 · one was invited oneself"`
}

// GetReferral gives a programme, and how the caller stands in it.
func (h *Handlers) GetReferral(ctx context.Context, in *IDInput) (*One[MyReferral], error) {
	id, err := h.IDs.Row(model.KindReferral, in.ID)
	if err != nil {
		return nil, err
	}
	return h.myReferral(ctx, id)
}

func (h *Handlers) myReferral(ctx context.Context, id int64) (*One[MyReferral], error) {
	m, err := h.Referrals.Mine(ctx, visitorOf(ctx).CustomerID, id)
	if err != nil {
		return nil, err
	}
	out := MyReferral{Referral: h.referral(m.Programme), Counted: m.Counted, Waiting: m.Waiting, Coming: m.Coming, Invited: m.Invited}
	if m.Code != nil {
		out.Code, out.Link, out.Scene = m.Code.Code, m.LinkOf(m.Code.Code), referral.SceneOf(m.Code.Code)
	}
	for _, w := range m.Rewards {
		if w.Place >= 0 && w.Place < len(out.Steps) {
			out.Steps[w.Place].State = w.State
		}
	}
	return one(out), nil
}

// TakeReferralCodeInput asks for one's own code.
type TakeReferralCodeInput struct {
	ID   string `path:"id"`
	Body struct {
		Device string `json:"device,omitempty" maxLength:"128" doc:"设备标识 · what the device calls itself; only a hash is kept"`
	}
}

// TakeReferralCode gives the caller's own code, made at the first time.
func (h *Handlers) TakeReferralCode(ctx context.Context, in *TakeReferralCodeInput) (*One[MyReferral], error) {
	id, err := h.IDs.Row(model.KindReferral, in.ID)
	if err != nil {
		return nil, err
	}
	if _, err := h.Referrals.Code(ctx, visitorOf(ctx).CustomerID, id, referral.Origin{Device: in.Body.Device, Address: originOf(ctx).ip}); err != nil {
		return nil, err
	}
	return h.myReferral(ctx, id)
}

// ReferralFriend is somebody whom the caller has invited.
type ReferralFriend struct {
	Name      string    `json:"name" doc:"只显示首字 · only the first character"`
	State     string    `json:"state" doc:"coming, waiting, counted, left, not_counted"`
	TouchedAt time.Time `json:"touched_at"`
}

// ReferralFriendsInput asks for a page of friends, the newest first.
type ReferralFriendsInput struct {
	ID string `path:"id"`
	BeforeInput
}

const friendsPage = 50

// ListReferralFriends lists whom the caller has invited, the newest first.
func (h *Handlers) ListReferralFriends(ctx context.Context, in *ReferralFriendsInput) (*Many[ReferralFriend], error) {
	id, err := h.IDs.Row(model.KindReferral, in.ID)
	if err != nil {
		return nil, err
	}
	before := int64(0)
	if in.Before != "" {
		if before, err = h.IDs.Row(model.KindReferralEdge, in.Before); err != nil {
			return nil, err
		}
	}
	rows, err := h.Referrals.Friends(ctx, visitorOf(ctx).CustomerID, id, before, friendsPage)
	if err != nil {
		return nil, err
	}
	out := &Many[ReferralFriend]{}
	out.Body.Items = []ReferralFriend{}
	for _, f := range rows {
		out.Body.Items = append(out.Body.Items, ReferralFriend{f.Name, f.State, f.TouchedAt})
	}
	if len(rows) == friendsPage {
		out.Body.Next = h.IDs.Of(model.KindReferralEdge, rows[friendsPage-1].EdgeID)
	}
	return out, nil
}

// Poster is a picture.
type Poster struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	ETag         string `header:"ETag"`
	Body         []byte
}

// GetReferralPoster draws the caller's poster, a PNG of 600 × 900.
func (h *Handlers) GetReferralPoster(ctx context.Context, in *IDInput) (*Poster, error) {
	id, err := h.IDs.Row(model.KindReferral, in.ID)
	if err != nil {
		return nil, err
	}
	p, err := h.Referrals.Poster(ctx, visitorOf(ctx).CustomerID, id)
	if err != nil {
		return nil, err
	}
	return &Poster{"image/png", "private, max-age=600", `"` + p.Hash + `"`, p.PNG}, nil
}

// TouchInput is the code that the caller came by.
type TouchInput struct {
	Body struct {
		Code   string `json:"code" minLength:"1" maxLength:"64" doc:"链接里的 code，或 scene 中 r= 之后的部分 · of the link, or of the scene what follows r="`
		Device string `json:"device,omitempty" maxLength:"128" doc:"设备标识 · what the device calls itself; only a hash is kept"`
	}
}

// ReferralTouch is what the touch of the caller, the first in the programme, has come to.
type ReferralTouch struct {
	ReferralID string         `json:"referral_id"`
	State      string         `json:"state" doc:"coming, waiting, counted, left, not_counted"`
	Ask        string         `json:"ask" doc:"还需要做什么 · what is asked"`
	Invitee    *ReferralPrize `json:"invitee,omitempty" doc:"完成后可得 · what one gets for it"`
}

// TouchReferral tells that the caller came by somebody's code.
func (h *Handlers) TouchReferral(ctx context.Context, in *TouchInput) (*One[ReferralTouch], error) {
	e, err := h.Referrals.Touch(ctx, referral.Touch{
		CustomerID: visitorOf(ctx).CustomerID, Code: in.Body.Code, Origin: referral.Origin{Device: in.Body.Device, Address: originOf(ctx).ip},
	})
	if err != nil {
		return nil, err
	}
	p, err := h.Referrals.Get(ctx, e.ProgrammeID)
	if err != nil {
		return nil, err
	}
	seen := h.referral(p)
	return one(ReferralTouch{seen.ID, referral.FriendState(e.State), p.Ask, seen.Invitee}), nil
}
