package tag

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// MaxCorpTags is how many tags the platform takes for one account.
const MaxCorpTags = 3000

// What can go wrong when local tags are to be mirrored.
var (
	ErrLocal   = fault.New(fault.Invalid, "tag.not_local", "只有本地标签可以同步到企业微信", "Only local tags can be mirrored")
	ErrMirror  = fault.New(fault.Conflict, "tag.is_mirror", "这是本地标签在企业微信中的镜像，请修改本地标签", "This mirrors a local tag; change that one")
	ErrCeiling = fault.New(fault.Conflict, "tag.ceiling", "企业标签最多 3000 个，放不下这些标签", "WeCom takes 3,000 tags; these don't fit")
)

// reasonGone is why a mirror was switched off by what happened at the platform.
const reasonGone = "企业微信中已删除 (deleted in WeCom)"

// SetMirror lets an account's platform show a local tag, or a local group with all its tags, present and
// to come; or takes it off there. Switching on once more is a new try of what the platform refused. It
// fails with ErrNotFound, ErrLocal, ErrName, ErrNameTaken or ErrCeiling; what the platform refuses
// later stands in the mirror's state. Repeatable.
func (s *Service) SetMirror(ctx context.Context, ref Ref, accountID int64, on bool) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		it, err := lockItem(tx, ref)
		switch {
		case err != nil:
			return err
		case !it.live():
			return ErrNotFound
		case it.AccountID != 0 || ref.Kind == kindTag && it.GroupID == 0:
			return ErrLocal
		}
		acct, err := accountByID(tx, accountID)
		if err != nil || acct.Kind != "wecom" {
			return ErrNotFound
		}
		want := model.TagMirror{AccountID: accountID, GroupID: it.GroupID, TagID: it.ID, Wanted: on}
		if ref.Kind == kindGroup {
			want.GroupID, want.TagID = it.ID, 0
		}
		if err := saveMirror(tx, want); err != nil {
			return err
		}
		return s.alignMirror(tx, accountID, want.GroupID, true)
	})
}

// alignMirrors brings the dictionaries of all accounts that mirror something of a local group to what the
// group is now.
func (s *Service) alignMirrors(tx *gorm.DB, groupID int64) error {
	accounts, err := mirroringAccounts(tx, groupID)
	if err != nil {
		return err
	}
	for _, id := range accounts {
		if err := s.alignMirror(tx, id, groupID, false); err != nil {
			return err
		}
	}
	return nil
}

// mirroring is one local group on its way to one account's dictionary.
type mirroring struct {
	s       *Service
	tx      *gorm.DB
	account int64
	local   *item
	group   *item // at the platform; nil: none
	asked   bool  // somebody waits for the answer
}

// alignMirror makes an account's dictionary show of a local group what is wanted. asked also tries again
// what was refused, and fails with what can be told at once.
func (s *Service) alignMirror(tx *gorm.DB, accountID, groupID int64, asked bool) error {
	local, err := lockItem(tx, GroupRef(groupID))
	if err != nil {
		return err
	}
	m := &mirroring{s: s, tx: tx, account: accountID, local: local, asked: asked}
	wanted, err := m.wanted()
	if err != nil {
		return err
	}
	groups, err := mirrorsOf(tx, kindGroup, accountID, []int64{groupID})
	if err != nil {
		return err
	}
	if len(groups) > 0 {
		m.group = groups[0]
	}
	if len(wanted) == 0 {
		if m.group == nil {
			return nil
		}
		return s.deleteItem(tx, GroupRef(m.group.ID), m.group)
	}
	if err := m.showGroup(); err != nil || m.group == nil {
		return err
	}
	return m.showTags(wanted)
}

// wanted are the local tags that the account shall show.
func (m *mirroring) wanted() ([]*item, error) {
	if !m.local.live() {
		return nil, nil
	}
	rows, err := mirrorWishes(m.tx, m.account, m.local.ID)
	if err != nil {
		return nil, err
	}
	tags, err := lockTagsOfGroup(m.tx, m.local.ID)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(tags, func(t *item) bool {
		if row, ok := rows[t.ID]; ok {
			return !row.Wanted
		}
		return !rows[0].Wanted
	}), nil
}

func (m *mirroring) showGroup() error {
	if m.group != nil {
		return m.follow(kindGroup, m.group, m.local)
	}
	if utf8.RuneCountInString(m.local.Name) > MaxName {
		return m.refuse(ErrName)
	}
	other, err := namesake(m.tx, kindGroup, m.account, 0, m.local.Name)
	if err != nil {
		return err
	}
	if other != nil && other.SyncState != Deleting {
		return m.refuse(ErrNameTaken)
	}
	m.group = &item{AccountID: m.account, Name: m.local.Name, MirrorOf: m.local.ID, Position: m.local.Position, SyncState: Pending}
	return m.insert(kindGroup, m.group)
}

// refuse tells whoever asked, or notes why the group is not shown.
func (m *mirroring) refuse(why *fault.Fault) error {
	if m.asked {
		return why
	}
	return saveMirror(m.tx, model.TagMirror{AccountID: m.account, GroupID: m.local.ID, Wanted: false, Reason: cut(why.Zh+" ("+why.En+")", 255)})
}

func (m *mirroring) insert(kind string, it *item) error {
	if _, err := insertItems(m.tx, kind, []*item{it}); err != nil {
		return err
	}
	model.AfterCommit(m.tx, m.s.forget)
	if it.SyncState == Failed {
		return nil
	}
	return m.s.enqueuePush(m.tx, Ref{kind, it.ID}, m.account)
}

