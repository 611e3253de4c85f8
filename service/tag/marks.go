package tag

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

const workPushMarks = "tag.push_marks"

// relationRef is the payload of a work: whose marks to push. Which they are is read when it is done.
type relationRef struct {
	RelationID int64 `json:"relation_id"`
}

// tagWait is how long a mark waits for its tag to be made at the platform.
const tagWait = 5 * time.Second

// pushMarks marks and unmarks at the platform what a relation shall bear and shall not. Repeatable:
// the platform takes a mark that is there already, and the other way round.
func (s *Service) pushMarks(ctx context.Context, l *work.Lease, p relationRef) error {
	db := s.db.WithContext(ctx)
	rel, err := markedRelation(db, p.RelationID)
	if errors.Is(err, ErrNotFound) {
		return work.Cancel("the relation is gone")
	}
	if err != nil {
		return err
	}
	marks, err := waitingMarks(db, p.RelationID)
	if err != nil {
		return err
	}
	ready, waiting, void := sortMarks(marks)
	if err := s.settleGone(ctx, rel, void); err != nil {
		return err
	}
	if err := s.mark(ctx, rel, ready, l.Attempt >= pushPolicy.MaxAttempts); err != nil {
		return err
	}
	if len(waiting) > 0 {
		return work.Snooze(tagWait)
	}
	return nil
}

// sortMarks tells apart what can be pushed now, what waits for its tag to be made, and what is void
// because its tag can't be, or is gone.
func sortMarks(marks []mark) (ready, waiting, void []mark) {
	for _, m := range marks {
		switch {
		case m.TagGone || m.PlatformID == nil && m.TagState == Failed:
			void = append(void, m)
		case m.PlatformID == nil:
			waiting = append(waiting, m)
		default:
			ready = append(ready, m)
		}
	}
	return ready, waiting, void
}

// settleGone ends wishes about tags that the platform doesn't have: nothing bears them there.
func (s *Service) settleGone(ctx context.Context, rel *marked, marks []mark) error {
	if len(marks) == 0 {
		return nil
	}
	unmark := slices.DeleteFunc(slices.Clone(marks), func(m mark) bool { return m.SyncState == Adding })
	if err := s.settleMarks(ctx, unmark); err != nil {
		return err
	}
	reason, _ := refusal(wecom.ErrTagGone)
	return s.refuseMarks(ctx, rel, slices.DeleteFunc(marks, func(m mark) bool { return m.SyncState == Removing }), reason)
}

// mark pushes marks together. The platform refuses all for the sake of one tag that it doesn't know;
// then each goes alone.
func (s *Service) mark(ctx context.Context, rel *marked, marks []mark, lastTry bool) error {
	if len(marks) == 0 {
		return nil
	}
	var add, remove []string
	for _, m := range marks {
		if m.SyncState == Adding {
			add = append(add, *m.PlatformID)
		} else {
			remove = append(remove, *m.PlatformID)
		}
	}
	err := s.corp(rel.Account).MarkTags(ctx, rel.UserID, rel.ExternalUserID, add, remove)
	if err == nil {
		return s.settleMarks(ctx, marks)
	}
	if errors.Is(err, wecom.ErrTagGone) && len(marks) == 1 {
		return s.settleGone(ctx, rel, marks)
	}
	if errors.Is(err, wecom.ErrTagGone) {
		for _, m := range marks {
			if err := s.mark(ctx, rel, []mark{m}, lastTry); err != nil {
				return err
			}
		}
		return nil
	}
	reason, final := refusal(err)
	if !final && !lastTry {
		return err
	}
	return s.refuseMarks(ctx, rel, marks, reason)
}

// settleMarks notes that the platform has followed, but where the wish has changed meanwhile.
func (s *Service) settleMarks(ctx context.Context, marks []mark) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if err := settleAssignments(tx, idsIn(marks, Adding), Adding, Synced, "", s.now()); err != nil {
			return err
		}
		return settleAssignments(tx, idsIn(marks, Removing), Removing, Removed, "", s.now())
	})
}

