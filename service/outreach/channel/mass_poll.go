package channel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
	"zhiyin/wecom"
)

const (
	pollBatch = 200
	pollLease = 10 * time.Minute
	// afterConfirm is how often results are read once the sender has confirmed: the platform's come in by and by.
	afterConfirm = 3
)

// PollResults asks the platform what became of tasks that wait for senders. A job; may be run at any moment and twice.
func (s *Service) PollResults(ctx context.Context) error {
	var all error
	for {
		due, err := dueTasks(s.DB.WithContext(ctx), "poll_at", s.now(), pollBatch)
		if err != nil {
			return errors.Join(all, err)
		}
		worked := 0
		for i := range due {
			t := &due[i]
			mine, err := takeTask(s.DB.WithContext(ctx), "poll_at", t, t.PollAt, s.now().Add(pollLease))
			if err != nil {
				return errors.Join(all, err)
			}
			if !mine {
				continue
			}
			worked++
			if err := s.pollTask(ctx, t); err != nil {
				all = errors.Join(all, fmt.Errorf("poll task %d: %w", t.ID, err)) // the others go on; this one is asked again
			}
			if ctx.Err() != nil {
				return errors.Join(all, ctx.Err())
			}
		}
		if worked == 0 || len(due) < pollBatch {
			return all
		}
	}
}

func (s *Service) pollTask(ctx context.Context, t *model.SenderTask) error {
	if t.Channel == NameMoment {
		return s.pollMoment(ctx, t)
	}
	_, corp, err := s.corpOf(ctx, t.AccountID)
	if err != nil {
		return err
	}
	tasks, _, err := corp.MassTasks(ctx, t.PlatformID, "")
	switch {
	case errors.Is(err, wecom.ErrSpreading):
		return s.pollLater(ctx, t, firstPoll)
	case errors.Is(err, wecom.ErrNoSuchMessage):
		return s.closeTask(ctx, t, TaskRefused, "unknown_to_platform", outreach.ClassOther)
	case err != nil:
		return errors.Join(err, s.pollLater(ctx, t, 5*time.Minute))
	}
	confirmed := len(tasks) > 0 && tasks[0].Sent()
	if confirmed {
		if err := s.readResults(ctx, corp, t, tasks[0].SentAt.Time); err != nil {
			return errors.Join(err, s.pollLater(ctx, t, 5*time.Minute))
		}
	}
	switch {
	case !confirmed && t.Status == TaskWaiting:
		return s.pollLater(ctx, t, waitFor(s.now().Sub(t.CreatedAt)))
	case !confirmed || t.Polls >= afterConfirm:
		return s.closeTask(ctx, t, t.Status, ReasonNotSelected, outreach.ClassRefused)
	}
	return s.pollLater(ctx, t, []time.Duration{5 * time.Minute, 30 * time.Minute, 6 * time.Hour}[min(t.Polls, 2)])
}

// waitFor is how long to wait until the next look, for a task of some age.
func waitFor(age time.Duration) time.Duration {
	switch {
	case age < 10*time.Minute:
		return time.Minute
	case age < 2*time.Hour:
		return 5 * time.Minute
	case age < 24*time.Hour:
		return 20 * time.Minute
	}
	return 2 * time.Hour
}

func (s *Service) pollLater(ctx context.Context, t *model.SenderTask, wait time.Duration) error {
	at := s.now().Add(wait)
	columns := map[string]any{"poll_at": at, "updated_at": s.now()}
	if t.Status == TaskConfirmed {
		columns["polls"] = t.Polls + 1
	}
	return updateTask(s.DB.WithContext(ctx), t.ID, columns)
}

// readResults takes over what became of each recipient, page by page.
func (s *Service) readResults(ctx context.Context, corp Corp, t *model.SenderTask, confirmedAt time.Time) error {
	for cursor := ""; ; {
		page, next, err := corp.MassResults(ctx, t.PlatformID, t.UserID, cursor)
		if err != nil {
			return fmt.Errorf("read results: %w", err)
		}
		err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.resultsTx(tx, t, page, confirmedAt) })
		if err != nil {
			return err
		}
		if cursor = next; next == "" {
			t.Status = TaskConfirmed
			return nil
		}
	}
}

// resultsTx writes a page of results: each recipient's fate once, with its part in the month's quota and in the ledger.
func (s *Service) resultsTx(tx *gorm.DB, t *model.SenderTask, page []wecom.MassResult, confirmedAt time.Time) error {
	targets, version, err := taskTargets(tx, t.ID)
	if err != nil {
		return err
	}
	now := s.now()
	byName := make(map[string]wecom.MassResult, len(page))
	for _, r := range page {
		byName[r.CustomerID+r.ChatID] = r
	}
	var news []News
	var use []quotaUse
	sent, lost, spent := int64(0), int64(0), int64(0)
	for i := range targets {
		g := &targets[i]
		r, there := byName[g.external]
		if !there || (g.fate != massOpen && g.fate != massGivenUp) || r.Status == wecom.MassUnsent {
			continue
		}
		at := r.SentAt.Time
		if at.IsZero() {
			at = confirmedAt
		}
		if at.IsZero() || at.After(now) {
			at = now
		}
		n := News{ID: g.delivery, At: at}
		switch r.Status {
		case wecom.MassSent:
			g.fate, n.State = massSent, outreach.Sent
			sent++
			use = append(use, quotaUse{delivery: g.delivery, at: at})
		case wecom.MassNotFriend:
			g.fate, n.State, n.Class, n.Reason = massLost, outreach.Failed, outreach.ClassRelation, ReasonNotFriend
			lost++
		case wecom.MassOverQuota:
			g.fate, n.State, n.Class, n.Reason = massSpent, outreach.Failed, outreach.ClassQuota, ReasonOverQuota
			spent++
			use = append(use, quotaUse{delivery: g.delivery, at: at, spent: true})
		default:
			continue // a state that we don't know: the recipient stays open
		}
		news = append(news, n)
	}
	columns := map[string]any{"status": TaskConfirmed, "remind_at": nil, "updated_at": now}
	if len(news) > 0 {
		columns["targets"] = packTargets(targets)
		columns["sent"], columns["not_friend"], columns["over_quota"] = gorm.Expr("sent + ?", sent), gorm.Expr("not_friend + ?", lost), gorm.Expr("over_quota + ?", spent)
	}
	if err := changeTask(tx, t.ID, version, columns); err != nil {
		return err
	}
	if err := s.useQuotaTx(tx, t.AccountID, use); err != nil {
		return err
	}
	return s.reportTx(tx, news)
}

func (s *Service) reportTx(tx *gorm.DB, news []News) error {
	for part := range slices.Chunk(news, 1000) {
		if _, err := s.Ledger.ReportTx(tx, part); err != nil {
			return err
		}
	}
	return nil
}

// closeTask ends a task: those of whom nothing is known did not get the message, and who they were is forgotten.
func (s *Service) closeTask(ctx context.Context, t *model.SenderTask, status, reason, class string) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		targets, version, err := taskTargets(tx, t.ID)
		if err != nil {
			return err
		}
		now := s.now()
		var news []News
		for _, g := range targets {
			if g.fate == massOpen {
				news = append(news, News{ID: g.delivery, State: outreach.Failed, Class: class, Reason: reason, At: now})
			}
		}
		columns := map[string]any{"status": status, "poll_at": nil, "remind_at": nil, "settled_at": now, "targets": []byte{}, "updated_at": now}
		if err := changeTask(tx, t.ID, version, columns); err != nil {
			return err
		}
		return s.reportTx(tx, news)
	})
}
