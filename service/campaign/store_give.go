package campaign

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/coupon"
)

// batchesOf says of which coupon batch each variant of a campaign gives; none: it gives nothing.
func batchesOf(tx *gorm.DB, campaignID int64) (map[int64]int64, error) {
	var rows []model.CampaignCoupon
	if err := tx.Where("campaign_id = ?", campaignID).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find what campaign %d gives: %w", campaignID, err)
	}
	of := make(map[int64]int64, len(rows))
	for _, r := range rows {
		of[r.VariantID] = r.BatchID
	}
	return of, nil
}

// runNumbered is the row id of a campaign's run.
func runNumbered(tx *gorm.DB, campaignID int64, number string) (id int64, err error) {
	if err = tx.Model(&model.CampaignRun{}).Where("campaign_id = ? AND number = ?", campaignID, number).Select("id").Take(&id).Error; err != nil {
		return 0, fmt.Errorf("find run %s of campaign %d: %w", number, campaignID, err)
	}
	return id, nil
}

// batchPaused tells whether a coupon batch gives none for now and may go on: it is paused, or waits for approval.
func batchPaused(tx *gorm.DB, id int64) (bool, error) {
	var state string
	if err := tx.Model(&model.CouponBatch{}).Where("id = ?", id).Select("state").Take(&state).Error; err != nil {
		return false, fmt.Errorf("find coupon batch %d: %w", id, err)
	}
	return state == coupon.BatchPaused || state == coupon.BatchSubmitted, nil
}
