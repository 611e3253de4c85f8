package loyalty

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// moved is the sum of some entries.
type moved struct {
	Kind, ToBook string
	RuleID       int64
	Points       int64
}

// movedBetween sums the entries from a time up to another, by kind and rule.
func movedBetween(tx *gorm.DB, from, to time.Time) (rows []moved, err error) {
	err = tx.Model(&model.PointsEntry{}).Where("created_at >= ? AND created_at < ?", from, to).
		Select("kind, to_book, rule_id, SUM(points) AS points").Group("kind, to_book, rule_id").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("sum points by kind and rule: %w", err)
	}
	return rows, nil
}

// outstanding sums what accounts hold, how much of it is frozen, and what those in debt owe.
func outstanding(tx *gorm.DB) (held, frozen, owed int64, err error) {
	var r struct{ Held, Frozen, Owed int64 }
	err = tx.Model(&model.PointsAccount{}).Select("COALESCE(SUM(CASE WHEN balance > 0 THEN balance ELSE 0 END), 0) AS held," +
		" COALESCE(SUM(frozen), 0) AS frozen, COALESCE(SUM(CASE WHEN balance < 0 THEN -balance ELSE 0 END), 0) AS owed").Scan(&r).Error
	if err != nil {
		return 0, 0, 0, fmt.Errorf("sum what customers have: %w", err)
	}
	return r.Held + r.Frozen, r.Frozen, r.Owed, nil
}

func sortedRules(m map[int64]*RuleMoved) []RuleMoved {
	list := []RuleMoved{}
	for _, r := range m {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b RuleMoved) int {
		return cmp.Or(cmp.Compare(b.Earned, a.Earned), cmp.Compare(a.RuleID, b.RuleID))
	})
	return list
}
