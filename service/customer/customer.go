// Package customer knows who the customers are: the persons, by which identities they are
// recognised, and which staff member follows whom.
//
// What the platform says of a relation is a reading, taken at a known time. Readings and events
// arrive in any order, twice, or side by side; the rows converge on the platform's truth because an
// older reading never replaces a newer one, and an ended relation stays ended until the platform
// shows that it began anew.
package customer

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
	"zhiyin/service/vault"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// How a relation stands.
const (
	StatusActive  = "active"
	StatusHalf    = "half"    // the customer added the staff member, who has not confirmed yet
	StatusLeft    = "left"    // the customer removed or blocked the staff member
	StatusRemoved = "removed" // the staff member removed the customer
)

// What can go wrong for the caller.
var (
	ErrNotFound = fault.New(fault.NotFound, "customer.not_found", "没有这位客户", "No such customer")
	ErrCursor   = fault.New(fault.Invalid, "customer.bad_cursor", "翻页位置无效，请从头查起", "The page cursor is not valid; start from the first page")
	ErrFilter   = fault.New(fault.Invalid, "customer.bad_filter", "筛选条件无效", "A filter is not valid")
	ErrRemark   = fault.New(fault.Invalid, "customer.bad_remark", "备注最多 20 个字，描述最多 150 个字",
		"A remark has at most 20 characters, a description at most 150")
)

// Staff is what this package needs of the staff capability.
type Staff interface {
	// EnsureTx finds a staff member by the platform's user id, or makes a bare row.
	EnsureTx(tx *gorm.DB, accountID int64, userid string) (*model.Staff, error)
	// VisibleStaff says whose customers a viewer may see: everybody's, or those of the staff listed.
	VisibleStaff(ctx context.Context, v *staff.Viewer) (all bool, staffIDs []int64, err error)
}

// Contacts is what this package asks of the platform, for one account.
type Contacts interface {
	Remark(ctx context.Context, userID, externalUserID string, change wecom.RemarkChange) error
	ConvertUnionID(ctx context.Context, unionID, openID string) (wecom.Converted, error)
	PendingIDs(ctx context.Context, externalUserIDs []string) (map[string]string, error)
}

// Service owns customers, identities and relations. Safe for concurrent use.
type Service struct {
	db      *gorm.DB
	events  *event.Log
	queue   *work.Queue
	now     clock.Clock
	staff   Staff
	vault   *vault.Vault
	corp    func(account string) Contacts
	movers  []Mover
	rekeyed []func(tx *gorm.DB, old, fresh string) error
}

// New puts the capability together and registers its work. The vault seals what is personal.
func New(db *gorm.DB, events *event.Log, queue *work.Queue, now clock.Clock, staff Staff, v *vault.Vault, corp func(account string) Contacts) *Service {
	s := &Service{db: db, events: events, queue: queue, now: now, staff: staff, vault: v, corp: corp, movers: slices.Clone(owned)}
	work.Handle(queue, workPushRemark, pushPolicy, s.pushRemark)
	work.Handle(queue, workConvert, convertPolicy, s.convert)
	return s
}

// ByIdentity finds the customer who is recognised by an identity, or fails with ErrNotFound.
func (s *Service) ByIdentity(ctx context.Context, kind, scope, value string) (*model.Customer, error) {
	return customerByIdentity(s.db.WithContext(ctx), kind, scope, value)
}

// CustomerIDsTx finds the customers behind the external user ids of a corp; unknown ones are absent
// from the answer.
func (s *Service) CustomerIDsTx(tx *gorm.DB, corpID string, externalUserIDs []string) (map[string]int64, error) {
	return identities(tx, KindExternalUserID, corpID, externalUserIDs)
}

// RelationByExternal finds a staff member's relation with a customer, ended ones included, or fails
// with ErrNotFound.
func (s *Service) RelationByExternal(ctx context.Context, accountID, staffID int64, externalUserID string) (*model.Relation, error) {
	return relationOf(s.db.WithContext(ctx), accountID, staffID, externalUserID)
}

// second is t as the platform would tell it.
func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
