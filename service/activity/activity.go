// Package activity 成员联系统计 keeps what the platform counts of each staff member, day by day: conversations, new customers, answers,
// and what happened in the customer groups that they own.
package activity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/clock"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
	"zhiyin/wecom"
)

// Platform is what is asked; *wecom.Corp is one.
type Platform interface {
	Behaviours(ctx context.Context, userID string, from, until time.Time) ([]wecom.Behaviour, error)
	GroupDay(ctx context.Context, ownerIDs []string, day time.Time) ([]wecom.OwnedGroups, error)
}

// Scope knows whose work somebody may see.
type Scope interface {
	VisibleStaff(ctx context.Context, v *staff.Viewer) (all bool, staffIDs []int64, err error)
}

// Accounts lists the accounts there are.
type Accounts interface {
	List(ctx context.Context) ([]model.Account, error)
}

// Deps is what a Service is made of; all of it is needed.
type Deps struct {
	DB       *gorm.DB
	Now      clock.Clock
	Accounts Accounts
	Scope    Scope
	Corp     func(account string) Platform
	Logger   *slog.Logger
}

// Service keeps what the platform counts. Safe for concurrent use.
type Service struct{ Deps }

// New makes a Service.
func New(d Deps) *Service { return &Service{d} }

// again is how many days are read every night: the platform corrects its figures for some days.
const again = 3

// platformZone is where the platform's days begin, wherever the business is.
var platformZone = time.FixedZone("UTC+8", 8*3600)

// Read asks the platform about the last three days that are over, of everybody who serves customers, and replaces what was read before. A
// job: it may be run at any moment and twice. A member of whom the platform will not tell holds up nobody else.
func (s *Service) Read(ctx context.Context) error {
	accounts, err := s.Accounts.List(ctx)
	if err != nil {
		return err
	}
	var all error
	for i := range accounts {
		a := &accounts[i]
		if !a.Enabled || a.Kind != account.KindWeCom {
			continue
		}
		err := s.readAccount(ctx, a)
		if errors.Is(err, wecom.ErrNoPermission) { // the app is not listed for customer contact
			s.Logger.InfoContext(ctx, "activity: the app may not read statistics", "account", a.Name)
			continue
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("read statistics of %s: %w", a.Name, err))
		}
	}
	return all
}

func (s *Service) readAccount(ctx context.Context, a *model.Account) error {
	people, err := serving(s.DB.WithContext(ctx), a.ID)
	if err != nil || len(people) == 0 {
		return err
	}
	today := s.Now().In(platformZone)
	days := make([]time.Time, again)
	for i := range days {
		days[i] = time.Date(today.Year(), today.Month(), today.Day()-again+i, 0, 0, 0, 0, platformZone)
	}
	corp := s.Corp(a.Name)
	if err := s.readBehaviours(ctx, corp, a.ID, people, days); err != nil {
		return err
	}
	return s.readGroups(ctx, corp, a.ID, people, days)
}

func (s *Service) readBehaviours(ctx context.Context, corp Platform, accountID int64, people []model.Staff, days []time.Time) error {
	for _, p := range people {
		list, err := corp.Behaviours(ctx, p.UserID, days[0], days[len(days)-1])
		if errors.Is(err, wecom.ErrNotFound) || errors.Is(err, wecom.ErrBadInput) {
			continue // gone at the platform, or may not serve customers; the next synchronisation says so
		}
		if err != nil {
			return err
		}
		rows := make([]*model.StaffActivity, 0, len(list))
		for _, b := range list {
			if row := s.row(accountID, p.ID, b.Day.Time); row != nil {
				row.Chats, row.Messages, row.Negative = int64(b.Chats), int64(b.Messages), int64(b.NegativeFeeds)
				row.Applied, row.Met = int64(b.Applied), int64(b.Met)
				if b.ReplyPercent != nil {
					bp := int64(math.Round(*b.ReplyPercent * 100))
					row.ReplyBP = &bp
				}
				if b.ReplyMinutes != nil {
					minutes := int64(*b.ReplyMinutes)
					row.ReplyMin = &minutes
				}
				rows = append(rows, row)
			}
		}
		if err := keep(s.DB.WithContext(ctx), rows, behaviourColumns); err != nil {
			return err
		}
	}
	return nil
}

// ownersAtOnce bounds how many owners one question names.
const ownersAtOnce = 100

func (s *Service) readGroups(ctx context.Context, corp Platform, accountID int64, people []model.Staff, days []time.Time) error {
	for part := range slices.Chunk(people, ownersAtOnce) {
		ids, names := map[string]int64{}, make([]string, len(part))
		for i, p := range part {
			ids[p.UserID], names[i] = p.ID, p.UserID
		}
		for _, day := range days {
			list, err := corp.GroupDay(ctx, names, day)
			if err != nil {
				return err
			}
			var rows []*model.StaffActivity
			for _, o := range list {
				row := s.row(accountID, ids[o.OwnerID], day)
				if row == nil {
					continue
				}
				d := o.Data
				row.NewGroups, row.GroupsOwned, row.TalkingGroups = int64(d.NewGroups), int64(d.Groups), int64(d.Talking)
				row.NewMembers, row.Members, row.Talkers, row.GroupMessages = int64(d.NewMembers), int64(d.Members), int64(d.Talkers), int64(d.Messages)
				rows = append(rows, row)
			}
			if err := keep(s.DB.WithContext(ctx), rows, groupColumns); err != nil {
				return err
			}
		}
	}
	return nil
}

// row is what is known of a member's day before anything is; nil when the platform speaks of nobody we know, or of no day.
func (s *Service) row(accountID, staffID int64, day time.Time) *model.StaffActivity {
	if staffID == 0 || day.IsZero() {
		return nil
	}
	now := s.Now().UTC().Truncate(time.Millisecond)
	return &model.StaffActivity{AccountID: accountID, StaffID: staffID, Day: day.In(platformZone).Format(time.DateOnly), CreatedAt: now, UpdatedAt: now}
}

// ErrPeriod says that statistics were asked for a period that is none.
var ErrPeriod = fault.New(fault.Invalid, "activity.period", "统计区间有误：至多 92 天", "the period is wrong: at most 92 days")

const mostDays = 92

// Filter selects days of staff.
type Filter struct {
	AccountID int64  // 0: of all accounts
	StaffID   int64  // 0: of everybody
	From, To  string // days, 2006-01-02, both included
	After     int64  // row of the last one of the page before; 0: the first page
	Limit     int
}

// List tells what those whom a viewer may see did on the days of a period, what was read last first. It fails with ErrPeriod.
func (s *Service) List(ctx context.Context, v *staff.Viewer, f Filter) ([]model.StaffActivity, error) {
	from, err1 := time.Parse(time.DateOnly, f.From)
	to, err2 := time.Parse(time.DateOnly, f.To)
	if err1 != nil || err2 != nil || to.Before(from) || to.Sub(from) >= mostDays*24*time.Hour {
		return nil, ErrPeriod
	}
	everybody, ids, err := s.Scope.VisibleStaff(ctx, v)
	if err != nil {
		return nil, err
	}
	if everybody {
		ids = nil
	} else if len(ids) == 0 {
		return nil, nil
	}
	return list(s.DB.WithContext(ctx), f, ids)
}
