package referral

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// edgeOfInvitee gives the edge by which a customer was invited in a programme; nil: none.
func edgeOfInvitee(tx *gorm.DB, programmeID, inviteeID int64) (*model.ReferralEdge, error) {
	var rows []model.ReferralEdge
	if err := tx.Where("programme_id = ? AND invitee_id = ? AND spare = 0", programmeID, inviteeID).Limit(1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find an edge by its invitee: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &rows[0], nil
}

func edgeByID(tx *gorm.DB, id int64) (*model.ReferralEdge, error) {
	var row model.ReferralEdge
	err := tx.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find edge %d: %w", id, err)
	}
	return &row, nil
}

var errMoving = errors.New("referral: an edge changes hands faster than it can be locked")

// lockEdge takes the turn of an edge's inviter, and the edge.
func lockEdge(tx *gorm.DB, id int64) (*model.ReferralEdge, error) {
	for range 5 {
		e, err := edgeByID(tx, id)
		if err != nil {
			return nil, err
		}
		if err := lockInviter(tx, e.ProgrammeID, e.InviterID); err != nil {
			return nil, err
		}
		locked, err := edgeByID(model.ForUpdate(tx), id)
		if err != nil || locked.InviterID == e.InviterID {
			return locked, err
		}
	}
	return nil, errMoving
}

func insertEdge(tx *gorm.DB, e *model.ReferralEdge) (isNew bool, err error) {
	res := model.InsertIgnore(tx).Create(e)
	if res.Error != nil {
		return false, fmt.Errorf("insert an edge: %w", res.Error)
	}
	return res.RowsAffected > 0, nil
}

// writeEdge stores what the caller, who has locked it, changed; whom it joins is changed by merges alone.
func writeEdge(tx *gorm.DB, e *model.ReferralEdge) error {
	err := tx.Model(e).Select("state", "reason", "order_id", "score", "signals", "joined_at", "due_at", "counted_at", "left_at", "decided_by", "note", "updated_at").
		UpdateColumns(e).Error
	if err != nil {
		return fmt.Errorf("save edge %d: %w", e.ID, err)
	}
	return nil
}

// liveEdgesOf lists the edges by which customers were invited and about which something may change.
func liveEdgesOf(tx *gorm.DB, inviteeIDs []int64) (ids []int64, err error) {
	if len(inviteeIDs) == 0 {
		return nil, nil
	}
	err = tx.Model(&model.ReferralEdge{}).Where("invitee_id IN ? AND state IN ?", inviteeIDs, []string{Touched, Cooling, Review, Counted}).Order("id").Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find the edges of invitees: %w", err)
	}
	return ids, nil
}

// onceCounted lists the edges at either end of which customers stand and that count, or did.
func onceCounted(tx *gorm.DB, customerIDs []int64) (ids []int64, err error) {
	for _, column := range []string{"invitee_id", "inviter_id"} {
		var some []int64
		err := tx.Model(&model.ReferralEdge{}).Where(column+" IN ? AND counted_at IS NOT NULL", customerIDs).Order("id").Pluck("id", &some).Error
		if err != nil {
			return nil, fmt.Errorf("find edges of customers: %w", err)
		}
		ids = append(ids, some...)
	}
	return ids, nil
}

// joinedEdgesOf lists the edges at either end of which customers stand and that have joined.
func joinedEdgesOf(tx *gorm.DB, customerIDs []int64) (ids []int64, err error) {
	for _, column := range []string{"invitee_id", "inviter_id"} {
		var some []int64
		err := tx.Model(&model.ReferralEdge{}).Where(column+" IN ? AND state IN ?", customerIDs, []string{Cooling, Review, Counted}).Order("id").Pluck("id", &some).Error
		if err != nil {
			return nil, fmt.Errorf("find edges of customers: %w", err)
		}
		ids = append(ids, some...)
	}
	return ids, nil
}

// place is a row and when it is due, by which due rows are gone through.
type place struct {
	ID    int64
	DueAt time.Time
}

func (p place) after(q *gorm.DB, table string) *gorm.DB {
	if p.ID == 0 {
		return q
	}
	return q.Where("("+table+".due_at > ? OR "+table+".due_at = ? AND "+table+".id > ?)", p.DueAt, p.DueAt, p.ID)
}

// dueEdges lists edges whose cool-off is over, of programmes that are not paused.
func dueEdges(tx *gorm.DB, now time.Time, after place, limit int) (rows []place, err error) {
	q := tx.Model(&model.ReferralEdge{}).Select("referral_edge.id, referral_edge.due_at").
		Joins("JOIN referral_programme p ON p.id = referral_edge.programme_id AND p.state <> ?", StatePaused).
		Where("referral_edge.state = ? AND referral_edge.due_at <= ?", Cooling, now)
	err = after.after(q, "referral_edge").Order("referral_edge.due_at, referral_edge.id").Limit(limit).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find edges that are due: %w", err)
	}
	return rows, nil
}

