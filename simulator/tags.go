package simulator

import (
	"slices"
	"unicode/utf8"
)

type tagGroup struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Created int64  `json:"created"`
	Order   int64  `json:"order"`
	Deleted bool   `json:"deleted,omitempty"`
	Tags    []*tag `json:"tags"`
}

type tag struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Created int64  `json:"created"`
	Order   int64  `json:"order"`
	Deleted bool   `json:"deleted,omitempty"`
	Agent   int64  `json:"agent,omitempty"` // the app that made it; 0 = the admin console
}

func (c *corp) tagGroup(id string) *tagGroup {
	for _, g := range c.TagGroups {
		if g.ID == id && !g.Deleted {
			return g
		}
	}
	return nil
}

// tag finds a living tag and its group.
func (c *corp) tag(id string) (*tagGroup, *tag) {
	for _, g := range c.TagGroups {
		for _, t := range g.Tags {
			if t.ID == id && !t.Deleted {
				return g, t
			}
		}
	}
	return nil, nil
}

func (g *tagGroup) named(name string) *tag {
	for _, t := range g.Tags {
		if t.Name == name && !t.Deleted {
			return t
		}
	}
	return nil
}

func (g *tagGroup) empty() bool {
	return !slices.ContainsFunc(g.Tags, func(t *tag) bool { return !t.Deleted })
}

func (c *corp) tagGroupNamed(name string) *tagGroup {
	for _, g := range c.TagGroups {
		if g.Name == name && !g.Deleted {
			return g
		}
	}
	return nil
}

// livingTags calls f for each tag that is not deleted.
func (c *corp) livingTags(f func(*tagGroup, *tag)) {
	for _, g := range c.TagGroups {
		for _, t := range g.Tags {
			if !t.Deleted {
				f(g, t)
			}
		}
	}
}

// tagsOf lists corp tags (type 1) and the member's own (type 2, without an id).
func (c *corp) tagsOf(r *relation) []any {
	out := []any{}
	for _, id := range r.Tags {
		if g, t := c.tag(id); t != nil {
			out = append(out, reply{"group_name": g.Name, "tag_name": t.Name, "type": 1, "tag_id": id})
		}
	}
	for _, name := range r.OwnTags {
		out = append(out, reply{"group_name": "", "tag_name": name, "type": 2})
	}
	return out
}

func (t *tag) show(deleted bool) reply {
	out := reply{"id": t.ID, "name": t.Name, "create_time": t.Created, "order": t.Order}
	if deleted {
		out["deleted"] = t.Deleted
	}
	return out
}

func (g *tagGroup) show(tags []any, deleted bool) reply {
	out := reply{"group_id": g.ID, "group_name": g.Name, "create_time": g.Created, "order": g.Order, "tag": tags}
	if deleted {
		out["deleted"] = g.Deleted
	}
	return out
}

type tagListRequest struct {
	Tags   []string `json:"tag_id"`
	Groups []string `json:"group_id"`
}

// tagList answers all living tags, or those asked for, deleted ones included. A group_id wins over tag_id.
func tagList(c *call, in *tagListRequest) (any, error) {
	byID := len(in.Tags)+len(in.Groups) > 0
	groups := []any{}
	for _, g := range c.corp.TagGroups {
		tags := []any{}
		for _, t := range g.Tags {
			switch {
			case !byID && t.Deleted, len(in.Groups) > 0 && !slices.Contains(in.Groups, g.ID), byID && len(in.Groups) == 0 && !slices.Contains(in.Tags, t.ID):
			default:
				tags = append(tags, t.show(byID))
			}
		}
		if len(tags) > 0 {
			groups = append(groups, g.show(tags, byID))
		}
	}
	return reply{"tag_group": groups}, nil
}

type tagAddRequest struct {
	GroupID   string `json:"group_id"`
	GroupName string `json:"group_name" max:"30ch"`
	Order     int64  `json:"order"`
	Tags      []struct {
		Name  string `json:"name" max:"30ch"`
		Order int64  `json:"order"`
	} `json:"tag"`
	AgentID number `json:"agentid"`
}

// tagAdd creates tags in a group it finds or makes. Names repeated in one call
// collapse; a name the group already has is refused with 40071.
func tagAdd(c *call, in *tagAddRequest) (any, error) {
	if len(in.Tags) == 0 {
		return nil, fail(40063, "tag")
	}
	g, err := c.groupForTags(in)
	if err != nil {
		return nil, err
	}
	fresh := []*tag{}
	for _, t := range in.Tags {
		if err := nameFits(t.Name); err != nil {
			return nil, err
		}
		if g.named(t.Name) != nil {
			return nil, fail(40071, t.Name)
		}
		if !slices.ContainsFunc(fresh, func(x *tag) bool { return x.Name == t.Name }) {
			fresh = append(fresh, &tag{Name: t.Name, Order: t.Order, Created: c.now.Unix(), Agent: c.app.AgentID})
		}
	}
	if c.corp.tagCount()+len(fresh) > c.w.Config.MaxTags {
		return nil, fail(40126)
	}
	if g.ID == "" {
		g.ID = c.w.id("et", 32)
		c.corp.TagGroups = append(c.corp.TagGroups, g)
	}
	shown := []any{}
	for _, t := range fresh {
		t.ID = c.w.id("et", 32)
		g.Tags = append(g.Tags, t)
		shown = append(shown, t.show(false))
	}
	return reply{"tag_group": g.show(shown, false)}, nil
}

