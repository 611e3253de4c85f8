package console

import (
	"context"

	"zhiyin/model"
	"zhiyin/service/tag"
)

// TagMirror is how an account's platform shows a local group.
type TagMirror struct {
	AccountID string        `json:"account_id"`
	Wanted    bool          `json:"wanted" doc:"all its tags, those to come included"`
	Reason    string        `json:"reason,omitempty" doc:"why it was switched off without being asked"`
	SyncState string        `json:"sync_state,omitempty" doc:"of the group at the platform; absent: not shown"`
	SyncError string        `json:"sync_error,omitempty"`
	Tags      []MirroredTag `json:"tags" nullable:"false"`
}

// MirroredTag is how an account's platform shows a local tag.
type MirroredTag struct {
	TagID     string           `json:"tag_id"`
	Name      string           `json:"name"`
	Wanted    bool             `json:"wanted"`
	Reason    string           `json:"reason,omitempty"`
	SyncState string           `json:"sync_state,omitempty" doc:"of the tag at the platform; absent: not shown"`
	SyncError string           `json:"sync_error,omitempty"`
	Marks     map[string]int64 `json:"marks,omitempty" doc:"customers' relations by how their mark stands: synced, add, remove, failed"`
}

// TagMirrors lists how accounts show a local group.
func (h *Handlers) TagMirrors(ctx context.Context, in *IDPath) (*Page[TagMirror], error) {
	id, err := h.IDs.Row(model.KindTagGroup, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := h.Tags.Mirrors(ctx, id)
	if err != nil {
		return nil, err
	}
	var items []TagMirror
	for _, m := range list {
		out := TagMirror{AccountID: h.IDs.Of(model.KindAccount, m.AccountID), Wanted: m.Wanted, Reason: m.Reason, Tags: []MirroredTag{}}
		if m.Group != nil {
			out.SyncState, out.SyncError = m.Group.SyncState, m.Group.SyncError
		}
		for _, t := range m.Tags {
			shown := MirroredTag{TagID: h.IDs.Of(model.KindTag, t.Local.ID), Name: t.Local.Name, Wanted: t.Wanted, Reason: t.Reason, Marks: t.Marks}
			if t.Tag != nil {
				shown.SyncState, shown.SyncError = t.Tag.SyncState, t.Tag.SyncError
			}
			out.Tags = append(out.Tags, shown)
		}
		items = append(items, out)
	}
	return whole(items), nil
}

// MirrorTagInput switches a mirror.
type MirrorTagInput struct {
	IDPath
	Body struct {
		AccountID string `json:"account_id" minLength:"26" maxLength:"26"`
		Wanted    bool   `json:"wanted" doc:"true once more: try again what was refused"`
	}
}

// MirrorTagGroup shows a local group with all its tags in an account's WeCom, or takes it off there.
func (h *Handlers) MirrorTagGroup(ctx context.Context, in *MirrorTagInput) (*None, error) {
	r := h.reader()
	id, account := r.row(model.KindTagGroup, in.ID), r.row(model.KindAccount, in.Body.AccountID)
	if r.err != nil {
		return nil, r.err
	}
	return &None{}, h.Tags.SetMirror(ctx, tag.GroupRef(id), account, in.Body.Wanted)
}

// MirrorTag shows a local tag in an account's WeCom, or takes it off there.
func (h *Handlers) MirrorTag(ctx context.Context, in *MirrorTagInput) (*None, error) {
	r := h.reader()
	id, account := r.row(model.KindTag, in.ID), r.row(model.KindAccount, in.Body.AccountID)
	if r.err != nil {
		return nil, r.err
	}
	return &None{}, h.Tags.SetMirror(ctx, tag.TagRef(id), account, in.Body.Wanted)
}
