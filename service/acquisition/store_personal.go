package acquisition

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// notPersonal leaves out the codes that belong to one person.
const notPersonal = "NOT EXISTS (SELECT 1 FROM personal_code WHERE personal_code.id = channel_code.id)"

// patternByID finds a channel code that personal codes may follow.
func patternByID(tx *gorm.DB, id int64) (*model.ChannelCode, error) {
	row, err := take[model.ChannelCode](tx.Where("id = ? AND gone_at IS NULL AND "+notPersonal, id))
	if row == nil && err == nil {
		err = ErrCodeNotFound
	}
	return row, err
}

func insertPersonal(tx *gorm.DB, code *model.ChannelCode, patternID int64) error {
	if err := tx.Create(code).Error; err != nil {
		return fmt.Errorf("insert a personal code: %w", err)
	}
	if err := tx.Create(&model.PersonalCode{ID: code.ID, PatternID: patternID}).Error; err != nil {
		return fmt.Errorf("insert a personal code: %w", err)
	}
	return nil
}

// patternsOf gives, for each code by its id, the one whose settings hold for it: of a personal code its pattern, of others
// themselves.
func patternsOf(tx *gorm.DB, codes []model.ChannelCode) (map[int64]*model.ChannelCode, error) {
	ids, out := make([]int64, len(codes)), make(map[int64]*model.ChannelCode, len(codes))
	for i := range codes {
		ids[i], out[codes[i].ID] = codes[i].ID, &codes[i]
	}
	var personal []model.PersonalCode
	if err := tx.Where("id IN ?", ids).Find(&personal).Error; err != nil {
		return nil, fmt.Errorf("find personal codes: %w", err)
	}
	if len(personal) == 0 {
		return out, nil
	}
	wanted := make([]int64, len(personal))
	for i, p := range personal {
		wanted[i] = p.PatternID
	}
	var rows []model.ChannelCode
	if err := tx.Where("id IN ?", wanted).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find the patterns of personal codes: %w", err)
	}
	byID := make(map[int64]*model.ChannelCode, len(rows))
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	for _, p := range personal {
		out[p.ID] = byID[p.PatternID]
	}
	return out, nil
}

func patternOf(tx *gorm.DB, code *model.ChannelCode) (*model.ChannelCode, error) {
	patterns, err := patternsOf(tx, []model.ChannelCode{*code})
	return patterns[code.ID], err
}

func endPersonal(tx *gorm.DB, id int64, now time.Time) (bool, error) {
	res := tx.Model(&model.ChannelCode{}).Where("id = ? AND gone_at IS NULL AND EXISTS (SELECT 1 FROM personal_code p WHERE p.id = ?)", id, id).
		UpdateColumns(map[string]any{"gone_at": now, "enabled": false, "updated_at": now})
	if res.Error != nil {
		return false, fmt.Errorf("end personal code %d: %w", id, res.Error)
	}
	return res.RowsAffected == 1, nil
}

// forsakenCodes lists personal codes whose pattern is gone.
func forsakenCodes(tx *gorm.DB, limit int) (ids []int64, err error) {
	err = tx.Table("personal_code AS p").Joins("JOIN channel_code o ON o.id = p.pattern_id AND o.gone_at IS NOT NULL").
		Joins("JOIN channel_code c ON c.id = p.id AND c.gone_at IS NULL").Order("p.id").Limit(limit).Pluck("p.id", &ids).Error
	return ids, err
}

// followingCodes lists personal codes that the platform has, and whose pattern is not switched off.
func followingCodes(tx *gorm.DB, after int64, limit int) (list []model.ChannelCode, err error) {
	err = tx.Where("id > ? AND config_id <> '' AND gone_at IS NULL", after).
		Where("id IN (?)", tx.Table("personal_code AS p").Select("p.id").Joins("JOIN channel_code o ON o.id = p.pattern_id AND o.enabled = ?", true)).
		Where("account_id IN (?)", tx.Model(&model.Account{}).Select("id").Where("enabled = ?", true)).
		Order("id").Limit(limit).Find(&list).Error
	return list, err
}
