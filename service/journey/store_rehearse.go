package journey

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/coupon"
)

func rehearsalByID(tx *gorm.DB, id int64) (*model.JourneyRehearsal, error) {
	var row model.JourneyRehearsal
	err := tx.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrRehearsal
	}
	if err != nil {
		return nil, fmt.Errorf("find rehearsal %d: %w", id, err)
	}
	return &row, nil
}

func rehearsalsBefore(tx *gorm.DB, journey, before int64, limit int) (rows []model.JourneyRehearsal, err error) {
	q := tx.Omit("definition", "result").Where("journey_id = ?", journey).Order("id DESC").Limit(limit)
	if before != 0 {
		q = q.Where("id < ?", before)
	}
	if err = q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list rehearsals of journey %d: %w", journey, err)
	}
	return rows, nil
}

// beginRehearsal gives one that is to be done; nil when it has ended, or somebody does not want it any more.
func beginRehearsal(tx *gorm.DB, id int64, now time.Time) (*model.JourneyRehearsal, error) {
	q := tx.Model(&model.JourneyRehearsal{}).Where("id = ? AND state IN ?", id, []string{RehearsalWaiting, RehearsalRunning})
	if err := q.UpdateColumns(map[string]any{"state": RehearsalRunning, "started_at": now, "done": 0}).Error; err != nil {
		return nil, fmt.Errorf("begin rehearsal %d: %w", id, err)
	}
	var rows []model.JourneyRehearsal
	if err := tx.Where("id = ? AND state = ?", id, RehearsalRunning).Find(&rows).Error; err != nil || len(rows) == 0 {
		return nil, err
	}
	if rows[0].CancelAsked {
		return nil, endRehearsal(tx, &model.JourneyRehearsal{ID: id, State: RehearsalCancelled}, now)
	}
	return &rows[0], nil
}

// noteProgress says how far a rehearsal is, and fails with errCancelled when somebody has asked to stop it.
func noteProgress(tx *gorm.DB, id, done, total int64) error {
	err := tx.Model(&model.JourneyRehearsal{}).Where("id = ?", id).UpdateColumns(map[string]any{"done": done, "total": total}).Error
	if err != nil {
		return fmt.Errorf("note the progress of rehearsal %d: %w", id, err)
	}
	var asked []bool
	if err := tx.Model(&model.JourneyRehearsal{}).Where("id = ?", id).Pluck("cancel_asked", &asked).Error; err != nil {
		return fmt.Errorf("find rehearsal %d: %w", id, err)
	}
	if len(asked) > 0 && asked[0] {
		return errCancelled
	}
	return nil
}

func endRehearsal(tx *gorm.DB, row *model.JourneyRehearsal, now time.Time) error {
	err := tx.Model(&model.JourneyRehearsal{}).Where("id = ? AND state = ?", row.ID, RehearsalRunning).
		UpdateColumns(map[string]any{"state": row.State, "error": row.Error, "result": row.Result, "ended_at": now}).Error
	if err != nil {
		return fmt.Errorf("end rehearsal %d: %w", row.ID, err)
	}
	return nil
}

func askCancel(tx *gorm.DB, id int64) error {
	err := tx.Model(&model.JourneyRehearsal{}).Where("id = ? AND state IN ?", id, []string{RehearsalWaiting, RehearsalRunning}).UpdateColumn("cancel_asked", true).Error
	if err != nil {
		return fmt.Errorf("stop rehearsal %d: %w", id, err)
	}
	return nil
}

func countCustomers(tx *gorm.DB) (n int64, err error) {
	if err = tx.Model(&model.Customer{}).Where("merged_into = 0").Count(&n).Error; err != nil {
		return 0, fmt.Errorf("count customers: %w", err)
	}
	return n, nil
}

func customersAfter(tx *gorm.DB, after int64, limit int) (ids []int64, err error) {
	err = tx.Model(&model.Customer{}).Where("merged_into = 0 AND id > ?", after).Order("id").Limit(limit).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("list customers: %w", err)
	}
	return ids, nil
}

// couponsLeft tells how many coupons of a batch can still be given; below 0: any number.
func couponsLeft(tx *gorm.DB, batch int64) (int64, error) {
	var rows []model.CouponCount
	if err := tx.Where("batch_id = ?", batch).Find(&rows).Error; err != nil {
		return 0, fmt.Errorf("count coupons of batch %d: %w", batch, err)
	}
	switch {
	case len(rows) == 0 || rows[0].State != coupon.BatchActive:
		return 0, nil
	case rows[0].Stock == 0:
		return -1, nil
	}
	return max(rows[0].Stock-rows[0].Issued, 0), nil
}
