package campaign

import (
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
	"zhiyin/service/outreach"
)

func excludedBy(tx *gorm.DB, runID int64) (map[string]int64, error) {
	var rows []struct {
		Excluded string
		N        int64
	}
	err := tx.Model(&model.CampaignMember{}).Select("excluded, COUNT(*) AS n").Where("run_id = ? AND excluded <> ''", runID).Group("excluded").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count who was left out of run %d: %w", runID, err)
	}
	out := map[string]int64{}
	for _, r := range rows {
		out[r.Excluded] = r.N
	}
	return out, nil
}

func armsOfRun(tx *gorm.DB, runID int64) (map[int64]model.CampaignArm, error) {
	var rows []model.CampaignArm
	if err := tx.Where("run_id = ?", runID).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find the arms of run %d: %w", runID, err)
	}
	out := map[int64]model.CampaignArm{}
	for _, r := range rows {
		out[r.VariantID] = r
	}
	return out, nil
}

// runsToCount lists runs whose conversions still count, or have not been counted to the end.
func runsToCount(tx *gorm.DB) (ids []int64, err error) {
	err = tx.Model(&model.CampaignRun{}).Where("count_until IS NOT NULL AND (reported_at IS NULL OR reported_at < count_until)").
		Order("id").Limit(1000).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("list runs to count: %w", err)
	}
	return ids, nil
}

// lastOfPage is the customer with whom the next members of a run end, 0 where these are no customers; after itself when there are no more.
func lastOfPage(tx *gorm.DB, runID, after int64, limit int) (last int64, err error) {
	err = tx.Raw("SELECT COALESCE(MAX(customer_id), ?) FROM (SELECT customer_id FROM campaign_member WHERE run_id = ? AND customer_id > ? ORDER BY customer_id LIMIT ?) page",
		after, runID, after, limit).Scan(&last).Error
	if err != nil {
		return 0, fmt.Errorf("page through run %d: %w", runID, err)
	}
	return last, nil
}

// countArms adds to sums what a page of members did.
func countArms(tx *gorm.DB, q counting, sums armSums) error {
	var rows []struct{ VariantID, Members, Done, Times, Value int64 }
	const these = "m.run_id = ? AND m.customer_id > ? AND m.customer_id <= ? AND m.excluded = ''"
	err := tx.Raw("SELECT m.variant_id, COUNT(*) AS members FROM campaign_member m WHERE "+these+" GROUP BY m.variant_id", q.runID, q.after, q.last).Scan(&rows).Error
	if err != nil {
		return fmt.Errorf("count the members of run %d: %w", q.runID, err)
	}
	for _, r := range rows {
		sums.arm(r.VariantID).Members += r.Members
	}
	if q.kind == "" {
		return nil
	}
	rows = nil
	err = tx.Raw("SELECT m.variant_id, COUNT(DISTINCT m.customer_id) AS done, COUNT(*) AS times, SUM(e.value) AS value FROM campaign_member m"+
		" JOIN event e ON e.customer_id = m.customer_id AND e.occurred_at >= ? AND e.occurred_at < ? AND e.kind = ? WHERE m.customer_id > 0 AND "+these+" GROUP BY m.variant_id",
		q.from, q.to, q.kind, q.runID, q.after, q.last).Scan(&rows).Error
	if err != nil {
		return fmt.Errorf("count the conversions of run %d: %w", q.runID, err)
	}
	for _, r := range rows {
		a := sums.arm(r.VariantID)
		a.Converted += r.Done
		a.Times += r.Times
		a.ValueFen += r.Value
	}
	return nil
}

func storeArms(tx *gorm.DB, runID int64, sums armSums, now time.Time) error {
	for _, a := range sums {
		a.RunID, a.CountedAt = runID, now
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(a).Error; err != nil {
			return fmt.Errorf("store an arm of run %d: %w", runID, err)
		}
	}
	if err := tx.Model(&model.CampaignRun{}).Where("id = ?", runID).UpdateColumn("reported_at", now).Error; err != nil {
		return fmt.Errorf("note that run %d was counted: %w", runID, err)
	}
	return nil
}

// sharesOf shares an audience out to those who follow its customers: whoever met each last, as lastMet says.
func sharesOf(tx *gorm.DB, a Audience, accountID int64) (out []StaffShare, err error) {
	named := append([]int64{0}, a.Customers...)
	err = tx.Raw("SELECT staff_id, COUNT(*) AS customers FROM ("+
		"SELECT r.staff_id, ROW_NUMBER() OVER (PARTITION BY r.customer_id ORDER BY r.added_at DESC, r.id DESC) AS nth FROM "+following+" AND ("+
		"EXISTS (SELECT 1 FROM segment_member s WHERE s.customer_id = r.customer_id AND s.segment_id IN ? AND s.left_at IS NULL) OR r.customer_id IN ?)"+
		" AND NOT EXISTS (SELECT 1 FROM segment_member x WHERE x.customer_id = r.customer_id AND x.segment_id IN ? AND x.left_at IS NULL)"+
		") latest WHERE nth = 1 GROUP BY staff_id ORDER BY customers DESC, staff_id",
		accountID, append([]int64{0}, a.Segments...), named, append([]int64{0}, a.Except...)).Scan(&out).Error
	if err != nil {
		return nil, fmt.Errorf("share an audience out to staff: %w", err)
	}
	return out, nil
}

func visitsOf(tx *gorm.DB, campaignID int64) (n int64, err error) {
	err = tx.Raw("SELECT COALESCE(SUM(d.visits), 0) FROM short_link l JOIN short_link_day d ON d.link_id = l.id WHERE l.campaign_id = ?", campaignID).Scan(&n).Error
	if err != nil {
		return 0, fmt.Errorf("count visits of campaign %d: %w", campaignID, err)
	}
	return n, nil
}

// recipients is a query of whom an audience names, without those it leaves out.
func recipients(a Audience) clause.Expression {
	none := []int64{0}
	if a.to() == outreach.ToGroups {
		return clause.Expr{SQL: "SELECT g.id FROM customer_group g WHERE g.id IN ?", Vars: []any{a.Groups}}
	}
	return clause.Expr{
		SQL: "SELECT c.id FROM customer c WHERE (EXISTS (SELECT 1 FROM segment_member s WHERE s.customer_id = c.id AND s.segment_id IN ? AND s.left_at IS NULL) OR c.id IN ?)" +
			" AND NOT EXISTS (SELECT 1 FROM segment_member x WHERE x.customer_id = c.id AND x.segment_id IN ? AND x.left_at IS NULL)",
		Vars: []any{slices.Concat(none, a.Segments), slices.Concat(none, a.Customers), slices.Concat(none, a.Except)},
	}
}
