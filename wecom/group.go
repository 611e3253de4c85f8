package wecom

import "context"

// GroupsQuery asks for customer groups.
type GroupsQuery struct {
	// Status: 0 all, 1 whose owner has left, 2 being handed over, 3 handed over.
	Status int
	// OwnerIDs, at most 100; without any the platform refuses when the visible range holds more
	// than 1,000 members (81017).
	OwnerIDs []string
	Cursor   string
	Limit    int // ≤ 1000; 0 means 1000
}

// GroupStatus is a customer group in a list.
type GroupStatus struct {
	ChatID string `json:"chat_id"`
	Status int    `json:"status"` // 0 normal, 1 owner left, 2 being handed over, 3 handed over
}

// Groups lists customer groups, 客户群, and the cursor of the next page, empty on the last.
// Platform documentation, 客户联系 · 获取客户群列表.
func (c *Corp) Groups(ctx context.Context, q GroupsQuery) (groups []GroupStatus, next string, err error) {
	const api = "externalcontact/groupchat/list"
	if len(q.OwnerIDs) > 100 || q.Limit < 0 || q.Limit > 1000 {
		return nil, "", c.bad(api, "at most 100 owners and 1000 groups")
	}
	type owners struct {
		UserIDs []string `json:"userid_list"`
	}
	body := struct {
		Status int     `json:"status_filter"`
		Owners *owners `json:"owner_filter,omitempty"`
		Cursor string  `json:"cursor,omitempty"`
		Limit  int     `json:"limit"`
	}{Status: q.Status, Cursor: q.Cursor, Limit: q.Limit}
	if body.Limit == 0 {
		body.Limit = 1000
	}
	if len(q.OwnerIDs) > 0 {
		body.Owners = &owners{q.OwnerIDs}
	}
	var out struct {
		List []GroupStatus `json:"group_chat_list"`
		Next string        `json:"next_cursor"`
	}
	if err := c.post(ctx, api, body, &out); err != nil {
		return nil, "", err
	}
	if out.Next != "" && out.Next == q.Cursor {
		return nil, "", c.doubt(api, "the pages do not end")
	}
	return out.List, out.Next, nil
}

// Group is a customer group with its members.
type Group struct {
	ChatID        string        `json:"chat_id"`
	Name          string        `json:"name"` // empty while nobody has named it
	OwnerID       string        `json:"owner"`
	CreatedAt     Time          `json:"create_time"`
	Notice        string        `json:"notice"`
	Members       []GroupMember `json:"member_list"`
	Admins        []GroupUser   `json:"admin_list"`
	MemberVersion string        `json:"member_version"` // compare with a callback's CurMemVer
}

// GroupUser names a staff member.
type GroupUser struct {
	UserID string `json:"userid"`
}

// GroupMember is one member of a customer group.
type GroupMember struct {
	UserID        string    `json:"userid"` // a user id or an external user id, by Type
	Type          int       `json:"type"`   // 1 staff, 2 outside person
	UnionID       string    `json:"unionid"`
	JoinedAt      Time      `json:"join_time"`
	JoinScene     int       `json:"join_scene"` // 1 invited by a member, 2 by link, 3 by QR code
	Inviter       GroupUser `json:"invitor"`
	GroupNickname string    `json:"group_nickname"`
	Name          string    `json:"name"`
	State         string    `json:"state"` // of the join way
}

// Group reads one customer group. The platform's answer may lag behind its callbacks by a moment.
// It fails with ErrNotFound (86003). Platform documentation, 客户联系 · 获取客户群详情.
func (c *Corp) Group(ctx context.Context, chatID string) (*Group, error) {
	const api = "externalcontact/groupchat/get"
	body := struct {
		ChatID   string `json:"chat_id"`
		NeedName int    `json:"need_name"`
	}{chatID, 1}
	var out struct {
		Group Group `json:"group_chat"`
	}
	if err := c.post(ctx, api, body, &out); err != nil {
		return nil, err
	}
	if out.Group.ChatID == "" {
		return nil, c.doubt(api, "the answer names no group")
	}
	return &out.Group, nil
}
