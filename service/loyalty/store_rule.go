package loyalty

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

func rules(tx *gorm.DB) (rows []model.PointsRule, err error) {
	if err = tx.Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list rules of points: %w", err)
	}
	return rows, nil
}

func lockRule(tx *gorm.DB, id int64) (*model.PointsRule, error) {
	var row model.PointsRule
	err := model.ForUpdate(tx).Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("lock rule %d: %w", id, err)
	}
	return &row, nil
}

// saveAll stores all columns of a row that the caller has locked.
func saveAll(tx *gorm.DB, row any) error {
	if err := tx.Select("*").UpdateColumns(row).Error; err != nil {
		return fmt.Errorf("save %T: %w", row, err)
	}
	return nil
}

// earnedByRule sums what a customer earned by a rule from a time on.
func earnedByRule(tx *gorm.DB, customerID, ruleID int64, from time.Time) (n int64, err error) {
	q := tx.Model(&model.PointsEntry{}).Where("customer_id = ? AND rule_id = ? AND kind = ?", customerID, ruleID, Earn)
	if !from.IsZero() {
		q = q.Where("created_at >= ?", from)
	}
	if err = q.Select("COALESCE(SUM(points), 0)").Scan(&n).Error; err != nil {
		return 0, fmt.Errorf("sum what rule %d gave: %w", ruleID, err)
	}
	return n, nil
}

// lastCheckIn is a customer's last check-in; the zero row when there is none.
func lastCheckIn(tx *gorm.DB, customerID int64) (row model.CheckIn, err error) {
	err = tx.Where("customer_id = ?", customerID).Order("day DESC").Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return model.CheckIn{}, nil
	}
	if err != nil {
		return row, fmt.Errorf("find the last check-in: %w", err)
	}
	return row, nil
}

// checkInsOf lists the check-ins from a day up to another that is not counted.
func checkInsOf(tx *gorm.DB, customerID int64, from, to int) (rows []model.CheckIn, err error) {
	if err = tx.Where("customer_id = ? AND day >= ? AND day < ?", customerID, from, to).Order("day").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list check-ins: %w", err)
	}
	return rows, nil
}

// settingRow is the one row of the club's setting; the zero row when nobody has set anything.
func settingRow(tx *gorm.DB) (row model.LoyaltySetting, err error) {
	err = tx.Where("id = 1").Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return model.LoyaltySetting{}, nil
	}
	if err != nil {
		return row, fmt.Errorf("find the setting of the club: %w", err)
	}
	return row, nil
}

// saveSetting replaces the row of the version before; changed is false when somebody else has.
func saveSetting(tx *gorm.DB, row *model.LoyaltySetting) (changed bool, err error) {
	var res *gorm.DB
	if row.Version == 1 {
		res = model.InsertIgnore(tx).Create(row)
	} else {
		res = tx.Model(&model.LoyaltySetting{}).Where("id = 1 AND version = ?", row.Version-1).
			Updates(map[string]any{"body": row.Body, "version": row.Version, "changed_by": row.ChangedBy, "updated_at": row.UpdatedAt})
	}
	if res.Error != nil {
		return false, fmt.Errorf("save the setting of the club: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

// matchesOf reads the filters of all rules, by rule.
func matchesOf(tx *gorm.DB) (map[int64][]event.Match, error) {
	var rows []model.PointsMatch
	if err := tx.Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list filters of rules: %w", err)
	}
	out := map[int64][]event.Match{}
	for _, r := range rows {
		out[r.RuleID] = append(out[r.RuleID], event.Match{Property: r.Property, Op: r.Op, Value: r.Value})
	}
	return out, nil
}

// replaceMatches replaces the filters of a rule that the caller has locked, or made.
func replaceMatches(tx *gorm.DB, ruleID int64, list []event.Match) error {
	if err := tx.Where("rule_id = ?", ruleID).Delete(&model.PointsMatch{}).Error; err != nil {
		return fmt.Errorf("replace filters of rule %d: %w", ruleID, err)
	}
	if len(list) == 0 {
		return nil
	}
	rows := make([]model.PointsMatch, len(list))
	for i, m := range list {
		rows[i] = model.PointsMatch{RuleID: ruleID, Property: m.Property, Op: m.Op, Value: m.Value}
	}
	return insert(tx, &rows)
}
