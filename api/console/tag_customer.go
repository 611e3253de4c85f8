package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/tag"
)

// BorneTag is a tag that a customer bears.
type BorneTag struct {
	TagID     string     `json:"tag_id"`
	Name      string     `json:"name"`
	Group     string     `json:"group"`
	Source    string     `json:"source" doc:"who lets it be borne longest: wecom, channel_code, console, sidebar, batch, rule, import, open"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	Since     time.Time  `json:"since"`
	Givers    []TagGiver `json:"givers" nullable:"false" doc:"all who gave it"`
}

// TagGiver gave a tag.
type TagGiver struct {
	Source     string     `json:"source"`
	SourceID   string     `json:"source_id,omitempty" doc:"which staff member, channel code, batch or rule"`
	RelationID string     `json:"relation_id,omitempty" doc:"absent: to the customer"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	Since      time.Time  `json:"since"`
}

// giverKinds says what the ids of sources name.
var giverKinds = map[string]model.Kind{
	tag.SourceWeCom: model.KindStaff, tag.SourceConsole: model.KindStaff, tag.SourceSidebar: model.KindStaff, tag.SourceBatch: model.KindTagBatch, tag.SourceRule: model.KindTagRule,
	"channel_code": model.KindChannelCode,
}

// CustomerTags lists the tags of a customer with all who gave them.
func (h *Handlers) CustomerTags(ctx context.Context, in *IDPath) (*Page[BorneTag], error) {
	id, err := h.IDs.Row(model.KindCustomer, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := h.Tags.Bearings(ctx, ViewerOf(ctx), id)
	if err != nil {
		return nil, err
	}
	labels, err := h.Tags.Labels(ctx)
	if err != nil {
		return nil, err
	}
	var items []BorneTag
	for _, b := range list {
		out := BorneTag{
			TagID: h.IDs.Of(model.KindTag, b.TagID), Name: labels[b.TagID].Name, Group: labels[b.TagID].Group, Source: b.Source,
			ExpiresAt: b.ExpiresAt, Since: b.CreatedAt, Givers: []TagGiver{},
		}
		for _, g := range b.Givers {
			giver := TagGiver{Source: g.Source, RelationID: h.IDs.Of(model.KindRelation, g.RelationID), ExpiresAt: g.ExpiresAt, Since: g.Since}
			if kind, ok := giverKinds[g.Source]; ok {
				giver.SourceID = h.IDs.Of(kind, g.ID)
			}
			out.Givers = append(out.Givers, giver)
		}
		items = append(items, out)
	}
	return whole(items), nil
}

// GiveTagsInput gives customers tags and takes tags away.
type GiveTagsInput struct {
	Body struct {
		CustomerIDs []string   `json:"customer_ids" minItems:"1" maxItems:"200" nullable:"false"`
		Add         []string   `json:"add,omitempty" maxItems:"50" nullable:"false"`
		Remove      []string   `json:"remove,omitempty" maxItems:"50" nullable:"false" doc:"whoever gave them"`
		ExpiresAt   *time.Time `json:"expires_at,omitempty" doc:"of what is added; absent: never"`
	}
}

// TagCounts says what became of customers.
type TagCounts struct {
	Changed   int64 `json:"changed"`
	Unchanged int64 `json:"unchanged"`
	Refused   int64 `json:"refused" doc:"not there, merged into somebody else, or out of sight"`
}

// GiveTags gives customers tags and takes tags away, here at once and at the platform soon.
func (h *Handlers) GiveTags(ctx context.Context, in *GiveTagsInput) (*One[TagCounts], error) {
	r := h.reader()
	give := tag.GiveInput{
		CustomerIDs: r.all(model.KindCustomer, in.Body.CustomerIDs), Add: r.all(model.KindTag, in.Body.Add), Remove: r.all(model.KindTag, in.Body.Remove),
		ExpiresAt: in.Body.ExpiresAt,
	}
	if r.err != nil {
		return nil, r.err
	}
	given, err := h.Tags.Give(ctx, ViewerOf(ctx), give)
	if err != nil {
		return nil, err
	}
	return one(TagCounts{int64(len(given.Changed)), int64(len(given.Unchanged)), int64(len(given.Refused))}), nil
}
