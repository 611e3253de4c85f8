package segment

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

// lockSegment reads and locks a segment that is not gone. Who is in it changes under this lock alone.
func lockSegment(tx *gorm.DB, id int64) (*model.Segment, error) {
	return segmentByID(model.ForUpdate(tx), id)
}

func segmentByID(tx *gorm.DB, id int64) (*model.Segment, error) {
	var row model.Segment
	err := tx.Where("id = ? AND gone_at IS NULL", id).Take(&row).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return nil, ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("find segment: %w", err)
	}
	return &row, nil
}

func updateSegment(tx *gorm.DB, row *model.Segment, columns ...string) error {
	err := tx.Model(&model.Segment{}).Where("id = ?", row.ID).Select(columns).Updates(row).Error
	if err != nil {
		return fmt.Errorf("update segment %d: %w", row.ID, err)
	}
	return nil
}

func dynamicSegments(tx *gorm.DB) (rows []model.Segment, err error) {
	if err := tx.Where("kind = ? AND gone_at IS NULL", Dynamic).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find dynamic segments: %w", err)
	}
	return rows, nil
}

func lists(tx *gorm.DB) (rows []model.Segment, err error) {
	if err := tx.Select("id", "name").Where("kind = ? AND gone_at IS NULL", List).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find lists: %w", err)
	}
	return rows, nil
}

func presentSegments(tx *gorm.DB, ids []int64) (map[int64]bool, error) {
	var rows []int64
	if err := tx.Model(&model.Segment{}).Where("id IN ? AND gone_at IS NULL", ids).Pluck("id", &rows).Error; err != nil {
		return nil, fmt.Errorf("find segments: %w", err)
	}
	present := map[int64]bool{}
	for _, id := range rows {
		present[id] = true
	}
	return present, nil
}

