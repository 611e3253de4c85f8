package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/lifecycle"
)

// ErrBadDay is answered to a day that the calendar doesn't have.
var ErrBadDay = fault.New(fault.Invalid, "lifecycle.bad_day", "日期无效", "There is no such day")

// LifecycleDaysInput is a span of business days, both included.
type LifecycleDaysInput struct {
	From string `query:"from" required:"true" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"first business day, 2006-01-02"`
	To   string `query:"to" required:"true" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"last business day; at most 400 days"`
}

func (in LifecycleDaysInput) days() (from, to time.Time, err error) {
	if from, err = time.Parse(time.DateOnly, in.From); err != nil {
		return from, to, ErrBadDay.With("from", "2006-01-02")
	}
	if to, err = time.Parse(time.DateOnly, in.To); err != nil {
		return from, to, ErrBadDay.With("to", "2006-01-02")
	}
	return from, to, nil
}

// LifecycleFlow lists how many went from where to where, day by day.
func (h *Handlers) LifecycleFlow(ctx context.Context, in *LifecycleDaysInput) (*Page[LifecycleMove], error) {
	from, to, err := in.days()
	if err != nil {
		return nil, err
	}
	flows, err := h.Lifecycle.Flows(ctx, from, to)
	if err != nil {
		return nil, err
	}
	var items []LifecycleMove
	for _, f := range flows {
		items = append(items, lifecycleMove(f))
	}
	return whole(items), nil
}

// LifecycleDay is one stage at the end of a night.
type LifecycleDay struct {
	Day         string `json:"day"`
	Stage       string `json:"stage"`
	Customers   int64  `json:"customers"`
	ValueScore  int64  `json:"value_score" doc:"of all of them together"`
	ExpectedFen int64  `json:"expected_fen" doc:"expected of them in the next 90 days, where it is known"`
}

// LifecycleCurve lists how many customers each stage had, night by night, and what they were worth.
func (h *Handlers) LifecycleCurve(ctx context.Context, in *LifecycleDaysInput) (*Page[LifecycleDay], error) {
	from, to, err := in.days()
	if err != nil {
		return nil, err
	}
	rows, err := h.Lifecycle.Curve(ctx, from, to)
	if err != nil {
		return nil, err
	}
	var items []LifecycleDay
	for _, r := range rows {
		items = append(items, LifecycleDay{dashed(r.Day), r.Stage, r.Customers, r.ValueScore, int64(r.ExpectedFen)})
	}
	return whole(items), nil
}

// LifecycleCount is how many customers are in a stage now.
type LifecycleCount struct {
	Stage     string `json:"stage"`
	Title     string `json:"title"`
	Phase     string `json:"phase"`
	Customers int64  `json:"customers"`
}

// LifecyclePhase is how many customers are in a phase of the relationship.
type LifecyclePhase struct {
	Phase     string `json:"phase" doc:"explore 考察期, forming 形成期, stable 稳定期, none"`
	Customers int64  `json:"customers"`
}

// LifecycleDistribution is how many customers are where.
type LifecycleDistribution struct {
	Total  int64            `json:"total"`
	Stages []LifecycleCount `json:"stages" nullable:"false"`
	Phases []LifecyclePhase `json:"phases" nullable:"false"`
}

// LifecycleDistribution counts customers by stage, and by phase of the relationship.
func (h *Handlers) LifecycleDistribution(ctx context.Context, _ *struct{}) (*One[LifecycleDistribution], error) {
	d, err := h.Lifecycle.Distribution(ctx)
	if err != nil {
		return nil, err
	}
	out := LifecycleDistribution{d.Total, []LifecycleCount{}, []LifecyclePhase{}}
	for _, s := range d.Stages {
		out.Stages = append(out.Stages, LifecycleCount{s.Stage.Name, s.Stage.Title, outerPhase(s.Stage.Phase), s.Customers})
	}
	for _, p := range d.Phases {
		out.Phases = append(out.Phases, LifecyclePhase{outerPhase(p.Phase), p.Customers})
	}
	return one(out), nil
}

