package referral

import (
	"context"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/account"
)

// Definition is what people say a programme is.
type Definition struct {
	Name, Note                string
	From, Until               time.Time
	SegmentID                 int64
	Ask                       string
	CoolOffDays               int
	SubtractLeavers, TakeBack bool
	PerInviter                int64
	PointsDays                int
	Steps                     []Step
	Invitee                   *Prize // nil: nothing
	Budget                    Budget
	ReviewAt                  int
	Link                      string
	AccountID                 int64
	Page                      string
	BackgroundID              int64
	Adding                    *Adding // nil: invitations don't lead to adding staff
}

// Prize is what somebody gets.
type Prize struct {
	Kind, Name      string
	Points, BatchID int64
	CostFen         model.Fen // what one costs the house
}

// Step is what an inviter gets for so many friends.
type Step struct {
	Friends int64
	Prize
}

// Budget is what a programme gives at most; 0 is no limit.
type Budget struct {
	Rewards, Points, Coupons int64
	Fen                      model.Fen
}

const (
	maxSteps   = 10
	maxFriends = 10_000
	maxPoints  = 1_000_000
	maxCost    = 100_000_000 // fen
	maxBudget  = 1_000_000_000_000
	maxDays    = 3650
	maxCoolOff = 90
	maxScore   = 1000
	codeHolder = "{code}" // in links
)

func (s *Service) check(ctx context.Context, tx *gorm.DB, d *Definition) error {
	n := utf8.RuneCountInString(strings.TrimSpace(d.Name))
	b := d.Budget
	switch {
	case n == 0 || n > 64 || utf8.RuneCountInString(d.Note) > 255:
		return ErrInvalid.With("name", "1 到 64 个字 / 1 to 64 characters")
	case !d.From.Before(d.Until):
		return ErrInvalid.With("until", "晚于开始 / after its beginning")
	case !slices.Contains([]string{AskSignIn, AskRelation, AskOrder}, d.Ask):
		return ErrInvalid.With("ask", "sign_in, relation, order")
	case d.CoolOffDays < 0 || d.CoolOffDays > maxCoolOff || d.PointsDays < 0 || d.PointsDays > maxDays:
		return ErrInvalid.With("cool_off_days", "0 到 90 / 0 to 90")
	case d.PerInviter < 0 || d.PerInviter > maxFriends || d.ReviewAt < 0 || d.ReviewAt > maxScore:
		return ErrInvalid.With("per_inviter", "不能为负 / not below zero")
	case min(b.Rewards, b.Points, b.Coupons, int64(b.Fen)) < 0 || max(b.Rewards, b.Points, b.Coupons, int64(b.Fen)) > maxBudget:
		return ErrInvalid.With("budget", "不能为负 / not below zero")
	case len(d.Steps) > maxSteps || len(d.Steps) == 0 && d.Invitee == nil:
		return ErrInvalid.With("steps", "1 到 10 级，或给新客户奖励 / 1 to 10 of them, or a reward of the newcomer")
	}
	if d.SegmentID != 0 {
		if _, err := s.Segments.Size(ctx, d.SegmentID); err != nil {
			return err
		}
	}
	if err := s.checkPrizes(tx, d); err != nil {
		return err
	}
	if err := s.checkAdding(tx, d.Adding); err != nil {
		return err
	}
	return s.checkPoster(ctx, d)
}

func (s *Service) checkPrizes(tx *gorm.DB, d *Definition) error {
	last := int64(0)
	for _, step := range d.Steps {
		if step.Friends <= last || step.Friends > maxFriends || d.PerInviter > 0 && step.Friends > d.PerInviter {
			return ErrInvalid.With("steps.friends", "逐级递增，且不超过每人上限 / rising, and not above what one inviter may have")
		}
		last = step.Friends
		if err := s.checkPrize(tx, step.Prize); err != nil {
			return err
		}
	}
	if d.Invitee == nil {
		return nil
	}
	return s.checkPrize(tx, *d.Invitee)
}

