package profile

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// lastReveal is the number of a staff member's last reveal of a day; 0: none.
func lastReveal(tx *gorm.DB, staffID int64, day int) (ordinal int, err error) {
	err = tx.Model(&model.Reveal{}).Where("staff_id = ? AND day = ?", staffID, day).Select("COALESCE(MAX(ordinal), 0)").Scan(&ordinal).Error
	if err != nil {
		return 0, fmt.Errorf("count reveals: %w", err)
	}
	return ordinal, nil
}

func insertReveal(tx *gorm.DB, row *model.Reveal) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("keep a reveal: %w", err)
	}
	return nil
}
