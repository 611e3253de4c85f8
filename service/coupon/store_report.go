package coupon

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func couponsByState(tx *gorm.DB, batchID int64) (map[string]int64, error) {
	var rows []struct {
		State string
		N     int64
	}
	if err := tx.Model(&model.Coupon{}).Where("batch_id = ?", batchID).Select("state, COUNT(*) AS n").Group("state").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("count coupons by state: %w", err)
	}
	m := map[string]int64{}
	for _, r := range rows {
		m[r.State] = r.N
	}
	return m, nil
}

// maxSources is how many sources a report tells apart; those that gave most.
const maxSources = 100

// savedBy is what a coupon c saved in all; NULL: it was not used.
const savedBy = "(SELECT SUM(p.off_fen - p.returned_fen) FROM coupon_use_part AS p JOIN coupon_use AS u ON u.id = p.use_id" +
	" WHERE p.coupon_id = c.id AND u.state = 'redeemed')"

func couponsBySource(tx *gorm.DB, batchID int64) (rows []SourceReport, err error) {
	err = tx.Raw(`SELECT c.source, c.campaign_id, c.journey_id, c.step, c.channel_code_id, CASE WHEN c.source = 'staff' THEN c.staff_id ELSE 0 END AS staff_id,
		COUNT(*) AS issued, COUNT(c.fen) AS used, COALESCE(SUM(c.fen), 0) AS saved_fen
		FROM (SELECT c.source, c.campaign_id, c.journey_id, c.step, c.channel_code_id, c.staff_id, `+savedBy+` AS fen FROM coupon AS c WHERE c.batch_id = ?) AS c
		GROUP BY c.source, c.campaign_id, c.journey_id, c.step, c.channel_code_id, CASE WHEN c.source = 'staff' THEN c.staff_id ELSE 0 END
		ORDER BY issued DESC, c.source, c.campaign_id, c.journey_id, c.step, c.channel_code_id LIMIT ?`, batchID, maxSources).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count coupons by source: %w", err)
	}
	return rows, nil
}

// ofCampaign are the coupons c that a run gave, and those of its campaign that it did not give.
const ofCampaign = "c.campaign_id = ? AND (c.source <> 'campaign' OR c.source_id = ?)"

func couponsOfCampaign(tx *gorm.DB, campaignID, runID int64, batches []int64) (rows []CampaignReport, err error) {
	err = tx.Raw(`SELECT c.batch_id, c.source, c.step AS variant, COUNT(*) AS issued, COUNT(c.fen) AS used, COALESCE(SUM(c.fen), 0) AS saved_fen
		FROM (SELECT c.batch_id, c.source, c.step, `+savedBy+` AS fen FROM coupon AS c WHERE c.batch_id IN ? AND `+ofCampaign+`) AS c
		GROUP BY c.batch_id, c.source, c.step ORDER BY c.batch_id, c.source, c.step`, batches, campaignID, runID).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count coupons of campaign %d: %w", campaignID, err)
	}
	return rows, nil
}

// ordersOfCampaign sums up the orders on which the coupons of a line of a report were used, each once.
func ordersOfCampaign(tx *gorm.DB, campaignID, runID int64, r *CampaignReport) error {
	var row struct{ Orders, Total int64 }
	err := tx.Raw(`SELECT COUNT(*) AS orders, COALESCE(SUM(`+paidFor+`), 0) AS total FROM coupon_use AS u WHERE u.state = 'redeemed' AND u.id IN (
			SELECT p.use_id FROM coupon AS c JOIN coupon_use_part AS p ON p.coupon_id = c.id WHERE c.batch_id = ? AND c.source = ? AND c.step = ? AND `+ofCampaign+`)`,
		r.BatchID, r.Source, r.Variant, campaignID, runID).Scan(&row).Error
	if err != nil {
		return fmt.Errorf("sum up orders with coupons of campaign %d: %w", campaignID, err)
	}
	r.Orders, r.PaidFen = row.Orders, model.Fen(row.Total)
	return nil
}

// paidFor is what was paid for the order of a use u, less what was refunded.
const paidFor = "u.total_fen - u.off_fen" +
	" - (SELECT COALESCE(SUM(o.refunded_fen), 0) FROM customer_order AS o WHERE o.customer_id = u.customer_id AND o.number = u.order_number)"

