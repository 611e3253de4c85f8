package job

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Pause keeps a job's ticks from being planted, on all replicas, until it is resumed; a run under way goes on, and people
// may still start one. by is the staff row of whoever asks. Pausing again changes nothing. It fails with ErrNoJob.
func (s *Scheduler) Pause(ctx context.Context, job, reason string, by int64) error {
	if s.byName[job] == nil {
		return ErrNoJob
	}
	row := &model.CronPause{Job: job, Reason: reason, PausedBy: by, CreatedAt: s.now()}
	if err := model.InsertIgnore(s.db.WithContext(ctx)).Create(row).Error; err != nil {
		return fmt.Errorf("pause job %s: %w", job, err)
	}
	s.log.InfoContext(ctx, "job paused", "job", job, "staff_id", by)
	return nil
}

// Resume has a paused job planted again from its next tick on: those that passed meanwhile are neither run nor counted as
// missed. Resuming one that is not paused changes nothing. It fails with ErrNoJob.
func (s *Scheduler) Resume(ctx context.Context, job string) error {
	if s.byName[job] == nil {
		return ErrNoJob
	}
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		now := s.now()
		row, err := lockJob(tx, job, now)
		if err != nil {
			return err
		}
		paused, err := pauseOf(tx, job)
		if err != nil || paused == nil {
			return err
		}
		// No replica may have looked since the last tick that was passed over.
		if row.PlantedUntil.Before(now) {
			if err := setPlanted(tx, job, now); err != nil {
				return err
			}
		}
		return deletePause(tx, job)
	})
}
