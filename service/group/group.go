// Package group mirrors customer groups 客户群: who owns them, and who was in them from when to when.
//
// The platform's events only say that something changed. Every change is read afresh, and a reading
// is applied only if nothing was applied since it began, so events and synchronisation may come in
// any order, twice, or side by side and end in the platform's truth.
package group

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
	"zhiyin/wecom"
)

// ErrNotFound: there is no such group, or it is outside of the viewer's scope.
var ErrNotFound = fault.New(fault.NotFound, "group.not_found", "没有这个客户群", "there is no such customer group")

// Counts is the account that a synchronisation gives of what it did.
type Counts = staff.Counts

// Platform is what this package asks of an account's WeCom app.
type Platform interface {
	Group(ctx context.Context, chatID string) (*wecom.Group, error)
}

// Scope knows whose groups somebody may see.
type Scope interface {
	VisibleStaff(ctx context.Context, v *staff.Viewer) (all bool, staffIDs []int64, err error)
}

// Service mirrors groups. Safe for concurrent use.
type Service struct {
	db     *gorm.DB
	events *event.Log
	now    clock.Clock
	scope  Scope
	corp   func(account string) Platform
}

// New makes a Service.
func New(db *gorm.DB, events *event.Log, now clock.Clock, scope Scope, corp func(account string) Platform) *Service {
	return &Service{db, events, now, scope, corp}
}

// Change is what a change_external_chat event says; only ChatID is needed. Platform documentation,
// 客户联系, 客户群变更事件.
type Change struct {
	ChatID string
	// Version is the member list's version after the change (CurMemVer): when the mirror has it, the
	// platform need not be asked. Leave it empty for changes that are not about members.
	Version string
	// Before is the version that the change replaced (LastMemVer). The platform's answers may lag behind
	// its events: a reading that still shows this version fails, to be made again later.
	Before string
	// Left are the members who left (MemChangeList of del_member), by QuitScene: 0 left, 1 removed.
	Left      []string
	QuitScene int
	At        time.Time // when it happened; zero: now
}

// maxReadings bounds how often a group is read again because others keep applying readings of it.
const maxReadings = 5

// errLagging says that the platform's answer does not show yet what its event announced.
var errLagging = errors.New("the platform does not show the change of the group yet")

// errOutdated says that another reading was applied while ours was under way.
var errOutdated = errors.New("group was read by another meanwhile")

// Refresh reads a group from the platform and brings the mirror up to date. A group that the platform
// does not know is dismissed. runID is the synchronisation that asks, 0 for an event. Repeatable;
// facts are recorded once.
func (s *Service) Refresh(ctx context.Context, account *model.Account, chatID string, runID int64, source string) (Counts, error) {
	return s.refresh(ctx, account, Change{ChatID: chatID}, runID, source)
}

// Changed is Refresh after an event, which may spare the reading and tells how members left.
func (s *Service) Changed(ctx context.Context, account *model.Account, c Change, source string) (Counts, error) {
	if c.Version != "" {
		known, err := hasVersion(s.db.WithContext(ctx), account.ID, c.ChatID, c.Version)
		if err != nil || known {
			return Counts{Unchanged: 1}, err
		}
	}
	return s.refresh(ctx, account, c, 0, source)
}

func (s *Service) refresh(ctx context.Context, account *model.Account, c Change, runID int64, source string) (Counts, error) {
	for range maxReadings {
		revision, err := revisionOf(s.db.WithContext(ctx), account.ID, c.ChatID)
		if err != nil {
			return Counts{}, err
		}
		detail, err := s.corp(account.Name).Group(ctx, c.ChatID)
		if errors.Is(err, wecom.ErrNotFound) {
			return s.dismiss(ctx, account, c, source)
		}
		if err != nil {
			return Counts{}, fmt.Errorf("read group: %w", err)
		}
		if c.Before != "" && c.Before != c.Version && detail.MemberVersion == c.Before {
			return Counts{}, errLagging
		}
		counts, err := s.apply(ctx, reading{account: account, group: detail, change: c, runID: runID, source: source}, revision)
		if !errors.Is(err, errOutdated) {
			return counts, err
		}
	}
	return Counts{}, errOutdated
}

func (s *Service) dismiss(ctx context.Context, account *model.Account, c Change, source string) (counts Counts, err error) {
	at := c.At
	if at.IsZero() {
		at = s.now()
	}
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		changed, err := s.DismissedTx(tx, account, c.ChatID, at)
		counts = Counts{Read: 1, Unchanged: 1}
		if changed {
			counts = Counts{Read: 1, Vanished: 1}
		}
		return err
	})
	return counts, err
}

// DismissedTx ends a group and everybody's stay in it. Nobody is said to have left: they did not.
// Repeatable; a group that is not mirrored changes nothing.
func (s *Service) DismissedTx(tx *gorm.DB, account *model.Account, chatID string, at time.Time) (changed bool, err error) {
	g, err := lockGroup(tx, account.ID, chatID)
	if err != nil || g == nil || g.DismissedAt != nil {
		return false, err
	}
	return true, endGroup(tx, g.ID, second(at), s.now())
}

// VanishedTx ends the groups of an account that a complete synchronisation did not see and that were
// mirrored before it began.
func (s *Service) VanishedTx(tx *gorm.DB, account *model.Account, runID int64, began time.Time) (vanished int64, err error) {
	ids, err := unseenGroups(tx, account.ID, runID, began)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := endGroup(tx, id, second(s.now()), s.now()); err != nil {
			return 0, err
		}
	}
	return int64(len(ids)), nil
}

// second is t as the platform would tell it.
func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
