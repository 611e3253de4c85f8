package visit

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// found is a live visit beside what is known now of whose it is.
type found struct {
	ID         int64
	AccountID  int64
	CustomerID int64
	StaffID    int64
	StaffName  string
	SeenAt     time.Time
	ExpiresAt  time.Time
}

// A staff member's platform status that ends what they may do: 2 disabled, 5 left.
var endedStatus = []int{2, 5}

// findVisit gives the live visit behind a token, or nil. A customer who turned out to be another one
// visits as that one.
func findVisit(tx *gorm.DB, hash []byte, now, idleSince time.Time) (*found, error) {
	var row found
	err := tx.Table("visit v").
		Select("v.id, v.account_id, v.staff_id, v.seen_at, v.expires_at, COALESCE(p.name, '') AS staff_name, "+
			"CASE WHEN c.merged_into <> 0 THEN c.merged_into ELSE v.customer_id END AS customer_id").
		Joins("JOIN account a ON a.id = v.account_id AND a.enabled = ?", true).
		Joins("LEFT JOIN customer c ON c.id = v.customer_id").
		Joins("LEFT JOIN staff p ON p.id = v.staff_id").
		Where("v.token_hash = ? AND v.revoked_at IS NULL AND v.expires_at > ? AND v.seen_at > ?", hash, now, idleSince).
		Where("(v.customer_id <> 0 AND c.id IS NOT NULL) OR (v.staff_id <> 0 AND p.disabled = ? AND p.gone_at IS NULL AND p.platform_status NOT IN ?)", false, endedStatus).
		Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find visit: %w", err)
	}
	return &row, nil
}

func insertVisit(tx *gorm.DB, row *model.Visit) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert visit: %w", err)
	}
	return nil
}

// touchVisit records use, unless another request did so since before.
func touchVisit(tx *gorm.DB, id int64, now, before time.Time) error {
	err := tx.Model(&model.Visit{}).Where("id = ? AND seen_at <= ? AND revoked_at IS NULL", id, before).Update("seen_at", now).Error
	if err != nil {
		return fmt.Errorf("touch visit: %w", err)
	}
	return nil
}

func endByToken(tx *gorm.DB, hash []byte, at time.Time) error {
	err := tx.Model(&model.Visit{}).Where("token_hash = ? AND revoked_at IS NULL", hash).Update("revoked_at", at).Error
	if err != nil {
		return fmt.Errorf("end visit: %w", err)
	}
	return nil
}

// endOf ends the visits of a customer and of those who turned out to be the same one.
func endOf(tx *gorm.DB, customerID int64, at time.Time) error {
	same := tx.Model(&model.Customer{}).Select("id").Where("merged_into = ?", customerID)
	err := tx.Model(&model.Visit{}).Where("(customer_id = ? OR customer_id IN (?)) AND revoked_at IS NULL", customerID, same).
		Update("revoked_at", at).Error
	if err != nil {
		return fmt.Errorf("end visits: %w", err)
	}
	return nil
}

// noteCode notes a code, unless it is known.
func noteCode(tx *gorm.DB, hash []byte, until time.Time) (fresh bool, err error) {
	res := model.InsertIgnore(tx).Create(&model.UsedCode{CodeHash: hash, EndsAt: until})
	if res.Error != nil {
		return false, fmt.Errorf("note a code: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

func forgetCode(tx *gorm.DB, hash []byte) error {
	if err := tx.Where("code_hash = ?", hash).Delete(&model.UsedCode{}).Error; err != nil {
		return fmt.Errorf("forget a code: %w", err)
	}
	return nil
}

// takeTry takes one of the day's tries; left is false when there was none.
func takeTry(tx *gorm.DB, customerID int64, kind string, day, most int) (left bool, err error) {
	row := &model.VisitCount{CustomerID: customerID, Kind: kind, Day: day}
	if err := model.InsertIgnore(tx).Create(row).Error; err != nil {
		return false, fmt.Errorf("begin a count: %w", err)
	}
	res := tx.Model(&model.VisitCount{}).Where("customer_id = ? AND kind = ? AND day = ? AND times < ?", customerID, kind, day, most).
		Update("times", gorm.Expr("times + 1"))
	if res.Error != nil {
		return false, fmt.Errorf("count a try: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

func giveBack(tx *gorm.DB, customerID int64, kind string, day int) error {
	err := tx.Model(&model.VisitCount{}).Where("customer_id = ? AND kind = ? AND day = ? AND times > 0", customerID, kind, day).
		Update("times", gorm.Expr("times - 1")).Error
	if err != nil {
		return fmt.Errorf("give a try back: %w", err)
	}
	return nil
}

func pruneVisits(tx *gorm.DB, now time.Time) (int, error) {
	return prune[model.Visit](tx, tx.Where("expires_at <= ?", now))
}

func pruneCodes(tx *gorm.DB, now time.Time) (int, error) {
	return prune[model.UsedCode](tx, tx.Where("ends_at <= ?", now))
}

func pruneCounts(tx *gorm.DB, before int) (int, error) {
	return prune[model.VisitCount](tx, tx.Where("day < ?", before))
}

// prune deletes one batch of rows that fit.
func prune[Row any](tx, fit *gorm.DB) (deleted int, err error) {
	var ids []int64
	if err := fit.Model(new(Row)).Limit(pruneAtOnce).Pluck("id", &ids).Error; err != nil {
		return 0, fmt.Errorf("find %T to prune: %w", *new(Row), err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	if err := tx.Where("id IN ?", ids).Delete(new(Row)).Error; err != nil {
		return 0, fmt.Errorf("prune %T: %w", *new(Row), err)
	}
	return len(ids), nil
}
