package campaign

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
)

// intend hands the messages of a run to the ledger: of the few while the run is a canary, else of all the others. The ledger
// goes on where it stopped when it is asked again, so this may be repeated.
func (s *Service) intend(ctx context.Context, c *Campaign, run *model.CampaignRun) error {
	planned, err := s.hand(ctx, c, run)
	if err != nil {
		return err
	}
	return s.moveRun(ctx, run, func(tx *gorm.DB, run *model.CampaignRun) error {
		run.Planned += planned
		if run.State == RunCanary {
			run.CanaryAt = inMinutes(s.Now(), c.Definition.Canary.Minutes)
			return nil
		}
		run.State = RunSending
		return s.Queue.Enqueue(tx, countOf(run.ID))
	})
}

// hand plans what a run means, and says how many messages that is.
func (s *Service) hand(ctx context.Context, c *Campaign, run *model.CampaignRun) (planned int64, err error) {
	few := run.State == RunCanary
	if c.Definition.Audience.to() != outreach.ToCustomers {
		return s.handTargets(ctx, c, run, few)
	}
	staff := ""
	if s.inNames(&c.Definition) {
		staff = "target_id"
	}
	for _, v := range c.Definition.Variants {
		n, err := s.Ledger.PlanSet(ctx, outreach.Set{
			Intent: s.intent(c, run, v),
			Audience: outreach.Audience{
				Table: "campaign_member", KeyColumn: "run_id", Key: run.ID, StaffColumn: staff,
				Only: fmt.Sprintf("variant_id = %d AND excluded = '' AND canary = %d", v.ID, number(few)),
			},
		}, nil)
		planned += n
		if err != nil {
			return planned, err
		}
	}
	return planned, nil
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// handTargets plans the messages to groups or by staff, of which there are never many.
func (s *Service) handTargets(ctx context.Context, c *Campaign, run *model.CampaignRun, few bool) (int64, error) {
	members, err := targetsToPlan(s.DB.WithContext(ctx), run.ID, few)
	if err != nil {
		return 0, err
	}
	byID := map[int64]Variant{}
	for _, v := range c.Definition.Variants {
		byID[v.ID] = v
	}
	intents := make([]outreach.Intent, len(members))
	for i, m := range members {
		in := s.intent(c, run, byID[m.VariantID])
		in.Targeted = false
		if c.Definition.Audience.to() == outreach.ToGroups {
			in.GroupID = m.TargetID
		} else {
			in.StaffID = m.TargetID
			in.Occurrence = staffOccurrence(run, m.TargetID)
		}
		intents[i] = in
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		_, err := s.Ledger.PlanTx(tx, intents)
		return err
	})
	return int64(len(intents)), err
}

// intent is what a run means for everybody with a variant.
func (s *Service) intent(c *Campaign, run *model.CampaignRun, v Variant) outreach.Intent {
	return outreach.Intent{
		Source: Source, SourceID: c.ID, Step: Step(run.Number, v.Name), Occurrence: Occurrence(run.Number), Channel: c.Channel, AccountID: c.AccountID,
		MessageID: v.MessageID, Topic: c.Topic, Priority: c.Priority, Targeted: true, DueAt: run.PlannedFor, ExpiresAt: s.keepUntil(c, run),
	}
}

// keepUntil is until when messages of a run may leave, counted from when it could begin.
func (s *Service) keepUntil(c *Campaign, run *model.CampaignRun) time.Time {
	from := run.StartedAt
	if run.PlannedFor.After(from) {
		from = run.PlannedFor
	}
	return from.Add(time.Duration(c.KeepHours) * time.Hour)
}
