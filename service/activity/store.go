package activity

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

// serving lists the members of an account who serve customers.
func serving(tx *gorm.DB, accountID int64) (people []model.Staff, err error) {
	err = tx.Select("id", "userid").Where("account_id = ? AND serves_customers = ? AND gone_at IS NULL", accountID, true).Order("id").Find(&people).Error
	if err != nil {
		return nil, fmt.Errorf("list who serves customers: %w", err)
	}
	return people, nil
}

// What each question to the platform tells of a day.
var (
	behaviourColumns = []string{"chats", "messages", "negative", "applied", "met", "reply_bp", "reply_min", "updated_at"}
	groupColumns     = []string{"new_groups", "groups_owned", "talking_groups", "new_members", "members", "talkers", "group_messages", "updated_at"}
)

// keep writes days, each once, and replaces some columns of those that are there.
func keep(tx *gorm.DB, rows []*model.StaffActivity, columns []string) error {
	if len(rows) == 0 {
		return nil
	}
	err := tx.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "staff_id"}, {Name: "day"}}, DoUpdates: clause.AssignmentColumns(columns),
	}).CreateInBatches(rows, 500).Error
	if err != nil {
		return fmt.Errorf("keep what staff did: %w", err)
	}
	return nil
}

func list(tx *gorm.DB, f Filter, staffIDs []int64) (rows []model.StaffActivity, err error) {
	q := tx.Where("day BETWEEN ? AND ?", f.From, f.To)
	if f.AccountID != 0 {
		q = q.Where("account_id = ?", f.AccountID)
	}
	if f.StaffID != 0 {
		q = q.Where("staff_id = ?", f.StaffID)
	}
	if staffIDs != nil {
		q = q.Where("staff_id IN ?", staffIDs)
	}
	if f.After != 0 {
		q = q.Where("id < ?", f.After)
	}
	if err := q.Order("id DESC").Limit(f.Limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list what staff did: %w", err)
	}
	return rows, nil
}
