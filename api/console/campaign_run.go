package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/campaign"
	"zhiyin/service/coupon"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
)

// CampaignEstimate is what launching a campaign now would mean.
type CampaignEstimate struct {
	People      int64                `json:"people" doc:"in the audience, without those it leaves out"`
	HeldOut     int64                `json:"held_out" doc:"of them, who get nothing"`
	Sends       int64                `json:"sends" doc:"at most"`
	Calls       int64                `json:"calls" doc:"of the platform"`
	Taps        int64                `json:"taps" doc:"that staff have to make"`
	Unreachable int64                `json:"unreachable" doc:"followed by no staff member in whose name it could go out"`
	Staff       []CampaignStaffShare `json:"staff" nullable:"false" doc:"the 200 with the most"`
	TakesS      int64                `json:"takes_s" doc:"seconds, from the limits of the channel; the time that staff take is not in it"`
	FinishAt    time.Time            `json:"finish_at"`
	Coupons     []CampaignOutlook    `json:"coupons" nullable:"false" doc:"of every batch that it gives of, what that would take"`
	Quotas      []CampaignQuota      `json:"quotas" nullable:"false" doc:"of what the platform lets through to the audience, what it would take; empty: nothing limits it"`
}

// CampaignQuota is what a campaign would take of what a platform lets through to its audience, as far as is known now.
type CampaignQuota struct {
	By       string     `json:"by" enum:"month,week,day,window,grant" doc:"window: of customer service, opened by the customer; grant: consents of the customer"`
	Template string     `json:"template,omitempty" doc:"of grants"`
	Each     int        `json:"each,omitempty" doc:"messages that one recipient may get in all; absent: it depends on their consents"`
	Until    *time.Time `json:"until,omitempty" doc:"when everybody may get as many again"`
	Sends    int64      `json:"sends" doc:"messages of the first run that take from it"`
	Takes    int64      `json:"takes" doc:"of them, those that would get through"`
	Refused  int64      `json:"refused" doc:"of them, those whose recipient can get no more"`
	Left     int64      `json:"left" doc:"what all who would be written to can get before"`
	Runs     int64      `json:"runs" doc:"of the campaign that begin until then"`
	Needs    int64      `json:"needs" doc:"by all these runs"`
	Waiting  int64      `json:"waiting" doc:"messages of any source that still take from it, to whomever they go"`
}

// CampaignOutlook is what giving so many of a batch's coupons would take, as things stand.
type CampaignOutlook struct {
	BatchID     string `json:"batch_id"`
	Name        string `json:"name"`
	Coupons     int64  `json:"coupons" doc:"that it would give, at most"`
	CostFen     int64  `json:"cost_fen" doc:"at most, as far as kind, stock and budget say; 0: it depends on the orders"`
	Stock       int64  `json:"stock" doc:"what is left; -1: any number"`
	BudgetCount int64  `json:"budget_count" doc:"uses that the budget leaves; -1: any number"`
	BudgetFen   int64  `json:"budget_fen" doc:"fen that the budget leaves; -1: any number"`
	Enough      bool   `json:"enough" doc:"stock and budget suffice, even if all are used"`
	Refusal     string `json:"refusal,omitempty" doc:"why nobody would be given one: coupon.closed, coupon.sold_out, coupon.budget"`
	Zh          string `json:"zh,omitempty"`
	En          string `json:"en,omitempty"`
}

func (h *Handlers) campaignOutlook(o *coupon.Outlook) CampaignOutlook {
	out := CampaignOutlook{
		BatchID: h.IDs.Of(model.KindCouponBatch, o.BatchID), Name: o.Name, Coupons: o.Coupons, CostFen: int64(o.CostFen), Stock: o.Stock,
		BudgetCount: o.BudgetCount, BudgetFen: o.BudgetFen, Enough: o.Enough,
	}
	if f := fault.Of(o.Refusal); f != nil {
		out.Refusal, out.Zh, out.En = f.Code, f.Zh, f.En
	}
	return out
}

// CampaignStaffShare is what a campaign would ask of one staff member.
type CampaignStaffShare struct {
	StaffID   string `json:"staff_id"`
	Customers int64  `json:"customers"`
	Taps      int64  `json:"taps"`
}

