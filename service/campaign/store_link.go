package campaign

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

// linkByCode finds a link that leads somewhere on the web.
func linkByCode(tx *gorm.DB, code string) (*model.ShortLink, error) {
	var row model.ShortLink
	err := tx.Where("code = ? AND kind = ? AND gone_at IS NULL", code, LinkWeb).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNoLink
	}
	if err != nil {
		return nil, fmt.Errorf("find a short link: %w", err)
	}
	return &row, nil
}

func linksOf(tx *gorm.DB, campaignID int64) (rows []LinkVisits, err error) {
	err = tx.Model(&model.ShortLink{}).Select("short_link.*, COALESCE((SELECT SUM(d.visits) FROM short_link_day d WHERE d.link_id = short_link.id), 0) AS visits").
		Where("campaign_id = ?", campaignID).Order("id").Limit(500).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list links of campaign %d: %w", campaignID, err)
	}
	return rows, nil
}

func endLink(tx *gorm.DB, id int64, now time.Time) error {
	res := tx.Model(&model.ShortLink{}).Where("id = ?", id).UpdateColumn("gone_at", gorm.Expr("COALESCE(gone_at, ?)", now))
	if res.Error != nil {
		return fmt.Errorf("end short link %d: %w", id, res.Error)
	}
	if res.RowsAffected > 0 {
		return nil
	}
	// MySQL does not count a row that has the value already.
	err := tx.Where("id = ?", id).Take(&model.ShortLink{}).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return ErrNoLink
	}
	return err
}

func countVisit(tx *gorm.DB, linkID int64, day int) error {
	err := tx.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "link_id"}, {Name: "day"}}, DoUpdates: clause.Assignments(map[string]any{"visits": gorm.Expr("short_link_day.visits + 1")}),
	}).Create(&model.ShortLinkDay{LinkID: linkID, Day: day, Visits: 1}).Error
	if err != nil {
		return fmt.Errorf("count a visit of link %d: %w", linkID, err)
	}
	return nil
}

// dayNumber is a day as yyyymmdd.
func dayNumber(t time.Time) int { return t.Year()*10000 + int(t.Month())*100 + t.Day() }
