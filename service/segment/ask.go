package segment

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// This file is for capabilities that ask rules of their own, without a segment.

// Facts names the kinds of facts after which a customer's answer may be another one.
func (r *Rule) Facts() map[string]bool { return factsOf(r) }

// Segments lists the segments that the rule asks about, by row id.
func (r *Rule) Segments() []int64 { return r.segments() }

// RowIDs are the ids in rules at rest.
var RowIDs Refs = rowIDs{}

// Membership gives the members of segments to those who act on all of them.
type Membership struct{ DB *gorm.DB }

// Members gives the next members above a customer's row id, in their order.
func (m Membership) Members(ctx context.Context, segmentID, after int64, limit int) (ids []int64, err error) {
	err = m.DB.WithContext(ctx).Model(&model.SegmentMember{}).Where("segment_id = ? AND left_at IS NULL AND customer_id > ?", segmentID, after).
		Order("customer_id").Limit(limit).Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("list members of segment %d: %w", segmentID, err)
	}
	return ids, nil
}

// Size counts the members. It fails with ErrNotFound, or with ErrNotBuilt while nobody knows who they are.
func (m Membership) Size(ctx context.Context, segmentID int64) (int64, error) {
	row, err := segmentByID(m.DB.WithContext(ctx), segmentID)
	if err != nil {
		return 0, err
	}
	if row.Kind == Dynamic && row.BuiltVersion == 0 {
		return 0, ErrNotBuilt
	}
	return row.Members, nil
}
