package campaign

import (
	"context"
	"fmt"
	"maps"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/coupon"
	"zhiyin/service/outreach"
	"zhiyin/service/work"
)

// Arm is what one variant of a run, or its hold-out, came to. Everybody counts who was put into it, whether their message
// left or not, so that arms differ in nothing but what was intended for them.
type Arm struct {
	VariantID int64 // 0: the hold-out
	Name      string
	Members   int64
	Converted int64 // members who reached the goal from the launch to the end of the window, each once
	Times     int64
	ValueFen  int64
	States    map[outreach.State]int64 // what became of its messages
	// Uplift holds it against the hold-out, and Against against the first variant; nil where there is nothing to hold it against.
	Uplift, Against *Comparison
}

// Report is what a run came to.
type Report struct {
	Run      model.CampaignRun
	Excluded map[string]int64 // by reason, of those who were left out of the audience
	Arms     []Arm            // the variants in their order, then the hold-out if there is one
	// Open: conversions are still being counted. CountedAt is when they were counted last; nil: not yet.
	Open      bool
	CountedAt *time.Time
	Visits    int64 // of the campaign's short links, by anybody
	// Coupons tells what came of the coupons that the run gave; and, of the same batches, of those that customers took because the
	// campaign had brought them, in any of its runs.
	Coupons []coupon.CampaignReport
}

// Report gives the report of a run. It fails with ErrNotFound or ErrRunNotFound.
func (s *Service) Report(ctx context.Context, id, runID int64) (*Report, error) {
	db := s.DB.WithContext(ctx)
	run, c, err := s.running(ctx, runID)
	if err != nil {
		return nil, err
	}
	if run.CampaignID != id {
		return nil, ErrRunNotFound
	}
	r := &Report{Run: *run, CountedAt: run.ReportedAt, Open: run.CountUntil == nil || run.ReportedAt == nil || run.ReportedAt.Before(*run.CountUntil)}
	if r.Excluded, err = excludedBy(db, runID); err != nil {
		return nil, err
	}
	if r.Arms, err = s.armsOf(ctx, c, run); err != nil {
		return nil, err
	}
	compareArms(r.Arms)
	if r.Visits, err = visitsOf(db, id); err != nil {
		return nil, err
	}
	if c.Definition.gives() && s.Coupons != nil {
		r.Coupons, err = s.Coupons.OfCampaign(ctx, id, runID, c.Definition.batches())
	}
	return r, err
}

func (s *Service) armsOf(ctx context.Context, c *Campaign, run *model.CampaignRun) ([]Arm, error) {
	rows, err := armsOfRun(s.DB.WithContext(ctx), run.ID)
	if err != nil {
		return nil, err
	}
	totals, err := s.totals(ctx, run)
	if err != nil {
		return nil, err
	}
	var out []Arm
	for _, v := range c.Definition.Variants {
		arm := armFrom(rows[v.ID], v.ID, v.Name)
		maps.Copy(arm.States, totals[v.Name])
		out = append(out, arm)
	}
	if run.HeldOut > 0 {
		out = append(out, armFrom(rows[0], 0, ""))
	}
	return out, nil
}

func armFrom(row model.CampaignArm, id int64, name string) Arm {
	return Arm{VariantID: id, Name: name, Members: row.Members, Converted: row.Converted, Times: row.Times, ValueFen: row.ValueFen, States: map[outreach.State]int64{}}
}

// compareArms holds every variant against the hold-out, and against the first.
func compareArms(arms []Arm) {
	variants := arms
	var held *Arm
	if n := len(arms); n > 0 && arms[n-1].VariantID == 0 {
		held, variants = &arms[n-1], arms[:n-1]
	}
	for i := range variants {
		if held != nil {
			c := compare(variants[i], *held, len(variants))
			variants[i].Uplift = &c
		}
		if i > 0 {
			c := compare(variants[i], variants[0], len(variants)-1)
			variants[i].Against = &c
		}
	}
}

// launched notes that the messages of a run begin to be planned for all of its audience, and until when what they do
// counts.
func (s *Service) launched(c *Campaign, run *model.CampaignRun) {
	now := s.Now()
	until := now
	if goal := c.Definition.Goal; goal != nil {
		until = now.Add(time.Duration(goal.Hours) * time.Hour)
	}
	run.LaunchedAt, run.CountUntil = &now, &until
}

// CountDue has conversions counted of the runs whose window is open, or has ended since they were counted last.
func (s *Service) CountDue(ctx context.Context) error {
	runs, err := runsToCount(s.DB.WithContext(ctx))
	if err != nil {
		return err
	}
	for _, id := range runs {
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.Queue.Enqueue(tx, countOf(id)) })
		if err != nil {
			return err
		}
	}
	return nil
}

func countOf(runID int64) work.Item {
	return work.Item{Kind: workCount, Payload: runRef{runID}, Lane: work.LaneBulk, OrderKey: fmt.Sprintf("campaign.count:%d", runID)}
}

// countPage is how many members one statement joins with what they did.
const countPage = 20_000

// count counts a run's conversions anew. It may be repeated.
func (s *Service) count(ctx context.Context, _ *work.Lease, p runRef) error {
	run, c, err := s.running(ctx, p.RunID)
	if err != nil || run.CountUntil == nil {
		return err
	}
	q := counting{runID: run.ID, after: -1, from: *run.FrozenAt, to: *run.CountUntil}
	if c.Definition.Goal != nil {
		q.kind = c.Definition.Goal.Kind
	}
	now, db, sums := s.Now(), s.DB.WithContext(ctx), armSums{}
	for {
		q.last, err = lastOfPage(db, run.ID, q.after, countPage)
		if err != nil {
			return err
		}
		if q.last == q.after {
			break
		}
		if err := countArms(db, q, sums); err != nil {
			return err
		}
		q.after = q.last
	}
	if err := s.convert(ctx, c, run, q); err != nil {
		return err
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return storeArms(tx, run.ID, sums, now) })
}

// convert has the ledger say of each message whether its customer reached the goal.
func (s *Service) convert(ctx context.Context, c *Campaign, run *model.CampaignRun, q counting) error {
	if q.kind == "" {
		return nil
	}
	steps := make([]string, len(c.Definition.Variants))
	for i, v := range c.Definition.Variants {
		steps[i] = Step(run.Number, v.Name)
	}
	_, err := s.Ledger.Convert(ctx, outreach.Goal{
		Source: Source, SourceID: c.ID, Steps: steps, Occurrence: Occurrence(run.Number), Kind: q.kind, From: q.from, Until: q.to,
	})
	return err
}

// counting is a page of a run's members, and what they do counts.
type counting struct {
	runID, after, last int64
	kind               string // empty: the campaign has no goal
	from, to           time.Time
}

// armSums are arms by their variant.
type armSums map[int64]*model.CampaignArm

func (a armSums) arm(id int64) *model.CampaignArm {
	if a[id] == nil {
		a[id] = &model.CampaignArm{VariantID: id}
	}
	return a[id]
}
