package staff

import (
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/wecom"
)

// ApplyDepartmentsTx makes the mirror of an account's departments say what the platform says. With
// complete, the list is all there is, and what is missing is gone. Repeatable.
func (s *Service) ApplyDepartmentsTx(tx *gorm.DB, accountID int64, list []wecom.Department, complete bool) (Counts, error) {
	have, err := allDepartments(tx, accountID)
	if err != nil {
		return Counts{}, err
	}
	var n Counts
	var put []model.Department
	now, listed := s.now(), map[int64]bool{}
	for _, d := range list {
		if listed[d.ID] {
			continue
		}
		listed[d.ID] = true
		n.Read++
		want := mirrored(d, accountID, now)
		switch old, known := have[d.ID]; {
		case !known:
			n.Created++
		case sameDepartment(old, want):
			n.Unchanged++
			continue
		default:
			n.Updated++
		}
		put = append(put, want)
	}
	if err := putDepartments(tx, put); err != nil || !complete {
		return n, err
	}
	gone := missing(have, listed)
	n.Vanished = int64(len(gone))
	return n, departmentsGone(tx, gone, now)
}

func mirrored(d wecom.Department, accountID int64, now time.Time) model.Department {
	return model.Department{
		AccountID: accountID, PlatformID: d.ID, ParentPlatformID: d.ParentID, Name: cut(d.Name, 128), Position: d.Order,
		CreatedAt: now, UpdatedAt: now,
	}
}

func sameDepartment(a, b model.Department) bool {
	return a.ParentPlatformID == b.ParentPlatformID && a.Name == b.Name && a.Position == b.Position && a.GoneAt == nil
}

// missing lists the rows that are still there for us but not in the platform's list.
func missing(have map[int64]model.Department, listed map[int64]bool) []int64 {
	var ids []int64
	for platformID, d := range have {
		if d.GoneAt == nil && !listed[platformID] {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// cut shortens a text that the platform let grow beyond its column.
func cut(s string, limit int) string {
	n := 0
	for i := range s {
		if n == limit {
			return s[:i]
		}
		n++
	}
	return s
}
