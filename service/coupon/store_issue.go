package coupon

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// givenBy is what staff members gave of a batch on a day.
func givenBy(tx *gorm.DB, batchID int64, staffIDs []int64, day string) (map[int64]int64, error) {
	given := map[int64]int64{}
	if len(staffIDs) == 0 {
		return given, nil
	}
	var rows []model.CouponGiver
	if err := tx.Where("batch_id = ? AND staff_id IN ? AND day = ?", batchID, staffIDs, day).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find what staff gave: %w", err)
	}
	for _, r := range rows {
		given[r.StaffID] = r.Given
	}
	return given, nil
}

// addGiven counts what a staff member gave. Whoever does holds the batch's counters.
func addGiven(tx *gorm.DB, batchID, staffID int64, day string, n int) error {
	res := tx.Model(&model.CouponGiver{}).Where("batch_id = ? AND staff_id = ? AND day = ?", batchID, staffID, day).
		UpdateColumn("given", gorm.Expr("given + ?", n))
	if res.Error == nil && res.RowsAffected == 0 {
		res = tx.Create(&model.CouponGiver{BatchID: batchID, StaffID: staffID, Day: day, Given: int64(n)})
	}
	if res.Error != nil {
		return fmt.Errorf("count what staff gave: %w", res.Error)
	}
	return nil
}

// lockCodes locks the codes of these hashes, in the order of their ids.
func lockCodes(tx *gorm.DB, hashes []string) ([]*model.CouponCode, error) {
	list := make([][]byte, len(hashes))
	for i, h := range hashes {
		list[i] = []byte(h)
	}
	var rows []*model.CouponCode
	if err := model.ForUpdate(model.ByIndex(tx, "coupon_code", "uq_coupon_code_code_hash")).Where("code_hash IN ?", list).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("lock codes: %w", err)
	}
	return rows, nil
}

// takeCode notes what came of a code that makes one coupon.
func takeCode(tx *gorm.DB, id int64, c *model.Coupon, now time.Time) error {
	return exactly(tx, 1, "UPDATE coupon_code SET taken_by = ?, coupon_id = ?, taken_at = ? WHERE id = ? AND taken_at IS NULL", c.CustomerID, c.ID, now, id)
}

func hashList(set map[hash]bool) (list [][]byte) {
	for h := range set {
		list = append(list, h[:])
	}
	return list
}

type counted struct {
	Subject []byte
	N       int64
}

func countBy(q *gorm.DB, column string) (map[hash]int64, error) {
	var rows []counted
	if err := q.Select(column + " AS subject, COUNT(*) AS n").Group(column).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("count coupons by %s: %w", column, err)
	}
	m := make(map[hash]int64, len(rows))
	for _, r := range rows {
		m[hash(r.Subject)] = r.N
	}
	return m, nil
}

// devicesHad counts the coupons of a batch that devices had, one of them apart: by taking them, and, where they change hands,
// as gifts. A coupon that a device had more than once is one.
func devicesHad(tx *gorm.DB, batchID int64, devices map[hash]bool, gifts bool, apart int64) (map[hash]int64, error) {
	if len(devices) == 0 {
		return map[hash]int64{}, nil
	}
	had, err := countBy(tx.Model(&model.CouponOrigin{}).Where("batch_id = ? AND device IN ? AND coupon_id <> ?", batchID, hashList(devices), apart), "device")
	if err != nil || !gifts {
		return had, err
	}
	var rows []counted
	err = tx.Model(&model.CouponGiftOrigin{}).Select("device AS subject, COUNT(DISTINCT coupon_id) AS n").
		Where("batch_id = ? AND device IN ? AND coupon_id <> ?", batchID, hashList(devices), apart).
		Where("NOT EXISTS (SELECT 1 FROM coupon_origin o WHERE o.coupon_id = coupon_gift_origin.coupon_id AND o.device = coupon_gift_origin.device)").
		Group("device").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count gifts by device: %w", err)
	}
	for _, r := range rows {
		had[hash(r.Subject)] += r.N
	}
	return had, nil
}

func insertGiftOrigin(tx *gorm.DB, row *model.CouponGiftOrigin) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("note where a gift was taken: %w", err)
	}
	return nil
}

// originsLately counts the coupons taken on devices, or from addresses, since a time.
func originsLately(tx *gorm.DB, column string, which map[hash]bool, since time.Time) (map[hash]int64, error) {
	if len(which) == 0 {
		return map[hash]int64{}, nil
	}
	return countBy(tx.Model(&model.CouponOrigin{}).Where(column+" IN ? AND at >= ?", hashList(which), since), column)
}

// tookLately counts the coupons that customers took themselves since a time.
func tookLately(tx *gorm.DB, customers []int64, since time.Time) (map[int64]int64, error) {
	var rows []struct{ ClaimerID, N int64 }
	err := tx.Model(&model.Coupon{}).Where("claimer_id IN ? AND created_at >= ? AND source IN ?", customers, since, []string{SourceClaim, SourceCode}).
		Select("claimer_id, COUNT(*) AS n").Group("claimer_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count what customers took: %w", err)
	}
	m := make(map[int64]int64, len(rows))
	for _, r := range rows {
		m[r.ClaimerID] = r.N
	}
	return m, nil
}

func insertOrigins(tx *gorm.DB, list []*model.CouponOrigin) error {
	if len(list) == 0 {
		return nil
	}
	if err := tx.CreateInBatches(list, statementRows).Error; err != nil {
		return fmt.Errorf("note where coupons were taken from: %w", err)
	}
	return nil
}

// returnsOf counts the orders with coupons that customers gave back since a time.
func returnsOf(tx *gorm.DB, customers []int64, since time.Time) (map[int64]int64, error) {
	var rows []struct{ CustomerID, N int64 }
	err := tx.Model(&model.CouponUse{}).Where("customer_id IN ? AND state = ? AND updated_at >= ?", customers, UseRolledBack, since).
		Select("customer_id, COUNT(*) AS n").Group("customer_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count returns of customers: %w", err)
	}
	m := make(map[int64]int64, len(rows))
	for _, r := range rows {
		m[r.CustomerID] = r.N
	}
	return m, nil
}

// guessesSince is how many wrong codes the worst of them has tried since a time.
func guessesSince(tx *gorm.DB, who [][]byte, since time.Time) (most int64, err error) {
	var rows []counted
	err = tx.Model(&model.CouponGuess{}).Where("subject IN ? AND at > ?", who, since).Select("subject, COUNT(*) AS n").Group("subject").Find(&rows).Error
	if err != nil {
		return 0, fmt.Errorf("count wrong codes: %w", err)
	}
	for _, r := range rows {
		most = max(most, r.N)
	}
	return most, nil
}

func insertGuesses(tx *gorm.DB, who [][]byte, now time.Time) error {
	rows := make([]*model.CouponGuess, len(who))
	for i, w := range who {
		rows[i] = &model.CouponGuess{Subject: w, At: now}
	}
	if err := tx.Create(rows).Error; err != nil {
		return fmt.Errorf("note a wrong code: %w", err)
	}
	return nil
}

func deleteGuesses(tx *gorm.DB, before time.Time) error {
	if err := tx.Where("at < ?", before).Delete(&model.CouponGuess{}).Error; err != nil {
		return fmt.Errorf("delete old wrong codes: %w", err)
	}
	return nil
}
