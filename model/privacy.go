package model

import "time"

// Visit 访问 is a session of the mini-program: a customer's, or a staff member's who opened it inside
// WeCom. The token itself is stored nowhere, only its SHA-256.
type Visit struct {
	ID         int64
	AccountID  int64
	CustomerID int64 // 0: a staff member's
	StaffID    int64 // 0: a customer's
	TokenHash  []byte
	UserAgent  string
	SeenAt     time.Time
	ExpiresAt  time.Time
	RevokedAt  *time.Time
	CreatedAt  time.Time
}

// VisitCount counts what a customer may do only so often in a day of business.
type VisitCount struct {
	ID         int64
	CustomerID int64
	Kind       string
	Day        int // yyyymmdd
	Times      int
}

// UsedCode is a one-time code of the platform that somebody has brought, known by its SHA-256 only.
type UsedCode struct {
	ID       int64
	CodeHash []byte
	EndsAt   time.Time // the platform has forgotten it by then
}

// Notice 告知书 is one version of what customers are told about one purpose. It never changes.
type Notice struct {
	ID       int64
	Purpose  string
	Version  int
	Title    string
	Body     string
	Digest   []byte // SHA-256 of purpose, version, title and body
	Explicit bool   // silence does not mean yes
	StaffID  int64  // who published it
	// EffectiveAt is from when on it is what customers are told.
	EffectiveAt time.Time
	CreatedAt   time.Time
}

// Consent 同意 is one entry of the ledger: a customer has said yes or no to a purpose. Rows are only
// ever added; the last one holds.
type Consent struct {
	ID             int64
	CustomerID     int64
	Purpose        string
	Ordinal        int // counts the customer's entries about the purpose
	Given          bool
	NoticeVersion  int    // what they had been told; 0: no notice
	NoticeDigest   []byte // nil: no notice
	Channel        string // miniapp, console, import, platform
	Proof          string // by which it can be found again: a request's id, a paper's number
	SealedGuardian []byte // who consented for a child
	StaffID        int64  // who recorded it; 0: the customer
	CreatedAt      time.Time
}

// ContactChoice is how much a customer wants to hear by a channel. Rows are only ever added; the last
// one holds.
type ContactChoice struct {
	ID         int64
	CustomerID int64
	Channel    string // empty: every channel
	Ordinal    int
	Choice     string // all, fewer, none
	Source     string
	StaffID    int64 // who recorded it; 0: the customer
	Reason     string
	CreatedAt  time.Time
}

// PrivacyRequest is a customer's wish about their data that takes more than a moment: to have a copy
// of it, or to have it erased.
type PrivacyRequest struct {
	ID         int64
	CustomerID int64
	Kind       string  // export, erase
	State      string  // recorded, running, done, refused, cancelled
	OpenKey    *string // unique: of a kind, one at a time; nil once it is over
	Source     string
	StaffID    int64 // who recorded it; 0: the customer
	Note       string
	CreatedAt  time.Time
	UpdatedAt  time.Time
	FinishedAt *time.Time
}
