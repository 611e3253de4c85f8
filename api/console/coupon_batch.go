package console

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/model"
	"zhiyin/service/coupon"
)

// CouponKind is something that coupons can be, with what people set of it.
type CouponKind struct {
	Name   string        `json:"name"`
	Zh     string        `json:"zh"`
	En     string        `json:"en"`
	Fields []CouponField `json:"fields" nullable:"false"`
}

// CouponField is one thing that people set of a kind.
type CouponField struct {
	Name     string `json:"name"`
	Zh       string `json:"zh"`
	En       string `json:"en"`
	Type     string `json:"type" doc:"fen, basis_points, count, steps"`
	Required bool   `json:"required"`
	Min      int64  `json:"min"`
	Max      int64  `json:"max"`
}

// CouponSignal is a sign of fraud that adds to the score of an issue.
type CouponSignal struct {
	Name   string `json:"name"`
	Zh     string `json:"zh"`
	En     string `json:"en"`
	Points int    `json:"points"`
}

// CouponForms is what the form of a batch is drawn from.
type CouponForms struct {
	Kinds   []CouponKind   `json:"kinds" nullable:"false"`
	Signals []CouponSignal `json:"signals" nullable:"false"`
}

// ListCouponKinds lists what coupons can be, and what adds to the score of an issue.
func (h *Handlers) ListCouponKinds(context.Context, *struct{}) (*One[CouponForms], error) {
	out := CouponForms{Kinds: []CouponKind{}, Signals: []CouponSignal{}}
	for _, k := range coupon.Kinds() {
		kind := CouponKind{Name: k.Name, Zh: k.Zh, En: k.En, Fields: []CouponField{}}
		for _, f := range k.Fields {
			kind.Fields = append(kind.Fields, CouponField(f))
		}
		out.Kinds = append(out.Kinds, kind)
	}
	for _, s := range coupon.Signals() {
		out.Signals = append(out.Signals, CouponSignal(s))
	}
	return one(out), nil
}

// CouponHours are a time of the day.
type CouponHours struct {
	From int `json:"from" minimum:"0" maximum:"1439" doc:"minute of the business day"`
	To   int `json:"to" minimum:"0" maximum:"1440" doc:"minute; before from: past midnight"`
}

// CouponRules say on what coupons are good, with which others, and which staff may give them.
type CouponRules struct {
	Weekdays      []int         `json:"weekdays,omitempty" maxItems:"7" doc:"1 Monday … 7 Sunday; none: all"`
	Hours         []CouponHours `json:"hours,omitempty" maxItems:"20"`
	Shops         []string      `json:"shops,omitempty" maxItems:"500" doc:"none: all"`
	ProductIDs    []string      `json:"product_ids,omitempty" maxItems:"500" doc:"these, and those of the categories; none of both: all"`
	CategoryIDs   []string      `json:"category_ids,omitempty" maxItems:"500"`
	NotProductIDs []string      `json:"not_product_ids,omitempty" maxItems:"500"`
	FirstOrder    bool          `json:"first_order,omitempty"`
	MinimumFen    int64         `json:"minimum_fen,omitempty" doc:"of what it fits"`
	MinimumLeft   bool          `json:"minimum_left,omitempty" doc:"asked of what earlier coupons have left, not of the prices"`
	Category      string        `json:"category,omitempty" maxLength:"32" doc:"for stacking"`
	With          []string      `json:"with,omitempty" maxItems:"50" doc:"categories it goes together with, if they say so too; none: it stands alone"`
	MaxHops       int           `json:"max_hops,omitempty" doc:"of a transferable batch: how often a coupon may change hands; 0: any number"`
	Order         int           `json:"order,omitempty" doc:"of counting; the lower, the earlier"`
	PerOrder      int           `json:"per_order,omitempty" doc:"of the batch on one order; 0: 1"`
	StaffIDs      []string      `json:"staff_ids,omitempty" maxItems:"500" doc:"who may give it; none: all who may give coupons"`
	StaffDaily    int64         `json:"staff_daily,omitempty" doc:"how many each may give a day; 0: staff give none"`
}

