package tag

import (
	"context"
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
	relations := make([]*model.Relation, len(list))
	for i, r := range list {
		relations[i] = r.Relation
	}
	c, err := s.changes(tx, relations, nil, Origin{Source: source})
	if err != nil {
		return err
	}
	for _, r := range list {
		c.agree(r, tags)
	}
	if err := insertGrants(tx, c.adopted); err != nil {
		return err
	}
	if err := c.align(relations, source == event.SourceSync); err != nil {
		return err
	}
	if _, err = c.write(); err != nil || len(c.adopted) == 0 {
		return err
	}
	var others []int64 // relations of the same customers are to show it too
	for _, g := range c.adopted {
		others = append(others, g.CustomerID)
	}
	return s.after(tx, others, source, func() error { return nil })
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

// AssignTx gives relations tags and takes tags away, here at once and at the platform soon. Tags that
// are gone or belong to another account are left out. Repeatable: what a relation bears already, or
// doesn't bear, stays as it is. What is taken away ends the customer's grants of it too, but stays on
// relations that have it from somebody else.
func (s *Service) AssignTx(tx *gorm.DB, relations []*model.Relation, add, remove []int64, source string) error {
	return s.assign(tx, relations, add, remove, Origin{Source: source})
}

func (s *Service) assign(tx *gorm.DB, relations []*model.Relation, add, remove []int64, origin Origin) error {
	if len(relations) == 0 || len(add)+len(remove) == 0 {
		return nil
	}
	tags, err := tagsByID(tx, append(slices.Clone(add), remove...))
	if err != nil {
		return err
	}
	c, err := s.changes(tx, relations, nil, origin)
	if err != nil {
		return err
	}
	for _, r := range relations {
		if origin.Source == sourceChannelCode {
			c.origin.ID = r.ChannelCodeID
		}
		c.wish(r, tags, add, remove)
	}
	if _, err := c.write(); err != nil {
		return err
	}
	if err := s.grantMirrored(tx, relations, tags, add, origin); err != nil {
		return err
	}
	return s.endGrants(tx, relations, tags, remove, origin)
}

// grantMirrored grants the local tags whose mirrors were given to relations.
func (s *Service) grantMirrored(tx *gorm.DB, relations []*model.Relation, tags map[int64]*item, add []int64, origin Origin) error {
	var local, customers []int64
	for _, id := range add {
		if t := tags[id]; t != nil && t.MirrorOf != 0 {
			local = append(local, t.MirrorOf)
		}
	}
	if len(local) == 0 {
		return nil
	}
	for _, r := range relations {
		customers = append(customers, r.CustomerID)
	}
	_, err := s.GiveTx(tx, Giving{CustomerIDs: customers, Add: local, Origin: origin})
	return err
}

// endGrants ends the grants of what was taken off relations, with the marks that follow from them.
func (s *Service) endGrants(tx *gorm.DB, relations []*model.Relation, tags map[int64]*item, remove []int64, origin Origin) error {
	if len(remove) == 0 {
		return nil
	}
	var customers, bases []int64
	for _, r := range relations {
		customers = append(customers, r.CustomerID)
	}
	for _, id := range remove {
		if t := tags[id]; t != nil {
			bases = append(bases, t.base())
		}
	}
	_, err := s.GiveTx(tx, Giving{CustomerIDs: customers, Remove: bases, Origin: origin, grantsOnly: true})
	return err
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
		return s.assign(tx, relations, in.Add, in.Remove, byHand(v))
	})
}
