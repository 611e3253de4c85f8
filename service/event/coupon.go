package event

import (
	"strconv"
	"time"
)

// The kinds of facts about coupons.
const (
	KindCouponIssued     = "coupon.issued"
	KindCouponRedeemed   = "coupon.redeemed"
	KindCouponRolledBack = "coupon.rolled_back"
	KindCouponExpiring   = "coupon.expiring"
	KindCouponExpired    = "coupon.expired"
	KindCouponVoided     = "coupon.voided"
	KindCouponExtended   = "coupon.extended"
	KindCouponGiven      = "coupon.given"
	KindCouponReceived   = "coupon.received"
	KindGiftOpened       = "coupon.gift_opened"
	KindGiftReturned     = "coupon.gift_returned"
)

// SourceCoupon says that a fact comes from a coupon.
const SourceCoupon = "coupon"

// CouponFact is what the facts about a coupon share, with where the coupon came from.
type CouponFact struct {
	CouponID   int64 `json:"coupon_id"`
	BatchID    int64 `json:"batch_id"`
	CustomerID int64 `json:"customer_id"`
	// How the coupon came about: claim, code, staff, journey, campaign, draw, points, referral, console.
	Way           string    `json:"way"`
	CampaignID    int64     `json:"campaign_id,omitempty"`
	JourneyID     int64     `json:"journey_id,omitempty"`
	Step          string    `json:"step,omitempty"`
	ChannelCodeID int64     `json:"channel_code_id,omitempty"`
	StaffID       int64     `json:"staff_id,omitempty"`
	Version       int       `json:"version"` // of the coupon after it
	At            time.Time `json:"at"`
}

// about keys a fact by the move that it tells of: each happens once.
func (f CouponFact) about(kind string) About {
	return About{
		Kind: kind, CustomerID: f.CustomerID, StaffID: f.StaffID, Source: SourceCoupon, At: f.At,
		Key: kind + ":" + strconv.FormatInt(f.CouponID, 10) + ":" + strconv.Itoa(f.Version),
	}
}

// measured are facts that know what their kind takes as item and value, so that their JSON need not be read for it: a rush tells of
// thousands a second.
type measured interface {
	measured() (item string, value int64)
}

func (f CouponFact) measured() (string, int64)    { return strconv.FormatInt(f.BatchID, 10), 0 }
func (f CouponUseFact) measured() (string, int64) { return strconv.FormatInt(f.BatchID, 10), f.OffFen }

// CouponIssued 领券: the coupon is the customer's and may be used.
type CouponIssued struct {
	CouponFact
	ValidUntil time.Time `json:"valid_until"`
}

// About implements Fact.
func (f CouponIssued) About() About { return f.about(KindCouponIssued) }

// CouponUseFact is what the facts about the use of a coupon share.
type CouponUseFact struct {
	CouponFact
	UseID  int64  `json:"use_id"`
	Order  string `json:"order"`
	Shop   string `json:"shop,omitempty"`
	OffFen int64  `json:"off_fen"` // saved, or taken back from what was saved
}

// CouponRedeemed 核销.
type CouponRedeemed struct{ CouponUseFact }

// About implements Fact.
func (f CouponRedeemed) About() About { return f.about(KindCouponRedeemed) }

// CouponRolledBack 退券: an order was refunded, in all or in part. In all, the coupon may be used again.
type CouponRolledBack struct{ CouponUseFact }

// About implements Fact.
func (f CouponRolledBack) About() About { return f.about(KindCouponRolledBack) }

// CouponExpiring 即将过期: it was not used yet, and the time has come to say so.
type CouponExpiring struct {
	CouponFact
	ValidUntil time.Time `json:"valid_until"`
}

// About implements Fact. A coupon is about to expire once for each time at which it does.
func (f CouponExpiring) About() About {
	a := f.about(KindCouponExpiring)
	a.Key = KindCouponExpiring + ":" + strconv.FormatInt(f.CouponID, 10) + ":" + strconv.FormatInt(f.ValidUntil.UnixMilli(), 10)
	return a
}

// CouponExpired 过期.
type CouponExpired struct{ CouponFact }

// About implements Fact.
func (f CouponExpired) About() About { return f.about(KindCouponExpired) }

// CouponVoided 作废.
type CouponVoided struct{ CouponFact }

// About implements Fact.
func (f CouponVoided) About() About { return f.about(KindCouponVoided) }

// CouponExtended 延期: it is good until a later time; if it had expired, it may be used again.
type CouponExtended struct {
	CouponFact
	ValidUntil time.Time `json:"valid_until"`
}

// About implements Fact.
func (f CouponExtended) About() About { return f.about(KindCouponExtended) }

// CouponGiven 转出: the customer's coupon is somebody else's now.
type CouponGiven struct{ CouponFact }

// About implements Fact.
func (f CouponGiven) About() About { return f.about(KindCouponGiven) }

// CouponReceived 转入: the coupon was somebody else's and is the customer's now.
type CouponReceived struct {
	CouponFact
	ValidUntil time.Time `json:"valid_until"`
}

// About implements Fact.
func (f CouponReceived) About() About { return f.about(KindCouponReceived) }

// CouponGiftOpened 转赠中: the customer's coupon waits for whoever takes it, and can't be used meanwhile.
type CouponGiftOpened struct {
	CouponFact
	ExpiresAt time.Time `json:"expires_at"`
}

// About implements Fact.
func (f CouponGiftOpened) About() About { return f.about(KindGiftOpened) }

// CouponGiftReturned 转赠退回: nobody has taken the customer's coupon, and it may be used again.
type CouponGiftReturned struct {
	CouponFact
	Why string `json:"why"` // withdrawn, lapsed
}

// About implements Fact.
func (f CouponGiftReturned) About() About { return f.about(KindGiftReturned) }
