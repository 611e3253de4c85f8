package staff

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func insertTask(tx *gorm.DB, row *model.Task) error {
	if err := model.InsertIgnore(tx).Create(row).Error; err != nil {
		return fmt.Errorf("insert task: %w", err)
	}
	return nil
}

// ofStaff limits tasks to those of some staff; nil means everybody's.
func ofStaff(tx *gorm.DB, staffIDs []int64) *gorm.DB {
	if staffIDs == nil {
		return tx
	}
	return tx.Where("staff_id IN ?", staffIDs)
}

func listTasks(tx *gorm.DB, staffIDs []int64, f TaskFilter, dueBefore time.Time) ([]model.Task, error) {
	q := ofStaff(tx, staffIDs).Where("status = ?", f.Status)
	if f.CustomerID != 0 {
		q = q.Where("customer_id = ?", f.CustomerID)
	}
	if !dueBefore.IsZero() {
		q = q.Where("due_at < ?", dueBefore)
	}
	if f.After != nil {
		q = q.Where("(due_at > ? OR due_at = ? AND id > ?)", f.After.DueAt, f.After.DueAt, f.After.ID)
	}
	var rows []model.Task
	if err := q.Order("due_at, id").Limit(f.Limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	return rows, nil
}

func closeTask(tx *gorm.DB, staffIDs []int64, id int64, status string, at time.Time) (closed bool, err error) {
	res := ofStaff(tx, staffIDs).Model(&model.Task{}).Where("id = ? AND status = ?", id, TaskOpen).
		Updates(map[string]any{"status": status, "closed_at": at, "updated_at": at})
	if res.Error != nil {
		return false, fmt.Errorf("close task %d: %w", id, res.Error)
	}
	return res.RowsAffected == 1, nil
}

func findTask(tx *gorm.DB, staffIDs []int64, id int64) (*model.Task, error) {
	var row model.Task
	err := ofStaff(tx, staffIDs).Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrTaskNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find task %d: %w", id, err)
	}
	return &row, nil
}

func taskByKey(tx *gorm.DB, dedupeKey string) (*model.Task, error) {
	var row model.Task
	if err := tx.Where("dedupe_key = ?", dedupeKey).Take(&row).Error; err != nil {
		return nil, fmt.Errorf("find a task by its key: %w", err)
	}
	return &row, nil
}

func postponeTask(tx *gorm.DB, staffIDs []int64, id int64, dueAt, now time.Time) (moved bool, err error) {
	res := ofStaff(tx, staffIDs).Model(&model.Task{}).Where("id = ? AND status = ?", id, TaskOpen).
		Updates(map[string]any{"due_at": dueAt, "updated_at": now})
	if res.Error != nil {
		return false, fmt.Errorf("postpone task %d: %w", id, res.Error)
	}
	return res.RowsAffected == 1, nil
}
