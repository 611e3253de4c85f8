package console

import (
	"context"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// StaffMember is somebody who serves customers or works in the console.
type StaffMember struct {
	ID              string   `json:"id"`
	AccountID       string   `json:"account_id,omitempty" doc:"absent: works in the console only"`
	UserID          string   `json:"userid,omitempty"`
	Name            string   `json:"name"`
	Alias           string   `json:"alias,omitempty"`
	Position        string   `json:"position,omitempty"`
	PlatformStatus  int      `json:"platform_status" doc:"1 active, 2 disabled, 4 inactive, 5 left, 0 unknown"`
	ServesCustomers bool     `json:"serves_customers"`
	Disabled        bool     `json:"disabled" doc:"may not sign in"`
	Gone            bool     `json:"gone"`
	Roles           []string `json:"roles" nullable:"false"`
}

func (h *Handlers) staffMember(s *model.Staff, roles []string) StaffMember {
	return StaffMember{
		h.IDs.Of(model.KindStaff, s.ID), h.IDs.Of(model.KindAccount, s.AccountID), s.UserID, s.Name, s.Alias, s.Position, s.PlatformStatus,
		s.ServesCustomers, s.Disabled, s.GoneAt != nil, append([]string{}, roles...),
	}
}

// ListStaffInput selects staff.
type ListStaffInput struct {
	PageQuery
	AccountID string `query:"account_id" maxLength:"26"`
	Search    string `query:"search" maxLength:"64" doc:"part of a name, alias or user id"`
	Gone      bool   `query:"gone" doc:"also those who are gone"`
}

// ListStaff lists staff.
func (h *Handlers) ListStaff(ctx context.Context, in *ListStaffInput) (*Page[StaffMember], error) {
	r := h.reader()
	f := staff.Filter{Search: in.Search, Gone: in.Gone, After: r.after(listStaff, in.Cursor), Limit: in.Limit}
	if in.AccountID != "" {
		id := r.row(model.KindAccount, in.AccountID)
		f.AccountID = &id
	}
	if r.err != nil {
		return nil, r.err
	}
	if only, bound := ViewerOf(ctx).Corp(); bound {
		if f.AccountID != nil && *f.AccountID != only {
			return nil, model.ErrNoSuchID
		}
		f.AccountID = &only
	}
	rows, err := h.Staff.List(ctx, f)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	roles, err := h.Staff.RolesOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	var items []StaffMember
	for i := range rows {
		items = append(items, h.staffMember(&rows[i], roles[rows[i].ID]))
	}
	return newPage(h, listStaff, items, lastOf(rows, in.Limit, func(s model.Staff) int64 { return s.ID }))
}

// CreateStaffInput is a new console user who is no member of a corp.
type CreateStaffInput struct {
	Body struct {
		Login    string   `json:"login" minLength:"3" maxLength:"64"`
		Name     string   `json:"name" minLength:"1" maxLength:"128"`
		Password string   `json:"password" minLength:"1" maxLength:"256" writeOnly:"true" doc:"at least 12 characters"`
		Roles    []string `json:"roles" minItems:"1" maxItems:"6" nullable:"false"`
	}
}

// CreateStaff makes a console user. Roles that need a second person are asked for: the answer says which ones they have.
func (h *Handlers) CreateStaff(ctx context.Context, in *CreateStaffInput) (*One[StaffMember], error) {
	b := in.Body
	row, err := h.Staff.Create(ctx, staff.CreateInput{Login: b.Login, Name: b.Name, Password: b.Password, Roles: b.Roles, By: ViewerOf(ctx).StaffID})
	if err != nil {
		return nil, err
	}
	roles, err := h.Staff.RolesOf(ctx, []int64{row.ID})
	if err != nil {
		return nil, err
	}
	return one(h.staffMember(row, roles[row.ID])), nil
}

// SetRolesInput is what somebody may do from now on.
type SetRolesInput struct {
	IDPath
	Body struct {
		Roles []string `json:"roles" maxItems:"6" nullable:"false" doc:"none takes all rights away"`
	}
}

// RolesSet is what became of a change of roles.
type RolesSet struct {
	Roles   []string     `json:"roles" nullable:"false" doc:"what they have now"`
	Request *RoleRequest `json:"request,omitempty" doc:"what waits for a second administrator"`
}

// SetStaffRoles changes somebody's roles; their sessions end. Roles that show the whole house wait for a second administrator.
func (h *Handlers) SetStaffRoles(ctx context.Context, in *SetRolesInput) (*One[RolesSet], error) {
	id, err := h.IDs.Row(model.KindStaff, in.ID)
	if err != nil {
		return nil, err
	}
	waits, err := h.Staff.AskRoles(ctx, ViewerOf(ctx).StaffID, id, in.Body.Roles)
	if err != nil {
		return nil, err
	}
	roles, err := h.Staff.RolesOf(ctx, []int64{id})
	if err != nil {
		return nil, err
	}
	out := RolesSet{Roles: append([]string{}, roles[id]...)}
	if waits != nil {
		r := h.roleRequest(waits)
		out.Request = &r
	}
	return one(out), nil
}

// SetLoginInput lets somebody sign in with a password.
type SetLoginInput struct {
	IDPath
	Body struct {
		Login    string `json:"login" minLength:"3" maxLength:"64"`
		Password string `json:"password" minLength:"1" maxLength:"256" writeOnly:"true"`
	}
}

// SetStaffLogin lets somebody sign in with a login and a password; their sessions end.
func (h *Handlers) SetStaffLogin(ctx context.Context, in *SetLoginInput) (*None, error) {
	id, err := h.IDs.Row(model.KindStaff, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Staff.SetLogin(ctx, id, in.Body.Login, in.Body.Password)
}

// EnableStaff gives or takes the right to sign in; taken, their sessions end.
func (h *Handlers) EnableStaff(ctx context.Context, in *EnableInput) (*None, error) {
	id, err := h.IDs.Row(model.KindStaff, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.Enabled {
		return &None{}, h.Staff.Enable(ctx, id)
	}
	return &None{}, h.Staff.Disable(ctx, id)
}

// Role is a set of permissions.
type Role struct {
	Name        string   `json:"name"`
	Zh          string   `json:"zh"`
	En          string   `json:"en"`
	Permissions []string `json:"permissions" nullable:"false"`
}

// ListRoles lists the roles there are.
func (h *Handlers) ListRoles(ctx context.Context, _ *struct{}) (*Page[Role], error) {
	var items []Role
	for _, r := range staff.Roles() {
		items = append(items, Role{r.Name, r.Zh, r.En, append([]string{}, r.Permissions...)})
	}
	return whole(items), nil
}

// Department is a part of the company.
type Department struct {
	ID       string `json:"id"`
	ParentID string `json:"parent_id,omitempty"`
	Name     string `json:"name"`
	Position int64  `json:"position" doc:"larger first"`
}

// ListDepartments lists an account's departments.
func (h *Handlers) ListDepartments(ctx context.Context, in *AccountQuery) (*Page[Department], error) {
	account, err := h.IDs.Row(model.KindAccount, in.AccountID)
	if err != nil {
		return nil, err
	}
	if err := inCorp(ctx, account); err != nil {
		return nil, err
	}
	rows, err := h.Staff.Departments(ctx, account)
	if err != nil {
		return nil, err
	}
	rowOf := map[int64]int64{}
	for _, d := range rows {
		rowOf[d.PlatformID] = d.ID
	}
	var items []Department
	for _, d := range rows {
		items = append(items, Department{h.IDs.Of(model.KindDepartment, d.ID), h.IDs.Of(model.KindDepartment, rowOf[d.ParentPlatformID]), d.Name, d.Position})
	}
	return whole(items), nil
}
