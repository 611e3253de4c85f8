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
	DedupeKey  string // unique: the same fact is recorded once
	Payload    string // JSON of the fact
	OccurredAt time.Time
	RecordedAt time.Time
}
