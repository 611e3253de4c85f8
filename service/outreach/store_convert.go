package outreach

import (
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// lastForGoal is the last customer of the next page of those whom a step wrote to; 0: there are no more.
func lastForGoal(db *gorm.DB, g *Goal, step string, after int64, limit int) (last int64, err error) {
	err = db.Raw(`SELECT COALESCE(MAX(customer_id), 0) FROM (SELECT customer_id FROM delivery
		WHERE source = ? AND source_id = ? AND step = ? AND customer_id > ? ORDER BY customer_id LIMIT ?) page`,
		g.Source, g.SourceID, step, after, limit).Scan(&last).Error
	return last, err
}

// reachedGoal lists, of a page, what had left when its customer did what it was for; what has converted already is not among it.
func reachedGoal(db *gorm.DB, g *Goal, step string, after, last int64) (rows []reachedBy, err error) {
	err = db.Raw(`SELECT d.id, d.lane_id, d.state, e.occurred_at AS at FROM delivery d
		JOIN event e ON e.customer_id = d.customer_id AND e.kind = ? AND e.occurred_at >= ? AND e.occurred_at < ?
		WHERE d.source = ? AND d.source_id = ? AND d.step = ? AND d.customer_id > ? AND d.customer_id <= ? AND d.group_id = 0 AND d.occurrence = ?
		AND d.state >= ? AND d.state < ? AND e.occurred_at >= d.accepted_at`,
		g.Kind, g.From.UTC(), g.Until.UTC(), g.Source, g.SourceID, step, after, last, g.Occurrence, Accepted, Converted).Scan(&rows).Error
	return rows, err
}

// leftTo lists what has left from a source to customers.
func leftTo(db *gorm.DB, source string, sourceID int64, customers []int64) (rows []model.Delivery, err error) {
	for part := range slices.Chunk(customers, idsAtOnce) {
		var some []model.Delivery
		err := db.Select("id", "lane_id", "customer_id", "occurrence", "state", "accepted_at").
			Where("customer_id IN ? AND source = ? AND source_id = ? AND state >= ? AND state <= ?", part, source, sourceID, Accepted, Converted).Find(&some).Error
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}
