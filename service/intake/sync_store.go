package intake

import (
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// How a part stands.
const (
	partWaiting = "waiting"
	partDone    = "done"
	partFailed  = "failed"
)

func syncRun(db *gorm.DB, id int64) (*model.SyncRun, error) {
	var run model.SyncRun
	return &run, db.Take(&run, "id = ?", id).Error
}

// runningRun is the running run of an account; nil when there is none.
func runningRun(db *gorm.DB, accountID int64) (*model.SyncRun, error) {
	var run model.SyncRun
	err := db.Take(&run, "running_account_id = ?", accountID).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	return &run, err
}

func pageOfRuns(db *gorm.DB, f RunFilter) (runs []model.SyncRun, err error) {
	q := db.Order("id DESC").Limit(f.Limit)
	if f.AccountID > 0 {
		q = q.Where("account_id = ?", f.AccountID)
	}
	if f.Before > 0 {
		q = q.Where("id < ?", f.Before)
	}
	return runs, q.Find(&runs).Error
}

// lockRun holds a run's row until the transaction ends, or fails with ErrRunOver.
func lockRun(tx *gorm.DB, id int64) error {
	var run model.SyncRun
	err := model.ForUpdate(tx).Select("status").Take(&run, "id = ?", id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) || err == nil && run.Status != RunRunning {
		return ErrRunOver
	}
	return err
}

func closeRun(tx *gorm.DB, id int64, status, reason string, now time.Time) error {
	return tx.Model(&model.SyncRun{}).Where("id = ?", id).Updates(map[string]any{
		"status": status, "running_account_id": nil, "error": shorten(reason, 1000), "finished_at": now, "updated_at": now,
	}).Error
}

// noteRun says why a run that goes on later has stopped for now.
func noteRun(db *gorm.DB, id int64, reason string) error {
	return db.Model(&model.SyncRun{}).Where("id = ? AND status = ?", id, RunRunning).Update("error", shorten(reason, 1000)).Error
}

func turnRun(tx *gorm.DB, id int64, stage string, total int64, now time.Time) error {
	return tx.Model(&model.SyncRun{}).Where("id = ?", id).Updates(map[string]any{
		"stage": stage, "total": total, "finished": 0, "updated_at": now,
	}).Error
}

func addToRun(tx *gorm.DB, id int64, done progress, now time.Time) error {
	c := done.counts
	finished := 0
	if done.over {
		finished = 1
	}
	return tx.Exec(`UPDATE sync_run SET finished = finished + ?, read_count = read_count + ?, created = created + ?, updated = updated + ?,
		unchanged = unchanged + ?, vanished = vanished + ?, failed = failed + ?, error = '', updated_at = ? WHERE id = ?`,
		finished, c.Read, c.Created, c.Updated, c.Unchanged, c.Vanished, c.Failed, now, id).Error
}

func insertParts(tx *gorm.DB, runID int64, stage string, keys []string, now time.Time) error {
	for some := range slices.Chunk(keys, 500) {
		rows := make([]model.SyncPart, len(some))
		for i, key := range some {
			rows[i] = model.SyncPart{RunID: runID, Stage: stage, PartKey: key, Status: partWaiting, UpdatedAt: now}
		}
		if err := model.InsertIgnore(tx).Create(&rows).Error; err != nil {
			return err
		}
	}
	return nil
}

func waitingParts(db *gorm.DB, runID int64, stage string, limit int) (parts []model.SyncPart, err error) {
	return parts, db.Where("run_id = ? AND stage = ? AND status = ?", runID, stage, partWaiting).Order("id").Limit(limit).Find(&parts).Error
}

// startPart notes when a part's first page was asked for; what another worker noted stays.
func startPart(db *gorm.DB, id int64, now time.Time) error {
	return db.Model(&model.SyncPart{}).Where("id = ? AND started_at IS NULL", id).Update("started_at", now).Error
}

// movePart moves a part on, if it still is where this worker found it.
func movePart(tx *gorm.DB, part *model.SyncPart, done progress, now time.Time) (bool, error) {
	set := map[string]any{"page_cursor": done.next, "status": partWaiting, "updated_at": now}
	switch {
	case done.failed:
		set["status"] = partFailed
	case done.over:
		set["status"] = partDone
	}
	if done.problem != "" {
		set["error"] = shorten(done.problem, 250)
	}
	res := tx.Model(&model.SyncPart{}).Where("id = ? AND status = ? AND page_cursor = ?", part.ID, partWaiting, part.Cursor).Updates(set)
	return res.RowsAffected == 1, res.Error
}

// failedParts are the parts of a run of which something could not be read.
func failedParts(db *gorm.DB, runID int64) (parts []model.SyncPart, err error) {
	return parts, db.Where("run_id = ? AND (status = ? OR error <> '')", runID, partFailed).Order("id").Limit(200).Find(&parts).Error
}

func deleteDoneParts(tx *gorm.DB, runID int64) error {
	return tx.Where("run_id = ? AND status <> ? AND error = ''", runID, partFailed).Delete(&model.SyncPart{}).Error
}

// firstStart is when the first page of a stage was asked for, and whether all of it was read well.
func firstStart(tx *gorm.DB, runID int64, stage string) (at time.Time, well bool, err error) {
	var parts []model.SyncPart
	if err := tx.Where("run_id = ? AND stage = ?", runID, stage).Find(&parts).Error; err != nil {
		return at, false, err
	}
	well = len(parts) > 0
	for _, p := range parts {
		well = well && p.Status == partDone && p.Error == "" && p.StartedAt != nil
		if p.StartedAt != nil && (at.IsZero() || p.StartedAt.Before(at)) {
			at = *p.StartedAt
		}
	}
	return at, well, nil
}

// servingStaff are the rows of an account's present staff with the customer-contact right.
func servingStaff(db *gorm.DB, accountID int64) (rows []model.Staff, err error) {
	return rows, db.Select("id", "userid").Where("account_id = ? AND serves_customers = ? AND gone_at IS NULL", accountID, true).Order("id").Find(&rows).Error
}

// departmentIDs are the platform's ids of an account's departments.
func departmentIDs(db *gorm.DB, accountID int64) (ids []int64, err error) {
	return ids, db.Model(&model.Department{}).Where("account_id = ? AND gone_at IS NULL", accountID).Order("id").Pluck("platform_id", &ids).Error
}

func staffByID(db *gorm.DB, id int64) (*model.Staff, error) {
	var row model.Staff
	return &row, db.Select("id", "userid").Take(&row, "id = ?", id).Error
}

// widenRun adds to the parts of a run's stage.
func widenRun(tx *gorm.DB, id, more int64) error {
	return tx.Model(&model.SyncRun{}).Where("id = ?", id).Update("total", gorm.Expr("total + ?", more)).Error
}
