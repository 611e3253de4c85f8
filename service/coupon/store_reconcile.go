package coupon

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

func insertBalance(tx *gorm.DB, b *model.CouponBalance) error {
	if err := tx.Create(b).Error; err != nil {
		return fmt.Errorf("keep a reconciliation of coupons: %w", err)
	}
	return nil
}

func balancesBefore(tx *gorm.DB, before int64, limit int) ([]model.CouponBalance, error) {
	q := tx.Order("id DESC").Limit(limit)
	if before != 0 {
		q = q.Where("id < ?", before)
	}
	var rows []model.CouponBalance
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list reconciliations of coupons: %w", err)
	}
	return rows, nil
}

func batchIDsAfter(tx *gorm.DB, after int64, limit int) (ids []int64, err error) {
	if err := tx.Model(&model.CouponBatch{}).Where("id > ?", after).Order("id").Limit(limit).Pluck("id", &ids).Error; err != nil {
		return nil, fmt.Errorf("list coupon batches: %w", err)
	}
	return ids, nil
}

// couponsAfter is the last row id of the next coupons above one; 0: there are none.
func couponsAfter(tx *gorm.DB, after int64, n int) (last int64, err error) {
	next := tx.Session(&gorm.Session{NewDB: true}).Model(&model.Coupon{}).Select("id").Where("id > ?", after).Order("id").Limit(n)
	if err := tx.Table("(?) AS next", next).Select("COALESCE(MAX(id), 0)").Scan(&last).Error; err != nil {
		return 0, fmt.Errorf("find the next coupons: %w", err)
	}
	return last, nil
}

// wrongCounts holds a batch's counters against its coupons and the ledger.
func wrongCounts(tx *gorm.DB, batchID int64) (list []Finding, err error) {
	var r struct{ Issued, Voided, Expired, Entries, Coupons, Void, Gone int64 }
	err = tx.Raw(`SELECT n.issued, n.voided, n.expired,
		(SELECT COUNT(*) FROM coupon_entry WHERE batch_id = n.batch_id AND act = 'issue') AS entries,
		(SELECT COUNT(*) FROM coupon WHERE batch_id = n.batch_id) AS coupons,
		(SELECT COUNT(*) FROM coupon WHERE batch_id = n.batch_id AND state = 'void') AS void,
		(SELECT COUNT(*) FROM coupon WHERE batch_id = n.batch_id AND state = 'expired') AS gone
		FROM coupon_count AS n WHERE n.batch_id = ?`, batchID).Scan(&r).Error
	if err != nil {
		return nil, fmt.Errorf("reconcile counters of coupon batch %d: %w", batchID, err)
	}
	for _, c := range []struct {
		what      string
		want, got int64
	}{{wrongIssued, r.Entries, r.Issued}, {wrongIssued, r.Entries, r.Coupons}, {wrongVoided, r.Void, r.Voided}, {wrongExpired, r.Gone, r.Expired}} {
		if c.want != c.got {
			list = append(list, Finding{BatchID: batchID, What: c.what, Want: c.want, Got: c.got})
		}
	}
	return list, nil
}

// wrongBudgets holds a batch's budgets, and what its uses say was saved, against the ledger.
func wrongBudgets(tx *gorm.DB, batchID int64) (list []Finding, err error) {
	var rows []struct {
		Day                                          string
		UsedCount, UsedFen, Times, Fen, Parts, Saved int64
	}
	err = tx.Raw(`SELECT b.day, b.used_count, b.used_fen,
		(SELECT COALESCE(SUM(e.count), 0) FROM coupon_entry AS e WHERE e.batch_id = b.batch_id AND (b.day = '' OR e.budget_day = b.day)) AS times,
		(SELECT COALESCE(SUM(e.fen), 0) FROM coupon_entry AS e WHERE e.batch_id = b.batch_id AND (b.day = '' OR e.budget_day = b.day)) AS fen,
		(SELECT COUNT(*) FROM coupon_use_part AS p JOIN coupon_use AS u ON u.id = p.use_id
			WHERE p.batch_id = b.batch_id AND u.state IN ('reserved', 'redeemed') AND (b.day = '' OR p.budget_day = b.day)) AS parts,
		(SELECT COALESCE(SUM(p.off_fen - p.returned_fen), 0) FROM coupon_use_part AS p JOIN coupon_use AS u ON u.id = p.use_id
			WHERE p.batch_id = b.batch_id AND u.state IN ('reserved', 'redeemed', 'rolled_back') AND (b.day = '' OR p.budget_day = b.day)) AS saved
		FROM coupon_budget AS b WHERE b.batch_id = ?`, batchID).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("reconcile budgets of coupon batch %d: %w", batchID, err)
	}
	for _, r := range rows {
		for _, c := range []struct {
			what      string
			want, got int64
		}{{wrongUses, r.Times, r.UsedCount}, {wrongFen, r.Fen, r.UsedFen}, {wrongUses, r.Times, r.Parts}, {wrongSaved, r.Fen, r.Saved}} {
			if c.want != c.got {
				list = append(list, Finding{BatchID: batchID, What: c.what, Day: r.Day, Want: c.want, Got: c.got})
			}
		}
	}
	return list, nil
}

// wrongCoupons holds the coupons of some row ids against the ledger: one entry for each of their versions, the last
// of which says their state; and of stored value, what is left of it.
func wrongCoupons(tx *gorm.DB, after, to int64) (coupons, entries int64, list []Finding, err error) {
	var rows []struct {
		ID, BatchID      int64
		Version, Entries int64
		State, Said      string
		BalanceFen, Fen  int64
		Terms            string
	}
	err = tx.Raw(`SELECT c.id, c.batch_id, c.version, c.state, c.balance_fen, MIN(b.terms) AS terms, COUNT(e.id) AS entries, COALESCE(SUM(e.fen), 0) AS fen,
		COALESCE(MAX(CASE WHEN e.version = c.version THEN e.state END), '') AS said
		FROM coupon AS c JOIN coupon_batch AS b ON b.id = c.batch_id LEFT JOIN coupon_entry AS e ON e.coupon_id = c.id
		WHERE c.id > ? AND c.id <= ? GROUP BY c.id, c.batch_id, c.version, c.state, c.balance_fen`, after, to).Scan(&rows).Error
	if err != nil {
		return 0, 0, nil, fmt.Errorf("reconcile coupons: %w", err)
	}
	for _, r := range rows {
		coupons, entries = coupons+1, entries+r.Entries
		find := func(what string, want, got int64) {
			list = append(list, Finding{BatchID: r.BatchID, CouponID: r.ID, What: what, Want: want, Got: got})
		}
		if r.Version != r.Entries {
			find(wrongVersion, r.Entries, r.Version)
		}
		if r.State != r.Said {
			find(wrongState, 0, 1)
		}
		if face := faceOf(r.Terms); face > 0 && face-r.Fen != r.BalanceFen {
			find(wrongBalance, face-r.Fen, r.BalanceFen)
		}
	}
	return coupons, entries, list, nil
}
