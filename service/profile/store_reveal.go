package profile

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// lastReveal is the number of a staff member's last reveal of a day; 0: none.
func lastReveal(tx *gorm.DB, staffID int64, day int) (ordinal int, err error) {
	err = tx.Model(&model.Reveal{}).Where("staff_id = ? AND day = ?", staffID, day).Select("COALESCE(MAX(ordinal), 0)").Scan(&ordinal).Error
	if err != nil {
		return 0, fmt.Errorf("count reveals: %w", err)
	}
	return ordinal, nil
}

func insertReveal(tx *gorm.DB, row *model.Reveal) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("keep a reveal: %w", err)
	}
	return nil
}

// revealDays counts reveals by staff member and day, from a day on and before another; of everybody when nobody is named. The
// days of one person follow one another, the newest first.
func revealDays(tx *gorm.DB, staffIDs []int64, from, before int) (rows []RevealDay, err error) {
	q := tx.Table("reveal").Select("reveal.staff_id, MAX(staff.name) AS staff_name, reveal.day, MAX(reveal.ordinal) AS reveals").
		Joins("LEFT JOIN staff ON staff.id = reveal.staff_id").Where("reveal.day >= ? AND reveal.day < ?", from, before)
	if staffIDs != nil {
		q = q.Where("reveal.staff_id IN ?", staffIDs)
	}
	err = q.Group("reveal.staff_id, reveal.day").Order("reveal.staff_id, reveal.day DESC").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count reveals: %w", err)
	}
	return rows, nil
}

func listReveals(tx *gorm.DB, f RevealFilter) (rows []KeptReveal, err error) {
	q := tx.Table("reveal").Select("reveal.*, COALESCE(staff.name, '') AS staff_name").Joins("LEFT JOIN staff ON staff.id = reveal.staff_id").
		Order("reveal.id DESC").Limit(f.Limit)
	for condition, value := range map[string]int64{"reveal.staff_id = ?": f.StaffID, "reveal.customer_id = ?": f.CustomerID, "reveal.id < ?": f.Before} {
		if value != 0 {
			q = q.Where(condition, value)
		}
	}
	if !f.From.IsZero() {
		q = q.Where("reveal.revealed_at >= ?", f.From)
	}
	if !f.To.IsZero() {
		q = q.Where("reveal.revealed_at < ?", f.To)
	}
	if err := q.Scan(&rows).Error; err != nil {
		return nil, fmt.Errorf("list reveals: %w", err)
	}
	return rows, nil
}
