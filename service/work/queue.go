// Package work is the durable queue: work is enqueued in the caller's transaction and done at least
// once by one worker at a time, on any replica. MySQL or SQLite holds it; nothing else is needed.
package work

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
)

// Lanes, from the one that goes first.
const (
	LaneUrgent = 0  // somebody waits for it within seconds: welcomes
	LaneNormal = 10 // the default
	LaneBulk   = 20 // thousands at a time, nobody waits
)

// Item is a piece of work to be done.
type Item struct {
	// Kind names the handler; it is data, stored in rows.
	Kind string
	// Payload is stored as JSON and handed to the handler.
	Payload any
	// OrderKey: works of one key run one at a time, in the order in which they were enqueued.
	OrderKey string
	// DedupeKey: while a row with this key exists (finished works are kept for days) the same work
	// is not enqueued again.
	DedupeKey string
	// Lane defaults to LaneNormal; use Urgent for LaneUrgent.
	Lane int
	// Urgent puts it into LaneUrgent.
	Urgent bool
	// RunAt is when it may start; zero means now.
	RunAt time.Time
	// Deadline is when it is no longer worth starting; it is then dead with the reason "deadline".
	Deadline time.Time
}

// Queue takes work and knows who does which kind.
type Queue struct {
	db       *gorm.DB
	now      clock.Clock
	handlers map[string]handler
	wake     chan struct{}
}

// New makes a queue over the table work. Register handlers with [Handle] before a worker starts.
func New(db *gorm.DB, now clock.Clock) *Queue {
	return &Queue{db: db, now: now, handlers: map[string]handler{}, wake: make(chan struct{}, 1)}
}

// Policy says how a kind of work is retried and how long one attempt may take.
type Policy struct {
	MaxAttempts int           // 0: 20
	Timeout     time.Duration // of one attempt; 0: 1 minute
	// Backoff is the wait after attempt n (from 1), before jitter; nil: 1 s · 2ⁿ⁻¹, at most 1 h.
	Backoff func(attempt int) time.Duration
}

// Lease is a work in the hands of a worker.
type Lease struct {
	ID      int64
	Kind    string
	Attempt int
	// Fence rises with every lease of this work: whoever writes on its behalf can refuse an
	// older number.
	Fence    int64
	Deadline time.Time // zero: none
}

type handler struct {
	policy Policy
	do     func(ctx context.Context, l *Lease, payload []byte) error
}

// Handle says who does works of a kind. A payload that can't be decoded makes the work dead at
// once. The context ends with the attempt's timeout, the lease, a cancel, or the worker's stop.
func Handle[P any](q *Queue, kind string, p Policy, do func(ctx context.Context, l *Lease, payload P) error) {
	q.handlers[kind] = handler{p, func(ctx context.Context, l *Lease, raw []byte) error {
		var payload P
		if err := json.Unmarshal(raw, &payload); err != nil {
			return Cancel(fmt.Sprintf("payload can't be decoded: %v", err))
		}
		return do(ctx, l, payload)
	}}
}

// Enqueue adds works in the caller's transaction; a work whose DedupeKey is taken is left out.
// Workers are woken after the commit.
func (q *Queue) Enqueue(tx *gorm.DB, items ...Item) error {
	if len(items) == 0 {
		return nil
	}
	rows := make([]model.Work, len(items))
	for i, it := range items {
		row, err := q.row(it)
		if err != nil {
			return err
		}
		rows[i] = row
	}
	if err := model.InsertIgnore(tx).CreateInBatches(rows, 500).Error; err != nil {
		return fmt.Errorf("enqueue %s: %w", items[0].Kind, err)
	}
	model.AfterCommit(tx, q.Wake)
	return nil
}

// Wake makes an idle worker of this process look for work now.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue) row(it Item) (model.Work, error) {
	payload, err := json.Marshal(it.Payload)
	if err != nil {
		return model.Work{}, fmt.Errorf("encode work %s: %w", it.Kind, err)
	}
	now := q.now()
	row := model.Work{
		Kind: it.Kind, Lane: it.Lane, OrderKey: it.OrderKey, Payload: string(payload),
		State: "ready", RunAt: it.RunAt.UTC(), CreatedAt: now,
	}
	if it.Lane == 0 && !it.Urgent {
		row.Lane = LaneNormal
	}
	if it.RunAt.IsZero() {
		row.RunAt = now
	}
	if !it.Deadline.IsZero() {
		d := it.Deadline.UTC()
		row.Deadline = &d
	}
	if it.DedupeKey != "" {
		row.DedupeKey = &it.DedupeKey
	}
	return row, nil
}
