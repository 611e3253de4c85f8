package event

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// workRebuild is the kind of work that rebuilds counts. It is data.
const workRebuild = "event.rebuild_days"

const rebuildCustomers = 100 // in one transaction

// Rebuilt says what a rebuild found.
type Rebuilt struct {
	Customers int // looked at
	Corrected int // counts that were not what the events say
}

type rebuildWork struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// StartRebuild has Rebuild done soon, by whichever replica is free.
func (l *Log) StartRebuild(ctx context.Context, from, to int) error {
	if _, _, err := l.span(from, to); err != nil {
		return err
	}
	return model.InTx(ctx, l.DB, func(tx *gorm.DB) error {
		return l.queue.Enqueue(tx, work.Item{Kind: workRebuild, Payload: rebuildWork{from, to}, OrderKey: workRebuild, Lane: work.LaneBulk})
	})
}

// Rebuild makes the counts of the days from … to (yyyymmdd, both included) what the events say, while events
// go on coming in. Days whose events may be gone by their retention stay as they are. It may be
// interrupted and run again at any time. It fails with ErrDays when there are no such days.
func (l *Log) Rebuild(ctx context.Context, from, to int) (Rebuilt, error) {
	var sum Rebuilt
	b, err := l.newRebuild(ctx, from, to)
	if err != nil {
		return sum, err
	}
	for after := int64(0); ; {
		customers, err := customersBetween(l.DB.WithContext(ctx), after, b.from, b.to, b.since, b.until, rebuildCustomers)
		if err != nil || len(customers) == 0 {
			return sum, err
		}
		var corrected int
		err = model.InTx(ctx, l.DB, func(tx *gorm.DB) (err error) {
			corrected, err = b.customers(tx, customers)
			return err
		})
		if err != nil {
			return sum, fmt.Errorf("rebuild counts: %w", err)
		}
		sum.Customers += len(customers)
		sum.Corrected += corrected
		after = customers[len(customers)-1]
	}
}

type rebuild struct {
	log          *Log
	from, to     int
	since, until time.Time      // the same, as moments
	kept         map[string]int // of a kind whose events are forgotten: the first day that surely has all
}

func (l *Log) newRebuild(ctx context.Context, from, to int) (*rebuild, error) {
	since, until, err := l.span(from, to)
	if err != nil {
		return nil, err
	}
	b := &rebuild{l, from, to, since, until, map[string]int{}}
	known, err := l.kinds(ctx)
	if err != nil {
		return nil, err
	}
	for name, k := range known {
		if months := l.retention(k.Class).Events; months > 0 {
			b.kept[name] = dayOf(l.horizon(months).AddDate(0, 0, 2), l.Zone) // the horizon may move on meanwhile
		}
	}
	return b, nil
}

// span turns days into moments.
func (l *Log) span(from, to int) (since, until time.Time, err error) {
	since, okFrom := l.dayStart(from)
	last, okTo := l.dayStart(to)
	if !okFrom || !okTo || to < from {
		return since, until, ErrDays
	}
	return since, last.AddDate(0, 0, 1), nil
}

func (l *Log) dayStart(day int) (time.Time, bool) {
	t := time.Date(day/10_000, time.Month(day/100%100), day%100, 0, 0, 0, 0, l.Zone)
	return t, day > 1970_00_00 && dayOf(t, l.Zone) == day
}

// customers rebuilds some customers' counts. It locks the counts before it reads the events: whoever adds to
// one of them has either committed, so that their events are seen here, or waits until this is done.
// Counts that are missing are made first, to be locked too; a count that appears even later was made
// together with all events it is about, and is right.
func (b *rebuild) customers(tx *gorm.DB, ids []int64) (corrected int, err error) {
	locked, err := lockDays(tx, ids, b.from, b.to)
	if err != nil {
		return 0, err
	}
	say, err := b.tally(tx, ids)
	if err != nil {
		return 0, err
	}
	if missing := b.missing(say, locked); len(missing) > 0 {
		if err := addDays(tx, nil, missing); err != nil {
			return 0, err
		}
		if locked, err = lockDays(tx, ids, b.from, b.to); err != nil {
			return 0, err
		}
		if say, err = b.tally(tx, ids); err != nil {
			return 0, err
		}
	}
	var wrong []*model.EventDay
	for i := range locked {
		is := &locked[i]
		if is.Day < b.kept[is.Kind] {
			continue
		}
		should := say.days[keyOf(is)]
		if should == nil {
			corrected++
			if err := deleteDay(tx, is); err != nil {
				return 0, err
			}
		} else if !sameCount(is, should) {
			wrong = append(wrong, should)
		}
	}
	slices.SortFunc(wrong, compareDays)
	return corrected + len(wrong), setDays(tx, wrong)
}

func (b *rebuild) tally(tx *gorm.DB, ids []int64) (*tally, error) {
	t := newTally(b.log.Zone)
	return t, eachEvent(tx, ids, b.since, b.until, t.add)
}

// missing are empty counts for what events say and nothing counts.
func (b *rebuild) missing(say *tally, locked []model.EventDay) (out []*model.EventDay) {
	there := make(map[dayKey]bool, len(locked))
	for i := range locked {
		there[keyOf(&locked[i])] = true
	}
	for _, d := range say.sorted() {
		if !there[keyOf(d)] && d.Day >= b.kept[d.Kind] {
			none := *d
			none.Times, none.Value = 0, 0
			out = append(out, &none)
		}
	}
	return out
}

func keyOf(d *model.EventDay) dayKey { return dayKey{d.CustomerID, d.Kind, d.Item, d.Day} }

func sameCount(a, b *model.EventDay) bool {
	return a.Times == b.Times && a.Value == b.Value && a.FirstAt.Equal(b.FirstAt) && a.LastAt.Equal(b.LastAt)
}
