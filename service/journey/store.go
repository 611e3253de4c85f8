package journey

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

func journeyByID(tx *gorm.DB, id int64) (*model.Journey, error) {
	var row model.Journey
	err := tx.Where("id = ? AND gone_at IS NULL", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find journey %d: %w", id, err)
	}
	return &row, nil
}

// lockJourney reads and locks a journey. Who enters and what state it is in changes under this lock alone.
func lockJourney(tx *gorm.DB, id int64) (*model.Journey, error) {
	return journeyByID(model.ForUpdate(tx), id)
}

func saveJourney(tx *gorm.DB, row *model.Journey, columns ...string) error {
	if err := tx.Model(row).Select(columns).Updates(row).Error; err != nil {
		return fmt.Errorf("save journey %d: %w", row.ID, err)
	}
	return nil
}

func journeysIn(tx *gorm.DB, states ...string) (rows []model.Journey, err error) {
	err = tx.Omit("draft").Where("state IN ? AND gone_at IS NULL", states).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list journeys: %w", err)
	}
	return rows, nil
}

func versionOf(tx *gorm.DB, journey int64, number int) (*model.JourneyVersion, error) {
	var row model.JourneyVersion
	err := tx.Where("journey_id = ? AND number = ?", journey, number).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrVersion
	}
	if err != nil {
		return nil, fmt.Errorf("find version %d of journey %d: %w", number, journey, err)
	}
	return &row, nil
}

// liveVersions gives the versions that customers may be on, without their definitions.
func liveVersions(tx *gorm.DB) (rows []model.JourneyVersion, err error) {
	err = tx.Select("id", "journey_id", "number").Where("live = ?", true).Order("journey_id, number").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list versions of journeys: %w", err)
	}
	return rows, nil
}

func versionsOf(tx *gorm.DB, journey int64) (rows []model.JourneyVersion, err error) {
	if err = tx.Where("journey_id = ?", journey).Order("number DESC").Limit(200).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list versions of journey %d: %w", journey, err)
	}
	return rows, nil
}

func setLive(tx *gorm.DB, version int64, live bool) error {
	if err := tx.Model(&model.JourneyVersion{}).Where("id = ?", version).UpdateColumn("live", live).Error; err != nil {
		return fmt.Errorf("note version %d: %w", version, err)
	}
	return nil
}

// presentIn tells which rows of a table are there and not gone.
func presentIn(tx *gorm.DB, table string, ids []int64) (map[int64]bool, error) {
	q := tx.Table(table).Where("id IN ?", ids)
	if goneColumn[table] {
		q = q.Where("gone_at IS NULL")
	}
	var found []int64
	if err := q.Pluck("id", &found).Error; err != nil {
		return nil, fmt.Errorf("find rows of %s: %w", table, err)
	}
	out := map[int64]bool{}
	for _, id := range found {
		out[id] = true
	}
	return out, nil
}

// earliest tells when the first of a journey's enrolments is due; nil: nobody is on the way.
func earliest(tx *gorm.DB, journey int64) (*time.Time, error) {
	var rows []model.Enrolment
	err := tx.Select("due_at").Where("journey_id = ? AND state = ?", journey, Running).Order("due_at").Limit(1).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0].DueAt, nil
}

// dueIDs gives enrolments whose time has come, the longest overdue first. It locks nothing: whoever takes them looks again.
func dueIDs(tx *gorm.DB, journey int64, now time.Time, stripe, stripes, limit int) (ids []int64, err error) {
	q := tx.Model(&model.Enrolment{}).Where("journey_id = ? AND state = ? AND due_at <= ?", journey, Running, now)
	if stripes > 1 {
		q = q.Where("id % ? = ?", stripes, stripe)
	}
	if err = q.Order("due_at").Limit(limit).Pluck("id", &ids).Error; err != nil {
		return nil, fmt.Errorf("find enrolments that are due: %w", err)
	}
	return ids, nil
}

