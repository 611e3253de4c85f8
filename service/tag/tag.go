// Package tag owns tag groups, tags, and which relation bears which tag. Corp tags live at the
// platform too, and both sides change them: what the platform says is mirrored, what is wished here
// is stored, shown at once, and pushed by durable work. A wish that is not pushed yet is not
// overwritten by what the platform says meanwhile, and no reading replaces a newer one.
package tag

import (
	"context"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// How a group or a tag stands towards the platform.
const (
	Synced     = "synced"
	Pending    = "pending" // to be made there, or renamed and re-ordered
	Renaming   = "renaming"
	Reordering = "reordering"
	Deleting   = "deleting"
	Failed     = "failed" // the platform refused the last wish; SyncError says why
)

// How an assignment stands towards the platform, besides Synced and Failed. The relation bears the
// tag in the states Synced and Adding.
const (
	Adding   = "add"
	Removing = "remove"
	Removed  = "removed" // done; kept until a later reading agrees
	// Unmarked: it followed from a grant and is gone at the platform; why is being asked.
	Unmarked = "unmarked"
)

// How many characters a name may have: at the platform, and here.
const (
	MaxName      = 30
	MaxLocalName = 64
)

// What can go wrong for the caller.
var (
	ErrNotFound   = fault.New(fault.NotFound, "tag.not_found", "没有这个标签或标签组", "No such tag or tag group")
	ErrNameTaken  = fault.New(fault.Conflict, "tag.name_taken", "已有同名的标签或标签组", "A tag or tag group of this name exists")
	ErrName       = fault.New(fault.Invalid, "tag.bad_name", "名称需为 1 到 30 个字", "A name has 1 to 30 characters")
	ErrLongName   = fault.New(fault.Invalid, "tag.long_name", "本地标签的名称最多 64 个字", "A local name has at most 64 characters")
	ErrNoTags     = fault.New(fault.Invalid, "tag.group_without_tags", "标签组至少要有一个标签", "A tag group needs at least one tag")
	ErrDeleting   = fault.New(fault.Conflict, "tag.deleting", "正在删除，不能再修改", "It is being deleted and can't be changed")
	ErrEnded      = fault.New(fault.Invalid, "tag.ended", "结束时间需晚于现在", "It would end before it begins")
	ErrOutOfSight = fault.New(fault.NotFound, "tag.customer_out_of_sight", "有客户不存在或不在你的数据范围内", "A customer is not there, or not yours to see")
	ErrAssign     = fault.New(fault.Invalid, "tag.bad_assignment", "标签操作无效", "These tags can't be assigned like this")
)

// Platform is what this package asks of the platform, for one account.
type Platform interface {
	CorpTags(ctx context.Context, tagIDs ...string) ([]wecom.TagGroup, error)
	AddCorpTags(ctx context.Context, in wecom.NewTags) (*wecom.TagGroup, error)
	EditCorpTag(ctx context.Context, id string, edit wecom.TagEdit) error
	DeleteCorpTags(ctx context.Context, tagIDs, groupIDs []string) error
	MarkTags(ctx context.Context, userID, externalUserID string, add, remove []string) error
}

// Customers is what this package needs of the customer capability.
type Customers interface {
	// Relations gives relations that a viewer may see, or fails when one is out of sight.
	Relations(ctx context.Context, v *staff.Viewer, ids []int64) ([]*model.Relation, error)
	// Visible gives those of the customers that a viewer may see.
	Visible(ctx context.Context, v *staff.Viewer, ids []int64) ([]int64, error)
	List(ctx context.Context, v *staff.Viewer, f customer.Filter) (*customer.Page, error)
}

// Counts is the account that a synchronisation gives of what it did.
type Counts = staff.Counts

// Service owns tags. Safe for concurrent use.
type Service struct {
	db        *gorm.DB
	events    *event.Log
	queue     *work.Queue
	now       clock.Clock
	customers Customers
	segments  Segments // nil: there are none
	corp      func(account string) Platform

	mu     sync.Mutex
	labels labels // in memory, see Labels
}

// New puts the capability together and registers its works.
func New(db *gorm.DB, events *event.Log, queue *work.Queue, now clock.Clock, customers Customers, corp func(account string) Platform) *Service {
	s := &Service{db: db, events: events, queue: queue, now: now, customers: customers, corp: corp}
	work.Handle(queue, workPush, pushPolicy, s.push)
	work.Handle(queue, workPushMarks, pushPolicy, s.pushMarks)
	work.Handle(queue, workRefresh, pushPolicy, s.refresh)
	work.Handle(queue, workClear, work.Policy{}, s.clear)
	work.Handle(queue, workBatch, work.Policy{Timeout: 10 * batchTurn}, s.runBatch)
	work.Handle(queue, workAlign, work.Policy{}, s.alignSome)
	work.Handle(queue, workUnmarked, pushPolicy, s.unmarked)
	return s
}

// cleanName trims a name and refuses what the platform would, what can't be read, and what makes a
// name look like another.
func cleanName(name string, longest int) (string, error) {
	name = strings.TrimSpace(name)
	n := utf8.RuneCountInString(name)
	switch {
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unreadable):
		return "", ErrName
	case n > longest && longest > MaxName:
		return "", ErrLongName
	case n == 0 || n > longest:
		return "", ErrName
	}
	return name, nil
}

// longest is how long a name may be in an account, or here alone.
func longest(accountID int64) int {
	if accountID == 0 {
		return MaxLocalName
	}
	return MaxName
}

// unreadable are control characters, those that turn the direction of writing, and those that take no
// room; but not the joiners of which emoji are made.
func unreadable(r rune) bool {
	switch {
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return true
	}
	return r == '\u200b' || r == '\u2060' || r == '\ufeff' || r == utf8.RuneError
}

// cut keeps the first n characters of what the platform sent.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
