// Package profile keeps what is known of customers beyond who they are: what they and the staff say of
// them, in fixed and in custom fields, where they came from, what staff noted, and how good all that is.
package profile

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/moderation"
	"zhiyin/service/staff"
	"zhiyin/service/vault"
)

// What can go wrong for the caller.
var (
	ErrInvalid    = fault.New(fault.Invalid, "profile.invalid", "填写有误", "a value is wrong")
	ErrNoField    = fault.New(fault.NotFound, "profile.no_field", "没有这个字段", "no such field")
	ErrNameTaken  = fault.New(fault.Conflict, "profile.name_taken", "该字段标识已被使用过", "a field has had this name already")
	ErrTooMany    = fault.New(fault.Conflict, "profile.too_many_fields", "自定义字段最多 100 个", "there can be 100 custom fields")
	ErrNoNote     = fault.New(fault.NotFound, "profile.no_note", "没有这条备注", "no such note")
	ErrNotYours   = fault.New(fault.Conflict, "profile.not_your_note", "只能修改自己写的备注", "only who wrote a note may change it")
	ErrNotHidden  = fault.New(fault.NotFound, "profile.nothing_to_reveal", "该客户没有这项资料", "nothing of the kind is known of this customer")
	ErrQuota      = fault.New(fault.TooMany, "profile.reveal_quota", "今日查看次数已用完", "you have been shown as much as one may be in a day")
	ErrGuardian   = fault.New(fault.Forbidden, "privacy.guardian_needed", "未满 14 周岁，需要监护人同意", "a guardian must consent for a child under 14")
	ErrNoCustomer = customer.ErrNotFound
)

// Persons is what this package needs of the customer capability.
type Persons interface {
	Sees(ctx context.Context, v *staff.Viewer, id int64) error
	EditTx(tx *gorm.DB, id int64, source string, staffID int64, edit func(*model.Customer) error) error
	AnswersChangedTx(tx *gorm.DB, id int64, source string, staffID int64, changes ...customer.AnswerChange) error
	SealBirthday(id int64, day string) []byte
	Birthday(c *model.Customer) (string, error)
	Phones(ctx context.Context, customerID int64) ([]string, error)
}

// Consents is what this package needs of the privacy capability.
type Consents interface {
	// Given tells whether a purpose is allowed; a child's guardian may have said so.
	Given(ctx context.Context, customerID int64, purpose string) (bool, error)
}

// Moderation is what this package needs of the moderation capability.
type Moderation interface {
	Look(ctx context.Context, a moderation.Author, pieces []moderation.Piece) ([]moderation.Looked, error)
	NoteTx(tx *gorm.DB, a moderation.Author, looked []moderation.Looked) error
}

// Deps is what a Service is put together from.
type Deps struct {
	DB       *gorm.DB
	Events   *event.Log
	Vault    *vault.Vault
	Now      clock.Clock
	Zone     *time.Location // of the business: birthdays are its days
	Persons  Persons
	Consents Consents
	// Moderation looks at what customers write themselves; nil: customers can't edit.
	Moderation Moderation
	// Watchers are told of those who are shown more than usual; nil: nobody is.
	Watchers Watchers
	// Metrics may be nil.
	Metrics prometheus.Registerer
}

// Service owns custom fields and their values, notes, touches and quality runs. Safe for concurrent use.
type Service struct {
	Deps
	reveals *prometheus.CounterVec
}

// New puts the capability together.
func New(d Deps) *Service { return &Service{d, newRevealCount(d.Metrics)} }

// By is who changes something.
type By struct {
	Source  string // event.Source…, or another stable word
	StaffID int64  // 0: the customer, or a machine
	// AccountID is the mini-program in which customers edit themselves; 0 for everybody else.
	AccountID int64
}
