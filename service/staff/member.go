package staff

import (
	"errors"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/wecom"
)

// The platform's statuses of a member that this package acts on.
const (
	statusDisabled = 2
	statusLeft     = 5
)

// errNobody guards against taking an empty answer for the truth: an account whose app sees no
// member at all has nothing to synchronise.
var errNobody = errors.New("a complete list of staff without anybody is not believed")

// ApplyStaffTx makes the mirror of an account's members say what the platform says. What the
// platform leaves empty it has not told, and what was known stays. With complete, the list is
// everybody there is, and who is missing is gone; a complete list of nobody is refused. The
// sessions of who is gone or disabled end. Repeatable.
func (s *Service) ApplyStaffTx(tx *gorm.DB, accountID int64, list []wecom.StaffMember, complete bool) (Counts, error) {
	members := distinct(list)
	if complete && len(members) == 0 {
		return Counts{}, errNobody
	}
	p, err := s.page(tx, accountID, members)
	if err != nil {
		return Counts{}, err
	}
	if err := p.write(tx); err != nil {
		return Counts{}, err
	}
	n := p.counts()
	if !complete {
		return n, nil
	}
	gone, err := presentExcept(tx, accountID, p.members)
	if err != nil {
		return n, err
	}
	n.Vanished = int64(len(gone))
	return n, s.leave(tx, gone)
}

// distinct takes each member once, under the lower-case user id: somebody in two departments is
// listed by both.
func distinct(list []wecom.StaffMember) map[string]wecom.StaffMember {
	members := make(map[string]wecom.StaffMember, len(list))
	for _, m := range list {
		if m.UserID != "" {
			members[normal(m.UserID)] = m
		}
	}
	return members
}

// page is one list of members beside what is known about them.
type page struct {
	accountID   int64
	now         time.Time
	members     map[string]wecom.StaffMember // by user id
	known       map[string]*model.Staff      // by user id; after write, everybody
	departments map[int64]model.Department   // by platform id
	belongs     map[int64][]model.StaffDepartment

	created map[string]bool
	changed map[string]bool
}

func (s *Service) page(tx *gorm.DB, accountID int64, members map[string]wecom.StaffMember) (*page, error) {
	p := &page{accountID: accountID, now: s.now(), members: members, created: map[string]bool{}, changed: map[string]bool{}}
	var err error
	if p.known, err = lockByUserIDs(tx, accountID, keys(members)); err != nil {
		return nil, err
	}
	if p.belongs, err = findBelongings(tx, rowIDs(p.known)); err != nil {
		return nil, err
	}
	p.departments, err = s.departmentsNamed(tx, accountID, members)
	return p, err
}

// departmentsNamed gives the account's departments; one that a member names and nobody has
// synchronised yet becomes a bare row, so that no membership is lost.
func (s *Service) departmentsNamed(tx *gorm.DB, accountID int64, members map[string]wecom.StaffMember) (map[int64]model.Department, error) {
	have, err := allDepartments(tx, accountID)
	if err != nil {
		return nil, err
	}
	var bare []model.Department
	for _, m := range members {
		for _, id := range m.Departments {
			if _, ok := have[id]; !ok {
				have[id] = model.Department{}
				bare = append(bare, mirrored(wecom.Department{ID: id}, accountID, s.now()))
			}
		}
	}
	if len(bare) == 0 {
		return have, nil
	}
	if err := putDepartments(tx, bare); err != nil {
		return nil, err
	}
	return allDepartments(tx, accountID)
}

// write brings rows, memberships and sessions in line with the page.
func (p *page) write(tx *gorm.DB) error {
	var put []model.Staff
	for userid, m := range p.members {
		old := p.known[userid]
		row := p.merged(old, userid, m)
		switch {
		case old == nil:
			p.created[userid] = true
		case sameStaff(*old, row):
			continue
		default:
			p.changed[userid] = true
		}
		put = append(put, row)
	}
	if err := putStaff(tx, put); err != nil {
		return err
	}
	all, err := findByUserIDs(tx, p.accountID, keys(p.members))
	if err != nil {
		return err
	}
	p.known = all
	if err := p.writeBelongings(tx); err != nil {
		return err
	}
	return revokeSessions(tx, p.shutOut(), p.now)
}

