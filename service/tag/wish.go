package tag

import (
	"context"
	"math"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// NewGroup is a tag group to make. Account 0: it lives only here, by our own limits. The platform has no
// groups without tags.
type NewGroup struct {
	AccountID int64
	Name      string
	Position  int64    // larger first
	Tags      []string // names, in the order in which people shall see them
}

// CreateGroup makes a group with its first tags, here at once and at the platform soon. It fails with
// ErrName, ErrLongName, ErrNoTags or ErrNameTaken; what the platform refuses later stands in SyncError.
func (s *Service) CreateGroup(ctx context.Context, in NewGroup) (*Group, error) {
	group := &item{AccountID: in.AccountID, Name: in.Name, Position: position(in.Position), SyncState: unpushed(in.AccountID)}
	var tags []*item
	names := map[string]bool{}
	for i, name := range in.Tags {
		name, err := cleanName(name, longest(in.AccountID))
		if err != nil {
			return nil, err
		}
		if names[name] {
			return nil, ErrNameTaken.With("tags", name)
		}
		names[name] = true
		tags = append(tags, &item{AccountID: in.AccountID, Name: name, Position: int64(len(in.Tags) - i), SyncState: unpushed(in.AccountID)})
	}
	if len(tags) == 0 && in.AccountID != 0 {
		return nil, ErrNoTags
	}
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if err := s.create(tx, kindGroup, group); err != nil {
			return err
		}
		for _, t := range tags {
			t.GroupID = group.ID
			if err := s.create(tx, kindTag, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &Group{TagGroup: *group.group()}
	for _, t := range tags {
		out.Tags = append(out.Tags, *t.tag())
	}
	return out, nil
}

// CreateTag makes a tag in a group, here at once and at the platform soon. It fails with ErrName,
// ErrNotFound, ErrDeleting or ErrNameTaken.
func (s *Service) CreateTag(ctx context.Context, groupID int64, name string, pos int64) (*model.Tag, error) {
	var t *item
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		group, err := s.changeable(tx, GroupRef(groupID))
		if err != nil {
			return err
		}
		t = &item{AccountID: group.AccountID, GroupID: groupID, Name: name, Position: position(pos), SyncState: unpushed(group.AccountID)}
		return s.create(tx, kindTag, t)
	})
	if err != nil {
		return nil, err
	}
	return t.tag(), nil
}

func (s *Service) create(tx *gorm.DB, kind string, it *item) (err error) {
	if it.Name, err = cleanName(it.Name, longest(it.AccountID)); err != nil {
		return err
	}
	other, err := namesake(tx, kind, it.AccountID, it.GroupID, it.Name)
	if err != nil {
		return err
	}
	if other != nil {
		return ErrNameTaken
	}
	it.ID = 0 // a transaction may run again
	if _, err := insertItems(tx, kind, []*item{it}); err != nil {
		return err
	}
	model.AfterCommit(tx, s.forget)
	if it.AccountID == 0 {
		return s.alignMirrors(tx, groupOf(Ref{kind, it.ID}, it))
	}
	return s.enqueuePush(tx, Ref{kind, it.ID}, it.AccountID)
}

// unpushed is the state of what is new: the platform is to make it, or need not know of it.
func unpushed(accountID int64) string {
	if accountID == 0 {
		return Synced
	}
	return Pending
}

// Rename renames a group or a tag, here at once and at the platform soon. The name it has already is
// a new try of what failed. It fails with ErrName, ErrNotFound, ErrDeleting or ErrNameTaken.
func (s *Service) Rename(ctx context.Context, ref Ref, name string) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		it, err := s.changeable(tx, ref)
		if err != nil {
			return err
		}
		name, err := cleanName(name, longest(it.AccountID))
		if err != nil {
			return err
		}
		other, err := namesake(tx, ref.Kind, it.AccountID, it.GroupID, name)
		if err != nil {
			return err
		}
		if other != nil && other.ID != it.ID {
			return ErrNameTaken
		}
		if it.Name == name && it.SyncState != Failed {
			return nil
		}
		it.Name = name
		return s.wish(tx, ref, it, Renaming)
	})
}

// Place is where a group or a tag stands among its like; larger first.
type Place struct {
	Ref      Ref
	Position int64
}

// Reorder places groups or tags, here at once and at the platform soon. It fails with ErrNotFound or
// ErrDeleting, and then changes nothing.
func (s *Service) Reorder(ctx context.Context, places []Place) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		for _, p := range places {
			it, err := s.changeable(tx, p.Ref)
			if err != nil {
				return err
			}
			if it.Position == position(p.Position) {
				continue
			}
			it.Position = position(p.Position)
			if err := s.wish(tx, p.Ref, it, Reordering); err != nil {
				return err
			}
		}
		return nil
	})
}

// Delete deletes a tag, or a group with all its tags, at the platform and then here; with its last tag
// a group goes too. It fails with ErrNotFound. Repeatable.
func (s *Service) Delete(ctx context.Context, ref Ref) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		it, err := s.changeable(tx, ref)
		if err == ErrDeleting {
			return nil
		}
		if err != nil {
			return err
		}
		if it.AccountID == 0 {
			return s.deleteLocal(tx, ref, it)
		}
		return s.deleteItem(tx, ref, it)
	})
}

// deleteItem lets the platform delete a tag, or a group with its tags.
func (s *Service) deleteItem(tx *gorm.DB, ref Ref, it *item) error {
	if ref.Kind == kindGroup {
		tags, err := lockTagsOfGroup(tx, ref.ID)
		if err != nil {
			return err
		}
		for _, t := range tags {
			t.SyncState, t.SyncError = Deleting, ""
			if err := updateItem(tx, TagRef(t.ID), t); err != nil {
				return err
			}
		}
	}
	return s.wish(tx, ref, it, Deleting)
}

// changeable locks an item that may be changed.
func (s *Service) changeable(tx *gorm.DB, ref Ref) (*item, error) {
	it, err := lockItem(tx, ref)
	switch {
	case err != nil:
		return nil, err
	case !it.live():
		return nil, ErrNotFound
	case it.SyncState == Deleting:
		return nil, ErrDeleting
	case it.MirrorOf != 0:
		return nil, ErrMirror
	}
	return it, nil
}

// wish stores a changed item with what is to be pushed of it.
func (s *Service) wish(tx *gorm.DB, ref Ref, it *item, state string) error {
	it.SyncState, it.SyncError = joined(it, state), ""
	if it.AccountID == 0 {
		it.SyncState = Synced
	}
	if err := updateItem(tx, ref, it); err != nil {
		return err
	}
	model.AfterCommit(tx, s.forget)
	if it.AccountID == 0 {
		return s.alignMirrors(tx, groupOf(ref, it))
	}
	return s.enqueuePush(tx, ref, it.AccountID)
}

// groupOf is the group that an item is or is in.
func groupOf(ref Ref, it *item) int64 {
	if ref.Kind == kindGroup {
		return ref.ID
	}
	return it.GroupID
}

// joined adds a wish to those that wait already.
func joined(it *item, state string) string {
	switch {
	case state == Deleting:
		return Deleting
	case it.PlatformID == nil, it.wishesName() && state == Reordering, it.wishesOrder() && state == Renaming:
		return Pending
	}
	return state
}

func (s *Service) enqueuePush(tx *gorm.DB, ref Ref, accountID int64) error {
	return s.queue.Enqueue(tx, work.Item{Kind: workPush, Payload: ref, OrderKey: dictionaryKey(accountID)})
}

// position keeps a place within what the platform can say.
func position(n int64) int64 { return min(max(n, 0), math.MaxUint32) }
