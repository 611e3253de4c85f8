package tag

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

const (
	workRefresh = "tag.refresh"
	workClear   = "tag.clear"
)

// Refresh reads all groups and tags of an account from the platform and mirrors them. Repeatable.
func (s *Service) Refresh(ctx context.Context, acct *model.Account) (Counts, error) {
	readAt := s.now()
	groups, err := s.corp(acct.Name).CorpTags(ctx)
	if err != nil {
		return Counts{}, err
	}
	var counts Counts
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
		counts, err = s.ApplyGroupsTx(tx, acct.ID, groups, true, readAt)
		return err
	})
	return counts, err
}

// mirror is one answer of the platform on its way into the rows.
type mirror struct {
	s         *Service
	tx        *gorm.DB
	accountID int64
	readAt    time.Time
	counts    Counts
}

// ApplyGroupsTx mirrors groups and tags as the platform showed them when it was asked at readAt. With
// complete the list is all there is, and who is missing is gone; without, only what it marks as
// deleted is. What waits here without a platform id is recognised by its name: it may be our own wish
// coming back before the answer did. Repeatable.
func (s *Service) ApplyGroupsTx(tx *gorm.DB, accountID int64, groups []wecom.TagGroup, complete bool, readAt time.Time) (Counts, error) {
	m := &mirror{s: s, tx: tx, accountID: accountID, readAt: readAt.UTC().Truncate(time.Millisecond)}
	var shown []placed
	for _, g := range groups {
		shown = append(shown, placed{seen: seenGroup(g)})
	}
	ids, err := m.apply(kindGroup, shown, complete)
	if err != nil {
		return Counts{}, err
	}
	shown = nil
	for _, g := range groups {
		for _, t := range g.Tags {
			p := placed{seen: seenTag(t), groupID: ids[g.ID]}
			p.deleted = p.deleted || g.Deleted
			shown = append(shown, p)
		}
	}
	_, err = m.apply(kindTag, shown, complete)
	model.AfterCommit(tx, s.forget)
	return m.counts, err
}

// placed is something seen, with our group that it is in.
type placed struct {
	seen
	groupID int64
}

// apply mirrors all groups, or all tags, and gives their row ids by platform id.
func (m *mirror) apply(kind string, shown []placed, complete bool) (map[string]int64, error) {
	rows, err := lockItems(m.tx, kind, m.accountID)
	if err != nil {
		return nil, err
	}
	byID, waiting := map[string]*item{}, map[string]*item{}
	for _, it := range rows {
		if it.PlatformID != nil {
			byID[*it.PlatformID] = it
		} else if it.live() {
			waiting[nameKey(it.GroupID, it.Name)] = it
		}
	}
	ids, listed := map[string]int64{}, map[string]bool{}
	var fresh []*item
	for _, p := range shown {
		if p.id == "" || len(p.id) > 64 || listed[p.id] {
			continue
		}
		listed[p.id] = true
		m.counts.Read++
		it := byID[p.id]
		if it == nil && !p.deleted {
			it = waiting[nameKey(p.groupID, p.name)]
			delete(waiting, nameKey(p.groupID, p.name))
		}
		switch {
		case it == nil && p.deleted:
			m.counts.Unchanged++
		case it == nil:
			it = p.item(m.accountID, m.readAt)
			it.GroupID = p.groupID
			fresh = append(fresh, it)
		default:
			ids[p.id] = it.ID
			if err := m.update(kind, it, p); err != nil {
				return nil, err
			}
		}
	}
	if err := m.insert(kind, fresh, ids); err != nil {
		return nil, err
	}
	if !complete {
		return ids, nil
	}
	for id, it := range byID {
		if listed[id] || !it.live() || it.newer(m.readAt) {
			continue
		}
		if err := m.vanish(kind, it); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func nameKey(groupID int64, name string) string { return strconv.FormatInt(groupID, 10) + " " + name }

func (m *mirror) update(kind string, it *item, p placed) error {
	switch {
	case it.newer(m.readAt):
		m.counts.Unchanged++
		return nil
	case p.deleted && it.live():
		return m.vanish(kind, it)
	case p.deleted:
		m.counts.Unchanged++
		return nil
	}
	moved, name := it.GroupID != p.groupID, it.Name
	it.GroupID = p.groupID
	if !it.take(p.seen, m.readAt) && !moved {
		m.counts.Unchanged++
		return nil
	}
	m.counts.Updated++
	if err := updateItem(m.tx, Ref{kind, it.ID}, it); err != nil || it.MirrorOf == 0 || it.Name == name {
		return err
	}
	return m.s.renamedThere(m.tx, kind, it)
}

// insert adds what nobody knew. What somebody else has added since we looked is left to their answer.
func (m *mirror) insert(kind string, fresh []*item, ids map[string]int64) error {
	isNew, err := insertItems(m.tx, kind, fresh)
	if err != nil {
		return err
	}
	var taken []string
	for i, it := range fresh {
		if isNew[i] {
			m.counts.Created++
			ids[*it.PlatformID] = it.ID
		} else {
			m.counts.Unchanged++
			taken = append(taken, *it.PlatformID)
		}
	}
	theirs, err := byPlatformID(m.tx, kind, m.accountID, taken)
	for id, it := range theirs {
		ids[id] = it.ID
	}
	return err
}

func (m *mirror) vanish(kind string, it *item) error {
	m.counts.Vanished++
	return m.s.gone(m.tx, Ref{kind, it.ID}, it, m.readAt)
}

// gone makes an item gone as of knownAt. What bears a tag that is gone is cleared in batches, later:
// there may be hundreds of thousands.
func (s *Service) gone(tx *gorm.DB, ref Ref, it *item, knownAt time.Time) error {
	if it.MirrorOf != 0 && it.SyncState != Deleting {
		if err := s.letGo(tx, ref.Kind, it); err != nil {
			return err
		}
	}
	it.vanish(s.now(), knownAt)
	if err := updateItem(tx, ref, it); err != nil {
		return err
	}
	model.AfterCommit(tx, s.forget)
	if ref.Kind == kindGroup {
		return nil
	}
	return s.queue.Enqueue(tx, work.Item{Kind: workClear, Payload: ref, Lane: work.LaneBulk, OrderKey: fmt.Sprintf("tag.clear:%d", ref.ID)})
}

// accountRef is the payload of a work about one account's tags.
type accountRef struct {
	AccountID int64 `json:"account_id"`
}

// refresh reads the dictionary because a tag was met that it doesn't hold.
func (s *Service) refresh(ctx context.Context, _ *work.Lease, p accountRef) error {
	db := s.db.WithContext(ctx)
	if needed, err := unread(db, p.AccountID); err != nil || !needed {
		return err
	}
	acct, err := accountByID(db, p.AccountID)
	if err != nil {
		return err
	}
	_, err = s.Refresh(ctx, acct)
	return err
}

// dictionaryKey puts the works on one account's dictionary in order.
func dictionaryKey(accountID int64) string { return fmt.Sprintf("tag.dictionary:%d", accountID) }
