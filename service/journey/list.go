package journey

import (
	"cmp"
	"context"
	"strings"

	"zhiyin/model"
	"zhiyin/service/segment"
	"zhiyin/service/staff"
)

// ListFilter selects journeys.
type ListFilter struct {
	Name  string // a part of it
	State string // empty: any
	After int64  // 0: the first page
	Limit int
}

// List lists journeys, the newest first, without their drafts.
func (s *Service) List(ctx context.Context, f ListFilter) ([]model.Journey, error) {
	return listJourneys(s.DB.WithContext(ctx), f)
}

// Version is a definition that customers go by, or went by.
type Version struct {
	model.JourneyVersion
	Plan *Definition
}

// Versions lists a journey's versions, the newest first, at most 200.
func (s *Service) Versions(ctx context.Context, id int64) ([]Version, error) {
	db := s.DB.WithContext(ctx)
	if _, err := journeyByID(db, id); err != nil {
		return nil, err
	}
	rows, err := versionsOf(db, id)
	if err != nil {
		return nil, err
	}
	out := make([]Version, len(rows))
	for i, r := range rows {
		if out[i].Plan, err = s.readTx(db, []byte(r.Definition), segment.RowIDs); err != nil {
			return nil, err
		}
		out[i].JourneyVersion = r
	}
	return out, nil
}

// Diff tells what is another in one version of a journey than in an earlier one; number 0 is the draft.
func (s *Service) Diff(ctx context.Context, id int64, from, to int, refs segment.Refs) ([]Difference, error) {
	db := s.DB.WithContext(ctx)
	row, err := journeyByID(db, id)
	if err != nil {
		return nil, err
	}
	of := func(number int) (*Definition, error) {
		if number == 0 {
			return s.readTx(db, []byte(row.Draft), segment.RowIDs)
		}
		return s.plan(db, id, number)
	}
	before, err := of(from)
	if err != nil {
		return nil, err
	}
	after, err := of(to)
	if err != nil {
		return nil, err
	}
	return Compare(before, after, refs), nil
}

// EnrolmentFilter selects enrolments.
type EnrolmentFilter struct {
	JourneyID  int64 // 0: of any journey
	CustomerID int64 // 0: of anybody
	State      string
	Node       string
	Before     int64 // 0: the first page
	Limit      int
}

// Enrolments lists enrolments of customers whom the viewer may see, the newest first. It fails with ErrNotFound when there
// is no such journey.
func (s *Service) Enrolments(ctx context.Context, v *staff.Viewer, f EnrolmentFilter) ([]model.Enrolment, error) {
	if f.JourneyID != 0 {
		if _, err := journeyByID(s.DB.WithContext(ctx), f.JourneyID); err != nil {
			return nil, err
		}
	}
	if f.CustomerID != 0 {
		if seen, err := s.Customers.Visible(ctx, v, []int64{f.CustomerID}); err != nil || len(seen) == 0 {
			return nil, cmp.Or(err, error(ErrCustomer))
		}
	}
	return s.seen(ctx, v, f)
}

// Visits gives an enrolment of a customer whom the viewer may see, and which steps it has left behind, in order. It fails
// with ErrEnrolment.
func (s *Service) Visits(ctx context.Context, v *staff.Viewer, id int64) (*model.Enrolment, []model.EnrolmentVisit, error) {
	db := s.DB.WithContext(ctx)
	row, err := s.visible(ctx, v, id)
	if err != nil {
		return nil, nil, err
	}
	visits, err := visitsOf(db, id)
	return row, visits, err
}

// visible finds an enrolment of a customer whom the viewer may see.
func (s *Service) visible(ctx context.Context, v *staff.Viewer, id int64) (*model.Enrolment, error) {
	row, err := enrolmentByID(s.DB.WithContext(ctx), id)
	if err != nil {
		return nil, err
	}
	seen, err := s.Customers.Visible(ctx, v, []int64{row.CustomerID})
	if err == nil && len(seen) == 0 {
		err = ErrEnrolment
	}
	return row, err
}

