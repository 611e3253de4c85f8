package tag

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Bearing is a tag that a customer bears, with all who gave it.
type Bearing struct {
	model.CustomerTag
	Givers []Giver
}

// Giver gave a tag: to the customer, or through a relation.
type Giver struct {
	Origin
	RelationID int64 // 0: to the customer
	ExpiresAt  *time.Time
	Since      time.Time
}

// Bearings gives the tags of a customer that the viewer may see. It fails with ErrOutOfSight.
func (s *Service) Bearings(ctx context.Context, v *staff.Viewer, customerID int64) ([]Bearing, error) {
	seen, err := s.customers.Visible(ctx, v, []int64{customerID})
	if err != nil {
		return nil, err
	}
	if len(seen) == 0 {
		return nil, ErrOutOfSight
	}
	db, now := s.db.WithContext(ctx), s.now()
	rows, err := customerTags(db, seen)
	if err != nil {
		return nil, err
	}
	givers, err := giversByTag(db, customerID)
	if err != nil {
		return nil, err
	}
	var out []Bearing
	for _, r := range rows {
		if r.ExpiresAt != nil && !r.ExpiresAt.After(now) {
			continue
		}
		list := slices.DeleteFunc(givers[r.TagID], func(g Giver) bool { return g.ExpiresAt != nil && !g.ExpiresAt.After(now) })
		out = append(out, Bearing{r, list})
	}
	return out, nil
}

// giversByTag gives all givers of a customer's tags.
func giversByTag(db *gorm.DB, customerID int64) (map[int64][]Giver, error) {
	out := map[int64][]Giver{}
	grants, err := grantsOf(db, []int64{customerID}, nil)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		out[g.TagID] = append(out[g.TagID], Giver{Origin{g.Source, g.SourceID}, 0, g.ExpiresAt, g.CreatedAt})
	}
	var assigned []model.TagAssignment
	err = db.Joins("JOIN relation ON relation.id = tag_assignment.relation_id").
		Where("relation.customer_id = ? AND relation.status IN ?", customerID, followed).
		Where("tag_assignment.sync_state IN ? AND tag_assignment.source <> ?", borne, sourceMirror).Order("tag_assignment.id").Find(&assigned).Error
	if err != nil {
		return nil, fmt.Errorf("find who gave tags: %w", err)
	}
	for _, a := range assigned {
		out[a.TagID] = append(out[a.TagID], Giver{Origin{a.Source, a.SourceID}, a.RelationID, nil, a.CreatedAt})
	}
	return out, nil
}
