package coupon

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func insertGift(tx *gorm.DB, g *model.CouponGift) error {
	if err := tx.Create(g).Error; err != nil {
		return fmt.Errorf("open a gift: %w", err)
	}
	return nil
}

// endGift ends a gift that is open.
func endGift(tx *gorm.DB, id int64, state string, taker int64, now time.Time) error {
	return exactly(tx, 1, "UPDATE coupon_gift SET state = ?, taker_id = ?, ended_at = ? WHERE id = ? AND state = ?", state, taker, now, id, GiftOpen)
}

func giftByID(tx *gorm.DB, id int64) (*model.CouponGift, error) {
	return oneGift(tx.Where("id = ?", id), ErrNoGift)
}

// giftByHash fails with ErrCode when there is no gift of the code.
func giftByHash(tx *gorm.DB, code []byte) (*model.CouponGift, error) {
	return oneGift(tx.Where("code_hash = ?", code), ErrCode)
}

func oneGift(q *gorm.DB, none error) (*model.CouponGift, error) {
	var g model.CouponGift
	err := q.Take(&g).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, none
	}
	if err != nil {
		return nil, fmt.Errorf("find a gift: %w", err)
	}
	return &g, nil
}

func giftsBefore(tx *gorm.DB, f GiftFilter, from int64, limit int) (rows []model.CouponGift, err error) {
	q := before(tx, from, limit)
	for column, id := range map[string]int64{"customer_id": f.CustomerID, "batch_id": f.BatchID, "coupon_id": f.CouponID} {
		if id != 0 {
			q = q.Where(column+" = ?", id)
		}
	}
	if err = q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list gifts: %w", err)
	}
	return rows, nil
}

// giftsOver are open gifts whose time is over.
func giftsOver(tx *gorm.DB, now time.Time, limit int) (ids []int64, err error) {
	err = tx.Model(&model.CouponGift{}).Where("state = ? AND expires_at <= ?", GiftOpen, now).Order("expires_at").Limit(limit).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find gifts whose time is over: %w", err)
	}
	return ids, nil
}

// transfersOf counts how often a coupon changed hands.
func transfersOf(tx *gorm.DB, couponID int64) (n int, err error) {
	var count int64
	if err = tx.Model(&model.CouponEntry{}).Where("coupon_id = ? AND act = ?", couponID, actTransfer).Count(&count).Error; err != nil {
		return 0, fmt.Errorf("count how often coupon %d changed hands: %w", couponID, err)
	}
	return int(count), nil
}

// receivedBy counts the coupons of a batch that others gave to customers, in all and since a day began, but for one coupon.
// What somebody was given first themself, and got back, is among what they took.
func receivedBy(tx *gorm.DB, batchID int64, customers []int64, today time.Time, but int64) (map[int64]*taken, error) {
	var rows []*taken
	err := tx.Table("coupon_gift AS g").Joins("JOIN coupon AS c ON c.id = g.coupon_id AND c.claimer_id <> g.taker_id").
		Where("g.batch_id = ? AND g.taker_id IN ? AND g.state = ? AND g.coupon_id <> ?", batchID, customers, GiftTaken, but).
		Select("g.taker_id AS claimer_id, COUNT(DISTINCT g.coupon_id) AS had, COUNT(DISTINCT CASE WHEN g.ended_at >= ? THEN g.coupon_id END) AS today", today).
		Group("g.taker_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count gifts to customers: %w", err)
	}
	m := make(map[int64]*taken, len(rows))
	for _, r := range rows {
		m[r.ClaimerID] = r
	}
	return m, nil
}

// wrongGifts holds gifts against coupons: one is on its way exactly when a gift of it is open.
func wrongGifts(tx *gorm.DB, batchID int64) (list []Finding, err error) {
	var r struct{ Coupons, Gifts, Matched int64 }
	err = tx.Raw(`SELECT (SELECT COUNT(*) FROM coupon WHERE batch_id = b.id AND state = 'gifted') AS coupons,
		(SELECT COUNT(*) FROM coupon_gift AS g JOIN coupon AS c ON c.id = g.coupon_id WHERE g.batch_id = b.id AND g.state = 'open' AND c.state <> 'void') AS gifts,
		(SELECT COUNT(*) FROM coupon_gift AS g JOIN coupon AS c ON c.id = g.coupon_id AND c.state = 'gifted' AND c.customer_id = g.customer_id
			WHERE g.batch_id = b.id AND g.state = 'open') AS matched
		FROM coupon_batch AS b WHERE b.id = ?`, batchID).Scan(&r).Error
	if err != nil {
		return nil, fmt.Errorf("reconcile gifts of coupon batch %d: %w", batchID, err)
	}
	if r.Matched != r.Coupons || r.Matched != r.Gifts {
		list = append(list, Finding{BatchID: batchID, What: wrongGift, Want: r.Gifts, Got: r.Coupons})
	}
	return list, nil
}

// addReceived adds to what a customer had, by batch, what others gave them.
func addReceived(tx *gorm.DB, customerID int64, today time.Time, had map[int64]*taken) error {
	var rows []struct{ BatchID, Had, Today int64 }
	err := tx.Table("coupon_gift AS g").Joins("JOIN coupon AS c ON c.id = g.coupon_id AND c.claimer_id <> g.taker_id").
		Where("g.taker_id = ? AND g.state = ?", customerID, GiftTaken).
		Select("g.batch_id, COUNT(DISTINCT g.coupon_id) AS had, COUNT(DISTINCT CASE WHEN g.ended_at >= ? THEN g.coupon_id END) AS today", today).
		Group("g.batch_id").Find(&rows).Error
	if err != nil {
		return fmt.Errorf("count gifts to customer %d: %w", customerID, err)
	}
	for _, r := range rows {
		t := had[r.BatchID]
		if t == nil {
			t = &taken{ClaimerID: customerID}
			had[r.BatchID] = t
		}
		t.Had, t.Today = t.Had+r.Had, t.Today+r.Today
	}
	return nil
}

// giftsTakenBy are the gifts that somebody took.
func giftsTakenBy(tx *gorm.DB, taker int64) (ids []int64, err error) {
	if err = tx.Model(&model.CouponGift{}).Where("taker_id = ?", taker).Order("id").Pluck("id", &ids).Error; err != nil {
		return nil, fmt.Errorf("find gifts that somebody took: %w", err)
	}
	return ids, nil
}

func setTaker(tx *gorm.DB, ids []int64, taker int64) error {
	if err := tx.Model(&model.CouponGift{}).Where("id IN ?", ids).UpdateColumn("taker_id", taker).Error; err != nil {
		return fmt.Errorf("say who took gifts: %w", err)
	}
	return nil
}
