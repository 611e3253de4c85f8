// Package visit 访问 lets people into the mini-program: it exchanges the platform's one-time codes
// for sessions of ours, and knows from a session's token alone who is calling.
//
// A visitor is a customer, or a staff member who opened the mini-program inside WeCom. The platform's
// session_key is forgotten as soon as it has arrived: nothing here needs it.
package visit

import (
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/fault"
	"zhiyin/service/moderation"
	"zhiyin/wecom"
)

// What can go wrong at the mini-program's door.
var (
	ErrUnknownApp   = fault.New(fault.Invalid, "visit.unknown_app", "没有这个小程序或企业账号", "no such mini-program or corp account")
	ErrBadCode      = fault.New(fault.Unauthenticated, "visit.bad_code", "登录凭证无效、已使用或已过期，请重新登录", "the login code is unknown, used or expired; ask the platform for another")
	ErrRisky        = fault.New(fault.Forbidden, "visit.risky", "微信判定该账号存在风险，暂时无法登录", "the platform holds this account to be risky")
	ErrNotStaff     = fault.New(fault.Forbidden, "visit.not_staff", "您不是可以登录的企业成员", "you are not a staff member who may sign in")
	ErrBusy         = fault.New(fault.Unavailable, "visit.busy", "微信平台繁忙，请稍后再试", "the platform is busy; try again in a moment").After(2 * time.Second)
	ErrEnded        = fault.New(fault.Unauthenticated, "visit.ended", "登录已失效，请重新登录", "the session has ended; sign in again")
	ErrCodeUsed     = fault.New(fault.Conflict, "visit.code_used", "该手机号凭证已使用，请重新授权", "this phone code was used already; press the button again")
	ErrBadPhoneCode = fault.New(fault.Invalid, "visit.bad_phone_code", "手机号凭证无效或已过期，请重新授权", "the phone code is unknown or expired; press the button again")
	ErrTooMany      = fault.New(fault.TooMany, "visit.too_many", "今天的尝试次数已用完，请明天再试", "no tries are left today; try again tomorrow")
)

// MiniApp is what this package asks of the mini-program platform, for one account.
type MiniApp interface {
	CodeToSession(ctx context.Context, code string) (*wecom.Session, error)
	PhoneNumber(ctx context.Context, code string) (*wecom.Phone, error)
}

// Corp is what this package asks of WeCom, for one account.
type Corp interface {
	CodeToSession(ctx context.Context, code string) (*wecom.StaffSession, error)
}

// Accounts is what this package needs of the platform accounts.
type Accounts interface {
	ByName(ctx context.Context, name string) (*model.Account, error)
	ByID(ctx context.Context, id int64) (*model.Account, error)
}

// Persons is what this package needs of the customer capability.
type Persons interface {
	ResolveTx(tx *gorm.DB, in customer.Evidence) (*customer.Resolved, error)
	OwnerOf(tx *gorm.DB, kind, scope, value string) (int64, error)
	ForgetTx(tx *gorm.DB, in customer.Forgetting) (forgotten []string, err error)
}

// Staff is what this package needs of the staff capability.
type Staff interface {
	ByUserIDsTx(tx *gorm.DB, accountID int64, userids []string) (map[string]*model.Staff, error)
}

// Touches hears where a customer came from, with every visit that begins.
type Touches interface {
	TouchTx(tx *gorm.DB, t model.CustomerTouch) error
}

// Moderation is what this package needs of the moderation capability.
type Moderation interface {
	VisitedTx(tx *gorm.DB, a moderation.Author) error
	ForgottenTx(tx *gorm.DB, customerID int64, fields []string) error
}

// Deps is what a Service is put together from.
type Deps struct {
	DB       *gorm.DB
	Now      clock.Clock
	Zone     *time.Location // of the business: tries are counted per its day
	Accounts Accounts
	Persons  Persons
	Staff    Staff
	Touches  Touches
	Privacy  Privacy
	// Moderation hears of visits, and of what is forgotten.
	Moderation Moderation
	MiniApp    func(account string) MiniApp
	Corp       func(account string) Corp
}

// How long a visit lives, and how often a customer may have a phone number asked for in a day: each
// success costs money.
const (
	IdleTime    = 2 * time.Hour
	WholeTime   = 7 * 24 * time.Hour
	PhoneTries  = 3
	touchEvery  = time.Minute
	codeLife    = 24 * time.Hour // longer than any code of the platform
	maxCode     = 256
	pruneAtOnce = 500
)

// Service knows the visits. Safe for concurrent use.
type Service struct{ Deps }

// New puts the capability together.
func New(d Deps) *Service { return &Service{d} }

// Source is what facts about visitors say they come from.
const Source = moderation.FromCustomers

// Visitor is who calls: a customer or a staff member.
type Visitor struct {
	VisitID    int64
	AccountID  int64
	CustomerID int64 // 0: a staff member
	StaffID    int64 // 0: a customer
	StaffName  string
	ExpiresAt  time.Time
}

// today is the day of business as yyyymmdd.
func (s *Service) today() int {
	y, m, d := s.Now().In(s.Zone).Date()
	return y*10000 + int(m)*100 + d
}
