package tag

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

const workPush = "tag.push"

// pushPolicy goes on for about four hours.
var pushPolicy = work.Policy{MaxAttempts: 14}

// Why a wish may come to nothing without the platform having a code for it.
var (
	errHeld    = errors.New("the name belongs to something else at the platform")
	errNoGroup = errors.New("the tag's group could not be made")
)

// push brings the platform to what is wished of one group or tag. What is wished is read when the work
// is done, so a work that is done again, or after others, does nothing that isn't wished any more.
// Works of one account run in order.
func (s *Service) push(ctx context.Context, l *work.Lease, ref Ref) error {
	db := s.db.WithContext(ctx)
	it, err := itemByID(db, ref)
	if errors.Is(err, ErrNotFound) {
		return work.Cancel("it is gone")
	}
	if err != nil || !it.live() {
		return err
	}
	acct, err := accountByID(db, it.AccountID)
	if err != nil {
		return err
	}
	platform := s.corp(acct.Name)
	switch {
	case it.SyncState == Deleting:
		err = s.pushDelete(ctx, platform, ref, it)
	case it.SyncState == Synced || it.SyncState == Failed:
		return nil
	case it.PlatformID == nil:
		if err = s.pushCreate(ctx, platform, ref, it); err == nil {
			it, err = s.pushRest(ctx, platform, ref)
		}
	default:
		err = s.pushEdit(ctx, platform, ref, it)
	}
	if err == nil {
		return nil
	}
	reason, final := refusal(err)
	if !final && l.Attempt < pushPolicy.MaxAttempts {
		return err
	}
	if err := s.refuse(ctx, ref, it, reason); err != nil {
		return err
	}
	return work.Cancel(reason)
}

// refuse ends a wish that came to nothing, unless it has changed since it was read as was.
func (s *Service) refuse(ctx context.Context, ref Ref, was *item, reason string) error {
	return s.settle(ctx, ref, was, func(tx *gorm.DB, it *item) error {
		it.SyncState, it.SyncError = Failed, cut(reason, 255)
		if ref.Kind == kindGroup && was.SyncState == Deleting {
			return s.refuseTags(tx, ref.ID, it.SyncError)
		}
		return nil
	})
}

// refuseTags ends the wish to delete the tags of a group that may not be deleted.
func (s *Service) refuseTags(tx *gorm.DB, groupID int64, reason string) error {
	tags, err := lockTagsOfGroup(tx, groupID)
	if err != nil {
		return err
	}
	for _, t := range tags {
		if t.SyncState != Deleting {
			continue
		}
		t.SyncState, t.SyncError = Failed, reason
		if err := updateItem(tx, TagRef(t.ID), t); err != nil {
			return err
		}
	}
	return nil
}

// settle changes an item that is still as it was when its wish was pushed.
func (s *Service) settle(ctx context.Context, ref Ref, was *item, change func(tx *gorm.DB, it *item) error) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		it, err := lockItem(tx, ref)
		if err != nil {
			return err
		}
		if !it.live() || it.SyncState != was.SyncState || it.Name != was.Name || it.Position != was.Position {
			return nil
		}
		if err := change(tx, it); err != nil {
			return err
		}
		model.AfterCommit(tx, s.forget)
		return updateItem(tx, ref, it)
	})
}

func (s *Service) pushEdit(ctx context.Context, platform Platform, ref Ref, it *item) error {
	var edit wecom.TagEdit
	if it.wishesName() {
		edit.Name = &it.Name
	}
	if it.wishesOrder() {
		order := uint32(it.Position)
		edit.Order = &order
	}
	err := platform.EditCorpTag(ctx, *it.PlatformID, edit)
	if errors.Is(err, wecom.ErrTagGone) { // deleted over there, which we would have heard of
		return model.InTx(ctx, s.db, func(tx *gorm.DB) error { return s.deleted(tx, ref, it) })
	}
	if err != nil {
		return err
	}
	return s.settle(ctx, ref, it, func(_ *gorm.DB, it *item) error {
		now := s.now()
		it.SyncState, it.SyncError, it.KnownAt = Synced, "", &now
		return nil
	})
}

// pushDelete deletes by id alone: something else of the same name is not ours to delete.
func (s *Service) pushDelete(ctx context.Context, platform Platform, ref Ref, it *item) error {
	if it.PlatformID != nil {
		tags, groups := []string{*it.PlatformID}, []string(nil)
		if ref.Kind == kindGroup {
			tags, groups = groups, tags
		}
		if err := platform.DeleteCorpTags(ctx, tags, groups); err != nil {
			return err
		}
	}
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error { return s.deleted(tx, ref, it) })
}

// deleted makes gone what the platform has deleted, with what goes along.
func (s *Service) deleted(tx *gorm.DB, ref Ref, it *item) error {
	now := s.now()
	if ref.Kind == kindGroup {
		tags, err := lockTagsOfGroup(tx, ref.ID)
		if err != nil {
			return err
		}
		for _, t := range tags {
			if err := s.gone(tx, TagRef(t.ID), t, now); err != nil {
				return err
			}
		}
		return s.gone(tx, ref, it, now)
	}
	if err := s.gone(tx, ref, it, now); err != nil {
		return err
	}
	rest, err := lockTagsOfGroup(tx, it.GroupID)
	if err != nil || len(rest) > 0 {
		return err
	}
	group, err := lockItem(tx, GroupRef(it.GroupID))
	if errors.Is(err, ErrNotFound) || err == nil && !group.live() {
		return nil
	}
	if err != nil {
		return err
	}
	return s.gone(tx, GroupRef(it.GroupID), group, now)
}
