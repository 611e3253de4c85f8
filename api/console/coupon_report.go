package console

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/model"
	"zhiyin/service/coupon"
)

// CouponReport is what a batch brought and cost.
type CouponReport struct {
	ByState       map[string]int64     `json:"by_state" doc:"how many coupons are usable, used…"`
	BySource      []CouponSourceReport `json:"by_source" nullable:"false"`
	Uses          int64                `json:"uses" doc:"orders"`
	SavedFen      int64                `json:"saved_fen" doc:"what its coupons cost, after refunds"`
	WithOrders    int64                `json:"with_orders"`
	WithFen       int64                `json:"with_fen" doc:"paid for orders on which its coupons were used, less refunds"`
	WithoutOrders int64                `json:"without_orders"`
	WithoutFen    int64                `json:"without_fen" doc:"paid by those who held one, meanwhile, for orders without any coupon, less refunds"`
}

// CouponSourceReport is what came of the coupons of one source.
type CouponSourceReport struct {
	Source        string `json:"source"`
	CampaignID    string `json:"campaign_id,omitempty"`
	JourneyID     string `json:"journey_id,omitempty"`
	Step          string `json:"step,omitempty" doc:"of the journey, or variant of the campaign"`
	ChannelCodeID string `json:"channel_code_id,omitempty"`
	StaffID       string `json:"staff_id,omitempty"`
	Issued        int64  `json:"issued"`
	Used          int64  `json:"used"`
	SavedFen      int64  `json:"saved_fen"`
}

// GetCouponReport tells what a batch brought and cost.
func (h *Handlers) GetCouponReport(ctx context.Context, in *IDPath) (*One[CouponReport], error) {
	id, err := h.IDs.Row(model.KindCouponBatch, in.ID)
	if err != nil {
		return nil, err
	}
	r, err := h.Coupons.Report(ctx, id)
	if err != nil {
		return nil, err
	}
	out := CouponReport{
		ByState: r.ByState, BySource: []CouponSourceReport{}, Uses: r.Uses, SavedFen: int64(r.SavedFen), WithOrders: r.WithOrders, WithFen: int64(r.WithFen),
		WithoutOrders: r.WithoutOrders, WithoutFen: int64(r.WithoutFen),
	}
	for _, s := range r.BySource {
		out.BySource = append(out.BySource, CouponSourceReport{
			s.Source, h.IDs.Of(model.KindCampaign, s.CampaignID), h.IDs.Of(model.KindJourney, s.JourneyID), s.Step, h.IDs.Of(model.KindChannelCode, s.ChannelCodeID), h.IDs.Of(model.KindStaff, s.StaffID), s.Issued, s.Used, int64(s.SavedFen),
		})
	}
	return one(out), nil
}

// CouponGiver is what a staff member gave in some time.
type CouponGiver struct {
	StaffID   string `json:"staff_id"`
	Given     int64  `json:"given"`
	Customers int64  `json:"customers"`
	Used      int64  `json:"used"`
	SavedFen  int64  `json:"saved_fen"`
	Watch     bool   `json:"watch" doc:"far more than is usual, or mostly to the same few"`
}

// CouponGiversInput says since when.
type CouponGiversInput struct {
	From time.Time `query:"from" required:"true"`
}

// ListCouponGivers tells what staff gave, and who is to be watched.
func (h *Handlers) ListCouponGivers(ctx context.Context, in *CouponGiversInput) (*Page[CouponGiver], error) {
	r := h.reader()
	r.moments(map[string]time.Time{"from": in.From})
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Coupons.Givers(ctx, in.From.UTC())
	if err != nil {
		return nil, err
	}
	var items []CouponGiver
	for _, g := range rows {
		items = append(items, CouponGiver{h.IDs.Of(model.KindStaff, g.StaffID), g.Given, g.Customers, g.Used, int64(g.SavedFen), g.Watch})
	}
	return whole(items), nil
}

// CouponBalance is one reconciliation of ledger, coupons, counters and budgets.
type CouponBalance struct {
	ID        string          `json:"id"`
	StartedAt time.Time       `json:"started_at"`
	EndedAt   *time.Time      `json:"ended_at,omitempty"`
	Batches   int             `json:"batches"`
	Coupons   int64           `json:"coupons"`
	Entries   int64           `json:"entries"`
	Wrong     int             `json:"wrong" doc:"0: everything comes to zero"`
	Findings  []CouponFinding `json:"findings" nullable:"false"`
}

// CouponFinding is one thing that does not come to zero.
type CouponFinding struct {
	BatchID  string `json:"batch_id"`
	CouponID string `json:"coupon_id,omitempty"`
	What     string `json:"what"`
	Day      string `json:"day,omitempty"`
	Want     int64  `json:"want" doc:"as the ledger says"`
	Got      int64  `json:"got"`
}

func (h *Handlers) couponBalance(b *model.CouponBalance) CouponBalance {
	out := CouponBalance{
		ID: h.IDs.Of(model.KindCouponBalance, b.ID), StartedAt: b.StartedAt, EndedAt: b.EndedAt, Batches: b.Batches, Coupons: b.Coupons, Entries: b.Entries,
		Wrong: b.Wrong, Findings: []CouponFinding{},
	}
	var found []coupon.Finding
	_ = json.Unmarshal([]byte(b.Findings), &found) // written by us
	for _, f := range found {
		out.Findings = append(out.Findings, CouponFinding{h.IDs.Of(model.KindCouponBatch, f.BatchID), h.IDs.Of(model.KindCoupon, f.CouponID), f.What, f.Day, f.Want, f.Got})
	}
	return out
}

// ListCouponBalances lists reconciliations, the newest first.
func (h *Handlers) ListCouponBalances(ctx context.Context, in *PageQuery) (*Page[CouponBalance], error) {
	r := h.reader()
	before := r.after(listCouponBalance, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Coupons.Balances(ctx, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []CouponBalance
	for i := range rows {
		items = append(items, h.couponBalance(&rows[i]))
	}
	return newPage(h, listCouponBalance, items, lastOf(rows, in.Limit, func(b model.CouponBalance) int64 { return b.ID }))
}

// ReconcileCoupons reconciles now.
func (h *Handlers) ReconcileCoupons(ctx context.Context, _ *struct{}) (*One[CouponBalance], error) {
	b, err := h.Coupons.ReconcileNow(ctx)
	if err != nil {
		return nil, err
	}
	return one(h.couponBalance(b)), nil
}
