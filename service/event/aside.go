package event

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// workReplay is the kind of work that replays what is aside. It is data.
const workReplay = "event.replay_aside"

type replayWork struct {
	Name string `json:"name"` // empty: all
}

const replayBatch = 200

// ListAside lists events that are aside, the newest first.
func (l *Log) ListAside(ctx context.Context, f AsideFilter) ([]model.EventAside, error) {
	rows, err := pageOfAside(l.DB.WithContext(ctx), f)
	if err != nil {
		return nil, fmt.Errorf("list events aside: %w", err)
	}
	return rows, nil
}

// AsideName is a name under which events are aside.
type AsideName struct {
	Name    string
	Waiting int64
}

// AsideNames lists the names under which most events are aside, at most 100.
func (l *Log) AsideNames(ctx context.Context) ([]AsideName, error) {
	rows, err := asideNames(l.DB.WithContext(ctx), 100)
	if err != nil {
		return nil, fmt.Errorf("list names aside: %w", err)
	}
	return rows, nil
}

// ReplayAside has the events of a name that are aside, or all when it is empty, held against the registry
// again soon: those that it understands now are recorded for when they happened, the others stay.
func (l *Log) ReplayAside(ctx context.Context, name string) error {
	return model.InTx(ctx, l.DB, func(tx *gorm.DB) error { return l.replayTx(tx, name) })
}

func (l *Log) replayTx(tx *gorm.DB, name string) error {
	return l.queue.Enqueue(tx, work.Item{Kind: workReplay, Payload: replayWork{name}, OrderKey: workReplay, Lane: work.LaneBulk})
}

// replay goes through what is aside in batches, each a transaction of its own: killed at any moment it
// may simply be run again.
func (l *Log) replay(ctx context.Context, _ *work.Lease, p replayWork) error {
	l.registry.expire() // another replica may have defined what this one does not know yet
	known, err := l.kinds(ctx)
	if err != nil {
		return err
	}
	for after, more := int64(0), true; more; {
		err := model.InTx(ctx, l.DB, func(tx *gorm.DB) error {
			rows, err := lockAside(tx, p.Name, after, replayBatch)
			if err != nil || len(rows) == 0 {
				more = false
				return err
			}
			next := rows[len(rows)-1].ID
			if err := l.replayRows(tx, rows, known); err != nil {
				return err
			}
			model.AfterCommit(tx, func() { after = next })
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) replayRows(tx *gorm.DB, rows []model.EventAside, known map[string]*Kind) error {
	var events []*model.Event
	var done []int64
	now := l.now()
	for i := range rows {
		a := &rows[i]
		v := asideVerdict(a, known)
		if v.result != Accepted {
			if v.reason != a.Reason {
				if err := updateAsideReason(tx, a.ID, v.reason); err != nil {
					return err
				}
			}
			continue
		}
		done = append(done, a.ID)
		events = append(events, &model.Event{
			Kind: a.Name, AccountID: a.AccountID, CustomerID: a.CustomerID, Source: a.Source, Item: v.item, Value: v.value,
			DedupeKey: a.DedupeKey, Payload: v.payload, OccurredAt: a.OccurredAt, RecordedAt: now,
		})
	}
	if len(events) > 0 {
		if _, err := l.write(tx, events, anyMayRepeat(events)); err != nil {
			return err
		}
	}
	return deleteAside(tx, done)
}

func asideVerdict(a *model.EventAside, known map[string]*Kind) verdict {
	kind := known[a.Name]
	if kind == nil {
		return verdict{result: Aside, reason: ReasonUnknown}
	}
	if !kind.Tracked {
		return rejected(ReasonReserved)
	}
	said, reason := members(json.RawMessage(a.Properties))
	if reason != "" {
		return rejected(reason)
	}
	return kind.judge(said)
}
