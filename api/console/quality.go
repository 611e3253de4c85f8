package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/profile"
)

// Quality reports on the data of all customers.
type Quality struct {
	FinishedAt   *time.Time       `json:"finished_at,omitempty" doc:"of the last whole look; absent: none yet"`
	Customers    int64            `json:"customers" doc:"that were looked at"`
	Completeness int              `json:"completeness" doc:"on the average, in basis points"`
	Missing      map[string]int64 `json:"missing" doc:"how many lack which field"`
	Findings     []FindingCount   `json:"findings" nullable:"false"`
	Running      *int64           `json:"running,omitempty" doc:"how many the look under way has come to"`
}

// FindingCount says how often something is wrong.
type FindingCount struct {
	Kind   string `json:"kind" enum:"duplicate,impossible"`
	Field  string `json:"field"`
	Reason string `json:"reason" doc:"a stable word"`
	Times  int64  `json:"times"`
}

// GetQuality reports on the data of all customers.
func (h *Handlers) GetQuality(ctx context.Context, _ *struct{}) (*One[Quality], error) {
	r, err := h.Profiles.Quality(ctx)
	if err != nil {
		return nil, err
	}
	out := Quality{r.FinishedAt, r.Customers, r.Completeness, r.Missing, []FindingCount{}, r.Running}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, FindingCount(f))
	}
	return one(out), nil
}

// ListFindingsInput selects findings.
type ListFindingsInput struct {
	PageQuery
	Kind string `query:"kind" enum:"duplicate,impossible"`
}

// Finding is something wrong in a customer's data.
type Finding struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind" enum:"duplicate,impossible"`
	CustomerID string    `json:"customer_id"`
	OtherID    string    `json:"other_id,omitempty" doc:"who looks like the same person"`
	Field      string    `json:"field"`
	Reason     string    `json:"reason" doc:"a stable word, never the value"`
	FoundAt    time.Time `json:"found_at"`
}

// ListFindings lists what is wrong in customers' data.
func (h *Handlers) ListFindings(ctx context.Context, in *ListFindingsInput) (*Page[Finding], error) {
	after, err := unseal[int64](h.Cursors, listFinding, in.Cursor)
	if err != nil {
		return nil, err
	}
	rows, err := h.Profiles.Findings(ctx, profile.FindingFilter{Kind: in.Kind, After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	var items []Finding
	for _, f := range rows {
		items = append(items, Finding{
			h.IDs.Of(model.KindQualityFinding, f.ID), f.Kind, h.IDs.Of(model.KindCustomer, f.CustomerID), h.IDs.Of(model.KindCustomer, f.OtherID), f.Field, f.Reason, f.FoundAt,
		})
	}
	return newPage(h, listFinding, items, lastOf(rows, in.Limit, func(f model.QualityFinding) int64 { return f.ID }))
}
