package customer

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// mergesInto gives the merges that stand into some customers.
func mergesInto(tx *gorm.DB, ids []int64) (rows []model.CustomerMerge, err error) {
	err = tx.Select("id", "customer_id", "other_id", "merged_at").Where("customer_id IN ? AND undone_at IS NULL", ids).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find merges: %w", err)
	}
	return rows, nil
}

func movesOfAll(tx *gorm.DB, mergeIDs []int64, owners []string) (rows []model.MergeMove, err error) {
	if len(mergeIDs) == 0 {
		return nil, nil
	}
	if err := tx.Where("merge_id IN ? AND owner IN ?", mergeIDs, owners).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read what moved: %w", err)
	}
	return rows, nil
}

// changesSince gives the changes of a customer's own fields after a time, the latest first.
func changesSince(tx *gorm.DB, customerID int64, at time.Time) (rows []model.CustomerChange, err error) {
	err = tx.Where("customer_id = ? AND changed_at > ?", customerID, at).Order("changed_at DESC, id DESC").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find changes: %w", err)
	}
	return rows, nil
}

// factsOf gives facts of some kinds about a customer, the oldest first.
func factsOf(tx *gorm.DB, customerID int64, kinds []string) (rows []model.Event, err error) {
	err = tx.Select("id", "kind", "payload", "occurred_at").Where("customer_id = ? AND kind IN ?", customerID, kinds).
		Order("occurred_at, id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find facts: %w", err)
	}
	return rows, nil
}

// tagRowsOf gives a customer's tags, those that have ended included.
func tagRowsOf(tx *gorm.DB, customerID int64) (rows []model.CustomerTag, err error) {
	if err := tx.Where("customer_id = ?", customerID).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find tags: %w", err)
	}
	return rows, nil
}

// ordersBy gives the orders placed by a time, the latest first.
func ordersBy(tx *gorm.DB, customerID int64, at time.Time) (rows []model.CustomerOrder, err error) {
	err = tx.Where("customer_id = ? AND placed_at <= ? AND status <> 'awaited'", customerID, at).Order("placed_at DESC, id DESC").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find orders: %w", err)
	}
	return rows, nil
}

func refundsBy(tx *gorm.DB, customerID int64, at time.Time) (rows []model.Refund, err error) {
	err = tx.Where("customer_id = ? AND refunded_at <= ? AND status = 'refunded'", customerID, at).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find refunds: %w", err)
	}
	return rows, nil
}

// stageSince is the present stage, if it began by a time.
func stageSince(tx *gorm.DB, customerID int64, at time.Time) (string, error) {
	var stages []string
	err := tx.Model(&model.CustomerLifecycle{}).Where("customer_id = ? AND stage_since <= ?", customerID, at).Pluck("stage", &stages).Error
	if err != nil {
		return "", fmt.Errorf("find stage: %w", err)
	}
	if len(stages) == 0 {
		return "", nil
	}
	return stages[0], nil
}
