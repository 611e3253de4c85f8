package work

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// What an operator may be told.
var (
	ErrNotFound    = fault.New(fault.NotFound, "work.not_found", "没有这项任务", "there is no such work")
	ErrNotReplayed = fault.New(fault.Conflict, "work.not_ended", "只有失败或已取消的任务可以重新执行", "only dead or cancelled works can be replayed")
	ErrEnded       = fault.New(fault.Conflict, "work.ended", "任务已经结束", "the work has ended already")
)

// Filter selects works; zero fields select all.
type Filter struct {
	State  string // ready, leased, done, dead or cancelled
	Kind   string
	Before int64 // the cursor: only works with a smaller id
	Limit  int   // 0: 50; at most 200
}

// List returns works, newest first and without their payloads, and the cursor of the next page: 0 when
// there is none.
func (q *Queue) List(ctx context.Context, f Filter) (rows []model.Work, next int64, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 200)
	if rows, err = list(q.db.WithContext(ctx), f); err != nil {
		return nil, 0, fmt.Errorf("list works: %w", err)
	}
	if len(rows) > f.Limit {
		rows = rows[:f.Limit]
		next = rows[f.Limit-1].ID
	}
	return rows, next, nil
}

// Get returns one work with its payload, which may hold personal data. It fails with ErrNotFound.
func (q *Queue) Get(ctx context.Context, id int64) (*model.Work, error) {
	var row model.Work
	if err := found(q.db.WithContext(ctx).Take(&row, id).Error); err != nil {
		return nil, err
	}
	return &row, nil
}

// ByDedupeKey finds the works that were enqueued under these keys and not pruned yet, without their
// payloads.
func (q *Queue) ByDedupeKey(ctx context.Context, keys []string) (map[string]model.Work, error) {
	rows, err := byDedupeKey(q.db.WithContext(ctx), keys)
	if err != nil {
		return nil, fmt.Errorf("find works: %w", err)
	}
	byKey := make(map[string]model.Work, len(rows))
	for _, r := range rows {
		byKey[*r.DedupeKey] = r
	}
	return byKey, nil
}

// Stat is how many works of a kind are in a state.
type Stat struct {
	Kind    string
	State   string // ready, leased or dead; the others are counted by the metrics
	Count   int64
	Oldest  time.Time     // the earliest RunAt among them
	Waiting time.Duration // since Oldest; 0 when that is still to come
	Handled bool          // this process has a handler for the kind
}

// Stats counts the works that are not done, by kind and state.
func (q *Queue) Stats(ctx context.Context) ([]Stat, error) {
	stats, err := count(q.db.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("count works: %w", err)
	}
	now := q.now()
	for i := range stats {
		s := &stats[i]
		s.Waiting = max(0, now.Sub(s.Oldest))
		s.Handled = q.knows(s.Kind)
	}
	return stats, nil
}

// Replay makes a dead or cancelled work ready again, with all its attempts before it and without its
// deadline. It fails with ErrNotFound or ErrNotReplayed.
func (q *Queue) Replay(ctx context.Context, id int64) error {
	err := model.InTx(ctx, q.db, func(tx *gorm.DB) error {
		row, err := lock(tx, id)
		if err != nil {
			return err
		}
		if row.State != dead && row.State != cancelled {
			return ErrNotReplayed
		}
		return revive(tx, id, q.now())
	})
	if err == nil {
		q.Wake()
	}
	return err
}

// CancelWork ends a work that waits; the context of one that runs, on whichever replica, ends within
// that worker's poll, and the work is cancelled unless its handler succeeds all the same. It may be
// repeated. It fails with ErrNotFound or ErrEnded.
func (q *Queue) CancelWork(ctx context.Context, id int64) error {
	err := model.InTx(ctx, q.db, func(tx *gorm.DB) error {
		row, err := lock(tx, id)
		if err != nil {
			return err
		}
		switch row.State {
		case ready:
			return cancelReady(tx, id, q.now())
		case leased:
			return askCancel(tx, id)
		case cancelled:
			return nil
		}
		return ErrEnded
	})
	if err == nil {
		q.Wake() // the next of its order key may go
	}
	return err
}

// keepDead is how long dead works are kept at least, so that a long holiday loses none.
const keepDead = 30 * 24 * time.Hour

// Prune deletes works that ended before now-olderThan, the dead ones among them after 30 days at the
// earliest, and tells how many. It may be repeated and stopped at any time.
func (q *Queue) Prune(ctx context.Context, olderThan time.Duration) (deleted int64, err error) {
	now := q.now()
	deadBefore := now.Add(-max(olderThan, keepDead))
	from := place{}
	for ctx.Err() == nil {
		page, err := ended(q.db.WithContext(ctx), now.Add(-olderThan), from)
		if err != nil || len(page) == 0 {
			return deleted, err
		}
		var ids []int64
		for _, r := range page {
			if r.State != dead || r.FinishedAt.Before(deadBefore) {
				ids = append(ids, r.ID)
			}
		}
		n, err := remove(ctx, q.db, ids)
		deleted += n
		if err != nil {
			return deleted, fmt.Errorf("prune works: %w", err)
		}
		last := page[len(page)-1]
		from = place{*last.FinishedAt, last.ID}
	}
	return deleted, ctx.Err()
}

// sampleEvery is how often the gauges of the queue's depth are set.
const sampleEvery = 15 * time.Second

// sample sets the gauges until ctx ends.
func (w *Worker) sample(ctx context.Context) {
	if w.o.Metrics == nil {
		return
	}
	var h health
	for ctx.Err() == nil {
		stats, err := call(w, "sample", w.Stats)
		h.note(w, "counting works", err)
		if err == nil {
			w.o.Metrics.sampled(stats)
		}
		pause(ctx, jittered(sampleEvery))
	}
}
