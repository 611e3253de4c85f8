package staff

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
)

// The states of a request for roles.
const (
	RequestWaiting  = "waiting"
	RequestApproved = "approved"
	RequestRefused  = "refused"
	RequestReplaced = "replaced" // by a newer change of the same person's roles
)

// deciding is the permission of those who may give roles.
const deciding = "staff.write"

// AskRoles is SetRoles by an administrator. A change that lets somebody see the whole house who did not waits for a second administrator
// (S-52): then nothing changes yet, and the request is given. It takes effect at once where there is nobody else to ask. Whatever
// waited for the same person before is replaced. It fails with ErrNotFound or ErrUnknownRole. Repeatable.
func (s *Service) AskRoles(ctx context.Context, by, staffID int64, names []string) (waits *model.RoleRequest, err error) {
	names, err = checkRoles(names)
	if err != nil {
		return nil, err
	}
	return waits, model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if _, err := lockStaff(tx, staffID); err != nil {
			return err
		}
		waits, err = s.askRolesTx(tx, by, staffID, names)
		return err
	})
}

// askRolesTx needs the lock of the person whose roles they are.
func (s *Service) askRolesTx(tx *gorm.DB, by, staffID int64, names []string) (*model.RoleRequest, error) {
	have, err := findRoles(tx, []int64{staffID})
	if err != nil {
		return nil, err
	}
	needed, err := s.needsSecond(tx, by, staffID, have[staffID], names)
	if err != nil {
		return nil, err
	}
	pending, err := waitingRoles(tx, staffID)
	if err != nil {
		return nil, err
	}
	if needed && pending != nil && pending.AskedBy == by && pending.Roles == strings.Join(names, ",") {
		return pending, nil
	}
	if pending != nil {
		if _, err := closeRoleRequest(tx, pending.ID, RequestReplaced, by, s.now()); err != nil {
			return nil, err
		}
	}
	if !needed {
		return nil, s.giveRolesTx(tx, staffID, names)
	}
	row := &model.RoleRequest{StaffID: staffID, Roles: strings.Join(names, ","), State: RequestWaiting, AskedBy: by, CreatedAt: s.now()}
	return row, insertRoleRequest(tx, row)
}

// needsSecond tells whether roles give somebody sight of the whole house which they did not have, and somebody else can agree to that.
func (s *Service) needsSecond(tx *gorm.DB, by, staffID int64, have, want []string) (bool, error) {
	if !slices.ContainsFunc(want, func(name string) bool {
		r, ok := roleOf(name)
		return ok && r.Scope == ScopeAll && !slices.Contains(have, name)
	}) {
		return false, nil
	}
	others, err := s.HoldersTx(tx, deciding)
	return slices.ContainsFunc(others, func(id int64) bool { return id != by && id != staffID }), err
}

// DecideRoles answers a request for roles, as somebody who neither asked for them nor would have them. Approved, they take effect at once. It
// fails with ErrNoRequest, ErrSecondPerson or ErrDecided.
func (s *Service) DecideRoles(ctx context.Context, by, id int64, approve bool) (row *model.RoleRequest, err error) {
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		row, err = roleRequestByID(tx, id)
		if err != nil {
			return err
		}
		if row.AskedBy == by || row.StaffID == by {
			return ErrSecondPerson
		}
		if _, err := lockStaff(tx, row.StaffID); err != nil {
			return err
		}
		state := RequestRefused
		if approve {
			state = RequestApproved
		}
		ours, err := closeRoleRequest(tx, id, state, by, s.now())
		if err != nil {
			return err
		}
		if !ours {
			return ErrDecided
		}
		if row, err = roleRequestByID(tx, id); err != nil || !approve {
			return err
		}
		return s.giveRolesTx(tx, row.StaffID, RolesAsked(row))
	})
	if err != nil {
		return nil, err
	}
	return row, nil
}

// RolesAsked are the roles that a request is for.
func RolesAsked(r *model.RoleRequest) []string {
	if r.Roles == "" {
		return nil
	}
	return strings.Split(r.Roles, ",")
}

// RoleRequests lists requests for roles from the newest, those before one; 0: from the first.
func (s *Service) RoleRequests(ctx context.Context, state string, before int64, limit int) ([]model.RoleRequest, error) {
	return listRoleRequests(s.db.WithContext(ctx), state, before, limit)
}
