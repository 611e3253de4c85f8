package coupon

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// addEnded counts coupons of a batch that ended, or came back, in one of its counters.
func addEnded(tx *gorm.DB, batchID int64, counter string, n int) error {
	return exactly(tx, 1, "UPDATE coupon_count SET "+counter+" = "+counter+" + ? WHERE batch_id = ?", n, batchID)
}

func updateValidity(tx *gorm.DB, id int64, until time.Time, remind *time.Time) error {
	err := tx.Model(&model.Coupon{}).Where("id = ?", id).UpdateColumns(map[string]any{"valid_until": until, "remind_at": remind}).Error
	if err != nil {
		return fmt.Errorf("extend coupon %d: %w", id, err)
	}
	return nil
}

// customerIs fails with ErrNoCustomer when there is no such customer, or somebody else stands for them.
func customerIs(tx *gorm.DB, id int64) error {
	var n int64
	if err := tx.Model(&model.Customer{}).Where("id = ? AND merged_into = 0", id).Count(&n).Error; err != nil {
		return fmt.Errorf("find customer %d: %w", id, err)
	}
	if n == 0 {
		return ErrNoCustomer
	}
	return nil
}

// reservationsOver are reservations whose time is over, above a row id.
func reservationsOver(tx *gorm.DB, now time.Time, after int64, limit int) ([]model.CouponUse, error) {
	var rows []model.CouponUse
	err := tx.Select("id", "api_key_id").Where("state = ? AND expires_at <= ? AND id > ?", UseReserved, now, after).Order("id").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find reservations that are over: %w", err)
	}
	return rows, nil
}

// expiredIDs are coupons that should have expired.
func expiredIDs(tx *gorm.DB, now time.Time, limit int) (ids []int64, err error) {
	err = tx.Model(&model.Coupon{}).Where("state IN ? AND valid_until <= ?", []string{Usable, InReview}, now).Order("state, valid_until").Limit(limit).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find coupons that have expired: %w", err)
	}
	return ids, nil
}

// remindIDs are usable coupons whose reminder is due.
func remindIDs(tx *gorm.DB, now time.Time, limit int) (ids []int64, err error) {
	err = tx.Model(&model.Coupon{}).Where("state = ? AND remind_at <= ?", Usable, now).Order("remind_at").Limit(limit).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find coupons to remind of: %w", err)
	}
	return ids, nil
}

// reminded notes that reminders are done.
func reminded(tx *gorm.DB, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := tx.Model(&model.Coupon{}).Where("id IN ?", ids).UpdateColumn("remind_at", nil).Error; err != nil {
		return fmt.Errorf("note reminders: %w", err)
	}
	return nil
}

// claimsOf are the coupons that somebody was given first.
func claimsOf(tx *gorm.DB, claimer int64) ([]*model.Coupon, error) {
	var rows []*model.Coupon
	if err := model.ForUpdate(tx).Where("claimer_id = ?", claimer).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find coupons that somebody was given: %w", err)
	}
	return rows, nil
}

// lastNumbers are the highest numbers of somebody's coupons, by batch.
func lastNumbers(tx *gorm.DB, claimer int64) (map[int64]int, error) {
	var rows []struct {
		BatchID int64
		Number  int
	}
	err := tx.Model(&model.Coupon{}).Where("claimer_id = ?", claimer).Select("batch_id, MAX(number) AS number").Group("batch_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find the numbers of somebody's coupons: %w", err)
	}
	m := map[int64]int{}
	for _, r := range rows {
		m[r.BatchID] = r.Number
	}
	return m, nil
}
