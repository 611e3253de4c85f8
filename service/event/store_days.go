package event

import (
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// setDays makes counts what they should be.
func setDays(tx *gorm.DB, days []*model.EventDay) error {
	for _, d := range days {
		err := tx.Model(&model.EventDay{}).Where("customer_id = ? AND kind = ? AND item = ? AND day = ?", d.CustomerID, d.Kind, d.Item, d.Day).
			Updates(map[string]any{"times": d.Times, "value": d.Value, "first_at": d.FirstAt, "last_at": d.LastAt}).Error
		if err != nil {
			return fmt.Errorf("correct a count: %w", err)
		}
	}
	return nil
}

func deleteDay(tx *gorm.DB, d *model.EventDay) error {
	return tx.Where("customer_id = ? AND kind = ? AND item = ? AND day = ?", d.CustomerID, d.Kind, d.Item, d.Day).Delete(&model.EventDay{}).Error
}

// lockDays locks all counts of customers in a span of days, in the order in which others lock them.
func lockDays(tx *gorm.DB, ids []int64, from, to int) (rows []model.EventDay, err error) {
	err = model.ForUpdate(model.ByIndex(tx, "event_day", model.PrimaryKey)).Where("customer_id IN ? AND day BETWEEN ? AND ?", ids, from, to).Order("customer_id, kind, item, day").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("lock counts: %w", err)
	}
	return rows, nil
}

// eachEvent reads what is counted of events, without their payloads.
func eachEvent(tx *gorm.DB, ids []int64, since, until time.Time, do func(*model.Event)) error {
	rows, err := tx.Model(&model.Event{}).Select("customer_id, kind, item, value, occurred_at").
		Where("customer_id IN ? AND occurred_at >= ? AND occurred_at < ?", ids, since.UTC(), until.UTC()).Rows()
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e model.Event
		if err := rows.Scan(&e.CustomerID, &e.Kind, &e.Item, &e.Value, &e.OccurredAt); err != nil {
			return err
		}
		do(&e)
	}
	return rows.Err()
}

// customersBetween are the next customers who have events or counts in a span of time.
func customersBetween(db *gorm.DB, after int64, from, to int, since, until time.Time, limit int) ([]int64, error) {
	var counted, acted []int64
	err := db.Model(&model.EventDay{}).Where("customer_id > ? AND day BETWEEN ? AND ?", after, from, to).
		Distinct("customer_id").Order("customer_id").Limit(limit).Pluck("customer_id", &counted).Error
	if err != nil {
		return nil, fmt.Errorf("find counted customers: %w", err)
	}
	err = db.Model(&model.Event{}).Where("customer_id > ? AND occurred_at >= ? AND occurred_at < ?", after, since.UTC(), until.UTC()).
		Distinct("customer_id").Order("customer_id").Limit(limit).Pluck("customer_id", &acted).Error
	if err != nil {
		return nil, fmt.Errorf("find customers with events: %w", err)
	}
	all := append(counted, acted...)
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), limit)], nil
}

func deleteEvents(db *gorm.DB, kind string, before time.Time, limit int) (int64, error) {
	var ids []int64
	err := db.Model(&model.Event{}).Where("kind = ? AND occurred_at < ?", kind, before.UTC()).Order("occurred_at").Limit(limit).Pluck("id", &ids).Error
	if err != nil {
		return 0, err
	}
	return deleteOf(db, &model.Event{}, ids)
}

func deleteOldAside(db *gorm.DB, before time.Time, limit int) (int64, error) {
	var ids []int64
	if err := db.Model(&model.EventAside{}).Where("received_at < ?", before.UTC()).Order("received_at").Limit(limit).Pluck("id", &ids).Error; err != nil {
		return 0, err
	}
	return deleteOf(db, &model.EventAside{}, ids)
}

// deleteDays deletes the old counts of some customers: they have no ids to choose a few by.
func deleteDays(db *gorm.DB, kind string, before, limit int) (int64, error) {
	var ids []int64
	if err := db.Model(&model.EventDay{}).Where("kind = ? AND day < ?", kind, before).Limit(limit).Pluck("customer_id", &ids).Error; err != nil || len(ids) == 0 {
		return 0, err
	}
	slices.Sort(ids)
	res := db.Where("kind = ? AND day < ? AND customer_id IN ?", kind, before, slices.Compact(ids)).Delete(&model.EventDay{})
	return res.RowsAffected, res.Error
}

func dayCounts(db *gorm.DB, kind string, from, to int) (rows []DayCount, err error) {
	err = db.Model(&model.EventDay{}).Select("day, COUNT(DISTINCT customer_id) AS customers, SUM(times) AS times, SUM(value) AS value").
		Where("kind = ? AND day BETWEEN ? AND ?", kind, from, to).Group("day").Order("day").Find(&rows).Error
	return rows, err
}
