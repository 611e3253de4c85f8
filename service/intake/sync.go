package intake

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/fault"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// How a run stands.
const (
	RunRunning   = "running"
	RunDone      = "done" // Failed tells how many parts could not be read
	RunFailed    = "failed"
	RunCancelled = "cancelled"
)

// What set off a run.
const (
	TriggerFirst  = "first"
	TriggerClock  = "clock"
	TriggerPerson = "person"
)

// What can go wrong with a run.
var (
	ErrSyncRunning = fault.New(fault.Conflict, "sync.running", "该账号正在同步", "the account is being synchronised already")
	ErrNotSyncable = fault.New(fault.Invalid, "sync.not_syncable", "只有启用的企业微信账号可以同步", "only enabled WeCom accounts can be synchronised")
	ErrRunNotFound = fault.New(fault.NotFound, "sync.not_found", "没有这次同步", "no such synchronisation")
	ErrRunOver     = fault.New(fault.Conflict, "sync.over", "这次同步已结束", "the synchronisation has ended")
)

// workSync is the work of one run: a run whose process dies is taken over with the work's lease.
const workSync = "intake.sync"

// Kills and restarts count as attempts, so there may be many.
var syncPolicy = work.Policy{
	MaxAttempts: 100, Timeout: 12 * time.Hour,
	Backoff: func(n int) time.Duration { return min(2*time.Second<<min(n-1, 10), 5*time.Minute) },
}

type syncWork struct {
	RunID int64 `json:"run_id"`
}

// Start has an account synchronised in full, by whichever replica has time. It fails with
// ErrSyncRunning while another run of the account is alive, and with ErrNotSyncable.
func (s *Service) Start(ctx context.Context, accountID int64, trigger string) (*model.SyncRun, error) {
	acct, err := s.accounts.ByID(ctx, accountID)
	if err != nil {
		return nil, err
	}
	if acct.Kind != account.KindWeCom || !acct.Enabled {
		return nil, ErrNotSyncable
	}
	run, err := s.start(ctx, accountID, trigger)
	if !errors.Is(err, ErrSyncRunning) {
		return run, err
	}
	freed, healErr := s.endDeadRun(ctx, accountID)
	if healErr != nil || !freed {
		return nil, errors.Join(err, healErr)
	}
	return s.start(ctx, accountID, trigger)
}

func (s *Service) start(ctx context.Context, accountID int64, trigger string) (*model.SyncRun, error) {
	var run *model.SyncRun
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		run = &model.SyncRun{
			AccountID: accountID, RunningAccountID: &accountID, Status: RunRunning, Trigger: trigger,
			Stage: stages[0].name, StartedAt: s.now(), UpdatedAt: s.now(),
		}
		if err := tx.Create(run).Error; err != nil {
			return err
		}
		if err := s.planStage(tx, run, &stages[0]); err != nil {
			return err
		}
		return s.queue.Enqueue(tx, work.Item{Kind: workSync, Payload: syncWork{run.ID}, DedupeKey: syncKey(run.ID), Lane: work.LaneBulk})
	})
	if model.IsDuplicate(err) {
		return nil, ErrSyncRunning
	}
	if err != nil {
		return nil, fmt.Errorf("start synchronisation: %w", err)
	}
	return run, nil
}

func syncKey(runID int64) string { return "sync:" + strconv.FormatInt(runID, 10) }

// endDeadRun ends the running run of an account when its work is no more: dead, cancelled by an
// operator, or gone.
func (s *Service) endDeadRun(ctx context.Context, accountID int64) (ended bool, err error) {
	run, err := runningRun(s.db.WithContext(ctx), accountID)
	if err != nil || run == nil {
		return run == nil, err
	}
	works, err := s.queue.ByDedupeKey(ctx, []string{syncKey(run.ID)})
	if err != nil {
		return false, err
	}
	reason := "its work is gone"
	if w, known := works[syncKey(run.ID)]; known {
		if w.State == "ready" || w.State == "leased" {
			return false, nil
		}
		reason = w.State + ": " + w.LastError
	}
	return true, s.endRun(ctx, run.ID, RunFailed, reason)
}

// StartAll starts a run of every account that can be synchronised and is not being so already.
func (s *Service) StartAll(ctx context.Context) error {
	accounts, err := s.accounts.List(ctx)
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	var errs []error
	for _, a := range accounts {
		_, err := s.Start(ctx, a.ID, TriggerClock)
		if err != nil && !errors.Is(err, ErrSyncRunning) && !errors.Is(err, ErrNotSyncable) {
			errs = append(errs, fmt.Errorf("account %s: %w", a.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Progress tells how far a run is, also while it runs: Stage, and Finished of Total parts of it. It
// fails with ErrRunNotFound.
func (s *Service) Progress(ctx context.Context, runID int64) (*model.SyncRun, error) {
	run, err := syncRun(s.db.WithContext(ctx), runID)
	return run, notFound(err, ErrRunNotFound)
}

// RunFilter selects runs for a list; zero values select all.
type RunFilter struct {
	AccountID int64
	Before    int64 // only rows with smaller ids
	Limit     int   // 1 to 200; 0: 50
}

// Runs lists runs, newest first.
func (s *Service) Runs(ctx context.Context, f RunFilter) ([]model.SyncRun, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 200)
	return pageOfRuns(s.db.WithContext(ctx), f)
}

// FailedParts lists parts of a run that could not be read, with their reasons, at most 200.
func (s *Service) FailedParts(ctx context.Context, runID int64) ([]model.SyncPart, error) {
	return failedParts(s.db.WithContext(ctx), runID)
}

// Cancel ends a run; what it has read stays. It fails with ErrRunNotFound or ErrRunOver.
func (s *Service) Cancel(ctx context.Context, runID int64) error {
	err := s.endRun(ctx, runID, RunCancelled, "")
	if errors.Is(err, ErrRunOver) {
		if _, err := s.Progress(ctx, runID); err != nil {
			return err
		}
	}
	return err
}

// endRun ends a run that runs, or fails with ErrRunOver.
func (s *Service) endRun(ctx context.Context, runID int64, status, reason string) error {
	return s.inTx(ctx, func(tx *gorm.DB) error {
		if err := lockRun(tx, runID); err != nil {
			return err
		}
		if err := deleteDoneParts(tx, runID); err != nil {
			return err
		}
		return closeRun(tx, runID, status, reason, s.now())
	})
}

// hopelessRun tells whether a run had better end than wait: somebody has to act first.
func hopelessRun(err error) bool {
	var e *wecom.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Class {
	case wecom.ClassCredential, wecom.ClassPermission, wecom.ClassBadInput, wecom.ClassNotFound, wecom.ClassBusiness:
		return true
	}
	return false
}