// refuseMarks notes that the platform will not follow: what was to be marked is not borne, what was to
// be unmarked still is.
func (s *Service) refuseMarks(ctx context.Context, rel *marked, marks []mark, reason string) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		now := s.now()
		if err := lockRelations(tx, []int64{rel.ID}); err != nil {
			return err
		}
		before, err := lockAssignments(tx, []int64{rel.ID})
		if err != nil {
			return err
		}
		var added, removed []int64
		for _, m := range marks {
			switch a := before[rel.ID][m.TagID]; {
			case a == nil || a.SyncState != m.SyncState: // wished otherwise since
			case a.Source == sourceMirror: // the customer bears what was granted all the same
			case m.SyncState == Adding:
				removed = append(removed, m.TagID)
			default:
				added = append(added, m.TagID)
			}
		}
		if err := settleAssignments(tx, idsIn(marks, Adding), Adding, Failed, reason, now); err != nil {
			return err
		}
		if err := settleAssignments(tx, idsIn(marks, Removing), Removing, Synced, reason, now); err != nil {
			return err
		}
		if len(added)+len(removed) == 0 {
			return nil
		}
		if _, err := project(tx, []int64{rel.CustomerID}); err != nil {
			return err
		}
		_, err = s.events.Record(tx, tagChanged(&rel.Relation, added, removed, now, sourcePlatform))
		return err
	})
}

func idsIn(marks []mark, state string) (ids []int64) {
	for _, m := range marks {
		if m.SyncState == state {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// clearBatch is how many relations lose a tag in one transaction.
const clearBatch = 500

// clear takes a tag that is gone off all relations.
func (s *Service) clear(ctx context.Context, _ *work.Lease, ref Ref) error {
	for {
		n := 0
		err := model.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
			n, err = s.clearSome(tx, ref)
			return err
		})
		if err != nil || n < clearBatch {
			return err
		}
	}
}

func (s *Service) clearSome(tx *gorm.DB, ref Ref) (n int, err error) {
	it, err := lockItem(tx, ref)
	if err != nil || it.live() { // it is back
		return 0, err
	}
	rows, err := lockAssignmentsOfTag(tx, ref.ID, clearBatch)
	if err != nil {
		return 0, err
	}
	if len(rows) == 0 {
		return s.clearGrants(tx, ref)
	}
	relations, err := relationsByID(tx, rows)
	if err != nil {
		return 0, err
	}
	ids := make([]int64, len(rows))
	var facts []event.Fact
	for i, a := range rows {
		ids[i] = a.ID
		if r := relations[a.RelationID]; bears(a) && r != nil {
			facts = append(facts, tagChanged(r, nil, []int64{ref.ID}, s.now(), sourcePlatform))
		}
	}
	slices.Sort(ids)
	if err := deleteAssignments(tx, ids); err != nil {
		return 0, err
	}
	var customers []int64
	told := map[pair]bool{}
	for _, r := range relations {
		customers = append(customers, r.CustomerID)
		told[pair{r.CustomerID, ref.ID}] = true
	}
	p, err := project(tx, customers)
	if err != nil {
		return 0, err
	}
	_, err = s.events.Record(tx, append(facts, p.facts(sourcePlatform, s.now(), told)...)...)
	return clearBatch, err // the grants are yet to come
}

// clearGrants takes a tag that is gone from the customers to whom it was granted.
func (s *Service) clearGrants(tx *gorm.DB, ref Ref) (n int, err error) {
	rows, err := grantsOfTag(tx, ref.ID, clearBatch)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	var customers []int64
	for _, g := range rows {
		customers = append(customers, g.CustomerID)
	}
	customers = distinct(customers)
	return len(rows), s.after(tx, customers, sourcePlatform, func() error {
		return deleteGrants(tx, customers, []int64{ref.ID}, nil)
	})
}
