package referral

import (
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/moderation"
)

// edgesByState counts an inviter's edges in a programme.
func edgesByState(tx *gorm.DB, programmeID, inviterID int64) (map[string]int64, error) {
	return tally(tx.Model(&model.ReferralEdge{}).Where("programme_id = ? AND inviter_id = ?", programmeID, inviterID), "state")
}

// tally counts rows by a column.
func tally(q *gorm.DB, column string) (map[string]int64, error) {
	var rows []struct {
		Name  string
		Times int64
	}
	if err := q.Select(column + " AS name, COUNT(*) AS times").Group(column).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("count by %s: %w", column, err)
	}
	m := make(map[string]int64, len(rows))
	for _, r := range rows {
		m[r.Name] = r.Times
	}
	return m, nil
}

// rewardsOf lists what a customer has earned in a programme.
func rewardsOf(tx *gorm.DB, programmeID, customerID int64) (rows []model.ReferralReward, err error) {
	err = tx.Where("customer_id = ? AND programme_id = ?", customerID, programmeID).Order("role, place, id").Limit(100).Find(&rows).Error
	return rows, wrap(err, "list rewards of a customer")
}

// friendRow is an edge with the invitee's name.
type friendRow struct {
	ID        int64
	InviteeID int64
	Name      string // as the inviter may see it
	State     string
	TouchedAt time.Time
}

func friendsBefore(tx *gorm.DB, programmeID, inviterID, before int64, limit int) (rows []friendRow, err error) {
	q := tx.Model(&model.ReferralEdge{}).Select("referral_edge.id, referral_edge.invitee_id, referral_edge.state, referral_edge.touched_at, COALESCE(c.name, '') AS name").
		Joins("LEFT JOIN customer c ON c.id = referral_edge.invitee_id").
		Where("referral_edge.programme_id = ? AND referral_edge.inviter_id = ? AND referral_edge.state <> ?", programmeID, inviterID, Void)
	if before != 0 {
		q = q.Where("referral_edge.id < ?", before)
	}
	if err := q.Order("referral_edge.id DESC").Limit(limit).Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("list friends: %w", err)
	}
	names := make([]moderation.Saying, len(rows))
	for i, r := range rows {
		names[i] = moderation.Saying{CustomerID: r.InviteeID, Content: r.Name}
	}
	shown, err := moderation.Shown(tx, "name", names...)
	for i := range shown {
		rows[i].Name = shown[i]
	}
	return rows, err
}

func edgesBefore(tx *gorm.DB, f EdgeFilter) (rows []model.ReferralEdge, err error) {
	q := tx.Where("programme_id = ?", f.ProgrammeID)
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.InviterID != 0 {
		q = q.Where("inviter_id = ?", f.InviterID)
	}
	if f.InviteeID != 0 {
		q = q.Where("invitee_id = ?", f.InviteeID)
	}
	if f.MinScore > 0 {
		q = q.Where("score >= ?", f.MinScore)
	}
	if f.Before != 0 {
		q = q.Where("id < ?", f.Before)
	}
	return rows, wrap(q.Order("id DESC").Limit(f.Limit).Find(&rows).Error, "list edges")
}

func rewardsBefore(tx *gorm.DB, f RewardFilter) (rows []model.ReferralReward, err error) {
	q := tx.Where("programme_id = ?", f.ProgrammeID)
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.CustomerID != 0 {
		q = q.Where("customer_id = ?", f.CustomerID)
	}
	if f.Before != 0 {
		q = q.Where("id < ?", f.Before)
	}
	return rows, wrap(q.Order("id DESC").Limit(f.Limit).Find(&rows).Error, "list rewards")
}

// sumEdges counts the edges of a programme.
func sumEdges(tx *gorm.DB, id int64, r *Report) (err error) {
	edges := func() *gorm.DB { return tx.Model(&model.ReferralEdge{}).Where("programme_id = ?", id) }
	if r.ByState, err = tally(edges(), "state"); err != nil {
		return err
	}
	if r.ByReason, err = tally(edges().Where("reason <> ''"), "reason"); err != nil {
		return err
	}
	for state, n := range r.ByState {
		if state != Void {
			r.Touched += n
		}
	}
	r.Newcomers = r.Touched - r.ByReason[ReasonKnown]
	var joined struct{ Joined, Active int64 }
	err = joins(edges()).Select("COUNT(*) AS joined, COUNT(DISTINCT inviter_id) AS active").Scan(&joined).Error
	if err != nil {
		return fmt.Errorf("count who joined: %w", err)
	}
	r.Joined, r.Active = joined.Joined, joined.Active
	err = tx.Model(&model.ReferralCode{}).Where("programme_id = ?", id).Distinct("customer_id").Count(&r.Inviters).Error
	return wrap(err, "count inviters")
}

// joins narrows edges to those of newcomers who did what is asked, whatever became of them; neither refused nor void.
func joins(q *gorm.DB) *gorm.DB {
	return q.Where("joined_at IS NOT NULL AND state NOT IN ?", []string{Refused, Void})
}

func sumRewards(tx *gorm.DB, id int64) (rows []RewardSum, err error) {
	err = tx.Model(&model.ReferralReward{}).Where("programme_id = ?", id).
		Select("role, kind, state, COUNT(*) AS rewards, SUM(points) AS points, SUM(cost_fen) AS cost_fen").Group("role, kind, state").Order("role, kind, state").Scan(&rows).Error
	return rows, wrap(err, "sum rewards")
}

// levelSize counts who joined at a level, from 1: chains of so many edges that begin with somebody whom nobody invited.
func levelSize(tx *gorm.DB, id int64, level int) (n int64, err error) {
	fits := func(e string) string {
		return e + ".joined_at IS NOT NULL AND " + e + ".state NOT IN ('refused', 'void')"
	}
	var sql strings.Builder
	sql.WriteString("SELECT COUNT(*) FROM referral_edge e1")
	for i := 2; i <= level; i++ {
		fmt.Fprintf(&sql, " JOIN referral_edge e%[1]d ON e%[1]d.programme_id = e1.programme_id AND e%[1]d.inviter_id = e%[2]d.invitee_id AND %[3]s", i, i-1, fits(fmt.Sprintf("e%d", i)))
	}
	sql.WriteString(" WHERE e1.programme_id = ? AND " + fits("e1"))
	sql.WriteString(" AND NOT EXISTS (SELECT 1 FROM referral_edge r WHERE r.programme_id = e1.programme_id AND r.invitee_id = e1.inviter_id AND r.spare = 0 AND " + fits("r") + ")")
	return n, wrap(tx.Raw(sql.String(), id).Scan(&n).Error, "count a level")
}

func topInviters(tx *gorm.DB, id int64, limit int) (rows []TopInviter, err error) {
	sum := func(state string) string { return "SUM(CASE WHEN state = '" + state + "' THEN 1 ELSE 0 END)" }
	err = tx.Model(&model.ReferralEdge{}).Where("programme_id = ? AND state <> ?", id, Void).
		Select("inviter_id AS customer_id, " + sum(Counted) + " AS counted, SUM(CASE WHEN joined_at IS NOT NULL AND state <> 'refused' THEN 1 ELSE 0 END) AS joined, " +
			sum(Left) + " AS gone, " + sum(Refused) + " AS refused, " + sum(Review) + " AS held, MAX(score) AS max_score").
		Group("inviter_id").Order("counted DESC, joined DESC, inviter_id").Limit(limit).Scan(&rows).Error
	return rows, wrap(err, "find the inviters of most friends")
}
