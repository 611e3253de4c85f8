package channel

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
	"zhiyin/wecom"
)

// remindMost is how often the platform lets a message be brought to mind in 24 hours.
const (
	remindMost = 3
	remindSpan = 24 * time.Hour
)

// RemindSenders brings messages to the minds of senders who have not confirmed. A job; may be run at any moment and twice.
func (s *Service) RemindSenders(ctx context.Context) error {
	due, err := dueTasks(s.DB.WithContext(ctx), "remind_at", s.now(), pollBatch)
	if err != nil {
		return err
	}
	var all error
	for i := range due {
		t := &due[i]
		rules, err := s.massRules(s.DB.WithContext(ctx), t.AccountID)
		if err != nil {
			return errors.Join(all, err)
		}
		mine, err := takeTask(s.DB.WithContext(ctx), "remind_at", t, t.RemindAt, s.now().Add(rules.RemindAfter()))
		if err != nil {
			return errors.Join(all, err)
		}
		if mine {
			all = errors.Join(all, s.remind(ctx, t, min(rules.Reminders, remindMost)))
		}
	}
	return all
}

// remind asks the platform to remind a task's senders, at most so many times in 24 hours. The reminder is written down
// first: a lost answer counts.
func (s *Service) remind(ctx context.Context, t *model.SenderTask, most int) error {
	now := s.now()
	recent := remindedSince(t.Reminded, now.Add(-remindSpan))
	if len(recent) >= most || t.Channel == NameMoment || t.Status != TaskWaiting {
		return nil
	}
	recent = append(recent, now)
	if err := updateTask(s.DB.WithContext(ctx), t.ID, map[string]any{"reminded": packTimes(recent), "updated_at": now}); err != nil {
		return err
	}
	_, corp, err := s.corpOf(ctx, t.AccountID)
	if err != nil {
		return err
	}
	switch err := corp.RemindMass(ctx, t.PlatformID); {
	case errors.Is(err, wecom.ErrRemindedEnough), errors.Is(err, wecom.ErrCancelled), errors.Is(err, wecom.ErrSpreading):
		return nil
	case err != nil:
		return fmt.Errorf("remind the sender of task %d: %w", t.ID, err)
	}
	return nil
}

func remindedSince(packed string, since time.Time) (out []time.Time) {
	for part := range strings.SplitSeq(packed, ",") {
		if n, err := strconv.ParseInt(part, 10, 64); err == nil && time.Unix(n, 0).After(since) {
			out = append(out, time.Unix(n, 0).UTC())
		}
	}
	return out
}

func packTimes(list []time.Time) string {
	var parts []string
	for _, t := range list {
		parts = append(parts, strconv.FormatInt(t.Unix(), 10))
	}
	return strings.Join(parts, ",")
}

// GiveUp ends tasks that were not confirmed in time: taken back at the platform, and given to another follower or another
// channel where the rules say so. A job; may be run at any moment and twice.
func (s *Service) GiveUp(ctx context.Context) error {
	due, err := overdueTasks(s.DB.WithContext(ctx), s.now(), pollBatch)
	if err != nil {
		return err
	}
	var all error
	for i := range due {
		if err := s.end(ctx, &due[i], TaskGivenUp, ReasonNotConfirmed, true); err != nil && !errors.Is(err, errStale) {
			all = errors.Join(all, fmt.Errorf("give up task %d: %w", due[i].ID, err))
		}
	}
	return all
}

// CancelTasks takes back, at the platform too, what a source's senders have not confirmed. What was sent stays. Repeatable.
func (s *Service) CancelTasks(ctx context.Context, source string, sourceID int64) error {
	tasks, err := waitingTasks(s.DB.WithContext(ctx), source, sourceID)
	if err != nil {
		return err
	}
	var all error
	for i := range tasks {
		if err := s.end(ctx, &tasks[i], TaskCancelled, "cancelled", false); err != nil && !errors.Is(err, errStale) {
			all = errors.Join(all, fmt.Errorf("cancel task %d: %w", tasks[i].ID, err))
		}
	}
	return all
}

// end takes a task back at the platform and reads a last time what was sent before that; the rest did not leave.
func (s *Service) end(ctx context.Context, t *model.SenderTask, status, reason string, reroute bool) error {
	_, corp, err := s.corpOf(ctx, t.AccountID)
	if err != nil {
		return err
	}
	if t.Channel == NameMoment {
		return s.endMoment(ctx, corp, t, status, reason)
	}
	if err := corp.CancelMass(ctx, t.PlatformID); err != nil && !errors.Is(err, wecom.ErrNoSuchMessage) {
		return err // not taken back: it may still be sent, so nothing else may be
	}
	tasks, _, err := corp.MassTasks(ctx, t.PlatformID, "")
	if err != nil && !errors.Is(err, wecom.ErrNoSuchMessage) {
		return err
	}
	if len(tasks) > 0 && tasks[0].Sent() {
		return s.readResults(ctx, corp, t, tasks[0].SentAt.Time) // confirmed at the last moment
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.endTx(tx, t, status, reason, reroute) })
}

func (s *Service) endTx(tx *gorm.DB, t *model.SenderTask, status, reason string, reroute bool) error {
	targets, version, err := taskTargets(tx, t.ID)
	if err != nil {
		return err
	}
	now := s.now()
	var news []News
	var ids []int64
	for i := range targets {
		if targets[i].fate == massOpen {
			targets[i].fate = massGivenUp
			ids = append(ids, targets[i].delivery)
			news = append(news, News{ID: targets[i].delivery, State: outreach.Failed, Class: outreach.ClassRefused, Reason: reason, At: now})
		}
	}
	columns := map[string]any{
		"status": status, "reason": reason, "targets": []byte{}, "poll_at": nil, "remind_at": nil, "settled_at": now, "updated_at": now,
	}
	if err := changeTask(tx, t.ID, version, columns); err != nil {
		return err
	}
	if err := s.reportTx(tx, news); err != nil || !reroute {
		return err
	}
	return s.rerouteTx(tx, t, ids)
}