// CouponBatchSettings is what people say of a batch.
type CouponBatchSettings struct {
	Name           string          `json:"name" minLength:"1" maxLength:"64"`
	Note           string          `json:"note,omitempty" maxLength:"255" doc:"for customers"`
	Kind           string          `json:"kind" maxLength:"32"`
	Terms          json.RawMessage `json:"terms,omitempty" doc:"the fields of the kind"`
	Rules          CouponRules     `json:"rules,omitempty"`
	Stock          int64           `json:"stock,omitempty" doc:"0: any number"`
	PerCustomer    int64           `json:"per_customer,omitempty" doc:"0: any number"`
	PerDay         int64           `json:"per_day,omitempty" doc:"for one customer on one day; 0: any number"`
	PerDevice      int64           `json:"per_device,omitempty" doc:"0: any number"`
	ClaimFrom      *time.Time      `json:"claim_from,omitempty"`
	ClaimUntil     *time.Time      `json:"claim_until,omitempty"`
	ValidFrom      *time.Time      `json:"valid_from,omitempty"`
	ValidUntil     *time.Time      `json:"valid_until,omitempty" doc:"from then on it is good for nothing"`
	ValidDays      int             `json:"valid_days,omitempty" doc:"after receipt; with valid_until the earlier counts"`
	SegmentID      string          `json:"segment_id,omitempty" maxLength:"26" doc:"who may have one; absent: everybody"`
	Claimable      bool            `json:"claimable,omitempty" doc:"customers take it in the coupon centre"`
	Transferable   bool            `json:"transferable,omitempty" doc:"customers may give theirs away"`
	BudgetCount    int64           `json:"budget_count,omitempty" doc:"uses in all; 0: any number"`
	BudgetFen      int64           `json:"budget_fen,omitempty"`
	BudgetDayCount int64           `json:"budget_day_count,omitempty" doc:"uses on one day"`
	BudgetDayFen   int64           `json:"budget_day_fen,omitempty"`
	RemindDays     int             `json:"remind_days,omitempty" doc:"before it expires; 0: no reminder"`
	ReviewAt       int             `json:"review_at,omitempty" doc:"from which score of the signs on an issue waits for a person; 0: never"`
}