// EstimateCampaign says what launching a definition now would mean.
func (h *Handlers) EstimateCampaign(ctx context.Context, in *CampaignInput) (*One[CampaignEstimate], error) {
	d, err := h.campaignDefinition(&in.Body)
	if err != nil {
		return nil, err
	}
	e, err := h.Campaigns.Estimate(ctx, d)
	if err != nil {
		return nil, err
	}
	out := CampaignEstimate{
		People: e.People, HeldOut: e.HeldOut, Sends: e.Sends, Calls: e.Calls, Taps: e.Taps, Unreachable: e.Unreachable,
		Staff: []CampaignStaffShare{}, TakesS: int64(e.Takes.Seconds()), FinishAt: e.Finish, Coupons: []CampaignOutlook{}, Quotas: []CampaignQuota{},
	}
	for i := range e.Coupons {
		out.Coupons = append(out.Coupons, h.campaignOutlook(&e.Coupons[i]))
	}
	for _, q := range e.Quotas {
		out.Quotas = append(out.Quotas, CampaignQuota(q))
	}
	for _, s := range e.Staff[:min(len(e.Staff), 200)] {
		out.Staff = append(out.Staff, CampaignStaffShare{h.IDs.Of(model.KindStaff, s.StaffID), s.Customers, s.Taps})
	}
	return one(out), nil
}

// LaunchCampaign says that a draft is meant: it waits for approval, is scheduled, or begins.
func (h *Handlers) LaunchCampaign(ctx context.Context, in *IDPath) (*One[Campaign], error) {
	id, err := h.IDs.Row(model.KindCampaign, in.ID)
	if err != nil {
		return nil, err
	}
	if err := h.Campaigns.Launch(ctx, ViewerOf(ctx), id); err != nil {
		return nil, err
	}
	return h.campaignNow(ctx, id)
}

// ApproveCampaignInput names the version that was looked at.
type ApproveCampaignInput struct {
	IDPath
	Body struct {
		Version int64 `json:"version" minimum:"1" doc:"of the campaign that was read"`
	}
}

// ApproveCampaign lets a campaign go that somebody else asked for.
func (h *Handlers) ApproveCampaign(ctx context.Context, in *ApproveCampaignInput) (*One[Campaign], error) {
	id, err := h.IDs.Row(model.KindCampaign, in.ID)
	if err != nil {
		return nil, err
	}
	if err := h.Campaigns.Approve(ctx, ViewerOf(ctx), id, in.Body.Version); err != nil {
		return nil, err
	}
	return h.campaignNow(ctx, id)
}

