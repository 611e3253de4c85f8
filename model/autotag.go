package model

import "time"

// TagMirror says that a local tag, or a local group with all its tags, present and to come, is to be shown at an account's platform.
// A row about a tag overrules the one about its group.
type TagMirror struct {
	ID        int64
	AccountID int64
	GroupID   int64
	TagID     int64 // 0: the group
	Wanted    bool
	Reason    string // why it was switched off without being asked, for people
	CreatedAt time.Time
	UpdatedAt time.Time
}

// TagBatch gives many customers tags, or takes tags away, in the background.
type TagBatch struct {
	ID          int64
	Action      string // add, remove
	TagIDs      string `gorm:"column:tag_ids"` // JSON
	Target      string // list, segment, filter
	TargetID    int64  // which segment
	Filter      string // JSON of a customer filter
	ExpiresAt   *time.Time
	StaffID     int64  // whose batch, and whose sight bounds it
	State       string // waiting, running, done, cancelled, failed
	Error       string // for people
	Position    string // how far it is: all up to there is counted
	Total       int64  // -1: not known
	Done        int64
	Changed     int64
	Unchanged   int64
	Refused     int64 // not there, merged, or out of sight
	CancelAsked bool
	StartedAt   *time.Time
	EndedAt     *time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// TagBatchPart is a part of the customers of a batch that was given a list.
type TagBatchPart struct {
	ID          int64
	BatchID     int64
	Part        int
	CustomerIDs string `gorm:"column:customer_ids"` // JSON
}

// TagRule 自动标签规则 gives customers tags when they fit a condition, or when something happens.
type TagRule struct {
	ID             int64
	Name           string
	ConditionJSON  string `gorm:"column:condition_json"`  // a segment's rule with row ids; empty: everybody
	OccurrenceJSON string `gorm:"column:occurrence_json"` // what must happen; empty: fitting is enough
	TagIDs         string `gorm:"column:tag_ids"`         // JSON
	ExpireDays     int    // 0: never
	TakeBack       bool   // when the condition no longer holds
	Given          int64  // how often it gave
	Enabled        bool
	PausedReason   string // why it was switched off without being asked, for people
	Version        int64  // rises with every change of what it says
	ScanVersion    int64  // the version with which all customers were last looked at
	ScanReset      bool   // which tags it gives has changed since: all who fit are to enter anew
	Fitting        int64  // how many fit, as of the last look at all customers
	TimedUntil     *time.Time
	CreatedBy      int64
	GoneAt         *time.Time
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// TagRuleMember says that a customer fits a rule's condition now.
type TagRuleMember struct {
	ID         int64
	RuleID     int64
	CustomerID int64
	Since      time.Time
}

// TagRuleAct is something that a rule did.
type TagRuleAct struct {
	ID         int64
	RuleID     int64
	CustomerID int64
	Act        string // give, take, hold_back
	Why        string
	EventID    int64 // what made it look; 0: time, or a change of the rule
	At         time.Time
}
