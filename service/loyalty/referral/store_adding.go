package referral

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

func addingOf(tx *gorm.DB, programmeIDs []int64) (rows []model.ReferralAdding, err error) {
	err = tx.Where("programme_id IN ?", programmeIDs).Find(&rows).Error
	return rows, wrap(err, "read how invitations lead to staff")
}

// writeAdding sets how the invitations of a programme lead to staff; what is used stays.
func writeAdding(tx *gorm.DB, programmeID int64, a *Adding) error {
	if a == nil {
		return wrap(tx.Where("programme_id = ?", programmeID).Delete(&model.ReferralAdding{}).Error, "have invitations lead to staff no more")
	}
	used, err := countWays(tx, programmeID) // of a time before, when they led there too
	if err != nil {
		return err
	}
	err = tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "programme_id"}},
		DoUpdates: clause.Assignments(map[string]any{"channel_code_id": a.ChannelCodeID, "most": a.Most, "keep_days": a.KeepDays}),
	}).Create(&model.ReferralAdding{ProgrammeID: programmeID, ChannelCodeID: a.ChannelCodeID, Most: a.Most, KeepDays: a.KeepDays, Used: used}).Error
	return wrap(err, "have invitations lead to staff")
}

// waysThatLive are the contact ways of inviters that are not deleted.
func waysThatLive(tx *gorm.DB) *gorm.DB {
	return tx.Table("referral_way AS w").Joins("JOIN channel_code c ON c.id = w.id AND c.gone_at IS NULL")
}

func countWays(tx *gorm.DB, programmeID int64) (n int64, err error) {
	return n, wrap(waysThatLive(tx).Where("w.programme_id = ?", programmeID).Count(&n).Error, "count contact ways")
}

// liveWay gives the contact way of an inviter's code; 0: there is none.
func liveWay(tx *gorm.DB, codeID int64) (int64, error) {
	var ids []int64
	err := waysThatLive(tx).Where("w.code_id = ?", codeID).Order("w.id").Limit(1).Pluck("w.id", &ids).Error
	if err != nil || len(ids) == 0 {
		return 0, wrap(err, "find the contact way of a code")
	}
	return ids[0], nil
}

func liveWays(tx *gorm.DB, programmeID, after int64, limit int) (ids []int64, err error) {
	err = waysThatLive(tx).Where("w.programme_id = ? AND w.id > ?", programmeID, after).Order("w.id").Limit(limit).Pluck("w.id", &ids).Error
	return ids, wrap(err, "list contact ways")
}

func programmesWithWays(tx *gorm.DB) (ids []int64, err error) {
	err = tx.Model(&model.ReferralWay{}).Distinct().Order("programme_id").Pluck("programme_id", &ids).Error
	return ids, wrap(err, "list programmes with contact ways")
}

// takeWay takes room for one more contact way; there is false when the programme has no more.
func takeWay(tx *gorm.DB, programmeID int64) (there bool, err error) {
	res := tx.Model(&model.ReferralAdding{}).Where("programme_id = ? AND used < most", programmeID).UpdateColumn("used", gorm.Expr("used + 1"))
	return res.RowsAffected == 1, wrap(res.Error, "take a contact way")
}

func giveWayBack(tx *gorm.DB, programmeID int64) error {
	err := tx.Model(&model.ReferralAdding{}).Where("programme_id = ? AND used > 0", programmeID).UpdateColumn("used", gorm.Expr("used - 1")).Error
	return wrap(err, "give a contact way back")
}

func insertWay(tx *gorm.DB, row *model.ReferralWay) error {
	return wrap(tx.Create(row).Error, "insert a contact way")
}

// lockCode takes the turn of a code.
func lockCode(tx *gorm.DB, id int64) error {
	var found model.ReferralCode
	return wrap(model.ForUpdate(tx).Select("id").Where("id = ?", id).Take(&found).Error, "lock a code")
}

// codesByState finds inviters' codes by the keys of their contact ways, deleted ones included; other keys stay nil.
func codesByState(tx *gorm.DB, by map[string]*model.ReferralCode) error {
	states := make([]string, 0, len(by))
	for state := range by {
		states = append(states, state)
	}
	if len(states) == 0 {
		return nil
	}
	var rows []struct {
		model.ReferralCode
		State string
	}
	err := tx.Table("channel_code AS c").Select("code.*, c.state").Joins("JOIN referral_way w ON w.id = c.id").Joins("JOIN referral_code code ON code.id = w.code_id").
		Where("c.state IN ?", states).Scan(&rows).Error
	if err != nil {
		return fmt.Errorf("find codes by the keys of contact ways: %w", err)
	}
	for i := range rows {
		by[rows[i].State] = &rows[i].ReferralCode
	}
	return nil
}
