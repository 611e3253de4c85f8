package lifecycle

import (
	"context"
	"time"

	"zhiyin/model"
)

// Distribution is how many customers are where now.
type Distribution struct {
	Total  int64
	Stages []StageCount // in the order of the setting; those that it doesn't know any more at the end
	Phases []PhaseCount
}

// StageCount is one stage of a distribution.
type StageCount struct {
	Stage     Stage
	Customers int64
}

// PhaseCount is one phase of the relationship: the stages that belong to it.
type PhaseCount struct {
	Phase     string // empty: none of them
	Customers int64
}

// Distribution counts customers by stage and by phase of the relationship.
func (s *Service) Distribution(ctx context.Context) (*Distribution, error) {
	db := s.db.WithContext(ctx)
	setting, err := loadSetting(db)
	if err != nil {
		return nil, err
	}
	counts, err := stageCounts(db)
	if err != nil {
		return nil, err
	}
	d := &Distribution{}
	phases := map[string]int64{}
	for _, st := range setting.Stages {
		d.add(st, counts[st.Name], phases)
		delete(counts, st.Name)
	}
	for name, n := range counts {
		d.add(Stage{Name: name, Title: name}, n, phases)
	}
	for _, p := range []string{PhaseExplore, PhaseForming, PhaseStable, ""} {
		d.Phases = append(d.Phases, PhaseCount{p, phases[p]})
	}
	return d, nil
}

func (d *Distribution) add(st Stage, n int64, phases map[string]int64) {
	d.Stages = append(d.Stages, StageCount{st, n})
	d.Total += n
	phases[st.Phase] += n
}

// maxRange bounds how many days a report spans.
const maxRange = 400

// days checks a range of days of business, both inclusive.
func (s *Service) days(from, to time.Time) (first, last int, err error) {
	a, b := dayOf(from, time.UTC), dayOf(to, time.UTC)
	if b < a || b-a >= maxRange || from.Year() < 2000 || to.Year() > 9998 {
		return 0, 0, ErrRange
	}
	return calendar(a), calendar(b), nil
}

// Flow is how many went from one stage to another on one day.
type Flow struct {
	Day       int    // yyyymmdd
	From, To  string // From is empty for those who were placed for the first time
	Customers int64
}

// Flows counts the changes of each day, from the history itself. Of from and to the date counts, as it is in UTC. It fails
// with ErrRange.
func (s *Service) Flows(ctx context.Context, from, to time.Time) ([]Flow, error) {
	first, last, err := s.days(from, to)
	if err != nil {
		return nil, err
	}
	return flowsBetween(s.db.WithContext(ctx), first, last)
}

// Curve gives how many customers each stage had at the end of each night, and what they were worth. It fails with ErrRange.
func (s *Service) Curve(ctx context.Context, from, to time.Time) ([]model.StageDay, error) {
	first, last, err := s.days(from, to)
	if err != nil {
		return nil, err
	}
	return stageDaysBetween(s.db.WithContext(ctx), first, last)
}

// Cell is how many customers have these scores.
type Cell struct {
	Recency, Frequency int
	Customers          int64
	Monetary           int64 // the sum of their scores for amounts
}

// RFMTable counts customers by their scores.
type RFMTable struct {
	Boundaries Boundaries
	Never      int64 // bought nothing
	Cells      []Cell
}

// RFM gives the table of scores, and the boundaries they were given by.
func (s *Service) RFM(ctx context.Context) (*RFMTable, error) {
	db := s.db.WithContext(ctx)
	f, err := s.frame(db)
	if err != nil {
		return nil, err
	}
	cells, err := rfmCells(db)
	if err != nil {
		return nil, err
	}
	t := &RFMTable{Boundaries: f.boundaries()}
	for _, c := range cells {
		if c.Recency == 0 {
			t.Never += c.Customers
		} else {
			t.Cells = append(t.Cells, c)
		}
	}
	return t, nil
}

// Card gives what is known of the models of the last computation; nil before the first.
func (s *Service) Card(ctx context.Context) (*Card, error) {
	b, err := latestBasis(s.db.WithContext(ctx))
	if err != nil || b == nil {
		return nil, err
	}
	return &b.Card, nil
}
