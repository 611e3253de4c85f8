package journey

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/coupon"
)

// goneColumn says which tables keep rows that are gone.
var goneColumn = map[string]bool{"segment": true, "tag": true, "journey": true, "channel_code": true}

func bornOn(tx *gorm.DB, mds []int, after int64, limit int) (ids []int64, err error) {
	err = tx.Model(&model.Customer{}).Where("birth_md IN ? AND merged_into = 0 AND id > ?", mds, after).Order("id").Limit(limit).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find birthdays: %w", err)
	}
	return ids, nil
}

// answers are the values of a custom field that is there, of customers who stand.
func answers(tx *gorm.DB, field string, after int64, limit int) *gorm.DB {
	return tx.Table("custom_value").Joins("JOIN custom_field ON custom_field.id = custom_value.field_id AND custom_field.gone_at IS NULL").
		Joins("JOIN customer ON customer.id = custom_value.customer_id AND customer.merged_into = 0").
		Where("custom_field.name = ? AND custom_value.customer_id > ?", field, after).Order("custom_value.customer_id").Limit(limit)
}

func answeredDay(tx *gorm.DB, field string, day int, after int64, limit int) (ids []int64, err error) {
	err = answers(tx, field, after, limit).Where("custom_value.number = ?", day).Distinct().Pluck("custom_value.customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find dates in %s: %w", field, err)
	}
	return ids, nil
}

// answeredYearly finds days that come back every year, the first time included.
func answeredYearly(tx *gorm.DB, field string, mds []int, upTo int, after int64, limit int) (ids []int64, err error) {
	err = answers(tx, field, after, limit).Where("custom_value.number % 10000 IN ? AND custom_value.number <= ?", mds, upTo).
		Distinct().Pluck("custom_value.customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find yearly dates in %s: %w", field, err)
	}
	return ids, nil
}

// couponsUntil finds who holds a coupon whose last moment lies in a day: one that ends at midnight was good on the day before.
func couponsUntil(tx *gorm.DB, from, to time.Time, after int64, limit int) (ids []int64, err error) {
	err = tx.Model(&model.Coupon{}).Where("state = ? AND valid_until > ? AND valid_until <= ? AND customer_id > ?", coupon.Usable, from.UTC(), to.UTC(), after).
		Distinct().Order("customer_id").Limit(limit).Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find coupons that expire: %w", err)
	}
	return ids, nil
}

const titleColumns = "coupon.id, coupon.customer_id, coupon.state, coupon.valid_until, coupon_batch.name"

// couponTitles tells of coupons, by their ids.
func couponTitles(tx *gorm.DB, ids []int64) (map[int64]*couponTitle, error) {
	var rows []*couponTitle
	err := tx.Model(&model.Coupon{}).Select(titleColumns).Joins("JOIN coupon_batch ON coupon_batch.id = coupon.batch_id").Where("coupon.id IN ?", ids).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find coupons of events: %w", err)
	}
	m := make(map[int64]*couponTitle, len(rows))
	for _, r := range rows {
		m[r.ID] = r
	}
	return m, nil
}

// couponsEnding tells of the usable coupons of customers whose last moment lies within a time, by customer, those that end first first.
func couponsEnding(tx *gorm.DB, from, to time.Time, customers []int64) (map[int64][]*couponTitle, error) {
	var rows []*couponTitle
	err := tx.Model(&model.Coupon{}).Select(titleColumns).Joins("JOIN coupon_batch ON coupon_batch.id = coupon.batch_id").
		Where("coupon.customer_id IN ? AND coupon.state = ? AND coupon.valid_until > ? AND coupon.valid_until <= ?", customers, coupon.Usable, from.UTC(), to.UTC()).
		Order("coupon.valid_until, coupon.id").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find which coupons expire: %w", err)
	}
	m := map[int64][]*couponTitle{}
	for _, r := range rows {
		m[r.CustomerID] = append(m[r.CustomerID], r)
	}
	return m, nil
}

func membersAfter(tx *gorm.DB, segment, after int64, limit int) (ids []int64, err error) {
	err = tx.Model(&model.SegmentMember{}).Where("segment_id = ? AND left_at IS NULL AND customer_id > ?", segment, after).
		Order("customer_id").Limit(limit).Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("list members of segment %d: %w", segment, err)
	}
	return ids, nil
}

func membersAmong(tx *gorm.DB, segment int64, customers []int64) (map[int64]bool, error) {
	var ids []int64
	err := tx.Model(&model.SegmentMember{}).Where("segment_id = ? AND customer_id IN ? AND left_at IS NULL", segment, customers).Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find members of segment %d: %w", segment, err)
	}
	return setOf(ids), nil
}

func setOf(ids []int64) map[int64]bool {
	out := make(map[int64]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out
}

// follower is who follows a customer, the longest first.
type follower struct {
	CustomerID, StaffID, AccountID int64
}

func followers(tx *gorm.DB, customers []int64) (map[int64]follower, error) {
	var rows []follower
	err := tx.Model(&model.Relation{}).Select("customer_id", "staff_id", "account_id").Where("customer_id IN ? AND status = 'active'", customers).
		Order("customer_id, added_at DESC, id DESC").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find who follows: %w", err)
	}
	out := map[int64]follower{}
	for _, r := range rows {
		out[r.CustomerID] = r
	}
	return out, nil
}

// sendersOf adds the members through whom customers are written to by each account, who met them last coming first.
func sendersOf(tx *gorm.DB, customers []int64, ways map[way][]int64) error {
	var rows []follower
	err := tx.Table("relation AS r").Select("r.customer_id, r.staff_id, r.account_id").Joins("JOIN staff AS s ON s.id = r.staff_id").
		Where("r.customer_id IN ? AND r.status = 'active' AND s.gone_at IS NULL", customers).Order("r.added_at DESC, r.id DESC").Scan(&rows).Error
	if err != nil {
		return fmt.Errorf("find who writes to customers: %w", err)
	}
	for _, r := range rows {
		ways[way{r.AccountID, r.CustomerID}] = append(ways[way{r.AccountID, r.CustomerID}], r.StaffID)
	}
	return nil
}

// eventsOf gives what happened to customers of one kind, from a time on and before another.
func eventsOf(tx *gorm.DB, kinds []string, customers []int64, from, to time.Time) (rows []model.Event, err error) {
	err = tx.Select("id", "kind", "customer_id", "payload", "occurred_at").
		Where("customer_id IN ? AND occurred_at >= ? AND occurred_at < ? AND kind IN ?", customers, from, to, kinds).Order("occurred_at, id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find events: %w", err)
	}
	return rows, nil
}

func selectIDs(tx *gorm.DB, sql string, args []any) (ids []int64, err error) {
	if err = tx.Raw(sql, args...).Scan(&ids).Error; err != nil {
		return nil, fmt.Errorf("ask a condition: %w", err)
	}
	return ids, nil
}
