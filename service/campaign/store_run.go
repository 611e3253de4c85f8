package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
)

// openStates are those of runs that have not ended.
var openStates = []string{RunFreezing, RunCanary, RunPlanning, RunSending, RunHalted}

func runByID(tx *gorm.DB, id int64) (*model.CampaignRun, error) {
	var row model.CampaignRun
	err := tx.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrRunNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find run %d: %w", id, err)
	}
	return &row, nil
}

func lockRun(tx *gorm.DB, id int64) (*model.CampaignRun, error) {
	return runByID(model.ForUpdate(tx), id)
}

func runsBefore(tx *gorm.DB, campaignID, before int64, limit int) (rows []model.CampaignRun, err error) {
	q := tx.Where("campaign_id = ?", campaignID).Order("number DESC").Limit(limit)
	if before != 0 {
		q = q.Where("number < ?", before)
	}
	if err = q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list runs of campaign %d: %w", campaignID, err)
	}
	return rows, nil
}

// runsOf lists a campaign's runs that are in one of the states.
func runsOf(tx *gorm.DB, campaignID int64, states ...string) (rows []model.CampaignRun, err error) {
	if err = tx.Where("campaign_id = ? AND state IN ?", campaignID, states).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list runs of campaign %d: %w", campaignID, err)
	}
	return rows, nil
}

func runsIn(tx *gorm.DB, state string) (rows []model.CampaignRun, err error) {
	if err = tx.Where("state = ?", state).Order("id").Limit(500).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list runs that are %s: %w", state, err)
	}
	return rows, nil
}

func openRuns(tx *gorm.DB, campaignID int64) (n int64, err error) {
	if err = tx.Model(&model.CampaignRun{}).Where("campaign_id = ? AND state IN ?", campaignID, openStates).Count(&n).Error; err != nil {
		return 0, fmt.Errorf("count open runs of campaign %d: %w", campaignID, err)
	}
	return n, nil
}

// audienceAfter gives the next of those an audience holds, by their ids. Excepted ones are among them.
func audienceAfter(tx *gorm.DB, a Audience, after int64, limit int) (ids []int64, err error) {
	if len(a.Segments) > 0 {
		err = tx.Model(&model.SegmentMember{}).Distinct("customer_id").
			Where("segment_id IN ? AND left_at IS NULL AND customer_id > ?", a.Segments, after).
			Order("customer_id").Limit(limit).Pluck("customer_id", &ids).Error
		if err != nil {
			return nil, fmt.Errorf("list an audience: %w", err)
		}
	}
	ids = append(ids, tail(a.Customers, after)...)
	ids = append(ids, tail(a.Groups, after)...)
	ids = append(ids, tail(a.Staff, after)...)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), limit)], nil
}

// tail is what comes after an id in a list that is in order.
func tail(ids []int64, after int64) []int64 {
	i, _ := slices.BinarySearch(ids, after+1)
	return ids[i:]
}

// statementPart bounds how many customers one statement names.
const statementPart = 1000

// lastMet says who of an account's staff met each customer last and still follows them, as the platform chooses where nobody is named.
func lastMet(tx *gorm.DB, accountID int64, customerIDs []int64) (map[int64]int64, error) {
	out := make(map[int64]int64, len(customerIDs))
	for part := range slices.Chunk(customerIDs, statementPart) {
		var rows []struct{ CustomerID, StaffID int64 }
		err := tx.Raw("SELECT r.customer_id, r.staff_id FROM "+following+" AND r.customer_id IN ? ORDER BY r.added_at, r.id", accountID, part).Scan(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("find who follows an audience: %w", err)
		}
		for _, r := range rows {
			out[r.CustomerID] = r.StaffID
		}
	}
	return out, nil
}

// following are the relations r of an account in which somebody can be written to.
const following = "relation r JOIN staff f ON f.id = r.staff_id AND f.gone_at IS NULL WHERE r.account_id = ? AND r.status = 'active'"

func exceptedOf(tx *gorm.DB, segments, ids []int64) (map[int64]bool, error) {
	out := map[int64]bool{}
	if len(segments) == 0 || len(ids) == 0 {
		return out, nil
	}
	var found []int64
	err := tx.Model(&model.SegmentMember{}).Distinct("customer_id").
		Where("segment_id IN ? AND left_at IS NULL AND customer_id BETWEEN ? AND ?", segments, ids[0], ids[len(ids)-1]).
		Pluck("customer_id", &found).Error
	if err != nil {
		return nil, fmt.Errorf("find who is left out: %w", err)
	}
	for _, id := range found {
		out[id] = true
	}
	return out, nil
}

