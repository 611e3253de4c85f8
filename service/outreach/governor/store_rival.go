package governor

import (
	"fmt"
	"time"

	"gorm.io/gorm"
)

// plannedShelf is that of deliveries which wait for their turn.
const plannedShelf = 1

// rivalsOf finds what is planned for customers between two moments and of a higher priority than least. Nearly always nothing of
// such priority is planned at all, and then the first statement answers.
func rivalsOf(tx *gorm.DB, customerIDs []int64, least int, from, until time.Time, each func(customerID int64, r rival)) error {
	var lanes []struct {
		ID             int64
		Channel, Topic string
		Priority       int
	}
	err := tx.Table("delivery_lane l").Select("l.id, l.channel, l.topic, l.priority").
		Where("l.priority > ? AND l.transactional = ?", least, false).
		Where("EXISTS (SELECT 1 FROM delivery d WHERE d.shelf = ? AND d.lane_id = l.id AND d.due_at > ? AND d.due_at <= ?)", plannedShelf, from, until).
		Find(&lanes).Error
	if err != nil {
		return fmt.Errorf("find what is more important: %w", err)
	}
	if len(lanes) == 0 {
		return nil
	}
	ids := make([]int64, len(lanes))
	byID := make(map[int64]rival, len(lanes))
	for i, l := range lanes {
		ids[i] = l.ID
		byID[l.ID] = rival{channel: l.Channel, topic: l.Topic, priority: l.Priority}
	}
	var rows []struct {
		CustomerID int64
		LaneID     int64
		DueAt      time.Time
	}
	err = tx.Table("delivery").Select("customer_id, lane_id, due_at").
		Where("customer_id IN ? AND shelf = ? AND lane_id IN ? AND due_at > ? AND due_at <= ?", customerIDs, plannedShelf, ids, from, until).
		Find(&rows).Error
	if err != nil {
		return fmt.Errorf("find what is more important: %w", err)
	}
	for _, row := range rows {
		r := byID[row.LaneID]
		r.due = row.DueAt.UTC()
		each(row.CustomerID, r)
	}
	return nil
}
