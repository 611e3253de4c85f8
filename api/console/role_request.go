package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// RoleRequest is a change of somebody's roles that needs a second administrator.
type RoleRequest struct {
	ID        string     `json:"id"`
	StaffID   string     `json:"staff_id" doc:"whose roles"`
	Roles     []string   `json:"roles" nullable:"false" doc:"all that they would have"`
	State     string     `json:"state" enum:"waiting,approved,refused,replaced"`
	AskedBy   string     `json:"asked_by"`
	DecidedBy string     `json:"decided_by,omitempty"`
	DecidedAt *time.Time `json:"decided_at,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
}

func (h *Handlers) roleRequest(r *model.RoleRequest) RoleRequest {
	return RoleRequest{
		h.IDs.Of(model.KindRoleRequest, r.ID), h.IDs.Of(model.KindStaff, r.StaffID), append([]string{}, staff.RolesAsked(r)...), r.State,
		h.IDs.Of(model.KindStaff, r.AskedBy), h.IDs.Of(model.KindStaff, r.DecidedBy), r.DecidedAt, r.CreatedAt,
	}
}

// ListRoleRequestsInput selects requests for roles.
type ListRoleRequestsInput struct {
	PageQuery
	State string `query:"state" enum:"waiting,approved,refused,replaced" doc:"absent: all"`
}

// ListRoleRequests lists requests for roles from the newest.
func (h *Handlers) ListRoleRequests(ctx context.Context, in *ListRoleRequestsInput) (*Page[RoleRequest], error) {
	r := h.reader()
	before := r.after(listRoleRequest, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Staff.RoleRequests(ctx, in.State, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []RoleRequest
	for i := range rows {
		items = append(items, h.roleRequest(&rows[i]))
	}
	return newPage(h, listRoleRequest, items, lastOf(rows, in.Limit, func(r model.RoleRequest) int64 { return r.ID }))
}

// DecideRoleRequestInput is what a second administrator says.
type DecideRoleRequestInput struct {
	IDPath
	Body struct {
		Approve bool `json:"approve"`
	}
}

// DecideRoleRequest approves or refuses a change of roles. Whoever asked for it, or would have them, may not.
func (h *Handlers) DecideRoleRequest(ctx context.Context, in *DecideRoleRequestInput) (*One[RoleRequest], error) {
	id, err := h.IDs.Row(model.KindRoleRequest, in.ID)
	if err != nil {
		return nil, err
	}
	row, err := h.Staff.DecideRoles(ctx, ViewerOf(ctx).StaffID, id, in.Body.Approve)
	if err != nil {
		return nil, err
	}
	return one(h.roleRequest(row)), nil
}
