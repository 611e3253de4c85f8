package loyalty

import (
	"errors"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

func rewards(tx *gorm.DB) (rows []model.Reward, err error) {
	if err = tx.Order("price, id").Limit(1000).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list rewards: %w", err)
	}
	return rows, nil
}

func rewardByID(tx *gorm.DB, id int64) (*model.Reward, error) {
	var row model.Reward
	err := tx.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find reward %d: %w", id, err)
	}
	return &row, nil
}

func lockReward(tx *gorm.DB, id int64) (*model.Reward, error) {
	return rewardByID(model.ForUpdate(tx), id)
}

// takeReward takes one, unless there is none left.
func takeReward(tx *gorm.DB, id int64) (taken bool, err error) {
	res := tx.Model(&model.Reward{}).Where("id = ? AND (stock = 0 OR taken < stock)", id).UpdateColumn("taken", gorm.Expr("taken + 1"))
	if res.Error != nil {
		return false, fmt.Errorf("take reward %d: %w", id, res.Error)
	}
	return res.RowsAffected == 1, nil
}

func putBackReward(tx *gorm.DB, id int64) error {
	if err := tx.Model(&model.Reward{}).Where("id = ? AND taken > 0", id).UpdateColumn("taken", gorm.Expr("taken - 1")).Error; err != nil {
		return fmt.Errorf("put back reward %d: %w", id, err)
	}
	return nil
}

// redemptionByKey finds a redemption by its key; nil when there is none.
func redemptionByKey(tx *gorm.DB, key string) (*model.Redemption, error) {
	var row model.Redemption
	err := tx.Where("request_key = ?", key).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find a redemption by its key: %w", err)
	}
	return &row, nil
}

func lockRedemption(tx *gorm.DB, id int64) (*model.Redemption, error) {
	var row model.Redemption
	err := model.ForUpdate(tx).Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("lock redemption %d: %w", id, err)
	}
	return &row, nil
}

// redeemed counts how many of a reward a customer has.
func redeemed(tx *gorm.DB, rewardID, customerID int64) (n int64, err error) {
	err = tx.Model(&model.Redemption{}).Where("reward_id = ? AND customer_id = ? AND state <> ?", rewardID, customerID, Cancelled).Count(&n).Error
	if err != nil {
		return 0, fmt.Errorf("count redemptions: %w", err)
	}
	return n, nil
}

func redemptionsBefore(tx *gorm.DB, f RedemptionFilter) (rows []model.Redemption, err error) {
	q := tx.Order("id DESC").Limit(f.Limit)
	if f.CustomerID != 0 {
		q = q.Where("customer_id = ?", f.CustomerID)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.Before != 0 {
		q = q.Where("id < ?", f.Before)
	}
	if err = q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list redemptions: %w", err)
	}
	return rows, nil
}
