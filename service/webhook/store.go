package webhook

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func all(tx *gorm.DB) ([]model.Webhook, error) {
	var rows []model.Webhook
	if err := tx.Order("id DESC").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	return rows, nil
}

// enabled lists those that are switched on, suspended ones included.
func enabled(tx *gorm.DB) ([]model.Webhook, error) {
	var rows []model.Webhook
	if err := tx.Where("enabled = ?", true).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	return rows, nil
}

func insert(tx *gorm.DB, w *model.Webhook) error {
	if err := tx.Create(w).Error; err != nil {
		return fmt.Errorf("insert webhook: %w", err)
	}
	return nil
}

func update(tx *gorm.DB, w *model.Webhook) error {
	err := tx.Model(&model.Webhook{}).Where("id = ?", w.ID).Updates(map[string]any{
		"name": w.Name, "url": w.URL, "kinds": w.Kinds, "sealed_secret": w.SealedSecret, "sealed_old_secret": w.SealedOldSecret,
		"old_until": w.OldUntil, "enabled": w.Enabled, "failing_since": w.FailingSince, "suspended_at": w.SuspendedAt, "updated_at": w.UpdatedAt,
	}).Error
	if err != nil {
		return fmt.Errorf("update webhook %d: %w", w.ID, err)
	}
	return nil
}

func find(tx *gorm.DB, id int64) (*model.Webhook, error) {
	var w model.Webhook
	err := tx.Where("id = ?", id).Take(&w).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find webhook %d: %w", id, err)
	}
	return &w, nil
}

func lock(tx *gorm.DB, id int64) (*model.Webhook, error) { return find(model.ForUpdate(tx), id) }

func remove(tx *gorm.DB, id int64) error {
	res := tx.Where("id = ?", id).Delete(&model.Webhook{})
	if res.Error != nil {
		return fmt.Errorf("delete webhook %d: %w", id, res.Error)
	}
	if res.RowsAffected == 0 {
		return ErrNotFound
	}
	return nil
}

// works notes that something has reached a webhook.
func works(tx *gorm.DB, id int64) error {
	return tx.Model(&model.Webhook{}).Where("id = ? AND failing_since IS NOT NULL", id).Update("failing_since", nil).Error
}

// fails notes that something has not reached a webhook, and tells since when nothing has; zero when it is gone.
func fails(tx *gorm.DB, id int64, now time.Time) (since time.Time, err error) {
	if err := tx.Model(&model.Webhook{}).Where("id = ? AND failing_since IS NULL", id).Update("failing_since", now).Error; err != nil {
		return since, err
	}
	w, err := find(tx, id)
	if errors.Is(err, ErrNotFound) {
		return since, nil
	}
	if err != nil || w.FailingSince == nil {
		return since, err
	}
	return *w.FailingSince, nil
}

func suspend(tx *gorm.DB, id int64, now time.Time) error {
	return tx.Model(&model.Webhook{}).Where("id = ? AND suspended_at IS NULL", id).Update("suspended_at", now).Error
}

// delivery finds a delivery and its webhook; each is nil when it is gone.
func delivery(tx *gorm.DB, id int64) (*model.WebhookDelivery, *model.Webhook, error) {
	var d model.WebhookDelivery
	err := tx.Where("id = ?", id).Take(&d).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find delivery %d: %w", id, err)
	}
	w, err := find(tx, d.WebhookID)
	if errors.Is(err, ErrNotFound) {
		return &d, nil, nil
	}
	return &d, w, err
}

// fact finds a fact; nil when it is no longer kept.
func fact(tx *gorm.DB, id int64) (*model.Event, error) {
	var rows []model.Event
	if err := tx.Where("id = ?", id).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find fact %d: %w", id, err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &rows[0], nil
}

func insertAttempt(tx *gorm.DB, a *model.WebhookAttempt) error {
	if err := tx.Create(a).Error; err != nil {
		return fmt.Errorf("insert attempt: %w", err)
	}
	return nil
}

// tried writes what a try did to a delivery, unless somebody else has ended it meanwhile.
func tried(tx *gorm.DB, id int64, a *model.WebhookAttempt, state string, now time.Time) error {
	columns := map[string]any{"attempts": a.Number, "last_status": a.Status, "state": state}
	if state != StatePending {
		columns["ended_at"] = now
	}
	return tx.Model(&model.WebhookDelivery{}).Where("id = ? AND state = ?", id, StatePending).Updates(columns).Error
}

// move takes a delivery from one state to another, if it is still in that one.
func move(tx *gorm.DB, id int64, from, to string, now time.Time) error {
	return tx.Model(&model.WebhookDelivery{}).Where("id = ? AND state = ?", id, from).Updates(map[string]any{"state": to, "ended_at": now}).Error
}

// reopen makes a delivery pending, if it is still in the state.
func reopen(tx *gorm.DB, id int64, from string) (bool, error) {
	res := tx.Model(&model.WebhookDelivery{}).Where("id = ? AND state = ?", id, from).Updates(map[string]any{"state": StatePending, "ended_at": nil})
	return res.RowsAffected > 0, res.Error
}

func held(tx *gorm.DB, webhookID int64, limit int) ([]int64, error) {
	var ids []int64
	err := tx.Model(&model.WebhookDelivery{}).Where("webhook_id = ? AND state = ?", webhookID, StateHeld).Order("id").Limit(limit).Pluck("id", &ids).Error
	return ids, err
}

func deliveries(tx *gorm.DB, webhookID int64, state string, before int64, limit int) ([]model.WebhookDelivery, error) {
	q := tx.Where("webhook_id = ?", webhookID)
	if state != "" {
		q = q.Where("state = ?", state)
	}
	if before > 0 {
		q = q.Where("id < ?", before)
	}
	var rows []model.WebhookDelivery
	if err := q.Order("id DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return rows, nil
}

func attempts(tx *gorm.DB, deliveryID int64) ([]model.WebhookAttempt, error) {
	var rows []model.WebhookAttempt
	if err := tx.Where("delivery_id = ?", deliveryID).Order("number, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list attempts: %w", err)
	}
	return rows, nil
}

// prune deletes some old deliveries with their tries and tells how many.
func prune(tx *gorm.DB, before time.Time, limit int) (int, error) {
	var ids []int64
	err := tx.Model(&model.WebhookDelivery{}).Where("created_at < ?", before).Limit(limit).Pluck("id", &ids).Error
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if err := tx.Where("delivery_id IN ?", ids).Delete(&model.WebhookAttempt{}).Error; err != nil {
		return 0, err
	}
	return len(ids), tx.Where("id IN ?", ids).Delete(&model.WebhookDelivery{}).Error
}
