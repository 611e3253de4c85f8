package profile

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

const pruneAtOnce = 500

func insertField(tx *gorm.DB, row *model.CustomField) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert field: %w", err)
	}
	return nil
}

func liveFields(tx *gorm.DB) ([]*model.CustomField, error) {
	var rows []*model.CustomField
	if err := tx.Where("gone_at IS NULL").Order("position, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list fields: %w", err)
	}
	return rows, nil
}

func lockField(tx *gorm.DB, id int64) (*model.CustomField, error) {
	return takeField(model.ForUpdate(tx).Where("id = ? AND gone_at IS NULL", id))
}

func fieldByID(tx *gorm.DB, id int64) (*model.CustomField, error) {
	return takeField(tx.Where("id = ?", id))
}

func takeField(q *gorm.DB) (*model.CustomField, error) {
	var row model.CustomField
	err := q.Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNoField
	}
	if err != nil {
		return nil, fmt.Errorf("find field: %w", err)
	}
	return &row, nil
}

func updateField(tx *gorm.DB, row *model.CustomField) error {
	err := tx.Model(row).Select("title", "choices", "required", "asked", "position", "updated_at").UpdateColumns(row).Error
	if err != nil {
		return fmt.Errorf("update field: %w", err)
	}
	return nil
}

func endField(tx *gorm.DB, id int64, at time.Time) (bool, error) {
	res := tx.Model(&model.CustomField{}).Where("id = ? AND gone_at IS NULL", id).Updates(map[string]any{"gone_at": at, "updated_at": at})
	if res.Error != nil {
		return false, fmt.Errorf("end field: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

func valuesOf(tx *gorm.DB, customerIDs []int64) ([]*model.CustomValue, error) {
	var rows []*model.CustomValue
	if err := tx.Where("customer_id IN ?", customerIDs).Order("customer_id, field_id, ordinal").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read custom values: %w", err)
	}
	return rows, nil
}

func valuesOfField(tx *gorm.DB, fieldID int64, customerIDs []int64) ([]*model.CustomValue, error) {
	var rows []*model.CustomValue
	if err := tx.Where("field_id = ? AND customer_id IN ?", fieldID, customerIDs).Order("customer_id, ordinal").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read custom values: %w", err)
	}
	return rows, nil
}

func dropValues(tx *gorm.DB, customerID, fieldID int64) error {
	if err := tx.Where("customer_id = ? AND field_id = ?", customerID, fieldID).Delete(&model.CustomValue{}).Error; err != nil {
		return fmt.Errorf("drop custom values: %w", err)
	}
	return nil
}

func insertValues(tx *gorm.DB, rows []*model.CustomValue) error {
	if len(rows) == 0 {
		return nil
	}
	if err := tx.Create(rows).Error; err != nil {
		return fmt.Errorf("insert custom values: %w", err)
	}
	return nil
}

func sealValue(tx *gorm.DB, id int64, sealed []byte) error {
	if err := tx.Model(&model.CustomValue{}).Where("id = ?", id).UpdateColumn("sealed_value", sealed).Error; err != nil {
		return fmt.Errorf("seal custom value: %w", err)
	}
	return nil
}

func pruneValues(tx *gorm.DB) (int, error) {
	var ids []int64
	err := tx.Model(&model.CustomValue{}).
		Where("field_id IN (?)", tx.Model(&model.CustomField{}).Select("id").Where("gone_at IS NOT NULL")).
		Limit(pruneAtOnce).Pluck("id", &ids).Error
	if err != nil {
		return 0, fmt.Errorf("find values to prune: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	if err := tx.Where("id IN ?", ids).Delete(&model.CustomValue{}).Error; err != nil {
		return 0, fmt.Errorf("prune custom values: %w", err)
	}
	return len(ids), nil
}

// customerByID finds a customer who stands for themselves.
func customerByID(tx *gorm.DB, id int64) (*model.Customer, error) {
	var row model.Customer
	err := tx.Where("id = ? AND merged_into = 0", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNoCustomer
	}
	if err != nil {
		return nil, fmt.Errorf("find customer: %w", err)
	}
	return &row, nil
}

// customersStanding are those of customers for whom nobody else stands, in the order of their ids.
func customersStanding(tx *gorm.DB, ids []int64) ([]*model.Customer, error) {
	var rows []*model.Customer
	if err := tx.Where("id IN ? AND merged_into = 0", ids).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find customers: %w", err)
	}
	return rows, nil
}

// standingID is who stands for a customer now.
func standingID(tx *gorm.DB, id int64) (int64, error) {
	for range 16 {
		var row model.Customer
		err := tx.Select("id", "merged_into").Where("id = ?", id).Take(&row).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return 0, ErrNoCustomer
		}
		if err != nil {
			return 0, fmt.Errorf("find customer: %w", err)
		}
		if row.MergedInto == 0 {
			return id, nil
		}
		id = row.MergedInto
	}
	return 0, ErrNoCustomer
}