// countAudience counts those an audience holds, without those it leaves out.
func countAudience(tx *gorm.DB, a Audience) (n int64, err error) {
	if a.to() != outreach.ToCustomers {
		return int64(len(a.Groups) + len(a.Staff)), nil
	}
	if len(a.Segments) > 0 {
		q := tx.Model(&model.SegmentMember{}).Where("segment_id IN ? AND left_at IS NULL", a.Segments)
		if len(a.Except) > 0 {
			q = q.Where("NOT EXISTS (SELECT 1 FROM segment_member x WHERE x.customer_id = segment_member.customer_id AND x.segment_id IN ? AND x.left_at IS NULL)", a.Except)
		}
		if err = q.Distinct("customer_id").Count(&n).Error; err != nil {
			return 0, fmt.Errorf("count an audience: %w", err)
		}
	}
	if len(a.Customers) == 0 {
		return n, nil
	}
	// Of a list those are counted who are in none of the segments, so that nobody counts twice.
	var in []int64
	err = tx.Model(&model.SegmentMember{}).Distinct("customer_id").
		Where("customer_id IN ? AND segment_id IN ? AND left_at IS NULL", a.Customers, slices.Concat(a.Segments, a.Except, []int64{0})).
		Pluck("customer_id", &in).Error
	if err != nil {
		return 0, fmt.Errorf("count a list: %w", err)
	}
	return n + int64(len(a.Customers)-len(in)), nil
}

// insertMembers writes many rows with few statements: a run's audience may be a million.
func insertMembers(tx *gorm.DB, rows []model.CampaignMember) error {
	const columns, atOnce = 6, 1000
	for part := range slices.Chunk(rows, atOnce) {
		var sql strings.Builder
		sql.WriteString("INSERT INTO campaign_member (run_id, customer_id, target_id, variant_id, canary, excluded) VALUES ")
		args := make([]any, 0, len(part)*columns)
		for i, r := range part {
			if i > 0 {
				sql.WriteByte(',')
			}
			sql.WriteString("(?,?,?,?,?,?)")
			args = append(args, r.RunID, r.CustomerID, r.TargetID, r.VariantID, r.Canary, r.Excluded)
		}
		if err := tx.Exec(sql.String(), args...).Error; err != nil {
			return fmt.Errorf("freeze an audience: %w", err)
		}
	}
	return nil
}

// goneSince counts those of a run's few who have left a staff member, or refused messages, since a time.
func goneSince(tx *gorm.DB, runID int64, since time.Time) (n int64, err error) {
	err = tx.Model(&model.CampaignMember{}).Where("run_id = ? AND canary = ? AND variant_id > 0", runID, true).
		Where("EXISTS (SELECT 1 FROM event e WHERE e.customer_id = campaign_member.customer_id AND e.occurred_at >= ? AND e.kind = 'customer.left')"+
			" OR EXISTS (SELECT 1 FROM contact_choice c WHERE c.customer_id = campaign_member.customer_id AND c.created_at >= ? AND c.choice = 'none')", since, since).
		Count(&n).Error
	if err != nil {
		return 0, fmt.Errorf("count who has left since run %d began: %w", runID, err)
	}
	return n, nil
}

// missingOf names the part of a definition that names something which is gone; empty: none.
func missingOf(tx *gorm.DB, d *Definition) (string, error) {
	a := d.Audience
	for _, part := range []struct {
		name  string
		ids   []int64
		table any
		cond  string
	}{
		{"audience.segments", a.Segments, &model.Segment{}, "gone_at IS NULL"},
		{"audience.except", a.Except, &model.Segment{}, "gone_at IS NULL"},
		{"audience.customers", a.Customers, &model.Customer{}, "1 = 1"},
		{"audience.groups", a.Groups, &model.CustomerGroup{}, "1 = 1"},
		{"audience.staff", a.Staff, &model.Staff{}, "1 = 1"},
		{"variants", d.batches(), &model.CouponBatch{}, "state <> 'ended'"},
		{"account_id", []int64{d.AccountID}, &model.Account{}, "1 = 1"},
	} {
		for ids := range slices.Chunk(part.ids, 500) {
			var n int64
			if err := tx.Model(part.table).Where("id IN ?", ids).Where(part.cond).Count(&n).Error; err != nil {
				return "", fmt.Errorf("look up %s: %w", part.name, err)
			}
			if n != int64(len(ids)) {
				return part.name, nil
			}
		}
	}
	return "", nil
}

// unbuilt tells whether a segment of an audience is gone, or nobody knows yet who is in it.
func unbuilt(ctx context.Context, db *gorm.DB, a Audience) (bool, error) {
	ids := slices.Concat(a.Segments, a.Except)
	if len(ids) == 0 {
		return false, nil
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var n int64
	err := db.WithContext(ctx).Model(&model.Segment{}).Where("id IN ? AND gone_at IS NULL AND (kind <> 'dynamic' OR built_version > 0)", ids).Count(&n).Error
	if err != nil {
		return false, fmt.Errorf("look at the segments of an audience: %w", err)
	}
	return n != int64(len(ids)), nil
}

// targetsToPlan gives the groups, or the staff, of a run that get a message: the few that are tried first, or the others.
func targetsToPlan(tx *gorm.DB, runID int64, few bool) (rows []model.CampaignMember, err error) {
	err = tx.Where("run_id = ? AND customer_id = 0 AND variant_id > 0 AND excluded = '' AND canary = ?", runID, few).Order("target_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list targets of run %d: %w", runID, err)
	}
	return rows, nil
}
