// Package coupon keeps offers as strictly as money: batches and what their coupons are worth, the coupons
// that customers hold, codes, and an append-only ledger from which every counter and budget follows.
//
// Every move of a coupon is one conditional update and one entry of the ledger, in one transaction, under
// a key of the caller: repeated under the same key it is answered as before and changes nothing. What
// many want at the same moment, a hot batch or a hot budget, is decided by its row in the database while
// the requests that wait in one process share a commit; so any number of replicas stays right, and Redis
// has no part in it.
package coupon

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/vault"
	"zhiyin/service/work"
)

// The states of a batch. Names are data.
const (
	BatchDraft     = "draft"
	BatchSubmitted = "submitted" // waits for a second person
	BatchActive    = "active"
	BatchPaused    = "paused" // nobody gets one, and those held can't be used for now
	BatchEnded     = "ended"  // nobody gets one any more; those held stay good
)

// The states of a coupon. Names are data.
const (
	InReview = "review" // issued, and waits for a person because of signs of fraud
	Usable   = "usable"
	Reserved = "reserved" // for an order
	Used     = "used"
	Expired  = "expired"
	Void     = "void"
	Gifted   = "gifted" // on its way to somebody else: see Give
)

// The acts of the ledger. Names are data.
const (
	actIssue    = "issue"
	actReview   = "review"
	actReserve  = "reserve"
	actRelease  = "release"
	actRedeem   = "redeem"
	actRollBack = "roll_back"
	actExtend   = "extend"
	actVoid     = "void"
	actTransfer = "transfer"
	actExpire   = "expire"
	actGift     = "gift"      // it waits for whoever takes it; transfer when somebody has
	actGiftBack = "gift_back" // nobody has
)

// The ways in which coupons come about. Names are data.
const (
	SourceClaim    = "claim" // by the customer, in the coupon centre
	SourceCode     = "code"
	SourceStaff    = "staff" // from the sidebar
	SourceJourney  = "journey"
	SourceCampaign = "campaign"
	SourceDraw     = "draw"
	SourcePoints   = "points"
	SourceReferral = "referral"
	SourceConsole  = "console"
)

// Persons is what this package needs of the customer capability.
type Persons interface {
	// Visible gives those of the customers that the viewer may see.
	Visible(ctx context.Context, v *staff.Viewer, ids []int64) ([]int64, error)
}

// Members is what this package asks of segments.
type Members interface {
	// Members gives the next members above a customer's row id, in their order; all of them by and by.
	Members(ctx context.Context, segmentID, after int64, limit int) ([]int64, error)
	// Size counts the members, or fails when there is no such segment.
	Size(ctx context.Context, segmentID int64) (int64, error)
}

// Deps is what a Service is put together from.
type Deps struct {
	DB       *gorm.DB
	Events   *event.Log
	Queue    *work.Queue
	Now      clock.Clock
	Zone     *time.Location // of the business: days, weekdays and hours are its own
	Persons  Persons
	Segments Members
	Vault    *vault.Vault // for what codes follow from
	IDs      model.PublicIDs
	Key      []byte // of the codes that change, and of hashes; 32 bytes
	Logger   *slog.Logger
	// Watchers are told of staff who give more than usual; nil: nobody is.
	Watchers Watchers
	Metrics  prometheus.Registerer // may be nil
	// ApproveFrom is from how many coupons, or how much money in all, a batch or a bulk issue needs a second person.
	ApproveFrom Size
}

// Size is how large something is that gives coupons away.
type Size struct {
	Coupons int64
	Fen     model.Fen
}

// Large is the size from which a second person is asked where nobody says another.
var Large = Size{Coupons: 10_000, Fen: 10_000_000}

// Service owns batches, coupons, codes and the ledger. Safe for concurrent use.
type Service struct {
	Deps
	claims  *model.GroupCommit[IssueInput, issued]
	earlier *model.GroupCommit[hash, *model.CouponRequest]
	uses    *model.GroupCommit[useItem, used]
	flight  flight
	book    book
	soldOut sync.Map // batch id -> soldOut
	unusual *prometheus.CounterVec
}

// How much one commit takes, and how many are made side by side.
const (
	commitItems   = 256
	commitsAtOnce = 2
	// Claims of a rush wait for one row anyway: two commits at once would only halve how many share one.
	claimCommits = 1
)

// New puts the capability together and registers its work.
func New(d Deps) *Service {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.ApproveFrom == (Size{}) {
		d.ApproveFrom = Large
	}
	s := &Service{Deps: d, unusual: newUnusualCount(d.Metrics)}
	s.claims = model.NewGroupCommit(d.DB, commitItems, claimCommits, s.issueGathered)
	s.earlier = model.NewGroupStatement(d.DB, commitItems, commitsAtOnce, earlierGathered)
	s.uses = model.NewGroupCommit(d.DB, commitItems, commitsAtOnce, s.useGathered)
	work.Handle(d.Queue, workRun, work.Policy{Timeout: 5 * time.Minute}, s.goOn)
	return s
}

// day is the business day of a time, and when it begins.
func (s *Service) day(at time.Time) (name string, began time.Time) {
	t := at.In(s.Zone)
	return t.Format(time.DateOnly), time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, s.Zone).UTC()
}
