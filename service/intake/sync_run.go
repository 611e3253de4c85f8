package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// stage is one step of a run. Its parts are done in any order, several at once; each can be taken up
// where it stopped.
type stage struct {
	name string
	// plan names the parts.
	plan func(s *Service, tx *gorm.DB, accountID int64) ([]string, error)
	// read reads a part from its cursor to its end, and sets a checkpoint after each page.
	read func(s *Service, ctx context.Context, p *pass, part *model.SyncPart) error
	// alone: without this the run can't go on. A part of any other stage may fail by itself.
	alone bool
	// close is what follows once every part is over; nil is nothing.
	close func(s *Service, tx *gorm.DB, p *pass) (vanished int64, err error)
}

// stages in their order: each needs those before it.
var stages = []stage{
	{name: "departments", alone: true, plan: onePart, read: (*Service).readDepartments},
	{name: "staff", alone: true, plan: onePart, read: (*Service).readAllStaff},
	{name: "tags", alone: true, plan: onePart, read: (*Service).readTags},
	{name: "customers", plan: (*Service).servingStaff, read: (*Service).readCustomersOf},
	{name: "groups", plan: onePart, read: (*Service).readGroups, close: (*Service).closeGroups},
}

// stageFinish is what a run's Stage says at the end.
const stageFinish = "finish"

func onePart(*Service, *gorm.DB, int64) ([]string, error) { return []string{wholePart}, nil }

const wholePart = "all"

// pass is one worker's pass over a run.
type pass struct {
	run  *model.SyncRun
	acct *model.Account
	corp Platform
}

// errOvertaken says that another worker has gone on with the run meanwhile.
var errOvertaken = errors.New("another worker has gone on with this synchronisation")

// synchronise is the work of a run.
func (s *Service) synchronise(ctx context.Context, l *work.Lease, in syncWork) error {
	run, err := s.Progress(ctx, in.RunID)
	if errors.Is(err, ErrRunNotFound) || err == nil && run.Status != RunRunning {
		return nil
	}
	if err != nil {
		return err
	}
	acct, err := s.accounts.ByID(ctx, run.AccountID)
	if err != nil {
		return fmt.Errorf("find account %d: %w", run.AccountID, err)
	}
	watched, stop := s.watch(ctx, run.ID, acct.Name)
	err = s.pass(watched, &pass{run: run, acct: acct, corp: s.corp(acct.Name)})
	stop()
	switch {
	case err == nil, errors.Is(err, ErrRunOver), errors.Is(context.Cause(watched), ErrRunOver):
		return nil
	case ctx.Err() != nil:
		return err
	case hopelessRun(err), l.Attempt >= syncPolicy.MaxAttempts:
		s.log.ErrorContext(ctx, "synchronisation failed", "run", run.ID, "account", acct.Name, "error", err)
		if err := s.endRun(ctx, run.ID, RunFailed, err.Error()); err != nil && !errors.Is(err, ErrRunOver) {
			return err
		}
		return nil
	}
	if noteErr := noteRun(s.db.WithContext(ctx), run.ID, err.Error()); noteErr != nil {
		return errors.Join(err, noteErr)
	}
	if hope, wait := judge(err); hope == later {
		return work.Snooze(wait)
	}
	return err
}

// pass goes through the stages that are left.
func (s *Service) pass(ctx context.Context, p *pass) error {
	for i := range stages {
		st := &stages[i]
		if p.run.Stage != st.name {
			continue
		}
		if err := s.readStage(ctx, p, st); err != nil {
			return fmt.Errorf("%s: %w", st.name, err)
		}
		var next *stage
		if i+1 < len(stages) {
			next = &stages[i+1]
		}
		if err := s.leaveStage(ctx, p, st, next); err != nil {
			return fmt.Errorf("after %s: %w", st.name, err)
		}
	}
	return nil
}

// partsAtOnce bounds how many parts are in memory.
const partsAtOnce = 1000

