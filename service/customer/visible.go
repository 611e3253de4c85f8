package customer

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Visible gives those of the customers that the viewer may see and that stand for themselves, in the order of ids.
func (s *Service) Visible(ctx context.Context, v *staff.Viewer, ids []int64) ([]int64, error) {
	sc, err := s.scopeOf(ctx, v)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	seen, err := visibleAmong(s.db.WithContext(ctx), sc, ids)
	if err != nil {
		return nil, err
	}
	var out []int64
	for _, id := range ids {
		if slices.Contains(seen, id) {
			out = append(out, id)
		}
	}
	return out, nil
}

func visibleAmong(tx *gorm.DB, sc scope, ids []int64) ([]int64, error) {
	q := tx.Model(&model.Customer{}).Where("customer.id IN ? AND customer.merged_into = 0", ids)
	if !sc.all {
		q = q.Where("customer.id IN (?)", sc.seen(tx.Model(&model.Relation{})).Select("relation.customer_id").Where("relation.customer_id IN ?", ids))
	}
	var seen []int64
	if err := q.Pluck("customer.id", &seen).Error; err != nil {
		return nil, fmt.Errorf("find visible customers: %w", err)
	}
	return seen, nil
}
