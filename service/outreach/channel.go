package outreach

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"zhiyin/service/outreach/message"
)

// Channel is one way to reach customers. Implementations are safe for concurrent use.
type Channel interface {
	// Describe says what the channel can do. It never changes while the process runs.
	Describe() Description
	// Prepare splits claimed deliveries, which are all of one lane (source, step, account and sender are the same), into calls: the same
	// message, at most Description.Batch deliveries each. Every delivery is in exactly one call or refused. It only reads, and may be
	// repeated; an error leaves all of them planned.
	Prepare(ctx context.Context, claimed []Delivery) (calls []Call, refused []Refusal, err error)
	// Send makes one platform call, never inside a transaction; calls of one channel run side by side. What surely did not happen is said in
	// the Outcome; an error says that nothing is known of the outcome, and leaves all deliveries of the call in doubt.
	Send(ctx context.Context, c Call) (Outcome, error)
	// Reconcile asks what became of a call whose outcome is unknown. It is asked only where Description.Doubt is DoubtReconcile,
	// first Description.SettleTime after the call began. Of a channel with Batch 1 the call has one delivery. An error means: ask again later.
	Reconcile(ctx context.Context, c Call) (Found, error)
}

// Doubt says what to do when the outcome of a call is unknown.
type Doubt int

// What to do about the unknown.
const (
	DoubtOperator  Doubt = iota // at most once: it stays in doubt until an operator decides
	DoubtReconcile              // the platform can be asked
	DoubtRetry                  // the platform knows a repeat by its Key: send it again
)

// To says whom the deliveries of a channel name.
type To int

// Whom they name.
const (
	ToCustomers To = iota
	ToGroups       // Intent.GroupID
	ToStaff        // Intent.StaffID, who are written to themselves or publish something
)

// Limit is how many platform calls a channel makes for one account in a span of time, all processes together.
type Limit struct {
	Calls int
	Per   time.Duration
}

// Description is what a channel can do.
type Description struct {
	Name, Zh, En string
	Contents     []message.Kind // content kinds it can carry
	Batch        int            // deliveries a call; 0 counts as 1
	Senders      bool           // goes out in a staff member's name
	ByHand       bool           // who sends each by itself: no confirmation is for several
	To           To             // whom its deliveries name
	Doubt        Doubt
	// SettleTime is how long after a call the platform surely knows of it.
	SettleTime time.Duration
	Reports    []State // which later states it can report
	// Consent is the purpose of privacy that the governor asks, such as privacy.Marketing; "" where no customer is written to.
	Consent string
	Limits  []Limit
	// Concurrency bounds the calls under way per account and process; 0: a default.
	Concurrency int
	// Timeout of one call; 0: a default.
	Timeout time.Duration
}

// Delivery is what a channel gets to see of one.
type Delivery struct {
	ID         int64
	Source     string
	SourceID   int64
	Step       string
	CustomerID int64
	Occurrence string
	Channel    string
	AccountID  int64
	StaffID    int64
	GroupID    int64
	MessageID  int64
	Values     map[string]string
	Topic      string
	Attempts   int // this one included
	PlatformID string
	DueAt      time.Time
	ExpiresAt  time.Time // zero: never
	State      State     // as it was read; zero of those to be sent
}

// Key names the delivery towards platforms that know repeats by a key: the same for every attempt, 26 characters of a-z and 2-7.
func (d *Delivery) Key() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "zhiyin delivery %d", d.ID))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// Call is one platform call.
type Call struct {
	ID         int64 // row; 0 until it is written. Of a channel with Batch 1 several calls share one row.
	Channel    string
	AccountID  int64
	StaffID    int64
	MessageID  int64
	Deliveries []Delivery
	// Marker is stored with the call, for Reconcile to find it at the platform by; ≤ 128 bytes, nothing personal. Not for Batch 1.
	Marker string
	// Payload goes from Prepare to Send, and no further: it is not stored.
	Payload any
	BeganAt time.Time
	// PlatformID of a call that the platform has accepted.
	PlatformID string
}

// Fate is what became of a delivery at the platform.
type Fate int

// The fates.
const (
	FateUnknown  Fate = iota // may have happened
	FateAccepted             // the platform has taken it
	FateFailed               // surely not sent, and will not be
	FateLater                // surely not sent; try again
)

// Classes of failures. Names are data.
const (
	ClassBusy       = "busy"       // platform unavailable, again and again
	ClassRelation   = "relation"   // the customer has left, or blocked us
	ClassInput      = "input"      // the platform rejects the content
	ClassPermission = "permission" // we may not
	ClassQuota      = "quota"      // the customer or the month has had its fill
	ClassRefused    = "refused"    // the customer or the sender refused it
	ClassOther      = "other"
)

// Result is what became of one delivery.
type Result struct {
	ID         int64 // the delivery's
	Fate       Fate
	PlatformID string    // of this delivery, where platforms give it one; ≤ 64 bytes
	Class      string    // why it failed: one of the Class constants
	Code       int       // the platform's error code
	Reason     string    // a stable name, ≤ 64 bytes; nothing personal
	At         time.Time // of FateLater: when; zero: after a pause that grows
}

// Outcome is what a platform call came to.
type Outcome struct {
	// Result holds for every delivery that Results does not name; its PlatformID is the call's.
	Result
	Results []Result
	// Throttled: the platform wants fewer calls of this account. No call is made until At (zero: a while that grows), and no attempt is counted.
	Throttled bool
	// Broken: this account can't send until somebody mends it (credentials, permission). It is paused with Reason.
	Broken bool
}

// of is what became of one delivery.
func (o *Outcome) of(id int64) Result {
	for i := range o.Results {
		if o.Results[i].ID == id {
			return o.Results[i]
		}
	}
	r := o.Result
	r.ID = id
	return r
}

// Refusal is a delivery that a channel does not take.
type Refusal struct {
	ID     int64
	Reason string // a stable name: no_relation, no_openid, no_grant, …
	// Class makes it Failed instead of Suppressed: it should have been possible.
	Class string
	// Until is when it may be possible; it stays planned. Zero: never.
	Until time.Time
}

// Found is what Reconcile has found out.
type Found struct {
	// Fate: accepted; failed; later: surely absent, send it again; unknown: ask again.
	Result
	Results []Result
}
