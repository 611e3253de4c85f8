package channel

import (
	"errors"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

func listTasks(tx *gorm.DB, f TaskFilter) ([]model.SenderTask, error) {
	q := tx.Select(lightTask)
	if f.AccountID != 0 {
		q = q.Where("account_id = ?", f.AccountID)
	}
	if f.Source != "" {
		q = q.Where("source = ? AND source_id = ?", f.Source, f.SourceID)
	}
	if f.StaffID != 0 {
		q = q.Where("staff_id = ?", f.StaffID)
	}
	if f.Status != "" {
		q = q.Where("status = ?", f.Status)
	}
	if f.After != 0 {
		q = q.Where("id < ?", f.After)
	}
	var rows []model.SenderTask
	if err := q.Order("id DESC").Limit(f.Limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list sender tasks: %w", err)
	}
	return rows, nil
}

func findTask(tx *gorm.DB, accountID, id int64) (*model.SenderTask, error) {
	q := tx.Select(lightTask).Where("id = ?", id)
	if accountID != 0 {
		q = q.Where("account_id = ?", accountID)
	}
	var row model.SenderTask
	err := q.Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrTaskNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find sender task %d: %w", id, err)
	}
	return &row, nil
}

func toldTo(tx *gorm.DB, customerID, after int64, limit int) ([]Told, error) {
	q := tx.Table("delivery AS d").Select("d.*, l.channel, l.staff_id").Joins("JOIN delivery_lane AS l ON l.id = d.lane_id").Where("d.customer_id = ?", customerID)
	if after != 0 {
		q = q.Where("d.id < ?", after)
	}
	var rows []Told
	if err := q.Order("d.id DESC").Limit(limit).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("list what customer %d was sent: %w", customerID, err)
	}
	return rows, nil
}
