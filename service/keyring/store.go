package keyring

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func tableExists(tx *gorm.DB) (bool, error) {
	query := "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'data_key'"
	if model.IsSQLite(tx) {
		query = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'data_key'"
	}
	var n int
	if err := tx.Raw(query).Scan(&n).Error; err != nil {
		return false, fmt.Errorf("look for data keys: %w", err)
	}
	return n > 0, nil
}

// keys lists all, the newest of each purpose first.
func keys(tx *gorm.DB) ([]model.DataKey, error) {
	var rows []model.DataKey
	if err := tx.Order("purpose, generation DESC").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read data keys: %w", err)
	}
	return rows, nil
}

// newest gives the last generation of a purpose.
func newest(tx *gorm.DB, purpose string) (*model.DataKey, error) {
	var row model.DataKey
	if err := tx.Where("purpose = ?", purpose).Order("generation DESC").Take(&row).Error; err != nil {
		return nil, fmt.Errorf("find the newest data key: %w", err)
	}
	return &row, nil
}

// insertFirst inserts a first generation unless the purpose has a key of any generation.
func insertFirst(tx *gorm.DB, row *model.DataKey) error {
	var n int64
	if err := tx.Model(&model.DataKey{}).Where("purpose = ?", row.Purpose).Count(&n).Error; err != nil {
		return fmt.Errorf("count data keys: %w", err)
	}
	if n > 0 {
		return nil
	}
	if err := model.InsertIgnore(tx).Create(row).Error; err != nil {
		return fmt.Errorf("insert a data key: %w", err)
	}
	return nil
}

func putKey(tx *gorm.DB, id int64, sealed []byte) error {
	if err := tx.Model(&model.DataKey{}).Where("id = ?", id).Update("sealed_key", sealed).Error; err != nil {
		return fmt.Errorf("rewrap a data key: %w", err)
	}
	return nil
}

func begin(tx *gorm.DB, key *model.DataKey, rotation *model.KeyRotation) error {
	if err := tx.Create(key).Error; err != nil {
		return fmt.Errorf("insert a data key: %w", err)
	}
	if err := tx.Create(rotation).Error; err != nil {
		return fmt.Errorf("insert a rotation: %w", err)
	}
	return nil
}

func runningRotation(tx *gorm.DB, purpose string) (*model.KeyRotation, error) {
	var row model.KeyRotation
	err := tx.Where("purpose = ? AND finished_at IS NULL", purpose).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find a rotation: %w", err)
	}
	return &row, nil
}

func rotations(tx *gorm.DB) ([]model.KeyRotation, error) {
	var rows []model.KeyRotation
	if err := tx.Order("id DESC").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list rotations: %w", err)
	}
	return rows, nil
}

// advance writes where a rotation stands, unless somebody else has moved it since it was read.
func advance(tx *gorm.DB, from, to *model.KeyRotation) (bool, error) {
	res := tx.Model(&model.KeyRotation{}).
		Where("id = ? AND pass = ? AND stage = ? AND after_id = ? AND finished_at IS NULL", from.ID, from.Pass, from.Stage, from.AfterID).
		Updates(map[string]any{
			"pass": to.Pass, "stage": to.Stage, "after_id": to.AfterID, "changed": to.Changed, "resealed": to.Resealed,
			"unreadable": to.Unreadable, "finished_at": to.FinishedAt, "updated_at": to.UpdatedAt,
		})
	if res.Error != nil {
		return false, fmt.Errorf("note a rotation: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

// deleteOlder forgets the keys before a generation.
func deleteOlder(tx *gorm.DB, purpose string, generation int, now time.Time) (int64, error) {
	res := tx.Where("purpose = ? AND generation < ? AND active_at <= ?", purpose, generation, now).Delete(&model.DataKey{})
	if res.Error != nil {
		return 0, fmt.Errorf("delete data keys: %w", res.Error)
	}
	return res.RowsAffected, nil
}

// sealedRow is a sealed value where it stands.
type sealedRow struct {
	ID    int64
	Place string
	Value []byte
}

// sealedRows gives the next rows of a column that hold something, by id.
func sealedRows(tx *gorm.DB, c Column, after int64, limit int) ([]sealedRow, error) {
	q := tx.Table(c.Table).Select("id, "+c.rowOf(tx)+" AS place, "+c.Column+" AS value").
		Where("id > ? AND "+c.Column+" IS NOT NULL", after).Order("id").Limit(limit)
	if c.Base64 {
		q = q.Where("seal_ref <> ''")
	}
	var rows []sealedRow
	if err := q.Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("read %s.%s: %w", c.Table, c.Column, err)
	}
	return rows, nil
}

// replaceSealed puts a value in the place of the one that was read, unless that has changed.
func replaceSealed(tx *gorm.DB, c Column, id int64, old, fresh any) (bool, error) {
	res := tx.Table(c.Table).Where("id = ? AND "+c.Column+" = ?", id, old).UpdateColumn(c.Column, fresh)
	if res.Error != nil {
		return false, fmt.Errorf("seal %s.%s anew: %w", c.Table, c.Column, res.Error)
	}
	return res.RowsAffected == 1, nil
}

// countSealedWith counts the values of a column that begin as those of a key do.
func countSealedWith(tx *gorm.DB, c Column, header []byte) (n int64, err error) {
	q := tx.Table(c.Table)
	if c.Base64 {
		q = q.Where("seal_ref <> ''").Where(c.Column+" LIKE ?", TextHeader(header)+"%") // base64 has no sign that LIKE minds
	} else {
		q = q.Where("SUBSTR("+c.Column+", 1, ?) = ?", len(header), header)
	}
	if err := q.Count(&n).Error; err != nil {
		return 0, fmt.Errorf("count %s.%s: %w", c.Table, c.Column, err)
	}
	return n, nil
}

// rowsOf gives the next rows that hold something in a column, by id.
func rowsOf[Row any](tx *gorm.DB, c Column, after int64, limit int) (rows []*Row, err error) {
	if err := tx.Where("id > ? AND "+c.Column+" IS NOT NULL", after).Order("id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read %s: %w", c.Table, err)
	}
	return rows, nil
}
