package lifecycle

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

func settingRow(tx *gorm.DB) (*model.LifecycleSetting, error) {
	var rows []model.LifecycleSetting
	if err := tx.Where("slot = 1").Limit(1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find lifecycle settings: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &rows[0], nil
}

func stagesInOrder(tx *gorm.DB) ([]model.LifecycleStage, error) {
	var rows []model.LifecycleStage
	if err := tx.Order("position").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find stages: %w", err)
	}
	return rows, nil
}

// replaceSetting tells whether the revision was still the one in force.
func replaceSetting(tx *gorm.DB, revision int64, body string, now time.Time) (bool, error) {
	row := &model.LifecycleSetting{Slot: 1, Revision: revision + 1, Body: body, UpdatedAt: now}
	if revision == 0 {
		res := model.InsertIgnore(tx).Create(row)
		if res.Error != nil {
			return false, fmt.Errorf("create lifecycle settings: %w", res.Error)
		}
		return res.RowsAffected > 0, nil
	}
	res := tx.Model(&model.LifecycleSetting{}).Where("slot = 1 AND revision = ?", revision).
		Updates(map[string]any{"revision": revision + 1, "body": body, "updated_at": now})
	if res.Error != nil {
		return false, fmt.Errorf("update lifecycle settings: %w", res.Error)
	}
	return res.RowsAffected > 0, nil
}

func replaceStages(tx *gorm.DB, rows []*model.LifecycleStage) error {
	if err := tx.Session(&gorm.Session{AllowGlobalUpdate: true}).Delete(&model.LifecycleStage{}).Error; err != nil {
		return fmt.Errorf("delete stages: %w", err)
	}
	if err := tx.Create(rows).Error; err != nil {
		return fmt.Errorf("create stages: %w", err)
	}
	return nil
}

// profile is what a customer's own row says.
type profile struct {
	ID          int64
	FirstSeenAt time.Time
	Minor       bool
	MergedInto  int64
}

// left out are those who stand for another one, and minors.
func (p profile) leftOut() bool { return p.Minor || p.MergedInto != 0 }

func profilesOf(tx *gorm.DB, ids []int64) ([]profile, error) {
	var rows []profile
	err := tx.Model(&model.Customer{}).Select("id, first_seen_at, minor, merged_into").Where("id IN ?", ids).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find customers: %w", err)
	}
	return rows, nil
}

// profilesAfter pages through all customers.
func profilesAfter(tx *gorm.DB, id int64, limit int) ([]profile, error) {
	var rows []profile
	err := tx.Model(&model.Customer{}).Select("id, first_seen_at, minor, merged_into").Where("id > ?", id).Order("id").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("page through customers: %w", err)
	}
	return rows, nil
}

func standingsOf(tx *gorm.DB, ids []int64) ([]*model.CustomerLifecycle, error) {
	var rows []*model.CustomerLifecycle
	if err := tx.Where("customer_id IN ?", ids).Order("customer_id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find standings: %w", err)
	}
	return rows, nil
}

// lastChanges gives the newest stage change of each of the customers who have any.
func lastChanges(tx *gorm.DB, ids []int64) (map[int64]model.StageChange, error) {
	out := map[int64]model.StageChange{}
	if len(ids) == 0 {
		return out, nil
	}
	var rows []model.StageChange
	newest := tx.Session(&gorm.Session{NewDB: true}).Model(&model.StageChange{}).Select("customer_id, MAX(number) AS newest").
		Where("customer_id IN ?", ids).Group("customer_id")
	err := tx.Table("stage_change AS c").Select("c.*").Joins("JOIN (?) AS n ON n.customer_id = c.customer_id AND n.newest = c.number", newest).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find last stage changes: %w", err)
	}
	for _, r := range rows {
		out[r.CustomerID] = r
	}
	return out, nil
}

// plantStandings makes the rows that are missing, so that there is something to lock.
func plantStandings(tx *gorm.DB, rows []*model.CustomerLifecycle) error {
	if len(rows) == 0 {
		return nil
	}
	if err := model.InsertIgnore(tx).Create(rows).Error; err != nil {
		return fmt.Errorf("create standings: %w", err)
	}
	return nil
}

// writeStandings writes locked rows.
func writeStandings(tx *gorm.DB, rows []*model.CustomerLifecycle) error {
	if len(rows) == 0 {
		return nil
	}
	err := tx.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "customer_id"}},
		DoUpdates: clause.AssignmentColumns([]string{
			"stage", "stage_since", "stage_changes", "lapsed_at", "recency", "frequency", "monetary", "value_score", "value_grade",
			"risk_score", "risk_grade", "alive_bp", "expected_fen", "computed_at",
		}),
	}).Create(rows).Error
	if err != nil {
		return fmt.Errorf("write standings: %w", err)
	}
	return nil
}

func insertChanges(tx *gorm.DB, rows []*model.StageChange) error {
	if len(rows) == 0 {
		return nil
	}
	if err := tx.Create(rows).Error; err != nil {
		return fmt.Errorf("create stage changes: %w", err)
	}
	return nil
}

func deleteStandings(tx *gorm.DB, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := tx.Where("customer_id IN ?", ids).Delete(&model.CustomerLifecycle{}).Error; err != nil {
		return fmt.Errorf("delete standings: %w", err)
	}
	return nil
}

func deleteChanges(tx *gorm.DB, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := tx.Where("customer_id IN ?", ids).Delete(&model.StageChange{}).Error; err != nil {
		return fmt.Errorf("delete stage changes: %w", err)
	}
	return nil
}

func latestBasisRow(tx *gorm.DB) (*model.LifecycleBasis, error) {
	var row model.LifecycleBasis
	err := tx.Order("id DESC").Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the basis of scores: %w", err)
	}
	return &row, nil
}
