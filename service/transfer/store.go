package transfer

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func filePart(db *gorm.DB, file int64, part int) ([]byte, error) {
	var row model.TransferPart
	err := db.Take(&row, "file_id = ? AND part = ?", file, part).Error
	return row.Content, err
}

func importByID(db *gorm.DB, id int64) (*model.ImportRun, error) {
	var row model.ImportRun
	return &row, known(db.Take(&row, "id = ?", id).Error)
}

func exportByID(db *gorm.DB, id int64) (*model.ExportRun, error) {
	var row model.ExportRun
	return &row, known(db.Take(&row, "id = ?", id).Error)
}

func known(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return ErrNotFound
	}
	return err
}

// pageOf lists runs from the newest.
func pageOf[Row any](db *gorm.DB, after int64, limit int) (rows []Row, err error) {
	q := db.Order("id DESC").Limit(limit)
	if after > 0 {
		q = q.Where("id < ?", after)
	}
	return rows, q.Find(&rows).Error
}

func problemsOf(db *gorm.DB, importID, after int64, limit int) (rows []model.ImportProblem, err error) {
	return rows, db.Where("import_id = ? AND id > ?", importID, after).Order("id").Limit(limit).Find(&rows).Error
}

// change writes columns of a run while it is in a state, and tells whether it was.
func change[Row any](tx *gorm.DB, id int64, state string, columns map[string]any) (bool, error) {
	var row Row
	res := tx.Model(&row).Where("id = ? AND status = ?", id, state).Updates(columns)
	return res.RowsAffected > 0, res.Error
}

// advance moves an import over some rows, if nobody else has and nobody stopped it.
func advance(tx *gorm.DB, run *model.ImportRun, next int64, c counts, now time.Time) (bool, error) {
	res := tx.Exec(`UPDATE import_run SET next_row = ?, created = created + ?, updated = updated + ?, unchanged = unchanged + ?,
		failed = failed + ?, problems = problems + ?, updated_at = ? WHERE id = ? AND status = ? AND next_row = ?`,
		next, c.of[Created], c.of[Updated], c.of[Unchanged], c.of[Failed], c.problems, now, run.ID, Running, run.NextRow)
	return res.RowsAffected > 0, res.Error
}

// progressed writes how far an export is, while it runs, and tells whether it does.
func progressed(db *gorm.DB, run *model.ExportRun, now time.Time) (bool, error) {
	res := db.Exec("UPDATE export_run SET written = ?, updated_at = ? WHERE id = ? AND status = ?", run.Written, now, run.ID, Running)
	return res.RowsAffected > 0, res.Error
}

func approvalsOf(db *gorm.DB, exportIDs []int64) (map[int64]model.ExportApproval, error) {
	var rows []model.ExportApproval
	if len(exportIDs) > 0 {
		if err := db.Where("export_id IN ?", exportIDs).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("read approvals of exports: %w", err)
		}
	}
	found := make(map[int64]model.ExportApproval, len(rows))
	for _, r := range rows {
		found[r.ExportID] = r
	}
	return found, nil
}

// approvalOf gives nil when nobody has said anything.
func approvalOf(db *gorm.DB, exportID int64) (*model.ExportApproval, error) {
	found, err := approvalsOf(db, []int64{exportID})
	if a, ok := found[exportID]; ok {
		return &a, err
	}
	return nil, err
}

func countDownload(db *gorm.DB, id int64) error {
	return db.Exec("UPDATE export_run SET downloads = downloads + 1 WHERE id = ?", id).Error
}

// giveUp ends exports that nobody has approved in time.
func giveUp(db *gorm.DB, now time.Time) error {
	err := db.Model(&model.ExportRun{}).Where("expires_at < ? AND status = ?", now, Waiting).
		Updates(map[string]any{"status": RunFailed, "error": ErrExpired.Code, "finished_at": now, "updated_at": now}).Error
	if err != nil {
		return fmt.Errorf("give up exports that wait: %w", err)
	}
	return nil
}

// expired lists files whose time is over.
func expired(db *gorm.DB, now time.Time, limit int) (ids []int64, err error) {
	return ids, db.Model(&model.TransferFile{}).Where("expires_at < ?", now).Order("id").Limit(limit).Pluck("id", &ids).Error
}

func deleteFile(tx *gorm.DB, id int64) error {
	if err := tx.Delete(&model.TransferPart{}, "file_id = ?", id).Error; err != nil {
		return err
	}
	return tx.Delete(&model.TransferFile{}, "id = ?", id).Error
}
