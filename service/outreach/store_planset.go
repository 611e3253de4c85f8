package outreach

import (
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// startPlan finds a plan by its mark, or makes it.
func startPlan(db *gorm.DB, p model.DeliveryPlan) (plan model.DeliveryPlan, err error) {
	if err := model.InsertIgnore(db).Create(&p).Error; err != nil {
		return plan, err
	}
	err = db.Where("mark = ?", p.Mark).Take(&plan).Error
	return plan, err
}

func lockPlan(tx *gorm.DB, id int64) (plan model.DeliveryPlan, err error) {
	err = model.ForUpdate(tx).Where("id = ?", id).Take(&plan).Error
	return plan, err
}

func keepPlan(tx *gorm.DB, p *model.DeliveryPlan) error {
	return tx.Exec("UPDATE delivery_plan SET after_id = ?, planned = ?, done = ?, updated_at = ? WHERE id = ?",
		p.AfterID, p.Planned, p.Done, p.UpdatedAt, p.ID).Error
}

// audienceRows is the condition on an audience's rows.
func audienceRows(set *Set) (string, []any) {
	cond := "a." + set.Audience.KeyColumn + " = ?"
	if set.Audience.Only != "" {
		cond += " AND (" + set.Audience.Only + ")"
	}
	return cond, []any{set.Audience.Key}
}

// column is a column of the audience, or the value that counts for all.
func column(name string, value any) (string, []any) {
	if name != "" {
		return "a." + name, nil
	}
	return "?", []any{value}
}

// laneKeys lists the steps and senders of an audience.
func laneKeys(db *gorm.DB, set *Set) (keys []laneKey, err error) {
	if set.Audience.StepColumn == "" && set.Audience.StaffColumn == "" {
		return []laneKey{{set.Step, set.StaffID}}, nil
	}
	step, stepArgs := column(set.Audience.StepColumn, set.Step)
	staff, staffArgs := column(set.Audience.StaffColumn, set.StaffID)
	cond, args := audienceRows(set)
	err = db.Raw("SELECT DISTINCT "+step+" AS step, "+staff+" AS staff_id FROM "+set.Audience.Table+" a WHERE "+cond,
		slices.Concat(stepArgs, staffArgs, args)...).Scan(&keys).Error
	return keys, err
}

// chunkEnd finds the last customer of the next chunk; more is false when it is the last chunk.
func chunkEnd(tx *gorm.DB, set *Set, after int64) (upTo int64, more bool, err error) {
	cond, args := audienceRows(set)
	var ids []int64
	err = tx.Raw("SELECT a.customer_id FROM "+set.Audience.Table+" a WHERE "+cond+" AND a.customer_id > ? ORDER BY a.customer_id LIMIT 1 OFFSET ?",
		append(args, after, setChunk-1)...).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return 0, false, err
	}
	return ids[0], true, nil
}

// insertSet plans the customers of a span. With laneID 0 each goes into the lane of its step and sender.
func insertSet(tx *gorm.DB, set *Set, laneID, after, upTo int64, now time.Time) (int64, error) {
	verb := "INSERT IGNORE"
	if model.IsSQLite(tx) {
		verb = "INSERT OR IGNORE"
	}
	step, args1 := column(set.Audience.StepColumn, set.Step)
	due, args2 := column(set.Audience.DueColumn, set.DueAt.UTC())
	lane, from, args := "?", set.Audience.Table+" a", []any{set.Source, set.SourceID}
	args = append(args, args1...)
	args = append(args, set.Occurrence)
	var join []any
	if laneID != 0 {
		args = append(args, laneID)
	} else {
		lane = "l.id"
		from, join = joined(set)
	}
	args = append(args, shelfPlanned, Planned, set.MessageID)
	args = append(args, args2...)
	var expires *time.Time
	if !set.ExpiresAt.IsZero() {
		at := set.ExpiresAt.UTC()
		expires = &at
	}
	cond, of := audienceRows(set)
	args = append(args, expires, model.NotAccepted, now, now)
	args = slices.Concat(args, join, of, []any{after, upTo})
	res := tx.Exec(verb+` INTO delivery (source, source_id, step, customer_id, group_id, occurrence, lane_id, shelf, state, message_id, vars, due_at, expires_at,
		claim_id, attempts, platform_id, class, code, reason, accepted_at, created_at, updated_at)
		SELECT ?, ?, `+step+`, a.customer_id, 0, ?, `+lane+`, ?, ?, ?, '', `+due+`, ?, 0, 0, '', '', 0, '', ?, ?, ?
		FROM `+from+` WHERE `+cond+` AND a.customer_id > ? AND a.customer_id <= ? ORDER BY a.customer_id`, args...)
	return res.RowsAffected, res.Error
}

// joined is the audience with the lanes that its rows go in.
func joined(set *Set) (string, []any) {
	in := &set.Intent
	step, args1 := column(set.Audience.StepColumn, set.Step)
	staff, args2 := column(set.Audience.StaffColumn, set.StaffID)
	var b strings.Builder
	b.WriteString(set.Audience.Table + " a JOIN delivery_lane l ON l.source = ? AND l.source_id = ? AND l.channel = ? AND l.account_id = ?" +
		" AND l.topic = ? AND l.transactional = ? AND l.targeted = ? AND l.priority = ? AND l.step = " + step + " AND l.staff_id = " + staff)
	return b.String(), slices.Concat([]any{in.Source, in.SourceID, in.Channel, in.AccountID, in.Topic, in.Transactional, in.Targeted, in.Priority}, args1, args2)
}

// newBySet counts by lane who of a span is not planned yet.
func newBySet(tx *gorm.DB, set *Set, after, upTo int64) (map[int64]int64, error) {
	from, args := joined(set)
	step, stepArgs := column(set.Audience.StepColumn, set.Step)
	cond, of := audienceRows(set)
	var rows []struct{ LaneID, N int64 }
	err := tx.Raw("SELECT l.id AS lane_id, COUNT(*) AS n FROM "+from+` LEFT JOIN delivery d ON d.source = ? AND d.source_id = ? AND d.step = `+step+
		` AND d.customer_id = a.customer_id AND d.group_id = 0 AND d.occurrence = ?
		WHERE `+cond+` AND a.customer_id > ? AND a.customer_id <= ? AND d.id IS NULL GROUP BY l.id`,
		slices.Concat(args, []any{set.Source, set.SourceID}, stepArgs, []any{set.Occurrence}, of, []any{after, upTo})...).Scan(&rows).Error
	counts := make(map[int64]int64, len(rows))
	for _, r := range rows {
		counts[r.LaneID] = r.N
	}
	return counts, err
}
