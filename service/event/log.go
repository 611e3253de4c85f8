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
	for _, f := range facts {
		isNew, err := l.record(tx, f)
		if err != nil {
			return added, err
		}
		if isNew {
			added++
		}
	}
	return added, nil
}

func (l *Log) record(tx *gorm.DB, f Fact) (isNew bool, err error) {
	a := f.About()
	payload, err := json.Marshal(f)
	if err != nil {
		return false, fmt.Errorf("encode fact %s: %w", a.Kind, err)
	}
	row := &model.Event{
		Kind: a.Kind, AccountID: a.AccountID, CustomerID: a.CustomerID, StaffID: a.StaffID, Source: a.Source,
		DedupeKey: a.Key, Payload: string(payload), OccurredAt: a.At, RecordedAt: l.now(),
	}
	res := model.InsertIgnore(tx).Create(row)
	if res.Error != nil || res.RowsAffected == 0 {
		return false, res.Error
	}
	told := Recorded{row.ID, row.Kind, row.AccountID, row.CustomerID, row.StaffID, row.OccurredAt, payload}
	for _, name := range l.subscribers[a.Kind] {
		item := work.Item{Kind: workKind(name), Payload: told, DedupeKey: fmt.Sprintf("event:%d:%s", row.ID, name)}
		if row.CustomerID != 0 {
			item.OrderKey = fmt.Sprintf("%s:customer:%d", workKind(name), row.CustomerID)
		}
		if err := l.queue.Enqueue(tx, item); err != nil {
			return false, err
		}
	}
	return true, nil
}