func listSegments(tx *gorm.DB, f ListFilter) (rows []model.Segment, err error) {
	q := tx.Where("gone_at IS NULL")
	if f.Kind != "" {
		q = q.Where("kind = ?", f.Kind)
	}
	if f.Name != "" {
		q = q.Where("name LIKE ? ESCAPE '!'", "%"+like.Replace(f.Name)+"%")
	}
	if f.After != 0 {
		q = q.Where("id < ?", f.After)
	}
	if err := q.Order("id DESC").Limit(f.Limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	return rows, nil
}

func lastCustomer(tx *gorm.DB) (id int64, err error) {
	if err := tx.Model(&model.Customer{}).Select("COALESCE(MAX(id), 0)").Scan(&id).Error; err != nil {
		return 0, fmt.Errorf("find the last customer: %w", err)
	}
	return id, nil
}

// chunkEnd gives the id of the nth customer after an id, or last when there are fewer.
func chunkEnd(tx *gorm.DB, after, last int64, n int) (int64, error) {
	var ids []int64
	err := tx.Model(&model.Customer{}).Where("id > ? AND id <= ?", after, last).Order("id").Limit(1).Offset(n-1).Pluck("id", &ids).Error
	if err != nil {
		return 0, fmt.Errorf("find the end of a chunk: %w", err)
	}
	if len(ids) == 0 {
		return last, nil
	}
	return ids[0], nil
}

// selectIDs runs a statement that gives ids.
func selectIDs(tx *gorm.DB, q Query) (ids []int64, err error) {
	rows, err := tx.Raw(q.SQL, q.Args...).Rows()
	if err != nil {
		return nil, fmt.Errorf("ask a rule: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("ask a rule: %w", err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("ask a rule: %w", err)
	}
	return ids, nil
}

// membersIn gives those in the segment within a scope, in their order.
func membersIn(tx *gorm.DB, segmentID int64, scope Scope) ([]int64, error) {
	s := (&compiler{scope: scope}).scoped("customer_id")
	sql := "SELECT customer_id FROM segment_member WHERE segment_id = ? AND left_at IS NULL"
	if s.SQL != "" {
		sql += " AND " + s.SQL
	}
	return selectIDs(tx, Query{sql + " ORDER BY customer_id", append([]any{segmentID}, s.Args...)})
}

// formerStays gives the stays of those who once were in the segment.
func formerStays(tx *gorm.DB, segmentID int64, ids []int64) (map[int64]int, error) {
	var rows []model.SegmentMember
	if err := tx.Where("segment_id = ? AND customer_id IN ?", segmentID, ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find members: %w", err)
	}
	stays := make(map[int64]int, len(rows))
	for _, r := range rows {
		stays[r.CustomerID] = r.Stay
	}
	return stays, nil
}

func insertMembers(tx *gorm.DB, rows []model.SegmentMember) error {
	if len(rows) == 0 {
		return nil
	}
	return tx.Create(rows).Error
}

func returnMembers(tx *gorm.DB, segmentID int64, ids []int64, now time.Time, mark int64) error {
	if len(ids) == 0 {
		return nil
	}
	return tx.Model(&model.SegmentMember{}).Where("segment_id = ? AND customer_id IN ? AND left_at IS NOT NULL", segmentID, ids).
		Updates(map[string]any{"stay": gorm.Expr("stay + 1"), "entered_at": now, "left_at": nil, "mark": mark}).Error
}

func endMembers(tx *gorm.DB, segmentID int64, ids []int64, now time.Time) error {
	return tx.Model(&model.SegmentMember{}).Where("segment_id = ? AND customer_id IN ? AND left_at IS NULL", segmentID, ids).Update("left_at", now).Error
}

// count keeps how large a segment is, and today's coming and going.
func count(tx *gorm.DB, segmentID int64, day, entered, departed int) error {
	err := tx.Model(&model.Segment{}).Where("id = ?", segmentID).UpdateColumn("members", gorm.Expr("members + ?", entered-departed)).Error
	if err != nil {
		return fmt.Errorf("count members: %w", err)
	}
	var members int64
	if err := tx.Model(&model.Segment{}).Where("id = ?", segmentID).Pluck("members", &members).Error; err != nil {
		return fmt.Errorf("count members: %w", err)
	}
	row := &model.SegmentSize{SegmentID: segmentID, Day: day, Members: members, Entered: int64(entered), Departed: int64(departed)}
	err = tx.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "segment_id"}, {Name: "day"}},
		DoUpdates: clause.Assignments(map[string]any{
			"members": members, "entered": gorm.Expr("segment_size.entered + ?", entered), "departed": gorm.Expr("segment_size.departed + ?", departed),
		}),
	}).Create(row).Error
	if err != nil {
		return fmt.Errorf("count members of the day: %w", err)
	}
	return nil
}

// timedUntil says up to when time has been followed, unless a build or another tick has said so meanwhile.
func timedUntil(tx *gorm.DB, id int64, from, to time.Time) error {
	err := tx.Model(&model.Segment{}).Where("id = ? AND timed_until = ?", id, from).UpdateColumn("timed_until", to).Error
	if err != nil {
		return fmt.Errorf("note the time of segment %d: %w", id, err)
	}
	return nil
}

// stranded is somebody in a list or a copy who turned out to be another one.
type stranded struct{ SegmentID, CustomerID, MergedInto int64 }

func strandedMembers(tx *gorm.DB, customers []int64) (rows []stranded, err error) {
	err = tx.Table("segment_member").Select("segment_member.segment_id, segment_member.customer_id, customer.merged_into").
		Joins("JOIN segment ON segment.id = segment_member.segment_id AND segment.kind <> ? AND segment.gone_at IS NULL", Dynamic).
		Joins("JOIN customer ON customer.id = segment_member.customer_id AND customer.merged_into <> 0").
		Where("segment_member.customer_id IN ? AND segment_member.left_at IS NULL", customers).
		Order("segment_member.segment_id, segment_member.customer_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find members who were merged: %w", err)
	}
	return rows, nil
}
