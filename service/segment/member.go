package segment

import (
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// memberChunk is how many memberships change in one statement.
const memberChunk = 500

// change is who comes and who goes.
type change struct{ enter, leave []int64 }

func (c change) none() bool { return len(c.enter)+len(c.leave) == 0 }

// diff compares who should be in with who is; both in order.
func diff(want, have []int64) (c change) {
	i, j := 0, 0
	for i < len(want) || j < len(have) {
		switch {
		case j == len(have) || i < len(want) && want[i] < have[j]:
			c.enter = append(c.enter, want[i])
			i++
		case i == len(want) || have[j] < want[i]:
			c.leave = append(c.leave, have[j])
			j++
		default:
			i++
			j++
		}
	}
	return c
}

// applyTx changes who is in a segment that the caller has locked, and records a fact for each: once, because a stay
// begins and ends under the lock alone.
func (s *Service) applyTx(tx *gorm.DB, segmentID int64, c change, now time.Time, mark int64) error {
	if c.none() {
		return nil
	}
	for ids := range slices.Chunk(c.leave, memberChunk) {
		if err := s.leaveTx(tx, segmentID, ids, now); err != nil {
			return fmt.Errorf("leave segment %d: %w", segmentID, err)
		}
	}
	for ids := range slices.Chunk(c.enter, memberChunk) {
		if err := s.enterTx(tx, segmentID, ids, now, mark); err != nil {
			return fmt.Errorf("enter segment %d: %w", segmentID, err)
		}
	}
	return count(tx, segmentID, dayNumber(now.In(s.Zone)), len(c.enter), len(c.leave))
}

func (s *Service) leaveTx(tx *gorm.DB, segmentID int64, ids []int64, now time.Time) error {
	stays, err := formerStays(tx, segmentID, ids)
	if err != nil {
		return err
	}
	if err := endMembers(tx, segmentID, ids, now); err != nil {
		return err
	}
	facts := make([]event.Fact, len(ids))
	for i, id := range ids {
		facts[i] = event.SegmentLeft{SegmentFact: event.SegmentFact{SegmentID: segmentID, CustomerID: id, Stay: stays[id], At: now}}
	}
	_, err = s.Events.Record(tx, facts...)
	return err
}

func (s *Service) enterTx(tx *gorm.DB, segmentID int64, ids []int64, now time.Time, mark int64) error {
	stays, err := formerStays(tx, segmentID, ids)
	if err != nil {
		return err
	}
	var fresh []model.SegmentMember
	var back []int64
	facts := make([]event.Fact, len(ids))
	for i, id := range ids {
		stay := stays[id] + 1
		if stay == 1 {
			fresh = append(fresh, model.SegmentMember{SegmentID: segmentID, CustomerID: id, Stay: 1, EnteredAt: now, Mark: mark})
		} else {
			back = append(back, id)
		}
		facts[i] = event.SegmentEntered{SegmentFact: event.SegmentFact{SegmentID: segmentID, CustomerID: id, Stay: stay, At: now}}
	}
	if err := insertMembers(tx, fresh); err != nil {
		return err
	}
	if err := returnMembers(tx, segmentID, back, now, mark); err != nil {
		return err
	}
	_, err = s.Events.Record(tx, facts...)
	return err
}

// askAgainTx evaluates some customers against a segment that the caller has locked, and changes what follows.
func (s *Service) askAgainTx(tx *gorm.DB, l *live, customers []int64, now time.Time) error {
	e, err := s.env(tx, l.segment.Minors, now)
	if err != nil {
		return err
	}
	slices.Sort(customers)
	customers = slices.Compact(customers)
	for ids := range slices.Chunk(customers, l.rule.atOnce()) {
		want, have, err := s.compare(tx, e, l, Scope{IDs: ids})
		if err != nil {
			return err
		}
		if err := s.applyTx(tx, l.segment.ID, diff(want, have), now, 0); err != nil {
			return err
		}
	}
	return nil
}

// compare gives who should be in and who is, within a scope.
func (s *Service) compare(tx *gorm.DB, e *Env, l *live, scope Scope) (want, have []int64, err error) {
	q, err := e.Select(l.rule, scope)
	if err != nil {
		return nil, nil, err
	}
	if want, err = selectIDs(tx, q); err != nil {
		return nil, nil, err
	}
	have, err = membersIn(tx, l.segment.ID, scope)
	return want, have, err
}

// atOnce is how many customers one statement asks about: each condition names them all, and databases bound the
// number of parameters.
func (r *Rule) atOnce() int {
	return max(10, min(500, 12000/(len(r.conditions())+1)))
}