// LifecycleCell is how many customers have these scores.
type LifecycleCell struct {
	Recency   int     `json:"recency"`
	Frequency int     `json:"frequency"`
	Customers int64   `json:"customers"`
	Monetary  float64 `json:"monetary" doc:"mean of their scores for amounts"`
}

// LifecycleBoundaries are where scores begin and end.
type LifecycleBoundaries struct {
	LifecycleRFM
	Buyers int64 `json:"buyers" doc:"of whom quintiles were found; 0: set thresholds"`
}

// LifecycleRFMTable is the table of scores, five by five.
type LifecycleRFMTable struct {
	Boundaries LifecycleBoundaries `json:"boundaries"`
	Never      int64               `json:"never" doc:"customers who bought nothing"`
	Cells      []LifecycleCell     `json:"cells" nullable:"false" doc:"cells without customers are absent"`
}

func lifecycleBoundaries(b lifecycle.Boundaries) LifecycleBoundaries {
	return LifecycleBoundaries{LifecycleRFM{b.Mode, b.WindowDays, b.Recency, b.Frequency, b.Monetary}, b.Buyers}
}

// LifecycleRFMTable counts customers by recency and frequency.
func (h *Handlers) LifecycleRFMTable(ctx context.Context, _ *struct{}) (*One[LifecycleRFMTable], error) {
	t, err := h.Lifecycle.RFM(ctx)
	if err != nil {
		return nil, err
	}
	out := LifecycleRFMTable{lifecycleBoundaries(t.Boundaries), t.Never, []LifecycleCell{}}
	for _, c := range t.Cells {
		out.Cells = append(out.Cells, LifecycleCell{c.Recency, c.Frequency, c.Customers, float64(c.Monetary) / float64(c.Customers)})
	}
	return one(out), nil
}

// LifecycleRun is one computation for all customers.
type LifecycleRun struct {
	ID         string     `json:"id"`
	Status     string     `json:"status" doc:"running, done, failed, cancelled"`
	Cause      string     `json:"cause" doc:"night, person"`
	Phase      string     `json:"phase" doc:"measure, score, count, finish"`
	Total      int64      `json:"total" doc:"customers; 0: not known yet"`
	Finished   int64      `json:"finished" doc:"of them, in this phase"`
	Changed    int64      `json:"changed" doc:"customers whose stage changed"`
	Error      string     `json:"error,omitempty"`
	StartedAt  time.Time  `json:"started_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

func (h *Handlers) lifecycleRun(r *model.LifecycleRun) LifecycleRun {
	return LifecycleRun{
		h.IDs.Of(model.KindLifecycleRun, r.ID), r.Status, r.Cause, r.Phase, r.Total, r.Finished, r.Changed, r.Error, r.StartedAt, r.UpdatedAt, r.FinishedAt,
	}
}

// ListLifecycleRuns lists computations, newest first.
func (h *Handlers) ListLifecycleRuns(ctx context.Context, in *PageQuery) (*Page[LifecycleRun], error) {
	r := h.reader()
	before := r.after(listLifecycleRun, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Lifecycle.Runs(ctx, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []LifecycleRun
	for i := range rows {
		items = append(items, h.lifecycleRun(&rows[i]))
	}
	return newPage(h, listLifecycleRun, items, lastOf(rows, in.Limit, func(r model.LifecycleRun) int64 { return r.ID }))
}

// StartLifecycleRun has everything computed anew.
func (h *Handlers) StartLifecycleRun(ctx context.Context, _ *struct{}) (*One[LifecycleRun], error) {
	run, err := h.Lifecycle.Start(ctx)
	if err != nil {
		return nil, err
	}
	return one(h.lifecycleRun(run)), nil
}

// GetLifecycleRun tells how far a computation is.
func (h *Handlers) GetLifecycleRun(ctx context.Context, in *IDPath) (*One[LifecycleRun], error) {
	id, err := h.IDs.Row(model.KindLifecycleRun, in.ID)
	if err != nil {
		return nil, err
	}
	run, err := h.Lifecycle.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.lifecycleRun(run)), nil
}

// CancelLifecycleRun ends a computation; what it has done stays.
func (h *Handlers) CancelLifecycleRun(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindLifecycleRun, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Lifecycle.Cancel(ctx, id)
}
