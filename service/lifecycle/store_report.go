package lifecycle

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

func stageCounts(tx *gorm.DB) (map[string]int64, error) {
	var rows []struct {
		Stage string
		N     int64
	}
	if err := tx.Model(&model.CustomerLifecycle{}).Select("stage, COUNT(*) AS n").Group("stage").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("count stages: %w", err)
	}
	out := map[string]int64{}
	for _, r := range rows {
		out[r.Stage] = r.N
	}
	return out, nil
}

func flowsBetween(tx *gorm.DB, first, last int) ([]Flow, error) {
	var rows []struct {
		Day       int
		FromStage string
		ToStage   string
		Customers int64
	}
	err := tx.Model(&model.StageChange{}).Select("day, from_stage, to_stage, COUNT(*) AS customers").
		Where("day >= ? AND day <= ?", first, last).Group("day, from_stage, to_stage").Order("day, from_stage, to_stage").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count changes of stages: %w", err)
	}
	out := make([]Flow, len(rows))
	for i, r := range rows {
		out[i] = Flow{r.Day, r.FromStage, r.ToStage, r.Customers}
	}
	return out, nil
}

func stageDaysBetween(tx *gorm.DB, first, last int) ([]model.StageDay, error) {
	var rows []model.StageDay
	if err := tx.Where("day >= ? AND day <= ?", first, last).Order("day, stage").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find counts of days: %w", err)
	}
	return rows, nil
}

func rfmCells(tx *gorm.DB) ([]Cell, error) {
	var rows []Cell
	err := tx.Model(&model.CustomerLifecycle{}).Select("recency, frequency, COUNT(*) AS customers, SUM(monetary) AS monetary").
		Group("recency, frequency").Order("recency, frequency").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count scores: %w", err)
	}
	return rows, nil
}

func changesOf(tx *gorm.DB, customerID int64, limit int) ([]model.StageChange, error) {
	var rows []model.StageChange
	if err := tx.Where("customer_id = ?", customerID).Order("number DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find changes of stage: %w", err)
	}
	return rows, nil
}

// countProfiled counts customers, but for those who stand for another one and minors.
func countProfiled(tx *gorm.DB) (int64, error) {
	var n int64
	if err := tx.Model(&model.Customer{}).Where("merged_into = 0 AND minor = ?", false).Count(&n).Error; err != nil {
		return 0, fmt.Errorf("count customers: %w", err)
	}
	return n, nil
}

// customerAfter gives the customer so many after an id, or 0 when there are fewer.
func customerAfter(tx *gorm.DB, id, n int64) (int64, error) {
	var ids []int64
	err := tx.Model(&model.Customer{}).Where("id > ?", id).Order("id").Offset(int(n)-1).Limit(1).Pluck("id", &ids).Error
	if err != nil {
		return 0, fmt.Errorf("page through customers: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	return ids[0], nil
}
