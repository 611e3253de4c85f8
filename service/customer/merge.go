package customer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
)

// What can be wrong with a merge.
var (
	ErrMergeNotFound = fault.New(fault.NotFound, "merge.not_found", "没有这条合并记录", "No such merge")
	ErrSameCustomer  = fault.New(fault.Conflict, "merge.same_customer", "已经是同一位客户", "They are one customer already")
	// ErrMergedAgain: undoing the later merge first gives back exactly what was.
	ErrMergedAgain = fault.New(fault.Conflict, "merge.merged_again", "该客户之后又合并过，请先撤销后一次合并", "The customer was merged again since; undo the later merge first")
)

// The reasons for merges that no rule decided.
const (
	ReasonHand   = "hand"   // somebody merged them
	ReasonReview = "review" // somebody confirmed what a rule had found
)

// merge makes gone stand for kept: moves everything that gone owns, takes over what is known of gone alone,
// and notes all that undoing it takes. Both are locked and stand for themselves.
func (s *Service) merge(tx *gorm.DB, kept, gone *model.Customer, m model.CustomerMerge) (*model.CustomerMerge, error) {
	m.CustomerID, m.OtherID, m.MergedAt = kept.ID, gone.ID, s.now()
	after, err := s.takeOver(kept, gone)
	if err != nil {
		return nil, err
	}
	m.KeptBefore, m.KeptAfter = string(mustJSON(kept)), string(mustJSON(after))
	if err := tx.Create(&m).Error; err != nil {
		return nil, fmt.Errorf("record merge: %w", err)
	}
	if _, err := s.move(tx, &m); err != nil {
		return nil, err
	}
	if err := s.alter(tx, kept, after, SourceMerge, m.StaffID); err != nil {
		return nil, err
	}
	if err := setMergedInto(tx, gone.ID, 0, kept.ID, m.MergedAt); err != nil {
		return nil, err
	}
	if err := settleReviews(tx, &m); err != nil {
		return nil, err
	}
	_, err = s.events.Record(tx, event.CustomerMerged{
		CustomerID: kept.ID, OtherID: gone.ID, MergeID: m.ID, Reason: m.Reason, Source: m.Source, At: m.MergedAt,
	})
	return &m, err
}

// move moves what is there under the name that goes, and notes what moved.
func (s *Service) move(tx *gorm.DB, m *model.CustomerMerge) (parts int, err error) {
	var rows []*model.MergeMove
	for _, mover := range s.movers {
		journal, err := mover.Move(tx, m.OtherID, m.CustomerID)
		if err != nil {
			return 0, err
		}
		for _, part := range journal {
			rows = append(rows, &model.MergeMove{MergeID: m.ID, Owner: mover.Name(), Journal: string(part)})
		}
	}
	for some := range slices.Chunk(rows, 20) { // a part may have some 100 kB
		if err := tx.Create(some).Error; err != nil {
			return 0, fmt.Errorf("note what moved: %w", err)
		}
	}
	return len(rows), nil
}

// Merge makes two customers one by hand: other is merged into id. Both must be in the viewer's sight. It
// fails with ErrNotFound or ErrSameCustomer.
func (s *Service) Merge(ctx context.Context, v *staff.Viewer, id, other int64) (*model.CustomerMerge, error) {
	return s.mergeByHand(ctx, v, id, other, ReasonHand)
}

func (s *Service) mergeByHand(ctx context.Context, v *staff.Viewer, id, other int64, reason string) (m *model.CustomerMerge, err error) {
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, err
	}
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		for _, each := range []int64{id, other} {
			if _, err := visibleCustomer(tx, sc, each); err != nil {
				return err
			}
		}
		kept, gone, err := lockPair(tx, id, other)
		if err != nil {
			return err
		}
		if kept.ID == gone.ID {
			return ErrSameCustomer
		}
		m, err = s.merge(tx, kept, gone, model.CustomerMerge{
			Reason: reason, Source: event.SourceConsole, Confidence: Certain, StaffID: v.StaffID,
		})
		return err
	})
	return m, err
}

// UndoMerge gives back what a merge moved: the rows that moved, the rows that were joined, and what the one
// who stands took over, except where it was changed since. What came later stays with the one who stands.
// The two are never again merged by a rule. Undoing it twice changes nothing more. It fails with
// ErrMergeNotFound, or ErrMergedAgain while a later merge of the same customer stands.
func (s *Service) UndoMerge(ctx context.Context, v *staff.Viewer, mergeID int64) error {
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return err
	}
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		m, err := mergeByID(tx, sc, mergeID)
		if err != nil {
			return err
		}
		kept, gone, err := lockBoth(tx, m.CustomerID, m.OtherID)
		if err != nil {
			return err
		}
		if m, err = mergeByID(model.ForUpdate(tx), sc, mergeID); err != nil || m.UndoneAt != nil {
			return err // it was undone while we waited
		}
		again, err := mergedSince(tx, m)
		if err != nil {
			return err
		}
		if again {
			return ErrMergedAgain
		}
		return s.undo(tx, m, kept, gone, v.StaffID)
	})
}

