package console

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/model"
	"zhiyin/service/autotag"
)

// TagRule tags customers by itself.
type TagRule struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Condition    map[string]any `json:"condition,omitempty" doc:"a rule of segments; absent: everybody"`
	Occurrence   *Occurrence    `json:"occurrence,omitempty" doc:"absent: fitting the condition is enough"`
	TagIDs       []string       `json:"tag_ids" nullable:"false"`
	ExpireDays   int            `json:"expire_days" doc:"0: never"`
	TakeBack     bool           `json:"take_back" doc:"when the condition no longer holds"`
	Enabled      bool           `json:"enabled"`
	PausedReason string         `json:"paused_reason,omitempty"`
	Version      int64          `json:"version"`
	Scanning     bool           `json:"scanning" doc:"all customers are being looked at"`
	Fitting      int64          `json:"fitting" doc:"how many fitted when all were looked at last"`
	Given        int64          `json:"given" doc:"how often it gave"`
	CreatedBy    string         `json:"created_by,omitempty"`
	CreatedAt    time.Time      `json:"created_at"`
	UpdatedAt    time.Time      `json:"updated_at"`
}

// Occurrence is what must happen for a rule to act.
type Occurrence struct {
	Kinds    []string     `json:"kinds" minItems:"1" maxItems:"20" nullable:"false" doc:"of events"`
	Where    []EventMatch `json:"where,omitempty" maxItems:"10" nullable:"false" doc:"all must hold"`
	Keywords []string     `json:"keywords,omitempty" maxItems:"500" nullable:"false" doc:"one of them in a text; width and case don't matter"`
	Property string       `json:"property,omitempty" maxLength:"64" doc:"in which keywords are looked for; absent: every text of the event"`
}

// EventMatch compares one property of an event.
type EventMatch struct {
	Property string `json:"property" minLength:"1" maxLength:"64"`
	Op       string `json:"op" enum:"is,is_not,contains,at_least,at_most"`
	Value    string `json:"value" maxLength:"64"`
}

// TagRuleBody is what a rule says.
type TagRuleBody struct {
	Name       string         `json:"name" minLength:"1" maxLength:"64"`
	Condition  map[string]any `json:"condition,omitempty" doc:"a rule of segments; absent: everybody, when something happens"`
	Occurrence *Occurrence    `json:"occurrence,omitempty" doc:"absent: fitting the condition is enough"`
	TagIDs     []string       `json:"tag_ids" minItems:"1" maxItems:"20" nullable:"false"`
	ExpireDays int            `json:"expire_days,omitempty" minimum:"0" maximum:"3650" doc:"0: never"`
	TakeBack   bool           `json:"take_back,omitempty" doc:"when the condition no longer holds"`
	Enabled    bool           `json:"enabled,omitempty"`
}