func (s *Service) checkPrize(tx *gorm.DB, p Prize) error {
	n := utf8.RuneCountInString(strings.TrimSpace(p.Name))
	switch {
	case n == 0 || n > 64:
		return ErrInvalid.With("prize.name", "1 到 64 个字 / 1 to 64 characters")
	case p.CostFen < 0 || p.CostFen > maxCost:
		return ErrInvalid.With("prize.cost_fen", "不能为负 / not below zero")
	case !slices.Contains([]string{Points, Coupon, Gift}, p.Kind), (p.Kind == Points) != (p.Points > 0), p.Points < 0 || p.Points > maxPoints, (p.Kind == Coupon) != (p.BatchID != 0):
		return ErrInvalid.With("prize.kind", "gift，coupon 加券批次，或 points 加数量 / gift, coupon with a batch, points with how many")
	case p.Kind != Coupon:
		return nil
	case s.Coupons == nil:
		return ErrInvalid.With("prize.kind", "没有优惠券 / there are no coupons")
	}
	there, err := s.Coupons.HasBatch(tx, p.BatchID)
	if err == nil && !there {
		err = ErrInvalid.With("prize.batch_id", "没有这个券批次 / no such batch")
	}
	return err
}

// checkPoster: where a poster leads, and what it is drawn on.
func (s *Service) checkPoster(ctx context.Context, d *Definition) error {
	switch {
	case d.Link == "" && d.AccountID == 0 && d.Adding == nil:
		return ErrInvalid.With("link", "链接、小程序或渠道活码 / a link, a mini-program or a channel code")
	case d.Link != "" && !goodLink(d.Link):
		return ErrInvalid.With("link", "https 地址，含 {code} / an https address with {code} in it")
	case len(d.Page) > 128 || strings.HasPrefix(d.Page, "/") || strings.ContainsAny(d.Page, "?# ") || d.Page != "" && d.AccountID == 0:
		return ErrInvalid.With("page", "小程序页面，不以 / 开头 / a page of the mini-program, without a leading /")
	}
	if d.AccountID != 0 {
		a, err := s.Accounts.ByID(ctx, d.AccountID)
		if err != nil {
			return err
		}
		if a.Kind != account.KindMiniApp {
			return ErrInvalid.With("miniapp_account_id", "不是小程序 / not a mini-program")
		}
	}
	if d.BackgroundID == 0 {
		return nil
	}
	_, content, err := s.Media.MediaFile(ctx, d.BackgroundID)
	if err == nil && !usablePicture(content, maxBackground) {
		err = ErrInvalid.With("background_id", "不是可用的 JPG 或 PNG 图片 / not a picture that can be drawn on")
	}
	return err
}

func goodLink(text string) bool {
	if len(text) > 512 || strings.Count(text, codeHolder) != 1 {
		return false
	}
	u, err := url.Parse(strings.Replace(text, codeHolder, "x", 1))
	other, otherErr := url.Parse(strings.Replace(text, codeHolder, "y", 1))
	return err == nil && otherErr == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Host == other.Host &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' })
}

// Save makes a draft (id and version 0), or changes a programme of the version that was read: a draft in everything, one that
// is out in its name, note, end, audience, budget, review and poster. It fails with ErrInvalid, ErrNotFound, ErrChanged,
// ErrState or ErrFixed.
func (s *Service) Save(ctx context.Context, staffID, id, version int64, d Definition) (*Programme, error) {
	saved := id
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if err := s.check(ctx, tx, &d); err != nil {
			return err
		}
		p := &Programme{ReferralProgramme: model.ReferralProgramme{State: StateDraft, CreatedBy: staffID, CreatedAt: s.Now()}}
		if id != 0 {
			var err error
			if p, err = lockProgramme(tx, id); err != nil {
				return err
			}
		}
		switch {
		case p.Version != version:
			return ErrChanged
		case p.State == StateEnded:
			return ErrState
		case p.State != StateDraft && !reflect.DeepEqual(d.fixed(), p.definition().fixed()):
			return ErrFixed
		}
		d.write(p)
		p.Version++
		p.ChangedBy, p.UpdatedAt = staffID, s.Now()
		if err := writeProgramme(tx, &p.ReferralProgramme); err != nil {
			return err
		}
		saved = p.ID
		if err := replaceSteps(tx, p.ID, d.Steps); err != nil {
			return err
		}
		if err := writeLimits(tx, p.ID, d.Budget); err != nil {
			return err
		}
		if err := writeAdding(tx, p.ID, d.Adding); err != nil {
			return err
		}
		return hurryOwed(tx, p.ID, s.Now()) // the budget may have room now
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, saved)
}

