package customer

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// textsTold gives what a source has told of a field until a time, and has not told again since.
func textsTold(tx *gorm.DB, customerID int64, column, source string, until time.Time) (texts []string, err error) {
	err = tx.Model(&model.CustomerChange{}).
		Where("customer_id IN (?) AND field = ? AND source = ? AND new_value <> ''", theirs(tx, customerID), column, source).
		Group("new_value").Having("MAX(changed_at) <= ?", until).Pluck("new_value", &texts).Error
	if err != nil {
		return nil, fmt.Errorf("find what was told of a customer: %w", err)
	}
	return texts, nil
}

// blankHistory takes values of a field out of a customer's history; that there was a change stays.
func blankHistory(tx *gorm.DB, customerID int64, column string, texts []string) error {
	if len(texts) == 0 {
		return nil
	}
	for _, side := range []string{"old_value", "new_value"} {
		err := tx.Model(&model.CustomerChange{}).
			Where("customer_id IN (?) AND field = ?", theirs(tx, customerID), column).Where(side+" IN ?", texts).
			UpdateColumn(side, "").Error
		if err != nil {
			return fmt.Errorf("blank a customer's history: %w", err)
		}
	}
	return nil
}

func deletePhonesTold(tx *gorm.DB, customerID int64, source string, until time.Time) (int64, error) {
	res := tx.Where("customer_id = ? AND kind = ? AND source = ? AND COALESCE(seen_at, created_at) <= ?", customerID, KindPhone, source, until).
		Delete(&model.Identity{})
	if res.Error != nil {
		return 0, fmt.Errorf("delete phone numbers: %w", res.Error)
	}
	return res.RowsAffected, nil
}
