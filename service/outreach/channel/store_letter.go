package channel

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func addLetters(tx *gorm.DB, rows []model.Letter) error {
	if err := model.InsertIgnore(tx).Create(rows).Error; err != nil {
		return fmt.Errorf("add letters: %w", err)
	}
	return nil
}

// inInbox limits letters to those that a customer can see.
func inInbox(tx *gorm.DB, customerID int64, now time.Time) *gorm.DB {
	return tx.Where("customer_id = ? AND removed_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", customerID, now)
}

func listLetters(tx *gorm.DB, customerID, after int64, now time.Time, limit int) ([]model.Letter, error) {
	q := inInbox(tx, customerID, now)
	if after != 0 {
		q = q.Where("id < ?", after)
	}
	var rows []model.Letter
	if err := q.Order("id DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list letters: %w", err)
	}
	return rows, nil
}

func countUnread(tx *gorm.DB, customerID int64, now time.Time) (n int64, err error) {
	unread := inInbox(tx.Model(&model.Letter{}), customerID, now).Select("id").Where("read_at IS NULL").Limit(1000)
	if err := tx.Table("(?) AS unread", unread).Count(&n).Error; err != nil {
		return 0, fmt.Errorf("count unread letters: %w", err)
	}
	return n, nil
}

func findLetter(tx *gorm.DB, customerID, id int64, now time.Time) (*model.Letter, error) {
	var row model.Letter
	err := inInbox(tx, customerID, now).Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrLetterNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find letter %d: %w", id, err)
	}
	return &row, nil
}

func readLetter(tx *gorm.DB, id int64, at time.Time) error {
	if err := tx.Model(&model.Letter{}).Where("id = ? AND read_at IS NULL", id).Update("read_at", at).Error; err != nil {
		return fmt.Errorf("note that letter %d was read: %w", id, err)
	}
	return nil
}

func removeLetter(tx *gorm.DB, customerID, id int64, at time.Time) error {
	res := tx.Model(&model.Letter{}).Where("id = ? AND customer_id = ?", id, customerID).Update("removed_at", gorm.Expr("COALESCE(removed_at, ?)", at))
	if res.Error != nil {
		return fmt.Errorf("remove letter %d: %w", id, res.Error)
	}
	if res.RowsAffected > 0 {
		return nil
	}
	var row model.Letter
	err := tx.Select("id").Where("id = ? AND customer_id = ?", id, customerID).Take(&row).Error // MySQL doesn't count what stays the same
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return ErrLetterNotFound
	}
	return err
}
