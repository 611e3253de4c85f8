// Package work is the durable queue: work is enqueued in the caller's transaction and done at least
// once by one worker at a time, on any replica. MySQL or SQLite holds it; nothing else is needed.
package work

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
)

// Lanes, from the one that goes first.
const (
	LaneUrgent = 0  // somebody waits for it within seconds: welcomes
	LaneNormal = 10 // the default
	LaneBulk   = 20 // goes through thousands; somebody looks at its progress now and then
	LaneWake   = 30 // thousands of small works in the wake of a bulk one; nobody waits
)

// The states of a work. Names are data.
const (
	ready     = "ready"
	leased    = "leased"
	done      = "done"
	dead      = "dead"
	cancelled = "cancelled"
)

// Item is a piece of work to be done.
type Item struct {
	// Kind names the handler; it is data, stored in rows. At most 64 bytes.
	Kind string
	// Payload is stored as JSON and handed to the handler.
	Payload any
	// OrderKey: works of one key run one at a time, in the order in which they were enqueued; while
	// the first waits for another try the others wait too. At most 128 bytes.
	OrderKey string
	// DedupeKey: while a row with this key exists (finished works are kept for days) the same work
	// is not enqueued again. At most 191 bytes.
	DedupeKey string
	// Lane is one of the lanes above and defaults to LaneNormal; use Urgent for LaneUrgent.
	Lane int
	// Urgent puts it into LaneUrgent.
	Urgent bool
	// RunAt is when it may start; zero means now.
	RunAt time.Time
	// Deadline is when it is no longer worth starting; it is then dead with the reason "deadline",
	// after what [HandleExpired] registered was done.
	Deadline time.Time
}

// Queue takes work and knows who does which kind.
type Queue struct {
	db       *gorm.DB
	now      clock.Clock
	handlers map[string]handler

	mu      sync.Mutex
	wakened map[chan struct{}]bool // whom Wake tells
}

// New makes a queue over the table work. Register handlers with [Handle] before a worker starts.
func New(db *gorm.DB, now clock.Clock) *Queue {
	return &Queue{db: db, now: now, handlers: map[string]handler{}, wakened: map[chan struct{}]bool{}}
}

// Enqueue adds works in the caller's transaction; a work whose DedupeKey is taken is left out.
// Workers are woken after the commit.
func (q *Queue) Enqueue(tx *gorm.DB, items ...Item) error {
	if len(items) == 0 {
		return nil
	}
	rows := make([]model.Work, len(items))
	now := q.now()
	for i, it := range items {
		row, err := it.row(now)
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

// Wake makes the idle workers of this process look for work now.
func (q *Queue) Wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for c := range q.wakened {
		poke(c)
	}
}

func (q *Queue) onWake(c chan struct{}) (stop func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wakened[c] = true
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.wakened, c)
	}
}

// poke leaves one signal in a channel of capacity 1.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (it Item) row(now time.Time) (model.Work, error) {
	if err := it.check(); err != nil {
		return model.Work{}, err
	}
	payload, err := json.Marshal(it.Payload)
	if err != nil {
		return model.Work{}, fmt.Errorf("encode work %s: %w", it.Kind, err)
	}
	row := model.Work{
		Kind: it.Kind, Lane: it.Lane, OrderKey: it.OrderKey, Payload: string(payload),
		State: ready, RunAt: it.RunAt.UTC(), CreatedAt: now,
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

// check finds the mistakes that one database would refuse and the other would keep.
func (it Item) check() error {
	switch {
	case it.Kind == "" || len(it.Kind) > 64:
		return fmt.Errorf("enqueue: the kind %q must have 1 to 64 bytes", it.Kind)
	case len(it.OrderKey) > 128 || len(it.DedupeKey) > 191:
		return fmt.Errorf("enqueue %s: the order key or the dedupe key is too long", it.Kind)
	case it.Lane != LaneUrgent && it.Lane != LaneNormal && it.Lane != LaneBulk && it.Lane != LaneWake, it.Urgent && it.Lane != LaneUrgent:
		return fmt.Errorf("enqueue %s: there is no such lane: %d", it.Kind, it.Lane)
	}
	return nil
}
