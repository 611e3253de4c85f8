package coupon

import (
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// moves gathers what becomes of coupons that are locked, with the ledger's entries, and writes all at once.
type moves struct {
	tx      *gorm.DB
	now     time.Time
	coupons []*model.Coupon
	from    map[int64]int // the version that a coupon had
	entries []*model.CouponEntry
}

func newMoves(tx *gorm.DB, now time.Time) *moves {
	return &moves{tx: tx, now: now, from: map[int64]int{}}
}

// add notes that a coupon is now as given, by an act; what else the entry says the caller adds.
func (m *moves) add(c *model.Coupon, act string) *model.CouponEntry {
	if _, moved := m.from[c.ID]; !moved {
		m.from[c.ID] = c.Version
		m.coupons = append(m.coupons, c)
	}
	c.Version++
	c.MovedAt = m.now
	e := entryOf(c, act, m.now)
	m.entries = append(m.entries, e)
	return e
}

// write fails when a coupon is no longer as it was when it was locked.
func (m *moves) write() error {
	if len(m.coupons) == 0 {
		return nil
	}
	if err := updateCoupons(m.tx, m.coupons, m.from); err != nil {
		return err
	}
	return insertEntries(m.tx, m.entries)
}
