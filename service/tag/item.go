package tag

import (
	"time"

	"zhiyin/model"
	"zhiyin/wecom"
)

// Ref names a tag group or a tag. It is stored with works.
type Ref struct {
	Kind string `json:"kind"` // group or tag
	ID   int64  `json:"id"`
}

const (
	kindGroup = "group"
	kindTag   = "tag"
)

// GroupRef names a tag group.
func GroupRef(id int64) Ref { return Ref{kindGroup, id} }

// TagRef names a tag.
func TagRef(id int64) Ref { return Ref{kindTag, id} }

func (r Ref) table() string {
	if r.Kind == kindGroup {
		return "tag_group"
	}
	return "tag"
}

// item is what groups and tags have in common, which is all but where they belong. It is scanned from
// either table.
type item struct {
	ID         int64
	AccountID  int64
	GroupID    int64 // of a tag; 0 of a group
	PlatformID *string
	Name       string
	MirrorOf   int64
	Position   int64
	SyncState  string
	SyncError  string
	KnownAt    *time.Time
	GoneAt     *time.Time
}

func groupItem(g *model.TagGroup) *item {
	return &item{g.ID, g.AccountID, 0, g.PlatformID, g.Name, g.MirrorOf, g.Position, g.SyncState, g.SyncError, g.KnownAt, g.GoneAt}
}

func tagItem(t *model.Tag) *item {
	return &item{t.ID, t.AccountID, t.GroupID, t.PlatformID, t.Name, t.MirrorOf, t.Position, t.SyncState, t.SyncError, t.KnownAt, t.GoneAt}
}

func (it *item) group() *model.TagGroup {
	return &model.TagGroup{ID: it.ID, AccountID: it.AccountID, PlatformID: it.PlatformID, Name: it.Name, MirrorOf: it.MirrorOf, Position: it.Position,
		SyncState: it.SyncState, SyncError: it.SyncError, KnownAt: it.KnownAt, GoneAt: it.GoneAt}
}

func (it *item) tag() *model.Tag {
	return &model.Tag{ID: it.ID, AccountID: it.AccountID, GroupID: it.GroupID, PlatformID: it.PlatformID, Name: it.Name, MirrorOf: it.MirrorOf, Position: it.Position,
		SyncState: it.SyncState, SyncError: it.SyncError, KnownAt: it.KnownAt, GoneAt: it.GoneAt}
}

// base is the tag that customers bear when their relations bear this one.
func (it *item) base() int64 {
	if it.MirrorOf != 0 {
		return it.MirrorOf
	}
	return it.ID
}

// live tells whether it is there, perhaps about to be made or deleted.
func (it *item) live() bool { return it.GoneAt == nil }

// seen is a group or a tag as the platform shows it.
type seen struct {
	id      string
	name    string
	order   int64
	deleted bool
}

func seenGroup(g wecom.TagGroup) seen {
	return seen{g.ID, cut(g.Name, 64), int64(g.Order), g.Deleted}
}

func seenTag(t wecom.Tag) seen { return seen{t.ID, cut(t.Name, 64), int64(t.Order), t.Deleted} }

func (s seen) item(accountID int64, readAt time.Time) *item {
	return &item{AccountID: accountID, PlatformID: &s.id, Name: s.name, Position: s.order, SyncState: Synced, KnownAt: &readAt}
}

// wishesName and wishesOrder tell what of an item the platform has yet to take over.
func (it *item) wishesName() bool  { return it.SyncState == Pending || it.SyncState == Renaming }
func (it *item) wishesOrder() bool { return it.SyncState == Pending || it.SyncState == Reordering }

// newer tells whether the item is known better than by what was read at readAt.
func (it *item) newer(readAt time.Time) bool { return it.KnownAt != nil && it.KnownAt.After(readAt) }

// take lets what the platform shows change the item, and tells whether it did. Wishes stay, and are
// fulfilled when the platform shows what was wished.
func (it *item) take(s seen, readAt time.Time) (changed bool) {
	before := *it
	it.PlatformID, it.GoneAt = &s.id, nil
	if before.PlatformID == nil && it.SyncState == Failed { // it could not be made by us, but there it is
		it.SyncState, it.SyncError = Synced, ""
	}
	if !it.wishesName() {
		it.Name = s.name
	}
	if !it.wishesOrder() {
		it.Position = s.order
	}
	wishes := it.wishesName() || it.wishesOrder()
	if wishes && it.Name == s.name && it.Position == s.order {
		it.SyncState, it.SyncError = Synced, ""
	}
	changed = before.PlatformID == nil || before.GoneAt != nil || before.Name != it.Name || before.Position != it.Position || before.SyncState != it.SyncState
	if changed {
		it.KnownAt = &readAt
	}
	return changed
}

// vanish makes the item gone.
func (it *item) vanish(now, knownAt time.Time) {
	it.GoneAt, it.KnownAt, it.SyncState, it.SyncError = &now, &knownAt, Synced, ""
}
