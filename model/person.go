package model

import "time"

// CustomerMerge says that one customer turned out to be another: OtherID stands for CustomerID since then,
// until it is undone.
type CustomerMerge struct {
	ID            int64
	CustomerID    int64  // who stands
	OtherID       int64  // who was merged into them
	Reason        string // a rule's name, or hand
	IdentityKind  string // by which identity they were found to be one; empty: none
	IdentityScope string
	Source        string
	Confidence    int   // basis points
	StaffID       int64 // who decided; 0: a rule
	// KeptBefore and KeptAfter are the row of the customer who stands as JSON, before and after taking over
	// what was known of the other alone.
	KeptBefore string
	KeptAfter  string
	MergedAt   time.Time
	UndoneAt   *time.Time
	UndoneBy   int64
}

// MergeMove is what a merge moved of one kind of rows, so that it can be undone.
type MergeMove struct {
	ID      int64
	MergeID int64
	Owner   string // whose rows: a table, or another stable name
	Journal string // JSON that Owner understands
}

// MergeReview is a pair of customers who may be one person, which nothing but a person may decide.
type MergeReview struct {
	ID            int64
	Pair          string // smaller id, ":", larger id; unique: a pair is asked about once
	CustomerID    int64
	OtherID       int64
	Reason        string // the rule that wants it decided by a person
	IdentityKind  string // by which identity they were found
	IdentityScope string
	Source        string
	Confidence    int
	AccountID     int64
	Status        string // open, merged, rejected
	MergeID       int64  // of status merged
	FoundAt       time.Time
	DecidedAt     *time.Time
	DecidedBy     int64
}

// CustomerChange is one change of what is known of a customer. Rows are only ever added.
type CustomerChange struct {
	ID         int64
	CustomerID int64
	Field      string // a column of customer, or custom: and a custom field's name
	OldValue   string
	NewValue   string
	SealRef    string // not empty: the values are sealed, in base64, bound to it
	Source     string
	StaffID    int64 // 0: no staff member
	ChangedAt  time.Time
}

// IDConversion asks, for one corp, which of its external contacts a unionid is.
type IDConversion struct {
	ID         int64
	AccountID  int64
	CustomerID int64 // who has the unionid
	UnionID    string
	OpenID     string // of the same person in AppID, which the platform wants to see too
	AppID      string
	Status     string // waiting, pending (nobody's customer yet), found, refused
	// PendingID is the platform's name for somebody who is nobody's customer yet, valid for 90 days.
	PendingID      string
	PendingUntil   *time.Time
	ExternalUserID string `gorm:"column:external_userid"` // of status found
	ErrCode        int64  `gorm:"column:errcode"`         // of status refused
	AskedAt        *time.Time
	CreatedAt      time.Time
	UpdatedAt      time.Time
}
