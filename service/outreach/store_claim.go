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

// dueInLane lists what is due in a lane, from a spot on. Behind the spot there are two spans, each of which an index names by its ends:
// asked for in one condition, databases pass everything that was claimed of the spot's own moment again, every time.
func dueInLane(tx *gorm.DB, lane *model.DeliveryLane, now time.Time, from spot, n int) (rows []model.Delivery, err error) {
	const query = "SELECT " + claimed + " FROM delivery WHERE shelf = ? AND lane_id = ? AND "
	if from.id == 0 {
		return scanClaimed(tx, lane, nil, query+"due_at <= ? ORDER BY due_at, id LIMIT ?", shelfPlanned, lane.ID, now, n)
	}
	rows, err = scanClaimed(tx, lane, make([]model.Delivery, 0, n), query+"due_at = ? AND id > ? ORDER BY id LIMIT ?", shelfPlanned, lane.ID, from.dueAt, from.id, n)
	if err != nil || len(rows) == n {
		return rows, err
	}
	return scanClaimed(tx, lane, rows, query+"due_at > ? AND due_at <= ? ORDER BY due_at, id LIMIT ?", shelfPlanned, lane.ID, from.dueAt, now, n-len(rows))
}

// scanClaimed reads deliveries of a lane behind those there are. Written out by hand: millions are read, and a general reader takes as long
// as the database.
func scanClaimed(tx *gorm.DB, lane *model.DeliveryLane, list []model.Delivery, query string, args ...any) ([]model.Delivery, error) {
	rows, err := tx.Raw(query, args...).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		d := model.Delivery{Source: lane.Source, SourceID: lane.SourceID, Step: lane.Step, LaneID: lane.ID, State: int8(Planned)}
		if err := rows.Scan(&d.ID, &d.CustomerID, &d.GroupID, &d.Occurrence, &d.MessageID, &d.Vars, &d.DueAt, &d.ExpiresAt, &d.Attempts, &d.PlatformID); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, rows.Err()
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

// claimed is what is read of deliveries to be sent; the rest is the lane's.
const claimed = "id, customer_id, group_id, occurrence, message_id, vars, due_at, expires_at, attempts, platform_id"

// takeDue claims due deliveries and tells which they were, by id. ids are those of due, sorted. They are read back only where not every one
// could be taken: else what was read just before, with the lane locked, is what they are.
func takeDue(tx *gorm.DB, lane *model.DeliveryLane, claimID int64, due []model.Delivery, ids []int64, now time.Time) (rows []model.Delivery, err error) {
	all := true
	for part := range parts(ids, idsAtOnce) {
		cond, args := within(part)
		res := tx.Exec("UPDATE delivery SET state = ?, shelf = ?, claim_id = ?, attempts = attempts + 1, updated_at = ? WHERE "+cond+
			" AND lane_id = ? AND state = ? AND due_at <= ?",
			slices.Concat([]any{Claimed, shelfGoing, claimID, now}, args, []any{lane.ID, Planned, now})...)
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
		rows, err = scanClaimed(tx, lane, rows, "SELECT "+claimed+" FROM delivery WHERE "+cond+" AND claim_id = ? AND state = ? ORDER BY id", append(args, claimID, Claimed)...)
		if err != nil {
			return nil, err
		}
	}
	for i := range rows {
		rows[i].ClaimID, rows[i].State = claimID, int8(Claimed)
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
