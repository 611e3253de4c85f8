package segment

import (
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// people counts the customers there are and gives the first and the last id.
func people(tx *gorm.DB) (total, first, last int64, err error) {
	var row struct{ Total, Lowest, Highest int64 }
	err = tx.Model(&model.Customer{}).Select("COUNT(*) AS total, COALESCE(MIN(id), 0) AS lowest, COALESCE(MAX(id), 0) AS highest").
		Where("merged_into = 0").Scan(&row).Error
	if err != nil {
		return 0, 0, 0, fmt.Errorf("count customers: %w", err)
	}
	return row.Total, row.Lowest, row.Highest, nil
}

func peopleIn(tx *gorm.DB, after, to int64) (n int64, err error) {
	err = tx.Model(&model.Customer{}).Where("merged_into = 0 AND id > ? AND id <= ?", after, to).Count(&n).Error
	if err != nil {
		return 0, fmt.Errorf("count customers: %w", err)
	}
	return n, nil
}

// present are the members of a segment as a subquery.
const present = "SELECT customer_id FROM segment_member WHERE segment_id = ? AND left_at IS NULL"

// countBoth counts the members who fit a condition.
func countBoth(tx *gorm.DB, segmentID int64, fits Query) (n int64, err error) {
	args := append(append([]any{}, fits.Args...), segmentID)
	err = tx.Raw("SELECT COUNT(*) FROM customer WHERE "+fits.SQL+" AND customer.id IN ("+present+")", args...).Scan(&n).Error
	return n, err
}

// entering gives some who fit and are no members.
func entering(segmentID int64, fits Query, limit int) Query {
	args := append(append([]any{}, fits.Args...), segmentID, limit)
	return Query{"SELECT customer.id FROM customer WHERE " + fits.SQL + " AND customer.id NOT IN (" + present + ") ORDER BY customer.id LIMIT ?", args}
}

// leaving gives some members who don't fit.
func leaving(segmentID int64, fits Query, limit int) Query {
	args := append(append([]any{segmentID}, fits.Args...), limit)
	return Query{"SELECT customer.id FROM customer WHERE customer.id IN (" + present + ") AND NOT (" + fits.SQL + ") ORDER BY customer.id LIMIT ?", args}
}

// resolved gives the customers behind some ids, each once and in order: of those who were merged the one who remains.
// unknown counts the ids that are nobody's.
func resolved(tx *gorm.DB, ids []int64) (people []int64, unknown int64, err error) {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	found := map[int64]bool{}
	for depth := 0; len(ids) > 0 && depth < 10; depth++ { // who was merged into somebody who was merged later
		var rows []model.Customer
		if err := tx.Select("id", "merged_into").Where("id IN ?", ids).Find(&rows).Error; err != nil {
			return nil, 0, fmt.Errorf("find customers: %w", err)
		}
		if depth == 0 {
			unknown = int64(len(ids) - len(rows))
		}
		ids = nil
		for _, c := range rows {
			if c.MergedInto == 0 {
				found[c.ID] = true
			} else {
				ids = append(ids, c.MergedInto)
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), unknown, nil
}

// markMembers marks members as named by an upload and tells how many were not yet.
func markMembers(tx *gorm.DB, segmentID, mark int64, ids []int64) (int64, error) {
	res := tx.Model(&model.SegmentMember{}).Where("segment_id = ? AND customer_id IN ? AND left_at IS NULL AND mark <> ?", segmentID, ids, mark).Update("mark", mark)
	if res.Error != nil {
		return 0, fmt.Errorf("mark members: %w", res.Error)
	}
	return res.RowsAffected, nil
}

// unmarked gives some members whom an upload did not name.
func unmarked(tx *gorm.DB, segmentID, mark int64, limit int) (ids []int64, err error) {
	err = tx.Model(&model.SegmentMember{}).Where("segment_id = ? AND left_at IS NULL AND mark <> ?", segmentID, mark).Order("customer_id").Limit(limit).Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find members: %w", err)
	}
	return ids, nil
}
