package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// How a run stands.
const (
	RunRunning   = "running"
	RunDone      = "done"
	RunFailed    = "failed"
	RunCancelled = "cancelled"
)

// The phases of a run. The first only reads, and begins again when it is broken off; the second goes on where it was.
const (
	phaseMeasure = "measure" // boundaries and models
	phaseScore   = "score"   // every customer
	phaseCount   = "count"   // how many are where
	phaseFinish  = "finish"
)

const workRun = "lifecycle.run"

// Kills and restarts count as attempts, so there may be many.
var runPolicy = work.Policy{
	MaxAttempts: 100, Timeout: 6 * time.Hour,
	Backoff: func(n int) time.Duration { return min(2*time.Second<<min(n-1, 10), 5*time.Minute) },
}

type runWork struct {
	RunID int64 `json:"run_id"`
}

func runKey(id int64) string { return "lifecycle:" + strconv.FormatInt(id, 10) }

// Nightly starts the computation for all customers, unless one is running.
func (s *Service) Nightly(ctx context.Context) error {
	_, err := s.start(ctx, causeNight)
	if errors.Is(err, ErrRunning) {
		return nil
	}
	return err
}

// Start has everything computed anew, by whichever replica has time. It fails with ErrRunning while it is being done.
func (s *Service) Start(ctx context.Context) (*model.LifecycleRun, error) {
	return s.start(ctx, causePerson)
}

func (s *Service) start(ctx context.Context, cause string) (*model.LifecycleRun, error) {
	run, err := s.plant(ctx, cause)
	if !errors.Is(err, ErrRunning) {
		return run, err
	}
	freed, healErr := s.endDeadRun(ctx)
	if healErr != nil || !freed {
		return nil, errors.Join(err, healErr)
	}
	return s.plant(ctx, cause)
}

func (s *Service) plant(ctx context.Context, cause string) (*model.LifecycleRun, error) {
	var run *model.LifecycleRun
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		slot := 1
		run = &model.LifecycleRun{RunningSlot: &slot, Status: RunRunning, Cause: cause, Phase: phaseMeasure, StartedAt: s.now(), UpdatedAt: s.now()}
		if err := tx.Create(run).Error; err != nil {
			return err
		}
		return s.queue.Enqueue(tx, work.Item{Kind: workRun, Payload: runWork{run.ID}, DedupeKey: runKey(run.ID), Lane: work.LaneBulk})
	})
	if model.IsDuplicate(err) {
		return nil, ErrRunning
	}
	if err != nil {
		return nil, fmt.Errorf("start a computation: %w", err)
	}
	return run, nil
}

// endDeadRun ends the running run when its work is no more.
func (s *Service) endDeadRun(ctx context.Context) (ended bool, err error) {
	run, err := runningRun(s.db.WithContext(ctx))
	if err != nil || run == nil {
		return run == nil, err
	}
	works, err := s.queue.ByDedupeKey(ctx, []string{runKey(run.ID)})
	if err != nil {
		return false, err
	}
	reason := "its work is gone"
	if w, known := works[runKey(run.ID)]; known {
		if w.State == "ready" || w.State == "leased" {
			return false, nil
		}
		reason = w.State + ": " + w.LastError
	}
	return true, endRun(s.db.WithContext(ctx), run.ID, RunFailed, reason, s.now())
}

// Cancel ends a run; what it has done stays. It fails with ErrRunNotFound or ErrRunOver.
func (s *Service) Cancel(ctx context.Context, runID int64) error {
	if _, err := s.Run(ctx, runID); err != nil {
		return err
	}
	return endRun(s.db.WithContext(ctx), runID, RunCancelled, "", s.now())
}

// Run tells how far a run is. It fails with ErrRunNotFound.
func (s *Service) Run(ctx context.Context, runID int64) (*model.LifecycleRun, error) {
	return runByID(s.db.WithContext(ctx), runID)
}

// Runs lists runs, newest first, those before an id (0: from the newest).
func (s *Service) Runs(ctx context.Context, before int64, limit int) ([]model.LifecycleRun, error) {
	return runsBefore(s.db.WithContext(ctx), before, limit)
}

// errOvertaken says that another worker has gone on with the run meanwhile.
var errOvertaken = errors.New("another worker has gone on with this computation")

