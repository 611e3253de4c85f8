package console

import (
	"context"

	"zhiyin/model"
	"zhiyin/service/tag"
)

// Tag is a label in a group.
type Tag struct {
	ID        string `json:"id"`
	MirrorOf  string `json:"mirror_of,omitempty" doc:"the local tag that it shows at the platform"`
	Name      string `json:"name"`
	Position  int64  `json:"position" doc:"larger first"`
	SyncState string `json:"sync_state" doc:"how it stands towards the platform: synced, pending, renaming, reordering, deleting, failed"`
	SyncError string `json:"sync_error,omitempty" doc:"why the platform refused the last wish"`
}

// TagGroup is a group with its tags.
type TagGroup struct {
	ID        string `json:"id"`
	AccountID string `json:"account_id" doc:"empty: it lives only here"`
	MirrorOf  string `json:"mirror_of,omitempty" doc:"the local group that it shows at the platform"`
	Name      string `json:"name"`
	Position  int64  `json:"position" doc:"larger first"`
	SyncState string `json:"sync_state"`
	SyncError string `json:"sync_error,omitempty"`
	Tags      []Tag  `json:"tags" nullable:"false"`
}

func (h *Handlers) tag(t *model.Tag) Tag {
	return Tag{h.IDs.Of(model.KindTag, t.ID), h.IDs.Of(model.KindTag, t.MirrorOf), t.Name, t.Position, t.SyncState, t.SyncError}
}

func (h *Handlers) tagGroup(g *tag.Group) TagGroup {
	out := TagGroup{
		h.IDs.Of(model.KindTagGroup, g.ID), h.IDs.Of(model.KindAccount, g.AccountID), h.IDs.Of(model.KindTagGroup, g.MirrorOf), g.Name, g.Position,
		g.SyncState, g.SyncError, []Tag{},
	}
	for i := range g.Tags {
		out.Tags = append(out.Tags, h.tag(&g.Tags[i]))
	}
	return out
}

// ListTagGroupsInput selects tag groups.
type ListTagGroupsInput struct {
	AccountID string `query:"account_id" maxLength:"26"`
	Local     bool   `query:"local" doc:"only those that live here alone"`
}

// ListTagGroups lists tag groups with their tags, the largest positions first.
func (h *Handlers) ListTagGroups(ctx context.Context, in *ListTagGroupsInput) (*Page[TagGroup], error) {
	r := h.reader()
	account := r.optional(model.KindAccount, in.AccountID)
	if r.err != nil {
		return nil, r.err
	}
	groups, err := h.Tags.List(ctx, account)
	if err != nil {
		return nil, err
	}
	var items []TagGroup
	for i := range groups {
		local := groups[i].AccountID == 0
		if in.Local && !local || !local && inCorp(ctx, groups[i].AccountID) != nil {
			continue
		}
		items = append(items, h.tagGroup(&groups[i]))
	}
	return whole(items), nil
}

// CreateTagGroupInput is a new group with its first tags.
type CreateTagGroupInput struct {
	Body struct {
		AccountID string   `json:"account_id,omitempty" maxLength:"26" doc:"absent: it lives only here"`
		Name      string   `json:"name" minLength:"1" maxLength:"64" doc:"at the platform at most 30 characters"`
		Position  int64    `json:"position,omitempty" minimum:"0" maximum:"4294967295" doc:"larger first"`
		Tags      []string `json:"tags" maxItems:"100" nullable:"false" doc:"names, in the order in which people shall see them"`
	}
}

// CreateTagGroup makes a group with its first tags, here at once and at the platform soon.
func (h *Handlers) CreateTagGroup(ctx context.Context, in *CreateTagGroupInput) (*One[TagGroup], error) {
	r := h.reader()
	account := r.optional(model.KindAccount, in.Body.AccountID)
	if r.err != nil {
		return nil, r.err
	}
	g, err := h.Tags.CreateGroup(ctx, tag.NewGroup{AccountID: account, Name: in.Body.Name, Position: in.Body.Position, Tags: in.Body.Tags})
	if err != nil {
		return nil, err
	}
	return one(h.tagGroup(g)), nil
}

