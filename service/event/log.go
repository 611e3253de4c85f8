package event

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/work"
)

// Log records facts and tells those who asked for their kind.
type Log struct {
	queue       *work.Queue
	now         clock.Clock
	subscribers map[string][]string // kind of fact -> names of subscribers
}

// New makes a log without subscribers.
func New(queue *work.Queue, now clock.Clock) *Log {
	return &Log{queue: queue, now: now, subscribers: map[string][]string{}}
}

// Recorded is what a subscriber is told: the row of the fact.
type Recorded struct {
	ID         int64           `json:"id"`
	Kind       string          `json:"kind"`
	AccountID  int64           `json:"account_id"`
	CustomerID int64           `json:"customer_id"`
	StaffID    int64           `json:"staff_id"`
	OccurredAt time.Time       `json:"occurred_at"`
	Payload    json.RawMessage `json:"payload"`
}

// Subscribe has handle called for every fact of these kinds that is recorded from now on: at least
// once, after the commit, per customer in the order of recording, on any replica. One subscriber
// that fails is retried alone. Call it while parts are put together, before anything is recorded;
// name is data, stored with pending work.
func (l *Log) Subscribe(name string, handle func(ctx context.Context, f Recorded) error, kinds ...string) {
	for _, k := range kinds {
		l.subscribers[k] = append(l.subscribers[k], name)
	}
	work.Handle(l.queue, workKind(name), work.Policy{}, func(ctx context.Context, _ *work.Lease, f Recorded) error {
		return handle(ctx, f)
	})
}

func workKind(subscriber string) string { return "event." + subscriber }

// Record adds facts in the caller's transaction, with one work per subscriber; a fact whose key is
// recorded already changes nothing. It reports how many were new.
func (l *Log) Record(tx *gorm.DB, facts ...Fact) (added int, err error) {
	isNew, err := l.RecordEach(tx, facts...)
	for _, n := range isNew {
		if n {
			added++
		}
	}
	return added, err
}

// RecordEach is Record for those who need to know which of the facts were new. It takes a handful of
// statements, however many facts there are.
func (l *Log) RecordEach(tx *gorm.DB, facts ...Fact) (isNew []bool, err error) {
	if len(facts) == 0 {
		return nil, nil
	}
	rows := make([]*model.Event, len(facts))
	for i, f := range facts {
		if rows[i], err = l.row(f); err != nil {
			return nil, err
		}
	}
	isNew, err = insert(tx, rows)
	if err != nil {
		return nil, fmt.Errorf("record facts: %w", err)
	}
	var told []work.Item
	for i, row := range rows {
		if isNew[i] {
			told = append(told, l.tell(row)...)
		}
	}
	return isNew, l.queue.Enqueue(tx, told...)
}

func (l *Log) row(f Fact) (*model.Event, error) {
	a := f.About()
	payload, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode fact %s: %w", a.Kind, err)
	}
	return &model.Event{
		Kind: a.Kind, AccountID: a.AccountID, CustomerID: a.CustomerID, StaffID: a.StaffID, Source: a.Source,
		DedupeKey: a.Key, Payload: string(payload), OccurredAt: a.At, RecordedAt: l.now(),
	}, nil
}

// insert leaves out what is known to be there before it tries the rest at once: repeats are common.
func insert(tx *gorm.DB, rows []*model.Event) (isNew []bool, err error) {
	isNew = make([]bool, len(rows))
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = r.DedupeKey
	}
	var known []string
	if len(rows) > 1 { // of one alone the insert itself tells
		if err := tx.Model(&model.Event{}).Where("dedupe_key IN ?", keys).Pluck("dedupe_key", &known).Error; err != nil {
			return nil, err
		}
	}
	taken := make(map[string]bool, len(rows))
	for _, k := range known {
		taken[k] = true
	}
	var fresh []*model.Event
	var at []int
	for i, r := range rows {
		if !taken[r.DedupeKey] {
			taken[r.DedupeKey] = true
			fresh, at = append(fresh, r), append(at, i)
		}
	}
	inserted, err := model.InsertNew(tx, fresh)
	for i := range inserted {
		isNew[at[i]] = inserted[i]
	}
	return isNew, err
}

// tell makes one work per subscriber of the fact's kind.
func (l *Log) tell(row *model.Event) []work.Item {
	var items []work.Item
	told := Recorded{row.ID, row.Kind, row.AccountID, row.CustomerID, row.StaffID, row.OccurredAt, json.RawMessage(row.Payload)}
	for _, name := range l.subscribers[row.Kind] {
		item := work.Item{Kind: workKind(name), Payload: told, DedupeKey: fmt.Sprintf("event:%d:%s", row.ID, name)}
		if row.CustomerID != 0 {
			item.OrderKey = fmt.Sprintf("%s:customer:%d", workKind(name), row.CustomerID)
		}
		items = append(items, item)
	}
	return items
}