// merged is the row that should be: what the platform says over what is known.
func (p *page) merged(old *model.Staff, userid string, m wecom.StaffMember) model.Staff {
	row := model.Staff{AccountID: p.accountID, UserID: userid, CreatedAt: p.now}
	if old != nil {
		row = *old
	}
	row.UpdatedAt = p.now
	told(&row.Name, m.Name, 128)
	told(&row.Alias, m.Alias, 128)
	told(&row.Position, m.Position, 128)
	if len(m.Avatar) <= 1024 { // a shortened address would lead nowhere
		told(&row.Avatar, m.Avatar, 1024)
	}
	if m.MainDepartment != 0 {
		row.MainDepartment = m.MainDepartment
	}
	if m.Status != 0 {
		row.PlatformStatus = int(m.Status)
	}
	switch {
	case m.Status != statusLeft: // listed, so here
		row.GoneAt = nil
	case row.GoneAt == nil:
		row.GoneAt = &p.now
	}
	return row
}

func told(field *string, value string, limit int) {
	if value != "" {
		*field = cut(value, limit)
	}
}

func sameStaff(a, b model.Staff) bool {
	return a.Name == b.Name && a.Alias == b.Alias && a.Avatar == b.Avatar && a.Position == b.Position &&
		a.MainDepartment == b.MainDepartment && a.PlatformStatus == b.PlatformStatus && (a.GoneAt == nil) == (b.GoneAt == nil)
}

// writeBelongings makes the memberships of everybody whose departments the page tells what it tells.
func (p *page) writeBelongings(tx *gorm.DB) error {
	var put []model.StaffDepartment
	var drop []int64
	for userid, m := range p.members {
		if len(m.Departments) == 0 {
			continue
		}
		adds, drops := p.belonging(p.known[userid].ID, m)
		if len(adds)+len(drops) > 0 && !p.created[userid] {
			p.changed[userid] = true
		}
		put, drop = append(put, adds...), append(drop, drops...)
	}
	if err := dropBelongings(tx, drop); err != nil {
		return err
	}
	return putBelongings(tx, put)
}

// belonging compares one member's departments with the rows: what to put, and which rows to drop.
func (p *page) belonging(staffID int64, m wecom.StaffMember) (put []model.StaffDepartment, drop []int64) {
	want := map[int64]bool{} // department row -> leads it
	for i, platformID := range m.Departments {
		want[p.departments[platformID].ID] = len(m.LeaderIn) == len(m.Departments) && m.LeaderIn[i] == 1
	}
	for _, b := range p.belongs[staffID] {
		leads, stays := want[b.DepartmentID]
		switch {
		case !stays:
			drop = append(drop, b.ID)
		case leads == b.IsLeader:
			delete(want, b.DepartmentID)
		}
	}
	for departmentID, leads := range want {
		put = append(put, model.StaffDepartment{StaffID: staffID, DepartmentID: departmentID, IsLeader: leads})
	}
	return put, drop
}

// shutOut lists those on the page who may no longer be signed in.
func (p *page) shutOut() []int64 {
	var ids []int64
	for _, row := range p.known {
		if row.PlatformStatus == statusDisabled || row.PlatformStatus == statusLeft {
			ids = append(ids, row.ID)
		}
	}
	return ids
}

func (p *page) counts() Counts {
	n := Counts{Read: int64(len(p.members)), Created: int64(len(p.created)), Updated: int64(len(p.changed))}
	n.Unchanged = n.Read - n.Created - n.Updated
	return n
}

// normal is how user ids and logins are stored and compared.
func normal(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
