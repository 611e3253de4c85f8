package event

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// Retention says for how many months a class is kept; 0: as long as the customer.
type Retention struct{ Events, Counts int }

// defaultRetention is for classes that Options say nothing of. What people did is forgotten after 13
// months, so that a year can be compared with the one before; how often they did it, a year later.
var defaultRetention = map[Class]Retention{ClassBehaviour: {Events: 13, Counts: 25}}

func (l *Log) retention(c Class) Retention {
	if r, found := l.Retention[c]; found {
		return r
	}
	return defaultRetention[c]
}

// horizon is the beginning of the first day that is kept.
func (l *Log) horizon(months int) time.Time {
	y, m, d := l.now().In(l.Zone).Date()
	return time.Date(y, m-time.Month(months), d, 0, 0, 0, 0, l.Zone)
}

const pruneBatch = 500

// Prune forgets events, and later their counts, as the retention of their class says, in small
// transactions. Counts outlive the events that they count.
func (l *Log) Prune(ctx context.Context) error {
	known, err := l.kinds(ctx)
	if err != nil {
		return err
	}
	db := l.DB.WithContext(ctx)
	for name, k := range known {
		r := l.retention(k.Class)
		if r.Events > 0 {
			before := l.horizon(r.Events)
			if err := inBatches(ctx, func() (int64, error) { return deleteEvents(db, name, before, pruneBatch) }); err != nil {
				return fmt.Errorf("forget %s: %w", name, err)
			}
		}
		if r.Counts > 0 {
			before := dayOf(l.horizon(max(r.Counts, r.Events)), l.Zone)
			if err := inBatches(ctx, func() (int64, error) { return deleteDays(db, name, before, pruneBatch) }); err != nil {
				return fmt.Errorf("forget counts of %s: %w", name, err)
			}
		}
	}
	if months := l.retention(ClassBehaviour).Events; months > 0 {
		before := l.horizon(months)
		return inBatches(ctx, func() (int64, error) { return deleteOldAside(db, before, pruneBatch) })
	}
	return nil
}

// inBatches calls some until there is nothing left.
func inBatches(ctx context.Context, some func() (int64, error)) error {
	for {
		n, err := some()
		if err != nil || n == 0 {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// DayCount is what happened in one day, of one kind.
type DayCount struct {
	Day       int
	Customers int64
	Times     int64
	Value     int64
}

// maxDays bounds what DayCounts looks at.
const maxDays = 100

// DayCounts gives what is counted of a kind for each day that has any, from … to, at most 100 days. It fails
// with ErrDays.
func (l *Log) DayCounts(ctx context.Context, kind string, from, to int) ([]DayCount, error) {
	since, until, err := l.span(from, to)
	if err != nil {
		return nil, err
	}
	if until.After(since.AddDate(0, 0, maxDays)) {
		return nil, ErrDays.With("to", fmt.Sprintf("at most %d days", maxDays))
	}
	rows, err := dayCounts(l.DB.WithContext(ctx), kind, from, to)
	if err != nil {
		return nil, fmt.Errorf("count %s: %w", kind, err)
	}
	return rows, nil
}

// Today is the present day of business, as yyyymmdd.
func (l *Log) Today() int { return dayOf(l.now(), l.Zone) }

// deleteOf deletes rows of a table by ids found before, because a DELETE with a limit is not everywhere.
func deleteOf(db *gorm.DB, row any, ids []int64) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	res := db.Where("id IN ?", ids).Delete(row)
	return res.RowsAffected, res.Error
}
