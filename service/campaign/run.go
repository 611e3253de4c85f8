package campaign

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
	"zhiyin/service/work"
)

// runRef is the payload of a work: which run to go on with.
type runRef struct {
	RunID int64 `json:"run_id"`
}

const (
	// turn is how long one attempt goes on before others have theirs.
	turn = 20 * time.Second
	// pausedLook is how often a run of a paused campaign is looked at; resuming wakes it besides.
	pausedLook = time.Minute
	// canaryLook is how often the few are looked at before their time is over.
	canaryLook = time.Minute
)

// errMoved says that somebody else has gone on with the run meanwhile.
var errMoved = errors.New("the run has moved on")

// goOn goes on with a run from where it is. Each step is committed with the place it came to, so that a process which
// dies leaves a run that another finishes, with nobody counted or intended twice.
func (s *Service) goOn(ctx context.Context, _ *work.Lease, p runRef) error {
	for until := time.Now().Add(turn); time.Now().Before(until); {
		wait, err := s.step(ctx, p.RunID)
		switch {
		case errors.Is(err, errMoved):
		case err != nil:
			return err
		case wait < 0:
			return nil
		case wait > 0:
			return work.Snooze(wait)
		}
	}
	return work.Snooze(0)
}

// over is what step says when nothing is left to do.
const over = time.Duration(-1)

// step does the next part of a run, and says how long to wait before the one after it.
func (s *Service) step(ctx context.Context, id int64) (wait time.Duration, err error) {
	run, c, err := s.running(ctx, id)
	switch {
	case err != nil:
		return 0, err
	case run.State == RunStopped: // while its messages were being planned, perhaps
		return over, s.cancel(ctx, run.CampaignID)
	case !in(run.State, RunFreezing, RunCanary, RunPlanning):
		return over, nil
	case c.State == StatePaused:
		return pausedLook, nil
	}
	switch {
	case run.State == RunFreezing:
		return 0, s.freeze(ctx, c, run)
	case run.State == RunCanary && run.CanaryAt != nil:
		return s.judge(ctx, c, run)
	}
	return 0, s.intend(ctx, c, run)
}

func (s *Service) running(ctx context.Context, id int64) (*model.CampaignRun, *Campaign, error) {
	db := s.DB.WithContext(ctx)
	run, err := runByID(db, id)
	if err != nil {
		return nil, nil, err
	}
	c, err := s.get(db, run.CampaignID)
	return run, c, err
}

// moveRun locks a run that must still be where it was read, and the campaign before it; has f go on, and stores it.
func (s *Service) moveRun(ctx context.Context, was *model.CampaignRun, f func(tx *gorm.DB, run *model.CampaignRun) error) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockCampaign(tx, was.CampaignID)
		if err != nil {
			return err
		}
		run, err := lockRun(tx, was.ID)
		if err != nil {
			return err
		}
		if row.State == StatePaused || run.State != was.State || run.FrozenTo != was.FrozenTo || (run.CanaryAt == nil) != (was.CanaryAt == nil) {
			return errMoved
		}
		if err := f(tx, run); err != nil {
			return err
		}
		run.UpdatedAt = s.Now()
		return save(tx, run)
	})
}

// freezePage is how many members are written down in one transaction.
const freezePage = 4000

// freeze writes down the next members of a run's audience, with what each of them gets or why they get nothing.
func (s *Service) freeze(ctx context.Context, c *Campaign, run *model.CampaignRun) error {
	a := c.Definition.Audience
	members, err := audienceAfter(s.DB.WithContext(ctx), a, run.FrozenTo, freezePage)
	if err != nil {
		return err
	}
	except, err := exceptedOf(s.DB.WithContext(ctx), a.Except, members)
	if err != nil {
		return err
	}
	rows := s.members(c, run, members, except)
	if err := s.senders(ctx, c, members, rows); err != nil {
		return err
	}
	return s.moveRun(ctx, run, func(tx *gorm.DB, run *model.CampaignRun) error {
		if len(members) == 0 {
			return s.frozen(c, run)
		}
		for i := range rows {
			run.Members++
			switch r := &rows[i]; {
			case r.Excluded != "":
				run.Excluded++
			case r.VariantID == 0:
				run.HeldOut++
			}
		}
		run.FrozenTo = members[len(members)-1]
		return insertMembers(tx, rows)
	})
}

