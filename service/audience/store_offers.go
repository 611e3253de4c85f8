package audience

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"
)

// clubRead is what customers hold in coupons, points and tiers.
type clubRead struct {
	usable owned[int64] // coupons
	points owned[int64]
	tiers  owned[tierRead]
}

type tierRead struct{ level, since int64 }

func (r *reading) readCoupons(ctx context.Context, db *gorm.DB, s scope) error {
	q := "SELECT customer_id, batch_id, COUNT(*) FROM coupon WHERE state IN ('usable', 'reserved') AND " + s.of("customer_id") + " GROUP BY customer_id, batch_id ORDER BY customer_id"
	held := &r.club.usable
	return each(ctx, db, q, func(rows *sql.Rows) error {
		var who, batch, n int64
		err := rows.Scan(&who, &batch, &n)
		r.ids["coupon.batch"].add(who, batch)
		if last := len(held.who) - 1; last >= 0 && held.who[last] == who {
			held.what[last] += n
		} else {
			held.add(who, n)
		}
		return err
	})
}

func (r *reading) readPoints(ctx context.Context, db *gorm.DB, s scope) error {
	return readIDs(ctx, db, "SELECT customer_id, balance FROM points_account WHERE "+s.of("customer_id")+" ORDER BY customer_id", &r.club.points)
}

func (r *reading) readTiers(ctx context.Context, db *gorm.DB, s scope) error {
	return each(ctx, db, "SELECT customer_id, level, since FROM customer_tier WHERE level > 0 AND "+s.of("customer_id")+" ORDER BY customer_id", func(rows *sql.Rows) error {
		var who int64
		var t tierRead
		var since time.Time
		err := rows.Scan(&who, &t.level, &since)
		t.since = since.UnixMilli()
		r.club.tiers.add(who, t)
		return err
	})
}

// valuesOf gives what one customer holds, by the columns.
func (c *clubRead) valuesOf(id int64, v map[string]int64) {
	for _, n := range c.usable.of(id) {
		v["coupon.usable"] = n
	}
	for _, n := range c.points.of(id) {
		v["points.balance"] = n
	}
	for _, t := range c.tiers.of(id) {
		v["tier"], v["tier.since"] = t.level, t.since
	}
}
