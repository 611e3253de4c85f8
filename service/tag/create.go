package tag

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/wecom"
)

// pushCreate makes a group with the tags that wait in it, or one tag. The platform finds a group by
// its name and refuses a tag name that is there, so that a call whose answer was lost does no harm
// when repeated: what it had made is then found by name.
func (s *Service) pushCreate(ctx context.Context, platform Platform, ref Ref, it *item) error {
	db := s.db.WithContext(ctx)
	group, tags := it, []*item{it}
	var err error
	if ref.Kind == kindTag {
		group, err = itemByID(db, GroupRef(it.GroupID))
	} else {
		tags, err = waitingTags(db, ref.ID)
	}
	switch {
	case err != nil:
		return err
	case !group.live() || group.SyncState == Failed && group.PlatformID == nil || len(tags) == 0:
		return errNoGroup
	}
	answer, err := platform.AddCorpTags(ctx, creation(group, tags))
	if err == nil {
		err = s.bind(ctx, group, tags, answer)
	} else if errors.Is(err, wecom.ErrNameTaken) || errors.Is(err, wecom.ErrInDoubt) {
		err = s.lookUp(ctx, platform, group, tags, err)
	}
	return err
}

// pushRest pushes what a new item was wished to be in the meantime, or was not made as wished.
func (s *Service) pushRest(ctx context.Context, platform Platform, ref Ref) (*item, error) {
	it, err := itemByID(s.db.WithContext(ctx), ref)
	if err != nil || !it.live() || it.PlatformID == nil || !it.wishesName() && !it.wishesOrder() {
		return it, err
	}
	return it, s.pushEdit(ctx, platform, ref, it)
}

// waitingTags are the tags of a group that the platform is yet to make.
func waitingTags(tx *gorm.DB, groupID int64) ([]*item, error) {
	tags, err := lockTagsOfGroup(tx, groupID)
	return slices.DeleteFunc(tags, func(t *item) bool { return t.PlatformID != nil || t.SyncState != Pending }), err
}

func creation(group *item, tags []*item) wecom.NewTags {
	var in wecom.NewTags
	if group.PlatformID != nil {
		in.GroupID = *group.PlatformID
	} else {
		order := uint32(group.Position)
		in.GroupName, in.Order = group.Name, &order
	}
	for _, t := range tags {
		order := uint32(t.Position)
		in.Tags = append(in.Tags, wecom.NewTag{Name: t.Name, Order: &order})
	}
	return in
}

// lookUp finds by name what the platform has made already. cause is why we have to look.
func (s *Service) lookUp(ctx context.Context, platform Platform, group *item, tags []*item, cause error) error {
	groups, err := platform.CorpTags(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(groups, func(g wecom.TagGroup) bool {
		return group.PlatformID != nil && g.ID == *group.PlatformID || group.PlatformID == nil && g.Name == group.Name
	})
	switch {
	case at >= 0 && (group.PlatformID == nil || named(groups[at].Tags, tags[0].Name) >= 0):
		return s.bind(ctx, group, tags, &groups[at])
	case errors.Is(cause, wecom.ErrNameTaken):
		return errHeld
	}
	return cause
}

func named(tags []wecom.Tag, name string) int {
	return slices.IndexFunc(tags, func(t wecom.Tag) bool { return t.Name == name })
}

// bind takes over the ids that the platform gave to a group and to tags in it, under the names that
// they had when it was asked. It fails with errHeld when they belong to other rows of ours.
func (s *Service) bind(ctx context.Context, group *item, tags []*item, answer *wecom.TagGroup) error {
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if err := s.bindOne(tx, GroupRef(group.ID), seenGroup(*answer)); err != nil {
			return err
		}
		for _, t := range tags {
			if at := named(answer.Tags, t.Name); at >= 0 {
				if err := s.bindOne(tx, TagRef(t.ID), seenTag(answer.Tags[at])); err != nil {
					return err
				}
			}
		}
		model.AfterCommit(tx, s.forget)
		return nil
	})
	if model.IsDuplicate(err) {
		return errHeld
	}
	return err
}

func (s *Service) bindOne(tx *gorm.DB, ref Ref, seen seen) error {
	it, err := lockItem(tx, ref)
	if err != nil || it.PlatformID != nil || !it.live() {
		return err
	}
	it.take(seen, s.now())
	return updateItem(tx, ref, it)
}
