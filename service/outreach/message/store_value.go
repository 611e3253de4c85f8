package message

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

func customersByID(tx *gorm.DB, ids []int64) (map[int64]*model.Customer, error) {
	var rows []model.Customer
	if err := tx.Select("id", "name", "first_source", "city").Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find customers: %w", err)
	}
	out := make(map[int64]*model.Customer, len(rows))
	for i := range rows {
		out[rows[i].ID] = &rows[i]
	}
	return out, nil
}

func staffByID(tx *gorm.DB, ids []int64) (map[int64]*model.Staff, error) {
	var rows []model.Staff
	if err := tx.Select("id", "name", "alias").Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find staff: %w", err)
	}
	out := make(map[int64]*model.Staff, len(rows))
	for i := range rows {
		out[rows[i].ID] = &rows[i]
	}
	return out, nil
}

// valueOf is one value of one customer, or other row.
type valueOf struct {
	ID    int64
	Name  string
	Value string
}

func mapped(rows []valueOf) map[int64]string {
	out := make(map[int64]string, len(rows))
	for _, r := range rows {
		out[r.ID] = r.Value
	}
	return out
}

func accountTitles(tx *gorm.DB, ids []int64) (map[int64]string, error) {
	var rows []valueOf
	if err := tx.Model(&model.Account{}).Select("id, title AS value").Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find accounts: %w", err)
	}
	return mapped(rows), nil
}

// memberNumbers gives one member number of each customer who has any.
func memberNumbers(tx *gorm.DB, ids []int64) (map[int64]string, error) {
	var rows []valueOf
	err := tx.Model(&model.Identity{}).Select("customer_id AS id, MIN(value) AS value").Where("customer_id IN ? AND kind = 'member_number'", ids).
		Group("customer_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find member numbers: %w", err)
	}
	return mapped(rows), nil
}

func stagesOf(tx *gorm.DB, ids []int64) (map[int64]string, error) {
	var rows []valueOf
	if err := tx.Model(&model.CustomerLifecycle{}).Select("customer_id AS id, stage AS value").Where("customer_id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find stages: %w", err)
	}
	return mapped(rows), nil
}

// fieldValues gives what customers answered to custom fields that are not sealed, by the names of the variables; several choices one
// after the other.
func fieldValues(tx *gorm.DB, names []string, ids []int64) (map[string]map[int64]string, error) {
	var rows []valueOf
	err := tx.Table("custom_value v").Select("v.customer_id AS id, f.name, v.value").Joins("JOIN custom_field f ON f.id = v.field_id").
		Where("f.name IN ? AND f.sealed = ? AND f.gone_at IS NULL AND v.customer_id IN ?", names, false, ids).Order("v.ordinal").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find answers to custom fields: %w", err)
	}
	out := map[string]map[int64]string{}
	for _, r := range rows {
		name := VarField + r.Name
		if out[name] == nil {
			out[name] = map[int64]string{}
		}
		if before := out[name][r.ID]; before != "" {
			r.Value = before + "、" + r.Value
		}
		out[name][r.ID] = r.Value
	}
	return out, nil
}
