package tag

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// RelationTags are the corp tags of a relation as the platform showed them.
type RelationTags struct {
	Relation       *model.Relation
	PlatformTagIDs []string
	// ReadAt is when the platform was asked; an older reading changes nothing. Zero means now.
	ReadAt time.Time
	// First: nobody knew the relation before, so its tags are no change worth a fact.
	First bool
}

// ApplyAssignmentsTx makes relations bear the tags that the platform shows. Wishes that are not pushed
// yet stay. A tag that the dictionary doesn't hold is noted at once and named by a refresh that
// follows. Records one TagChanged for each relation that changed. Repeatable; a page of 100 takes a
// handful of statements.
func (s *Service) ApplyAssignmentsTx(tx *gorm.DB, acct *model.Account, list []RelationTags, source string) error {
	if len(list) == 0 {
		return nil
	}
	list = slices.Clone(list)
	for i := range list {
		if list[i].ReadAt.IsZero() {
			list[i].ReadAt = s.now()
		}
	}
	tags, err := s.known(tx, acct, list)
	if err != nil {
		return err
	}
	c, err := s.changes(tx, relationIDs(list), source)
	if err != nil {
		return err
	}
	for _, r := range list {
		c.agree(r, tags)
	}
	return c.write()
}

// known finds the tags that the platform names, and notes those nobody knew.
func (s *Service) known(tx *gorm.DB, acct *model.Account, list []RelationTags) (map[string]*item, error) {
	wanted := map[string]time.Time{} // when each was last shown
	var ids []string
	for _, r := range list {
		for _, id := range r.PlatformTagIDs {
			if id == "" || len(id) > 64 {
				continue
			}
			if at, ok := wanted[id]; !ok || r.ReadAt.After(at) {
				wanted[id] = r.ReadAt
			}
		}
	}
	for id := range wanted {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	tags, err := byPlatformID(tx, kindTag, acct.ID, ids)
	if err != nil || len(tags) == len(ids) {
		return tags, err
	}
	var bare []*item
	for _, id := range ids {
		if tags[id] == nil {
			at := wanted[id]
			bare = append(bare, &item{AccountID: acct.ID, PlatformID: &id, SyncState: Synced, KnownAt: &at})
		}
	}
	if _, err := insertItems(tx, kindTag, bare); err != nil {
		return nil, err
	}
	err = s.queue.Enqueue(tx, work.Item{Kind: workRefresh, Payload: accountRef{acct.ID}, OrderKey: dictionaryKey(acct.ID)})
	if err != nil {
		return nil, err
	}
	return byPlatformID(tx, kindTag, acct.ID, ids)
}

func relationIDs(list []RelationTags) []int64 {
	ids := make([]int64, len(list))
	for i, r := range list {
		ids[i] = r.Relation.ID
	}
	return ids
}

// AssignTx gives relations tags and takes tags away, here at once and at the platform soon. Tags that
// are gone or belong to another account are left out. Repeatable: what a relation bears already, or
// doesn't bear, stays as it is.
func (s *Service) AssignTx(tx *gorm.DB, relations []*model.Relation, add, remove []int64, source string) error {
	if len(relations) == 0 || len(add)+len(remove) == 0 {
		return nil
	}
	tags, err := tagsByID(tx, append(slices.Clone(add), remove...))
	if err != nil {
		return err
	}
	ids := make([]int64, len(relations))
	for i, r := range relations {
		ids[i] = r.ID
	}
	c, err := s.changes(tx, ids, source)
	if err != nil {
		return err
	}
	var items []work.Item
	for _, r := range relations {
		if c.wish(r, tags, add, remove) {
			items = append(items, work.Item{
				Kind: workPushMarks, Payload: relationRef{r.ID}, OrderKey: fmt.Sprintf("tag.relation:%d", r.ID),
			})
		}
	}
	if err := c.write(); err != nil {
		return err
	}
	return s.queue.Enqueue(tx, items...)
}

// AssignInput is who shall bear what.
type AssignInput struct {
	RelationIDs []int64 // at most 200
	Add, Remove []int64 // tags; at most 50 together, none in both
}

// Assign is AssignTx by somebody, who must be allowed to see the relations. It fails with ErrAssign,
// ErrNotFound when a tag is not there or of another account, or as Customers.Relations does.
func (s *Service) Assign(ctx context.Context, v *staff.Viewer, in AssignInput) error {
	n := len(in.Add) + len(in.Remove)
	both := slices.ContainsFunc(in.Add, func(id int64) bool { return slices.Contains(in.Remove, id) })
	if n == 0 || n > 50 || len(in.RelationIDs) == 0 || len(in.RelationIDs) > 200 || both {
		return ErrAssign
	}
	relations, err := s.customers.Relations(ctx, v, in.RelationIDs)
	if err != nil {
		return err
	}
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		all := append(slices.Clone(in.Add), in.Remove...)
		tags, err := tagsByID(tx, all)
		if err != nil {
			return err
		}
		for _, id := range all {
			for _, r := range relations {
				if tags[id] == nil || tags[id].AccountID != r.AccountID {
					return ErrNotFound
				}
			}
		}
		return s.AssignTx(tx, relations, in.Add, in.Remove, event.SourceConsole)
	})
}

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
