package campaign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// Launch says that a draft is meant. Above the size from which a second person has to agree it waits for one; else it is
// scheduled, or begins at once. It fails with ErrNotFound, ErrState, ErrInvalid (its time has passed) or ErrNoSegment.
func (s *Service) Launch(ctx context.Context, v *staff.Viewer, id int64) error {
	c, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	w, err := s.weigh(ctx, c, s.begins(&c.Definition))
	if err != nil {
		return err
	}
	if w.refusal != "" {
		return ErrInvalid.With("variants", w.refusal)
	}
	return s.change(ctx, id, func(tx *gorm.DB, row *model.Campaign) error {
		if row.State != StateDraft {
			return ErrState
		}
		row.AskedBy, row.ApprovedBy, row.ApprovalSize = who(v), 0, w.people
		if w.large && row.Approved != row.Version {
			row.State = StateAsked
			row.Reason = fmt.Sprintf("%s，等待另一位同事审批 (%s: a second person has to approve)", w.zh, w.en)
			return nil
		}
		return s.schedule(tx, row)
	})
}

// Approve lets a campaign go. Whoever asked for it or wrote its present version can't: that fails with ErrOwnApproval.
func (s *Service) Approve(ctx context.Context, v *staff.Viewer, id, version int64) error {
	return s.change(ctx, id, func(tx *gorm.DB, row *model.Campaign) error {
		switch {
		case row.State != StateAsked:
			return ErrState
		case row.Version != version:
			return ErrChanged
		case v.StaffID == row.AskedBy || v.StaffID == row.ChangedBy:
			return ErrOwnApproval
		}
		row.ApprovedBy, row.Approved, row.Reason = v.StaffID, row.Version, ""
		if row.Runs > 0 { // it had grown meanwhile
			row.State = StateRunning
			return s.plan(tx, row, *row.NextAt)
		}
		return s.schedule(tx, row)
	})
}

// Reject sends a campaign back to whoever wrote it, with a reason of at most 200 characters.
func (s *Service) Reject(ctx context.Context, v *staff.Viewer, id int64, reason string) error {
	return s.change(ctx, id, func(_ *gorm.DB, row *model.Campaign) error {
		if row.State != StateAsked {
			return ErrState
		}
		row.State, row.Reason, row.NextAt = StateDraft, cut(reason, 200), nil
		return nil
	})
}

// schedule decides when the first run begins.
func (s *Service) schedule(tx *gorm.DB, row *model.Campaign) error {
	c, err := read(row, nil)
	if err != nil {
		return err
	}
	now := s.Now()
	at := now
	switch when := c.Definition.Schedule; {
	case when.repeats():
		next := when.next(now, s.Zone)
		if next == nil {
			return ErrInvalid.With("schedule", "时间已过 / its time has passed")
		}
		at = *next
	case when.At != nil:
		if when.At.Before(now) {
			return ErrInvalid.With("schedule.at", "时间已过 / its time has passed")
		}
		at = when.At.UTC()
	}
	row.State, row.Reason = StateScheduled, ""
	return s.plan(tx, row, at)
}

// plan has a run begin at a time.
func (s *Service) plan(tx *gorm.DB, row *model.Campaign, at time.Time) error {
	row.NextAt = &at
	return s.Queue.Enqueue(tx, work.Item{Kind: workBegin, Payload: beginRef{row.ID}, RunAt: at})
}

// Reschedule moves the next run of a campaign that waits for it, or was paused, to another time. It fails with ErrNotFound,
// ErrState or ErrInvalid.
func (s *Service) Reschedule(ctx context.Context, v *staff.Viewer, id int64, at time.Time) error {
	return s.change(ctx, id, func(tx *gorm.DB, row *model.Campaign) error {
		switch {
		case row.NextAt == nil || !in(row.State, StateScheduled, StateRunning, StatePaused):
			return ErrState
		case at.Before(s.Now()):
			return ErrInvalid.With("at", "时间已过 / its time has passed")
		}
		return s.plan(tx, row, at.UTC())
	})
}

const workBegin = "campaign.begin"

type beginRef struct {
	CampaignID int64 `json:"campaign_id"`
}

// Tick begins campaigns that are due and ends those that have nothing left to do. It may be run at any moment and twice.
func (s *Service) Tick(ctx context.Context) error {
	if err := s.LaunchDue(ctx); err != nil {
		return err
	}
	return s.Finish(ctx)
}

// LaunchDue begins what is due; it is for what the works of single campaigns missed. It may be run at any moment and twice.
func (s *Service) LaunchDue(ctx context.Context) error {
	due, err := dueCampaigns(s.DB.WithContext(ctx), s.Now())
	if err != nil {
		return err
	}
	for _, id := range due {
		if err := s.begin(ctx, id); err != nil {
			return fmt.Errorf("begin campaign %d: %w", id, err)
		}
	}
	return nil
}

// begin begins the run that is due, if one is.
func (s *Service) begin(ctx context.Context, id int64) error {
	c, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	w, err := s.weigh(ctx, c, s.Now())
	if err != nil && !errors.Is(err, ErrNoSegment) {
		return err
	}
	gone := err != nil
	return s.change(ctx, id, func(tx *gorm.DB, row *model.Campaign) error {
		now := s.Now()
		if row.NextAt == nil || row.NextAt.After(now) || !in(row.State, StateScheduled, StateRunning) {
			return errUnchanged
		}
		c, err := read(row, nil)
		if err != nil {
			return err
		}
		at, late := *row.NextAt, now.Sub(*row.NextAt) > time.Duration(row.KeepHours)*time.Hour
		switch {
		case gone:
			row.State, row.Reason = StatePaused, "人群已被删除或没有计算 (a segment of its audience is gone or not built)"
			return nil
		case late && !c.Definition.Schedule.repeats():
			row.State, row.Reason = StatePaused, "错过了开始时间 (its time has passed while nothing ran)"
			return nil
		case w.refusal != "":
			row.State, row.Reason = StatePaused, w.refusal
			return nil
		case w.large && row.Approved != row.Version:
			row.State, row.ApprovalSize = StateAsked, w.people
			row.Reason = fmt.Sprintf("已增长到%s，等待审批 (it has grown to %s: a second person has to approve)", w.zh, w.en)
			return nil
		}
		row.State, row.NextAt = StateRunning, nil
		if c.Definition.Schedule.repeats() {
			if next := c.Definition.Schedule.next(now, s.Zone); next != nil {
				if err := s.plan(tx, row, *next); err != nil {
					return err
				}
			}
		}
		if late {
			return nil // whoever comes next is on time
		}
		return s.beginRun(tx, row, at)
	})
}

func (s *Service) beginRun(tx *gorm.DB, row *model.Campaign, at time.Time) error {
	now := s.Now()
	row.Runs++
	run := &model.CampaignRun{CampaignID: row.ID, Number: row.Runs, PlannedFor: at, State: RunFreezing, StartedAt: now, UpdatedAt: now}
	if err := insert(tx, run); err != nil {
		return err
	}
	return s.Queue.Enqueue(tx, work.Item{Kind: workRun, Payload: runRef{run.ID}, Lane: work.LaneBulk})
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
