package outreach

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/outreach/governor"
)

// Report is what became of a delivery after the platform had accepted it.
type Report struct {
	ID    int64 // the delivery's
	State State // Sent to Converted, or Failed
	At    time.Time
	// Of Failed:
	Class  string
	Code   int
	Reason string
}

// reportChunk is how many reports are written in one transaction.
const reportChunk = 1000

// Report writes what channels, polls and callbacks tell of deliveries. It may be told twice and in any order: a state never goes back. A report
// also ends a doubt: whoever was seen to read a message got it. Only a conversion does not: what a message was for is also done by those who
// never had it. It tells how many deliveries changed.
func (s *Service) Report(ctx context.Context, reports []Report) (changed int, err error) {
	for part := range slices.Chunk(reports, reportChunk) {
		var n int
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
			n, err = s.ReportTx(tx, part)
			return err
		})
		if err != nil {
			return changed, err
		}
		changed += n
	}
	return changed, nil
}

// ReportTx is Report, of up to a thousand deliveries, as part of a larger change.
func (s *Service) ReportTx(tx *gorm.DB, reports []Report) (changed int, err error) {
	best := map[int64]Report{}
	for _, r := range reports {
		if !r.State.Left() && r.State != Failed {
			return 0, fmt.Errorf("report: %v is nothing to report", r.State)
		}
		if had, twice := best[r.ID]; !twice || rank(r.State) > rank(had.State) {
			best[r.ID] = r
		}
	}
	ids := make([]int64, 0, len(best))
	for id := range best {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	rows, err := lockDeliveries(tx, ids)
	if err != nil {
		return 0, fmt.Errorf("read reported deliveries: %w", err)
	}
	lanes, err := lanesByID(tx, rows)
	if err != nil {
		return 0, fmt.Errorf("read lanes of deliveries: %w", err)
	}
	groups := map[told][]int64{}
	var t tally
	var facts []event.Fact
	var back []governor.Reservation
	for i := range rows {
		row, r := &rows[i], best[rows[i].ID]
		from := State(row.State)
		if !from.may(r.State, row.Attempts) {
			continue
		}
		changed++
		k := told{change: change{to: r.State, class: r.Class, code: r.Code, reason: r.Reason}, from: from, at: r.At.UTC().Truncate(time.Millisecond)}
		groups[k] = append(groups[k], row.ID)
		t.move(row.LaneID, from, r.State, 1)
		if f := factOf(row, lanes[row.LaneID], k); f != nil {
			facts = append(facts, f)
		}
		if r.State == Failed && row.CustomerID != 0 {
			back = append(back, governor.Reservation{Ref: row.ID, CustomerID: row.CustomerID})
		}
	}
	now := s.now()
	for k, ids := range groups {
		if err := writeReport(tx, k, ids, now); err != nil {
			return 0, fmt.Errorf("write reports of deliveries: %w", err)
		}
	}
	if len(back) > 0 {
		if err := s.Governor.ReturnTx(tx, back); err != nil {
			return 0, err
		}
	}
	if err := s.recordTx(tx, facts); err != nil {
		return 0, err
	}
	return changed, t.writeTx(tx)
}

// told is what several deliveries are told alike.
type told struct {
	change
	from State
	at   time.Time
}

// rank orders reports about one delivery: that it failed is outweighed by any sign that it arrived.
func rank(s State) int {
	if s == Failed {
		return 0
	}
	return int(s)
}

// may tells whether a report may bring a delivery from one state to another.
func (s State) may(to State, attempts int) bool {
	switch {
	case s == to:
		return false
	case to == Converted:
		return s.Left()
	case to == Failed:
		return s == Claimed || s == Accepted || s == Sent || s == InDoubt
	case s.Left():
		return to > s
	case s == Planned:
		return attempts > 0 // it was thought to be absent at the platform
	}
	return s == Claimed || s == InDoubt || s == Failed
}

// factOf is the fact that a report makes true, if others wait for it.
func factOf(row *model.Delivery, lane *model.DeliveryLane, k told) event.Fact {
	if lane == nil || row.CustomerID == 0 {
		return nil
	}
	f := event.MessageFact{
		DeliveryID: row.ID, CustomerID: row.CustomerID, Origin: row.Source, OriginID: row.SourceID, Step: row.Step, Channel: lane.Channel,
		AccountID: lane.AccountID, StaffID: lane.StaffID, At: k.at,
	}
	switch {
	case k.to == Read:
		return event.MessageRead{MessageFact: f}
	case k.to == Clicked:
		return event.MessageClicked{MessageFact: f}
	case k.to == Converted:
		return event.MessageConverted{MessageFact: f}
	case k.to == Failed && row.Source == SourceJourney:
		return event.MessageFailed{MessageFact: f, Class: k.class, Reason: k.reason}
	}
	return nil
}

func (s *Service) recordTx(tx *gorm.DB, facts []event.Fact) error {
	if len(facts) == 0 || s.Events == nil {
		return nil
	}
	if _, err := s.Events.Record(tx, facts...); err != nil {
		return fmt.Errorf("record what became of messages: %w", err)
	}
	return nil
}

func lanesByID(db *gorm.DB, rows []model.Delivery) (map[int64]*model.DeliveryLane, error) {
	seen := map[int64]bool{}
	var ids []int64
	for _, r := range rows {
		if !seen[r.LaneID] {
			seen[r.LaneID] = true
			ids = append(ids, r.LaneID)
		}
	}
	lanes, err := lanesOf(db, ids)
	byID := make(map[int64]*model.DeliveryLane, len(lanes))
	for i := range lanes {
		byID[lanes[i].ID] = &lanes[i]
	}
	return byID, err
}
