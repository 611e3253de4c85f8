package console

import (
	"bytes"
	"context"
	"io"
	"time"

	"zhiyin/model"
	"zhiyin/service/coupon"
)

// CouponRun is bulk work on a batch.
type CouponRun struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind" doc:"codes, issue"`
	BatchID     string     `json:"batch_id"`
	SegmentID   string     `json:"segment_id,omitempty"`
	StaffID     string     `json:"staff_id" doc:"whose it is"`
	Prefix      string     `json:"prefix,omitempty"`
	State       string     `json:"state" doc:"waiting, running, done, cancelled, failed"`
	Error       string     `json:"error,omitempty"`
	Total       int64      `json:"total"`
	Done        int64      `json:"done"`
	Changed     int64      `json:"changed" doc:"codes made, coupons given"`
	Refused     int64      `json:"refused" doc:"customers who had theirs, or may not have one"`
	CancelAsked bool       `json:"cancel_asked"`
	CreatedAt   time.Time  `json:"created_at"`
	StartedAt   *time.Time `json:"started_at,omitempty"`
	EndedAt     *time.Time `json:"ended_at,omitempty"`
}

func (h *Handlers) couponRun(r *model.CouponRun) CouponRun {
	return CouponRun{
		ID: h.IDs.Of(model.KindCouponRun, r.ID), Kind: r.Kind, BatchID: h.IDs.Of(model.KindCouponBatch, r.BatchID), SegmentID: h.IDs.Of(model.KindSegment, r.SegmentID),
		StaffID: h.IDs.Of(model.KindStaff, r.StaffID), Prefix: r.Prefix, State: r.State, Error: r.Error, Total: r.Total, Done: r.Done, Changed: r.Changed,
		Refused: r.Refused, CancelAsked: r.CancelAsked, CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, EndedAt: r.EndedAt,
	}
}

// ListCouponRunsInput selects runs.
type ListCouponRunsInput struct {
	PageQuery
	BatchID string `query:"batch_id" maxLength:"26"`
}

// ListCouponRuns lists bulk work, the newest first.
func (h *Handlers) ListCouponRuns(ctx context.Context, in *ListCouponRunsInput) (*Page[CouponRun], error) {
	r := h.reader()
	batch, before := r.optional(model.KindCouponBatch, in.BatchID), r.after(listCouponRun, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Coupons.Runs(ctx, batch, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []CouponRun
	for i := range rows {
		items = append(items, h.couponRun(&rows[i]))
	}
	return newPage(h, listCouponRun, items, lastOf(rows, in.Limit, func(r model.CouponRun) int64 { return r.ID }))
}

// StartCouponRunInput asks for codes, or for a coupon for each of many customers.
type StartCouponRunInput struct {
	Body struct {
		BatchID     string   `json:"batch_id" maxLength:"26"`
		Codes       int64    `json:"codes,omitempty" minimum:"0" maximum:"1000000" doc:"how many codes to make"`
		Prefix      string   `json:"prefix,omitempty" maxLength:"16" doc:"of the codes"`
		SegmentID   string   `json:"segment_id,omitempty" maxLength:"26" doc:"whose members get a coupon"`
		CustomerIDs []string `json:"customer_ids,omitempty" maxItems:"10000" doc:"or who gets one"`
	}
}

// StartCouponRun begins bulk work in the background.
func (h *Handlers) StartCouponRun(ctx context.Context, in *StartCouponRunInput) (*One[CouponRun], error) {
	r := h.reader()
	run := coupon.NewRun{
		BatchID: r.row(model.KindCouponBatch, in.Body.BatchID), Codes: in.Body.Codes, Prefix: in.Body.Prefix, SegmentID: r.optional(model.KindSegment, in.Body.SegmentID),
		CustomerIDs: r.all(model.KindCustomer, in.Body.CustomerIDs),
	}
	if r.err != nil {
		return nil, r.err
	}
	row, err := h.Coupons.StartRun(ctx, ViewerOf(ctx).StaffID, run)
	if err != nil {
		return nil, err
	}
	return one(h.couponRun(row)), nil
}

// GetCouponRun gives the progress of bulk work.
func (h *Handlers) GetCouponRun(ctx context.Context, in *IDPath) (*One[CouponRun], error) {
	id, err := h.IDs.Row(model.KindCouponRun, in.ID)
	if err != nil {
		return nil, err
	}
	row, err := h.Coupons.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.couponRun(row)), nil
}

// FollowCouponRun tells, as server-sent events named progress, how far bulk work has come: at once, then whenever something has changed,
// until it has ended or the request does.
func (h *Handlers) FollowCouponRun(ctx context.Context, in *IDPath) (func(ctx context.Context, send Send) error, error) {
	id, err := h.IDs.Row(model.KindCouponRun, in.ID)
	if err != nil {
		return nil, err
	}
	look := func(ctx context.Context) (*CouponRun, error) {
		row, err := h.Coupons.Run(ctx, id)
		if err != nil {
			return nil, err
		}
		run := h.couponRun(row)
		return &run, nil
	}
	now, err := look(ctx)
	if err != nil {
		return nil, err
	}
	return follow(now, look, (*CouponRun).same, (*CouponRun).over), nil
}

func (r *CouponRun) same(o *CouponRun) bool {
	return r.State == o.State && r.Total == o.Total && r.Done == o.Done && r.Changed == o.Changed && r.Refused == o.Refused && r.CancelAsked == o.CancelAsked
}

func (r *CouponRun) over() bool { return r.EndedAt != nil }

// CancelCouponRun stops bulk work before its next page.
func (h *Handlers) CancelCouponRun(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindCouponRun, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Coupons.CancelRun(ctx, id)
}

// codesAtOnce is how many codes one file holds.
const codesAtOnce = 100_000

// DownloadCouponCodesInput asks for codes that a run has made.
type DownloadCouponCodesInput struct {
	IDPath
	From int64 `query:"from" minimum:"0" maximum:"1000000" doc:"how many to leave out: a file holds 100,000"`
}

// DownloadCouponCodes gives the codes that a run has made, one a line.
func (h *Handlers) DownloadCouponCodes(ctx context.Context, in *DownloadCouponCodesInput) (*FileAnswer, error) {
	id, err := h.IDs.Row(model.KindCouponRun, in.ID)
	if err != nil {
		return nil, err
	}
	codes, err := h.Coupons.Codes(ctx, id, in.From, codesAtOnce)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, c := range codes {
		b.WriteString(c + "\r\n")
	}
	return attached("text/csv; charset=utf-8", "coupon-codes.csv", io.NopCloser(&b)), nil
}

// AddCouponCodesInput holds codes that were made elsewhere.
type AddCouponCodesInput struct {
	IDPath
	Body struct {
		Codes   []string `json:"codes" minItems:"1" maxItems:"10000" nullable:"false"`
		Generic bool     `json:"generic,omitempty" doc:"one code for everybody who may have a coupon; else each makes one coupon"`
	}
}

// AddedCouponCodes says how many codes were new.
type AddedCouponCodes struct {
	Added int `json:"added"`
}

// AddCouponCodes takes codes that were made elsewhere.
func (h *Handlers) AddCouponCodes(ctx context.Context, in *AddCouponCodesInput) (*One[AddedCouponCodes], error) {
	id, err := h.IDs.Row(model.KindCouponBatch, in.ID)
	if err != nil {
		return nil, err
	}
	n, err := h.Coupons.AddCodes(ctx, id, in.Body.Codes, !in.Body.Generic)
	if err != nil {
		return nil, err
	}
	return one(AddedCouponCodes{n}), nil
}
