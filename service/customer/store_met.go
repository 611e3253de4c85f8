package customer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// mostStreams is for how many staff the latest relations are read one staff member after another.
const mostStreams = 20

// listMet lists customers by when staff in scope met them, the latest first. For a few staff the latest relations of each and each
// status are read from the end of an index, as many as a page holds, so a page costs the same however many customers
// they have; when they are many, relations of all staff are walked from the latest on, because most fit.
func listMet(tx *gorm.DB, sc scope, f Filter, at cursor, now time.Time) ([]listed, error) {
	who, statuses := sc.staffIDs, followed
	if len(f.StaffIDs) > 0 {
		who = slices.DeleteFunc(slices.Clone(who), func(id int64) bool { return !slices.Contains(f.StaffIDs, id) })
	}
	if f.Status != "" {
		statuses = slices.DeleteFunc(slices.Clone(statuses), func(s string) bool { return s != f.Status })
	}
	if len(who) == 0 || len(statuses) == 0 {
		return nil, nil
	}
	f.StaffIDs, f.Status = nil, ""
	fits := append(f.ofRelations(), condition{"relation.staff_id IN ? AND relation.status IN ?", []any{who, statuses}})
	stream := func(of ...condition) *gorm.DB {
		q := f.people(tx.Table("relation").Joins("JOIN customer ON customer.id = relation.customer_id"), tx, sc, now)
		for _, c := range append(f.ofRelations(), of...) {
			q = q.Where(c.sql, c.args...)
		}
		q = q.Where("NOT EXISTS (?)", metLater(tx, fits))
		if !at.isZero() {
			q = q.Where("relation.added_at <= ? AND (relation.added_at < ? OR relation.id < ?)", at.at, at.at, at.id)
		}
		return q.Select("relation.id").Order("relation.added_at DESC, relation.id DESC").Limit(f.Limit + 1)
	}
	var streams []any
	if len(who) > mostStreams {
		streams = append(streams, stream(condition{"relation.staff_id IN ? AND relation.status IN ?", []any{who, statuses}}))
	} else {
		for _, id := range who {
			for _, status := range statuses {
				streams = append(streams, stream(condition{"relation.staff_id = ? AND relation.status = ?", []any{id, status}}))
			}
		}
	}
	parts := make([]string, len(streams))
	for i := range parts {
		parts[i] = fmt.Sprintf("SELECT id FROM (?) AS s%d", i)
	}
	var rows []struct {
		model.Customer
		MetID int64
		MetAt time.Time
	}
	err := tx.Table("(?) AS met", tx.Raw(strings.Join(parts, " UNION ALL "), streams...)).
		Joins("JOIN relation ON relation.id = met.id JOIN customer ON customer.id = relation.customer_id").
		Select("customer.*, relation.id AS met_id, relation.added_at AS met_at").
		Order("relation.added_at DESC, relation.id DESC").Limit(f.Limit + 1).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list customers: %w", err)
	}
	out := make([]listed, len(rows))
	for i, r := range rows {
		out[i] = listed{r.Customer, cursor{r.MetAt, r.MetID}}
	}
	return out, nil
}

// metLater selects the relations of the same customer that fit too and come before this one in the list: each customer stands
// there once.
func metLater(tx *gorm.DB, fits []condition) *gorm.DB {
	q := tx.Table("relation AS later").Select("1").Where("later.customer_id = relation.customer_id").
		Where("(later.added_at > relation.added_at OR later.added_at = relation.added_at AND later.id > relation.id)")
	for _, c := range fits {
		q = q.Where(strings.ReplaceAll(c.sql, "relation.", "later."), c.args...)
	}
	return q
}
