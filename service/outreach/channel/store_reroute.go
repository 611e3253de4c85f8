package channel

import (
	"encoding/json"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

func waitingTasks(tx *gorm.DB, source string, sourceID int64) ([]model.SenderTask, error) {
	var rows []model.SenderTask
	err := tx.Select(lightTask).Where("source = ? AND source_id = ? AND status = ?", source, sourceID, TaskWaiting).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find tasks of %s %d: %w", source, sourceID, err)
	}
	return rows, nil
}

// plannedDelivery is a delivery with what its lane says.
type plannedDelivery struct {
	model.Delivery
	Topic         string
	Transactional bool
	Targeted      bool
	Priority      int
}

func (d *plannedDelivery) values() map[string]string {
	var values map[string]string
	if d.Vars != "" {
		_ = json.Unmarshal([]byte(d.Vars), &values) // the ledger wrote it
	}
	return values
}

func deliveriesOf(tx *gorm.DB, ids []int64) ([]plannedDelivery, error) {
	var all []plannedDelivery
	for part := range slices.Chunk(ids, statementPart) {
		var rows []plannedDelivery
		err := tx.Table("delivery AS d").Select("d.*, l.topic, l.transactional, l.targeted, l.priority").
			Joins("JOIN delivery_lane AS l ON l.id = d.lane_id").Where("d.id IN ?", part).Order("d.id").Scan(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("read deliveries: %w", err)
		}
		all = append(all, rows...)
	}
	return all, nil
}

// askedBefore tells which senders a source has tried for customers already.
func askedBefore(tx *gorm.DB, t *model.SenderTask, customerIDs []int64) (map[int64]map[int64]bool, error) {
	out := map[int64]map[int64]bool{}
	for part := range slices.Chunk(customerIDs, statementPart) {
		var rows []struct{ CustomerID, StaffID int64 }
		err := tx.Table("delivery AS d").Select("d.customer_id, l.staff_id").Joins("JOIN delivery_lane AS l ON l.id = d.lane_id").
			Where("d.customer_id IN ? AND d.source = ? AND d.source_id = ? AND l.channel = ?", part, t.Source, t.SourceID, NameMass).Scan(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("find senders who were asked: %w", err)
		}
		for _, r := range rows {
			if out[r.CustomerID] == nil {
				out[r.CustomerID] = map[int64]bool{}
			}
			out[r.CustomerID][r.StaffID] = true
		}
	}
	return out, nil
}