// fixed is the part of a definition that customers have been promised.
func (d Definition) fixed() Definition {
	steps := d.Steps
	if len(steps) == 0 {
		steps = nil
	}
	return Definition{
		From: d.From.UTC().Truncate(time.Millisecond), Ask: d.Ask, CoolOffDays: d.CoolOffDays, SubtractLeavers: d.SubtractLeavers, TakeBack: d.TakeBack,
		PerInviter: d.PerInviter, PointsDays: d.PointsDays, Steps: steps, Invitee: d.Invitee,
	}
}

func (d *Definition) write(p *Programme) {
	p.Name, p.Note, p.From, p.Until = strings.TrimSpace(d.Name), d.Note, d.From.UTC().Truncate(time.Millisecond), d.Until.UTC().Truncate(time.Millisecond)
	p.SegmentID, p.Ask, p.CoolOffDays, p.SubtractLeavers, p.TakeBack = d.SegmentID, d.Ask, d.CoolOffDays, d.SubtractLeavers, d.TakeBack
	p.PerInviter, p.PointsDays, p.ReviewAt = d.PerInviter, d.PointsDays, d.ReviewAt
	p.Link, p.AccountID, p.Page, p.BackgroundID = d.Link, d.AccountID, d.Page, d.BackgroundID
	p.InviteeKind, p.InviteeName, p.InviteePoints, p.InviteeBatchID, p.InviteeCostFen = "", "", 0, 0, 0
	if i := d.Invitee; i != nil {
		p.InviteeKind, p.InviteeName, p.InviteePoints, p.InviteeBatchID, p.InviteeCostFen = i.Kind, i.Name, i.Points, i.BatchID, i.CostFen
	}
}

// Definition is what people said the programme is.
func (p *Programme) Definition() Definition { return p.definition() }

func (p *Programme) definition() Definition {
	d := Definition{
		Name: p.Name, Note: p.Note, From: p.From, Until: p.Until, SegmentID: p.SegmentID, Ask: p.Ask, CoolOffDays: p.CoolOffDays,
		SubtractLeavers: p.SubtractLeavers, TakeBack: p.TakeBack, PerInviter: p.PerInviter, PointsDays: p.PointsDays, ReviewAt: p.ReviewAt,
		Link: p.Link, AccountID: p.AccountID, Page: p.Page, BackgroundID: p.BackgroundID,
		Budget: Budget{p.Budget.LimitRewards, p.Budget.LimitPoints, p.Budget.LimitCoupons, p.Budget.LimitFen},
	}
	for _, st := range p.Steps {
		d.Steps = append(d.Steps, Step{st.Friends, Prize{st.Kind, st.Name, st.Points, st.BatchID, st.CostFen}})
	}
	if a := p.Adding; a != nil {
		d.Adding = &Adding{a.ChannelCodeID, a.Most, a.KeepDays}
	}
	if p.InviteeKind != "" {
		d.Invitee = &Prize{p.InviteeKind, p.InviteeName, p.InviteePoints, p.InviteeBatchID, p.InviteeCostFen}
	}
	return d
}

// SetState publishes a draft, pauses and resumes, or ends a programme for good. A draft is published by somebody who says that
// they have read its warnings; who that was, when, and which they were is kept. Repeating it changes nothing. It fails with
// ErrNotFound, ErrState or ErrUnread.
func (s *Service) SetState(ctx context.Context, staffID, id int64, state string, acknowledged bool) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		p, err := lockProgramme(tx, id)
		if err != nil || p.State == state {
			return err
		}
		now := s.Now()
		switch p.State + ">" + state {
		case StateDraft + ">" + StateActive:
			if !acknowledged {
				return ErrUnread
			}
			var codes []string
			for _, w := range p.Warnings() {
				codes = append(codes, w.Code)
			}
			p.AcknowledgedBy, p.AcknowledgedAt, p.Acknowledged = staffID, &now, strings.Join(codes, ",")
		case StateActive + ">" + StatePaused, StatePaused + ">" + StateActive, StateActive + ">" + StateEnded, StatePaused + ">" + StateEnded:
		default:
			return ErrState
		}
		p.State, p.ChangedBy, p.UpdatedAt = state, staffID, now
		return writeProgramme(tx, &p.ReferralProgramme)
	})
}
