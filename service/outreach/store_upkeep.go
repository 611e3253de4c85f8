package outreach

import (
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func laneIDsAfter(db *gorm.DB, after int64, limit int) (ids []int64, err error) {
	err = db.Model(&model.DeliveryLane{}).Where("id > ?", after).Order("id").Limit(limit).Pluck("id", &ids).Error
	return ids, err
}

// tallyDrift tells by how much the counts of a lane exceed its rows, by state. It is one statement, which sees one moment.
func tallyDrift(tx *gorm.DB, laneID int64) (map[State]int64, error) {
	shelves := []int8{shelfPlanned, shelfGoing, Failed.shelf(), Suppressed.shelf(), Expired.shelf(), Cancelled.shelf(), InDoubt.shelf()}
	var rows []struct {
		State State
		N     int64
	}
	err := tx.Raw(`SELECT state, SUM(n) AS n FROM (
		SELECT state, changed AS n FROM delivery_tally WHERE lane_id = ?
		UNION ALL SELECT state, -COUNT(*) AS n FROM delivery WHERE shelf IN ? AND lane_id = ? GROUP BY state
	) both_sides GROUP BY state HAVING SUM(n) <> 0`, laneID, shelves, laneID).Scan(&rows).Error
	off := make(map[State]int64, len(rows))
	for _, r := range rows {
		off[r.State] = r.N
	}
	return off, err
}

func lanesToFold(db *gorm.DB, from int) (ids []int64, err error) {
	err = db.Raw("SELECT lane_id FROM delivery_tally GROUP BY lane_id HAVING COUNT(*) >= ? ORDER BY lane_id LIMIT 1000", from).Scan(&ids).Error
	return ids, err
}

// foldTally puts one change a state in the place of those that are there now; what is added meanwhile stays beside it.
func foldTally(tx *gorm.DB, laneID int64) error {
	var rows []model.DeliveryTally
	if err := model.ForUpdate(tx).Where("lane_id = ?", laneID).Order("id").Limit(10_000).Find(&rows).Error; err != nil {
		return err
	}
	var t tally
	ids := make([]int64, len(rows))
	for i, r := range rows {
		t.add(laneID, State(r.State), r.Changed)
		ids[i] = r.ID
	}
	for len(ids) > 0 {
		n := min(idsAtOnce, len(ids))
		if err := tx.Exec("DELETE FROM delivery_tally WHERE id IN ?", ids[:n]).Error; err != nil {
			return err
		}
		ids = ids[n:]
	}
	return t.writeTx(tx)
}

func pruneCalls(db *gorm.DB, before time.Time, limit int) (int64, error) {
	var ids []int64
	err := db.Model(&model.DeliveryCall{}).Where("began_at < ? AND state = ?", before, callSettled).Order("id").Limit(limit).Pluck("id", &ids).Error
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	res := db.Exec("DELETE FROM delivery_call WHERE id IN ?", ids)
	return res.RowsAffected, res.Error
}

// oldDeliveries lists the oldest deliveries, as far as they were made before a time and are over.
func oldDeliveries(tx *gorm.DB, before time.Time, limit int) (rows []model.Delivery, err error) {
	err = model.ForUpdate(tx).Select("id", "lane_id", "state").Where("created_at < ? AND state NOT IN ?", before, []State{Planned, Claimed, InDoubt}).
		Order("id").Limit(limit).Find(&rows).Error
	return rows, err
}

func deleteDeliveries(tx *gorm.DB, ids []int64) error {
	for len(ids) > 0 {
		n := min(idsAtOnce, len(ids))
		if err := tx.Exec("DELETE FROM delivery WHERE id IN ?", ids[:n]).Error; err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
