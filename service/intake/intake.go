// Package intake is where the platform's news becomes facts. Its inbox keeps each callback before it
// is acknowledged; its pump and its handlers turn what came into calls of the other capabilities; its
// synchronisation reads everything afresh, so that what was never called back is found as well.
//
// An event is only a hint. What it is about is read again from the platform, so duplicates, replays,
// disorder and lateness end in the same state: the platform's truth.
package intake

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/acquisition"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/group"
	"zhiyin/service/moderation"
	"zhiyin/service/outreach/channel"
	"zhiyin/service/staff"
	"zhiyin/service/tag"
	"zhiyin/service/visit"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// Accounts is what this package needs of the account capability.
type Accounts interface {
	ByID(ctx context.Context, id int64) (*model.Account, error)
	List(ctx context.Context) ([]model.Account, error)
}

// Staff is what this package needs of the staff capability.
type Staff interface {
	ApplyDepartmentsTx(tx *gorm.DB, accountID int64, list []wecom.Department, complete bool) (staff.Counts, error)
	ApplyStaffTx(tx *gorm.DB, accountID int64, list []wecom.StaffMember, complete bool) (staff.Counts, error)
	SetServingTx(tx *gorm.DB, accountID int64, userids []string) error
	LeftTx(tx *gorm.DB, accountID int64, userid string) error
}

// Customers is what this package needs of the customer capability.
type Customers interface {
	ApplyTx(tx *gorm.DB, in customer.Input) (*customer.Applied, error)
	HalfAddedTx(tx *gorm.DB, in customer.HalfAdded) (*model.Relation, bool, error)
	MarkLostTx(tx *gorm.DB, acct *model.Account, userid, externalUserID, status string, at time.Time, byTransfer bool, source string) (*model.Relation, bool, error)
	VanishedTx(tx *gorm.DB, acct *model.Account, staffID, runID int64, before time.Time, source string) ([]*model.Relation, error)
}

// Tags is what this package needs of the tag capability.
type Tags interface {
	ApplyGroupsTx(tx *gorm.DB, accountID int64, groups []wecom.TagGroup, complete bool, readAt time.Time) (staff.Counts, error)
	ApplyAssignmentsTx(tx *gorm.DB, acct *model.Account, relations []tag.RelationTags, source string) error
}

// Acquisition is what this package needs of the acquisition capability.
type Acquisition interface {
	CodesByState(db *gorm.DB, accountID int64, states []string) (map[string]customer.Origin, error)
	ArrivedTx(tx *gorm.DB, acct *model.Account, rel *model.Relation, customerName string) error
	LostTx(tx *gorm.DB, rel *model.Relation) error
	ReceiveWelcomes(tx *gorm.DB, dues ...acquisition.WelcomeDue) error
}

// Groups is what this package needs of the group capability.
type Groups interface {
	Changed(ctx context.Context, acct *model.Account, c group.Change, source string) (staff.Counts, error)
	Refresh(ctx context.Context, acct *model.Account, chatID string, runID int64, source string) (staff.Counts, error)
	DismissedTx(tx *gorm.DB, acct *model.Account, chatID string, at time.Time) (bool, error)
	VanishedTx(tx *gorm.DB, acct *model.Account, runID int64, began time.Time) (int64, error)
}

// Visits is what this package needs of the visit capability.
type Visits interface {
	ChangeAuthorization(ctx context.Context, in visit.AuthorizationChange) error
}

// Moderation is what this package needs of the moderation capability.
type Moderation interface {
	PictureJudged(ctx context.Context, v moderation.PictureVerdict) error
}

// Channels is what this package needs of the outreach channels.
type Channels interface {
	KfChanged(ctx context.Context, a *model.Account, kfID, token string) error
	Prompted(ctx context.Context, a *model.Account, openID string, answers []channel.Answer, setting bool, at time.Time) error
	Subscribed(ctx context.Context, a *model.Account, messageID string, code int) error
}

// Platform is what this package asks of an account's WeCom app.
type Platform interface {
	Customer(ctx context.Context, externalUserID string) (*wecom.Customer, error)
	CustomersOf(ctx context.Context, userIDs []string, cursor string, limit int) (*wecom.CustomerPage, error)
	CustomerIDs(ctx context.Context, userID string) ([]string, error)
	Departments(ctx context.Context) ([]wecom.Department, error)
	StaffOf(ctx context.Context, departmentID int64) ([]wecom.StaffMember, error)
	StaffMember(ctx context.Context, userID string) (*wecom.StaffMember, error)
	FollowUsers(ctx context.Context) ([]string, error)
	CorpTags(ctx context.Context, tagIDs ...string) ([]wecom.TagGroup, error)
	Groups(ctx context.Context, q wecom.GroupsQuery) ([]wecom.GroupStatus, string, error)
}

// Deps is what the capability is put together from. For [Service.Receive] alone DB, Queue and Now
// suffice.
type Deps struct {
	DB          *gorm.DB
	Queue       *work.Queue
	Now         clock.Clock
	Accounts    Accounts
	Staff       Staff
	Customers   Customers
	Tags        Tags
	Acquisition Acquisition
	Groups      Groups
	Visits      Visits
	Moderation  Moderation
	Channels    Channels
	Corp        func(account string) Platform
	// Concurrency is how many parts of a synchronisation are read at once; 0 means 8.
	Concurrency int
	Logger      *slog.Logger
	Metrics     prometheus.Registerer // nil: none
}

// Service is the inbox and the synchronisation. Safe for concurrent use.
type Service struct {
	db          *gorm.DB
	queue       *work.Queue
	now         clock.Clock
	accounts    Accounts
	staff       Staff
	customers   Customers
	tags        Tags
	acquisition Acquisition
	groups      Groups
	visits      Visits
	moderation  Moderation
	channels    Channels
	corp        func(account string) Platform
	concurrency int
	log         *slog.Logger
	metrics     *metrics

	commit  *model.GroupCommit[arrival, struct{}]
	inserts inserts
	arrived chan struct{} // wakes the pump
}

// New puts the capability together and registers its works.
func New(d Deps) *Service {
	s := &Service{
		db: d.DB, queue: d.Queue, now: d.Now, accounts: d.Accounts, staff: d.Staff, customers: d.Customers,
		tags: d.Tags, acquisition: d.Acquisition, groups: d.Groups, visits: d.Visits, moderation: d.Moderation, channels: d.Channels, corp: d.Corp,
		concurrency: d.Concurrency, log: d.Logger, metrics: newMetrics(d.Metrics), arrived: make(chan struct{}, 1),
	}
	if s.concurrency <= 0 {
		s.concurrency = 8
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	// One commit at a time: two side by side are half as large each and cost more together.
	s.commit = model.NewGroupStatement(d.DB, maxCommit, 1, s.store)
	work.Handle(d.Queue, workEvent, eventPolicy, s.handle)
	work.Handle(d.Queue, workSync, syncPolicy, s.synchronise)
	return s
}

// notFound puts a fault of ours in the place of GORM's.
func notFound(err, fault error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return fault
	}
	return err
}