func (s *Service) readStage(ctx context.Context, p *pass, st *stage) error {
	for {
		parts, err := waitingParts(s.db.WithContext(ctx), p.run.ID, st.name, partsAtOnce)
		if err != nil || len(parts) == 0 {
			return err
		}
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(s.concurrency)
		for i := range parts {
			if gctx.Err() != nil {
				break
			}
			g.Go(func() error { return s.readPart(gctx, p, st, &parts[i]) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
}

// partTries is how often a part is read whose answers can't be made out.
const partTries = 3

// readPart reads a part to its end. What concerns this part alone makes it failed, and the run goes
// on; anything else ends the pass.
func (s *Service) readPart(ctx context.Context, p *pass, st *stage, part *model.SyncPart) error {
	if part.StartedAt == nil {
		now := s.now()
		part.StartedAt = &now
		if err := startPart(s.db.WithContext(ctx), part.ID, now); err != nil {
			return err
		}
	}
	for try := 1; ; try++ {
		err := st.read(s, ctx, p, part)
		if err == nil {
			s.metrics.part(st.name, "done")
			return nil
		}
		if ctx.Err() != nil || st.alone || !concernsPart(err) {
			return err
		}
		if errors.Is(err, wecom.ErrInDoubt) && try < partTries {
			if !sleep(ctx, time.Duration(try)*500*time.Millisecond) {
				return err
			}
			continue
		}
		s.metrics.part(st.name, "failed")
		s.log.WarnContext(ctx, "part of a synchronisation failed", "run", p.run.ID, "stage", st.name, "part", part.ID, "error", err)
		return s.inTx(ctx, func(tx *gorm.DB) error {
			return s.checkpoint(tx, p, part, progress{next: part.Cursor, over: true, failed: true, problem: err.Error(), counts: staff.Counts{Failed: 1}})
		})
	}
}

// concernsPart tells whether an error says something about this part only. What says that the
// platform can't be asked at all, or is ours, does not.
func concernsPart(err error) bool {
	var e *wecom.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Class {
	case wecom.ClassBusy, wecom.ClassRate, wecom.ClassToken, wecom.ClassCredential:
		return false
	}
	return true
}

// progress is what one page brought.
type progress struct {
	next    string // cursor of the page to come
	over    bool   // there is none
	failed  bool   // the part is given up
	problem string // something in the part could not be read
	counts  staff.Counts
}

// checkpoint records a page in the transaction that wrote it, so that neither is without the other.
// It is the transaction's last statement, because all parts share the run's row. It fails with
// ErrRunOver when the run was ended, and with errOvertaken when another worker has done this page.
func (s *Service) checkpoint(tx *gorm.DB, p *pass, part *model.SyncPart, done progress) error {
	if err := lockRun(tx, p.run.ID); err != nil {
		return err
	}
	moved, err := movePart(tx, part, done, s.now())
	if err != nil {
		return err
	}
	if !moved {
		return errOvertaken
	}
	return addToRun(tx, p.run.ID, done, s.now())
}

// leaveStage closes a stage and plans the next in one transaction; without a next one the run is done.
func (s *Service) leaveStage(ctx context.Context, p *pass, st, next *stage) error {
	var run model.SyncRun
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		if err := lockRun(tx, p.run.ID); err != nil {
			return err
		}
		run = *p.run
		if st.close != nil {
			vanished, err := st.close(s, tx, p)
			if err != nil {
				return err
			}
			if err := addToRun(tx, run.ID, progress{counts: staff.Counts{Vanished: vanished}}, s.now()); err != nil {
				return err
			}
		}
		if next == nil {
			run.Stage = stageFinish
			return s.finishRun(tx, &run)
		}
		run.Stage = next.name
		return s.planStage(tx, &run, next)
	})
	if err == nil {
		p.run = &run
	}
	return err
}

// planStage makes the rows of a stage's parts and turns the run's page to it.
func (s *Service) planStage(tx *gorm.DB, run *model.SyncRun, st *stage) error {
	keys, err := st.plan(s, tx, run.AccountID)
	if err != nil {
		return err
	}
	if err := insertParts(tx, run.ID, st.name, keys, s.now()); err != nil {
		return err
	}
	return turnRun(tx, run.ID, st.name, int64(len(keys)), s.now())
}

func (s *Service) finishRun(tx *gorm.DB, run *model.SyncRun) error {
	failed, err := failedParts(tx, run.ID)
	if err != nil {
		return err
	}
	reason := ""
	if len(failed) > 0 {
		reason = fmt.Sprintf("%d parts could not be read; one of them: %s", len(failed), failed[0].Error)
	}
	if err := turnRun(tx, run.ID, stageFinish, 0, s.now()); err != nil {
		return err
	}
	if err := deleteDoneParts(tx, run.ID); err != nil {
		return err
	}
	return closeRun(tx, run.ID, RunDone, reason, s.now())
}
