package console

import (
	"context"

	"zhiyin/model"
	"zhiyin/service/loyalty"
)

// PointsMoved is what became of points within some time.
type PointsMoved struct {
	Earned    int64 `json:"earned"`
	Spent     int64 `json:"spent"`
	Returned  int64 `json:"returned" doc:"of what was spent"`
	Expired   int64 `json:"expired"`
	TakenBack int64 `json:"taken_back" doc:"because an order was refunded"`
	Restored  int64 `json:"restored" doc:"of what was taken back"`
	Added     int64 `json:"added" doc:"by hand"`
	Removed   int64 `json:"removed" doc:"by hand"`
}

// PointsDay is what became of points on one business day.
type PointsDay struct {
	Day string `json:"day"`
	PointsMoved
}

// PointsByRule is what was earned by one rule.
type PointsByRule struct {
	RuleID    string `json:"rule_id,omitempty" doc:"absent: by no rule, as check-ins, journeys and prizes"`
	Earned    int64  `json:"earned"`
	TakenBack int64  `json:"taken_back"`
	Restored  int64  `json:"restored"`
}

// PointsReport is what became of points, and what customers have to spend still.
type PointsReport struct {
	Sum            PointsMoved    `json:"sum"`
	Days           []PointsDay    `json:"days" nullable:"false"`
	Rules          []PointsByRule `json:"rules" nullable:"false" doc:"the one that gave most first"`
	Outstanding    int64          `json:"outstanding" doc:"points that the house owes now, frozen ones included"`
	Frozen         int64          `json:"frozen"`
	Owed           int64          `json:"owed" doc:"points that customers owe, who spent what was taken back"`
	HundredFen     int64          `json:"hundred_points_fen" doc:"what a hundred points are worth; 0: nobody has said"`
	OutstandingFen int64          `json:"outstanding_fen" doc:"what is outstanding, in fen"`
}

// PointsReportInput is a span of business days, both included.
type PointsReportInput struct {
	From string `query:"from" required:"true" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"first business day, 2006-01-02"`
	To   string `query:"to" required:"true" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"last business day; at most 92 days"`
}

// GetPointsReport tells what became of points.
func (h *Handlers) GetPointsReport(ctx context.Context, in *PointsReportInput) (*One[PointsReport], error) {
	r, err := h.Loyalty.Report(ctx, in.From, in.To)
	if err != nil {
		return nil, err
	}
	out := PointsReport{
		Sum: pointsMoved(r.Sum), Days: []PointsDay{}, Rules: []PointsByRule{}, Outstanding: r.Outstanding, Frozen: r.Frozen, Owed: r.Owed,
		HundredFen: r.HundredFen, OutstandingFen: r.OutstandingFen,
	}
	for _, d := range r.Days {
		out.Days = append(out.Days, PointsDay{d.Day, pointsMoved(d.Moved)})
	}
	for _, m := range r.Rules {
		out.Rules = append(out.Rules, PointsByRule{h.IDs.Of(model.KindPointsRule, m.RuleID), m.Earned, m.TakenBack, m.Restored})
	}
	return one(out), nil
}

func pointsMoved(m loyalty.Moved) PointsMoved {
	return PointsMoved{m.Earned, m.Spent, m.Returned, m.Expired, m.TakenBack, m.Restored, m.Added, m.Removed}
}
