package outreach

import (
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

const operated = "SELECT id, lane_id, customer_id, state FROM delivery WHERE "

func failedIn(tx *gorm.DB, lane, after int64, classes []string, limit int) (rows []model.Delivery, err error) {
	err = tx.Raw(operated+"shelf = ? AND lane_id = ? AND id > ? AND class IN ? ORDER BY id LIMIT ?", Failed.shelf(), lane, after, classes, limit).Scan(&rows).Error
	return rows, err
}

func plannedIn(tx *gorm.DB, lane, after int64, limit int) (rows []model.Delivery, err error) {
	err = tx.Raw(operated+"shelf = ? AND lane_id = ? AND id > ? ORDER BY id LIMIT ?", shelfPlanned, lane, after, limit).Scan(&rows).Error
	return rows, err
}

// outlivedIn lists planned deliveries that have lost their sense.
func outlivedIn(tx *gorm.DB, lane, after int64, now time.Time, limit int) (rows []model.Delivery, err error) {
	err = tx.Raw(operated+"shelf = ? AND lane_id = ? AND id > ? AND expires_at <= ? ORDER BY id LIMIT ?", shelfPlanned, lane, after, now, limit).Scan(&rows).Error
	return rows, err
}

func plannedFor(tx *gorm.DB, source string, sourceID, customerID int64, occurrence string) (rows []model.Delivery, err error) {
	q := model.ForUpdate(tx).Select("id", "lane_id", "customer_id", "state").
		Where("customer_id = ? AND source = ? AND source_id = ? AND shelf = ?", customerID, source, sourceID, shelfPlanned)
	if occurrence != "" {
		q = q.Where("occurrence = ?", occurrence)
	}
	err = q.Order("id").Find(&rows).Error
	return rows, err
}

// moveState brings deliveries, by their sorted ids, from one state to another, whoever claimed them; those in another by now are left.
func moveState(tx *gorm.DB, ids []int64, from State, ch change, now time.Time) (n int64, err error) {
	for part := range slices.Chunk(ids, idsAtOnce) {
		set, args := setOf(ch, from, part, nil, now)
		cond, of := within(part)
		res := tx.Exec("UPDATE delivery SET "+set+" WHERE "+cond+" AND state = ?", slices.Concat(args, of, []any{from})...)
		if res.Error != nil {
			return n, res.Error
		}
		n += res.RowsAffected
	}
	return n, nil
}
