package apikey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func insertKey(tx *gorm.DB, row *model.APIKey) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert API key: %w", err)
	}
	return nil
}

func allKeys(tx *gorm.DB) ([]model.APIKey, error) {
	var rows []model.APIKey
	if err := tx.Order("id DESC").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return rows, nil
}

func validKeys(tx *gorm.DB) ([]model.APIKey, error) {
	var rows []model.APIKey
	if err := tx.Where("revoked_at IS NULL").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return rows, nil
}

func lockKey(tx *gorm.DB, id int64) (*model.APIKey, error) {
	var row model.APIKey
	err := model.ForUpdate(tx).Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("lock API key %d: %w", id, err)
	}
	return &row, nil
}

func updateKey(tx *gorm.DB, k *model.APIKey) error {
	err := tx.Model(&model.APIKey{}).Where("id = ?", k.ID).Updates(map[string]any{
		"name": k.Name, "permissions": k.Permissions, "networks": k.Networks, "per_minute": k.PerMinute, "sealed_secret": k.SealedSecret,
		"sealed_old_secret": k.SealedOldSecret, "old_until": k.OldUntil, "updated_at": k.UpdatedAt,
	}).Error
	if err != nil {
		return fmt.Errorf("update API key %d: %w", k.ID, err)
	}
	return nil
}

func revoke(tx *gorm.DB, id int64, now time.Time) error {
	res := tx.Model(&model.APIKey{}).Where("id = ? AND revoked_at IS NULL", id).Updates(map[string]any{"revoked_at": now, "updated_at": now})
	if res.Error != nil {
		return fmt.Errorf("revoke API key %d: %w", id, res.Error)
	}
	if res.RowsAffected > 0 {
		return nil
	}
	var n int64
	if err := tx.Model(&model.APIKey{}).Where("id = ?", id).Count(&n).Error; err != nil {
		return fmt.Errorf("find API key %d: %w", id, err)
	}
	if n == 0 {
		return ErrNotFound
	}
	return nil
}

func noteUse(tx *gorm.DB, id int64, now time.Time) error {
	return tx.Model(&model.APIKey{}).Where("id = ?", id).Update("last_used_at", now).Error
}

// insertNonces tells of each request whether it is the first of its name.
func insertNonces(db *gorm.DB, items []model.APINonce) ([]bool, error) {
	rows := make([]*model.APINonce, len(items))
	for i := range items {
		rows[i] = &model.APINonce{APIKeyID: items[i].APIKeyID, Nonce: items[i].Nonce, ExpiresAt: items[i].ExpiresAt}
	}
	return model.InsertNew(db, rows)
}

// Prune forgets requests that are too old to be accepted again.
func (s *Service) Prune(ctx context.Context) error {
	const step = 1000
	for {
		var ids []int64
		db := s.db.WithContext(ctx)
		if err := db.Model(&model.APINonce{}).Where("expires_at < ?", s.now()).Limit(step).Pluck("id", &ids).Error; err != nil || len(ids) == 0 {
			return err
		}
		if err := db.Where("id IN ?", ids).Delete(&model.APINonce{}).Error; err != nil {
			return fmt.Errorf("prune nonces: %w", err)
		}
	}
}
