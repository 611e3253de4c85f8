package channel

import (
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
	"zhiyin/wecom"
)

func listTemplates(tx *gorm.DB, accountID int64) ([]model.SubscribeTemplate, error) {
	var rows []model.SubscribeTemplate
	if err := tx.Where("account_id = ? AND gone_at IS NULL", accountID).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list subscribe templates: %w", err)
	}
	return rows, nil
}

func templatesOf(tx *gorm.DB, accountID int64) (map[string]model.SubscribeTemplate, error) {
	rows, err := listTemplates(tx, accountID)
	out := make(map[string]model.SubscribeTemplate, len(rows))
	for _, r := range rows {
		out[r.TemplateID] = r
	}
	return out, err
}

// mirrorTemplates makes the rows follow the platform: what it does not list any more is gone.
func mirrorTemplates(tx *gorm.DB, accountID int64, list []wecom.SubscribeTemplate, now time.Time) error {
	ids := []string{""}
	for _, t := range list {
		ids = append(ids, t.ID)
		row := model.SubscribeTemplate{
			AccountID: accountID, TemplateID: t.ID, Title: cut(t.Title, 64), Content: t.Content, Example: t.Example, Type: t.Type, CreatedAt: now, UpdatedAt: now,
		}
		onConflict := clause.OnConflict{
			Columns:   []clause.Column{{Name: "account_id"}, {Name: "template_id"}},
			DoUpdates: clause.AssignmentColumns([]string{"title", "content", "example", "type", "gone_at", "updated_at"}),
		}
		if err := tx.Clauses(onConflict).Create(&row).Error; err != nil {
			return fmt.Errorf("keep a subscribe template: %w", err)
		}
	}
	err := tx.Model(&model.SubscribeTemplate{}).Where("account_id = ? AND gone_at IS NULL AND template_id NOT IN ?", accountID, ids).Update("gone_at", now).Error
	if err != nil {
		return fmt.Errorf("note that subscribe templates are gone: %w", err)
	}
	return nil
}

type grantKey struct {
	customer int64
	template string
}

// grantsOf lists customers' consents; of several openids of one person the one with most left.
func grantsOf(tx *gorm.DB, accountID int64, customerIDs []int64) (map[grantKey]*model.SubscribeGrant, error) {
	out := map[grantKey]*model.SubscribeGrant{}
	for part := range slices.Chunk(customerIDs, statementPart) {
		var rows []model.SubscribeGrant
		if err := tx.Where("customer_id IN ? AND account_id = ?", part, accountID).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("read consents: %w", err)
		}
		for i := range rows {
			k := grantKey{rows[i].CustomerID, rows[i].TemplateID}
			if out[k] == nil || left(&rows[i]) > left(out[k]) {
				out[k] = &rows[i]
			}
		}
	}
	return out, nil
}

const granted = "CASE WHEN by_client > by_event THEN by_client ELSE by_event END"

// takeGrant uses up one consent and tells whether there was one.
func takeGrant(tx *gorm.DB, id int64, now time.Time) (bool, error) {
	res := tx.Model(&model.SubscribeGrant{}).Where("id = ? AND used < "+granted, id).
		Updates(map[string]any{"used": gorm.Expr("used + 1"), "updated_at": now})
	if res.Error != nil {
		return false, fmt.Errorf("take a consent: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

// giveGrant returns a consent that was not used after all.
func giveGrant(tx *gorm.DB, id int64, now time.Time) error {
	err := tx.Model(&model.SubscribeGrant{}).Where("id = ? AND used > 0", id).Updates(map[string]any{"used": gorm.Expr("used - 1"), "updated_at": now}).Error
	if err != nil {
		return fmt.Errorf("return a consent: %w", err)
	}
	return nil
}

// spendGrants follows the platform, which knows of no consent.
func spendGrants(tx *gorm.DB, id int64, now time.Time) error {
	if err := tx.Model(&model.SubscribeGrant{}).Where("id = ?", id).Updates(spent(now)).Error; err != nil {
		return fmt.Errorf("spend consents: %w", err)
	}
	return nil
}

// spent makes the counts begin anew: whatever is told from now on is a new consent.
func spent(now time.Time) map[string]any {
	return map[string]any{"by_client": 0, "by_event": 0, "used": 0, "updated_at": now}
}

// countConsent counts one yes, or notes a no.
func countConsent(tx *gorm.DB, row model.SubscribeGrant, accepted bool, column string) error {
	columns := map[string]any{"updated_at": row.UpdatedAt}
	if row.CustomerID != 0 {
		columns["customer_id"] = row.CustomerID
	}
	if accepted {
		columns[column] = gorm.Expr("subscribe_grant." + column + " + 1")
		if column == "by_client" {
			row.ByClient = 1
		} else {
			row.ByEvent = 1
		}
	} else {
		at := row.UpdatedAt
		columns["refused_at"], row.RefusedAt = at, &at
	}
	onConflict := clause.OnConflict{
		Columns:   []clause.Column{{Name: "account_id"}, {Name: "openid"}, {Name: "template_id"}},
		DoUpdates: clause.Assignments(columns),
	}
	if err := tx.Clauses(onConflict).Create(&row).Error; err != nil {
		return fmt.Errorf("count a consent: %w", err)
	}
	return nil
}

func withdrawConsents(tx *gorm.DB, accountID int64, openID, templateID string, now time.Time) error {
	columns := spent(now)
	columns["refused_at"] = now
	err := tx.Model(&model.SubscribeGrant{}).Where("account_id = ? AND openid = ? AND template_id = ?", accountID, openID, templateID).Updates(columns).Error
	if err != nil {
		return fmt.Errorf("take consents away: %w", err)
	}
	return nil
}

// customerOfOpenID finds who an openid is; 0: nobody known.
func customerOfOpenID(tx *gorm.DB, appID, openID string) (int64, error) {
	var ids []int64
	err := tx.Model(&model.Identity{}).Where("kind = 'openid' AND scope = ? AND value = ?", appID, openID).Limit(1).Pluck("customer_id", &ids).Error
	if err != nil {
		return 0, fmt.Errorf("find whose openid it is: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	return ids[0], nil
}