// senders says of each customer in whose name they are written to, for channels where somebody's it is: what staff are asked for is what
// was estimated, and does not depend on how the sender happens to group its calls.
func (s *Service) senders(ctx context.Context, c *Campaign, ids []int64, rows []model.CampaignMember) error {
	if !s.inNames(&c.Definition) {
		return nil
	}
	last, err := lastMet(s.DB.WithContext(ctx), c.AccountID, ids)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].TargetID = last[rows[i].CustomerID]
	}
	return nil
}

// inNames tells whether a campaign's messages go out to customers in the names of staff.
func (s *Service) inNames(d *Definition) bool {
	channel, known := s.Ledger.Channel(d.Channel)
	return known && channel.Describe().Senders && d.Audience.to() == outreach.ToCustomers
}

func (s *Service) members(c *Campaign, run *model.CampaignRun, ids []int64, except map[int64]bool) []model.CampaignMember {
	arms, others := armsOf(c), c.Definition.Audience.to() != outreach.ToCustomers
	rows := make([]model.CampaignMember, len(ids))
	for i, id := range ids {
		rows[i] = model.CampaignMember{RunID: run.ID, CustomerID: id}
		if others {
			rows[i].CustomerID, rows[i].TargetID = 0, id
		}
		if except[id] {
			rows[i].Excluded = ExcludedSegment
			continue
		}
		rows[i].VariantID, rows[i].Canary = arms.of(id)
	}
	return rows
}

// ExcludedSegment: in a segment that the campaign leaves out. Who may not be written to for other reasons is known when
// their message is about to leave, and the ledger says why.
const ExcludedSegment = "excepted"

// frozen ends the freezing of a run.
func (s *Service) frozen(c *Campaign, run *model.CampaignRun) error {
	now := s.Now()
	run.FrozenAt = &now
	switch {
	case run.Members == run.Excluded+run.HeldOut:
		run.State, run.EndedAt, run.Reason = RunDone, &now, "没有可发送的对象 (there is nobody to send to)"
	case c.Definition.Canary != nil:
		run.State = RunCanary
	default:
		run.State = RunPlanning
		s.launched(c, run)
	}
	return nil
}

// Occurrence names a run in the ledger of deliveries, and Step a variant of it: so the ledger counts each run for itself.
func Occurrence(number int64) string { return strconv.FormatInt(number, 10) }

// Step names a variant of a run in the ledger of deliveries.
func Step(number int64, variant string) string { return Occurrence(number) + "/" + variant }

// totals counts the messages of a run by what became of them, for each variant's name.
func (s *Service) totals(ctx context.Context, run *model.CampaignRun) (map[string]map[outreach.State]int64, error) {
	all, err := s.Ledger.Totals(ctx, Source, run.CampaignID)
	if err != nil {
		return nil, err
	}
	out := map[string]map[outreach.State]int64{}
	for _, t := range all {
		name, ours := strings.CutPrefix(t.Step, Step(run.Number, ""))
		if !ours {
			continue
		}
		if out[name] == nil {
			out[name] = map[outreach.State]int64{}
		}
		out[name][t.State] += t.N
	}
	return out, nil
}

// end ends a run in a state, with a reason for people.
func (s *Service) end(run *model.CampaignRun, state, reason string) {
	now := s.Now()
	run.State, run.Reason, run.EndedAt = state, reason, &now
}

// Finish ends runs of which no message waits any more, and campaigns that have no more runs; it may be run at any moment.
func (s *Service) Finish(ctx context.Context) error {
	runs, err := runsIn(s.DB.WithContext(ctx), RunSending)
	if err != nil {
		return err
	}
	for i := range runs {
		waiting, err := s.waiting(ctx, &runs[i])
		if err != nil {
			return fmt.Errorf("look at run %d: %w", runs[i].ID, err)
		}
		if waiting > 0 {
			continue
		}
		err = s.moveRun(ctx, &runs[i], func(_ *gorm.DB, run *model.CampaignRun) error {
			s.end(run, RunDone, "")
			return nil
		})
		if err != nil && !errors.Is(err, errMoved) {
			return err
		}
	}
	return s.finishCampaigns(ctx)
}

// finishCampaigns ends those that run and have nothing left to do.
func (s *Service) finishCampaigns(ctx context.Context) error {
	ids, err := idleCampaigns(s.DB.WithContext(ctx))
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := s.change(ctx, id, func(tx *gorm.DB, row *model.Campaign) error {
			open, err := openRuns(tx, id)
			if err != nil {
				return err
			}
			if row.State != StateRunning || row.NextAt != nil || open > 0 {
				return errUnchanged
			}
			row.State = StateDone
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
