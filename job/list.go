package job

import (
	"context"
	"fmt"
	"time"

	"zhiyin/model"
)

// Filter selects runs; zero fields select all.
type Filter struct {
	Job    string
	Status string // planted, running, done, failed or missed
	Before int64  // the cursor: only rows with a smaller id
	Limit  int    // 0: 50; at most 200
}

// List returns runs, newest first, and the cursor of the next page: 0 when there is none.
func (s *Scheduler) List(ctx context.Context, f Filter) (rows []model.CronTick, next int64, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 200)
	if rows, err = listTicks(s.db.WithContext(ctx), f); err != nil {
		return nil, 0, fmt.Errorf("list runs: %w", err)
	}
	if len(rows) > f.Limit {
		rows = rows[:f.Limit]
		next = rows[f.Limit-1].ID
	}
	return rows, next, nil
}

// State is a job as operators see it.
type State struct {
	Job
	Next time.Time       // when it is due next, UTC
	Last *model.CronTick // its newest tick or run; nil: none yet
	// Paused says who paused it; nil: nobody has.
	Paused *model.CronPause
}

// Jobs returns all jobs in the order of the list, each with its newest tick.
func (s *Scheduler) Jobs(ctx context.Context) ([]State, error) {
	states := make([]State, len(s.jobs))
	for i, p := range s.jobs {
		last, err := lastTick(s.db.WithContext(ctx), p.Name)
		if err != nil {
			return nil, fmt.Errorf("last run of %s: %w", p.Name, err)
		}
		paused, err := pauseOf(s.db.WithContext(ctx), p.Name)
		if err != nil {
			return nil, fmt.Errorf("pause of %s: %w", p.Name, err)
		}
		states[i] = State{p.Job, p.schedule.Next(s.now()).UTC(), last, paused}
	}
	return states, nil
}