// run is the work of a run. It goes on where the last attempt stopped.
func (s *Service) run(ctx context.Context, l *work.Lease, in runWork) error {
	run, err := s.Run(ctx, in.RunID)
	if errors.Is(err, ErrRunNotFound) || err == nil && run.Status != RunRunning {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.pass(ctx, run)
	switch {
	case err == nil, errors.Is(err, ErrRunOver), errors.Is(err, errOvertaken):
		return nil
	case ctx.Err() == nil && l.Attempt >= runPolicy.MaxAttempts:
		s.log.ErrorContext(ctx, "lifecycle computation failed", "run", run.ID, "error", err)
		if err := endRun(s.db.WithContext(ctx), run.ID, RunFailed, err.Error(), s.now()); err != nil && !errors.Is(err, ErrRunOver) {
			return err
		}
		return nil
	}
	return err
}

func (s *Service) pass(ctx context.Context, run *model.LifecycleRun) error {
	for {
		var err error
		switch run.Phase {
		case phaseMeasure:
			err = s.measure(ctx, run)
		case phaseScore:
			err = s.score(ctx, run)
		case phaseCount:
			err = s.count(ctx, run)
		default:
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", run.Phase, err)
		}
	}
}

// surveyChunk is how many customers are read at once where nothing is locked.
const surveyChunk = 1000

// measure goes through all customers for boundaries and models. It writes nothing before its end.
func (s *Service) measure(ctx context.Context, run *model.LifecycleRun) error {
	db := s.db.WithContext(ctx)
	setting, err := loadSetting(db)
	if err != nil {
		return err
	}
	f := s.frameOf(setting, nil)
	v := newSurvey(f.today, setting.RFM.WindowDays, s.sample)
	var after, total int64
	for {
		profiles, err := profilesAfter(db, after, surveyChunk)
		if err != nil {
			return err
		}
		if len(profiles) == 0 {
			break
		}
		after, total = profiles[len(profiles)-1].ID, total+int64(len(profiles))
		if err := f.survey(db, v, profiles); err != nil {
			return err
		}
		if err := noteRun(db, run, total, s.now()); err != nil {
			return err
		}
	}
	card, err := v.fit(f.now)
	if err != nil {
		return err
	}
	body, err := json.Marshal(Basis{v.boundaries(setting.RFM), card})
	if err != nil {
		return fmt.Errorf("encode the basis of scores: %w", err)
	}
	basis := &model.LifecycleBasis{Day: calendar(f.today), Body: string(body), CreatedAt: f.now}
	return s.turn(ctx, run, phaseScore, func(tx *gorm.DB, next *model.LifecycleRun) error {
		if err := tx.Create(basis).Error; err != nil {
			return fmt.Errorf("create the basis of scores: %w", err)
		}
		next.BasisID, next.Total = basis.ID, total
		return nil
	})
}

// survey adds the buyers among customers.
func (f *frame) survey(db *gorm.DB, v *survey, profiles []profile) error {
	people := map[int64]*person{}
	ids := make([]int64, 0, len(profiles))
	for _, c := range profiles {
		if !c.leftOut() {
			people[c.ID] = &person{id: c.ID, today: f.today}
			ids = append(ids, c.ID)
		}
	}
	orders, err := ordersOf(db, ids)
	if err != nil {
		return err
	}
	for _, o := range orders {
		people[o.CustomerID].order(o, f.zone)
	}
	for _, id := range ids {
		v.add(people[id])
	}
	return nil
}

// score computes every customer, a chunk in a transaction together with how far that is.
func (s *Service) score(ctx context.Context, run *model.LifecycleRun) error {
	for {
		over := false
		next := *run
		err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
			next = *run
			profiles, err := profilesAfter(tx, run.DoneID, s.chunk)
			if err != nil {
				return err
			}
			if over = len(profiles) == 0; over {
				return nil
			}
			f, err := s.frame(tx)
			if err != nil {
				return err
			}
			changed, err := s.applyTx(tx, f, idsOf(profiles), profiles, run.Cause)
			if err != nil {
				return err
			}
			next.DoneID = profiles[len(profiles)-1].ID
			next.Finished += int64(len(profiles))
			next.Changed += int64(changed)
			next.UpdatedAt = s.now()
			return moveRun(tx, run, &next)
		})
		if err != nil {
			return err
		}
		if over {
			return s.turn(ctx, run, phaseCount, nil)
		}
		*run = next
	}
}

// turn goes on to the next phase, together with what do writes.
func (s *Service) turn(ctx context.Context, run *model.LifecycleRun, phase string, do func(tx *gorm.DB, next *model.LifecycleRun) error) error {
	var next model.LifecycleRun
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		next = *run
		next.Phase, next.UpdatedAt = phase, s.now()
		if phase == phaseScore {
			next.DoneID, next.Finished = 0, 0
		}
		if phase == phaseFinish {
			now := s.now()
			next.Status, next.RunningSlot, next.FinishedAt = RunDone, nil, &now
		}
		if do != nil {
			if err := do(tx, &next); err != nil {
				return err
			}
		}
		return moveRun(tx, run, &next)
	})
	if err == nil {
		*run = next
	}
	return err
}

// countSpan is how many customers are counted by one statement.
const countSpan = 20_000

// keepBases is how many nights' bases are kept.
const keepBases = 30

// count writes how many customers are in each stage this day, and takes away what belongs to nobody.
func (s *Service) count(ctx context.Context, run *model.LifecycleRun) error {
	db := s.db.WithContext(ctx)
	sums := map[string]*model.StageDay{}
	day := calendar(dayOf(s.now(), s.zone))
	for from, over := int64(0), false; !over; {
		to, err := standingAfter(db, from, countSpan)
		if err != nil {
			return err
		}
		if over = to == 0; over {
			to = math.MaxInt64
		}
		if err := dropOrphans(db, from, to); err != nil {
			return err
		}
		rows, err := stageSums(db, from, to)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if sums[r.Stage] == nil {
				sums[r.Stage] = &model.StageDay{Day: day, Stage: r.Stage}
			}
			sums[r.Stage].Customers += r.Customers
			sums[r.Stage].ValueScore += r.ValueScore
			sums[r.Stage].ExpectedFen += r.ExpectedFen
		}
		from = to
	}
	return s.turn(ctx, run, phaseFinish, func(tx *gorm.DB, _ *model.LifecycleRun) error {
		if err := replaceStageDay(tx, day, sums); err != nil {
			return err
		}
		return pruneBases(tx, run.BasisID, keepBases)
	})
}