// groupForTags finds the group meant, or prepares a new one without entering it.
func (c *call) groupForTags(in *tagAddRequest) (*tagGroup, error) {
	if in.GroupID != "" {
		if g := c.corp.tagGroup(in.GroupID); g != nil {
			return g, nil
		}
		return nil, fail(40068, in.GroupID)
	}
	if err := nameFits(in.GroupName); err != nil {
		return nil, err
	}
	if g := c.corp.tagGroupNamed(in.GroupName); g != nil {
		return g, nil
	}
	return &tagGroup{Name: in.GroupName, Order: in.Order, Created: c.now.Unix()}, nil
}

func nameFits(name string) error {
	if n := utf8.RuneCountInString(name); n == 0 || n > 30 {
		return fail(40072)
	}
	return nil
}

func (c *corp) tagCount() int {
	n := 0
	c.livingTags(func(*tagGroup, *tag) { n++ })
	return n
}

type tagEditRequest struct {
	ID      string  `json:"id"`
	Name    *string `json:"name" max:"30ch"`
	Order   *int64  `json:"order"`
	AgentID number  `json:"agentid"`
}

func tagEdit(c *call, in *tagEditRequest) (any, error) {
	g, t := c.corp.tag(in.ID)
	if t == nil {
		if g = c.corp.tagGroup(in.ID); g == nil {
			return nil, fail(40068, in.ID)
		}
	}
	if !c.owns(g, t) {
		return nil, fail(81011)
	}
	if in.Name != nil {
		if err := c.rename(g, t, *in.Name); err != nil {
			return nil, err
		}
	}
	if in.Order != nil {
		if t != nil {
			t.Order = *in.Order
		} else {
			g.Order = *in.Order
		}
	}
	return reply{}, nil
}

func (c *call) rename(g *tagGroup, t *tag, name string) error {
	if err := nameFits(name); err != nil {
		return err
	}
	if t == nil {
		if other := c.corp.tagGroupNamed(name); other != nil && other != g {
			return fail(40071, name)
		}
		g.Name = name
		return nil
	}
	if other := g.named(name); other != nil && other != t {
		return fail(40071, name)
	}
	t.Name = name
	return nil
}

// owns reports whether the calling app made the tag, or with t nil every tag of the group.
func (c *call) owns(g *tagGroup, t *tag) bool {
	if !c.w.Config.TagOwnerOnly {
		return true
	}
	if t != nil {
		return t.Agent == c.app.AgentID
	}
	return !slices.ContainsFunc(g.Tags, func(t *tag) bool { return !t.Deleted && t.Agent != c.app.AgentID })
}

type tagDeleteRequest struct {
	Tags    []string `json:"tag_id"`
	Groups  []string `json:"group_id"`
	AgentID number   `json:"agentid"`
}

// tagDelete checks everything before it deletes anything.
func tagDelete(c *call, in *tagDeleteRequest) (any, error) {
	if len(in.Tags)+len(in.Groups) == 0 {
		return nil, fail(40063)
	}
	for _, id := range in.Groups {
		g := c.corp.tagGroup(id)
		if g == nil {
			return nil, fail(40068, id)
		}
		if !c.owns(g, nil) {
			return nil, fail(81011)
		}
	}
	for _, id := range in.Tags {
		g, t := c.corp.tag(id)
		if t == nil {
			return nil, fail(40068, id)
		}
		if !c.owns(g, t) {
			return nil, fail(81011)
		}
	}
	for _, id := range in.Groups {
		c.corp.deleteTagGroup(c.corp.tagGroup(id))
	}
	for _, id := range in.Tags {
		c.corp.deleteTag(id)
	}
	return reply{}, nil
}

// deleteTag takes the tag off every customer; a group that loses its last tag goes too.
// It reports whether the group went.
func (c *corp) deleteTag(id string) bool {
	g, t := c.tag(id)
	if t == nil {
		return false
	}
	t.Deleted = true
	for _, rs := range c.relations {
		for _, r := range rs {
			if slices.Contains(r.Tags, id) {
				r.Tags = slices.DeleteFunc(slices.Clone(r.Tags), func(x string) bool { return x == id })
			}
		}
	}
	g.Deleted = g.empty()
	return g.Deleted
}

func (c *corp) deleteTagGroup(g *tagGroup) {
	for _, t := range g.Tags {
		if !t.Deleted {
			c.deleteTag(t.ID)
		}
	}
	g.Deleted = true
}

type tagMarkRequest struct {
	UserID   string   `json:"userid"`
	External string   `json:"external_userid"`
	Add      []string `json:"add_tag"`
	Remove   []string `json:"remove_tag"`
}

func tagMark(c *call, in *tagMarkRequest) (any, error) {
	r, err := c.followed(in.UserID, in.External)
	if err != nil {
		return nil, err
	}
	if len(in.Add)+len(in.Remove) == 0 {
		return nil, fail(40063)
	}
	for _, id := range slices.Concat(in.Add, in.Remove) {
		if _, t := c.corp.tag(id); t == nil {
			return nil, fail(40068, id)
		}
	}
	r.retag(in.Add, in.Remove)
	return reply{}, nil
}

// retag adds, then removes; a tag is held once.
func (r *relation) retag(add, remove []string) {
	tags := slices.Clone(r.Tags)
	for _, id := range add {
		if !slices.Contains(tags, id) {
			tags = append(tags, id)
		}
	}
	r.Tags = slices.DeleteFunc(tags, func(id string) bool { return slices.Contains(remove, id) })
}