func ordersWith(tx *gorm.DB, batchID int64, r *Report) error {
	var row struct{ Orders, Total, Saved int64 }
	err := tx.Raw(`SELECT COUNT(*) AS orders, COALESCE(SUM(`+paidFor+`), 0) AS total,
		COALESCE(SUM((SELECT SUM(p.off_fen - p.returned_fen) FROM coupon_use_part AS p WHERE p.use_id = u.id AND p.batch_id = ?)), 0) AS saved
		FROM coupon_use AS u WHERE u.state = 'redeemed' AND u.id IN (SELECT use_id FROM coupon_use_part WHERE batch_id = ?)`, batchID, batchID).Scan(&row).Error
	if err != nil {
		return fmt.Errorf("sum up orders with coupons of batch %d: %w", batchID, err)
	}
	r.Uses, r.WithOrders, r.WithFen, r.SavedFen = row.Orders, row.Orders, model.Fen(row.Total), model.Fen(row.Saved)
	return nil
}

func ordersWithout(tx *gorm.DB, batchID int64, now time.Time, r *Report) error {
	var row struct{ Orders, Total int64 }
	err := tx.Raw(`SELECT COUNT(*) AS orders, COALESCE(SUM(o.paid_fen - o.refunded_fen), 0) AS total FROM customer_order AS o
		WHERE o.paid_at IS NOT NULL AND o.paid_at <= ? AND o.status <> 'cancelled'
		AND o.customer_id IN (SELECT customer_id FROM coupon WHERE batch_id = ?)
		AND EXISTS (SELECT 1 FROM coupon AS c WHERE c.batch_id = ? AND c.customer_id = o.customer_id AND c.created_at <= o.paid_at AND c.valid_until > o.paid_at)
		AND NOT EXISTS (SELECT 1 FROM coupon_use AS u WHERE u.customer_id = o.customer_id AND u.order_number = o.number AND u.state = 'redeemed')`,
		now, batchID, batchID).Scan(&row).Error
	if err != nil {
		return fmt.Errorf("sum up orders without coupons of batch %d: %w", batchID, err)
	}
	r.WithoutOrders, r.WithoutFen = row.Orders, model.Fen(row.Total)
	return nil
}

func giversSince(tx *gorm.DB, since time.Time, day string) (rows []Giver, err error) {
	err = tx.Raw(`SELECT c.staff_id, COUNT(*) AS given, COUNT(DISTINCT c.customer_id) AS customers, COUNT(c.fen) AS used, COALESCE(SUM(c.fen), 0) AS saved_fen
		FROM (SELECT c.staff_id, c.customer_id, `+savedBy+` AS fen FROM coupon AS c
			WHERE c.batch_id IN (SELECT batch_id FROM coupon_giver WHERE day >= ?) AND c.source = 'staff' AND c.created_at >= ?) AS c
		GROUP BY c.staff_id ORDER BY given DESC, c.staff_id LIMIT 200`, day, since).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("sum up what staff gave: %w", err)
	}
	return rows, nil
}

// givingDays sums up what staff gave from one time until another, and on the days from past on before a day.
func givingDays(tx *gorm.DB, from, until time.Time, past, day string) (rows []givingDay, err error) {
	err = tx.Raw(`SELECT g.staff_id, COALESCE(s.name, '') AS name, g.given, g.customers,
			COALESCE((SELECT SUM(p.given) FROM coupon_giver AS p WHERE p.staff_id = g.staff_id AND p.day >= ? AND p.day < ?), 0) AS past_given,
			(SELECT COUNT(DISTINCT p.day) FROM coupon_giver AS p WHERE p.staff_id = g.staff_id AND p.day >= ? AND p.day < ?) AS days
		FROM (SELECT c.staff_id, COUNT(*) AS given, COUNT(DISTINCT c.claimer_id) AS customers FROM coupon AS c
			WHERE c.batch_id IN (SELECT batch_id FROM coupon_giver WHERE day = ?) AND c.source = 'staff' AND c.created_at >= ? AND c.created_at < ?
			GROUP BY c.staff_id) AS g
		LEFT JOIN staff AS s ON s.id = g.staff_id ORDER BY g.staff_id`, past, day, past, day, day, from, until).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("sum up what staff gave on %s: %w", day, err)
	}
	return rows, nil
}

// toldOf tells whether anybody was given a task whose key begins so.
func toldOf(tx *gorm.DB, key string) (bool, error) {
	var found []int
	err := tx.Model(&model.Task{}).Where("dedupe_key > ? AND dedupe_key < ?", key+":", key+";").Select("1").Limit(1).Scan(&found).Error
	if err != nil {
		return false, fmt.Errorf("look for a task: %w", err)
	}
	return len(found) > 0, nil
}