func countedFriends(tx *gorm.DB, programmeID, inviterID int64) (n int64, err error) {
	err = tx.Model(&model.ReferralEdge{}).Where("programme_id = ? AND inviter_id = ? AND state = ?", programmeID, inviterID, Counted).Count(&n).Error
	if err != nil {
		return 0, fmt.Errorf("count friends: %w", err)
	}
	return n, nil
}

// exists tells whether a query finds anything.
func exists(q *gorm.DB, what string) (bool, error) {
	var found []int
	if err := q.Select("1").Limit(1).Scan(&found).Error; err != nil {
		return false, fmt.Errorf("look for %s: %w", what, err)
	}
	return len(found) > 0, nil
}

// seenBefore tells whether a customer was in touch before a time, or was recognised before another.
func seenBefore(tx *gorm.DB, customerID int64, touched, seen time.Time) (bool, error) {
	for what, q := range map[string]*gorm.DB{
		"a customer":  tx.Model(&model.Customer{}).Where("id = ? AND first_seen_at < ?", customerID, seen),
		"an identity": tx.Model(&model.Identity{}).Where("customer_id = ? AND created_at < ?", customerID, seen),
		"a relation":  tx.Model(&model.Relation{}).Where("customer_id = ? AND added_at < ?", customerID, touched.Truncate(time.Second)),
		"an order":    tx.Model(&model.CustomerOrder{}).Where("customer_id = ? AND placed_at < ? AND status <> 'awaited'", customerID, touched),
	} {
		if found, err := exists(q, what); err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// maybeSame tells whether somebody has been asked whether inviter and invitee are one person, or has found so.
func maybeSame(tx *gorm.DB, e *model.ReferralEdge) (bool, error) {
	family := func(id int64) []any {
		return []any{id, tx.Session(&gorm.Session{NewDB: true}).Model(&model.Customer{}).Select("id").Where("merged_into = ?", id)}
	}
	a, b := family(e.InviterID), family(e.InviteeID)
	one, other := "(customer_id = ? OR customer_id IN (?))", "(other_id = ? OR other_id IN (?))"
	return exists(tx.Model(&model.MergeReview{}).Where("status <> 'rejected'").Where(
		tx.Session(&gorm.Session{NewDB: true}).Where(one+" AND "+other, a[0], a[1], b[0], b[1]).Or(one+" AND "+other, b[0], b[1], a[0], a[1])), "a review")
}

// inviterDevice tells whether the touch came from where the inviter asked for a code.
func inviterDevice(tx *gorm.DB, e *model.ReferralEdge) (bool, error) {
	if len(e.Device) == 0 {
		return false, nil
	}
	return exists(tx.Model(&model.ReferralCode{}).Where("customer_id = ? AND device = ?", e.InviterID, e.Device), "a device")
}

// firstRelation is when a customer's first relation began, from a time on, that is active now.
func firstRelation(tx *gorm.DB, customerID int64, from time.Time) (at time.Time, ok bool, err error) {
	var rows []model.Relation
	err = tx.Select("id", "added_at").Where("customer_id = ? AND status = 'active' AND added_at >= ?", customerID, from).Order("added_at, id").Limit(1).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return at, false, wrap(err, "find a relation")
	}
	return rows[0].AddedAt, true, nil
}

// firstOrder is a customer's first order that was paid from a time on and stands.
func firstOrder(tx *gorm.DB, customerID int64, from time.Time) (at time.Time, id int64, ok bool, err error) {
	var rows []model.CustomerOrder
	err = tx.Select("id", "paid_at").Where("customer_id = ? AND paid_at >= ? AND status NOT IN ('awaited', 'cancelled') AND paid_fen > refunded_fen", customerID, from).
		Order("paid_at, id").Limit(1).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return at, 0, false, wrap(err, "find an order")
	}
	return *rows[0].PaidAt, rows[0].ID, true, nil
}

