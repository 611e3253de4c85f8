package event

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/work"
)

// Log records what happened, counts it, and tells those who asked.
type Log struct {
	Options
	queue       *work.Queue
	now         clock.Clock
	subscribers map[string][]string // kind of fact -> names of subscribers
	feeds       []*feed
	registry    registry
	recent      recentKeys
	events      inserts
	days        inserts
	tracked     *model.GroupCommit[*request, []Outcome]
}

// Options is what a log needs for more than recording facts in a caller's transaction.
type Options struct {
	DB     *gorm.DB       // where tracked events go; Track, RunFeeds and the jobs need it
	Zone   *time.Location // whose days are counted; nil: UTC+8
	Logger *slog.Logger   // nil: slog.Default()
	// Retention is how long classes are kept, where it is not for as long as defaultRetention says.
	Retention map[Class]Retention
}

// chinaTime is the zone of the business where nobody says another.
var chinaTime = time.FixedZone("UTC+8", 8*60*60)

// New makes a log without subscribers and feeds. Options may be left out by those who only record.
func New(queue *work.Queue, now clock.Clock, o ...Options) *Log {
	l := &Log{queue: queue, now: now, subscribers: map[string][]string{}}
	if len(o) > 0 {
		l.Options = o[0]
	}
	if l.Zone == nil {
		l.Zone = chinaTime
	}
	if l.Logger == nil {
		l.Logger = slog.Default()
	}
	if l.DB != nil {
		l.tracked = model.NewGroupCommit(l.DB, commitRequests, commitsAtOnce, l.commit)
		work.Handle(queue, workReplay, work.Policy{Timeout: time.Hour}, l.replay)
		work.Handle(queue, workRebuild, work.Policy{Timeout: 12 * time.Hour}, func(ctx context.Context, _ *work.Lease, p rebuildWork) error {
			sum, err := l.Rebuild(ctx, p.From, p.To)
			l.Logger.InfoContext(ctx, "counts rebuilt", "from", p.From, "to", p.To, "customers", sum.Customers, "corrected", sum.Corrected)
			return err
		})
	}
	return l
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
// name is data, stored with pending work. It costs one work per fact: whoever wants all that
// customers do takes a [Log.Feed].
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
	if isNew, err = l.write(tx, rows, anyMayRepeat(rows)); err != nil {
		return nil, fmt.Errorf("record facts: %w", err)
	}
	return isNew, nil
}

func (l *Log) row(f Fact) (*model.Event, error) {
	a := f.About()
	payload, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode fact %s: %w", a.Kind, err)
	}
	row := &model.Event{
		Kind: a.Kind, AccountID: a.AccountID, CustomerID: a.CustomerID, StaffID: a.StaffID, Source: a.Source,
		DedupeKey: factKey(a.Key), Payload: string(payload), OccurredAt: a.At.UTC(), RecordedAt: l.now(),
	}
	if m, ok := f.(measured); ok {
		row.Item, row.Value = m.measured()
	} else if k := builtInKinds[a.Kind]; k != nil && (k.Item != "" || k.Value != "") {
		var said map[string]json.RawMessage
		if err := json.Unmarshal(payload, &said); err != nil {
			return nil, fmt.Errorf("read fact %s: %w", a.Kind, err)
		}
		row.Item, row.Value = itemOf(said[k.Item]), valueOf(said[k.Value])
	}
	return row, nil
}

// inBulk are the sources that tell of thousands of facts at once.
var inBulk = map[string]bool{SourceSync: true, SourceImport: true}

// tell makes one work per subscriber of the fact's kind. What is told in bulk lets what happens now go
// first, and the bulk works that somebody has asked for: else a customer who scans a code during the first synchronisation, or a
// segment that somebody makes after it, would wait behind all others.
func (l *Log) tell(row *model.Event) []work.Item {
	var items []work.Item
	lane := work.LaneNormal
	if inBulk[row.Source] {
		lane = work.LaneWake
	}
	told := Recorded{row.ID, row.Kind, row.AccountID, row.CustomerID, row.StaffID, row.OccurredAt, json.RawMessage(row.Payload)}
	for _, name := range l.subscribers[row.Kind] {
		item := work.Item{Kind: workKind(name), Payload: told, DedupeKey: fmt.Sprintf("event:%d:%s", row.ID, name), Lane: lane}
		if row.CustomerID != 0 {
			item.OrderKey = fmt.Sprintf("%s:customer:%d", workKind(name), row.CustomerID)
		}
		items = append(items, item)
	}
	return items
}
