package outreach

import (
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// ofCustomer reads a customer's deliveries, the newest first.
func ofCustomer(db *gorm.DB, f Filter) (rows []model.Delivery, err error) {
	q := db.Where("customer_id = ?", f.CustomerID)
	if f.After.ID != 0 {
		q = q.Where("id < ?", f.After.ID)
	}
	if f.Source != "" {
		q = q.Where("source = ?", f.Source)
	}
	if f.SourceID != 0 {
		q = q.Where("source_id = ?", f.SourceID)
	}
	if f.Channel != "" || f.StaffID != 0 {
		q = q.Where("lane_id IN (?)", lanesQuery(db, f).Select("id"))
	}
	err = narrowed(q, f, f.States).Order("id DESC").Limit(f.Limit).Find(&rows).Error
	return rows, err
}

// onShelf reads deliveries of some lanes, which ascend, in the order of the index.
func onShelf(db *gorm.DB, shelf int8, lanes []int64, states []State, f Filter, limit int) (rows []model.Delivery, err error) {
	q := db.Where("shelf = ? AND lane_id IN ?", shelf, lanes)
	if at := f.After; shelf == at.Shelf && at.ID != 0 {
		q = q.Where("lane_id >= ? AND (lane_id > ? OR due_at > ? OR due_at = ? AND id > ?)", at.LaneID, at.LaneID, at.DueAt, at.DueAt, at.ID)
	}
	err = narrowed(q, f, states).Order("lane_id, due_at, id").Limit(limit).Find(&rows).Error
	return rows, err
}

func narrowed(q *gorm.DB, f Filter, states []State) *gorm.DB {
	if len(states) > 0 {
		q = q.Where("state IN ?", states)
	}
	if f.Step != "" {
		q = q.Where("step = ?", f.Step)
	}
	if f.Reason != "" {
		q = q.Where("reason = ?", f.Reason)
	}
	return q
}

func lanesQuery(db *gorm.DB, f Filter) *gorm.DB {
	q := db.Session(&gorm.Session{NewDB: true}).Model(&model.DeliveryLane{})
	if f.Source != "" {
		q = q.Where("source = ?", f.Source)
	}
	if f.SourceID != 0 {
		q = q.Where("source_id = ?", f.SourceID)
	}
	if f.Step != "" {
		q = q.Where("step = ?", f.Step)
	}
	if f.Channel != "" {
		q = q.Where("channel = ?", f.Channel)
	}
	if f.StaffID != 0 {
		q = q.Where("staff_id = ?", f.StaffID)
	}
	return q
}

// lanesWith lists, in their order, lanes that have deliveries in some of these states, as far as the counts say.
func lanesWith(db *gorm.DB, f Filter, states []State) (ids []int64, err error) {
	if f.Source != "" {
		err = lanesQuery(db, f).Order("id").Pluck("id", &ids).Error
		if err != nil || len(ids) <= 20 {
			return ids, err
		}
	}
	q := db.Model(&model.DeliveryTally{}).Select("lane_id").Where("state IN ?", states)
	if f.Source != "" || f.Channel != "" || f.StaffID != 0 || f.SourceID != 0 {
		q = q.Where("lane_id IN (?)", lanesQuery(db, f).Select("id"))
	}
	ids = nil
	err = q.Group("lane_id").Having("SUM(changed) <> 0").Order("lane_id").Scan(&ids).Error
	return ids, err
}

func totals(db *gorm.DB, source string, sourceID int64) (rows []Total, err error) {
	err = db.Raw(`SELECT l.step, l.channel, l.account_id, l.staff_id, t.state, SUM(t.changed) AS n FROM delivery_lane l
		JOIN delivery_tally t ON t.lane_id = l.id WHERE l.source = ? AND l.source_id = ?
		GROUP BY l.step, l.channel, l.account_id, l.staff_id, t.state HAVING SUM(t.changed) <> 0
		ORDER BY l.step, l.channel, l.account_id, l.staff_id, t.state`, source, sourceID).Scan(&rows).Error
	return rows, err
}

func statesOf(db *gorm.DB, source string, sourceID int64, step, occurrence string, customerIDs []int64) (map[int64]State, error) {
	found := make(map[int64]State, len(customerIDs))
	for part := range slices.Chunk(customerIDs, idsAtOnce) {
		var rows []struct {
			CustomerID int64
			State      State
		}
		err := db.Raw("SELECT customer_id, state FROM delivery WHERE source = ? AND source_id = ? AND step = ? AND customer_id IN ? AND occurrence = ?",
			source, sourceID, step, part, occurrence).Scan(&rows).Error
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			found[r.CustomerID] = r.State
		}
	}
	return found, nil
}

func callByPlatformID(db *gorm.DB, channel, platformID string) (*model.DeliveryCall, error) {
	var row model.DeliveryCall
	err := db.Where("channel = ? AND platform_id = ?", channel, platformID).Order("id DESC").Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	return &row, err
}

func settledCalls(db *gorm.DB, channel string, since time.Time, after int64, limit int) (rows []model.DeliveryCall, err error) {
	err = db.Where("channel = ? AND platform_id <> '' AND id > ? AND began_at >= ?", channel, after, since).Order("id").Limit(limit).Find(&rows).Error
	return rows, err
}

func waiting(db *gorm.DB, channel string, accountID int64, states []State) (n int64, err error) {
	err = db.Raw(`SELECT COALESCE(SUM(t.changed), 0) FROM delivery_lane l JOIN delivery_tally t ON t.lane_id = l.id
		WHERE l.channel = ? AND l.account_id = ? AND t.state IN ?`, channel, accountID, states).Scan(&n).Error
	return n, err
}
