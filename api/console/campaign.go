package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/campaign"
)

// Campaign is one push to one audience.
type Campaign struct {
	ID           string        `json:"id"`
	Code         string        `json:"code" doc:"stands in links and mini-program paths"`
	State        string        `json:"state" doc:"draft, asked (waits for approval), scheduled, running, paused, stopped, done"`
	Reason       string        `json:"reason,omitempty" doc:"why it waits or is paused"`
	Definition   CampaignBody  `json:"definition"`
	Variants     []CampaignTry `json:"variants" nullable:"false"`
	Version      int64         `json:"version"`
	NextAt       *time.Time    `json:"next_at,omitempty" doc:"when the next run begins"`
	Runs         int64         `json:"runs"`
	ApprovalSize int64         `json:"approval_size,omitempty" doc:"how many people approval was asked for"`
	AskedBy      string        `json:"asked_by,omitempty"`
	ApprovedBy   string        `json:"approved_by,omitempty"`
	CreatedBy    string        `json:"created_by,omitempty"`
	ChangedBy    string        `json:"changed_by,omitempty"`
	CreatedAt    time.Time     `json:"created_at"`
	UpdatedAt    time.Time     `json:"updated_at"`
}

// CampaignItem is a campaign of the list.
type CampaignItem struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	State     string     `json:"state"`
	Reason    string     `json:"reason,omitempty"`
	Channel   string     `json:"channel"`
	NextAt    *time.Time `json:"next_at,omitempty"`
	Runs      int64      `json:"runs"`
	Version   int64      `json:"version"`
	CreatedAt time.Time  `json:"created_at"`
}

// CampaignTry is a variant with its id.
type CampaignTry struct {
	ID string `json:"id"`
	CampaignVariant
}

// CampaignVariant is one of the messages to compare.
type CampaignVariant struct {
	Name      string `json:"name" minLength:"1" maxLength:"16"`
	ShareBP   int    `json:"share_bp" minimum:"1" maximum:"10000" doc:"basis points; those of all variants are 10000 together"`
	MessageID string `json:"message_id" maxLength:"26" doc:"a version of a message"`
	BatchID   string `json:"batch_id,omitempty" maxLength:"26" doc:"a coupon batch: everybody who gets the message is given one of its coupons"`
}

// CampaignAudience is whom a campaign is for.
type CampaignAudience struct {
	SegmentIDs       []string `json:"segment_ids,omitempty" maxItems:"20" nullable:"false" doc:"in one of them"`
	ExceptSegmentIDs []string `json:"except_segment_ids,omitempty" maxItems:"20" nullable:"false" doc:"and in none of these"`
	CustomerIDs      []string `json:"customer_ids,omitempty" maxItems:"10000" nullable:"false" doc:"besides"`
	GroupIDs         []string `json:"group_ids,omitempty" maxItems:"2000" nullable:"false" doc:"for channels that speak in groups, alone"`
	StaffIDs         []string `json:"staff_ids,omitempty" maxItems:"2000" nullable:"false" doc:"for channels that ask staff to publish something, alone"`
}

