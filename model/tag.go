package model

import "time"

// TagGroup 标签组 holds tags. AccountID 0: it lives only here, and so do its tags. PlatformID is empty for
// groups that the platform doesn't have, or not yet.
type TagGroup struct {
	ID         int64
	AccountID  int64
	PlatformID *string
	Name       string
	MirrorOf   int64 // the local group that this one shows at the platform; 0: none
	Position   int64 // the platform's order, larger first
	// SyncState: synced, or what is to be pushed: pending (to be made, or both of the next), renaming,
	// reordering, deleting; or failed.
	SyncState string
	SyncError string // why the last wish failed, for people
	// KnownAt is as of when the platform is known to agree; an older reading changes nothing.
	KnownAt   *time.Time
	GoneAt    *time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Tag 标签 is a label in a group. GroupID 0 and an empty name: met on a customer, its group is yet to
// be read.
type Tag struct {
	ID         int64
	AccountID  int64
	GroupID    int64
	PlatformID *string
	Name       string
	MirrorOf   int64 // the local tag that this one shows at the platform; 0: none
	Position   int64
	SyncState  string
	SyncError  string
	KnownAt    *time.Time
	GoneAt     *time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// TagAssignment says that a relation bears a tag. It holds the wish and, in SyncState, whether the
// platform has followed it: add (to be marked), synced, remove (to be unmarked), removed (unmarked;
// kept until a later reading agrees), failed (could not be
// marked), unmarked (a mirror's mark that somebody took off; being asked). The relation bears the tags whose
// assignment is add or synced.
type TagAssignment struct {
	ID         int64
	TagID      int64
	RelationID int64
	CustomerID int64
	Source     string // wecom, channel_code, console, …; mirror: it follows from the customer's grants
	SourceID   int64  // which channel code, staff member, …; 0: not one of several
	SyncState  string
	SyncError  string
	KnownAt    time.Time // as of when this is known or wished; an older reading changes nothing
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// TagGrant says that somebody or something gave a customer a tag, whether or not it lives at the platform too.
// One customer may have a tag from several givers; it is borne until the last of them takes it back.
type TagGrant struct {
	ID         int64
	CustomerID int64
	TagID      int64  // never a mirror
	Source     string // console, batch, rule, import, open, …
	SourceID   int64  // which staff member, batch, rule, …; 0: not one of several
	ExpiresAt  *time.Time
	CreatedAt  time.Time
}
