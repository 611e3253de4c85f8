package draw

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

func triedBy(tx *gorm.DB, id int64) (tries, customers int64, err error) {
	var r struct{ Tries, Customers int64 }
	err = tx.Model(&model.DrawTry{}).Where("draw_id = ?", id).Select("COUNT(*) AS tries, COUNT(DISTINCT customer_id) AS customers").Scan(&r).Error
	if err != nil {
		return 0, 0, fmt.Errorf("count tries of draw %d: %w", id, err)
	}
	return r.Tries, r.Customers, nil
}

// fell counts rolls by the place that holds them, and those that won.
func fell(tx *gorm.DB, id int64) (hits, won map[int]int64, err error) {
	var rows []struct {
		Place     int
		Hits, Won int64
	}
	err = tx.Model(&model.DrawTry{}).Where("draw_id = ?", id).
		Select("place, COUNT(*) AS hits, SUM(CASE WHEN won THEN 1 ELSE 0 END) AS won").Group("place").Scan(&rows).Error
	if err != nil {
		return nil, nil, fmt.Errorf("count rolls of draw %d: %w", id, err)
	}
	hits, won = map[int]int64{}, map[int]int64{}
	for _, r := range rows {
		hits[r.Place], won[r.Place] = r.Hits, r.Won
	}
	return hits, won, nil
}

// pointsOf sums the points that tries cost and those that were won.
func pointsOf(tx *gorm.DB, id int64) (in, out int64, err error) {
	var r struct{ Taken, Given int64 }
	err = tx.Model(&model.PointsEntry{}).Where("source = 'draw' AND source_id = ?", id).
		Select("COALESCE(SUM(CASE WHEN kind = 'spend' THEN points ELSE 0 END), 0) AS taken, COALESCE(SUM(CASE WHEN kind = 'earn' THEN points ELSE 0 END), 0) AS given").
		Scan(&r).Error
	if err != nil {
		return 0, 0, fmt.Errorf("sum points of draw %d: %w", id, err)
	}
	return r.Taken, r.Given, nil
}

// savedByCoupons sums what the coupons that were won have saved, less refunds, by prize.
func savedByCoupons(tx *gorm.DB, id int64) (map[int64]model.Fen, error) {
	var rows []struct {
		PrizeID int64
		Fen     model.Fen
	}
	err := tx.Table("draw_try AS t").Joins("JOIN coupon_use_part AS p ON p.coupon_id = t.coupon_id").Joins("JOIN coupon_use AS u ON u.id = p.use_id AND u.state = 'redeemed'").
		Where("t.draw_id = ? AND t.coupon_id <> 0", id).Select("t.prize_id, SUM(p.off_fen - p.returned_fen) AS fen").Group("t.prize_id").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("sum what coupons of draw %d saved: %w", id, err)
	}
	out := map[int64]model.Fen{}
	for _, r := range rows {
		out[r.PrizeID] = r.Fen
	}
	return out, nil
}
