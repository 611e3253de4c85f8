package segment

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/fault"
)

// OnEvents asks again about the customers of what happened, in those segments whose answer may be another one after
// it. It writes to the caller's transaction alone and costs a few statements per segment, however many events there are.
func (s *Service) OnEvents(tx *gorm.DB, batch []model.Event) error {
	rows, err := dynamicSegments(tx)
	if err != nil {
		return err
	}
	if err := s.followMerges(tx, batch); err != nil {
		return err
	}
	touched := map[string][]int64{} // customers by kind of fact
	for _, e := range batch {
		touched[e.Kind] = append(touched[e.Kind], customersOf(&e)...)
	}
	for i := range rows {
		l, err := s.liveOf(tx, &rows[i])
		if err != nil {
			if !s.unreadable(rows[i].ID, err) {
				return err
			}
			continue
		}
		var customers []int64
		for kind, ids := range touched {
			if l.facts[kind] {
				customers = append(customers, ids...)
			}
		}
		if len(customers) == 0 {
			continue
		}
		if err := s.askAgain(tx, rows[i].ID, customers); err != nil {
			return err
		}
	}
	return nil
}

// unreadable tells whether a rule can't be read any more, because what it names is gone; its build says so to people.
func (s *Service) unreadable(id int64, err error) bool {
	if !errors.Is(err, ErrRule) {
		return false
	}
	s.Logger.Warn("segment's rule can't be read any more", "segment", id, "error", err)
	return true
}

// askAgain locks a segment and asks about some customers, by the rule it has then.
func (s *Service) askAgain(tx *gorm.DB, id int64, customers []int64) error {
	row, err := lockSegment(tx, id)
	if errors.Is(err, ErrNotFound) || err == nil && row.Kind != Dynamic {
		return nil
	}
	if err != nil {
		return err
	}
	l, err := s.liveOf(tx, row)
	if err != nil {
		if s.unreadable(id, err) {
			return nil
		}
		return err
	}
	return s.askAgainTx(tx, l, customers, s.Now())
}

// customersOf gives those whom a fact is about; of a merge, both.
func customersOf(e *model.Event) []int64 {
	ids := make([]int64, 0, 2)
	if e.CustomerID != 0 {
		ids = append(ids, e.CustomerID)
	}
	if slices.Contains(aboutTwo, e.Kind) {
		var two struct {
			CustomerID int64 `json:"customer_id"`
			OtherID    int64 `json:"other_id"`
		}
		if json.Unmarshal([]byte(e.Payload), &two) == nil {
			for _, id := range []int64{two.CustomerID, two.OtherID} {
				if id != 0 && !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids
}

// aboutTwo are the facts that concern another customer too.
var aboutTwo = []string{event.KindCustomerMerged, event.KindCustomerSplit}

// followMerges has those who turned out to be somebody else leave lists and copies, and the one who remains enter.
func (s *Service) followMerges(tx *gorm.DB, batch []model.Event) error {
	var ids []int64
	for _, e := range batch {
		if e.Kind == event.KindCustomerMerged {
			ids = append(ids, customersOf(&e)...)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	moves, err := strandedMembers(tx, ids)
	if err != nil {
		return err
	}
	for _, m := range moves {
		if _, err := lockSegment(tx, m.SegmentID); err != nil {
			return err
		}
		have, err := membersIn(tx, m.SegmentID, Scope{IDs: []int64{m.CustomerID, m.MergedInto}})
		if err != nil {
			return err
		}
		c := change{leave: []int64{m.CustomerID}}
		if !slices.Contains(have, m.MergedInto) {
			c.enter = []int64{m.MergedInto}
		}
		if !slices.Contains(have, m.CustomerID) {
			continue
		}
		if err := s.applyTx(tx, m.SegmentID, c, s.Now(), 0); err != nil {
			return err
		}
	}
	return nil
}

// A tick that would ask about more customers than this plans a build instead.
const mostCrossings = 50_000

// Tick brings up to date what the passing of time alone changes. It may be run at any moment and twice.
func (s *Service) Tick(ctx context.Context) error {
	rows, err := dynamicSegments(s.DB.WithContext(ctx))
	if err != nil {
		return err
	}
	var errs []error
	for i := range rows {
		if err := s.tick(ctx, &rows[i]); err != nil {
			var f *fault.Fault
			if ctx.Err() != nil || !errors.As(err, &f) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

func (s *Service) tick(ctx context.Context, row *model.Segment) error {
	db := s.DB.WithContext(ctx)
	now := s.Now()
	l, err := s.liveOf(db, row)
	if err != nil || row.TimedUntil == nil || !row.TimedUntil.Before(now) {
		return err
	}
	if l.rule.Timed() {
		ids, many, err := s.crossed(db, l, *row.TimedUntil, now)
		if err != nil {
			return err
		}
		if many {
			_, err := s.Rebuild(ctx, row.ID, 0)
			return err
		}
		for some := range slices.Chunk(ids, 1000) {
			err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.askAgain(tx, row.ID, some) })
			if err != nil {
				return err
			}
		}
	}
	return timedUntil(db, row.ID, *row.TimedUntil, now)
}

// crossed gives the customers for whom time may have changed the answer; many is true when they are too many to ask
// about one by one.
func (s *Service) crossed(db *gorm.DB, l *live, from, to time.Time) (ids []int64, many bool, err error) {
	e, err := s.env(db, l.segment.Minors, to)
	if err != nil {
		return nil, false, err
	}
	queries, err := e.Crossings(l.rule, from, to)
	if err != nil {
		return nil, false, err
	}
	seen := map[int64]bool{0: true} // rows that are nobody's
	for _, q := range queries {
		some, err := selectIDs(db, Query{q.SQL + " LIMIT ?", append(q.Args, mostCrossings)})
		if err != nil {
			return nil, false, err
		}
		for _, id := range some {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
		if max(len(some), len(ids)) >= mostCrossings {
			return nil, true, nil
		}
	}
	return ids, false, nil
}
