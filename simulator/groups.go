package simulator

import (
	"cmp"
	"slices"
	"strings"
)

// group is a customer group chat.
type group struct {
	Seq     int64         `json:"seq"`
	ID      string        `json:"chat_id"`
	Name    string        `json:"name"`
	Owner   string        `json:"owner"`
	Created int64         `json:"created"`
	Notice  string        `json:"notice,omitempty"`
	Members []groupMember `json:"members"`
	Admins  []string      `json:"admins,omitempty"`
	Version string        `json:"version"`
	Status  int           `json:"status"` // 0 normal, 1 owner left, 2 inheriting, 3 inherited
}

type groupMember struct {
	ID      string `json:"id"` // userid or external_userid
	Type    int    `json:"type"`
	Person  string `json:"person,omitempty"`
	Joined  int64  `json:"joined"`
	Scene   int    `json:"scene"` // 1 invited, 2 link, 3 QR code
	Inviter string `json:"inviter,omitempty"`
	Nick    string `json:"nick,omitempty"`
	State   string `json:"state,omitempty"`
}

func (g *group) index(id string) int {
	return slices.IndexFunc(g.Members, func(m groupMember) bool { return strings.EqualFold(m.ID, id) })
}

// allGroups lists the groups that exist, oldest first.
func (c *corp) allGroups() []*group {
	out := make([]*group, 0, len(c.Groups))
	for _, g := range c.Groups {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *group) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

// ownerVisible reports whether the app may see a group; that of an owner who left is
// seen through the departments he was in.
func (c *call) ownerVisible(g *group) bool {
	m := c.corp.Staff[strings.ToLower(g.Owner)]
	return m != nil && c.app.sees(c.corp, m)
}

type groupListRequest struct {
	Status int `json:"status_filter"`
	Owner  *struct {
		Users []string `json:"userid_list"`
	} `json:"owner_filter"`
	Cursor string `json:"cursor"`
	Limit  int    `json:"limit"`
}

func groupList(c *call, in *groupListRequest) (any, error) {
	if in.Limit < 1 || in.Limit > 1000 || in.Status < 0 || in.Status > 3 {
		return nil, fail(40058, "limit or status_filter")
	}
	from, err := parseCursor(in.Cursor, 1)
	if err != nil {
		return nil, err
	}
	var owners []string
	if in.Owner != nil {
		owners = in.Owner.Users
	}
	if err := c.checkOwners(owners); err != nil {
		return nil, err
	}
	chats, next := []any{}, ""
	for _, g := range c.corp.allGroups() {
		owned := len(owners) == 0 || slices.ContainsFunc(owners, func(u string) bool { return strings.EqualFold(u, g.Owner) })
		if g.Seq <= from[0] || !owned || !c.ownerVisible(g) || (in.Status != 0 && g.Status != in.Status) {
			continue
		}
		if len(chats) == in.Limit {
			next = cursor(from[0])
			break
		}
		from[0] = g.Seq
		chats = append(chats, reply{"chat_id": g.ID, "status": g.Status})
	}
	return reply{"group_chat_list": chats, "next_cursor": next}, nil
}

func (c *call) checkOwners(owners []string) error {
	if len(owners) > 100 {
		return fail(40058, "owner_filter")
	}
	for _, u := range owners {
		if c.corp.Staff[strings.ToLower(u)] == nil {
			return fail(60111, u)
		}
	}
	if len(owners) > 0 {
		return nil
	}
	inRange := 0
	for _, m := range c.corp.members() {
		if c.app.sees(c.corp, m) {
			inRange++
		}
	}
	if inRange > 1000 {
		return fail(81017)
	}
	return nil
}

type groupGetRequest struct {
	ChatID   string `json:"chat_id"`
	NeedName int    `json:"need_name"`
}

func groupGet(c *call, in *groupGetRequest) (any, error) {
	g := c.corp.Groups[in.ChatID]
	if g == nil {
		return nil, fail(86003)
	}
	if !c.ownerVisible(g) {
		return nil, fail(60011)
	}
	members := []any{}
	for _, m := range g.Members {
		members = append(members, c.groupMember(m, in.NeedName == 1))
	}
	admins := []any{}
	for _, a := range g.Admins {
		admins = append(admins, reply{"userid": a})
	}
	return reply{"group_chat": reply{
		"chat_id": g.ID, "name": g.Name, "owner": g.Owner, "create_time": g.Created, "notice": g.Notice,
		"member_list": members, "admin_list": admins, "member_version": g.Version,
	}}, nil
}

func (c *call) groupMember(m groupMember, named bool) reply {
	out := reply{"userid": m.ID, "type": m.Type, "join_time": m.Joined, "join_scene": m.Scene, "group_nickname": m.Nick}
	if m.Inviter != "" {
		out["invitor"] = reply{"userid": m.Inviter}
	}
	if m.State != "" {
		out["state"] = m.State
	}
	name := ""
	if p := c.w.People[m.Person]; p != nil {
		name = p.Name
		if p.UnionID != "" {
			out["unionid"] = p.UnionID
		}
	} else if s := c.corp.Staff[strings.ToLower(m.ID)]; s != nil {
		name = s.Name
	}
	if named {
		out["name"] = name
	}
	return out
}

// bump gives the group a new member version and returns the one before.
func (w *world) bump(g *group) string {
	last := g.Version
	sum := w.digest("version", g.ID, w.next())
	g.Version = hexOf(sum[:16])
	return last
}