// havingPhone tells which customers have a phone number.
func havingPhone(tx *gorm.DB, ids []int64) (map[int64]bool, error) {
	var found []int64
	if err := tx.Model(&model.Identity{}).Where("customer_id IN ? AND kind = ?", ids, "phone").Pluck("customer_id", &found).Error; err != nil {
		return nil, fmt.Errorf("find phones: %w", err)
	}
	out := make(map[int64]bool, len(found))
	for _, id := range found {
		out[id] = true
	}
	return out, nil
}

func insertNote(tx *gorm.DB, row *model.CustomerNote) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert note: %w", err)
	}
	return nil
}

func noteByID(tx *gorm.DB, id int64) (*model.CustomerNote, error) {
	var row model.CustomerNote
	err := tx.Where("id = ? AND gone_at IS NULL", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNoNote
	}
	if err != nil {
		return nil, fmt.Errorf("find note: %w", err)
	}
	return &row, nil
}

func updateNote(tx *gorm.DB, id int64, columns map[string]any) error {
	if err := tx.Model(&model.CustomerNote{}).Where("id = ?", id).UpdateColumns(columns).Error; err != nil {
		return fmt.Errorf("update note: %w", err)
	}
	return nil
}

func notesOf(tx *gorm.DB, customerID, after int64, limit int) ([]Note, error) {
	q := tx.Table("customer_note n").Select("n.*, COALESCE(p.name, '') AS staff_name").Joins("LEFT JOIN staff p ON p.id = n.staff_id").
		Where("n.customer_id = ? AND n.gone_at IS NULL", customerID)
	if after != 0 {
		q = q.Where("n.id < ?", after)
	}
	var rows []Note
	if err := q.Order("n.id DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list notes: %w", err)
	}
	return rows, nil
}

// putTouch writes a touch where it is the earliest (first) or the latest that says something. One that
// says nothing is kept only where there is none.
func putTouch(tx *gorm.DB, row *model.CustomerTouch, first, says bool) error {
	res := model.InsertIgnore(tx).Create(row)
	if res.Error != nil {
		return fmt.Errorf("insert touch: %w", res.Error)
	}
	if res.RowsAffected == 1 || !first && !says {
		return nil
	}
	q := tx.Model(&model.CustomerTouch{}).Where("customer_id = ? AND place = ?", row.CustomerID, row.Place)
	if first {
		q = q.Where("touched_at > ?", row.TouchedAt)
	} else {
		q = q.Where("touched_at < ? OR (channel_code_id = 0 AND staff_id = 0 AND campaign = '' AND link = '' AND referrer = '')", row.TouchedAt)
	}
	err := q.Updates(map[string]any{
		"source": row.Source, "account_id": row.AccountID, "channel_code_id": row.ChannelCodeID, "staff_id": row.StaffID, "campaign": row.Campaign,
		"link": row.Link, "referrer": row.Referrer, "scene": row.Scene, "touched_at": row.TouchedAt,
	}).Error
	if err != nil {
		return fmt.Errorf("update touch: %w", err)
	}
	return nil
}

func touchesOf(tx *gorm.DB, customerID int64) (map[string]*model.CustomerTouch, error) {
	var rows []*model.CustomerTouch
	if err := tx.Where("customer_id = ?", customerID).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read touches: %w", err)
	}
	out := map[string]*model.CustomerTouch{}
	for _, r := range rows {
		out[r.Place] = r
	}
	return out, nil
}
