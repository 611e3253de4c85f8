package coupon

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// deleteRequests forgets some answers that are older than a time.
func deleteRequests(tx *gorm.DB, before time.Time, limit int) (int64, error) {
	var keys [][]byte
	if err := tx.Model(&model.CouponRequest{}).Where("created_at < ?", before).Order("created_at").Limit(limit).Pluck("request_key", &keys).Error; err != nil {
		return 0, fmt.Errorf("find old requests: %w", err)
	}
	if len(keys) == 0 {
		return 0, nil
	}
	res := tx.Where("request_key IN ?", keys).Delete(&model.CouponRequest{})
	if res.Error != nil {
		return 0, fmt.Errorf("delete old requests: %w", res.Error)
	}
	return res.RowsAffected, nil
}
