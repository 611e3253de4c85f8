// Package referral is invitations 邀请: programmes in which customers invite newcomers by codes and posters of their own, the
// edges of who was invited by whom, and rewards for so many friends. A friend counts who was never known before, has done
// what is asked, and is still there when the cool-off is over; who leaves is subtracted. Only those whom one has invited
// oneself count: further levels are computed for people to look at, and earn nothing.
package referral

import (
	"context"
	"image"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/singleflight"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/loyalty"
)

// The states of programmes. Names are data.
const (
	StateDraft  = "draft"
	StateActive = "active"
	StatePaused = "paused" // nobody is invited, and nobody counts
	StateEnded  = "ended"  // nobody is invited; who had joined still counts
)

// What a newcomer does to count. Names are data.
const (
	AskSignIn   = "sign_in"  // nothing more than to come
	AskRelation = "relation" // add a staff member
	AskOrder    = "order"    // pay a first order
)

// The states of edges. Names are data.
const (
	Touched = "touched" // a newcomer, who has not done yet what is asked
	Cooling = "cooling" // joined: the cool-off runs
	Review  = "review"  // held: a person decides
	Counted = "counted"
	Refused = "refused"
	Left    = "left" // was here, and is no more
	Void    = "void" // fell away when two customers turned out to be one
)

// Why edges are refused, left or void. Names are data.
const (
	ReasonKnown      = "known"       // no newcomer
	ReasonSelf       = "self"        // inviter and invitee are one person
	ReasonSamePerson = "same_person" // they may be: somebody has been asked, or has found so
	ReasonDevice     = "same_device" // the code was asked for from the same device
	ReasonCycle      = "cycle"       // the invitee has invited the inviter, directly or by way of others
	ReasonPerson     = "person"      // a person decided so
	ReasonUnfollowed = "unfollowed"  // no staff member is left
	ReasonRefunded   = "refunded"    // the order was given back
	ReasonOther      = "other_touch" // one of two customers who are one had been touched before
)

// The kinds of rewards and who gets them. Names are data.
const (
	Points = "points"
	Coupon = "coupon"
	Gift   = "gift"

	Inviter = "inviter"
	Invitee = "invitee"
)

// The states of rewards. Names are data.
const (
	Owed       = "owed" // earned; given as soon as the budget has room
	Given      = "given"
	ToHandOver = "to_hand_over"
	HandedOver = "handed_over"
	TakenBack  = "taken_back"
)

// Segments knows who is in which segment.
type Segments interface {
	Contains(ctx context.Context, id int64, customers ...int64) ([]int64, error)
	Size(ctx context.Context, id int64) (int64, error)
}

// Purse is what points are given from.
type Purse interface {
	EarnTx(tx *gorm.DB, in loyalty.Earning) (*model.PointsEntry, error)
	TakeBackTx(tx *gorm.DB, earnedID int64, d loyalty.Detail) (*model.PointsEntry, error)
}

// Media keeps the pictures that posters are drawn on.
type Media interface {
	// MediaFile reads a file with its content, or fails.
	MediaFile(ctx context.Context, id int64) (*model.Media, []byte, error)
}

// Accounts knows the mini-programs.
type Accounts interface {
	ByID(ctx context.Context, id int64) (*model.Account, error)
}

// Deps is what a Service is made of.
type Deps struct {
	DB       *gorm.DB
	Events   *event.Log
	Now      clock.Clock
	Segments Segments
	Purse    Purse
	// Coupons is what rewards of the kind coupon are given by; nil: there are none.
	Coupons  loyalty.Coupons
	Media    Media
	Accounts Accounts
	// MiniApp gives the codes of mini-programs, for an account by its short name.
	MiniApp func(account string) MiniApp
	// Ways makes inviters' contact ways, and Picture reads their pictures; nil: there are none.
	Ways    Ways
	Picture func(ctx context.Context, address string) ([]byte, error)
	// Pictures fetches avatars from addresses that customers' rows hold: it must reach public addresses alone. nil: there are none.
	Pictures *http.Client
	Key      []byte // with which devices and addresses are hashed
	Logger   *slog.Logger
}

// Service owns programmes, codes, edges and rewards. Safe for concurrent use.
type Service struct {
	Deps
	posters *memory[[]byte]
	grounds *memory[*image.RGBA]
	drawing singleflight.Group
	pens    chan struct{} // one for each poster that may be drawn at a time
}

const (
	postersSize = 32 << 20
	groundsSize = 16 << 20
	pens        = 2
)

// New makes a Service. Have its OnEvents fed with Kinds, its Mover owned, and its Tick run.
func New(d Deps) *Service {
	return &Service{Deps: d, posters: newMemory[[]byte](postersSize), grounds: newMemory[*image.RGBA](groundsSize), pens: make(chan struct{}, pens)}
}

// Programme is a programme with its ladder and its budget.
type Programme struct {
	model.ReferralProgramme
	Steps  []model.ReferralStep // by the number of friends
	Budget model.ReferralBudget
	Adding *model.ReferralAdding // nil: invitations don't lead to adding staff
}

// open tells whether customers can invite and be invited at a time.
func (p *Programme) open(now time.Time) bool {
	return p.State == StateActive && !now.Before(p.From) && now.Before(p.Until)
}

// wasOpen is open for what happened at a time and is heard of now: a programme may have ended since.
func (p *Programme) wasOpen(at time.Time) bool {
	return (p.State == StateActive || p.State == StateEnded) && !at.Before(p.From) && at.Before(p.ended())
}

// Get gives a programme. It fails with ErrNotFound.
func (s *Service) Get(ctx context.Context, id int64) (*Programme, error) {
	return programme(s.DB.WithContext(ctx), id)
}

// List gives a page of programmes, the newest first; those that are open now when open is true.
func (s *Service) List(ctx context.Context, open bool, before int64, limit int) ([]Programme, error) {
	return programmesBefore(s.DB.WithContext(ctx), open, s.Now(), before, limit)
}
