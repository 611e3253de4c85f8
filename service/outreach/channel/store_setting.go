package channel

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

func allSettings(tx *gorm.DB) (map[settingKey]model.ChannelSetting, error) {
	var rows []model.ChannelSetting
	if err := tx.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read channel settings: %w", err)
	}
	out := make(map[settingKey]model.ChannelSetting, len(rows))
	for _, r := range rows {
		out[settingKey{r.Channel, r.AccountID}] = r
	}
	return out, nil
}

// writeSetting puts a row in the place of the one that is there, whose secret stays unless there is a new one.
func writeSetting(tx *gorm.DB, row *model.ChannelSetting, secret bool) error {
	columns := []string{"settings", "enabled", "updated_by", "updated_at"}
	if secret {
		columns = append(columns, "sealed_secret")
	}
	onConflict := clause.OnConflict{Columns: []clause.Column{{Name: "channel"}, {Name: "account_id"}}, DoUpdates: clause.AssignmentColumns(columns)}
	if err := tx.Clauses(onConflict).Create(row).Error; err != nil {
		return fmt.Errorf("keep settings of %s: %w", row.Channel, err)
	}
	return nil
}
