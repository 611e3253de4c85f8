package model

import "time"

// Event 事件 is something that happened to a customer. Rows are only ever added.
type Event struct {
	ID         int64
	Kind       string
	AccountID  int64
	CustomerID int64  // 0: not about a customer
	StaffID    int64  // 0: no staff member involved
	Source     string // callback, sync, console, …
	Item       string // what it was about: a product's number, a page, a coupon; empty: nothing in particular
	DedupeKey  string // unique: the same fact is recorded once
	Payload    string // JSON of the fact
	OccurredAt time.Time
	RecordedAt time.Time
}

// EventDay counts a customer's events of a kind about an item in one day of business.
type EventDay struct {
	ID         int64
	CustomerID int64
	Kind       string
	Item       string
	Day        int // yyyymmdd in the zone of the business
	Times      int64
	Value      int64 // the sum of what such an event measures: ms of a page's dwell time, fen of an amount
	FirstAt    time.Time
	LastAt     time.Time
}
