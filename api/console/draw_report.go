package console

import (
	"context"

	"zhiyin/model"
)

// DrawReport is what became of a draw.
type DrawReport struct {
	Tries     int64             `json:"tries"`
	Customers int64             `json:"customers"`
	PointsIn  int64             `json:"points_in" doc:"what tries cost"`
	PointsOut int64             `json:"points_out" doc:"that were won"`
	CostFen   int64             `json:"cost_fen" doc:"of all prizes"`
	Prizes    []DrawPrizeReport `json:"prizes" nullable:"false"`
	Nothing   int64             `json:"nothing" doc:"rolls that hold no prize"`
	ChiSquare float64           `json:"chi_square" doc:"how far the rolls are from the published odds"`
	Freedom   int               `json:"freedom" doc:"degrees of freedom"`
	Chance    int               `json:"chance" doc:"of a million fair draws so many are at least so far from their odds"`
	Verdict   string            `json:"verdict" doc:"too_few (to tell), as_published, unusual (below 1 in 100), far_off (below 1 in 10000)"`
}

// DrawPrizeReport is what became of one prize.
type DrawPrizeReport struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Odds    int    `json:"odds" doc:"published, of a million"`
	Seen    int64  `json:"seen" doc:"how often it came, of a million tries"`
	Hits    int64  `json:"hits" doc:"rolls that its odds hold"`
	Won     int64  `json:"won"`
	Gone    int64  `json:"gone" doc:"rolls that would have won it, had there been one left"`
	Stock   int64  `json:"stock" doc:"0: any number"`
	CostFen int64  `json:"cost_fen" doc:"as was said of each; of coupons what they have saved until now"`
}

// GetDrawReport tells what became of a draw.
func (h *Handlers) GetDrawReport(ctx context.Context, in *IDPath) (*One[DrawReport], error) {
	id, err := h.IDs.Row(model.KindDraw, in.ID)
	if err != nil {
		return nil, err
	}
	r, err := h.Draws.Report(ctx, id)
	if err != nil {
		return nil, err
	}
	out := DrawReport{
		Tries: r.Tries, Customers: r.Customers, PointsIn: r.PointsIn, PointsOut: r.PointsOut, CostFen: int64(r.CostFen), Prizes: []DrawPrizeReport{},
		Nothing: r.Nothing, ChiSquare: r.ChiSquare, Freedom: r.Freedom, Chance: r.Chance, Verdict: r.Verdict,
	}
	for _, p := range r.Prizes {
		seen := int64(0)
		if r.Tries > 0 {
			seen = p.Hits * 1_000_000 / r.Tries
		}
		out.Prizes = append(out.Prizes, DrawPrizeReport{p.Name, p.Kind, p.Odds, seen, p.Hits, p.Won, p.Gone, p.Stock, int64(p.CostFen)})
	}
	return one(out), nil
}
