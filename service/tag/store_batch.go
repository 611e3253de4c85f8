package tag

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

func insertBatch(tx *gorm.DB, row *model.TagBatch, customerIDs []int64) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("create batch: %w", err)
	}
	var parts []*model.TagBatchPart
	for ids := range slices.Chunk(customerIDs, batchPage) {
		parts = append(parts, &model.TagBatchPart{BatchID: row.ID, Part: len(parts), CustomerIDs: asJSON(ids)})
	}
	if len(parts) == 0 {
		return nil
	}
	if err := tx.Create(parts).Error; err != nil {
		return fmt.Errorf("create parts of a batch: %w", err)
	}
	return nil
}

// batchByID finds a batch; of one staff member, or of anybody when it is 0.
func batchByID(tx *gorm.DB, id, staffID int64) (*model.TagBatch, error) {
	q := tx.Where("id = ?", id)
	if staffID != 0 {
		q = q.Where("staff_id = ?", staffID)
	}
	var b model.TagBatch
	err := q.Take(&b).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNoBatch
	}
	if err != nil {
		return nil, fmt.Errorf("find batch %d: %w", id, err)
	}
	return &b, nil
}

func lockBatch(tx *gorm.DB, id int64) (*model.TagBatch, error) {
	return batchByID(model.ForUpdate(tx), id, 0)
}

func batchesBefore(tx *gorm.DB, staffID, before int64, limit int) ([]model.TagBatch, error) {
	q := tx.Order("id DESC").Limit(limit)
	if staffID != 0 {
		q = q.Where("staff_id = ?", staffID)
	}
	if before != 0 {
		q = q.Where("id < ?", before)
	}
	var rows []model.TagBatch
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list batches: %w", err)
	}
	return rows, nil
}

// batchParts gives a part of a batch's list, and the next if there is one.
func batchParts(tx *gorm.DB, batchID int64, part int) ([]model.TagBatchPart, error) {
	var rows []model.TagBatchPart
	if err := tx.Where("batch_id = ? AND part IN ?", batchID, []int{part, part + 1}).Order("part").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find parts of batch %d: %w", batchID, err)
	}
	return rows, nil
}

// askCancel asks a batch that has not ended to stop.
func askCancel(tx *gorm.DB, id int64) (bool, error) {
	res := tx.Model(&model.TagBatch{}).Where("id = ? AND ended_at IS NULL", id).Update("cancel_asked", true)
	if res.Error != nil {
		return false, fmt.Errorf("cancel batch %d: %w", id, res.Error)
	}
	if res.RowsAffected > 0 {
		return true, nil
	}
	b, err := batchByID(tx, id, 0) // MySQL counts no row that was so already
	return err == nil && b.EndedAt == nil, err
}

func saveBatch(tx *gorm.DB, b *model.TagBatch, now time.Time) error {
	if b.StartedAt == nil {
		b.StartedAt = &now
	}
	if b.EndedAt == nil {
		b.State = BatchRunning
	}
	err := tx.Model(b).Select("state", "error", "position", "total", "done", "changed", "unchanged", "refused", "started_at", "ended_at").Updates(b).Error
	if err != nil {
		return fmt.Errorf("save batch %d: %w", b.ID, err)
	}
	return nil
}

// finishBatch ends a batch. Its list has served.
func finishBatch(tx *gorm.DB, b *model.TagBatch, state, reason string, now time.Time) error {
	b.State, b.Error, b.EndedAt = state, cut(reason, 255), &now
	if err := tx.Where("batch_id = ?", b.ID).Delete(&model.TagBatchPart{}).Error; err != nil {
		return fmt.Errorf("delete parts of batch %d: %w", b.ID, err)
	}
	return saveBatch(tx, b, now)
}

// viewerNow is a staff member with the roles that they have now; nil when they may not sign in any more.
func viewerNow(tx *gorm.DB, staffID int64) (*staff.Viewer, error) {
	var rows []model.Staff
	if err := tx.Where("id = ? AND gone_at IS NULL AND disabled = ?", staffID, false).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find owner of a batch: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	v := &staff.Viewer{StaffID: staffID, AccountID: rows[0].AccountID, UserID: rows[0].UserID, Name: rows[0].Name}
	if err := tx.Model(&model.StaffRole{}).Where("staff_id = ?", staffID).Order("role").Pluck("role", &v.Roles).Error; err != nil {
		return nil, fmt.Errorf("find roles of a batch's owner: %w", err)
	}
	return v, nil
}
