package model

import "time"

// TagGroup 标签组 holds tags. PlatformID is empty for groups that live only here.
type TagGroup struct {
	ID         int64
	AccountID  int64
	PlatformID *string
	Name       string
	Position   int64  // the platform's order, larger first
	SyncState  string // synced, pending (to be pushed), failed
	SyncError  string
	GoneAt     *time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Tag 标签 is a label in a group.
type Tag struct {
	ID         int64
	AccountID  int64
	GroupID    int64
	PlatformID *string
	Name       string
	Position   int64
	SyncState  string
	SyncError  string
	GoneAt     *time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// TagAssignment says that a relation bears a tag. It holds the wish and, in SyncState, whether the
// platform has followed it: add (to be marked), synced, remove (to be unmarked, then deleted), failed.
type TagAssignment struct {
	ID         int64
	TagID      int64
	RelationID int64
	CustomerID int64
	Source     string // wecom, channel_code, console
	SyncState  string
	SyncError  string
	CreatedAt  time.Time
	UpdatedAt  time.Time
}
