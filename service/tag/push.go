package tag

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
			_ = s.pushRest
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

// refusal says in people's words why the platform did not do it, and whether it never will.
func refusal(err error) (reason string, final bool) {
	switch {
	case errors.Is(err, wecom.ErrNameTaken), errors.Is(err, errHeld):
		return "企业微信中已有同名的标签或标签组 (the name exists in WeCom)", true
	case errors.Is(err, errNoGroup):
		return "标签组没有创建成功 (its group could not be made)", true
	case errors.Is(err, wecom.ErrTagLimit):
		return "企业标签数量已达上限 (WeCom takes no more tags)", true
	case errors.Is(err, wecom.ErrTagGone):
		return "企业微信中已没有这个标签或标签组 (it is gone in WeCom)", true
	case errors.Is(err, wecom.ErrNotCustomer):
		return "该客户已不是这位成员的客户 (no longer this staff member's customer)", true
	case errors.Is(err, wecom.ErrIPNotTrusted), errors.Is(err, wecom.ErrCredentials):
		return "企业微信拒绝了应用的凭证或 IP (WeCom refuses the app's credentials or address)", false
	case errors.Is(err, wecom.ErrNoPermission):
		return "不是本应用创建的标签，或应用没有权限 (made by another app, or no permission)", true
	case wecom.CodeOf(err) == 40072:
		return "名称长度不符合企业微信的要求 (WeCom does not accept a name of this length)", true
	case errors.Is(err, wecom.ErrBadInput):
		return "企业微信不接受这个内容 (WeCom does not accept this)", true
	case errors.Is(err, wecom.ErrNotFound):
		return "企业微信中没有这位成员或客户 (unknown to WeCom)", true
	case errors.Is(err, wecom.ErrBusy), errors.Is(err, wecom.ErrRateLimited), errors.Is(err, wecom.ErrToken), errors.Is(err, wecom.ErrInDoubt):
		return "企业微信暂时无法访问 (WeCom could not be reached)", false
	case wecom.CodeOf(err) != 0:
		return fmt.Sprintf("企业微信拒绝了修改，错误码 %d (refused by WeCom)", wecom.CodeOf(err)), true
	}
	return "暂时无法同步到企业微信 (could not be sent to WeCom)", false
}
