package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/group"
)

// Group is a customer group chat.
type Group struct {
	ID            string     `json:"id"`
	AccountID     string     `json:"account_id"`
	Name          string     `json:"name"`
	Notice        string     `json:"notice,omitempty"`
	OwnerStaffID  string     `json:"owner_staff_id"`
	MemberCount   int64      `json:"member_count"`
	CustomerCount int64      `json:"customer_count" doc:"members from outside"`
	FoundedAt     time.Time  `json:"founded_at"`
	DismissedAt   *time.Time `json:"dismissed_at,omitempty"`
}

func (h *Handlers) group(g *model.CustomerGroup) Group {
	return Group{
		h.IDs.Of(model.KindGroup, g.ID), h.IDs.Of(model.KindAccount, g.AccountID), g.Name, g.Notice, h.IDs.Of(model.KindStaff, g.OwnerStaffID),
		g.MemberCount, g.CustomerCount, g.FoundedAt, g.DismissedAt,
	}
}

// ListGroupsInput selects groups.
type ListGroupsInput struct {
	PageQuery
	AccountID    string `query:"account_id" maxLength:"26"`
	Search       string `query:"search" maxLength:"64" doc:"in the name"`
	OwnerStaffID string `query:"owner_staff_id" maxLength:"26"`
	Dismissed    bool   `query:"dismissed" doc:"those that are no more, instead of those that are"`
}

// ListGroups lists the groups that the viewer may see, from the newest.
func (h *Handlers) ListGroups(ctx context.Context, in *ListGroupsInput) (*Page[Group], error) {
	r := h.reader()
	f := group.Filter{
		AccountID: r.optional(model.KindAccount, in.AccountID), Search: in.Search, OwnerStaffID: r.optional(model.KindStaff, in.OwnerStaffID),
		Dismissed: in.Dismissed, After: r.after(listGroup, in.Cursor), Limit: in.Limit,
	}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Groups.List(ctx, ViewerOf(ctx), f)
	if err != nil {
		return nil, err
	}
	var items []Group
	for i := range rows {
		items = append(items, h.group(&rows[i]))
	}
	return newPage(h, listGroup, items, lastOf(rows, in.Limit, func(g model.CustomerGroup) int64 { return g.ID }))
}

// GroupMember is somebody's stay in a group.
type GroupMember struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind" enum:"staff,external"`
	StaffID    string     `json:"staff_id,omitempty"`
	CustomerID string     `json:"customer_id,omitempty" doc:"absent: an outsider nobody follows"`
	Name       string     `json:"name,omitempty"`
	Nickname   string     `json:"nickname,omitempty" doc:"in the group"`
	JoinScene  int        `json:"join_scene" doc:"the platform's number: 1 invited, 2 by link, 3 by QR code"`
	JoinedAt   time.Time  `json:"joined_at"`
	LeftAt     *time.Time `json:"left_at,omitempty"`
	QuitScene  int        `json:"quit_scene,omitempty" doc:"0 left, 1 removed"`
}

func (h *Handlers) groupMember(m model.GroupMember) GroupMember {
	return GroupMember{
		h.IDs.Of(model.KindGroupMember, m.ID), m.Kind, h.IDs.Of(model.KindStaff, m.StaffID), h.IDs.Of(model.KindCustomer, m.CustomerID),
		m.Name, m.Nickname, m.JoinScene, m.JoinedAt, m.LeftAt, m.QuitScene,
	}
}

// GroupDetail is a group with whom it has.
type GroupDetail struct {
	Group
	Members []GroupMember `json:"members" nullable:"false" doc:"in the order of joining"`
}

// GetGroup gives one group with its members.
func (h *Handlers) GetGroup(ctx context.Context, in *IDPath) (*One[GroupDetail], error) {
	id, err := h.IDs.Row(model.KindGroup, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := h.Groups.Detail(ctx, ViewerOf(ctx), id)
	if err != nil {
		return nil, err
	}
	out := GroupDetail{h.group(&d.CustomerGroup), []GroupMember{}}
	for _, m := range d.Members {
		out.Members = append(out.Members, h.groupMember(m))
	}
	return one(out), nil
}

// GroupHistoryInput asks for the stays that ended.
type GroupHistoryInput struct {
	IDPath
	PageQuery
}

// GroupHistory lists who left a group, the latest first.
func (h *Handlers) GroupHistory(ctx context.Context, in *GroupHistoryInput) (*Page[GroupMember], error) {
	r := h.reader()
	id, before := r.row(model.KindGroup, in.ID), r.after(listGroupMember, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Groups.History(ctx, ViewerOf(ctx), id, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []GroupMember
	for _, m := range rows {
		items = append(items, h.groupMember(m))
	}
	return newPage(h, listGroupMember, items, lastOf(rows, in.Limit, func(m model.GroupMember) int64 { return m.ID }))
}
