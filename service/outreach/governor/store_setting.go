package governor

import (
	"errors"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// newestRevision is 0 while nobody has saved any.
func newestRevision(tx *gorm.DB) (n int64, err error) {
	if err := tx.Model(&model.GovernorSetting{}).Select("COALESCE(MAX(revision), 0)").Scan(&n).Error; err != nil {
		return 0, fmt.Errorf("find the governor's settings: %w", err)
	}
	return n, nil
}

func settingByRevision(tx *gorm.DB, revision int64) (*model.GovernorSetting, error) {
	var row model.GovernorSetting
	err := tx.Where("revision = ?", revision).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("find the governor's settings: %w", err)
	}
	return &row, nil
}

func insertSetting(tx *gorm.DB, row *model.GovernorSetting) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert the governor's settings: %w", err)
	}
	return nil
}

func listSettings(tx *gorm.DB) (rows []model.GovernorSetting, err error) {
	if err := tx.Order("revision DESC").Limit(100).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list the governor's settings: %w", err)
	}
	return rows, nil
}
