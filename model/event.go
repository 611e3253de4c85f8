package model

import "time"

// Event 事件 is something that happened to a customer. Rows are only ever added; what changes in one is
// whose it is, when customers are merged.
type Event struct {
	ID         int64
	Kind       string
	AccountID  int64
	CustomerID int64  // 0: not about a customer
	StaffID    int64  // 0: no staff member involved
	Source     string // callback, sync, console, miniapp, …
	Item       string // what it was about: a product's number, a page, a coupon; empty: nothing in particular
	Value      int64  // what it measures: ms of a page's dwell time, fen of an amount
	DedupeKey  []byte // unique, 16 bytes: the same fact is recorded once
	Payload    string // JSON of the fact
	OccurredAt time.Time
	RecordedAt time.Time
}

// EventDay counts a customer's events of a kind about an item in one day of business. It always equals
// what the events say, as long as they are kept.
type EventDay struct {
	CustomerID int64  `gorm:"primaryKey;autoIncrement:false"`
	Kind       string `gorm:"primaryKey"`
	Item       string `gorm:"primaryKey"`
	Day        int    `gorm:"primaryKey;autoIncrement:false"` // yyyymmdd in the zone of the business
	Times      int64
	Value      int64 // the sum of the events' values
	FirstAt    time.Time
	LastAt     time.Time
}

// EventKind is a kind of event that operators defined.
type EventKind struct {
	Name       string `gorm:"primaryKey"`
	Zh, En     string
	Class      string // of retention
	Item       string // the property that an event's Item is taken from
	Value      string // the property that an event's Value is taken from
	Properties string // JSON: a list of event.Property
	Version    int64  // rises with every change
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// EventAside is a tracked event that the registry did not understand; it waits to be replayed.
type EventAside struct {
	ID         int64
	AccountID  int64
	CustomerID int64
	Source     string
	Name       string // the kind it claims to be
	Reason     string // why it is here
	DedupeKey  []byte // unique, 16 bytes: that of the event it will be
	Properties string // JSON as it came
	OccurredAt time.Time
	ReceivedAt time.Time
}

// EventFeed says which replica reads a feed now.
type EventFeed struct {
	Name        string `gorm:"primaryKey"`
	Owner       string
	LeasedUntil time.Time
}

// EventFeedBatch are events with consecutive ids that a feed has not handed on yet.
type EventFeedBatch struct {
	Feed    string `gorm:"primaryKey"`
	FirstID int64  `gorm:"primaryKey;autoIncrement:false"`
	LastID  int64
	Tries   int // how often handling it has failed
	DueAt   time.Time
	Error   string // of the last try
}
