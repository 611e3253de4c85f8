package model

import "time"

// Message 消息模板 is something to say that people edit; each edit is a version of its own.
type Message struct {
	ID        int64
	Name      string
	Topic     string // for caps and for customers' choices; empty: none
	Version   int    // the newest
	CreatedBy int64  // staff
	GoneAt    *time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// MessageVersion is what a message said at a time. It never changes, but for being accepted.
type MessageVersion struct {
	ID        int64
	MessageID int64
	Version   int
	Channels  string // JSON: the channels that it is written for
	Body      string // JSON
	Hash      []byte // SHA-256 of Body
	Personal  bool   // names variables that differ from one recipient to another
	Findings  string // JSON: what the check found
	StaffID   int64  // who wrote it
	// AcceptedBy is the second person who let it pass in spite of the findings; 0: nobody.
	AcceptedBy int64
	AcceptedAt *time.Time
	CreatedAt  time.Time
}

// MessagePolicy is one revision of what must not be said and which addresses may be linked. Rows are
// only ever added; the newest is in force.
type MessagePolicy struct {
	ID        int64
	Revision  int64
	Body      string // JSON
	StaffID   int64
	CreatedAt time.Time
}