// undo is merge backwards.
func (s *Service) undo(tx *gorm.DB, m *model.CustomerMerge, kept, gone *model.Customer, staffID int64) error {
	now := s.now()
	if err := s.giveBack(tx, m); err != nil {
		return err
	}
	before, err := restored(kept, m)
	if err != nil {
		return err
	}
	if err := s.alter(tx, kept, before, SourceSplit, staffID); err != nil {
		return err
	}
	if err := setMergedInto(tx, gone.ID, kept.ID, 0, now); err != nil {
		return err
	}
	if err := endMerge(tx, m.ID, staffID, now); err != nil {
		return err
	}
	if err := rejectPair(tx, m, staffID, now); err != nil {
		return err
	}
	_, err = s.events.Record(tx, event.CustomerSplit{CustomerID: kept.ID, OtherID: gone.ID, MergeID: m.ID, Source: event.SourceConsole, At: now})
	return err
}

// giveBack undoes mover after mover, in their order: rows that are counted are back before their counts.
func (s *Service) giveBack(tx *gorm.DB, m *model.CustomerMerge) error {
	for _, mover := range s.movers {
		parts, err := movesOf(tx, m.ID, mover.Name())
		if err != nil {
			return err
		}
		for _, p := range parts { // the latest first
			if err := mover.Undo(tx, m.OtherID, m.CustomerID, []byte(p.Journal)); err != nil {
				return err
			}
		}
	}
	return nil
}

// restored is the customer who stands as they were before the merge, but for what was changed since.
func restored(now *model.Customer, m *model.CustomerMerge) (*model.Customer, error) {
	var before, after model.Customer
	if err := json.Unmarshal([]byte(m.KeptBefore), &before); err != nil {
		return nil, fmt.Errorf("read merge %d: %w", m.ID, err)
	}
	if err := json.Unmarshal([]byte(m.KeptAfter), &after); err != nil {
		return nil, fmt.Errorf("read merge %d: %w", m.ID, err)
	}
	out := *now
	for _, f := range fields {
		if f.same(now, &after) {
			f.copy(&out, &before)
		}
	}
	return &out, nil
}

// strayed is how long rows may still arrive under a name that stands no more: whoever looked a customer up
// before the merge writes them after it, or queued work does.
const strayed = 48 * time.Hour

// SweepMerges moves what was written under merged names after they were merged. It may be run at any time.
func (s *Service) SweepMerges(ctx context.Context) error {
	db := s.db.WithContext(ctx)
	recent, err := mergesSince(db, s.now().Add(-strayed))
	if err != nil {
		return err
	}
	for some := range slices.Chunk(recent, 200) {
		late, err := s.late(db, some)
		if err != nil {
			return err
		}
		for _, id := range late {
			if err := s.sweep(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// late gives the merges of those under whose name there is something.
func (s *Service) late(db *gorm.DB, merges []model.CustomerMerge) (ids []int64, err error) {
	byOther := map[int64]int64{}
	others := make([]int64, len(merges))
	for i, m := range merges {
		others[i], byOther[m.OtherID] = m.OtherID, m.ID
	}
	found := map[int64]bool{}
	for _, mover := range s.movers {
		t, ok := mover.(finder)
		if !ok {
			continue
		}
		owners, err := t.Owners(db, others)
		if err != nil {
			return nil, err
		}
		for _, o := range owners {
			found[byOther[o]] = true
		}
	}
	for id := range found {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// finder is a Mover that can tell cheaply which of many customers own something.
type finder interface {
	Owners(db *gorm.DB, among []int64) ([]int64, error)
}

func (s *Service) sweep(ctx context.Context, mergeID int64) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		m, err := mergeByID(tx, scope{all: true}, mergeID)
		if err != nil {
			return err
		}
		if _, _, err := lockBoth(tx, m.CustomerID, m.OtherID); err != nil {
			return err
		}
		if m, err = mergeByID(model.ForUpdate(tx), scope{all: true}, mergeID); err != nil || m.UndoneAt != nil {
			return err
		}
		parts, err := s.move(tx, m)
		if err != nil || parts == 0 {
			return err
		}
		return nil
	})
}
