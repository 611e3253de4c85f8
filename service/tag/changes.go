package tag

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// changes gathers what happens to the assignments of some relations and writes it at once.
type changes struct {
	s      *Service
	tx     *gorm.DB
	source string
	now    time.Time
	rows   map[int64]map[int64]*model.TagAssignment // by relation and tag

	insert []*model.TagAssignment
	update map[assignmentState][]int64
	delete []int64
	facts  []event.Fact
}

// assignmentState is what a row becomes.
type assignmentState struct {
	state   string
	knownAt time.Time
}

func (s *Service) changes(tx *gorm.DB, relationIDs []int64, source string) (*changes, error) {
	// What a relation doesn't bear has no row to lock, so the relation itself is.
	if err := lockRelations(tx, relationIDs); err != nil {
		return nil, err
	}
	rows, err := lockAssignments(tx, relationIDs)
	return &changes{s: s, tx: tx, source: source, now: s.now(), rows: rows, update: map[assignmentState][]int64{}}, err
}

// bears tells whether an assignment, which may be nil, means that the relation bears the tag.
func bears(a *model.TagAssignment) bool {
	return a != nil && (a.SyncState == Adding || a.SyncState == Synced)
}

// set makes a relation stand so towards a tag.
func (c *changes) set(r *model.Relation, tagID int64, state string, knownAt time.Time) {
	if c.rows[r.ID] == nil {
		c.rows[r.ID] = map[int64]*model.TagAssignment{}
	}
	a := c.rows[r.ID][tagID]
	if a == nil {
		a = &model.TagAssignment{TagID: tagID, RelationID: r.ID, CustomerID: r.CustomerID, Source: c.source, SyncState: state, KnownAt: knownAt}
		c.rows[r.ID][tagID] = a
		c.insert = append(c.insert, a)
		return
	}
	a.SyncState, a.KnownAt = state, knownAt
	if a.ID != 0 { // else it is to be inserted yet
		to := assignmentState{state, knownAt}
		c.update[to] = append(c.update[to], a.ID)
	}
}

// agree makes a relation bear what the platform shows, as far as nothing newer is known or wished.
func (c *changes) agree(r RelationTags, tags map[string]*item) {
	var added, removed []int64
	shown := map[int64]bool{}
	for _, id := range r.PlatformTagIDs {
		t := tags[id]
		if t == nil || !t.live() || shown[t.ID] {
			continue
		}
		shown[t.ID] = true
		a := c.rows[r.Relation.ID][t.ID]
		if a == nil || a.SyncState == Failed || a.SyncState == Removed && !a.KnownAt.After(r.ReadAt) {
			c.set(r.Relation, t.ID, Synced, r.ReadAt)
			added = append(added, t.ID)
		}
	}
	for id, a := range c.rows[r.Relation.ID] {
		if shown[id] || a.KnownAt.After(r.ReadAt) {
			continue
		}
		switch a.SyncState {
		case Synced:
			removed = append(removed, id)
			c.delete = append(c.delete, a.ID)
		case Removed:
			c.delete = append(c.delete, a.ID)
		}
	}
	if !r.First {
		c.changed(r.Relation, added, removed)
	}
}

// wish stores what somebody wants and tells whether the platform is to hear of it.
func (c *changes) wish(r *model.Relation, tags map[int64]*item, add, remove []int64) (push bool) {
	var added, removed []int64
	for _, id := range add {
		if t := tags[id]; t != nil && t.AccountID == r.AccountID && !bears(c.rows[r.ID][id]) {
			c.set(r, id, Adding, c.now)
			added = append(added, id)
		}
	}
	for _, id := range remove {
		switch a := c.rows[r.ID][id]; {
		case bears(a):
			c.set(r, id, Removing, c.now)
			removed = append(removed, id)
		case a != nil && a.SyncState == Failed: // the platform never had it
			c.delete = append(c.delete, a.ID)
		}
	}
	c.changed(r, added, removed)
	return len(added)+len(removed) > 0
}

// changed records that a relation bears other tags than before.
func (c *changes) changed(r *model.Relation, added, removed []int64) {
	if len(added)+len(removed) == 0 {
		return
	}
	slices.Sort(removed)
	c.facts = append(c.facts, tagChanged(r, added, removed, c.now, c.source))
}

func tagChanged(r *model.Relation, added, removed []int64, at time.Time, source string) event.Fact {
	return event.TagChanged{
		RelationFact: event.RelationFact{
			AccountID: r.AccountID, CustomerID: r.CustomerID, StaffID: r.StaffID, RelationID: r.ID, Source: source, At: at,
		},
		Added: added, Removed: removed,
		ChangeKey: rand.Text(), // a change is found under lock, once
	}
}

func (c *changes) write() error {
	isNew, err := model.InsertNew(c.tx, c.insert)
	if err != nil {
		return fmt.Errorf("create assignments: %w", err)
	}
	if slices.Contains(isNew, false) {
		return fmt.Errorf("an assignment was made in spite of the lock")
	}
	for to, ids := range c.update {
		slices.Sort(ids)
		if err := updateAssignments(c.tx, ids, map[string]any{"sync_state": to.state, "sync_error": "", "known_at": to.knownAt}); err != nil {
			return err
		}
	}
	if err := deleteAssignments(c.tx, c.delete); err != nil {
		return err
	}
	_, err = c.s.events.Record(c.tx, c.facts...)
	return err
}
