package tag

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/work"
)

// changes gathers what happens to the assignments of some relations and writes it at once.
type changes struct {
	s       *Service
	tx      *gorm.DB
	origin  Origin // of what is set
	source  string // of the facts
	now     time.Time
	rows    map[int64]map[int64]*model.TagAssignment // by relation and tag
	present map[int64]bool                           // the customers that stand for themselves, locked

	insert []*model.TagAssignment
	update map[assignmentState][]int64
	delete []int64
	push   map[int64]bool // relations whose marks the platform is to hear of
	facts  []event.Fact
	told   map[pair]bool  // what the facts say, as it is of customers
	quiet  map[int64]bool // customers of whose changes no fact is worth recording
	lane   int

	unmarked []markRef         // marks of ours that somebody took off at the platform
	adopted  []*model.TagGrant // what somebody gave at the platform by the mirror of a local tag
}

// assignmentState is what a row becomes.
type assignmentState struct {
	state   string
	knownAt time.Time
	origin  Origin
}

// changes locks relations, their assignments and their customers, in this order, as everybody does.
func (s *Service) changes(tx *gorm.DB, relations []*model.Relation, customerIDs []int64, origin Origin) (*changes, error) {
	ids := make([]int64, len(relations))
	for i, r := range relations {
		ids[i] = r.ID
		customerIDs = append(customerIDs, r.CustomerID)
	}
	// What a relation doesn't bear has no row to lock, so the relation itself is.
	if err := lockRelations(tx, ids); err != nil {
		return nil, err
	}
	rows, err := lockAssignments(tx, ids)
	if err != nil {
		return nil, err
	}
	present, err := lockPresent(tx, distinct(customerIDs))
	return &changes{
		s: s, tx: tx, origin: origin, source: origin.Source, now: s.now(), rows: rows, present: present,
		update: map[assignmentState][]int64{}, push: map[int64]bool{}, told: map[pair]bool{}, quiet: map[int64]bool{},
	}, err
}

// bears tells whether an assignment, which may be nil, means that the relation bears the tag.
func bears(a *model.TagAssignment) bool {
	return a != nil && (a.SyncState == Adding || a.SyncState == Synced)
}

// set makes a relation stand so towards a tag, by whose will origin says.
func (c *changes) set(r *model.Relation, tagID int64, state string, knownAt time.Time, origin Origin) {
	if c.rows[r.ID] == nil {
		c.rows[r.ID] = map[int64]*model.TagAssignment{}
	}
	a := c.rows[r.ID][tagID]
	if a == nil {
		a = &model.TagAssignment{TagID: tagID, RelationID: r.ID, CustomerID: r.CustomerID, Source: origin.Source, SourceID: origin.ID,
			SyncState: state, KnownAt: knownAt}
		c.rows[r.ID][tagID] = a
		c.insert = append(c.insert, a)
		return
	}
	a.SyncState, a.KnownAt, a.Source, a.SourceID = state, knownAt, origin.Source, origin.ID
	if a.ID != 0 { // else it is to be inserted yet
		to := assignmentState{state, knownAt, origin}
		c.update[to] = append(c.update[to], a.ID)
	}
}

// originOf is for an assignment that stays whose it is.
func originOf(a *model.TagAssignment) Origin { return Origin{a.Source, a.SourceID} }

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
		theirs := Origin{SourceWeCom, r.Relation.StaffID}
		switch {
		case t.MirrorOf != 0 && (a == nil || a.SyncState == Removed && !a.KnownAt.After(r.ReadAt)):
			c.set(r.Relation, t.ID, Synced, r.ReadAt, Origin{Source: sourceMirror})
			c.adopted = append(c.adopted, &model.TagGrant{
				CustomerID: r.Relation.CustomerID, TagID: t.MirrorOf, Source: theirs.Source, SourceID: theirs.ID, CreatedAt: c.now,
			})
		case a == nil, a.SyncState == Removed && !a.KnownAt.After(r.ReadAt):
			c.set(r.Relation, t.ID, Synced, r.ReadAt, theirs)
			added = append(added, t.ID)
		case (a.SyncState == Failed || a.SyncState == Unmarked) && a.Source == sourceMirror: // ours after all, and told
			c.set(r.Relation, t.ID, Synced, r.ReadAt, originOf(a))
		case a.SyncState == Failed:
			c.set(r.Relation, t.ID, Synced, r.ReadAt, originOf(a))
			added = append(added, t.ID)
		}
	}
	for id, a := range c.rows[r.Relation.ID] {
		if shown[id] || a.KnownAt.After(r.ReadAt) {
			continue
		}
		switch a.SyncState {
		case Synced:
			if a.Source != sourceMirror {
				removed = append(removed, id)
			} else if !r.First && !r.Relation.AddedAt.After(a.KnownAt) {
				c.unmarked = append(c.unmarked, markRef{r.Relation.ID, id})
				c.set(r.Relation, id, Unmarked, r.ReadAt, originOf(a))
				continue
			}
			c.forget(a)
		case Removed:
			c.forget(a)
		}
	}
	if r.First {
		c.quiet[r.Relation.CustomerID] = true
		return
	}
	c.changed(r.Relation, added, removed)
}

