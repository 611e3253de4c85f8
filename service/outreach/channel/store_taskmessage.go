package channel

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

func taskByKey(tx *gorm.DB, key string) (id int64, err error) {
	var row model.Task
	if err := tx.Select("id").Where("dedupe_key = ?", key).Take(&row).Error; err != nil {
		return 0, fmt.Errorf("find the task %s: %w", key, err)
	}
	return row.ID, nil
}

func addTaskMessage(tx *gorm.DB, row *model.TaskMessage) error {
	if err := model.InsertIgnore(tx).Create(row).Error; err != nil {
		return fmt.Errorf("keep what a task is to send: %w", err)
	}
	return nil
}

func endedTasks(tx *gorm.DB, limit int) ([]endedTask, error) {
	var rows []endedTask
	err := tx.Table("task_message AS m").Select("m.id, m.delivery_id, t.status, t.closed_at").Joins("JOIN task AS t ON t.id = m.task_id").
		Where("m.reported = ? AND t.status <> ?", false, staff.TaskOpen).Order("m.id").Limit(limit).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find ended tasks: %w", err)
	}
	return rows, nil
}

// staleTasks are open tasks whose message has lost its sense.
func staleTasks(tx *gorm.DB, now time.Time, limit int) ([]endedTask, error) {
	var rows []endedTask
	err := tx.Table("task_message AS m").Select("m.id, m.task_id, m.delivery_id").Joins("JOIN task AS t ON t.id = m.task_id").
		Joins("JOIN delivery AS d ON d.id = m.delivery_id").
		Where("m.reported = ? AND t.status = ? AND d.expires_at <= ?", false, staff.TaskOpen, now).Order("m.id").Limit(limit).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find tasks that have lost their sense: %w", err)
	}
	return rows, nil
}

func markReported(tx *gorm.DB, ids []int64, now time.Time) error {
	if err := tx.Model(&model.TaskMessage{}).Where("id IN ?", ids).Updates(map[string]any{"reported": true, "updated_at": now}).Error; err != nil {
		return fmt.Errorf("note that tasks were reported: %w", err)
	}
	return nil
}

func taskMessageOf(tx *gorm.DB, taskID int64) (*model.TaskMessage, error) {
	var row model.TaskMessage
	err := tx.Where("task_id = ?", taskID).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find what task %d is to send: %w", taskID, err)
	}
	return &row, nil
}

func taskOfDelivery(tx *gorm.DB, deliveryID int64) (id int64, err error) {
	var rows []model.TaskMessage
	if err := tx.Select("task_id").Where("delivery_id = ?", deliveryID).Find(&rows).Error; err != nil {
		return 0, fmt.Errorf("find the task of delivery %d: %w", deliveryID, err)
	}
	if len(rows) == 0 {
		return 0, nil
	}
	return rows[0].TaskID, nil
}
