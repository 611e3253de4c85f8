package model

import "time"

// GovernorSetting is one revision of what operators decide about contacts. Rows are only ever added;
// the newest is in force.
type GovernorSetting struct {
	ID        int64
	Revision  int64
	Body      string // JSON
	StaffID   int64
	CreatedAt time.Time
}

// ContactBook is what one customer has been sent of late. Whoever lets a message leave holds its lock.
type ContactBook struct {
	ID         int64
	CustomerID int64
	Marks      string // one line each, the oldest first
	UpdatedAt  time.Time
}

// ContactRefusal counts, for one batch of questions, how often something was not let out for a reason.
type ContactRefusal struct {
	ID        int64
	Channel   string
	Source    string
	SourceID  int64
	Reason    string
	Final     bool // false: there is a later slot
	Times     int64
	CreatedAt time.Time
}

// SourceHoldout is the share of customers whom one source never writes to.
type SourceHoldout struct {
	ID        int64
	Source    string
	SourceID  int64
	Share     int // basis points
	CreatedAt time.Time
}
