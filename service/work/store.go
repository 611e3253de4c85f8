package work

import (
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

// grip is how a worker holds a work: the row and the token of the claim. Whatever is written about a
// leased work is written under both, so a worker that lost it writes nothing.
type grip struct {
	id    int64
	token string
}

// held is the condition that a row is leased under one of these grips.
func held(grips []grip) (cond string, args []any) {
	byToken := map[string][]int64{}
	for _, g := range grips {
		byToken[g.token] = append(byToken[g.token], g.id)
	}
	args = append(args, idsOf(grips))
	var claims []string
	for token, of := range byToken {
		if len(byToken) == 1 {
			claims = append(claims, "lease_token = ?")
			args = append(args, token)
			break
		}
		claims = append(claims, "lease_token = ? AND id IN ?")
		args = append(args, token, of)
	}
	return "id IN ? AND state = 'leased' AND (" + strings.Join(claims, " OR ") + ")", args
}

func idsOf(grips []grip) []int64 {
	ids := make([]int64, len(grips))
	for i, g := range grips {
		ids[i] = g.id
	}
	return ids
}

// place is where a look at a lane's ready works stopped; the zero place is the lane's beginning.
type place struct {
	runAt time.Time
	id    int64
}

// candidate is what a claim looks at before it takes a work.
type candidate struct {
	ID       int64
	Kind     string
	OrderKey string
	RunAt    time.Time
}

// due lists the next works of a lane that may start now, whoever can do them, in their order.
func due(db *gorm.DB, lane int, now time.Time, after place, limit int) (page []candidate, err error) {
	query, args := "SELECT id, kind, order_key, run_at FROM work WHERE state = 'ready' AND lane = ? AND run_at <= ?", []any{lane, now}
	if after.id != 0 {
		query += " AND run_at >= ? AND (run_at > ? OR id > ?)"
		args = append(args, after.runAt, after.runAt, after.id)
	}
	err = db.Raw(query+" ORDER BY run_at, id LIMIT ?", append(args, limit)...).Scan(&page).Error
	return page, err
}

// dueOf is due for works that are known by their ids.
func dueOf(db *gorm.DB, ids []int64, lane int, now time.Time) (works []candidate, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = db.Raw("SELECT id, kind, order_key, run_at FROM work WHERE id IN ? AND state = 'ready' AND lane = ? AND run_at <= ? ORDER BY run_at, id",
		ids, lane, now).Scan(&works).Error
	return works, err
}

// heads tells for each order key which of its unfinished works is the first.
func heads(db *gorm.DB, keys []string) (map[string]int64, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var rows []struct {
		OrderKey string
		Head     int64
	}
	err := db.Raw("SELECT order_key, MIN(id) AS head FROM work WHERE order_key IN ? AND state IN ('ready', 'leased') GROUP BY order_key", keys).Scan(&rows).Error
	first := make(map[string]int64, len(rows))
	for _, r := range rows {
		first[r.OrderKey] = r.Head
	}
	return first, err
}

// unlocked locks up to most of the works that meet the condition and leaves out what another
// transaction holds, so that one that hangs holds up no other. Nothing rests on it: TiDB locks nothing here,
// and whoever asks guards the write that follows.
func unlocked(tx *gorm.DB, ids []int64, most int, cond string, args ...any) (free []int64, err error) {
	query := tx.Model(&model.Work{}).Where("id IN ?", ids).Where(cond, args...)
	if !model.IsSQLite(tx) {
		query = query.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked})
	}
	return free, query.Order("id").Limit(most).Pluck("id", &free).Error
}

