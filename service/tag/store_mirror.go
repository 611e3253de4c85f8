package tag

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// saveMirror writes what is wanted of a local tag or group. What was said of single tags is forgotten when
// the group is switched.
func saveMirror(tx *gorm.DB, want model.TagMirror) error {
	of := tx.Where("account_id = ? AND group_id = ?", want.AccountID, want.GroupID)
	if want.TagID != 0 {
		of = of.Where("tag_id = ?", want.TagID)
	}
	if err := of.Delete(&model.TagMirror{}).Error; err != nil {
		return fmt.Errorf("forget mirror: %w", err)
	}
	if err := tx.Create(&want).Error; err != nil {
		return fmt.Errorf("save mirror: %w", err)
	}
	return nil
}

// mirrorWishes gives what is wanted of a local group in an account, by tag; 0 is the group.
func mirrorWishes(tx *gorm.DB, accountID, groupID int64) (map[int64]model.TagMirror, error) {
	var rows []model.TagMirror
	if err := tx.Where("account_id = ? AND group_id = ?", accountID, groupID).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find mirrors: %w", err)
	}
	out := make(map[int64]model.TagMirror, len(rows))
	for _, r := range rows {
		out[r.TagID] = r
	}
	return out, nil
}

// mirroringAccounts gives the accounts that mirror something of a local group; of all groups when it is 0.
func mirroringAccounts(tx *gorm.DB, groupID int64) (ids []int64, err error) {
	err = tx.Model(&model.TagMirror{}).Distinct("account_id").Where("group_id = ?", groupID).Order("account_id").Pluck("account_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find mirroring accounts: %w", err)
	}
	return ids, nil
}

func mirroredGroups(tx *gorm.DB) (ids []int64, err error) {
	if err = tx.Model(&model.TagMirror{}).Distinct("group_id").Order("group_id").Pluck("group_id", &ids).Error; err != nil {
		return nil, fmt.Errorf("find mirrored groups: %w", err)
	}
	return ids, nil
}

// mirrorsOf gives the live groups or tags of an account that mirror these, but for those on their way out.
func mirrorsOf(tx *gorm.DB, kind string, accountID int64, localIDs []int64) ([]*item, error) {
	var rows []*item
	err := model.ForUpdate(tx).Table(Ref{Kind: kind}.table()).
		Where("account_id = ? AND mirror_of IN ? AND gone_at IS NULL AND sync_state <> ?", accountID, localIDs, Deleting).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find mirrors of %ss: %w", kind, err)
	}
	return rows, nil
}

// mirrorTagsIn gives the tags of a mirroring group that mirror something, but for those on their way out.
func mirrorTagsIn(tx *gorm.DB, groupID int64) ([]*item, error) {
	var rows []*item
	err := model.ForUpdate(tx).Table("tag").Where("group_id = ? AND mirror_of <> 0 AND gone_at IS NULL AND sync_state <> ?", groupID, Deleting).
		Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find mirrors in group %d: %w", groupID, err)
	}
	return rows, nil
}

func countCorpTags(tx *gorm.DB, accountID int64) (n int64, err error) {
	err = tx.Model(&model.Tag{}).Where("account_id = ? AND gone_at IS NULL AND (platform_id IS NOT NULL OR sync_state <> ?)", accountID, Failed).Count(&n).Error
	if err != nil {
		return 0, fmt.Errorf("count tags: %w", err)
	}
	return n, nil
}

// grantedAfter gives the next customers, by row id, to whom a tag is granted.
func grantedAfter(tx *gorm.DB, tagID, after int64, limit int) (ids []int64, err error) {
	err = tx.Model(&model.TagGrant{}).Distinct("customer_id").Where("tag_id = ? AND customer_id > ?", tagID, after).
		Order("customer_id").Limit(limit).Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find who was granted tag %d: %w", tagID, err)
	}
	return ids, nil
}