// CampaignReasonInput says why something is done to a campaign.
type CampaignReasonInput struct {
	IDPath
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"200"`
	}
}

// RejectCampaign sends a campaign back to whoever wrote it.
func (h *Handlers) RejectCampaign(ctx context.Context, in *CampaignReasonInput) (*One[Campaign], error) {
	return h.operateCampaign(ctx, in, h.Campaigns.Reject)
}

// PauseCampaign keeps a campaign's messages from leaving.
func (h *Handlers) PauseCampaign(ctx context.Context, in *CampaignReasonInput) (*One[Campaign], error) {
	return h.operateCampaign(ctx, in, h.Campaigns.Pause)
}

// StopCampaign ends a campaign; what has not left is cancelled.
func (h *Handlers) StopCampaign(ctx context.Context, in *CampaignReasonInput) (*One[Campaign], error) {
	return h.operateCampaign(ctx, in, h.Campaigns.Stop)
}

// ResumeCampaign lets a paused campaign, or one that its canary has halted, go on.
func (h *Handlers) ResumeCampaign(ctx context.Context, in *IDPath) (*One[Campaign], error) {
	id, err := h.IDs.Row(model.KindCampaign, in.ID)
	if err != nil {
		return nil, err
	}
	if err := h.Campaigns.Resume(ctx, ViewerOf(ctx), id); err != nil {
		return nil, err
	}
	return h.campaignNow(ctx, id)
}

// RescheduleCampaignInput says when the next run is to begin.
type RescheduleCampaignInput struct {
	IDPath
	Body struct {
		At time.Time `json:"at"`
	}
}

// RescheduleCampaign moves a campaign's next run to another time.
func (h *Handlers) RescheduleCampaign(ctx context.Context, in *RescheduleCampaignInput) (*One[Campaign], error) {
	r := h.reader()
	id := r.row(model.KindCampaign, in.ID)
	r.moments(map[string]time.Time{"at": in.Body.At})
	if r.err != nil {
		return nil, r.err
	}
	if err := h.Campaigns.Reschedule(ctx, ViewerOf(ctx), id, in.Body.At); err != nil {
		return nil, err
	}
	return h.campaignNow(ctx, id)
}

func (h *Handlers) operateCampaign(ctx context.Context, in *CampaignReasonInput, f func(context.Context, *staff.Viewer, int64, string) error) (*One[Campaign], error) {
	id, err := h.IDs.Row(model.KindCampaign, in.ID)
	if err != nil {
		return nil, err
	}
	if err := f(ctx, ViewerOf(ctx), id, in.Body.Reason); err != nil {
		return nil, err
	}
	return h.campaignNow(ctx, id)
}

// CampaignRun is one launch of a campaign.
type CampaignRun struct {
	ID         string     `json:"id"`
	Number     int64      `json:"number"`
	PlannedFor time.Time  `json:"planned_for"`
	State      string     `json:"state" doc:"freezing, canary, planning, sending, halted, stopped, done, failed"`
	Reason     string     `json:"reason,omitempty"`
	Members    int64      `json:"members" doc:"in its audience"`
	Excluded   int64      `json:"excluded" doc:"of them, left out"`
	HeldOut    int64      `json:"held_out" doc:"of them, who get nothing"`
	Planned    int64      `json:"planned" doc:"messages handed to the ledger of deliveries"`
	StartedAt  time.Time  `json:"started_at"`
	CanaryAt   *time.Time `json:"canary_at,omitempty" doc:"when the canary is judged"`
	LaunchedAt *time.Time `json:"launched_at,omitempty"`
	CountUntil *time.Time `json:"count_until,omitempty" doc:"until when what customers do counts"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
}

func (h *Handlers) campaignRun(r *model.CampaignRun) CampaignRun {
	return CampaignRun{
		h.IDs.Of(model.KindCampaignRun, r.ID), r.Number, r.PlannedFor, r.State, r.Reason, r.Members, r.Excluded, r.HeldOut, r.Planned, r.StartedAt,
		r.CanaryAt, r.LaunchedAt, r.CountUntil, r.EndedAt,
	}
}

// CampaignRunsInput asks for a page of a campaign's runs.
type CampaignRunsInput struct {
	IDPath
	PageQuery
}

