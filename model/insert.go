package model

import "gorm.io/gorm"

// insertChunk keeps a statement below SQLite's limit of variables.
const insertChunk = 500

// InsertNew inserts the rows whose unique keys are free, and tells of each row whether it was; those
// have their ID set. It is for many rows that are nearly always new: one statement for all, and only
// when a key is taken one for each.
func InsertNew[Row any](tx *gorm.DB, rows []*Row) (isNew []bool, err error) {
	isNew = make([]bool, len(rows))
	for from := 0; from < len(rows); from += insertChunk {
		to := min(from+insertChunk, len(rows))
		if err := insertNew(tx, rows[from:to], isNew[from:to]); err != nil {
			return nil, err
		}
	}
	return isNew, nil
}

func insertNew[Row any](tx *gorm.DB, rows []*Row, isNew []bool) error {
	err := tx.Create(rows).Error
	if err == nil {
		for i := range isNew {
			isNew[i] = true
		}
		return nil
	}
	if !IsDuplicate(err) {
		return err
	}
	// The database has undone the whole statement, and nothing but the statement.
	for i, row := range rows {
		res := InsertIgnore(tx).Create(row)
		if res.Error != nil {
			return res.Error
		}
		isNew[i] = res.RowsAffected > 0
	}
	return nil
}
