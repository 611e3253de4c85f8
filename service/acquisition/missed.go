package acquisition

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
		if err := s.finishWelcome(ctx, &list[i], OutcomeMissed, map[string]any{"reason": reason}); err != nil {
			failed = errors.Join(failed, fmt.Errorf("end welcome %d: %w", list[i].ID, err))
		}
	}
	return failed
}

// taskWelcome is the kind of the task that a missed welcome leaves.
const taskWelcome = "welcome.missed"

// ending is what a welcome comes to.
type ending struct {
	due     *dueWelcome
	outcome string
	at      time.Time
	set     map[string]any // columns beside the outcome's own
}

// finishWelcome gives a welcome its outcome, once. Only a late "sent" may replace a "missed": the
// platform's word counts more than our waiting for it. Outcomes that come in a burst share a commit.
func (s *Service) finishWelcome(ctx context.Context, due *dueWelcome, outcome string, set map[string]any) error {
	_, err := s.ending.Do(ctx, ending{due, outcome, s.now(), set})
	return err
}

func (s *Service) endWelcomes(tx *gorm.DB, endings []ending) ([]struct{}, error) {
	for _, e := range endings {
		if err := s.endWelcome(tx, e); err != nil {
			return nil, err
		}
	}
	return make([]struct{}, len(endings)), nil
}

func (s *Service) endWelcome(tx *gorm.DB, e ending) error {
	latency := e.at.Sub(e.due.ReceivedAt)
	set := map[string]any{"outcome": e.outcome, "updated_at": e.at}
	maps.Copy(set, e.set)
	from := []string{OutcomePending}
	if e.outcome == OutcomeSent {
		set["sent_at"], set["latency_ms"] = e.at, latency.Milliseconds()
		from = append(from, OutcomeMissed)
	}
	changed, err := setWelcomeOutcome(tx, e.due.ID, from, set)
	if err != nil || !changed {
		return err
	}
	model.AfterCommit(tx, func() { s.metrics.welcomed(e.outcome, latency) })
	if e.outcome != OutcomeMissed {
		return nil
	}
	return s.staff.AddTaskTx(tx, staff.TaskInput{
		StaffID: e.due.StaffID, CustomerID: e.due.CustomerID, Kind: taskWelcome, DedupeKey: fmt.Sprintf("%s:%d", taskWelcome, e.due.ID),
		Title: "欢迎语没有送达，请向新客户打个招呼", Note: "The welcome message was not delivered: please say hello to the new customer.",
		DueAt: e.at.Add(time.Hour),
	})
}
