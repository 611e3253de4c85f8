package event

import (
	"fmt"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
)

// statementRows is how many rows one statement writes: enough that the statement itself costs little,
// and below SQLite's limit of variables.
const statementRows = 1000

// exec runs a statement that was written by hand: through GORM's reflection a large one would cost
// more than the database does.
func exec(tx *gorm.DB, q string, args []any) (result, error) {
	return tx.Statement.ConnPool.ExecContext(tx.Statement.Context, q, args...)
}

type result interface {
	LastInsertId() (int64, error)
	RowsAffected() (int64, error)
}

// values is the beginning of a multi-row INSERT, with its placeholders.
func values(head string, rows, columns int) *strings.Builder {
	row := "(" + strings.Repeat("?,", columns-1) + "?)"
	q := &strings.Builder{}
	q.Grow(len(head) + rows*(len(row)+1) + 256)
	q.WriteString(head)
	for i := range rows {
		if i > 0 {
			q.WriteByte(',')
		}
		q.WriteString(row)
	}
	return q
}

const (
	insertEvent  = "INSERT INTO event (kind,account_id,customer_id,staff_id,source,item,value,dedupe_key,payload,occurred_at,recorded_at) VALUES "
	eventColumns = 11
)

// insertEvents inserts rows by one statement and sets their ids, which are consecutive. It fails as a
// duplicate when a key is taken.
func insertEvents(tx *gorm.DB, by *inserts, rows []*model.Event) error {
	args := make([]any, 0, eventColumns*len(rows))
	for _, e := range rows {
		args = append(args, e.Kind, e.AccountID, e.CustomerID, e.StaffID, e.Source, e.Item, e.Value, e.DedupeKey, e.Payload, e.OccurredAt, e.RecordedAt)
	}
	res, err := by.exec(tx, len(rows), func() string { return values(insertEvent, len(rows), eventColumns).String() }, args)
	if err != nil {
		return fmt.Errorf("insert events: %w", err)
	}
	first, err := res.LastInsertId()
	if err != nil {
		return err
	}
	if model.IsSQLite(tx) { // it tells the last of the ids, the others tell the first
		first -= int64(len(rows) - 1)
	}
	for i, e := range rows {
		e.ID = first + int64(i)
	}
	return nil
}

// keysIn are those of the keys that a table holds.
func keysIn(tx *gorm.DB, table string, keys [][]byte) (found [][]byte, err error) {
	if err := tx.Table(table).Where("dedupe_key IN ?", keys).Pluck("dedupe_key", &found).Error; err != nil {
		return nil, fmt.Errorf("find recorded events: %w", err)
	}
	return found, nil
}

const (
	insertDay  = "INSERT INTO event_day (customer_id,kind,item,day,times,value,first_at,last_at) VALUES "
	dayColumns = 8
)

// addDays adds to counts; rows that are not there are made.
func addDays(tx *gorm.DB, by *inserts, days []*model.EventDay) error {
	onTaken := " ON DUPLICATE KEY UPDATE times=times+VALUES(times),value=value+VALUES(value)," +
		"first_at=LEAST(first_at,VALUES(first_at)),last_at=GREATEST(last_at,VALUES(last_at))"
	if model.IsSQLite(tx) {
		onTaken = " ON CONFLICT (customer_id,kind,item,day) DO UPDATE SET times=times+excluded.times,value=value+excluded.value," +
			"first_at=min(first_at,excluded.first_at),last_at=max(last_at,excluded.last_at)"
	}
	for chunk := range portions(days) {
		text := func() string {
			q := values(insertDay, len(chunk), dayColumns)
			q.WriteString(onTaken)
			return q.String()
		}
		args := make([]any, 0, dayColumns*len(chunk))
		for _, d := range chunk {
			args = append(args, d.CustomerID, d.Kind, d.Item, d.Day, d.Times, d.Value, d.FirstAt, d.LastAt)
		}
		if _, err := by.exec(tx, len(chunk), text, args); err != nil {
			return fmt.Errorf("count events: %w", err)
		}
	}
	return nil
}