func (m *mirroring) showTags(wanted []*item) error {
	ids := make([]int64, len(wanted))
	for i, t := range wanted {
		ids[i] = t.ID
	}
	there, err := mirrorTagsIn(m.tx, m.group.ID)
	if err != nil {
		return err
	}
	shown := map[int64]*item{}
	for _, t := range there {
		if !slices.Contains(ids, t.MirrorOf) {
			if err := m.s.deleteItem(m.tx, TagRef(t.ID), t); err != nil {
				return err
			}
			continue
		}
		shown[t.MirrorOf] = t
	}
	room, err := m.room()
	if err != nil {
		return err
	}
	if m.asked && len(wanted)-len(shown) > room {
		return ErrCeiling
	}
	for _, t := range wanted {
		if have := shown[t.ID]; have != nil {
			if err := m.follow(kindTag, have, t); err != nil {
				return err
			}
			continue
		}
		fresh := m.fresh(t, room)
		room--
		if err := m.insert(kindTag, fresh); err != nil {
			return err
		}
		if err := m.s.enqueueAlign(m.tx, t.ID); err != nil {
			return err
		}
	}
	return nil
}

// fresh is the mirror of a local tag, refused already where it is certain that the platform would.
func (m *mirroring) fresh(t *item, room int) *item {
	it := &item{
		AccountID: m.account, GroupID: m.group.ID, Name: cut(t.Name, 64), MirrorOf: t.ID, Position: t.Position, SyncState: Pending,
	}
	if room <= 0 {
		it.SyncState = Failed
		it.SyncError, _ = refusal(wecom.ErrTagLimit)
	}
	if utf8.RuneCountInString(t.Name) > MaxName {
		it.SyncState, it.SyncError = Failed, "企业微信的标签名最多 30 个字 (WeCom takes names of 30 characters)"
	}
	return it
}

// room is how many more tags the account takes.
func (m *mirroring) room() (int, error) {
	n, err := countCorpTags(m.tx, m.account)
	return MaxCorpTags - int(n), err
}

// follow lets what is shown take over the name and place of what it mirrors.
func (m *mirroring) follow(kind string, it, local *item) error {
	ref := Ref{kind, it.ID}
	if it.SyncState == Failed && !m.asked && it.Name == local.Name {
		return nil
	}
	if utf8.RuneCountInString(local.Name) > MaxName {
		it.SyncState, it.SyncError = Failed, "企业微信的标签名最多 30 个字 (WeCom takes names of 30 characters)"
		return updateItem(m.tx, ref, it)
	}
	renamed, moved := it.Name != local.Name, it.Position != local.Position
	again := it.SyncState == Failed
	it.Name, it.Position = local.Name, local.Position
	switch {
	case renamed || again:
		if err := m.s.wish(m.tx, ref, it, Renaming); err != nil {
			return err
		}
		if kind == kindTag && it.PlatformID == nil {
			return m.s.enqueueAlign(m.tx, local.ID)
		}
	case moved:
		return m.s.wish(m.tx, ref, it, Reordering)
	}
	return nil
}

// renamedThere takes over the name that somebody gave a mirror at the platform; when it is taken here, the
// platform gets the old one back.
func (s *Service) renamedThere(tx *gorm.DB, kind string, it *item) error {
	ref := Ref{kind, it.MirrorOf}
	local, err := lockItem(tx, ref)
	if err != nil || !local.live() || local.Name == it.Name {
		return err
	}
	other, err := namesake(tx, kind, 0, local.GroupID, it.Name)
	if err != nil {
		return err
	}
	if other != nil {
		it.Name = local.Name
		return s.wish(tx, Ref{kind, it.ID}, it, Renaming)
	}
	local.Name = it.Name
	return s.wish(tx, ref, local, Renaming)
}

// letGo switches off the mirror of what somebody deleted at the platform.
func (s *Service) letGo(tx *gorm.DB, kind string, it *item) error {
	row := model.TagMirror{AccountID: it.AccountID, GroupID: it.MirrorOf, Reason: reasonGone}
	if kind == kindTag {
		local, err := itemByID(tx, TagRef(it.MirrorOf))
		if err != nil {
			return err
		}
		row.GroupID, row.TagID = local.GroupID, local.ID
	}
	return saveMirror(tx, row)
}

const workAlign = "tag.align"

// alignRef is the payload of a work: for whose customers to align the marks of a local tag, and after which of
// them to go on.
type alignRef struct {
	TagID int64  `json:"tag_id"`
	After int64  `json:"after"`
	Run   string `json:"run"`
}

// enqueueAlign lets those who bear a local tag be marked at the platform.
func (s *Service) enqueueAlign(tx *gorm.DB, tagID int64) error {
	return s.queue.Enqueue(tx, work.Item{Kind: workAlign, Payload: alignRef{TagID: tagID}, Lane: work.LaneBulk, OrderKey: alignKey(tagID)})
}

func alignKey(tagID int64) string { return fmt.Sprintf("tag.align:%d", tagID) }

// alignSome marks a batch of those who bear a local tag, and leaves a work for the next.
func (s *Service) alignSome(ctx context.Context, l *work.Lease, p alignRef) error {
	if p.Run == "" {
		p.Run = fmt.Sprint(l.ID)
	}
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		customers, err := grantedAfter(tx, p.TagID, p.After, upkeepBatch)
		if err != nil || len(customers) == 0 {
			return err
		}
		if err := s.after(tx, customers, sourceMirror, func() error { return nil }); err != nil {
			return err
		}
		p.After = customers[len(customers)-1]
		return s.queue.Enqueue(tx, work.Item{
			Kind: workAlign, Payload: p, Lane: work.LaneBulk, OrderKey: alignKey(p.TagID), DedupeKey: fmt.Sprintf("%s:%s:%d", alignKey(p.TagID), p.Run, p.After),
		})
	})
}
