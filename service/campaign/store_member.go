package campaign

import (
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
)

// membersAfter reads the next members of a run in the order of their ids, those left whom their own row already rules out.
func membersAfter(tx *gorm.DB, runID int64, f MemberFilter, limit int) (rows []model.CampaignMember, err error) {
	q := tx.Where("run_id = ?", runID)
	if at := f.After; at != (MemberPlace{}) {
		q = q.Where("customer_id >= ? AND (customer_id > ? OR target_id > ?)", at.CustomerID, at.CustomerID, at.TargetID)
	}
	if f.VariantID != 0 {
		q = q.Where("variant_id = ?", f.VariantID)
	}
	switch f.Outcome {
	case "":
	case OutcomeExcluded:
		q = q.Where("excluded <> ''")
	case OutcomeHeldOut:
		q = q.Where("variant_id = 0 AND excluded = ''")
	default:
		q = q.Where("variant_id > 0 AND excluded = ''")
	}
	if err = q.Order("customer_id, target_id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list members of run %d: %w", runID, err)
	}
	return rows, nil
}

// sentTo is a message with whom it goes to.
type sentTo struct {
	model.Delivery
	place MemberPlace
}

// deliveriesTo finds the messages of one variant to members, by the ledger's unique key.
func deliveriesTo(tx *gorm.DB, run *model.CampaignRun, step string, to outreach.To, members []model.CampaignMember) (out []sentTo, err error) {
	ids := make([]int64, len(members))
	for i, m := range members {
		if ids[i] = m.TargetID; m.CustomerID != 0 {
			ids[i] = m.CustomerID
		}
	}
	occurrences, writer := []string{Occurrence(run.Number)}, map[string]int64{}
	q := tx.Where("source = ? AND source_id = ? AND step = ?", Source, run.CampaignID, step)
	switch to {
	case outreach.ToGroups:
		q = q.Where("customer_id = 0 AND group_id IN ?", ids)
	case outreach.ToStaff:
		for _, id := range ids {
			writer[staffOccurrence(run, id)] = id
		}
		occurrences = slices.Collect(maps.Keys(writer))
		q = q.Where("customer_id = 0 AND group_id = 0")
	default:
		q = q.Where("customer_id IN ? AND group_id = 0", ids)
	}
	var rows []model.Delivery
	if err = q.Where("occurrence IN ?", occurrences).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find the messages of run %d: %w", run.ID, err)
	}
	for _, d := range rows {
		at := MemberPlace{CustomerID: d.CustomerID}
		if d.CustomerID == 0 {
			at.TargetID = max(d.GroupID, writer[d.Occurrence])
		}
		out = append(out, sentTo{d, at})
	}
	return out, nil
}
