package outreach

import (
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

// dueLaneIDs lists lanes with due deliveries; MySQL reads one entry of the index per lane.
func dueLaneIDs(db *gorm.DB, now time.Time) (ids []int64, err error) {
	var rows []struct {
		LaneID int64
		First  string
	}
	err = db.Raw("SELECT lane_id, MIN(due_at) AS first FROM delivery WHERE shelf = ? GROUP BY shelf, lane_id", shelfPlanned).Scan(&rows).Error
	for _, r := range rows {
		if at, bad := readTime(r.First); bad != nil || !at.After(now) {
			ids = append(ids, r.LaneID)
		}
	}
	return ids, err
}

// readTime reads a time as the result of an expression, which has no type of its own in SQLite.
func readTime(text string) (at time.Time, err error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999"} {
		if at, err = time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return at, err
}

func putPause(db *gorm.DB, p model.DeliveryPause) error {
	return db.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "subject"}}, DoUpdates: clause.AssignmentColumns([]string{"reason", "paused_by", "until", "created_at"}),
	}).Create(&p).Error
}

func dropPause(db *gorm.DB, subject string) error {
	return db.Exec("DELETE FROM delivery_pause WHERE subject = ?", subject).Error
}

func dropPauseRow(db *gorm.DB, id int64) (bool, error) {
	res := db.Exec("DELETE FROM delivery_pause WHERE id = ?", id)
	return res.RowsAffected > 0, res.Error
}

func pauses(db *gorm.DB, now time.Time) (rows []model.DeliveryPause, err error) {
	err = db.Where("until IS NULL OR until > ?", now).Order("id").Find(&rows).Error
	return rows, err
}
