// Package catalog knows what is sold and who bought it: categories, products, orders with their lines,
// refunds, and what each customer bought in all.
//
// Shop systems tell it, in any order, twice, or side by side. What they tell carries a version: an older
// one changes nothing. What follows from orders and refunds together (what was refunded, totals, facts)
// is computed anew under the order's lock whenever one of them changes, so that every sequence of the
// same messages ends in the same rows.
package catalog

import (
	"context"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// The states of an order. Names are data.
const (
	StatusAwaited   = "awaited" // a refund spoke of it; the order itself has not come yet
	StatusPlaced    = "placed"
	StatusPaid      = "paid"
	StatusShipped   = "shipped"
	StatusCompleted = "completed"
	StatusCancelled = "cancelled"
)

// The states of a refund.
const (
	RefundRequested = "requested"
	RefundRefunded  = "refunded"
	RefundRefused   = "refused"
)

// The states of a product.
const (
	ProductOnSale    = "on_sale"
	ProductOffSale   = "off_sale"
	ProductMentioned = "mentioned" // an order spoke of it; the shop has not described it yet
)

// Buyers knows in which form the identities of customers are stored.
type Buyers interface {
	// StoredIdentity gives the forms under which an identity's value may be stored, the one that is
	// written today first: of a phone number its blind indexes. It fails when the value can be nobody's.
	StoredIdentity(kind, scope, value string) ([]string, error)
	// KeepIdentityTx keeps what it takes to find the form of a value anew when keys change, while nobody
	// has the identity. Repeatable.
	KeepIdentityTx(tx *gorm.DB, kind, value string) error
}

// Viewers says whose customers a viewer may see.
type Viewers interface {
	VisibleStaff(ctx context.Context, v *staff.Viewer) (all bool, staffIDs []int64, err error)
}

// Service owns categories, products, orders, refunds and the totals of customers. Safe for concurrent use.
type Service struct {
	db      *gorm.DB
	events  *event.Log
	queue   *work.Queue
	now     clock.Clock
	buyers  Buyers
	viewers Viewers
}

// New puts the capability together and registers its work.
func New(db *gorm.DB, events *event.Log, queue *work.Queue, now clock.Clock, buyers Buyers, viewers Viewers) *Service {
	s := &Service{db, events, queue, now, buyers, viewers}
	work.Handle(queue, workAdopt, work.Policy{}, s.adoptThese)
	work.Handle(queue, workRelabel, work.Policy{}, s.relabel)
	return s
}

// inTx is model.InTx on the service's database.
func (s *Service) inTx(ctx context.Context, fn func(tx *gorm.DB) error) error {
	return model.InTx(ctx, s.db, fn)
}
