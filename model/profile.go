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