// CreateTagInput is a new tag in a group.
type CreateTagInput struct {
	IDPath
	Body struct {
		Name     string `json:"name" minLength:"1" maxLength:"64"`
		Position int64  `json:"position,omitempty" minimum:"0" maximum:"4294967295" doc:"larger first"`
	}
}

// CreateTag makes a tag in a group, here at once and at the platform soon.
func (h *Handlers) CreateTag(ctx context.Context, in *CreateTagInput) (*One[Tag], error) {
	group, err := h.IDs.Row(model.KindTagGroup, in.ID)
	if err != nil {
		return nil, err
	}
	t, err := h.Tags.CreateTag(ctx, group, in.Body.Name, in.Body.Position)
	if err != nil {
		return nil, err
	}
	return one(h.tag(t)), nil
}

// UpdateTagInput says what to change of a tag or a group; what is absent stays.
type UpdateTagInput struct {
	IDPath
	Body struct {
		Name     *string `json:"name,omitempty" minLength:"1" maxLength:"64"`
		Position *int64  `json:"position,omitempty" minimum:"0" maximum:"4294967295"`
	}
}

// UpdateTagGroup renames or reorders a group.
func (h *Handlers) UpdateTagGroup(ctx context.Context, in *UpdateTagInput) (*None, error) {
	id, err := h.IDs.Row(model.KindTagGroup, in.ID)
	if err != nil {
		return nil, err
	}
	return h.updateTag(ctx, tag.GroupRef(id), in)
}

// UpdateTag renames or reorders a tag.
func (h *Handlers) UpdateTag(ctx context.Context, in *UpdateTagInput) (*None, error) {
	id, err := h.IDs.Row(model.KindTag, in.ID)
	if err != nil {
		return nil, err
	}
	return h.updateTag(ctx, tag.TagRef(id), in)
}

func (h *Handlers) updateTag(ctx context.Context, ref tag.Ref, in *UpdateTagInput) (*None, error) {
	if in.Body.Name != nil {
		if err := h.Tags.Rename(ctx, ref, *in.Body.Name); err != nil {
			return nil, err
		}
	}
	if in.Body.Position != nil {
		return &None{}, h.Tags.Reorder(ctx, []tag.Place{{Ref: ref, Position: *in.Body.Position}})
	}
	return &None{}, nil
}

// DeleteTagGroup deletes a group with all its tags, at the platform and then here.
func (h *Handlers) DeleteTagGroup(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindTagGroup, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Tags.Delete(ctx, tag.GroupRef(id))
}

// DeleteTag deletes a tag, at the platform and then here.
func (h *Handlers) DeleteTag(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindTag, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Tags.Delete(ctx, tag.TagRef(id))
}

// AssignTagsInput gives relations tags and takes tags away.
type AssignTagsInput struct {
	Body struct {
		RelationIDs []string `json:"relation_ids" minItems:"1" maxItems:"200" nullable:"false"`
		Add         []string `json:"add,omitempty" maxItems:"50" nullable:"false"`
		Remove      []string `json:"remove,omitempty" maxItems:"50" nullable:"false"`
	}
}

// AssignTags gives relations tags and takes tags away, here at once and at the platform soon.
func (h *Handlers) AssignTags(ctx context.Context, in *AssignTagsInput) (*None, error) {
	r := h.reader()
	a := tag.AssignInput{
		RelationIDs: r.all(model.KindRelation, in.Body.RelationIDs), Add: r.all(model.KindTag, in.Body.Add), Remove: r.all(model.KindTag, in.Body.Remove),
	}
	if r.err != nil {
		return nil, r.err
	}
	return &None{}, h.Tags.Assign(ctx, ViewerOf(ctx), a)
}