// ListCampaignRuns lists a campaign's runs, newest first.
func (h *Handlers) ListCampaignRuns(ctx context.Context, in *CampaignRunsInput) (*Page[CampaignRun], error) {
	r := h.reader()
	id, before := r.row(model.KindCampaign, in.ID), r.after(listCampaignRun, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Campaigns.Runs(ctx, id, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []CampaignRun
	for i := range rows {
		items = append(items, h.campaignRun(&rows[i]))
	}
	return newPage(h, listCampaignRun, items, lastOf(rows, in.Limit, func(r model.CampaignRun) int64 { return r.Number }))
}

// CampaignReport is what a run came to.
type CampaignReport struct {
	Run       CampaignRun      `json:"run"`
	Excluded  map[string]int64 `json:"excluded" doc:"by reason; who may not be written to is in states as suppressed"`
	Arms      []CampaignArm    `json:"arms" nullable:"false" doc:"the variants, then the hold-out if there is one"`
	Open      bool             `json:"open" doc:"what customers do still counts, or has not been counted to the end"`
	CountedAt *time.Time       `json:"counted_at,omitempty"`
	Visits    int64            `json:"visits" doc:"of the campaign's short links"`
	Coupons   []CampaignCoupon `json:"coupons" nullable:"false" doc:"what came of the coupons that the run gave; and, with another source and of all runs, of those of the same batches that customers took because the campaign had brought them"`
}

// CampaignCoupon is what came of coupons of one batch and source.
type CampaignCoupon struct {
	BatchID  string `json:"batch_id"`
	Source   string `json:"source" doc:"campaign, or how customers took it: claim, code"`
	Variant  string `json:"variant,omitempty" doc:"whose message gave it"`
	Issued   int64  `json:"issued"`
	Used     int64  `json:"used"`
	SavedFen int64  `json:"saved_fen" doc:"what they cost, after refunds"`
	Orders   int64  `json:"orders" doc:"on which they were used"`
	PaidFen  int64  `json:"paid_fen" doc:"for these orders, less what was refunded"`
}

// CampaignArm is what a variant, or the hold-out, came to.
type CampaignArm struct {
	VariantID    string              `json:"variant_id,omitempty" doc:"absent: the hold-out"`
	Name         string              `json:"name,omitempty"`
	Members      int64               `json:"members"`
	Converted    int64               `json:"converted" doc:"members who reached the goal, each once"`
	Times        int64               `json:"times"`
	Value        int64               `json:"value" doc:"sum of the events' values: fen where they are money"`
	States       map[string]int64    `json:"states" doc:"its messages by what became of them"`
	Uplift       *CampaignComparison `json:"uplift,omitempty" doc:"against the hold-out"`
	AgainstFirst *CampaignComparison `json:"against_first,omitempty" doc:"against the first variant"`
}

// CampaignComparison is how one arm differs from another.
type CampaignComparison struct {
	Extra   float64 `json:"extra" doc:"how many more of 1000 converted"`
	Low     float64 `json:"low" doc:"the difference lies between low and high in 19 cases of 20"`
	High    float64 `json:"high"`
	Verdict string  `json:"verdict" enum:"more,less,too_small"`
	Zh      string  `json:"zh"`
	En      string  `json:"en"`
}

var campaignVerdicts = map[campaign.Verdict][2]string{
	campaign.More: {"有提升", "more"}, campaign.Less: {"有下降", "less"}, campaign.TooSmall: {"样本太小，无法判断", "too small to tell"},
}

func comparison(c *campaign.Comparison) *CampaignComparison {
	if c == nil {
		return nil
	}
	words := campaignVerdicts[c.Verdict]
	return &CampaignComparison{c.Extra, c.Low, c.High, string(c.Verdict), words[0], words[1]}
}

// CampaignReportInput names a run of a campaign.
type CampaignReportInput struct {
	IDPath
	RunID string `path:"run_id" doc:"public id of the run"`
}

// GetCampaignReport says what a run of a campaign came to.
func (h *Handlers) GetCampaignReport(ctx context.Context, in *CampaignReportInput) (*One[CampaignReport], error) {
	r := h.reader()
	id, run := r.row(model.KindCampaign, in.ID), r.row(model.KindCampaignRun, in.RunID)
	if r.err != nil {
		return nil, r.err
	}
	rep, err := h.Campaigns.Report(ctx, id, run)
	if err != nil {
		return nil, err
	}
	out := CampaignReport{Run: h.campaignRun(&rep.Run), Excluded: rep.Excluded, Arms: []CampaignArm{}, Open: rep.Open, CountedAt: rep.CountedAt, Visits: rep.Visits, Coupons: []CampaignCoupon{}}
	for _, c := range rep.Coupons {
		out.Coupons = append(out.Coupons, CampaignCoupon{
			h.IDs.Of(model.KindCouponBatch, c.BatchID), c.Source, c.Variant, c.Issued, c.Used, int64(c.SavedFen), c.Orders, int64(c.PaidFen),
		})
	}
	for _, a := range rep.Arms {
		arm := CampaignArm{
			VariantID: h.IDs.Of(model.KindCampaignVariant, a.VariantID), Name: a.Name, Members: a.Members, Converted: a.Converted, Times: a.Times,
			Value: a.ValueFen, States: map[string]int64{}, Uplift: comparison(a.Uplift), AgainstFirst: comparison(a.Against),
		}
		for state, n := range a.States {
			arm.States[state.String()] = n
		}
		out.Arms = append(out.Arms, arm)
	}
	return one(out), nil
}