func wrap(err error, what string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// orderStands tells whether an order was neither cancelled nor wholly paid back.
func orderStands(tx *gorm.DB, id int64) (bool, error) {
	return exists(tx.Model(&model.CustomerOrder{}).Where("id = ? AND status <> 'cancelled' AND paid_fen > refunded_fen", id), "an order")
}

// relationsSince counts a customer's relations that are active, and those that began from a time on and have ended.
func relationsSince(tx *gorm.DB, customerID int64, from time.Time) (active, ended int64, err error) {
	var n struct{ Active, Ended int64 }
	err = tx.Model(&model.Relation{}).Where("customer_id = ?", customerID).
		Select("COALESCE(SUM(CASE WHEN status = 'active' THEN 1 ELSE 0 END), 0) AS active, COALESCE(SUM(CASE WHEN status IN ('left', 'removed') AND added_at >= ? THEN 1 ELSE 0 END), 0) AS ended", from).
		Scan(&n).Error
	return n.Active, n.Ended, wrap(err, "count relations")
}

// signsOf reads what the signs of an edge follow from.
func (s *Service) signsOf(tx *gorm.DB, e *model.ReferralEdge) (*signs, error) {
	f := &signs{}
	others := func() *gorm.DB { return tx.Model(&model.ReferralEdge{}).Where("id <> ?", e.ID) }
	count := func(q *gorm.DB, n *int64, ask bool) error {
		if !ask {
			return nil
		}
		return wrap(q.Count(n).Error, "count touches")
	}
	err := errors.Join(
		count(others().Where("programme_id = ? AND device = ?", e.ProgrammeID, e.Device), &f.device, len(e.Device) > 0),
		count(others().Where("address = ? AND touched_at BETWEEN ? AND ?", e.Address, e.TouchedAt.Add(-10*time.Minute), e.TouchedAt.Add(10*time.Minute)), &f.address, len(e.Address) > 0),
		count(others().Where("inviter_id = ? AND touched_at BETWEEN ? AND ?", e.InviterID, e.TouchedAt.Add(-time.Hour), e.TouchedAt.Add(time.Hour)), &f.hour, true),
	)
	if err != nil {
		return nil, err
	}
	if f.ring, err = exists(others().Where("inviter_id = ? AND invitee_id = ? AND state NOT IN ?", e.InviteeID, e.InviterID, []string{Refused, Void}), "a ring"); err != nil {
		return nil, err
	}
	return f, silentFriends(tx, e, f)
}

// silentFriends counts the inviter's friends who have joined, and those of them of whom nothing is known since but that. What the
// house itself does about them (segments, journeys, invitations, tags) is nothing that they did.
func silentFriends(tx *gorm.DB, e *model.ReferralEdge, f *signs) error {
	var n struct{ Friends, Active int64 }
	active := "EXISTS (SELECT 1 FROM event_day d WHERE d.customer_id = e.invitee_id AND d.last_at > e.joined_at AND (d.kind LIKE 'order.%' OR d.kind LIKE 'page.%' OR d.kind LIKE 'element.%' " +
		"OR d.kind LIKE 'product.%' OR d.kind LIKE 'cart.%' OR d.kind LIKE 'search.%' OR d.kind LIKE 'content.%' OR d.kind LIKE 'coupon.redeemed' OR d.kind LIKE 'message.%'))"
	err := tx.Table("referral_edge e").Where("e.programme_id = ? AND e.inviter_id = ? AND e.id <> ? AND e.joined_at IS NOT NULL AND e.state <> ?", e.ProgrammeID, e.InviterID, e.ID, Void).
		Select("COUNT(*) AS friends, COALESCE(SUM(CASE WHEN " + active + " THEN 1 ELSE 0 END), 0) AS active").Scan(&n).Error
	f.friends, f.silent = n.Friends, n.Friends-n.Active
	return wrap(err, "look at friends")
}

// edgesOfPair locks the edges of one customer, and those by which another was invited.
func edgesOfPair(tx *gorm.DB, from, to int64) (rows []*model.ReferralEdge, err error) {
	var ids, some []int64
	for _, q := range []*gorm.DB{
		tx.Model(&model.ReferralEdge{}).Where("inviter_id = ?", from), tx.Model(&model.ReferralEdge{}).Where("invitee_id = ?", from),
	} {
		if err := q.Pluck("id", &some).Error; err != nil {
			return nil, fmt.Errorf("find the edges of customer %d: %w", from, err)
		}
		ids = append(ids, some...)
		some = nil
	}
	if len(ids) == 0 {
		return nil, nil
	}
	if err := tx.Model(&model.ReferralEdge{}).Where("invitee_id = ?", to).Pluck("id", &some).Error; err != nil {
		return nil, fmt.Errorf("find the edges of customer %d: %w", to, err)
	}
	if err := model.ForUpdate(model.ByIndex(tx, "referral_edge", model.PrimaryKey)).Where("id IN ?", append(ids, some...)).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("lock the edges of customer %d: %w", from, err)
	}
	return rows, nil
}

func writeEnds(tx *gorm.DB, id int64, e ends) error {
	err := tx.Model(&model.ReferralEdge{}).Where("id = ?", id).
		UpdateColumns(map[string]any{"inviter_id": e.Inviter, "invitee_id": e.Invitee, "spare": e.Spare, "state": e.State, "reason": e.Reason}).Error
	return wrap(err, fmt.Sprintf("move edge %d", id))
}

func edgeOwners(tx *gorm.DB, among []int64) (ids []int64, err error) {
	for _, column := range []string{"inviter_id", "invitee_id"} {
		var some []int64
		if err := tx.Model(&model.ReferralEdge{}).Where(column+" IN ?", among).Distinct().Pluck(column, &some).Error; err != nil {
			return nil, fmt.Errorf("find owners of edges: %w", err)
		}
		ids = append(ids, some...)
	}
	return ids, nil
}
