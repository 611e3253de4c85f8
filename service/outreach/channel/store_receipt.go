package channel

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// addReceipt keeps a receipt and tells whether it is new.
func addReceipt(tx *gorm.DB, row *model.ChannelReceipt) (bool, error) {
	res := model.InsertIgnore(tx).Create(row)
	if res.Error != nil {
		return false, fmt.Errorf("keep a receipt: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

// deliveryOf is the delivery that a platform's id stands for; 0: none that is known.
func deliveryOf(tx *gorm.DB, channel string, accountID int64, platformID string) (int64, error) {
	var ids []int64
	err := tx.Model(&model.ChannelReceipt{}).Where("channel = ? AND account_id = ? AND platform_id = ?", channel, accountID, platformID).
		Limit(1).Pluck("delivery_id", &ids).Error
	if err != nil {
		return 0, fmt.Errorf("find a receipt: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	return ids[0], nil
}

func pruneReceipts(tx *gorm.DB, before time.Time) error {
	if err := tx.Where("created_at < ?", before).Delete(&model.ChannelReceipt{}).Error; err != nil {
		return fmt.Errorf("forget old receipts: %w", err)
	}
	return nil
}
