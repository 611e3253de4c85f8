package model

import (
	"time"

	"gorm.io/gorm"
)

// Delivery 触达 is one message that somebody intends for one customer, and what became of it.
// (Source, SourceID, Step, CustomerID, GroupID, Occurrence) is unique.
type Delivery struct {
	ID         int64
	Source     string // campaign, journey, task, sidebar, console, system
	SourceID   int64
	Step       string // step of a journey, variant of a campaign
	CustomerID int64  // 0: no single customer
	GroupID    int64  // of channels that speak in groups
	Occurrence string // tells apart repeats
	LaneID     int64
	Shelf      int8 // what indexes need of State
	State      int8
	MessageID  int64
	Vars       string // JSON; empty: none
	DueAt      time.Time
	ExpiresAt  *time.Time
	ClaimID    int64 // the claim that took it last
	Attempts   int   // how often it was claimed
	PlatformID string
	Class      string     // of failures
	Code       int        // the platform's
	Reason     string     // why it was not sent, or not yet
	AcceptedAt *time.Time // nil, as it is read, until then; written: NotAccepted
	ReadAt     *time.Time
	ClickedAt  *time.Time
	// ConvertedAt is when the customer did what the message was for.
	ConvertedAt *time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// NotAccepted is what stands in accepted_at of a planned delivery in the place of nothing. A row that grows when it is accepted finds no room
// in its page, which InnoDB then writes anew for every few rows: three times the log, and half as much of the
// server's time again.
var NotAccepted = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// AfterFind has nobody else know NotAccepted. GORM calls it for what it reads into a Delivery.
func (d *Delivery) AfterFind(*gorm.DB) error {
	if d.AcceptedAt != nil && !d.AcceptedAt.Before(NotAccepted) {
		d.AcceptedAt = nil
	}
	return nil
}

// DeliveryLane is what deliveries have in common that compete for their turn as one.
type DeliveryLane struct {
	ID            int64
	Alike         string // hash of all that follows; unique
	Source        string
	SourceID      int64
	Step          string
	Channel       string
	AccountID     int64
	StaffID       int64
	Topic         string
	Transactional bool
	Targeted      bool
	Priority      int
	CreatedAt     time.Time
}

// DeliveryTally is a change of how many deliveries of a lane are in a state.
type DeliveryTally struct {
	ID      int64
	LaneID  int64
	State   int8
	Changed int64
}

// DeliveryClaim is deliveries in the hands of one process. Whatever is written about them is written
// under Token and Fence, so a process that lost them writes nothing.
type DeliveryClaim struct {
	ID         int64
	LaneID     int64
	Token      string
	Fence      int64 // rises when another process takes over
	LeaseUntil time.Time
	Deliveries []byte // ids, packed; some may have been taken by others at the same moment
	CreatedAt  time.Time
}

// DeliveryCall is one call of a platform, or a handful of calls for one delivery each.
type DeliveryCall struct {
	ID         int64
	ClaimID    int64
	LaneID     int64
	Channel    string
	AccountID  int64
	StaffID    int64
	MessageID  int64
	Single     bool   // one call for each delivery
	State      string // open, doubt, settled
	Deliveries []byte // ids, packed
	Marker     string // by which the channel finds it at the platform
	PlatformID string
	Tries      int        // to find out what became of it
	AskAt      *time.Time // when to ask next; nil: an operator decides
	BeganAt    time.Time
	SettledAt  *time.Time
}

// DeliveryPause keeps deliveries from leaving.
type DeliveryPause struct {
	ID        int64
	Subject   string // "source:campaign:7", "lane:3", "channel:sms:2"; unique
	Reason    string
	PausedBy  int64      // 0: the system
	Until     *time.Time // nil: until somebody resumes
	CreatedAt time.Time
}

// DeliveryPlan is how far a set of customers has been planned.
type DeliveryPlan struct {
	ID        int64
	Source    string
	SourceID  int64
	Mark      string // hash of what is planned; unique
	AfterID   int64  // customers up to this one are planned
	Planned   int64
	Done      bool
	CreatedAt time.Time
	UpdatedAt time.Time
}
