package wecom

import "context"

// TagGroup is a 标签组 of corp tags.
type TagGroup struct {
	ID        string `json:"group_id"`
	Name      string `json:"group_name"`
	Order     uint32 `json:"order"` // larger first
	CreatedAt Time   `json:"create_time"`
	Deleted   bool   `json:"deleted"` // only told when asked for by id
	Tags      []Tag  `json:"tag"`
}

// Tag is a 企业标签.
type Tag struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Order     uint32 `json:"order"` // larger first
	CreatedAt Time   `json:"create_time"`
	Deleted   bool   `json:"deleted"` // only told when asked for by id
}

// CorpTags lists the groups that hold the given tags, or all groups and tags when none is given.
// Platform documentation, 客户联系 · 获取企业标签库.
func (c *Corp) CorpTags(ctx context.Context, tagIDs ...string) ([]TagGroup, error) {
	return c.corpTags(ctx, "tag_id", tagIDs)
}

// CorpTagGroups lists the given groups with their tags; without any it lists all.
// Platform documentation, 客户联系 · 获取企业标签库.
func (c *Corp) CorpTagGroups(ctx context.Context, groupIDs ...string) ([]TagGroup, error) {
	return c.corpTags(ctx, "group_id", groupIDs)
}

func (c *Corp) corpTags(ctx context.Context, by string, ids []string) ([]TagGroup, error) {
	const api = "externalcontact/get_corp_tag_list"
	body := map[string][]string{}
	if len(ids) > 0 {
		body[by] = ids
	}
	var out struct {
		List []TagGroup `json:"tag_group"`
	}
	if err := c.post(ctx, api, body, &out); err != nil {
		return nil, err
	}
	for _, g := range out.List {
		if g.ID == "" {
			return nil, c.doubt(api, "a group has no id")
		}
	}
	return out.List, nil
}

// NewTags are tags to add to a group: one that exists (GroupID), or one found or made by name.
type NewTags struct {
	GroupID   string   `json:"group_id,omitempty"`
	GroupName string   `json:"group_name,omitempty"` // ≤ 30 characters
	Order     *uint32  `json:"order,omitempty"`      // of a new group
	Tags      []NewTag `json:"tag"`
}

// NewTag is a tag to add.
type NewTag struct {
	Name  string  `json:"name"` // ≤ 30 characters
	Order *uint32 `json:"order,omitempty"`
}

// AddCorpTags adds tags and returns the group with the tags just made. Not repeatable: after
// ErrInDoubt look with CorpTags. It fails with ErrNameTaken (40071) and ErrTagLimit (40126).
// Platform documentation, 客户联系 · 添加企业客户标签.
func (c *Corp) AddCorpTags(ctx context.Context, in NewTags) (*TagGroup, error) {
	const api = "externalcontact/add_corp_tag"
	if len(in.Tags) == 0 || (in.GroupID == "") == (in.GroupName == "") {
		return nil, c.bad(api, "tags, and either a group's id or its name")
	}
	var out struct {
		Group TagGroup `json:"tag_group"`
	}
	if err := c.post(ctx, api, in, &out); err != nil {
		return nil, err
	}
	if out.Group.ID == "" || len(out.Group.Tags) == 0 {
		return nil, c.doubt(api, "the answer names no group or no tag")
	}
	return &out.Group, nil
}

// TagEdit is what to change of a tag or a group; nil leaves as it is.
type TagEdit struct {
	Name  *string
	Order *uint32
}

// EditCorpTag changes a tag or a tag group. Repeatable. It fails with ErrTagGone (40068),
// ErrNameTaken (40071) and, for what another app has made, ErrNoPermission (81011).
// Platform documentation, 客户联系 · 编辑企业客户标签.
func (c *Corp) EditCorpTag(ctx context.Context, id string, edit TagEdit) error {
	if edit == (TagEdit{}) {
		return nil
	}
	return c.post(ctx, "externalcontact/edit_corp_tag", struct {
		ID    string  `json:"id"`
		Name  *string `json:"name,omitempty"`
		Order *uint32 `json:"order,omitempty"`
	}{id, edit.Name, edit.Order}, nil)
}

// DeleteCorpTags deletes tags and whole groups; a group goes with its last tag. Repeatable: deleting
// one thing that is gone is a success. Of several, an unknown one fails with ErrTagGone (40068).
// Platform documentation, 客户联系 · 删除企业客户标签.
func (c *Corp) DeleteCorpTags(ctx context.Context, tagIDs, groupIDs []string) error {
	n := len(tagIDs) + len(groupIDs)
	if n == 0 {
		return nil
	}
	err := c.post(ctx, "externalcontact/del_corp_tag", struct {
		TagIDs   []string `json:"tag_id,omitempty"`
		GroupIDs []string `json:"group_id,omitempty"`
	}{tagIDs, groupIDs}, nil)
	if n == 1 && CodeOf(err) == 40068 {
		return nil
	}
	return err
}

// MarkTags adds and removes corp tags in one relation. Repeatable; nothing to do makes no call. It
// fails with ErrNotCustomer (84061) and ErrTagGone (40068).
// Platform documentation, 客户联系 · 编辑客户企业标签.
func (c *Corp) MarkTags(ctx context.Context, userID, externalUserID string, add, remove []string) error {
	if len(add)+len(remove) == 0 {
		return nil
	}
	return c.post(ctx, "externalcontact/mark_tag", struct {
		UserID         string   `json:"userid"`
		ExternalUserID string   `json:"external_userid"`
		Add            []string `json:"add_tag,omitempty"`
		Remove         []string `json:"remove_tag,omitempty"`
	}{userID, externalUserID, add, remove}, nil)
}