func (h *Handlers) tagRule(r *autotag.Rule) TagRule {
	out := TagRule{
		ID: h.IDs.Of(model.KindTagRule, r.ID), Name: r.Name, TagIDs: h.publicIDs(model.KindTag, r.Tags), ExpireDays: r.ExpireDays, TakeBack: r.TakeBack,
		Enabled: r.Enabled, PausedReason: r.PausedReason, Version: r.Version, Scanning: r.Scanning, Fitting: r.Fitting, Given: r.Given,
		CreatedBy: h.IDs.Of(model.KindStaff, r.CreatedBy), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	if r.Condition != nil {
		_ = json.Unmarshal(r.Condition.Encode(h.IDs), &out.Condition) // an object
	}
	if o := r.Occurrence; o != nil {
		out.Occurrence = &Occurrence{Kinds: o.Kinds, Keywords: o.Keywords, Property: o.Property}
		for _, m := range o.Where {
			out.Occurrence.Where = append(out.Occurrence.Where, EventMatch(m))
		}
	}
	return out
}

func (h *Handlers) tagRuleDefinition(ctx context.Context, in *TagRuleBody) (d autotag.Definition, err error) {
	r := h.reader()
	d = autotag.Definition{
		Name: in.Name, TagIDs: r.all(model.KindTag, in.TagIDs), ExpireDays: in.ExpireDays, TakeBack: in.TakeBack, Enabled: in.Enabled,
	}
	if r.err != nil {
		return d, r.err
	}
	if in.Condition != nil {
		raw, err := json.Marshal(in.Condition)
		if err != nil {
			return d, err
		}
		if d.Condition, err = h.AutoTags.Decode(ctx, raw, h.IDs); err != nil {
			return d, err
		}
	}
	if o := in.Occurrence; o != nil {
		d.Occurrence = &autotag.Occurrence{Kinds: o.Kinds, Keywords: o.Keywords, Property: o.Property}
		for _, m := range o.Where {
			d.Occurrence.Where = append(d.Occurrence.Where, autotag.Match(m))
		}
	}
	return d, nil
}

// ListTagRules lists automatic rules, newest first.
func (h *Handlers) ListTagRules(ctx context.Context, in *PageQuery) (*Page[TagRule], error) {
	r := h.reader()
	before := r.after(listTagRule, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.AutoTags.List(ctx, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []TagRule
	for i := range rows {
		items = append(items, h.tagRule(&rows[i]))
	}
	return newPage(h, listTagRule, items, lastOf(rows, in.Limit, func(r autotag.Rule) int64 { return r.ID }))
}

// CreateTagRuleInput is a new rule.
type CreateTagRuleInput struct{ Body TagRuleBody }

// CreateTagRule makes a rule.
func (h *Handlers) CreateTagRule(ctx context.Context, in *CreateTagRuleInput) (*One[TagRule], error) {
	d, err := h.tagRuleDefinition(ctx, &in.Body)
	if err != nil {
		return nil, err
	}
	r, err := h.AutoTags.Create(ctx, ViewerOf(ctx), d)
	if err != nil {
		return nil, err
	}
	return one(h.tagRule(r)), nil
}

// GetTagRule gives one rule.
func (h *Handlers) GetTagRule(ctx context.Context, in *IDPath) (*One[TagRule], error) {
	id, err := h.IDs.Row(model.KindTagRule, in.ID)
	if err != nil {
		return nil, err
	}
	r, err := h.AutoTags.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.tagRule(r)), nil
}

// UpdateTagRuleInput replaces what a rule says.
type UpdateTagRuleInput struct {
	IDPath
	Body struct {
		TagRuleBody
		Version int64 `json:"version" minimum:"1" doc:"the version that one has seen; another one is refused"`
	}
}

// UpdateTagRule replaces what a rule says. Customers are looked at anew.
func (h *Handlers) UpdateTagRule(ctx context.Context, in *UpdateTagRuleInput) (*One[TagRule], error) {
	id, err := h.IDs.Row(model.KindTagRule, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := h.tagRuleDefinition(ctx, &in.Body.TagRuleBody)
	if err != nil {
		return nil, err
	}
	r, err := h.AutoTags.Update(ctx, id, in.Body.Version, d)
	if err != nil {
		return nil, err
	}
	return one(h.tagRule(r)), nil
}

// EnableTagRuleInput switches a rule.
type EnableTagRuleInput struct {
	IDPath
	Body struct {
		Enabled bool `json:"enabled"`
	}
}

// EnableTagRule switches a rule off or on. What it gave stays until it ends.
func (h *Handlers) EnableTagRule(ctx context.Context, in *EnableTagRuleInput) (*None, error) {
	id, err := h.IDs.Row(model.KindTagRule, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.AutoTags.Enable(ctx, id, in.Body.Enabled)
}

// DeleteTagRuleInput names a rule to delete.
type DeleteTagRuleInput struct {
	IDPath
	TakeBack bool `query:"take_back" doc:"take back what it gave; else that stays until it ends"`
}

// DeleteTagRule deletes a rule.
func (h *Handlers) DeleteTagRule(ctx context.Context, in *DeleteTagRuleInput) (*None, error) {
	id, err := h.IDs.Row(model.KindTagRule, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.AutoTags.Delete(ctx, id, in.TakeBack)
}

// TagRulePreview is what a rule would do.
type TagRulePreview struct {
	Fitting     int64    `json:"fitting" doc:"how many fit now, or met the occurrence in the last days"`
	Giving      int64    `json:"giving" doc:"how many of them lack one of the tags"`
	CustomerIDs []string `json:"customer_ids" nullable:"false" doc:"some who would be given tags"`
	Partial     bool     `json:"partial" doc:"more has happened than was looked at"`
	Days        int      `json:"days" doc:"how many days an occurrence is held against"`
}

// PreviewTagRule tells what a rule would do, and changes nothing.
func (h *Handlers) PreviewTagRule(ctx context.Context, in *CreateTagRuleInput) (*One[TagRulePreview], error) {
	d, err := h.tagRuleDefinition(ctx, &in.Body)
	if err != nil {
		return nil, err
	}
	p, err := h.AutoTags.Preview(ctx, d)
	if err != nil {
		return nil, err
	}
	return one(TagRulePreview{p.Fitting, p.Giving, h.publicIDs(model.KindCustomer, p.Sample), p.Partial, autotag.PreviewDays}), nil
}

// TagRuleAct is something that a rule did.
type TagRuleAct struct {
	ID         string    `json:"id"`
	CustomerID string    `json:"customer_id"`
	Act        string    `json:"act" doc:"give, take, hold_back"`
	Why        string    `json:"why" doc:"the event, its keyword, time, or condition"`
	EventID    string    `json:"event_id,omitempty"`
	At         time.Time `json:"at"`
}

// TagRuleHistoryInput selects what a rule did.
type TagRuleHistoryInput struct {
	IDPath
	PageQuery
	CustomerID string `query:"customer_id" maxLength:"26"`
}

// TagRuleHistory lists what a rule did, newest first.
func (h *Handlers) TagRuleHistory(ctx context.Context, in *TagRuleHistoryInput) (*Page[TagRuleAct], error) {
	r := h.reader()
	id, who, before := r.row(model.KindTagRule, in.ID), r.optional(model.KindCustomer, in.CustomerID), r.after(listTagRuleAct, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.AutoTags.History(ctx, id, who, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []TagRuleAct
	for _, a := range rows {
		items = append(items, TagRuleAct{
			ID: h.IDs.Of(model.KindTagRuleAct, a.ID), CustomerID: h.IDs.Of(model.KindCustomer, a.CustomerID), Act: a.Act, Why: a.Why,
			EventID: h.IDs.Of(model.KindEvent, a.EventID), At: a.At,
		})
	}
	return newPage(h, listTagRuleAct, items, lastOf(rows, in.Limit, func(a model.TagRuleAct) int64 { return a.ID }))
}
