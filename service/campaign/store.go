package campaign

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func campaignByID(tx *gorm.DB, id int64) (*model.Campaign, error) {
	var row model.Campaign
	err := tx.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find campaign %d: %w", id, err)
	}
	return &row, nil
}

func lockCampaign(tx *gorm.DB, id int64) (*model.Campaign, error) {
	return campaignByID(model.ForUpdate(tx), id)
}

func campaignsBefore(tx *gorm.DB, f ListFilter) (rows []model.Campaign, err error) {
	q := tx.Order("id DESC").Limit(f.Limit)
	if f.Before != 0 {
		q = q.Where("id < ?", f.Before)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.Name != "" {
		q = q.Where("name LIKE ? ESCAPE '!'", "%"+strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(f.Name)+"%")
	}
	if err = q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list campaigns: %w", err)
	}
	return rows, nil
}

func dueCampaigns(tx *gorm.DB, now time.Time) (ids []int64, err error) {
	err = tx.Model(&model.Campaign{}).Where("next_at <= ? AND state IN ?", now, []string{StateScheduled, StateRunning}).Order("next_at").Limit(200).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("list campaigns that are due: %w", err)
	}
	return ids, nil
}

// idleCampaigns lists those that run, with no run to come and none that goes on.
func idleCampaigns(tx *gorm.DB) (ids []int64, err error) {
	err = tx.Model(&model.Campaign{}).Where("state = ? AND next_at IS NULL AND runs > 0", StateRunning).
		Where("NOT EXISTS (SELECT 1 FROM campaign_run r WHERE r.campaign_id = campaign.id AND r.state IN ?)", openStates).
		Order("id").Limit(200).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("list campaigns without work: %w", err)
	}
	return ids, nil
}

func variantsOf(tx *gorm.DB, id int64) (rows []model.CampaignVariant, err error) {
	if err = tx.Where("campaign_id = ?", id).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list variants of campaign %d: %w", id, err)
	}
	return rows, nil
}

func insertVariants(tx *gorm.DB, id int64, list []Variant) error {
	rows := make([]model.CampaignVariant, len(list))
	for i, v := range list {
		rows[i] = model.CampaignVariant{CampaignID: id, Name: v.Name, ShareBP: v.ShareBP, MessageID: v.MessageID}
	}
	if err := insert(tx, &rows); err != nil {
		return err
	}
	var coupons []model.CampaignCoupon
	for i, v := range list {
		if v.BatchID != 0 {
			coupons = append(coupons, model.CampaignCoupon{VariantID: rows[i].ID, CampaignID: id, BatchID: v.BatchID})
		}
	}
	if len(coupons) == 0 {
		return nil
	}
	return insert(tx, &coupons)
}

func deleteVariants(tx *gorm.DB, id int64) error {
	if err := tx.Where("campaign_id = ?", id).Delete(&model.CampaignCoupon{}).Error; err != nil {
		return fmt.Errorf("delete what campaign %d gives: %w", id, err)
	}
	if err := tx.Where("campaign_id = ?", id).Delete(&model.CampaignVariant{}).Error; err != nil {
		return fmt.Errorf("delete variants of campaign %d: %w", id, err)
	}
	return nil
}

func deleteCampaign(tx *gorm.DB, id int64) error {
	if err := deleteVariants(tx, id); err != nil {
		return err
	}
	if err := tx.Where("id = ?", id).Delete(&model.Campaign{}).Error; err != nil {
		return fmt.Errorf("delete campaign %d: %w", id, err)
	}
	return nil
}

func insert(tx *gorm.DB, row any) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert %T: %w", row, err)
	}
	return nil
}

// save stores all columns of a row that the caller has locked.
func save(tx *gorm.DB, row any) error {
	if err := tx.Select("*").UpdateColumns(row).Error; err != nil {
		return fmt.Errorf("save %T: %w", row, err)
	}
	return nil
}