// takeDue locks those that are still due and reads them: of two who found the same, the later finds none.
func takeDue(tx *gorm.DB, ids []int64, now time.Time) (rows []model.Enrolment, err error) {
	err = model.ForUpdate(model.ByIndex(tx, "enrolment", model.PrimaryKey)).Where("id IN ? AND state = ? AND due_at <= ?", ids, Running, now).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("take enrolments: %w", err)
	}
	return rows, nil
}

// lockEnrolments locks and reads those that are there.
func lockEnrolments(tx *gorm.DB, ids []int64) (rows []model.Enrolment, err error) {
	if err = model.ForUpdate(model.ByIndex(tx, "enrolment", model.PrimaryKey)).Where("id IN ?", ids).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("take enrolments: %w", err)
	}
	return rows, nil
}

// place is what a pass changes in an enrolment. Those that change alike are written together.
type place struct {
	State, Node, Wake, Reason string
	Visit                     int
	Arrived, Due, Ended, Goal int64 // in ms; 0: none
}

func placeOf(e *model.Enrolment) place {
	return place{e.State, e.Node, e.Wake, e.Reason, e.Visit, e.ArrivedAt.UnixMilli(), e.DueAt.UnixMilli(), milli(e.EndedAt), milli(e.GoalAt)}
}

func milli(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}

// moveTo writes where enrolments are now.
func moveTo(tx *gorm.DB, p place, ids []int64, now time.Time) error {
	err := tx.Model(&model.Enrolment{}).Where("id IN ?", ids).UpdateColumns(map[string]any{
		"state": p.State, "node": p.Node, "wake": p.Wake, "reason": p.Reason, "visit": p.Visit, "arrived_at": *moment(p.Arrived), "due_at": *moment(p.Due),
		"ended_at": moment(p.Ended), "goal_at": moment(p.Goal), "tries": 0, "fence": gorm.Expr("fence + 1"), "updated_at": now,
	}).Error
	if err != nil {
		return fmt.Errorf("move enrolments: %w", err)
	}
	return nil
}

// setAside notes that a step has failed.
func setAside(tx *gorm.DB, e *model.Enrolment) error {
	err := tx.Model(e).Where("fence = ? AND state = ?", e.Fence, Running).UpdateColumns(map[string]any{
		"state": e.State, "tries": e.Tries, "due_at": e.DueAt, "reason": e.Reason, "fence": gorm.Expr("fence + 1"), "updated_at": e.UpdatedAt,
	}).Error
	if err != nil {
		return fmt.Errorf("set an enrolment aside: %w", err)
	}
	return nil
}

func insertVisits(tx *gorm.DB, rows []model.EnrolmentVisit) error {
	if len(rows) == 0 {
		return nil
	}
	if err := tx.CreateInBatches(rows, 500).Error; err != nil {
		return fmt.Errorf("note visits: %w", err)
	}
	return nil
}

// countVisits adds to what happened at nodes. Rows are written in one order, so that nobody waits for each other.
func countVisits(tx *gorm.DB, rows []model.JourneyCount) error {
	if len(rows) == 0 {
		return nil
	}
	err := tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "journey_id"}, {Name: "version"}, {Name: "node"}, {Name: "outcome"}},
		DoUpdates: clause.Assignments(map[string]any{"times": gorm.Expr(addExcluded(tx))}),
	}).Create(rows).Error
	if err != nil {
		return fmt.Errorf("count visits: %w", err)
	}
	return nil
}

// addExcluded adds what an upsert brings to what is there.
func addExcluded(tx *gorm.DB) string {
	if model.IsSQLite(tx) {
		return "journey_count.times + excluded.times"
	}
	return "times + VALUES(times)"
}

// lastRuns gives all runs of some customers through a journey, as far as it matters for entering again.
func lastRuns(tx *gorm.DB, journey int64, customers []int64) (rows []model.Enrolment, err error) {
	err = tx.Select("id", "customer_id", "entry_key", "turn", "state", "entered_at", "ended_at", "goal_until").
		Where("journey_id = ? AND customer_id IN ?", journey, customers).Order("turn").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find runs through journey %d: %w", journey, err)
	}
	return rows, nil
}

