package group

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/wecom"
)

// The kinds of members.
const (
	KindStaff    = "staff"
	KindExternal = "external"
)

// quitUnknown stands for how somebody left when no event said so.
const quitUnknown = -1

// errNobody says that the platform showed a group without anybody, not even its owner: no truth to
// act on.
var errNobody = errors.New("the platform showed a group without members")

// reading is a group as the platform showed it.
type reading struct {
	account *model.Account
	group   *wecom.Group
	change  Change
	runID   int64
	source  string
}

// apply writes a reading. since is the mirror's revision before the platform was asked; when it has
// risen the reading may be older than what is there, and fails with errOutdated.
func (s *Service) apply(ctx context.Context, r reading, since int64) (counts Counts, err error) {
	if len(r.group.Members) == 0 {
		return counts, errNobody
	}
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		counts = Counts{Read: 1}
		g, isNew, err := s.lockOrInsert(tx, r)
		if err != nil {
			return err
		}
		if g.Revision != since {
			return errOutdated
		}
		changed, err := s.applyTx(tx, r, g)
		switch {
		case isNew:
			counts.Created = 1
		case changed:
			counts.Updated = 1
		default:
			counts.Unchanged = 1
		}
		return err
	})
	return counts, err
}

func (s *Service) lockOrInsert(tx *gorm.DB, r reading) (g *model.CustomerGroup, isNew bool, err error) {
	if g, err = lockGroup(tx, r.account.ID, r.group.ChatID); g != nil || err != nil {
		return g, false, err
	}
	isNew, err = insertGroup(tx, &model.CustomerGroup{
		AccountID: r.account.ID, ChatID: r.group.ChatID, FoundedAt: second(s.now()), CreatedAt: s.now(), UpdatedAt: s.now(),
	})
	if err != nil {
		return nil, false, err
	}
	g, err = lockGroup(tx, r.account.ID, r.group.ChatID)
	return g, isNew, err
}

func (s *Service) applyTx(tx *gorm.DB, r reading, g *model.CustomerGroup) (changed bool, err error) {
	people, err := lookUp(tx, r)
	if err != nil {
		return false, err
	}
	next := s.described(r, g, people)
	stays, err := openStays(tx, g.ID)
	if err != nil {
		return false, err
	}
	c := compare(stays, people, s.leftAt(r))
	if err := s.write(tx, r, next, c); err != nil {
		return false, err
	}
	changed = len(c.joined)+len(c.left)+len(c.altered) > 0 || differs(g, next)
	set := map[string]any{"revision": g.Revision + 1}
	if r.runID != 0 {
		set["seen_run_id"] = r.runID
	}
	if changed {
		set["name"], set["notice"], set["owner_userid"], set["owner_staff_id"] = next.Name, next.Notice, next.OwnerUserID, next.OwnerStaffID
		set["member_version"], set["member_count"], set["customer_count"] = next.MemberVersion, next.MemberCount, next.CustomerCount
		set["founded_at"], set["dismissed_at"], set["updated_at"] = next.FoundedAt, nil, s.now()
	}
	return changed, updateGroup(tx, g.ID, set)
}

// described is the group's row as the reading has it.
func (s *Service) described(r reading, g *model.CustomerGroup, people *people) *model.CustomerGroup {
	next := *g
	next.Name, next.Notice = cut(r.group.Name, 255), cut(r.group.Notice, 16_000)
	next.OwnerUserID = strings.ToLower(r.group.OwnerID)
	next.OwnerStaffID = people.staff[next.OwnerUserID]
	next.MemberVersion = cut(r.group.MemberVersion, 64)
	next.MemberCount, next.CustomerCount = int64(len(people.members)), 0
	for _, m := range people.members {
		if m.Kind == KindExternal {
			next.CustomerCount++
		}
	}
	if !r.group.CreatedAt.IsZero() {
		next.FoundedAt = second(r.group.CreatedAt.Time)
	}
	next.DismissedAt = nil
	return &next
}

func differs(a, b *model.CustomerGroup) bool {
	return a.Name != b.Name || a.Notice != b.Notice || a.OwnerUserID != b.OwnerUserID || a.OwnerStaffID != b.OwnerStaffID ||
		a.MemberVersion != b.MemberVersion || a.MemberCount != b.MemberCount || a.CustomerCount != b.CustomerCount ||
		!a.FoundedAt.Equal(b.FoundedAt) || a.DismissedAt != nil
}

// leftAt says when, and how, somebody who is no longer there has left.
func (s *Service) leftAt(r reading) func(userID string) (time.Time, int) {
	return func(userID string) (time.Time, int) {
		if !slices.ContainsFunc(r.change.Left, func(id string) bool { return strings.EqualFold(id, userID) }) {
			return second(s.now()), quitUnknown
		}
		if r.change.At.IsZero() {
			return second(s.now()), r.change.QuitScene
		}
		return second(r.change.At), r.change.QuitScene
	}
}

// write stores what changed and records facts for people from outside.
func (s *Service) write(tx *gorm.DB, r reading, g *model.CustomerGroup, c comparison) error {
	now := s.now()
	for i := range c.joined {
		c.joined[i].GroupID, c.joined[i].CreatedAt, c.joined[i].UpdatedAt = g.ID, now, now
		if c.joined[i].JoinedAt.IsZero() { // the platform told no time
			c.joined[i].JoinedAt = second(now)
		}
	}
	joined, err := insertStays(tx, g.ID, c.joined)
	if err != nil {
		return err
	}
	var facts []event.Fact
	for _, m := range c.left {
		if err := endStay(tx, &m, now); err != nil {
			return err
		}
		if m.Kind == KindExternal {
			facts = append(facts, event.GroupLeft{MembershipFact: fact(r, g, m, *m.LeftAt), QuitScene: m.QuitScene})
		}
	}
	for _, m := range c.altered {
		if err := alterStay(tx, m, now); err != nil {
			return err
		}
	}
	for _, m := range joined {
		if m.Kind == KindExternal {
			facts = append(facts, event.GroupJoined{MembershipFact: fact(r, g, m, m.JoinedAt), JoinScene: m.JoinScene, State: m.State})
		}
	}
	_, err = s.events.Record(tx, facts...)
	return err
}

// fact is dated when it happened, also when a first synchronisation learns of it much later: those who
// react to facts look at the date.
func fact(r reading, g *model.CustomerGroup, m model.GroupMember, at time.Time) event.MembershipFact {
	return event.MembershipFact{
		AccountID: g.AccountID, GroupID: g.ID, MemberID: m.ID, CustomerID: m.CustomerID, StaffID: g.OwnerStaffID, Source: r.source, At: at,
	}
}

func cut(s string, runes int) string {
	s = strings.ToValidUTF8(s, "")
	if utf8.RuneCountInString(s) <= runes {
		return s
	}
	return string([]rune(s)[:runes])
}
