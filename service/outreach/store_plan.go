package outreach

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// makeLanes inserts lanes that are not there, and reads the ids of all.
func makeLanes(tx *gorm.DB, lanes map[string]model.DeliveryLane, now time.Time) (map[string]int64, error) {
	rows := slices.SortedFunc(maps.Values(lanes), func(a, b model.DeliveryLane) int { return cmp.Compare(a.Alike, b.Alike) })
	ids := make(map[string]int64, len(rows))
	for part := range slices.Chunk(rows, 500) {
		alike := make([]string, len(part))
		for i := range part {
			part[i].CreatedAt = now
			alike[i] = part[i].Alike
		}
		if err := readLaneIDs(tx, alike, ids); err != nil {
			return nil, err
		}
		part = slices.DeleteFunc(slices.Clone(part), func(l model.DeliveryLane) bool { return ids[l.Alike] != 0 })
		if len(part) == 0 {
			continue
		}
		if err := model.InsertIgnore(tx).Create(part).Error; err != nil {
			return nil, err
		}
		if err := readLaneIDs(tx, alike, ids); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func readLaneIDs(tx *gorm.DB, alike []string, into map[string]int64) error {
	var found []struct {
		ID    int64
		Alike string
	}
	if err := tx.Raw("SELECT id, alike FROM delivery_lane WHERE alike IN ?", alike).Scan(&found).Error; err != nil {
		return err
	}
	for _, l := range found {
		into[l.Alike] = l.ID
	}
	return nil
}

// idOfIntent finds the one delivery of an intent that has no step.
func idOfIntent(tx *gorm.DB, source string, sourceID, customerID int64, occurrence string) (id int64, err error) {
	var row model.Delivery
	err = tx.Select("id").Where("source = ? AND source_id = ? AND step = '' AND customer_id = ? AND occurrence = ?", source, sourceID, customerID, occurrence).Take(&row).Error
	return row.ID, err
}