// CampaignSchedule says when: once, or by a cron expression in the zone of business. Empty: as soon as it is launched.
type CampaignSchedule struct {
	At    *time.Time `json:"at,omitempty"`
	Cron  string     `json:"cron,omitempty" maxLength:"64" doc:"five fields: minute hour day month weekday"`
	From  *time.Time `json:"from,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

// CampaignCanary tries a few before the rest.
type CampaignCanary struct {
	ShareBP  int `json:"share_bp" minimum:"1" maximum:"5000"`
	Minutes  int `json:"minutes" minimum:"5" maximum:"1440"`
	FailBP   int `json:"fail_bp" minimum:"0" maximum:"10000" doc:"halt when more of the few failed"`
	OptOutBP int `json:"opt_out_bp" minimum:"0" maximum:"10000" doc:"halt when more of the few left or refused further messages"`
}

// CampaignGoal is what customers are meant to do.
type CampaignGoal struct {
	Kind  string `json:"kind" minLength:"1" maxLength:"64" doc:"a kind of event, such as order.paid"`
	Hours int    `json:"hours" minimum:"1" maximum:"720" doc:"from the launch on"`
}

// CampaignBody is what people say a campaign is.
type CampaignBody struct {
	Name      string            `json:"name" minLength:"1" maxLength:"64"`
	Note      string            `json:"note,omitempty" maxLength:"255"`
	Channel   string            `json:"channel" minLength:"1" maxLength:"32"`
	AccountID string            `json:"account_id" maxLength:"26"`
	Audience  CampaignAudience  `json:"audience"`
	Variants  []CampaignVariant `json:"variants" minItems:"1" maxItems:"8" nullable:"false"`
	Schedule  *CampaignSchedule `json:"schedule,omitempty"`
	Topic     string            `json:"topic,omitempty" maxLength:"32" doc:"for frequency caps"`
	Priority  int               `json:"priority,omitempty" minimum:"0" maximum:"100"`
	KeepHours int               `json:"keep_hours,omitempty" minimum:"0" maximum:"720" doc:"how long after a run's start its messages may still leave; 0: 72"`
	HoldoutBP int               `json:"holdout_bp,omitempty" minimum:"0" maximum:"5000" doc:"share of the audience that gets nothing, to know what the campaign earned"`
	Canary    *CampaignCanary   `json:"canary,omitempty"`
	Goal      *CampaignGoal     `json:"goal,omitempty"`
}

func (h *Handlers) campaign(c *campaign.Campaign) Campaign {
	d := c.Definition
	out := Campaign{
		ID: h.IDs.Of(model.KindCampaign, c.ID), Code: c.Code, State: c.State, Reason: c.Reason, Version: c.Version, NextAt: c.NextAt, Runs: c.Runs,
		ApprovalSize: c.ApprovalSize, AskedBy: h.IDs.Of(model.KindStaff, c.AskedBy), ApprovedBy: h.IDs.Of(model.KindStaff, c.ApprovedBy),
		CreatedBy: h.IDs.Of(model.KindStaff, c.CreatedBy), ChangedBy: h.IDs.Of(model.KindStaff, c.ChangedBy), CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
		Definition: CampaignBody{
			Name: d.Name, Note: d.Note, Channel: d.Channel, AccountID: h.IDs.Of(model.KindAccount, d.AccountID), Topic: d.Topic, Priority: d.Priority,
			KeepHours: d.KeepHours, HoldoutBP: d.HoldoutBP, Canary: (*CampaignCanary)(d.Canary), Goal: (*CampaignGoal)(d.Goal),
			Audience: CampaignAudience{
				SegmentIDs: h.publicIDs(model.KindSegment, d.Audience.Segments), ExceptSegmentIDs: h.publicIDs(model.KindSegment, d.Audience.Except),
				CustomerIDs: h.publicIDs(model.KindCustomer, d.Audience.Customers), GroupIDs: h.publicIDs(model.KindGroup, d.Audience.Groups),
				StaffIDs: h.publicIDs(model.KindStaff, d.Audience.Staff),
			},
		},
	}
	if d.Schedule != (campaign.Schedule{}) {
		out.Definition.Schedule = &CampaignSchedule{d.Schedule.At, d.Schedule.Cron, d.Schedule.From, d.Schedule.Until}
	}
	for _, v := range d.Variants {
		try := CampaignVariant{v.Name, v.ShareBP, h.IDs.Of(model.KindMessageVersion, v.MessageID), h.IDs.Of(model.KindCouponBatch, v.BatchID)}
		out.Definition.Variants = append(out.Definition.Variants, try)
		out.Variants = append(out.Variants, CampaignTry{h.IDs.Of(model.KindCampaignVariant, v.ID), try})
	}
	return out
}

func (h *Handlers) campaignDefinition(in *CampaignBody) (d campaign.Definition, err error) {
	r := h.reader()
	d = campaign.Definition{
		Name: in.Name, Note: in.Note, Channel: in.Channel, AccountID: r.row(model.KindAccount, in.AccountID), Topic: in.Topic, Priority: in.Priority,
		KeepHours: in.KeepHours, HoldoutBP: in.HoldoutBP, Canary: (*campaign.Canary)(in.Canary), Goal: (*campaign.Goal)(in.Goal),
		Audience: campaign.Audience{
			Segments: r.all(model.KindSegment, in.Audience.SegmentIDs), Except: r.all(model.KindSegment, in.Audience.ExceptSegmentIDs),
			Customers: r.all(model.KindCustomer, in.Audience.CustomerIDs), Groups: r.all(model.KindGroup, in.Audience.GroupIDs),
			Staff: r.all(model.KindStaff, in.Audience.StaffIDs),
		},
	}
	for _, v := range in.Variants {
		d.Variants = append(d.Variants, campaign.Variant{
			Name: v.Name, ShareBP: v.ShareBP, MessageID: r.row(model.KindMessageVersion, v.MessageID), BatchID: r.optional(model.KindCouponBatch, v.BatchID),
		})
	}
	if s := in.Schedule; s != nil {
		r.moments(given(map[string]*time.Time{"schedule.at": s.At, "schedule.from": s.From, "schedule.until": s.Until}))
		d.Schedule = campaign.Schedule{At: s.At, Cron: s.Cron, From: s.From, Until: s.Until}
	}
	return d, r.err
}

// ListCampaignsInput selects campaigns.
type ListCampaignsInput struct {
	PageQuery
	State string `query:"state" enum:"draft,asked,scheduled,running,paused,stopped,done"`
	Name  string `query:"name" maxLength:"64" doc:"a part of it"`
}

// ListCampaigns lists campaigns, newest first.
func (h *Handlers) ListCampaigns(ctx context.Context, in *ListCampaignsInput) (*Page[CampaignItem], error) {
	r := h.reader()
	f := campaign.ListFilter{State: in.State, Name: in.Name, Before: r.after(listCampaign, in.Cursor), Limit: in.Limit}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Campaigns.List(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []CampaignItem
	for _, c := range rows {
		items = append(items, CampaignItem{
			ID: h.IDs.Of(model.KindCampaign, c.ID), Name: c.Name, State: c.State, Reason: c.Reason, Channel: c.Channel, NextAt: c.NextAt, Runs: c.Runs,
			Version: c.Version, CreatedAt: c.CreatedAt,
		})
	}
	return newPage(h, listCampaign, items, lastOf(rows, in.Limit, func(c model.Campaign) int64 { return c.ID }))
}

// CampaignInput is a campaign to be made or estimated.
type CampaignInput struct{ Body CampaignBody }

// CreateCampaign makes a draft.
func (h *Handlers) CreateCampaign(ctx context.Context, in *CampaignInput) (*One[Campaign], error) {
	d, err := h.campaignDefinition(&in.Body)
	if err != nil {
		return nil, err
	}
	c, err := h.Campaigns.Create(ctx, ViewerOf(ctx), d)
	if err != nil {
		return nil, err
	}
	return one(h.campaign(c)), nil
}

// GetCampaign gives a campaign.
func (h *Handlers) GetCampaign(ctx context.Context, in *IDPath) (*One[Campaign], error) {
	id, err := h.IDs.Row(model.KindCampaign, in.ID)
	if err != nil {
		return nil, err
	}
	return h.campaignNow(ctx, id)
}

func (h *Handlers) campaignNow(ctx context.Context, id int64) (*One[Campaign], error) {
	c, err := h.Campaigns.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.campaign(c)), nil
}

// UpdateCampaignInput replaces what a campaign says.
type UpdateCampaignInput struct {
	IDPath
	Body struct {
		Version    int64        `json:"version" minimum:"1" doc:"of the campaign that was read"`
		Definition CampaignBody `json:"definition"`
	}
}

// UpdateCampaign replaces what a campaign says that has not run; it is a draft again.
func (h *Handlers) UpdateCampaign(ctx context.Context, in *UpdateCampaignInput) (*One[Campaign], error) {
	id, err := h.IDs.Row(model.KindCampaign, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := h.campaignDefinition(&in.Body.Definition)
	if err != nil {
		return nil, err
	}
	c, err := h.Campaigns.Update(ctx, ViewerOf(ctx), id, in.Body.Version, d)
	if err != nil {
		return nil, err
	}
	return one(h.campaign(c)), nil
}

// DeleteCampaign removes a campaign that never ran.
func (h *Handlers) DeleteCampaign(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindCampaign, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Campaigns.Delete(ctx, id)
}

// CopyCampaignInput names a copy.
type CopyCampaignInput struct {
	IDPath
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"64"`
	}
}

// CopyCampaign makes a draft that says the same.
func (h *Handlers) CopyCampaign(ctx context.Context, in *CopyCampaignInput) (*One[Campaign], error) {
	id, err := h.IDs.Row(model.KindCampaign, in.ID)
	if err != nil {
		return nil, err
	}
	c, err := h.Campaigns.Copy(ctx, ViewerOf(ctx), id, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return one(h.campaign(c)), nil
}
