package intake

import (
	"bytes"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
)

// inserts are prepared INSERTs by how many rows they take: the database reads such a statement once, and bodies need
// no quoting. Written by hand, because through GORM's reflection they would cost more than the database does.
type inserts struct {
	mu     sync.Mutex
	byRows map[int]*sql.Stmt
}

func (p *inserts) of(db *gorm.DB, rows int) (*sql.Stmt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.byRows[rows]; known != nil {
		return known, nil
	}
	const row = "(?,?,?,?,?,?,'new','',?,0,NULL)"
	q := "INSERT INTO inbox (account_id,digest,kind,body,stale,lane,state,error,received_at,replays,finished_at) VALUES " +
		strings.TrimSuffix(strings.Repeat(row+",", rows), ",")
	if model.IsSQLite(db) {
		q += " ON CONFLICT DO NOTHING"
	} else {
		// INSERT IGNORE would also let pass what does not fit a column.
		q += " ON DUPLICATE KEY UPDATE id=id"
	}
	s, err := db.Statement.ConnPool.PrepareContext(db.Statement.Context, q)
	if err != nil {
		return nil, err
	}
	if p.byRows == nil {
		p.byRows = map[int]*sql.Stmt{}
	}
	p.byRows[rows] = s
	return s, nil
}

// insertArrivals is one statement for all. It tells how many rows were not there before.
func (p *inserts) insertArrivals(db *gorm.DB, batch []arrival) (added int, err error) {
	// In one order everywhere, so that two replicas with the same messages don't lock each other.
	slices.SortFunc(batch, func(a, b arrival) int { return bytes.Compare(a.digest[:], b.digest[:]) })
	insert, err := p.of(db, len(batch))
	if err != nil {
		return 0, err
	}
	args := make([]any, 0, 7*len(batch))
	for i := range batch {
		a := &batch[i]
		args = append(args, a.accountID, a.digest[:], a.kind, a.body, a.stale, a.lane, a.at)
	}
	res, err := insert.ExecContext(db.Statement.Context, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// newRows are the rows to be routed next: by lane, then in the order in which they came.
func newRows(db *gorm.DB, limit int) (rows []model.Inbox, err error) {
	return rows, db.Where("state = ?", StateNew).Order("lane, id").Limit(limit).Find(&rows).Error
}

// takeRows marks new rows as routed and tells how many still were new.
func takeRows(tx *gorm.DB, rows []model.Inbox) (int, error) {
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	slices.Sort(ids) // one order of locking
	res := tx.Model(&model.Inbox{}).Where("id IN ? AND state = ?", ids, StateNew).Update("state", StateRouted)
	return int(res.RowsAffected), res.Error
}

// finish ends rows that still are in a state.
func finish(db *gorm.DB, ids []int64, from, to, reason string, now time.Time) error {
	return db.Model(&model.Inbox{}).Where("id IN ? AND state = ?", ids, from).
		Updates(map[string]any{"state": to, "error": shorten(reason, 255), "finished_at": now}).Error
}

func inboxRow(db *gorm.DB, id int64) (*model.Inbox, error) {
	var row model.Inbox
	return &row, db.Take(&row, "id = ?", id).Error
}

// pageOfInbox lists rows before an id, newest first, without their bodies.
func pageOfInbox(db *gorm.DB, f InboxFilter) (rows []model.Inbox, err error) {
	q := db.Omit("body", "digest").Order("id DESC").Limit(f.Limit)
	if f.Before > 0 {
		q = q.Where("id < ?", f.Before)
	}
	if f.AccountID > 0 {
		q = q.Where("account_id = ?", f.AccountID)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.Kind != "" {
		q = q.Where("kind = ?", f.Kind)
	}
	return rows, q.Find(&rows).Error
}

// renew makes rows new again that have ended in one of some states.
func renew(tx *gorm.DB, ids []int64, from ...string) (int64, error) {
	res := tx.Model(&model.Inbox{}).Where("id IN ? AND state IN ?", ids, from).Updates(map[string]any{
		"state": StateNew, "error": "", "finished_at": nil, "replays": gorm.Expr("replays + 1"),
	})
	return res.RowsAffected, res.Error
}

// oldest are the first rows after an id, without their bodies.
func oldest(db *gorm.DB, after int64, limit int) (rows []model.Inbox, err error) {
	return rows, db.Select("id", "received_at", "state").Where("id > ?", after).Order("id").Limit(limit).Find(&rows).Error
}

func deleteInbox(tx *gorm.DB, ids []int64) error {
	return tx.Delete(&model.Inbox{}, "id IN ?", ids).Error
}

// shorten keeps the first n characters of a text for a column.
func shorten(text string, n int) string {
	if text = strings.ToValidUTF8(text, "?"); utf8.RuneCountInString(text) <= n {
		return text
	}
	return fmt.Sprintf("%.*s…", n-1, text)
}
