package outreach

import (
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// lockDeliveries reads deliveries for a change, in the order of their ids, as every change locks them.
func lockDeliveries(tx *gorm.DB, ids []int64) (rows []model.Delivery, err error) {
	for part := range slices.Chunk(ids, idsAtOnce) {
		var some []model.Delivery
		if err := model.ForUpdate(model.ByIndex(tx, "delivery", model.PrimaryKey)).Where("id IN ?", part).Order("id").Find(&some).Error; err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	return rows, nil
}

// writeReport writes one thing that was told of several locked deliveries.
func writeReport(tx *gorm.DB, k told, ids []int64, now time.Time) error {
	set, args := []string{"state = ?", "class = ?", "code = ?", "reason = ?", "updated_at = ?"}, []any{k.to, k.class, k.code, k.reason, now}
	if k.to.shelf() != k.from.shelf() {
		set, args = append(set, "shelf = ?"), append(args, k.to.shelf())
	}
	if k.to.Left() {
		set, args = append(set, "accepted_at = CASE WHEN accepted_at < ? THEN accepted_at ELSE ? END"), append(args, model.NotAccepted, k.at)
	}
	for _, mark := range []struct {
		state  State
		column string
	}{{Read, "read_at"}, {Clicked, "clicked_at"}, {Converted, "converted_at"}} {
		// A click says that it was read; a conversion says neither.
		if k.to == mark.state || k.to == Clicked && mark.state == Read {
			set, args = append(set, mark.column+" = COALESCE("+mark.column+", ?)"), append(args, k.at)
		}
	}
	for part := range slices.Chunk(ids, idsAtOnce) {
		err := tx.Exec("UPDATE delivery SET "+strings.Join(set, ", ")+" WHERE id IN ?", append(slices.Clone(args), part)...).Error
		if err != nil {
			return err
		}
	}
	return nil
}
