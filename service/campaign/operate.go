package campaign

import (
	"context"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// Pause keeps a campaign's messages from leaving, and its runs from going on, until somebody resumes it. What has left has
// left. It fails with ErrNotFound or ErrState.
func (s *Service) Pause(ctx context.Context, v *staff.Viewer, id int64, reason string) error {
	return s.change(ctx, id, func(tx *gorm.DB, row *model.Campaign) error {
		if row.State == StatePaused {
			return errUnchanged
		}
		if !in(row.State, StateScheduled, StateRunning) {
			return ErrState
		}
		row.State, row.Reason = StatePaused, cut(reason, 200)
		return s.Ledger.PauseTx(tx, Source, id, row.Reason, who(v), nil)
	})
}

// Resume lets a paused campaign go on; a halted run goes on with the rest. A start that passed meanwhile is made up for at
// once, unless it is too late for it. It fails with ErrNotFound or ErrState.
func (s *Service) Resume(ctx context.Context, v *staff.Viewer, id int64) error {
	return s.change(ctx, id, func(tx *gorm.DB, row *model.Campaign) error {
		halted, err := runsOf(tx, id, RunHalted)
		if err != nil {
			return err
		}
		if row.State != StatePaused && len(halted) == 0 {
			return ErrState
		}
		if row.State == StatePaused {
			row.State, row.Reason = StateRunning, ""
			if row.Runs == 0 {
				row.State = StateScheduled
			}
		}
		if err := s.Ledger.ResumeTx(tx, Source, id); err != nil {
			return err
		}
		c, err := read(row, nil)
		if err != nil {
			return err
		}
		if err := s.goOnHalted(tx, c, halted); err != nil {
			return err
		}
		return s.wake(tx, row)
	})
}

// goOnHalted lets runs whose canary went badly go on with the rest.
func (s *Service) goOnHalted(tx *gorm.DB, c *Campaign, halted []model.CampaignRun) error {
	for i := range halted {
		run := &halted[i]
		run.State, run.Reason, run.UpdatedAt = RunPlanning, "", s.Now()
		s.launched(c, run)
		if err := save(tx, run); err != nil {
			return err
		}
	}
	return nil
}

// wake has what waits for a campaign to go on looked at now.
func (s *Service) wake(tx *gorm.DB, row *model.Campaign) error {
	open, err := runsOf(tx, row.ID, RunFreezing, RunCanary, RunPlanning)
	if err != nil {
		return err
	}
	var items []work.Item
	for _, run := range open {
		items = append(items, work.Item{Kind: workRun, Payload: runRef{run.ID}, Lane: work.LaneBulk})
	}
	if row.NextAt != nil {
		items = append(items, work.Item{Kind: workBegin, Payload: beginRef{row.ID}, RunAt: *row.NextAt})
	}
	return s.Queue.Enqueue(tx, items...)
}

// Stop ends a campaign: no run begins or goes on, and what has not left is cancelled, at the platform too where the
// channel can. It may be repeated. It fails with ErrNotFound or ErrState.
func (s *Service) Stop(ctx context.Context, v *staff.Viewer, id int64, reason string) error {
	err := s.change(ctx, id, func(tx *gorm.DB, row *model.Campaign) error {
		switch {
		case row.State == StateStopped:
			return errUnchanged
		case row.State == StateDone || row.State == StateDraft:
			return ErrState
		}
		row.State, row.Reason, row.NextAt = StateStopped, cut(reason, 200), nil
		open, err := runsOf(tx, id, RunFreezing, RunCanary, RunPlanning, RunSending, RunHalted)
		if err != nil {
			return err
		}
		for i := range open {
			s.end(&open[i], RunStopped, "")
			if err := save(tx, &open[i]); err != nil {
				return err
			}
		}
		// For good: what is planned while this happens must not leave either.
		return s.Ledger.PauseTx(tx, Source, id, "stopped", who(v), nil)
	})
	if err != nil {
		return err
	}
	return s.cancel(ctx, id)
}

// cancel ends what a stopped campaign has planned and not sent.
func (s *Service) cancel(ctx context.Context, id int64) error {
	if _, err := s.Ledger.Cancel(ctx, Source, id); err != nil {
		return err
	}
	return s.TakeBack(ctx, Source, id)
}
