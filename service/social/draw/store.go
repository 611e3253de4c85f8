package draw

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func insert(tx *gorm.DB, row any) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert %T: %w", row, err)
	}
	return nil
}

// write stores a draw, which is new or locked by the caller.
func write(tx *gorm.DB, row *model.LuckyDraw) error {
	if row.ID == 0 {
		return insert(tx, row)
	}
	if err := tx.Select("*").UpdateColumns(row).Error; err != nil {
		return fmt.Errorf("save draw %d: %w", row.ID, err)
	}
	return nil
}

func byID(tx *gorm.DB, id int64) (*model.LuckyDraw, error) {
	var row model.LuckyDraw
	err := tx.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find draw %d: %w", id, err)
	}
	return &row, nil
}

func lock(tx *gorm.DB, id int64) (*model.LuckyDraw, error) { return byID(model.ForUpdate(tx), id) }

func get(tx *gorm.DB, id int64) (*Draw, error) {
	row, err := byID(tx, id)
	if err != nil {
		return nil, err
	}
	prizes, err := prizesOf(tx, id)
	return &Draw{*row, prizes}, err
}

func drawsBefore(tx *gorm.DB, open bool, now time.Time, before int64, limit int) (rows []model.LuckyDraw, err error) {
	q := tx.Order("id DESC").Limit(limit)
	if open {
		q = q.Where("state = ? AND valid_from <= ? AND valid_until > ?", StateActive, now, now)
	}
	if before != 0 {
		q = q.Where("id < ?", before)
	}
	if err = q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list draws: %w", err)
	}
	return rows, nil
}

func prizesOf(tx *gorm.DB, id int64) (rows []model.DrawPrize, err error) {
	if err = tx.Where("draw_id = ?", id).Order("place").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list prizes of draw %d: %w", id, err)
	}
	return rows, nil
}

func replacePrizes(tx *gorm.DB, id int64, list []PrizeInput) error {
	if err := tx.Where("draw_id = ?", id).Delete(&model.DrawPrize{}).Error; err != nil {
		return fmt.Errorf("replace prizes of draw %d: %w", id, err)
	}
	rows := make([]model.DrawPrize, len(list))
	for i, p := range list {
		rows[i] = model.DrawPrize{DrawID: id, Place: i, Name: p.Name, Kind: p.Kind, BatchID: p.BatchID, Points: p.Points, Odds: p.Odds, Stock: p.Stock, CostFen: p.CostFen}
	}
	return insert(tx, &rows)
}

// countTry gives the next number to the caller, who holds the draw's row.
func countTry(tx *gorm.DB, row *model.LuckyDraw) error {
	row.Tries++
	if err := tx.Model(&model.LuckyDraw{}).Where("id = ?", row.ID).UpdateColumn("tries", row.Tries).Error; err != nil {
		return fmt.Errorf("count a try of draw %d: %w", row.ID, err)
	}
	return nil
}

// takePrize takes one, unless it is gone.
func takePrize(tx *gorm.DB, id int64) (taken bool, err error) {
	res := tx.Model(&model.DrawPrize{}).Where("id = ? AND (stock = 0 OR taken < stock)", id).UpdateColumn("taken", gorm.Expr("taken + 1"))
	if res.Error != nil {
		return false, fmt.Errorf("take prize %d: %w", id, res.Error)
	}
	return res.RowsAffected == 1, nil
}

// tryByKey finds a try by its key; nil when there is none.
func tryByKey(tx *gorm.DB, key string) (*model.DrawTry, error) {
	var row model.DrawTry
	err := tx.Where("request_key = ?", key).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find a try by its key: %w", err)
	}
	return &row, nil
}

// triesOf counts a customer's tries of a day, and all of them.
func triesOf(tx *gorm.DB, id, customerID int64, day int) (today, all int64, err error) {
	var sums struct{ Today, Total int64 }
	err = tx.Model(&model.DrawTry{}).Where("customer_id = ? AND draw_id = ?", customerID, id).
		Select("COALESCE(SUM(CASE WHEN day = ? THEN 1 ELSE 0 END), 0) AS today, COUNT(*) AS total", day).Scan(&sums).Error
	if err != nil {
		return 0, 0, fmt.Errorf("count tries of draw %d: %w", id, err)
	}
	return sums.Today, sums.Total, nil
}

func triesBefore(tx *gorm.DB, f TryFilter) (rows []model.DrawTry, err error) {
	q := tx.Order("id DESC").Limit(f.Limit)
	if f.DrawID != 0 {
		q = q.Where("draw_id = ?", f.DrawID)
	}
	if f.CustomerID != 0 {
		q = q.Where("customer_id = ?", f.CustomerID)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.Before != 0 {
		q = q.Where("id < ?", f.Before)
	}
	if err = q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list tries: %w", err)
	}
	return rows, nil
}

// triesAfter lists a draw's tries by their numbers.
func triesAfter(tx *gorm.DB, id, after int64, limit int) (rows []model.DrawTry, err error) {
	if err = tx.Where("draw_id = ? AND number > ?", id, after).Order("number").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list tries of draw %d: %w", id, err)
	}
	return rows, nil
}

func handOver(tx *gorm.DB, tryID, staffID int64, note string, now time.Time) error {
	res := tx.Model(&model.DrawTry{}).Where("id = ? AND state = ?", tryID, ToHandOver).
		UpdateColumns(map[string]any{"state": HandedOver, "staff_id": staffID, "note": note, "updated_at": now})
	if res.Error != nil || res.RowsAffected == 1 {
		return res.Error
	}
	var row model.DrawTry
	err := tx.Where("id = ?", tryID).Take(&row).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return ErrNotFound
	case err == nil && row.State != HandedOver:
		return ErrState
	}
	return err
}

func checkedIn(tx *gorm.DB, customerID int64, day int) (bool, error) {
	var n int64
	if err := tx.Model(&model.CheckIn{}).Where("customer_id = ? AND day = ?", customerID, day).Count(&n).Error; err != nil {
		return false, fmt.Errorf("look for a check-in: %w", err)
	}
	return n > 0, nil
}

func paidSince(tx *gorm.DB, customerID int64, from time.Time) (bool, error) {
	var n int64
	err := tx.Model(&model.CustomerOrder{}).Where("customer_id = ? AND paid_at >= ? AND status NOT IN ('awaited', 'cancelled') AND paid_fen > refunded_fen", customerID, from).
		Limit(1).Count(&n).Error
	if err != nil {
		return false, fmt.Errorf("look for an order: %w", err)
	}
	return n > 0, nil
}

// drawsOver are draws above an id that could be tried and whose time is over.
func drawsOver(tx *gorm.DB, now time.Time, after int64, limit int) (ids []int64, err error) {
	err = tx.Model(&model.LuckyDraw{}).Where("state IN ? AND valid_until <= ? AND id > ?", []string{StateActive, StatePaused}, now, after).
		Order("id").Limit(limit).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find draws whose time is over: %w", err)
	}
	return ids, nil
}
