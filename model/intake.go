package model

import "time"

// Inbox is one callback as it was decrypted, kept before it was acknowledged.
type Inbox struct {
	ID         int64
	AccountID  int64
	Digest     []byte // SHA-256 of Body; unique per account
	Kind       string // Event, or Event.ChangeType, or the message type
	Body       []byte
	Stale      bool   // older than the allowed age when it came: nothing that happens only once may follow
	Lane       int    // as of works: what a backlog is drained by
	State      string // new, routed, done, unknown, failed
	Replays    int    // how often an operator has had it routed again
	Error      string
	ReceivedAt time.Time
	FinishedAt *time.Time
}

// SyncRun is one synchronisation of an account with its platform.
type SyncRun struct {
	ID        int64
	AccountID int64
	// RunningAccountID is AccountID while the run is running, else NULL; unique, so that an account
	// has one run at a time.
	RunningAccountID *int64

	Status     string // running, done, failed, cancelled
	Trigger    string `gorm:"column:trigger_kind"` // first, clock, person
	Stage      string // departments, staff, tags, customers, groups, finish
	Total      int64  // parts in this stage, 0 unknown
	Finished   int64
	ReadCount  int64
	Created    int64
	Updated    int64
	Unchanged  int64
	Vanished   int64
	Failed     int64
	Error      string
	StartedAt  time.Time
	FinishedAt *time.Time
	UpdatedAt  time.Time
}

// SyncPart is one part of a run that can be done, and after a stop resumed, on its own: the
// customers of one staff member, the groups of one owner.
type SyncPart struct {
	ID        int64
	RunID     int64
	Stage     string
	PartKey   string
	Status    string // waiting, done, failed
	Cursor    string `gorm:"column:page_cursor"`
	Error     string
	StartedAt *time.Time // when its first page was asked for
	UpdatedAt time.Time
}
