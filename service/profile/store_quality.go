package profile

import (
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

// openRun gives the newest run that is under way since a time, or nil.
func openRun(tx *gorm.DB, since time.Time) (*model.QualityRun, error) {
	return oneRun(tx.Where("finished_at IS NULL AND started_at > ?", since))
}

// lastRun gives the run that finished last, or nil.
func lastRun(tx *gorm.DB) (*model.QualityRun, error) {
	return oneRun(tx.Where("finished_at IS NOT NULL"))
}

func oneRun(q *gorm.DB) (*model.QualityRun, error) {
	var rows []model.QualityRun
	if err := q.Order("id DESC").Limit(1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find quality run: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &rows[0], nil
}

func insertRun(tx *gorm.DB, row *model.QualityRun) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert quality run: %w", err)
	}
	return nil
}

// advanceRun writes how far a run has come, unless another has taken it further.
func advanceRun(tx *gorm.DB, from int64, run *model.QualityRun) (bool, error) {
	res := tx.Model(&model.QualityRun{}).Where("id = ? AND last_customer_id = ? AND finished_at IS NULL", run.ID, from).Updates(map[string]any{
		"last_customer_id": run.LastCustomerID, "customers": run.Customers, "completeness_sum": run.CompletenessSum,
		"missing": run.Missing, "updated_at": run.UpdatedAt,
	})
	if res.Error != nil {
		return false, fmt.Errorf("advance quality run: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

func finishRun(tx *gorm.DB, id int64, at time.Time) error {
	if err := tx.Model(&model.QualityRun{}).Where("id = ? AND finished_at IS NULL", id).Update("finished_at", at).Error; err != nil {
		return fmt.Errorf("finish quality run: %w", err)
	}
	return nil
}

// dropRuns keeps the newest runs.
func dropRuns(tx *gorm.DB, keep int) error {
	var ids []int64
	if err := tx.Model(&model.QualityRun{}).Order("id DESC").Offset(keep).Limit(pruneAtOnce).Pluck("id", &ids).Error; err != nil {
		return fmt.Errorf("find old quality runs: %w", err)
	}
	if len(ids) == 0 {
		return nil
	}
	if err := tx.Where("id IN ?", ids).Delete(&model.QualityRun{}).Error; err != nil {
		return fmt.Errorf("drop old quality runs: %w", err)
	}
	return nil
}

func customersAfter(tx *gorm.DB, id int64, limit int) ([]*model.Customer, error) {
	var rows []*model.Customer
	if err := tx.Where("id > ? AND merged_into = 0", id).Order("id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read customers: %w", err)
	}
	return rows, nil
}

// firstLookalikes gives, for each likeness that several customers of these names share, the one who was
// there first.
func firstLookalikes(tx *gorm.DB, names []string) (map[string]int64, error) {
	out := map[string]int64{}
	if len(names) == 0 {
		return out, nil
	}
	var rows []struct {
		ID     int64
		Name   string
		Avatar string
		MD     int
	}
	err := tx.Model(&model.Customer{}).Select("MIN(id) AS id, MIN(name) AS name, avatar, 0 AS md").
		Where("name IN ? AND avatar <> '' AND merged_into = 0", names).Group("name, avatar").Having("COUNT(*) > 1").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find the same pictures: %w", err)
	}
	for _, r := range rows {
		out[pictureKey(r.Name, r.Avatar)] = r.ID
	}
	rows = nil
	err = tx.Model(&model.Customer{}).Select("MIN(id) AS id, MIN(name) AS name, '' AS avatar, birth_md AS md").
		Where("name IN ? AND birth_md <> 0 AND merged_into = 0", names).Group("name, birth_md").Having("COUNT(*) > 1").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find the same birthdays: %w", err)
	}
	for _, r := range rows {
		out[birthdayKey(r.Name, r.MD)] = r.ID
	}
	return out, nil
}

// putFindings writes findings; those that are known already are seen again.
func putFindings(tx *gorm.DB, rows []*model.QualityFinding) error {
	if len(rows) == 0 {
		return nil
	}
	err := tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "customer_id"}, {Name: "kind"}, {Name: "field"}, {Name: "other_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"run_id", "reason"}),
	}).Create(rows).Error
	if err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

// dropFindings deletes some of what runs before this one saw and it did not.
func dropFindings(tx *gorm.DB, runID int64) (int, error) {
	var ids []int64
	if err := tx.Model(&model.QualityFinding{}).Where("run_id < ?", runID).Limit(pruneAtOnce).Pluck("id", &ids).Error; err != nil {
		return 0, fmt.Errorf("find old findings: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	if err := tx.Where("id IN ?", ids).Delete(&model.QualityFinding{}).Error; err != nil {
		return 0, fmt.Errorf("drop old findings: %w", err)
	}
	return len(ids), nil
}

func countFindings(tx *gorm.DB) ([]FindingCount, error) {
	var rows []FindingCount
	err := tx.Model(&model.QualityFinding{}).Select("kind, field, reason, COUNT(*) AS times").Group("kind, field, reason").Order("kind, field, reason").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count findings: %w", err)
	}
	return rows, nil
}

func listFindings(tx *gorm.DB, f FindingFilter) ([]model.QualityFinding, error) {
	q := tx.Order("id").Limit(f.Limit)
	if f.Kind != "" {
		q = q.Where("kind = ?", f.Kind)
	}
	if f.After != 0 {
		q = q.Where("id > ?", f.After)
	}
	var rows []model.QualityFinding
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list findings: %w", err)
	}
	return rows, nil
}
