package event

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// dayOf is a moment's day in the zone of the business, as yyyymmdd.
func dayOf(at time.Time, zone *time.Location) int {
	y, m, d := at.In(zone).Date()
	return y*10_000 + int(m)*100 + d
}

// dayKey is what is counted separately.
type dayKey struct {
	customer   int64
	kind, item string
	day        int
}

func compareDays(a, b *model.EventDay) int {
	return cmp.Or(cmp.Compare(a.CustomerID, b.CustomerID), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Item, b.Item), cmp.Compare(a.Day, b.Day))
}

// tally adds events up per customer, kind, item and day. Events about nobody are not counted.
type tally struct {
	zone *time.Location
	days map[dayKey]*model.EventDay
}

func newTally(zone *time.Location) *tally { return &tally{zone, map[dayKey]*model.EventDay{}} }

func (t *tally) add(e *model.Event) {
	if e.CustomerID == 0 {
		return
	}
	k := dayKey{e.CustomerID, e.Kind, e.Item, dayOf(e.OccurredAt, t.zone)}
	d := t.days[k]
	if d == nil {
		t.days[k] = &model.EventDay{
			CustomerID: k.customer, Kind: k.kind, Item: k.item, Day: k.day, Times: 1, Value: e.Value, FirstAt: e.OccurredAt, LastAt: e.OccurredAt,
		}
		return
	}
	d.Times++
	d.Value += e.Value
	if e.OccurredAt.Before(d.FirstAt) {
		d.FirstAt = e.OccurredAt
	}
	if e.OccurredAt.After(d.LastAt) {
		d.LastAt = e.OccurredAt
	}
}

// sorted gives the sums in the one order in which they are locked.
func (t *tally) sorted() []*model.EventDay {
	out := make([]*model.EventDay, 0, len(t.days))
	for _, d := range t.days {
		out = append(out, d)
	}
	slices.SortFunc(out, compareDays)
	return out
}

// count adds new events to the days they happened on, in the transaction that adds the events.
func (l *Log) count(tx *gorm.DB, added []*model.Event) error {
	t := newTally(l.Zone)
	for _, e := range added {
		t.add(e)
	}
	return addDays(tx, &l.days, t.sorted())
}
