package group

import (
	"context"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Filter selects groups.
type Filter struct {
	AccountID    int64  // 0: of all accounts
	Search       string // in the name
	OwnerStaffID int64  // 0: of all owners
	Dismissed    bool   // those that are no more, instead of those that are
	After        int64  // row id of the last group of the page before; 0: from the newest
	Limit        int    // 0: 50; at most 200
}

// List lists the groups that a viewer may see, from the newest: everybody's, or those whose owner is
// in the viewer's scope. A page shorter than the limit is the last.
func (s *Service) List(ctx context.Context, v *staff.Viewer, f Filter) ([]model.CustomerGroup, error) {
	owners, err := s.owners(ctx, v)
	if err != nil {
		return nil, err
	}
	return listGroups(s.db.WithContext(ctx), f, owners)
}

// Detail is a group with whom it has.
type Detail struct {
	model.CustomerGroup
	Members []model.GroupMember // present ones, in the order of joining; of a dismissed group none
}

// Detail reads a group. Fails with ErrNotFound, also outside of the viewer's scope.
func (s *Service) Detail(ctx context.Context, v *staff.Viewer, id int64) (*Detail, error) {
	owners, err := s.owners(ctx, v)
	if err != nil {
		return nil, err
	}
	db := s.db.WithContext(ctx)
	g, err := groupByID(db, id, owners)
	if err != nil {
		return nil, err
	}
	members, err := openStays(db, id)
	if err != nil {
		return nil, err
	}
	return &Detail{*g, members}, nil
}

// History lists the stays in a group that ended, the latest first. before is the row id of the last stay of
// the page before, 0 at first; limit 0 means 50, at most 200. Fails with ErrNotFound.
func (s *Service) History(ctx context.Context, v *staff.Viewer, id, before int64, limit int) ([]model.GroupMember, error) {
	owners, err := s.owners(ctx, v)
	if err != nil {
		return nil, err
	}
	db := s.db.WithContext(ctx)
	if _, err := groupByID(db, id, owners); err != nil {
		return nil, err
	}
	return endedStays(db, id, before, limit)
}

// owners is nil for everybody's groups.
func (s *Service) owners(ctx context.Context, v *staff.Viewer) ([]int64, error) {
	all, ids, err := s.scope.VisibleStaff(ctx, v)
	if err != nil || all {
		return nil, err
	}
	return append([]int64{}, ids...), nil // never nil: nobody is not everybody
}
