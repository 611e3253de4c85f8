package model

import "time"

// APIKey 接口密钥 is what another system signs its requests with. The secret is sealed; the one before the
// last rotation stays valid until OldUntil.
type APIKey struct {
	ID              int64
	KeyID           string // public; unique
	Name            string // what people read
	Permissions     string // JSON: a list
	Networks        string // JSON: a list of networks that requests may come from; empty: any
	PerMinute       int    // how many requests a minute
	SealedSecret    []byte
	SealedOldSecret []byte
	OldUntil        *time.Time
	RevokedAt       *time.Time // nil: valid
	LastUsedAt      *time.Time
	CreatedBy       int64 // staff
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// APINonce remembers that a signed request was received, until its time is too old for it to be accepted again.
type APINonce struct {
	ID        int64
	APIKeyID  int64
	Nonce     []byte // SHA-256 of what the request called it
	ExpiresAt time.Time
}

// Webhook 推送地址 is where facts are sent to. The secret signs what is sent; for a while after a rotation
// the one before signs it too.
type Webhook struct {
	ID              int64
	Name            string
	URL             string
	Kinds           string // JSON: the kinds of facts that are sent
	SealedSecret    []byte
	SealedOldSecret []byte
	OldUntil        *time.Time
	Enabled         bool
	FailingSince    *time.Time // when the first of the failures began after which nothing succeeded
	SuspendedAt     *time.Time // nil: not suspended for failing too long
	CreatedBy       int64      // staff
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// WebhookDelivery is one fact to be sent to one webhook. What is sent is made from the fact when it is sent.
type WebhookDelivery struct {
	ID         int64
	WebhookID  int64
	EventID    int64 // 0: a test
	Kind       string
	DedupeKey  string // unique: a fact is sent to a webhook once, unless somebody asks again
	State      string // pending, delivered, failed
	Attempts   int
	LastStatus int // of HTTP; 0: no answer
	CreatedAt  time.Time
	EndedAt    *time.Time
}

// WebhookAttempt is one try at a delivery.
type WebhookAttempt struct {
	ID         int64
	DeliveryID int64
	Number     int // from 1
	StartedAt  time.Time
	TookMs     int64
	Outcome    string // delivered, refused, timeout, unreachable, blocked
	Status     int    // of HTTP; 0: no answer
	Response   string // how the answer of a refusal began
}
