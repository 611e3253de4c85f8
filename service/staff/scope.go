package staff

import (
	"context"
	"slices"
	"sync"

	"zhiyin/model"
)

// VisibleStaff says whose customers a viewer sees: everybody's (all, and no list), or those of the
// staff listed, the viewer always among them. People who are gone stay in the scope of those who
// led their departments, because their customers are still there.
func (s *Service) VisibleStaff(ctx context.Context, v *Viewer) (all bool, staffIDs []int64, err error) {
	switch v.scope() {
	case ScopeAll:
		return true, nil, nil
	case ScopeDepartments:
		ids, err := v.sight.once(func() ([]int64, error) { return s.ledBy(ctx, v) })
		return false, ids, err
	}
	return false, []int64{v.StaffID}, nil
}

// sight remembers for the time of one request whose customers its viewer sees, which many parts of an
// answer ask.
type sight struct {
	mu    sync.Mutex
	known []int64
}

func (g *sight) once(read func() ([]int64, error)) ([]int64, error) {
	if g == nil {
		return read()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known == nil {
		ids, err := read()
		if err != nil {
			return nil, err
		}
		g.known = ids
	}
	return slices.Clone(g.known), nil
}

// ledBy lists the viewer, and the staff of the departments that they lead and of those below.
func (s *Service) ledBy(ctx context.Context, v *Viewer) ([]int64, error) {
	tx, self := s.db.WithContext(ctx), []int64{v.StaffID}
	led, err := ledDepartments(tx, v.StaffID)
	if err != nil || len(led) == 0 {
		return self, err
	}
	tree, err := presentDepartments(tx, v.AccountID)
	if err != nil {
		return nil, err
	}
	ids, err := staffIn(tx, below(tree, led))
	if err == nil && !slices.Contains(ids, v.StaffID) {
		ids = append(ids, v.StaffID)
	}
	return ids, err
}

// below gives the row ids of the departments among roots that are in the tree, and of all
// departments under them. It ends even if the tree has a circle.
func below(tree []model.Department, roots []int64) []int64 {
	children := map[int64][]model.Department{} // by the parent's platform id
	var open []model.Department
	for _, d := range tree {
		children[d.ParentPlatformID] = append(children[d.ParentPlatformID], d)
		if slices.Contains(roots, d.ID) {
			open = append(open, d)
		}
	}
	var ids []int64
	seen := map[int64]bool{}
	for len(open) > 0 {
		d := open[len(open)-1]
		open = open[:len(open)-1]
		if seen[d.ID] {
			continue
		}
		seen[d.ID] = true
		ids = append(ids, d.ID)
		open = append(open, children[d.PlatformID]...)
	}
	return ids
}

// StaffOfDepartment lists the staff of a department and of those below it.
func (s *Service) StaffOfDepartment(ctx context.Context, departmentID int64) ([]int64, error) {
	tx := s.db.WithContext(ctx)
	d, err := findDepartment(tx, departmentID)
	if err != nil {
		return nil, err
	}
	tree, err := presentDepartments(tx, d.AccountID)
	if err != nil {
		return nil, err
	}
	return staffIn(tx, below(tree, []int64{departmentID}))
}
