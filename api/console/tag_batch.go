package console

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/model"
	"zhiyin/service/customer"
	"zhiyin/service/tag"
)

// TagBatch tags many customers in the background.
type TagBatch struct {
	ID          string     `json:"id"`
	Action      string     `json:"action" doc:"add, remove"`
	TagIDs      []string   `json:"tag_ids" nullable:"false"`
	Target      string     `json:"target" doc:"list, segment, filter"`
	SegmentID   string     `json:"segment_id,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	StaffID     string     `json:"staff_id" doc:"whose it is"`
	State       string     `json:"state" doc:"waiting, running, done, cancelled, failed"`
	Error       string     `json:"error,omitempty"`
	Total       int64      `json:"total" doc:"-1: not known yet"`
	Done        int64      `json:"done"`
	Changed     int64      `json:"changed"`
	Unchanged   int64      `json:"unchanged"`
	Refused     int64      `json:"refused" doc:"not there, merged into somebody else, or out of the owner's sight"`
	CancelAsked bool       `json:"cancel_asked"`
	CreatedAt   time.Time  `json:"created_at"`
	StartedAt   *time.Time `json:"started_at,omitempty"`
	EndedAt     *time.Time `json:"ended_at,omitempty"`
}

func (h *Handlers) tagBatch(b *model.TagBatch) TagBatch {
	var tags []int64
	_ = json.Unmarshal([]byte(b.TagIDs), &tags) // written by us
	return TagBatch{
		ID: h.IDs.Of(model.KindTagBatch, b.ID), Action: b.Action, TagIDs: h.publicIDs(model.KindTag, tags), Target: b.Target,
		SegmentID: h.IDs.Of(model.KindSegment, b.TargetID), ExpiresAt: b.ExpiresAt, StaffID: h.IDs.Of(model.KindStaff, b.StaffID), State: b.State,
		Error: b.Error, Total: b.Total, Done: b.Done, Changed: b.Changed, Unchanged: b.Unchanged, Refused: b.Refused, CancelAsked: b.CancelAsked,
		CreatedAt: b.CreatedAt, StartedAt: b.StartedAt, EndedAt: b.EndedAt,
	}
}

// ListTagBatches lists batches, newest first: one's own, or everybody's for those who may change tags.
func (h *Handlers) ListTagBatches(ctx context.Context, in *PageQuery) (*Page[TagBatch], error) {
	r := h.reader()
	before := r.after(listTagBatch, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Tags.Batches(ctx, ViewerOf(ctx), before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []TagBatch
	for i := range rows {
		items = append(items, h.tagBatch(&rows[i]))
	}
	return newPage(h, listTagBatch, items, lastOf(rows, in.Limit, func(b model.TagBatch) int64 { return b.ID }))
}

// StartTagBatchInput says whom to tag: customers by name, a segment, or all that a filter finds.
type StartTagBatchInput struct {
	Body struct {
		Action      string          `json:"action" enum:"add,remove"`
		TagIDs      []string        `json:"tag_ids" minItems:"1" maxItems:"50" nullable:"false"`
		CustomerIDs []string        `json:"customer_ids,omitempty" maxItems:"10000" nullable:"false"`
		SegmentID   string          `json:"segment_id,omitempty" maxLength:"26"`
		Filter      *CustomerFilter `json:"filter,omitempty" doc:"as of the list of customers; {}: all that one may see"`
		ExpiresAt   *time.Time      `json:"expires_at,omitempty" doc:"of what is added; absent: never"`
	}
}

// CustomerFilter selects customers as the list of customers does.
type CustomerFilter struct {
	Name          string     `json:"name,omitempty" maxLength:"64"`
	NamePrefix    string     `json:"name_prefix,omitempty" maxLength:"64"`
	AccountID     string     `json:"account_id,omitempty" maxLength:"26"`
	StaffIDs      []string   `json:"staff_ids,omitempty" maxItems:"100" nullable:"false"`
	DepartmentID  string     `json:"department_id,omitempty" maxLength:"26"`
	TagIDs        []string   `json:"tag_ids,omitempty" maxItems:"100" nullable:"false"`
	Status        string     `json:"status,omitempty" enum:"active,half,left,removed"`
	ChannelCodeID string     `json:"channel_code_id,omitempty" maxLength:"26"`
	AddedFrom     *time.Time `json:"added_from,omitempty"`
	AddedTo       *time.Time `json:"added_to,omitempty"`
}

func (h *Handlers) batchFilter(ctx context.Context, f *CustomerFilter) (*customer.Filter, error) {
	if f == nil {
		return nil, nil
	}
	in := &ListCustomersInput{
		Name: f.Name, NamePrefix: f.NamePrefix, AccountID: f.AccountID, StaffID: f.StaffIDs, DepartmentID: f.DepartmentID, TagID: f.TagIDs,
		Status: f.Status, ChannelCodeID: f.ChannelCodeID,
	}
	if f.AddedFrom != nil {
		in.AddedFrom = *f.AddedFrom
	}
	if f.AddedTo != nil {
		in.AddedTo = *f.AddedTo
	}
	out, err := h.customerFilter(ctx, in)
	return &out, err
}

// StartTagBatch begins to tag many customers in the background.
func (h *Handlers) StartTagBatch(ctx context.Context, in *StartTagBatchInput) (*One[TagBatch], error) {
	r := h.reader()
	batch := tag.NewBatch{
		Action: in.Body.Action, TagIDs: r.all(model.KindTag, in.Body.TagIDs), CustomerIDs: r.all(model.KindCustomer, in.Body.CustomerIDs),
		SegmentID: r.optional(model.KindSegment, in.Body.SegmentID), ExpiresAt: in.Body.ExpiresAt,
	}
	if r.err != nil {
		return nil, r.err
	}
	var err error
	if batch.Filter, err = h.batchFilter(ctx, in.Body.Filter); err != nil {
		return nil, err
	}
	b, err := h.Tags.StartBatch(ctx, ViewerOf(ctx), batch)
	if err != nil {
		return nil, err
	}
	return one(h.tagBatch(b)), nil
}

// GetTagBatch gives the progress of a batch.
func (h *Handlers) GetTagBatch(ctx context.Context, in *IDPath) (*One[TagBatch], error) {
	id, err := h.IDs.Row(model.KindTagBatch, in.ID)
	if err != nil {
		return nil, err
	}
	b, err := h.Tags.Batch(ctx, ViewerOf(ctx), id)
	if err != nil {
		return nil, err
	}
	return one(h.tagBatch(b)), nil
}

// CancelTagBatch stops a batch before its next customers.
func (h *Handlers) CancelTagBatch(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindTagBatch, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Tags.CancelBatch(ctx, ViewerOf(ctx), id)
}