// take leases up to n of the works, the first ones if they are still free, and reads back which they
// were. The unique running_key leaves out a work whose order key is being worked on already,
// whatever was read before.
func take(tx *gorm.DB, among []int64, n int, token, owner string, now, until time.Time) (rows []model.Work, err error) {
	var ids []int64
	for part := range slices.Chunk(among, n) {
		free, err := unlocked(tx, part, n-len(ids), "state = 'ready' AND run_at <= ?", now)
		if err != nil {
			return nil, err
		}
		if ids = append(ids, free...); len(ids) == n {
			break
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	err = tx.Exec(model.UpdateIgnore(tx)+` work SET state = 'leased', running_key = NULLIF(order_key, ''),
		attempts = attempts + 1, fence = fence + 1, lease_token = ?, lease_owner = ?, lease_until = ?
		WHERE id IN ? AND state = 'ready' AND run_at <= ?`, token, owner, until, ids, now).Error
	if err != nil {
		return nil, err
	}
	return rows, tx.Where("id IN ? AND lease_token = ?", ids, token).Order("run_at, id").Find(&rows).Error
}

// putBack returns a claim's works to the queue as if they had not been claimed.
func putBack(tx *gorm.DB, ids []int64, token string) (int64, error) {
	res := tx.Exec(`UPDATE work SET state = 'ready', running_key = NULL, lease_until = NULL, lease_token = '', attempts = attempts - 1
		WHERE id IN ? AND state = 'leased' AND lease_token = ?`, ids, token)
	return res.RowsAffected, res.Error
}

func markDone(tx *gorm.DB, grips []grip, now time.Time) (int64, error) {
	cond, args := held(grips)
	res := tx.Exec("UPDATE work SET state = 'done', running_key = NULL, lease_until = NULL, last_error = '', finished_at = ? WHERE "+cond,
		append([]any{now}, args...)...)
	return res.RowsAffected, res.Error
}

// markReady puts a work off, unless an operator asked to cancel it.
func markReady(tx *gorm.DB, g grip, v verdict) (int64, error) {
	refund := 0
	if v.free {
		refund = 1
	}
	res := tx.Exec(`UPDATE work SET state = 'ready', running_key = NULL, lease_until = NULL, attempts = attempts - ?, run_at = ?,
		last_error = CASE WHEN ? <> '' THEN ? ELSE last_error END
		WHERE id = ? AND state = 'leased' AND lease_token = ? AND NOT cancel_asked`, refund, v.runAt, v.lastError, v.lastError, g.id, g.token)
	return res.RowsAffected, res.Error
}

// markEnded ends a work as dead or cancelled.
func markEnded(tx *gorm.DB, g grip, state, reason string, now time.Time) (int64, error) {
	res := tx.Exec(`UPDATE work SET state = ?, running_key = NULL, lease_until = NULL, last_error = ?, finished_at = ?
		WHERE id = ? AND state = 'leased' AND lease_token = ?`, state, reason, now, g.id, g.token)
	return res.RowsAffected, res.Error
}

// extend prolongs leases and tells which; one that was lost stays lost.
func extend(tx *gorm.DB, grips []grip, until time.Time) (ids []int64, err error) {
	if ids, err = unlocked(tx, idsOf(grips), len(grips), "state = 'leased'"); err != nil || len(ids) == 0 {
		return nil, err
	}
	cond, args := held(grips)
	return ids, tx.Exec("UPDATE work SET lease_until = ? WHERE id IN ? AND "+cond, append([]any{until, ids}, args...)...).Error
}

// holding is how a row that a worker holds looks now.
type holding struct {
	ID          int64
	State       string
	LeaseToken  string
	CancelAsked bool
}

func look(db *gorm.DB, grips []grip) (map[int64]holding, error) {
	var rows []holding
	err := db.Raw("SELECT id, state, lease_token, cancel_asked FROM work WHERE id IN ?", idsOf(grips)).Scan(&rows).Error
	byID := make(map[int64]holding, len(rows))
	for _, r := range rows {
		byID[r.ID] = r
	}
	return byID, err
}

// rescuePage is how many works with an expired lease are returned by one statement.
const rescuePage = 1000

// rescued tells of a page of works whose lease ran out.
type rescued struct {
	works int   // that went back or ended
	last  int64 // where the next page begins; 0 when this was the last
}

// rescue returns a page of works whose lease ran out to the queue, or ends those that an operator
// asked to cancel. It looks at no payload, and leaves out what another transaction holds, so no row can
// hold up the next.
func rescue(db *gorm.DB, now time.Time, after int64) (r rescued, err error) {
	var page []int64
	err = db.Raw("SELECT id FROM work WHERE state = 'leased' AND lease_until < ? AND id > ? ORDER BY id LIMIT ?", now, after, rescuePage).Scan(&page).Error
	if err != nil || len(page) == 0 {
		return r, err
	}
	if len(page) == rescuePage {
		r.last = page[len(page)-1]
	}
	return r, model.InTx(db.Statement.Context, db, func(tx *gorm.DB) error {
		const over = "state = 'leased' AND lease_until < ?"
		free, err := unlocked(tx, page, len(page), over, now)
		if r.works = len(free); err != nil || r.works == 0 {
			return err
		}
		err = tx.Exec(`UPDATE work SET state = 'ready', running_key = NULL, lease_token = '', lease_until = NULL,
			last_error = 'the lease ran out' WHERE id IN ? AND NOT cancel_asked AND `+over, free, now).Error
		if err != nil {
			return err
		}
		return tx.Exec(`UPDATE work SET state = 'cancelled', running_key = NULL, lease_token = '', lease_until = NULL,
			last_error = ?, finished_at = ? WHERE id IN ? AND `+over, reasonOperator, now, free, now).Error
	})
}

// dueAgain takes a page of works that wait although they were to start at once when they were
// enqueued, or whose lease ends later than one taken now, and brings them to now.
func dueAgain(tx *gorm.DB, now time.Time, lease time.Duration, after int64) (ids []int64, err error) {
	until := now.Add(lease)
	err = tx.Raw(`SELECT id FROM work WHERE id > ? AND (state = 'ready' AND run_at > ? AND run_at <= created_at
		OR state = 'leased' AND lease_until > ?) ORDER BY id LIMIT ?`, after, now, until, rescuePage).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	err = tx.Exec("UPDATE work SET run_at = ? WHERE id IN ? AND state = 'ready' AND run_at > ? AND run_at <= created_at", now, ids, now).Error
	if err != nil {
		return nil, err
	}
	return ids, tx.Exec("UPDATE work SET lease_until = ?, run_at = ? WHERE id IN ? AND state = 'leased' AND lease_until > ?", until, now, ids, until).Error
}
