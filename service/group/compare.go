package group

import (
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/wecom"
)

// people are the members of a reading, with the rows that we know them by.
type people struct {
	members []model.GroupMember
	staff   map[string]int64 // by user id
}

// lookUp turns the members of a reading into rows. One who is named twice counts once, by the later joining.
func lookUp(tx *gorm.DB, r reading) (*people, error) {
	var staffIDs, external []string
	byID := map[string]int{}
	p := &people{}
	for _, m := range r.group.Members {
		row := newStay(m)
		if row.UserID == "" || len(row.UserID) > 64 {
			continue
		}
		if i, twice := byID[row.UserID]; twice {
			if row.JoinedAt.After(p.members[i].JoinedAt) {
				p.members[i] = row
			}
			continue
		}
		byID[row.UserID] = len(p.members)
		p.members = append(p.members, row)
		if row.Kind == KindStaff {
			staffIDs = append(staffIDs, row.UserID)
		} else {
			external = append(external, row.UserID)
		}
	}
	var err error
	if p.staff, err = staffByUserIDs(tx, r.account.ID, append(staffIDs, strings.ToLower(r.group.OwnerID))); err != nil {
		return nil, err
	}
	customers, err := customersByExternal(tx, r.account.PlatformID, external)
	if err != nil {
		return nil, err
	}
	for i := range p.members {
		m := &p.members[i]
		m.StaffID, m.CustomerID = p.staff[m.UserID], customers[m.UserID]
	}
	return p, nil
}

// newStay is a member as a row without group and ids; the platform's type 1 is staff.
func newStay(m wecom.GroupMember) model.GroupMember {
	row := model.GroupMember{
		UserID: m.UserID, Kind: KindExternal, Name: cut(m.Name, 128), Nickname: cut(m.GroupNickname, 128),
		JoinScene: m.JoinScene, InvitedBy: strings.ToLower(cut(m.Inviter.UserID, 64)), State: cut(m.State, 128), JoinedAt: second(m.JoinedAt.Time),
	}
	if m.Type == 1 {
		row.Kind, row.UserID = KindStaff, strings.ToLower(m.UserID)
	}
	return row
}

// comparison is what a reading changes about who is in a group.
type comparison struct {
	joined  []model.GroupMember
	left    []model.GroupMember // with LeftAt and QuitScene
	altered []model.GroupMember // still there, and described otherwise
}

// compare holds the open stays against the members of a reading. Somebody who left and came back
// between two readings has a new joining time: one stay ends, another begins.
func compare(stays []model.GroupMember, p *people, leftAt func(userID string) (time.Time, int)) (c comparison) {
	open := make(map[string]model.GroupMember, len(stays))
	for _, m := range stays {
		open[m.UserID] = m
	}
	end := func(m model.GroupMember, notAfter time.Time) {
		at, scene := leftAt(m.UserID)
		if !notAfter.IsZero() && at.After(notAfter) {
			at = notAfter
		}
		if at.Before(m.JoinedAt) {
			at = m.JoinedAt
		}
		m.LeftAt, m.QuitScene = &at, scene
		c.left = append(c.left, m)
	}
	for _, now := range p.members {
		was, here := open[now.UserID]
		delete(open, now.UserID)
		switch {
		case !here:
			c.joined = append(c.joined, now)
		case !was.JoinedAt.Equal(now.JoinedAt) && !now.JoinedAt.IsZero():
			end(was, now.JoinedAt)
			c.joined = append(c.joined, now)
		case described(was, now):
			now.ID = was.ID
			c.altered = append(c.altered, now)
		}
	}
	for _, m := range stays {
		if _, gone := open[m.UserID]; gone {
			end(m, time.Time{})
		}
	}
	return c
}

// described tells whether a member who is still there is described otherwise than before. Somebody
// once recognised stays recognised.
func described(was, now model.GroupMember) bool {
	return was.Name != now.Name || was.Nickname != now.Nickname || was.Kind != now.Kind ||
		now.StaffID != 0 && was.StaffID != now.StaffID || now.CustomerID != 0 && was.CustomerID != now.CustomerID
}
