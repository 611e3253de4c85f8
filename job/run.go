package job

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// Register implements [Registrar]: the scheduler's jobs are done by this process.
func (s *Scheduler) Register(q *work.Queue) {
	for _, p := range s.jobs {
		policy := work.Policy{MaxAttempts: 5, Timeout: p.Max, Backoff: func(n int) time.Duration { return 10 * time.Second << (2 * (n - 1)) }}
		work.Handle(q, kindOf(p.Name), policy, func(ctx context.Context, _ *work.Lease, t tick) error { return s.run(ctx, p, t) })
	}
}

// RunNow queues a run of a job besides its schedule; by is the staff row of whoever asked for it. It
// returns the row of the run, and fails with ErrNoJob.
func (s *Scheduler) RunNow(ctx context.Context, job string, by int64) (row *model.CronTick, err error) {
	if s.byName[job] == nil {
		return nil, ErrNoJob
	}
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		now := s.now()
		t := tick{Job: job, FireTime: now}
		for planted := false; !planted; t.FireTime = t.FireTime.Add(time.Millisecond) {
			if t.FireTime.Nanosecond() == 0 {
				continue // whole seconds are the schedule's
			}
			if planted, err = s.plantTick(tx, t, byPerson, by, now); err != nil {
				return err
			}
			row, err = findTick(tx, job, t.FireTime)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return row, err
}

// run is one attempt at a tick. The row says how it goes.
func (s *Scheduler) run(ctx context.Context, p *planned, t tick) (err error) {
	if !t.Expires.IsZero() && !s.now().Before(t.Expires) {
		return s.overtaken(ctx, p, t)
	}
	doneBefore := false
	err = s.inTx(ctx, func(tx *gorm.DB) (err error) {
		doneBefore, err = setRunning(tx, t, s.now())
		return err
	})
	if doneBefore || err != nil {
		return err
	}
	finished := false
	defer func() {
		if !finished { // a panic: the queue makes an error of it
			s.ended(ctx, p, t, errPanicked)
		}
	}()
	err = p.Run(ctx)
	finished = true
	if cause := context.Cause(ctx); errors.Is(cause, work.ErrLeaseLost) || errors.Is(cause, work.ErrStopping) {
		if err == nil {
			err = cause
		}
		return err // another process runs this tick again and writes what becomes of it
	}
	s.ended(ctx, p, t, err)
	return err
}

var errPanicked = errors.New("it panicked; see the log")

// ended writes the end of a run. If that fails the job has run all the same: Watch puts the row right.
func (s *Scheduler) ended(ctx context.Context, p *planned, t tick, runErr error) {
	status, text := doneTick, ""
	if runErr != nil {
		status, text = failedTick, shortened(runErr.Error())
	}
	s.runs.WithLabelValues(p.Name, status).Inc()
	err := s.inTx(context.WithoutCancel(ctx), func(tx *gorm.DB) error { return setEnded(tx, t, status, text, s.now()) })
	if err != nil {
		s.log.Error("the end of a run is not written", "job", p.Name, "fire_time", t.FireTime, "error", err)
	}
}

// overtaken ends a tick whose turn came only when the next was due.
func (s *Scheduler) overtaken(ctx context.Context, p *planned, t tick) error {
	var status string
	err := s.inTx(ctx, func(tx *gorm.DB) (err error) {
		status, err = setOvertaken(tx, t, s.now())
		return err
	})
	if err == nil && status != "" {
		s.runs.WithLabelValues(p.Name, status).Inc()
		level := slog.LevelWarn // as of a tick that nobody planted: the next does its work
		if status == failedTick {
			level = slog.LevelError
		}
		s.log.Log(ctx, level, "a tick was overtaken by the next", "job", p.Name, "fire_time", t.FireTime, "status", status)
	}
	return err
}

func (s *Scheduler) inTx(ctx context.Context, f func(tx *gorm.DB) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.callLimit)
	defer cancel()
	return model.InTx(ctx, s.db, f)
}

// shortened cuts what is stored as a run's error to 1000 characters, all of them valid.
func shortened(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if runes := []rune(text); len(runes) > 1000 {
		return string(runes[:1000])
	}
	return text
}