// seen reads on until a page of those whom the viewer may see is full.
func (s *Service) seen(ctx context.Context, v *staff.Viewer, f EnrolmentFilter) (out []model.Enrolment, err error) {
	db, limit := s.DB.WithContext(ctx), f.Limit
	for range 20 {
		rows, err := enrolmentsBefore(db, f)
		if err != nil || len(rows) == 0 {
			return out, err
		}
		ids := make([]int64, len(rows))
		for i, r := range rows {
			ids[i] = r.CustomerID
		}
		seen, err := s.Customers.Visible(ctx, v, ids)
		if err != nil {
			return nil, err
		}
		may := setOf(seen)
		for _, r := range rows {
			if may[r.CustomerID] && len(out) < limit {
				out = append(out, r)
			}
		}
		if len(out) == limit || len(rows) < f.Limit {
			return out, nil
		}
		f.Before = rows[len(rows)-1].ID
	}
	return out, nil
}

// Funnel is how customers went through a version.
type Funnel struct {
	Version                       int
	Entered, Held, Goal, HeldGoal int64
	Running, Stuck                int64
	Ended                         map[string]int64 // by reason
	Nodes                         []FunnelNode
	// The shares of those who reached the goal in basis points, and how much more that is than in the hold-out.
	GoalPoints, HeldPoints, Uplift *int64
}

// FunnelNode is how customers went through a node.
type FunnelNode struct {
	ID, Title, Step string
	Arrived         int64
	Here            int64 // now
	Outcomes        map[string]int64
}

// Funnel counts how customers went through a version of a journey; number 0 is the one that takes new enrolments.
func (s *Service) Funnel(ctx context.Context, id int64, version int) (*Funnel, error) {
	db := s.DB.WithContext(ctx)
	row, err := journeyByID(db, id)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		version = row.Version
	}
	d, err := s.plan(db, id, version)
	if err != nil {
		return nil, err
	}
	counts, err := countsOf(db, id, version)
	if err != nil {
		return nil, err
	}
	here, err := hereNow(db, id, version)
	if err != nil {
		return nil, err
	}
	return d.funnel(version, counts, here), nil
}

// funnel sorts counts by what they are about.
func (d *Definition) funnel(version int, counts []model.JourneyCount, here []hereCount) *Funnel {
	f := &Funnel{Version: version, Ended: map[string]int64{}}
	at := map[string]int{}
	for i, n := range d.Nodes {
		at[n.ID] = i
		f.Nodes = append(f.Nodes, FunnelNode{ID: n.ID, Title: n.Title, Step: n.Step, Outcomes: map[string]int64{}})
	}
	whole := map[string]*int64{countEntered: &f.Entered, countHeld: &f.Held, countGoal: &f.Goal, countHeldGoal: &f.HeldGoal}
	for _, c := range counts {
		i, known := at[c.Node]
		switch reason, ended := strings.CutPrefix(c.Outcome, countEnded); {
		case c.Node == "" && whole[c.Outcome] != nil:
			*whole[c.Outcome] += c.Times
		case c.Node == "" && ended:
			f.Ended[reason] += c.Times
		case known && c.Outcome == "":
			f.Nodes[i].Arrived += c.Times
		case known:
			f.Nodes[i].Outcomes[c.Outcome] += c.Times
		}
	}
	for _, h := range here {
		if h.State == Stuck {
			f.Stuck += h.Count
		} else {
			f.Running += h.Count
		}
		if i, known := at[h.Node]; known {
			f.Nodes[i].Here += h.Count
		}
	}
	f.GoalPoints, f.HeldPoints = points(f.Goal, f.Entered), points(f.HeldGoal, f.Held)
	if f.GoalPoints != nil && f.HeldPoints != nil {
		more := *f.GoalPoints - *f.HeldPoints
		f.Uplift = &more
	}
	return f
}

// points is a share in basis points; nil where there is nothing to have a share of.
func points(part, whole int64) *int64 {
	if whole == 0 {
		return nil
	}
	p := (part*10_000 + whole/2) / whole
	return &p
}