// standing tells which customers are there and stand for themselves.
func standing(tx *gorm.DB, ids []int64) (there, merged map[int64]bool, err error) {
	var rows []model.Customer
	if err := tx.Select("id", "merged_into").Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, nil, fmt.Errorf("find customers: %w", err)
	}
	there, merged = map[int64]bool{}, map[int64]bool{}
	for _, c := range rows {
		there[c.ID] = true
		merged[c.ID] = c.MergedInto != 0
	}
	return there, merged, nil
}

// concernedIDs finds the enrolments of customers that may still hear of events: those on the way, and those whose goal
// still counts.
func concernedIDs(tx *gorm.DB, journeys map[int64]bool, customers []int64, now time.Time) (ids []int64, err error) {
	list := make([]int64, 0, len(journeys))
	for id := range journeys {
		list = append(list, id)
	}
	slices.Sort(list)
	err = tx.Model(&model.Enrolment{}).Where("customer_id IN ? AND journey_id IN ? AND (state = ? OR goal_at IS NULL AND goal_until >= ?)", customers, list, Running, now.Add(-late)).
		Order("id").Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find enrolments of customers: %w", err)
	}
	return ids, nil
}

// late is how long after a goal's time an event of before may still come.
const late = 7 * 24 * time.Hour

// anyIn tells whether anybody is on the way, or stuck: in a version, or in any (0).
func anyIn(tx *gorm.DB, journey int64, version int) (bool, error) {
	q := tx.Model(&model.Enrolment{}).Where("journey_id = ? AND state IN ?", journey, []string{Running, Stuck})
	if version != 0 {
		q = q.Where("version = ?", version)
	}
	var ids []int64
	if err := q.Limit(1).Pluck("id", &ids).Error; err != nil {
		return false, fmt.Errorf("find enrolments of journey %d: %w", journey, err)
	}
	return len(ids) > 0, nil
}

// anyCounting tells whether for anybody of a version the goal still counts.
func anyCounting(tx *gorm.DB, journey int64, version int, now time.Time) (bool, error) {
	var ids []int64
	err := tx.Model(&model.Enrolment{}).Where("journey_id = ? AND version = ? AND goal_at IS NULL AND goal_until >= ?", journey, version, now).Limit(1).Pluck("id", &ids).Error
	if err != nil {
		return false, fmt.Errorf("find goals of journey %d: %w", journey, err)
	}
	return len(ids) > 0, nil
}

// inside gives the next enrolments of those who are on the way or stuck: of a version and at a node, where these are named.
func inside(tx *gorm.DB, journey int64, version int, node string, after int64, limit int) (ids []int64, err error) {
	q := tx.Model(&model.Enrolment{}).Where("journey_id = ? AND state IN ? AND id > ?", journey, []string{Running, Stuck}, after)
	if version != 0 {
		q = q.Where("version = ?", version)
	}
	if node != "" {
		q = q.Where("node = ?", node)
	}
	if err = q.Order("id").Limit(limit).Pluck("id", &ids).Error; err != nil {
		return nil, fmt.Errorf("list enrolments of journey %d: %w", journey, err)
	}
	return ids, nil
}

// moveVersion puts enrolments to a node of another version. They are looked at at once: what they wait for may be another.
func moveVersion(tx *gorm.DB, ids []int64, version int, node string, now time.Time) error {
	err := tx.Model(&model.Enrolment{}).Where("id IN ?", ids).UpdateColumns(map[string]any{
		"version": version, "node": node, "due_at": now, "wake": "", "state": Running, "reason": "", "tries": 0, "fence": gorm.Expr("fence + 1"), "updated_at": now,
	}).Error
	if err != nil {
		return fmt.Errorf("migrate enrolments: %w", err)
	}
	return nil
}

// standsFor gives who stands for a customer now.
func standsFor(tx *gorm.DB, id int64) (int64, error) {
	for range 10 {
		var c model.Customer
		err := tx.Select("id", "merged_into").Where("id = ?", id).Take(&c).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return 0, ErrCustomer
		}
		if err != nil {
			return 0, fmt.Errorf("find customer %d: %w", id, err)
		}
		if c.MergedInto == 0 {
			return id, nil
		}
		id = c.MergedInto
	}
	return 0, ErrCustomer
}
