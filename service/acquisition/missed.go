package acquisition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// sweepAfter is when a welcome without an outcome is given up: its code is dead, and whoever was
// sending it has had time to write down what the platform said.
const sweepAfter = 25 * time.Second

// sweepBatch bounds how many are given up in one run.
const sweepBatch = 500

// SweepWelcomes gives up welcomes that nobody could send in time, because the platform was down or
// we were, and asks the staff members to say hello. It is the one place where a deadline becomes a miss.
// A job for every few seconds; may be run at any moment.
func (s *Service) SweepWelcomes(ctx context.Context) error {
	db := s.db.WithContext(ctx)
	list, err := overdueWelcomes(db, s.now().Add(-sweepAfter), sweepBatch)
	if err != nil {
		return err
	}
	var failed error
	for i := range list {
		reason := list[i].Reason
		if reason == "" {
			reason = "deadline"
		}
		// One that can't be ended must not keep the others waiting.
		if err := s.finishWelcome(db, &list[i], OutcomeMissed, map[string]any{"reason": reason}); err != nil {
			failed = errors.Join(failed, fmt.Errorf("end welcome %d: %w", list[i].ID, err))
		}
	}
	return failed
}

// taskWelcome is the kind of the task that a missed welcome leaves.
const taskWelcome = "welcome.missed"

// finishWelcome gives a welcome its outcome, once. Only a late "sent" may replace a "missed": the
// platform's word counts more than our waiting for it.
func (s *Service) finishWelcome(db *gorm.DB, due *dueWelcome, outcome string, set map[string]any) error {
	now := s.now()
	latency := now.Sub(due.ReceivedAt)
	set["outcome"], set["updated_at"] = outcome, now
	from := []string{OutcomePending}
	if outcome == OutcomeSent {
		set["sent_at"], set["latency_ms"] = now, latency.Milliseconds()
		from = append(from, OutcomeMissed)
	}
	return model.InTx(db.Statement.Context, db, func(tx *gorm.DB) error {
		changed, err := setWelcomeOutcome(tx, due.ID, from, set)
		if err != nil || !changed {
			return err
		}
		model.AfterCommit(tx, func() { s.metrics.welcomed(outcome, latency) })
		if outcome != OutcomeMissed {
			return nil
		}
		return s.staff.AddTaskTx(tx, staff.TaskInput{
			StaffID: due.StaffID, CustomerID: due.CustomerID, Kind: taskWelcome, DedupeKey: fmt.Sprintf("%s:%d", taskWelcome, due.ID),
			Title: "欢迎语没有送达，请向新客户打个招呼", Note: "The welcome message was not delivered: please say hello to the new customer.",
			DueAt: now.Add(time.Hour),
		})
	})
}
