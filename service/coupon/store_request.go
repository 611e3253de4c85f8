package coupon

import (
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// requestsOf finds what was answered under keys.
func requestsOf(tx *gorm.DB, keys []hash) (known, error) {
	found := known{}
	for part := range slices.Chunk(keys, statementRows) {
		list := make([][]byte, len(part))
		for i := range part {
			list[i] = part[i][:]
		}
		var rows []*model.CouponRequest
		if err := tx.Where("request_key IN ?", list).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("find requests: %w", err)
		}
		for _, r := range rows {
			found[hash(r.RequestKey)] = r
		}
	}
	return found, nil
}

// insertRequests remembers answers. It fails as a duplicate when another replica was quicker with a key.
func insertRequests(tx *gorm.DB, list []*model.CouponRequest) error {
	rows := make([][]any, len(list))
	for i, r := range list {
		rows[i] = []any{r.RequestKey, r.Body, r.Answer, r.CreatedAt}
	}
	_, err := insertRows(tx, "coupon_request", "request_key,body,answer,created_at", rows)
	return err
}

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
