package customer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func joinTrade(stays *model.CustomerTrade, goes model.CustomerTrade) {
	stays.Orders += goes.Orders
	stays.PaidFen += goes.PaidFen
	stays.RefundedFen += goes.RefundedFen
	stays.FirstPaidAt, stays.LastPaidAt = earlier(stays.FirstPaidAt, goes.FirstPaidAt), later(stays.LastPaidAt, goes.LastPaidAt)
	stays.UpdatedAt = *later(&stays.UpdatedAt, &goes.UpdatedAt)
}

// partTrade takes away what went with the other; the orders are back with them by now.
func partTrade(tx *gorm.DB, now *model.CustomerTrade, _, goes model.CustomerTrade) error {
	now.Orders -= goes.Orders
	now.PaidFen -= goes.PaidFen
	now.RefundedFen -= goes.RefundedFen
	var err error
	now.FirstPaidAt, now.LastPaidAt, err = paidBetween(tx, now.CustomerID)
	return err
}

// days moves the daily counts, which have no id of their own.
type days struct{}

// Name implements Mover.
func (days) Name() string { return "event_day" }

// Owners tells which of many customers have counts.
func (days) Owners(db *gorm.DB, among []int64) (ids []int64, err error) {
	return table[model.EventDay]{plain: "event_day"}.Owners(db, among)
}

// dayJoint is a count that went over; Before is nil when the other had none of the kind.
type dayJoint struct {
	Gone   model.EventDay  `json:"gone"`
	Before *model.EventDay `json:"before,omitempty"`
	After  model.EventDay  `json:"after"`
}

func dayKey(d *model.EventDay) string { return strconv.Itoa(d.Day) + "|" + d.Kind + "|" + d.Item }

// Move implements Mover.
func (m days) Move(tx *gorm.DB, from, to int64) ([][]byte, error) {
	goes, err := lockDays(tx, from)
	if err != nil || len(goes) == 0 {
		return nil, err
	}
	stays, err := daysByKey(tx, to)
	if err != nil {
		return nil, err
	}
	joints := make([]dayJoint, len(goes))
	for i, d := range goes {
		before := stays[dayKey(&d)]
		joints[i] = dayJoint{Gone: d, Before: before, After: together(before, d, to)}
	}
	if err := tx.Where("customer_id = ?", from).Delete(&model.EventDay{}).Error; err != nil {
		return nil, fmt.Errorf("move daily counts: %w", err)
	}
	if err := putDays(tx, joints, stays, func(j dayJoint) model.EventDay { return j.After }); err != nil {
		return nil, err
	}
	var parts [][]byte
	for some := range slices.Chunk(joints, journalPart/10) {
		parts = append(parts, mustJSON(some))
	}
	return parts, nil
}

// together is the count of both; before is nil when there is but one.
func together(before *model.EventDay, goes model.EventDay, to int64) model.EventDay {
	if before == nil {
		return model.EventDay{
			CustomerID: to, Kind: goes.Kind, Item: goes.Item, Day: goes.Day, Times: goes.Times, Value: goes.Value, FirstAt: goes.FirstAt, LastAt: goes.LastAt,
		}
	}
	after := *before
	after.Times += goes.Times
	after.Value += goes.Value
	after.FirstAt, after.LastAt = *earlier(&after.FirstAt, &goes.FirstAt), *later(&after.LastAt, &goes.LastAt)
	return after
}

// Undo implements Mover. The events are back with the other by now.
func (m days) Undo(tx *gorm.DB, from, to int64, journal []byte) error {
	var joints []dayJoint
	if err := json.Unmarshal(journal, &joints); err != nil {
		return fmt.Errorf("read the journal of event_day: %w", err)
	}
	back, err := daysByKey(tx, from) // what was written late, under the name that stood no more
	if err != nil {
		return err
	}
	if err := putDays(tx, joints, back, func(j dayJoint) model.EventDay { return together(back[dayKey(&j.Gone)], j.Gone, from) }); err != nil {
		return err
	}
	stays, err := daysByKey(tx, to)
	if err != nil {
		return err
	}
	for _, j := range joints {
		if now := stays[dayKey(&j.After)]; now != nil {
			if err := m.without(tx, now, j); err != nil {
				return err
			}
		}
	}
	return nil
}

// without makes a count what it is without what went with the other.
func (days) without(tx *gorm.DB, now *model.EventDay, j dayJoint) error {
	if sameCount(now, &j.After) && j.Before != nil {
		return updateDay(tx, j.Before)
	}
	now.Times -= j.Gone.Times
	now.Value -= j.Gone.Value
	if now.Times <= 0 {
		return dayRow(tx, now).Delete(&model.EventDay{}).Error
	}
	first, last, err := happenedBetween(tx, now)
	if err != nil {
		return err
	}
	if first != nil { // events are forgotten sooner than their counts
		now.FirstAt, now.LastAt = *first, *last
	}
	if j.Before != nil {
		now.FirstAt, now.LastAt = *earlier(&now.FirstAt, &j.Before.FirstAt), *later(&now.LastAt, &j.Before.LastAt)
	}
	return updateDay(tx, now)
}

