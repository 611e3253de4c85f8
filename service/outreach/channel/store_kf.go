package channel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
	"zhiyin/wecom"
)

// kfAccountOf finds the row of a customer-service account, or makes it.
func kfAccountOf(tx *gorm.DB, accountID int64, kfID string, now time.Time) (*model.KfAccount, error) {
	var row model.KfAccount
	err := tx.Where("account_id = ? AND open_kfid = ?", accountID, kfID).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		made := model.KfAccount{AccountID: accountID, KfID: kfID, Managed: true, CreatedAt: now, UpdatedAt: now}
		if err := model.InsertIgnore(tx).Create(&made).Error; err != nil {
			return nil, fmt.Errorf("keep a customer-service account: %w", err)
		}
		err = tx.Where("account_id = ? AND open_kfid = ?", accountID, kfID).Take(&row).Error
	}
	if err != nil {
		return nil, fmt.Errorf("find a customer-service account: %w", err)
	}
	return &row, nil
}

// mirrorKf makes the rows follow the platform.
func mirrorKf(tx *gorm.DB, accountID int64, list []wecom.KfAccount, now time.Time) error {
	ids := []string{""}
	for _, k := range list {
		ids = append(ids, k.ID)
		row := model.KfAccount{AccountID: accountID, KfID: k.ID, Name: cut(k.Name, 64), Managed: k.Managed, CreatedAt: now, UpdatedAt: now}
		onConflict := clause.OnConflict{
			Columns:   []clause.Column{{Name: "account_id"}, {Name: "open_kfid"}},
			DoUpdates: clause.AssignmentColumns([]string{"name", "managed", "gone_at", "updated_at"}),
		}
		if err := tx.Clauses(onConflict).Create(&row).Error; err != nil {
			return fmt.Errorf("keep a customer-service account: %w", err)
		}
	}
	err := tx.Model(&model.KfAccount{}).Where("account_id = ? AND gone_at IS NULL AND open_kfid NOT IN ?", accountID, ids).Update("gone_at", now).Error
	if err != nil {
		return fmt.Errorf("note that customer-service accounts are gone: %w", err)
	}
	return nil
}

func readKf(tx *gorm.DB, id int64, to string, now time.Time) error {
	if err := tx.Model(&model.KfAccount{}).Where("id = ?", id).Updates(map[string]any{"read_to": to, "updated_at": now}).Error; err != nil {
		return fmt.Errorf("note how far customer service was read: %w", err)
	}
	return nil
}

// openWindows notes when customers wrote last. A message that was read before changes nothing.
func openWindows(tx *gorm.DB, a *model.Account, kfID string, last map[string]time.Time, now time.Time) error {
	if len(last) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(last))
	who, err := customersOf(tx, a.PlatformID, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		row := model.KfWindow{AccountID: a.ID, KfID: kfID, CustomerID: who[name], ExternalUserID: name, LastAt: last[name], UpdatedAt: now}
		res := model.InsertIgnore(tx).Create(&row)
		if res.Error != nil {
			return fmt.Errorf("open a customer-service window: %w", res.Error)
		}
		if res.RowsAffected == 1 {
			continue
		}
		err := tx.Model(&model.KfWindow{}).Where("account_id = ? AND open_kfid = ? AND external_userid = ? AND last_at < ?", a.ID, kfID, name, last[name]).
			Updates(map[string]any{"last_at": last[name], "sent": 0, "customer_id": who[name], "updated_at": now}).Error
		if err != nil {
			return fmt.Errorf("open a customer-service window: %w", err)
		}
	}
	return nil
}

// customersOf finds who external contacts of a corp are.
func customersOf(tx *gorm.DB, corpID string, names []string) (map[string]int64, error) {
	out := make(map[string]int64, len(names))
	for part := range slices.Chunk(names, statementPart) {
		var rows []model.Identity
		if err := tx.Select("customer_id, value").Where("kind = 'external_userid' AND scope = ? AND value IN ?", corpID, part).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("find external contacts: %w", err)
		}
		for _, r := range rows {
			out[r.Value] = r.CustomerID
		}
	}
	return out, nil
}

// windowsOf gives customers' latest windows in an account.
func windowsOf(tx *gorm.DB, accountID int64, customerIDs []int64) (map[int64]model.KfWindow, error) {
	out := make(map[int64]model.KfWindow, len(customerIDs))
	for part := range slices.Chunk(customerIDs, statementPart) {
		var rows []model.KfWindow
		if err := tx.Where("customer_id IN ? AND account_id = ?", part, accountID).Order("last_at, id").Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("find customer-service windows: %w", err)
		}
		for _, r := range rows {
			out[r.CustomerID] = r
		}
	}
	return out, nil
}

// takeWindow uses up one message of a window and tells whether there was one.
func takeWindow(tx *gorm.DB, id int64, now time.Time) (bool, error) {
	res := tx.Model(&model.KfWindow{}).Where("id = ? AND sent < ? AND last_at > ?", id, kfMost, now.Add(-kfWindow)).
		Updates(map[string]any{"sent": gorm.Expr("sent + 1"), "updated_at": now})
	if res.Error != nil {
		return false, fmt.Errorf("take a place in a customer-service window: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}
