package outreach

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// idsAtOnce bounds the ids in one statement. MariaDB turns lists of a thousand and more into a join, which is slower here.
const idsAtOnce = 900

// lockLane keeps other claims out of a lane until the transaction ends.
func lockLane(tx *gorm.DB, laneID int64) error {
	var id int64
	return model.ForUpdate(tx).Model(&model.DeliveryLane{}).Select("id").Where("id = ?", laneID).Take(&id).Error
}

// dueInLane lists what is due in a lane, from a spot on.
func dueInLane(tx *gorm.DB, laneID int64, now time.Time, from spot, n int) (rows []model.Delivery, err error) {
	query, args := "SELECT "+claimed+" FROM delivery WHERE shelf = ? AND lane_id = ? AND due_at <= ?", []any{shelfPlanned, laneID, now}
	if from.id != 0 {
		query += " AND due_at >= ? AND (due_at > ? OR id > ?)"
		args = append(args, from.dueAt, from.dueAt, from.id)
	}
	err = tx.Raw(query+" ORDER BY due_at, id LIMIT ?", append(args, n)...).Scan(&rows).Error
	return rows, err
}

// parts splits sorted ids for statements; those without gaps need not be.
func parts(ids []int64, size int) iter.Seq[[]int64] {
	if len(ids) > 0 && ids[len(ids)-1]-ids[0]+1 == int64(len(ids)) {
		size = len(ids)
	}
	return slices.Chunk(ids, size)
}

// within is the condition that an id is one of these, which are sorted. Ids without gaps are named by their ends, which databases find quicker.
func within(ids []int64) (cond string, args []any) {
	first, last := ids[0], ids[len(ids)-1]
	if last-first+1 == int64(len(ids)) {
		return "id BETWEEN ? AND ?", []any{first, last}
	}
	return "id IN ?", []any{ids}
}

// claimed is what is read of deliveries to be sent.
const claimed = "id, source, source_id, step, customer_id, group_id, occurrence, lane_id, message_id, vars, due_at, expires_at, attempts, platform_id"

// takeDue claims due deliveries and tells which they were, by id. ids are those of due, sorted. They are read back only where not every one
// could be taken: else what was read just before, with the lane locked, is what they are.
func takeDue(tx *gorm.DB, laneID, claimID int64, due []model.Delivery, ids []int64, now time.Time) (rows []model.Delivery, err error) {
	all := true
	for part := range parts(ids, idsAtOnce) {
		cond, args := within(part)
		res := tx.Exec("UPDATE delivery SET state = ?, shelf = ?, claim_id = ?, attempts = attempts + 1, updated_at = ? WHERE "+cond+
			" AND lane_id = ? AND state = ? AND due_at <= ?",
			slices.Concat([]any{Claimed, shelfGoing, claimID, now}, args, []any{laneID, Planned, now})...)
		if res.Error != nil {
			return nil, res.Error
		}
		all = all && res.RowsAffected == int64(len(part))
	}
	if all {
		for i := range due {
			due[i].ClaimID, due[i].State = claimID, int8(Claimed)
			due[i].Attempts++
		}
		slices.SortFunc(due, func(a, b model.Delivery) int { return cmp.Compare(a.ID, b.ID) })
		return due, nil
	}
	for part := range slices.Chunk(ids, idsAtOnce) {
		cond, args := within(part)
		var some []model.Delivery
		err = tx.Raw("SELECT "+claimed+" FROM delivery WHERE "+cond+" AND claim_id = ? AND state = ? ORDER BY id", append(args, claimID, Claimed)...).Scan(&some).Error
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

func dropClaim(tx *gorm.DB, id int64) error {
	return tx.Exec("DELETE FROM delivery_claim WHERE id = ?", id).Error
}

// holdTx locks a claim and makes sure that it is still this process's.
func holdTx(tx *gorm.DB, g grip) error {
	var row model.DeliveryClaim
	err := model.ForUpdate(tx).Select("id", "token", "fence").Where("id = ?", g.id).Find(&row).Error
	if err == nil && (row.ID == 0 || row.Token != g.token || row.Fence != g.fence) {
		err = errLost
	}
	return err
}

// writeChange writes what became of claimed deliveries, and tells of how many.
func writeChange(tx *gorm.DB, claimID int64, from State, ids []int64, ch change, platformIDs map[int64]string, now time.Time) (n int64, err error) {
	slices.Sort(ids)
	size := idsAtOnce
	if len(platformIDs) > 0 {
		size = 200 // of a CASE, every branch is looked at
	}
	split := parts(ids, size)
	if len(platformIDs) > 0 {
		split = slices.Chunk(ids, size)
	}
	for part := range split {
		set, args := setOf(ch, from, part, platformIDs, now)
		cond, of := within(part)
		res := tx.Exec("UPDATE delivery SET "+set+" WHERE "+cond+" AND claim_id = ? AND state = ?", slices.Concat(args, of, []any{claimID, from})...)
		if res.Error != nil {
			return n, res.Error
		}
		n += res.RowsAffected
	}
	return n, nil
}

// setOf is the SET list of a change.
func setOf(ch change, from State, ids []int64, platformIDs map[int64]string, now time.Time) (string, []any) {
	set, args := []string{"state = ?", "class = ?", "code = ?", "reason = ?", "updated_at = ?"}, []any{ch.to, ch.class, ch.code, ch.reason, now}
	if ch.to.shelf() != from.shelf() {
		set, args = append(set, "shelf = ?"), append(args, ch.to.shelf())
	}
	switch {
	case ch.to.Left():
		set, args = append(set, "accepted_at = ?"), append(args, now)
	case ch.to == Planned:
		set, args = append(set, "due_at = ?"), append(args, ch.due)
		if ch.free {
			set = append(set, "attempts = attempts - 1")
		}
	}
	if len(platformIDs) == 0 {
		return strings.Join(set, ", "), args
	}
	one, same := platformIDs[ids[0]], true
	for _, id := range ids {
		same = same && platformIDs[id] == one
	}
	if same {
		return strings.Join(append(set, "platform_id = ?"), ", "), append(args, one)
	}
	var b strings.Builder
	b.WriteString("platform_id = CASE id")
	for _, id := range ids {
		b.WriteString(" WHEN ? THEN ?")
		args = append(args, id, platformIDs[id])
	}
	b.WriteString(" ELSE platform_id END")
	return strings.Join(append(set, b.String()), ", "), args
}
