package coupon

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func before(q *gorm.DB, id int64, limit int) *gorm.DB {
	if id != 0 {
		q = q.Where("id < ?", id)
	}
	return q.Order("id DESC").Limit(limit)
}

func batchesBefore(tx *gorm.DB, state string, from int64, limit int) ([]*model.CouponBatch, error) {
	q := before(tx, from, limit)
	if state != "" {
		q = q.Where("state = ?", state)
	}
	var rows []*model.CouponBatch
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list coupon batches: %w", err)
	}
	return rows, nil
}

// openBatches are the batches of the coupon centre that are open at a time.
func openBatches(tx *gorm.DB, now time.Time, limit int) ([]*model.CouponBatch, error) {
	var rows []*model.CouponBatch
	err := tx.Where("state = ? AND claimable = ?", BatchActive, true).Where("claim_from IS NULL OR claim_from <= ?", now).
		Where("claim_until IS NULL OR claim_until > ?", now).Where("valid_until IS NULL OR valid_until > ?", now).
		Order("id DESC").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list open coupon batches: %w", err)
	}
	return rows, nil
}

// hadBy counts what a customer had, by batch.
func hadBy(tx *gorm.DB, customerID int64, today time.Time) (map[int64]*taken, error) {
	var rows []struct {
		BatchID, Had, Today int64
	}
	err := tx.Model(&model.Coupon{}).Where("claimer_id = ?", customerID).
		Select("batch_id, COUNT(*) AS had, SUM(CASE WHEN created_at >= ? THEN 1 ELSE 0 END) AS today", today).Group("batch_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count coupons of a customer: %w", err)
	}
	m := make(map[int64]*taken, len(rows))
	for _, r := range rows {
		m[r.BatchID] = &taken{ClaimerID: customerID, Had: r.Had, Today: r.Today}
	}
	return m, nil
}

// segmentsOf are the segments that a customer is in.
func segmentsOf(tx *gorm.DB, customerID int64) (map[int64]bool, error) {
	var ids []int64
	if err := tx.Model(&model.SegmentMember{}).Where("customer_id = ? AND left_at IS NULL", customerID).Pluck("segment_id", &ids).Error; err != nil {
		return nil, fmt.Errorf("find segments of a customer: %w", err)
	}
	m := make(map[int64]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m, nil
}

func couponsBefore(tx *gorm.DB, f Filter, from int64, limit int) ([]model.Coupon, error) {
	q := before(tx, from, limit)
	if f.BatchID != 0 {
		q = q.Where("batch_id = ?", f.BatchID)
	}
	if f.CustomerID != 0 {
		q = q.Where("customer_id = ?", f.CustomerID)
	}
	if len(f.States) > 0 {
		q = q.Where("state IN ?", f.States)
	}
	var rows []model.Coupon
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list coupons: %w", err)
	}
	return rows, nil
}

func withBatches(tx *gorm.DB, rows []model.Coupon) ([]Item, error) {
	ids := map[int64]bool{}
	for _, c := range rows {
		ids[c.BatchID] = true
	}
	batches, err := batchesByID(tx, sortedKeys(ids))
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]*model.CouponBatch, len(batches))
	for _, b := range batches {
		byID[b.ID] = b
	}
	list := make([]Item, len(rows))
	for i, c := range rows {
		list[i] = Item{c, byID[c.BatchID]}
	}
	return list, nil
}

func entriesBefore(tx *gorm.DB, batchID, couponID, from int64, limit int) ([]model.CouponEntry, error) {
	q := before(tx, from, limit)
	if batchID != 0 {
		q = q.Where("batch_id = ?", batchID)
	}
	if couponID != 0 {
		q = q.Where("coupon_id = ?", couponID)
	}
	var rows []model.CouponEntry
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list the ledger of coupons: %w", err)
	}
	return rows, nil
}

// inHand counts the coupons that a customer may use now, and those of them that are over by a time.
func inHand(tx *gorm.DB, customerID int64, now, soon time.Time) (*Hand, error) {
	var h Hand
	err := tx.Model(&model.Coupon{}).Where("customer_id = ? AND state = ? AND valid_until > ? AND valid_from <= ?", customerID, Usable, now, now).
		Select("COUNT(*) AS usable, COALESCE(SUM(CASE WHEN valid_until <= ? THEN 1 ELSE 0 END), 0) AS soon, MIN(valid_until) AS first_until", soon).Scan(&h).Error
	if err != nil {
		return nil, fmt.Errorf("count what customer %d may use: %w", customerID, err)
	}
	return &h, nil
}
