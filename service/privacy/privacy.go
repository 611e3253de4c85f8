// Package privacy keeps what customers have been told, what they have agreed to and refused, and what
// they ask for about their data.
//
// Consents and contact choices are ledgers: entries are only ever added, so that what held at any time
// can be told again. A purpose has notices in versions; a customer is asked again for a purpose only
// when its own notice is new.
package privacy

import (
	"time"

	"gorm.io/gorm"

	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/vault"
)

// What can go wrong for the caller.
var (
	ErrPurpose     = fault.New(fault.Invalid, "privacy.unknown_purpose", "没有这个用途", "no such purpose")
	ErrInvalid     = fault.New(fault.Invalid, "privacy.invalid", "填写有误", "a value is wrong")
	ErrNoNotice    = fault.New(fault.Conflict, "privacy.no_notice", "该用途尚未发布告知书，暂时无法同意", "no notice about this purpose has been published yet")
	ErrNewNotice   = fault.New(fault.Conflict, "privacy.notice_changed", "告知书已更新，请阅读新版本后再同意", "the notice has changed; read the new version first")
	ErrGuardian    = fault.New(fault.Forbidden, "privacy.guardian_needed", "未满 14 周岁，需要监护人同意", "a guardian must consent for a child under 14")
	ErrNotFound    = fault.New(fault.NotFound, "privacy.not_found", "没有找到", "there is no such thing")
	ErrNotOpen     = fault.New(fault.Conflict, "privacy.not_open", "该申请已开始处理或已结束", "the request is being carried out or over already")
	ErrNoticeTaken = fault.New(fault.Conflict, "privacy.notice_taken", "刚有人发布了该用途的新版本，请核对后再发布", "somebody else has just published a version; look at it first")
	ErrNoCustomer  = fault.New(fault.NotFound, "customer.not_found", "没有这位客户", "No such customer")
)

// Service owns notices, consents, contact choices and requests. Safe for concurrent use.
type Service struct {
	db     *gorm.DB
	events *event.Log
	vault  *vault.Vault
	now    clock.Clock
}

// New puts the capability together.
func New(db *gorm.DB, events *event.Log, v *vault.Vault, now clock.Clock) *Service {
	return &Service{db, events, v, now}
}

// Where an entry of a ledger comes from.
const (
	ByMiniApp  = "miniapp"
	ByConsole  = "console"
	ByImport   = "import"
	ByPlatform = "platform"
)

var channels = []string{ByMiniApp, ByConsole, ByImport, ByPlatform}

// later is now, but never before what the ledger holds already: replicas' clocks may differ a little.
func (s *Service) later(than time.Time) time.Time {
	if now := s.now(); now.After(than) {
		return now
	}
	return than.Add(time.Millisecond)
}
