package account

import (
	"errors"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

func findAll(tx *gorm.DB) ([]model.Account, error) {
	var rows []model.Account
	if err := tx.Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return rows, nil
}

func lock(tx *gorm.DB, id int64) (*model.Account, error) {
	var row model.Account
	err := model.ForUpdate(tx).Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("lock account %d: %w", id, err)
	}
	return &row, nil
}

func insert(tx *gorm.DB, row *model.Account) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert account: %w", err)
	}
	return nil
}

func update(tx *gorm.DB, id int64, columns map[string]any) error {
	if err := tx.Model(&model.Account{}).Where("id = ?", id).Updates(columns).Error; err != nil {
		return fmt.Errorf("update account %d: %w", id, err)
	}
	return nil
}

func nameExists(tx *gorm.DB, name string) (bool, error) {
	var n int64
	if err := tx.Model(&model.Account{}).Where("name = ?", name).Count(&n).Error; err != nil {
		return false, fmt.Errorf("look for account name: %w", err)
	}
	return n > 0, nil
}

// hasStaff tells whether anybody of the account has been mirrored.
func hasStaff(tx *gorm.DB, accountID int64) (bool, error) {
	var ids []int64
	if err := tx.Model(&model.Staff{}).Where("account_id = ?", accountID).Limit(1).Pluck("id", &ids).Error; err != nil {
		return false, fmt.Errorf("look for staff of account %d: %w", accountID, err)
	}
	return len(ids) > 0, nil
}
