package segment

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// buildByID gives a build; one whose row is gone is over.
func buildByID(tx *gorm.DB, id int64) (*model.SegmentBuild, error) {
	var b model.SegmentBuild
	err := tx.Where("id = ?", id).Take(&b).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return nil, errBuildOver
	case err != nil:
		return nil, fmt.Errorf("find build: %w", err)
	}
	return &b, nil
}

// runningBuild gives the build of a segment that waits or runs, or nil.
func runningBuild(tx *gorm.DB, segmentID int64) (*model.SegmentBuild, error) {
	var rows []model.SegmentBuild
	if err := tx.Where("running_segment_id = ?", segmentID).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find running build: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &rows[0], nil
}

func updateBuild(tx *gorm.DB, b *model.SegmentBuild) error {
	err := tx.Model(&model.SegmentBuild{}).Where("id = ?", b.ID).
		Select("running_segment_id", "status", "after_id", "entered", "departed", "read_ms", "finished_at", "updated_at").Updates(b).Error
	if err != nil {
		return fmt.Errorf("update build: %w", err)
	}
	return nil
}

func cancelBuilds(tx *gorm.DB, segmentID int64, now time.Time) error {
	return endBuilds(tx.Where("running_segment_id = ?", segmentID), buildCancelled, "", now)
}

func endBuilds(tx *gorm.DB, status, why string, now time.Time) error {
	err := tx.Model(&model.SegmentBuild{}).
		Updates(map[string]any{"status": status, "running_segment_id": nil, "error": why, "finished_at": now, "updated_at": now}).Error
	if err != nil {
		return fmt.Errorf("end builds: %w", err)
	}
	return nil
}

// failBuild ends a build and says why at its segment too.
func failBuild(db *gorm.DB, id int64, why string, now time.Time) error {
	if r := []rune(why); len(r) > 255 {
		why = string(r[:255])
	}
	return model.InTx(db.Statement.Context, db, func(tx *gorm.DB) error {
		b, err := buildByID(tx, id)
		if err != nil || b.Status != buildRunning {
			return nil
		}
		if err := endBuilds(tx.Where("id = ? AND status = ?", id, buildRunning), buildFailed, why, now); err != nil {
			return err
		}
		return updateSegment(tx, &model.Segment{ID: b.SegmentID, Error: why}, "error")
	})
}

func listBuilds(tx *gorm.DB, segmentID, before int64, limit int) (rows []model.SegmentBuild, err error) {
	q := tx.Where("segment_id = ?", segmentID)
	if before != 0 {
		q = q.Where("id < ?", before)
	}
	if err := q.Order("id DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list builds: %w", err)
	}
	return rows, nil
}

// copyMembers copies those who were in a segment at a time, within a scope of customers, and tells how many.
func copyMembers(tx *gorm.DB, from, to int64, scope Scope, at time.Time) (int64, error) {
	res := tx.Exec("INSERT INTO segment_member (segment_id, customer_id, stay, entered_at, left_at, mark) "+
		"SELECT ?, customer_id, 1, ?, NULL, 0 FROM segment_member "+
		"WHERE segment_id = ? AND customer_id > ? AND customer_id <= ? AND entered_at <= ? AND (left_at IS NULL OR left_at > ?)",
		to, at, from, scope.After, scope.To, at, at)
	if res.Error != nil {
		return 0, fmt.Errorf("copy members: %w", res.Error)
	}
	return res.RowsAffected, nil
}

func listVersions(tx *gorm.DB, segmentID int64, limit int) (rows []model.SegmentVersion, err error) {
	if err := tx.Where("segment_id = ?", segmentID).Order("version DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list versions: %w", err)
	}
	return rows, nil
}

func listSizes(tx *gorm.DB, segmentID int64, from, to int) (rows []model.SegmentSize, err error) {
	if err := tx.Where("segment_id = ? AND day >= ? AND day <= ?", segmentID, from, to).Order("day").Limit(1000).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list sizes: %w", err)
	}
	return rows, nil
}
