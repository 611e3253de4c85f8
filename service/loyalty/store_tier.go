package loyalty

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func tiers(tx *gorm.DB) (rows []model.Tier, err error) {
	if err = tx.Order("level").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list tiers: %w", err)
	}
	return rows, nil
}

func replaceTiers(tx *gorm.DB, rows []model.Tier) error {
	if err := tx.Where("level > 0").Delete(&model.Tier{}).Error; err != nil {
		return fmt.Errorf("replace tiers: %w", err)
	}
	if len(rows) == 0 {
		return nil
	}
	return insert(tx, &rows)
}

// tierOf is where a customer stands; the zero row when nobody has looked.
func tierOf(tx *gorm.DB, customerID int64) (row model.CustomerTier, err error) {
	err = tx.Where("customer_id = ?", customerID).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return model.CustomerTier{CustomerID: customerID}, nil
	}
	if err != nil {
		return row, fmt.Errorf("find the tier of customer %d: %w", customerID, err)
	}
	return row, nil
}

// lockTier locks where a customer stands, and writes it down when nobody has.
func lockTier(tx *gorm.DB, customerID int64, now time.Time) (*model.CustomerTier, error) {
	fresh := &model.CustomerTier{CustomerID: customerID, Since: now, LookedAt: now}
	if err := model.InsertIgnore(tx).Create(fresh).Error; err != nil {
		return nil, fmt.Errorf("write down the tier of customer %d: %w", customerID, err)
	}
	var row model.CustomerTier
	if err := model.ForUpdate(tx).Where("customer_id = ?", customerID).Take(&row).Error; err != nil {
		return nil, fmt.Errorf("lock the tier of customer %d: %w", customerID, err)
	}
	return &row, nil
}

// multiplierOf is how many times a customer's tier counts points, in basis points.
func multiplierOf(tx *gorm.DB, customerID int64) (bp int, err error) {
	err = tx.Model(&model.Tier{}).Joins("JOIN customer_tier c ON c.level = tier.level").Where("c.customer_id = ?", customerID).
		Select("COALESCE(MAX(tier.multiplier_bp), 10000)").Scan(&bp).Error
	if err != nil {
		return 0, fmt.Errorf("find what the tier of customer %d multiplies: %w", customerID, err)
	}
	return bp, nil
}

// paidSince sums what a customer paid from a time on, less refunds.
func paidSince(tx *gorm.DB, customerID int64, from time.Time) (fen model.Fen, err error) {
	err = tx.Model(&model.CustomerOrder{}).Where("customer_id = ? AND paid_at >= ? AND status NOT IN ('awaited', 'cancelled')", customerID, from).
		Select("COALESCE(SUM(paid_fen - refunded_fen), 0)").Scan(&fen).Error
	if err != nil {
		return 0, fmt.Errorf("sum what customer %d paid: %w", customerID, err)
	}
	return fen, nil
}

// lapsing lists the customers, above one, for whose tier the time is over.
func lapsing(tx *gorm.DB, now time.Time, after int64, limit int) (ids []int64, err error) {
	err = tx.Model(&model.CustomerTier{}).Where("keep_until <= ? AND customer_id > ?", now, after).Order("customer_id").Limit(limit).Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("list whose tier may fall: %w", err)
	}
	return ids, nil
}

// standingOf reads account and tier of a customer together.
func standingOf(tx *gorm.DB, customerID int64) (*Standing, error) {
	var row Standing
	err := tx.Raw("SELECT COALESCE(a.balance, 0) AS balance, COALESCE(a.frozen, 0) AS frozen, COALESCE(s.level, 0) AS level, COALESCE(t.name, '') AS tier_name"+
		" FROM (SELECT ? AS customer_id) c LEFT JOIN points_account a ON a.customer_id = c.customer_id LEFT JOIN customer_tier s ON s.customer_id = c.customer_id"+
		" LEFT JOIN tier t ON t.level = s.level", customerID).Scan(&row).Error
	if err != nil {
		return nil, fmt.Errorf("find where customer %d stands in the club: %w", customerID, err)
	}
	return &row, nil
}