// CouponBatch is an offer as it stands.
type CouponBatch struct {
	ID string `json:"id"`
	CouponBatchSettings
	State       string     `json:"state" doc:"draft, submitted, active, paused, ended"`
	Version     int64      `json:"version"`
	Issued      int64      `json:"issued"`
	Voided      int64      `json:"voided"`
	Expired     int64      `json:"expired"`
	UsedCount   int64      `json:"used_count" doc:"uses, those reserved included"`
	UsedFen     int64      `json:"used_fen" doc:"what they save"`
	CreatedBy   string     `json:"created_by,omitempty"`
	SubmittedBy string     `json:"submitted_by,omitempty"`
	ApprovedBy  string     `json:"approved_by,omitempty"`
	ApprovedAt  *time.Time `json:"approved_at,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

func (h *Handlers) couponBatch(v *coupon.BatchView) (CouponBatch, error) {
	b := &v.CouponBatch
	_, rules, err := coupon.OfferOf(b)
	if err != nil {
		return CouponBatch{}, err
	}
	return CouponBatch{
		ID: h.IDs.Of(model.KindCouponBatch, b.ID),
		CouponBatchSettings: CouponBatchSettings{
			Name: b.Name, Note: b.Note, Kind: b.Kind, Terms: json.RawMessage(b.Terms), Rules: h.couponRules(&rules), Stock: b.Stock, PerCustomer: b.PerCustomer,
			PerDay: b.PerDay, PerDevice: b.PerDevice, ClaimFrom: b.ClaimFrom, ClaimUntil: b.ClaimUntil, ValidFrom: b.ValidFrom, ValidUntil: b.ValidUntil,
			ValidDays: b.ValidDays, SegmentID: h.IDs.Of(model.KindSegment, b.SegmentID), Claimable: b.Claimable, Transferable: b.Transferable,
			BudgetCount: b.BudgetCount, BudgetFen: int64(b.BudgetFen), BudgetDayCount: b.BudgetDayCount, BudgetDayFen: int64(b.BudgetDayFen),
			RemindDays: b.RemindDays, ReviewAt: b.ReviewAt,
		},
		State: b.State, Version: b.Version, Issued: v.Count.Issued, Voided: v.Count.Voided, Expired: v.Count.Expired, UsedCount: v.Budget.UsedCount,
		UsedFen: int64(v.Budget.UsedFen), CreatedBy: h.IDs.Of(model.KindStaff, b.CreatedBy), SubmittedBy: h.IDs.Of(model.KindStaff, b.SubmittedBy),
		ApprovedBy: h.IDs.Of(model.KindStaff, b.ApprovedBy), ApprovedAt: b.ApprovedAt, CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt,
	}, nil
}

func (h *Handlers) couponRules(r *coupon.Rules) CouponRules {
	out := CouponRules{
		Weekdays: r.Weekdays, Shops: r.Shops, ProductIDs: h.publicIDs(model.KindProduct, r.Products), CategoryIDs: h.publicIDs(model.KindProductCategory, r.Categories),
		NotProductIDs: h.publicIDs(model.KindProduct, r.NotProducts), FirstOrder: r.FirstOrder, MinimumFen: int64(r.MinimumFen), MinimumLeft: r.MinimumLeft,
		Category: r.Category, With: r.With, MaxHops: r.Hops, Order: r.Order, PerOrder: r.PerOrder, StaffIDs: h.publicIDs(model.KindStaff, r.Staff), StaffDaily: r.StaffDaily,
	}
	for _, t := range r.Hours {
		out.Hours = append(out.Hours, CouponHours(t))
	}
	return out
}

func (r *reader) couponBatch(s *CouponBatchSettings) coupon.BatchInput {
	moments := map[string]time.Time{}
	for name, at := range map[string]*time.Time{"claim_from": s.ClaimFrom, "claim_until": s.ClaimUntil, "valid_from": s.ValidFrom, "valid_until": s.ValidUntil} {
		if at != nil {
			moments[name] = *at
		}
	}
	r.moments(moments)
	in := coupon.BatchInput{
		Name: s.Name, Note: s.Note, Kind: s.Kind, Terms: s.Terms, Stock: s.Stock, PerCustomer: s.PerCustomer, PerDay: s.PerDay, PerDevice: s.PerDevice,
		ClaimFrom: s.ClaimFrom, ClaimUntil: s.ClaimUntil, ValidFrom: s.ValidFrom, ValidUntil: s.ValidUntil, ValidDays: s.ValidDays,
		SegmentID: r.optional(model.KindSegment, s.SegmentID), Claimable: s.Claimable, Transferable: s.Transferable, BudgetCount: s.BudgetCount,
		BudgetFen: model.Fen(s.BudgetFen), BudgetDayCount: s.BudgetDayCount, BudgetDayFen: model.Fen(s.BudgetDayFen), RemindDays: s.RemindDays, ReviewAt: s.ReviewAt,
	}
	in.Rules = coupon.Rules{
		Weekdays: s.Rules.Weekdays, Shops: s.Rules.Shops, Products: r.all(model.KindProduct, s.Rules.ProductIDs), Categories: r.all(model.KindProductCategory, s.Rules.CategoryIDs),
		NotProducts: r.all(model.KindProduct, s.Rules.NotProductIDs), FirstOrder: s.Rules.FirstOrder, MinimumFen: model.Fen(s.Rules.MinimumFen),
		MinimumLeft: s.Rules.MinimumLeft, Category: s.Rules.Category, With: s.Rules.With, Hops: s.Rules.MaxHops, Order: s.Rules.Order, PerOrder: s.Rules.PerOrder,
		Staff: r.all(model.KindStaff, s.Rules.StaffIDs), StaffDaily: s.Rules.StaffDaily,
	}
	for _, t := range s.Rules.Hours {
		in.Rules.Hours = append(in.Rules.Hours, coupon.Hours(t))
	}
	return in
}

// ListCouponBatchesInput selects batches.
type ListCouponBatchesInput struct {
	PageQuery
	State string `query:"state" enum:"draft,submitted,active,paused,ended"`
}

// ListCouponBatches lists batches, the newest first.
func (h *Handlers) ListCouponBatches(ctx context.Context, in *ListCouponBatchesInput) (*Page[CouponBatch], error) {
	r := h.reader()
	before := r.after(listCouponBatch, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Coupons.Batches(ctx, in.State, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []CouponBatch
	for i := range rows {
		b, err := h.couponBatch(&rows[i])
		if err != nil {
			return nil, err
		}
		items = append(items, b)
	}
	return newPage(h, listCouponBatch, items, lastOf(rows, in.Limit, func(b coupon.BatchView) int64 { return b.ID }))
}

// GetCouponBatch gives one batch.
func (h *Handlers) GetCouponBatch(ctx context.Context, in *IDPath) (*One[CouponBatch], error) {
	id, err := h.IDs.Row(model.KindCouponBatch, in.ID)
	if err != nil {
		return nil, err
	}
	return h.oneCouponBatch(ctx, id)
}

func (h *Handlers) oneCouponBatch(ctx context.Context, id int64) (*One[CouponBatch], error) {
	v, err := h.Coupons.Batch(ctx, id)
	if err != nil {
		return nil, err
	}
	b, err := h.couponBatch(v)
	return one(b), err
}

// CreateCouponBatchInput is what a batch is to be.
type CreateCouponBatchInput struct {
	Body struct{ CouponBatchSettings }
}

// CreateCouponBatch makes a draft.
func (h *Handlers) CreateCouponBatch(ctx context.Context, in *CreateCouponBatchInput) (*One[CouponBatch], error) {
	r := h.reader()
	settings := r.couponBatch(&in.Body.CouponBatchSettings)
	if r.err != nil {
		return nil, r.err
	}
	b, err := h.Coupons.CreateBatch(ctx, ViewerOf(ctx).StaffID, settings)
	if err != nil {
		return nil, err
	}
	return h.oneCouponBatch(ctx, b.ID)
}

// UpdateCouponBatchInput is what a batch is to be from now on.
type UpdateCouponBatchInput struct {
	IDPath
	Body struct {
		CouponBatchSettings
		Version int64 `json:"version" doc:"as it was read"`
	}
}

// UpdateCouponBatch replaces what a batch says.
func (h *Handlers) UpdateCouponBatch(ctx context.Context, in *UpdateCouponBatchInput) (*One[CouponBatch], error) {
	r := h.reader()
	id, settings := r.row(model.KindCouponBatch, in.ID), r.couponBatch(&in.Body.CouponBatchSettings)
	if r.err != nil {
		return nil, r.err
	}
	if _, err := h.Coupons.UpdateBatch(ctx, ViewerOf(ctx).StaffID, id, in.Body.Version, settings); err != nil {
		return nil, err
	}
	return h.oneCouponBatch(ctx, id)
}

// SubmitCouponBatch asks for approval, or activates what is small enough to need none.
func (h *Handlers) SubmitCouponBatch(ctx context.Context, in *IDPath) (*One[CouponBatch], error) {
	id, err := h.IDs.Row(model.KindCouponBatch, in.ID)
	if err != nil {
		return nil, err
	}
	if _, err := h.Coupons.Submit(ctx, ViewerOf(ctx).StaffID, id); err != nil {
		return nil, err
	}
	return h.oneCouponBatch(ctx, id)
}

// ApproveCouponBatchInput says yes or no to what somebody else submitted.
type ApproveCouponBatchInput struct {
	IDPath
	Body struct {
		Version int64 `json:"version" doc:"as it was read: what is approved"`
		Approve bool  `json:"approve"`
	}
}

// ApproveCouponBatch activates a batch, or sends it back.
func (h *Handlers) ApproveCouponBatch(ctx context.Context, in *ApproveCouponBatchInput) (*One[CouponBatch], error) {
	id, err := h.IDs.Row(model.KindCouponBatch, in.ID)
	if err != nil {
		return nil, err
	}
	if _, err := h.Coupons.Approve(ctx, ViewerOf(ctx).StaffID, id, in.Body.Version, in.Body.Approve); err != nil {
		return nil, err
	}
	return h.oneCouponBatch(ctx, id)
}

// CouponBatchStateInput is the state that a batch is to have.
type CouponBatchStateInput struct {
	IDPath
	Body struct {
		State string `json:"state" enum:"active,paused,ended"`
	}
}

// SetCouponBatchState pauses, resumes or ends a batch.
func (h *Handlers) SetCouponBatchState(ctx context.Context, in *CouponBatchStateInput) (*One[CouponBatch], error) {
	id, err := h.IDs.Row(model.KindCouponBatch, in.ID)
	if err != nil {
		return nil, err
	}
	if _, err := h.Coupons.SetState(ctx, id, in.Body.State); err != nil {
		return nil, err
	}
	return h.oneCouponBatch(ctx, id)
}
