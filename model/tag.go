package model

import "time"

// TagGroup 标签组 holds tags. PlatformID is empty for groups that live only here.
type TagGroup struct {
	ID         int64
	AccountID  int64
	PlatformID *string
	Name       string
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
// kept until a later reading agrees), failed (could not be marked). The relation bears the tags whose
// assignment is add or synced.
type TagAssignment struct {
	ID         int64
	TagID      int64
	RelationID int64
	CustomerID int64
	Source     string // wecom, channel_code, console
	SyncState  string
	SyncError  string
	KnownAt    time.Time // as of when this is known or wished; an older reading changes nothing
	CreatedAt  time.Time
	UpdatedAt  time.Time
}
