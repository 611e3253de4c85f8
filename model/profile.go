package model

import "time"

// CustomField 自定义字段 is a question about customers that operators thought of. Its name and kind never change.
type CustomField struct {
	ID        int64
	Name      string
	Title     string
	Kind      string // text, number, date, choice, choices
	Choices   string // JSON: the allowed values, in their order
	Required  bool   // counts towards completeness
	Sealed    bool   // kept encrypted, not usable in rules
	Asked     bool   // customers see it in the mini-program and answer it themselves
	Position  int64
	GoneAt    *time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// CustomValue is a customer's answer; one of several choices has an Ordinal of its own.
type CustomValue struct {
	ID         int64
	CustomerID int64
	FieldID    int64
	Ordinal    int
	Value      string // as text, whatever the kind; empty when it is sealed
	// Number is a number in ten-thousandths, or a date as yyyymmdd.
	Number      *int64
	SealedValue []byte
	Source      string
	UpdatedAt   time.Time
}

// CustomerTag says that a customer bears a tag, whoever gave it and wherever. It follows from TagGrant and
// TagAssignment alone and changes in the transactions in which they do. A row whose ExpiresAt has passed is not borne
// any more, even while it is there. The source is that of the giver who lets it be borne longest.
type CustomerTag struct {
	ID         int64
	CustomerID int64
	TagID      int64  // never a mirror, but the tag that it mirrors
	Source     string // wecom, channel_code, console, batch, rule, import, open, …
	SourceID   int64  // which rule, import, …; 0: not one of several
	ExpiresAt  *time.Time
	CreatedAt  time.Time // of the oldest giver that is left
}

// CustomerNote 备注 is what a staff member wrote down about a customer, for colleagues.
type CustomerNote struct {
	ID         int64
	CustomerID int64
	StaffID    int64 // who wrote it
	Body       string
	GoneAt     *time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// CustomerTouch is where a customer came from: the first time, and the last.
type CustomerTouch struct {
	ID            int64
	CustomerID    int64
	Place         string // first, last
	Source        string // wecom, miniapp, import, …
	AccountID     int64
	ChannelCodeID int64 // 0: none, as with StaffID
	StaffID       int64
	Campaign      string
	Link          string // the page or link they came in by
	Referrer      string // whose share it was, or which app
	Scene         int    // the mini-program platform's number; 0 elsewhere
	TouchedAt     time.Time
}

// QualityRun is one look through all customers for what is wrong or missing in their data.
type QualityRun struct {
	ID              int64
	LastCustomerID  int64 // it has come so far
	Customers       int64
	CompletenessSum int64  // of all of them, in basis points
	Missing         string // JSON: how many lack which field
	StartedAt       time.Time
	UpdatedAt       time.Time
	FinishedAt      *time.Time
}

// QualityFinding is something wrong in a customer's data. It stays until a run no longer sees it.
type QualityFinding struct {
	ID         int64
	Kind       string // duplicate, impossible
	CustomerID int64
	OtherID    int64 // of a duplicate; else 0
	Field      string
	Reason     string // a stable word, never the value itself
	RunID      int64  // the last run that saw it
	FoundAt    time.Time
}

// Reveal says that a staff member was shown in full what is masked otherwise. Ordinal counts what one is
// shown in a day of business: its unique key keeps everybody within the quota.
type Reveal struct {
	ID         int64
	CustomerID int64
	StaffID    int64
	What       string // phone, birthday, or field. and a custom field's name
	Purpose    string // in their own words
	Day        int    // yyyymmdd
	Ordinal    int    // from 1
	RevealedAt time.Time
}
