package work

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func found(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return ErrNotFound
	}
	return err
}

// list reads one row more than the limit, which tells whether there is a next page.
func list(db *gorm.DB, f Filter) (rows []model.Work, err error) {
	query := db.Omit("Payload").Order("id DESC").Limit(f.Limit + 1)
	if f.State != "" {
		query = query.Where("state = ?", f.State)
	}
	if f.Kind != "" {
		query = query.Where("kind = ?", f.Kind)
	}
	if f.Before > 0 {
		query = query.Where("id < ?", f.Before)
	}
	return rows, query.Find(&rows).Error
}

func byDedupeKey(db *gorm.DB, keys []string) (rows []model.Work, err error) {
	return rows, db.Omit("Payload").Where("dedupe_key IN ?", keys).Find(&rows).Error
}

func count(db *gorm.DB) (stats []Stat, err error) {
	return stats, db.Raw(`SELECT kind, state, COUNT(*) AS count, MIN(run_at) AS oldest FROM work
		WHERE state IN ('ready', 'leased', 'dead') GROUP BY kind, state ORDER BY kind, state`).Scan(&stats).Error
}

func lock(tx *gorm.DB, id int64) (*model.Work, error) {
	var row model.Work
	err := found(model.ForUpdate(tx).Omit("Payload").Take(&row, id).Error)
	return &row, err
}

func revive(tx *gorm.DB, id int64, now time.Time) error {
	return tx.Exec(`UPDATE work SET state = 'ready', run_at = ?, deadline = NULL, attempts = 0, cancel_asked = ?,
		last_error = '', finished_at = NULL WHERE id = ?`, now, false, id).Error
}

func cancelReady(tx *gorm.DB, id int64, now time.Time) error {
	return tx.Exec("UPDATE work SET state = 'cancelled', last_error = ?, finished_at = ? WHERE id = ? AND state = 'ready'",
		reasonOperator, now, id).Error
}

func askCancel(tx *gorm.DB, id int64) error {
	return tx.Exec("UPDATE work SET cancel_asked = ? WHERE id = ? AND state = 'leased'", true, id).Error
}

const prunePage = 1000

// ended lists finished works from the oldest on.
func ended(db *gorm.DB, before time.Time, from place) (rows []model.Work, err error) {
	query := db.Select("id", "state", "finished_at").Where("finished_at < ?", before).Order("finished_at, id").Limit(prunePage)
	if from.id != 0 {
		query = query.Where("finished_at >= ? AND (finished_at > ? OR id > ?)", from.runAt, from.runAt, from.id)
	}
	return rows, query.Find(&rows).Error
}

// remove deletes works in a transaction of their own; one that was replayed meanwhile stays.
func remove(ctx context.Context, db *gorm.DB, ids []int64) (n int64, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	err = model.InTx(ctx, db, func(tx *gorm.DB) error {
		res := tx.Exec("DELETE FROM work WHERE id IN ? AND finished_at IS NOT NULL", ids)
		n = res.RowsAffected
		return res.Error
	})
	if err != nil {
		return 0, fmt.Errorf("delete: %w", err)
	}
	return n, nil
}
