package model

import "time"

// ContentCheck 内容审核 says what is known of a text or a picture that a customer put into a field of theirs: whether other
// customers may see it. It speaks of one content alone, that whose Hash it holds.
type ContentCheck struct {
	ID         int64
	CustomerID int64
	Field      string // with CustomerID unique: name, avatar, city, fields.…
	AccountID  int64  // the mini-program in which it was written; 0: not known
	Hash       []byte // SHA-256 of field and content; empty: nobody has looked at it since such rows exist
	State      string // waiting, review, passed, refused
	Reason     string // why it waits or is to be reviewed
	Label      int    // what the platform found; 0: nothing was found out
	TraceID    string // of the picture that the platform was asked about last; empty: not asked, or answered
	Asked      int    // how often the platform was asked about the picture
	// DueAt is when it is looked at again; nil: when the customer visits next, or never.
	DueAt     *time.Time
	StaffID   int64 // who decided; 0: the platform
	Note      string
	DecidedAt *time.Time
	CreatedAt time.Time // when the customer wrote it
	UpdatedAt time.Time
}