func sameCount(a, b *model.EventDay) bool {
	return a.Times == b.Times && a.Value == b.Value && a.FirstAt.Equal(b.FirstAt) && a.LastAt.Equal(b.LastAt)
}

// putDays writes what pick makes of each joint, over the counts that are there.
func putDays(tx *gorm.DB, joints []dayJoint, there map[string]*model.EventDay, pick func(dayJoint) model.EventDay) error {
	var fresh []model.EventDay
	for _, j := range joints {
		d := pick(j)
		if there[dayKey(&d)] == nil {
			fresh = append(fresh, d)
		} else if err := updateDay(tx, &d); err != nil {
			return err
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := tx.CreateInBatches(fresh, 500).Error; err != nil {
		return fmt.Errorf("write daily counts: %w", err)
	}
	return nil
}

func dayRow(tx *gorm.DB, d *model.EventDay) *gorm.DB {
	return tx.Model(&model.EventDay{}).Where("customer_id = ? AND kind = ? AND item = ? AND day = ?", d.CustomerID, d.Kind, d.Item, d.Day)
}

func updateDay(tx *gorm.DB, d *model.EventDay) error {
	err := dayRow(tx, d).UpdateColumns(map[string]any{"times": d.Times, "value": d.Value, "first_at": d.FirstAt, "last_at": d.LastAt}).Error
	if err != nil {
		return fmt.Errorf("write a daily count: %w", err)
	}
	return nil
}

func lockDays(tx *gorm.DB, customerID int64) (rows []model.EventDay, err error) {
	if err = model.ForUpdate(tx).Where("customer_id = ?", customerID).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("lock daily counts: %w", err)
	}
	return rows, nil
}

func daysByKey(tx *gorm.DB, customerID int64) (map[string]*model.EventDay, error) {
	rows, err := lockDays(tx, customerID)
	out := make(map[string]*model.EventDay, len(rows))
	for i := range rows {
		out[dayKey(&rows[i])] = &rows[i]
	}
	return out, err
}

// paidBetween is when a customer's orders that count were first and last paid.
func paidBetween(tx *gorm.DB, customerID int64) (first, last *time.Time, err error) {
	var rows []model.CustomerOrder
	q := tx.Select("paid_at").Where("customer_id = ? AND paid_at IS NOT NULL AND status <> 'cancelled'", customerID)
	for _, order := range []string{"paid_at", "paid_at DESC"} {
		var row []model.CustomerOrder
		if err := q.Session(&gorm.Session{}).Order(order).Limit(1).Find(&row).Error; err != nil {
			return nil, nil, fmt.Errorf("find paid orders: %w", err)
		}
		rows = append(rows, row...)
	}
	if len(rows) == 0 {
		return nil, nil, nil
	}
	return rows[0].PaidAt, rows[len(rows)-1].PaidAt, nil
}

// happenedBetween is when the events that a count is about first and last happened, as far as they are
// kept and lie between the first and the last that the count knows: a day of business has no other bounds
// here.
func happenedBetween(tx *gorm.DB, d *model.EventDay) (first, last *time.Time, err error) {
	var all []model.Event
	err = tx.Select("occurred_at").Where("customer_id = ? AND kind = ? AND item = ? AND occurred_at BETWEEN ? AND ?",
		d.CustomerID, d.Kind, d.Item, d.FirstAt, d.LastAt).Order("occurred_at").Find(&all).Error
	if err != nil || len(all) == 0 {
		return nil, nil, err
	}
	return &all[0].OccurredAt, &all[len(all)-1].OccurredAt, nil
}

// joinTouch keeps the earlier of two first touches, and the later of two last ones.
func joinTouch(stays *model.CustomerTouch, goes model.CustomerTouch) {
	better := goes.TouchedAt.After(stays.TouchedAt)
	if stays.Place == "first" {
		better = goes.TouchedAt.Before(stays.TouchedAt)
	}
	if better {
		id, owner := stays.ID, stays.CustomerID
		*stays = goes
		stays.ID, stays.CustomerID = id, owner
	}
}

// joinBook puts one book behind the other: the governor reads lines in any order.
func joinBook(stays *model.ContactBook, goes model.ContactBook) {
	stays.Marks = strings.TrimPrefix(stays.Marks+"\n"+goes.Marks, "\n")
	stays.UpdatedAt = *later(&stays.UpdatedAt, &goes.UpdatedAt)
}

// partBook takes the lines of the one who leaves out again.
func partBook(_ *gorm.DB, now *model.ContactBook, _, goes model.ContactBook) error {
	theirs := strings.Split(goes.Marks, "\n")
	lines := slices.DeleteFunc(strings.Split(now.Marks, "\n"), func(l string) bool { return slices.Contains(theirs, l) })
	now.Marks = strings.Join(lines, "\n")
	return nil
}
