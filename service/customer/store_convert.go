package customer

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// corps gives the enabled WeCom accounts.
func corps(tx *gorm.DB) (rows []model.Account, err error) {
	err = tx.Select("id", "name", "platform_id").Where("kind = ? AND enabled = ?", "wecom", true).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find corps: %w", err)
	}
	return rows, nil
}

func conversion(tx *gorm.DB, id int64) (*model.IDConversion, *model.Account, error) {
	var row model.IDConversion
	err := tx.Where("id = ?", id).Take(&row).Error
	if _, err := found(&row, err, "find conversion"); err != nil {
		return nil, nil, err
	}
	var a model.Account
	err = tx.Where("id = ?", row.AccountID).Take(&a).Error
	_, err = found(&a, err, "find account")
	return &row, &a, err
}

// updateConversion changes a row that is still as it was read.
func updateConversion(tx *gorm.DB, row *model.IDConversion, set map[string]any) error {
	err := tx.Model(&model.IDConversion{}).Where("id = ? AND status = ?", row.ID, row.Status).UpdateColumns(set).Error
	if err != nil {
		return fmt.Errorf("update conversion: %w", err)
	}
	return nil
}

// hasPending tells whether anybody waits under a pending id of an account.
func hasPending(tx *gorm.DB, accountID int64, now time.Time) (bool, error) {
	var ids []int64
	err := tx.Model(&model.IDConversion{}).Where("status = ? AND pending_until > ? AND account_id = ?", convertPending, now, accountID).
		Limit(1).Pluck("id", &ids).Error
	if err != nil {
		return false, fmt.Errorf("find pending conversions: %w", err)
	}
	return len(ids) > 0, nil
}

// pendingConversion finds who waits under a pending id; nil when nobody does.
func pendingConversion(tx *gorm.DB, accountID int64, pendingID string) (*model.IDConversion, error) {
	var row model.IDConversion
	err := tx.Where("account_id = ? AND pending_id = ? AND status = ?", accountID, pendingID, convertPending).Take(&row).Error
	if _, err := found(&row, err, "find pending conversion"); err != nil {
		if errors.Is(err, ErrNotFound) {
			return nil, nil
		}
		return nil, err
	}
	return &row, nil
}

// endedConversions locks some rows whose pending id has run out.
func endedConversions(tx *gorm.DB, now time.Time) (rows []model.IDConversion, err error) {
	err = model.ForUpdate(tx).Where("status = ? AND pending_until <= ?", convertPending, now).Order("pending_until, id").Limit(100).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find ended conversions: %w", err)
	}
	return rows, nil
}

// contactOf is the external user id by which the corp of a conversion knows its customer by now.
func contactOf(tx *gorm.DB, row *model.IDConversion) (string, error) {
	var ids []string
	err := tx.Model(&model.Identity{}).Joins("JOIN account ON account.platform_id = identity.scope").
		Where("account.id = ? AND identity.customer_id = ? AND identity.kind = ?", row.AccountID, row.CustomerID, KindExternalUserID).
		Order("identity.id").Limit(1).Pluck("identity.value", &ids).Error
	if err != nil {
		return "", fmt.Errorf("find external user id: %w", err)
	}
	if len(ids) == 0 {
		return "", nil
	}
	return ids[0], nil
}

func decodeFact(f event.Recorded, into event.Fact) error {
	if err := json.Unmarshal(f.Payload, into); err != nil {
		return fmt.Errorf("read fact %d: %w", f.ID, err)
	}
	return nil
}