// forget deletes an assignment.
func (c *changes) forget(a *model.TagAssignment) {
	c.delete = append(c.delete, a.ID)
	delete(c.rows[a.RelationID], a.TagID)
}

// wish stores what somebody wants of one relation.
func (c *changes) wish(r *model.Relation, tags map[int64]*item, add, remove []int64) {
	var added, removed []int64
	for _, id := range add {
		t, a := tags[id], c.rows[r.ID][id]
		switch {
		case t == nil || t.AccountID != r.AccountID || t.MirrorOf != 0: // what is mirrored is granted
		case !bears(a):
			c.set(r, id, Adding, c.now, c.origin)
			added = append(added, id)
		case a.Source == sourceMirror: // from now on it doesn't end with the customer's grants
			c.set(r, id, a.SyncState, a.KnownAt, c.origin)
		}
	}
	for _, id := range remove {
		switch a := c.rows[r.ID][id]; {
		case bears(a):
			c.set(r, id, Removing, c.now, originOf(a))
			removed = append(removed, id)
		case a != nil && a.SyncState == Failed: // the platform never had it
			c.forget(a)
		}
	}
	c.changed(r, added, removed)
	if len(added)+len(removed) > 0 {
		c.push[r.ID] = true
	}
}

// changed records that a relation bears other tags than before.
func (c *changes) changed(r *model.Relation, added, removed []int64) {
	if len(added)+len(removed) == 0 {
		return
	}
	slices.Sort(removed)
	for _, id := range slices.Concat(added, removed) {
		c.told[pair{r.CustomerID, id}] = true
	}
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

// write writes what was gathered, brings customer_tag to it, and tells what became of that.
func (c *changes) write() (projected, error) {
	if err := c.writeAssignments(); err != nil {
		return projected{}, err
	}
	p, err := projectLocked(c.tx, slices.Collect(maps.Keys(c.present)), c.present)
	if err != nil {
		return p, err
	}
	for _, f := range p.facts(c.source, c.now, c.told) {
		if !c.quiet[f.About().CustomerID] {
			c.facts = append(c.facts, f)
		}
	}
	if _, err := c.s.events.Record(c.tx, c.facts...); err != nil {
		return p, err
	}
	var items []work.Item
	for _, id := range slices.Sorted(maps.Keys(c.push)) {
		items = append(items, work.Item{
			Kind: workPushMarks, Payload: relationRef{id}, OrderKey: fmt.Sprintf("tag.relation:%d", id), Lane: c.lane,
		})
	}
	for _, ref := range c.unmarked {
		items = append(items, work.Item{Kind: workUnmarked, Payload: ref, OrderKey: fmt.Sprintf("tag.relation:%d", ref.RelationID)})
	}
	return p, c.s.queue.Enqueue(c.tx, items...)
}

func (c *changes) writeAssignments() error {
	// Deleted first: what is deleted here may be made anew below.
	if err := deleteAssignments(c.tx, c.delete); err != nil {
		return err
	}
	isNew, err := model.InsertNew(c.tx, c.insert)
	if err != nil {
		return fmt.Errorf("create assignments: %w", err)
	}
	if slices.Contains(isNew, false) {
		return fmt.Errorf("an assignment was made in spite of the lock")
	}
	for to, ids := range c.update {
		slices.Sort(ids)
		err := updateAssignments(c.tx, ids, map[string]any{
			"sync_state": to.state, "sync_error": "", "known_at": to.knownAt, "source": to.origin.Source, "source_id": to.origin.ID,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
