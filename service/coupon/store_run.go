package coupon

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

func insertRun(tx *gorm.DB, r *model.CouponRun, customers []int64) error {
	if err := tx.Create(r).Error; err != nil {
		return fmt.Errorf("create coupon run: %w", err)
	}
	var parts []*model.CouponRunPart
	for ids := range slices.Chunk(customers, issuePage) {
		parts = append(parts, &model.CouponRunPart{RunID: r.ID, Part: len(parts), CustomerIDs: asJSON(ids)})
	}
	if len(parts) == 0 {
		return nil
	}
	if err := tx.Create(parts).Error; err != nil {
		return fmt.Errorf("create parts of a coupon run: %w", err)
	}
	return nil
}

func runByID(tx *gorm.DB, id int64) (*model.CouponRun, error) {
	var r model.CouponRun
	err := tx.Where("id = ?", id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNoRun
	}
	if err != nil {
		return nil, fmt.Errorf("find coupon run %d: %w", id, err)
	}
	return &r, nil
}

func lockRun(tx *gorm.DB, id int64) (*model.CouponRun, error) {
	return runByID(model.ForUpdate(tx), id)
}

func runsBefore(tx *gorm.DB, batchID, before int64, limit int) ([]model.CouponRun, error) {
	q := tx.Order("id DESC").Limit(limit)
	if batchID != 0 {
		q = q.Where("batch_id = ?", batchID)
	}
	if before != 0 {
		q = q.Where("id < ?", before)
	}
	var rows []model.CouponRun
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list coupon runs: %w", err)
	}
	return rows, nil
}

// runPart is one part of the customers that a run was given by name; empty after the last.
func runPart(tx *gorm.DB, runID, part int64) (string, error) {
	var rows []model.CouponRunPart
	if err := tx.Where("run_id = ? AND part = ?", runID, part).Find(&rows).Error; err != nil {
		return "", fmt.Errorf("find a part of coupon run %d: %w", runID, err)
	}
	if len(rows) == 0 {
		return "", nil
	}
	return rows[0].CustomerIDs, nil
}

// saveRun writes where a run is. When it has ended, its list has served.
func saveRun(tx *gorm.DB, r *model.CouponRun) error {
	if r.EndedAt != nil {
		if err := tx.Where("run_id = ?", r.ID).Delete(&model.CouponRunPart{}).Error; err != nil {
			return fmt.Errorf("delete parts of coupon run %d: %w", r.ID, err)
		}
	}
	err := tx.Model(r).Select("state", "error", "done", "changed", "refused", "position", "started_at", "ended_at", "updated_at").UpdateColumns(r).Error
	if err != nil {
		return fmt.Errorf("save coupon run %d: %w", r.ID, err)
	}
	return nil
}

// askCancel asks a run that has not ended to stop.
func askCancel(tx *gorm.DB, id int64) (bool, error) {
	if err := tx.Model(&model.CouponRun{}).Where("id = ? AND ended_at IS NULL", id).UpdateColumn("cancel_asked", true).Error; err != nil {
		return false, fmt.Errorf("cancel coupon run %d: %w", id, err)
	}
	r, err := runByID(tx, id)
	return err == nil && r.EndedAt == nil, err
}

const codeColumns = "batch_id,run_id,code_hash,single,taken_by,coupon_id"

// insertCodes inserts codes that nobody has yet, in the order of their hashes, which is that of the index.
func insertCodes(tx *gorm.DB, batchID, runID int64, hashes [][]byte) error {
	slices.SortFunc(hashes, bytes.Compare)
	_, err := insertRows(tx, "coupon_code", codeColumns, hashes, func(h []byte, args []any) []any { return append(args, batchID, runID, h, true, 0, 0) })
	return err
}

// addCodes inserts those of the codes that there are not yet.
func addCodes(tx *gorm.DB, batchID int64, hashes [][]byte, single bool) (added int, err error) {
	rows := make([]*model.CouponCode, len(hashes))
	for i, h := range hashes {
		rows[i] = &model.CouponCode{BatchID: batchID, CodeHash: h, Single: single}
	}
	for part := range slices.Chunk(rows, statementRows) {
		res := model.InsertIgnore(tx).Create(part)
		if res.Error != nil {
			return 0, fmt.Errorf("add codes: %w", res.Error)
		}
		added += int(res.RowsAffected)
	}
	return added, nil
}
