package coupon

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// lastTouch is by what a customer came last, since a time; nil: by nothing that is known.
func lastTouch(tx *gorm.DB, customerID int64, since time.Time) (*model.CustomerTouch, error) {
	var row model.CustomerTouch
	err := tx.Where("customer_id = ? AND place = 'last' AND touched_at >= ?", customerID, since).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find by what customer %d came: %w", customerID, err)
	}
	return &row, nil
}

// campaignOf is the campaign of a code; 0: there is none.
func campaignOf(tx *gorm.DB, code string) (id int64, err error) {
	if err = tx.Model(&model.Campaign{}).Where("code = ?", code).Limit(1).Pluck("id", &id).Error; err != nil {
		return 0, fmt.Errorf("find the campaign of a code: %w", err)
	}
	return id, nil
}
