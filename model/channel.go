package model

import "time"

// SenderTask 待确认任务 is a message at the platform that waits for members of staff to send it: a mass message, or a moment.
type SenderTask struct {
	ID         int64
	Channel    string
	AccountID  int64
	StaffID    int64  // 0: everybody who may
	UserID     string `gorm:"column:userid"` // the sender's; empty: several
	CallID     int64  // of the ledger; unique
	PlatformID string // the message's or the job's
	MomentID   string // of moments, once the job has ended
	Source     string
	SourceID   int64
	MessageID  int64
	Status     string // waiting, confirmed, cancelled, given_up (not confirmed in time), refused
	Reason     string
	Targets    []byte // who was to get it: a line for each
	Recipients int64
	Sent       int64
	NotFriend  int64
	OverQuota  int64
	Senders    int64 // of moments: how many were asked, and how many have published
	Published  int64
	BeganAt    time.Time
	ConfirmBy  time.Time  // when it is given up; results are read for a while longer
	RemindAt   *time.Time // when to remind next; nil: no more
	Reminded   string     // the latest reminders, seconds since 1970, separated by commas
	PollAt     *time.Time // when to ask next; nil: over
	Polls      int
	Version    int64 // rises with every change of Targets
	SettledAt  *time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// MassQuota counts what mass messages the platform let through to a customer or a group in a period.
type MassQuota struct {
	ID         int64
	AccountID  int64
	CustomerID int64 // 0: a group
	GroupID    int64
	Period     string // 2026-11, 2026-W48 or 2026-11-29 in the platform's zone
	Used       int64
	Spent      bool // the platform has said that there is nothing left
	UpdatedAt  time.Time
}

// ChannelReceipt says which delivery a platform's id stands for.
type ChannelReceipt struct {
	ID         int64
	Channel    string
	AccountID  int64
	PlatformID string
	DeliveryID int64
	CreatedAt  time.Time
}

// ChannelSetting is what operators set for a channel, of one account or (0) of all.
type ChannelSetting struct {
	ID           int64
	Channel      string
	AccountID    int64
	Settings     string // JSON, in the channel's own words
	SealedSecret []byte
	Enabled      bool
	UpdatedBy    int64
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// SubscribeTemplate 订阅消息模板 mirrors a template of a mini-program.
type SubscribeTemplate struct {
	ID         int64
	AccountID  int64
	TemplateID string
	Title      string
	Content    string
	Example    string
	Type       int // 2: one consent, one message; 3: long-term
	GoneAt     *time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// SubscribeGrant counts the consents of a customer to one template: each lets one message through. The mini-program and the
// platform both tell of the same consents, so the larger count is theirs.
type SubscribeGrant struct {
	ID         int64
	AccountID  int64
	CustomerID int64
	OpenID     string `gorm:"column:openid"`
	TemplateID string
	ByClient   int64
	ByEvent    int64
	Used       int64
	RefusedAt  *time.Time // the latest no
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// KfAccount 客服账号 mirrors a customer-service account.
type KfAccount struct {
	ID        int64
	AccountID int64
	KfID      string `gorm:"column:open_kfid"`
	Name      string
	Managed   bool   // we may send through it
	ReadTo    string // a cursor of the platform: up to where its messages have been read
	GoneAt    *time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// KfWindow is how far a customer may be answered in a customer-service account.
type KfWindow struct {
	ID             int64
	AccountID      int64
	KfID           string `gorm:"column:open_kfid"`
	CustomerID     int64  // 0: nobody known
	ExternalUserID string `gorm:"column:external_userid"`
	LastAt         time.Time
	Sent           int64 // since the customer's last message
	UpdatedAt      time.Time
}

// Letter 站内信 is a message in the mini-program's inbox.
type Letter struct {
	ID         int64
	CustomerID int64
	AccountID  int64
	DeliveryID int64 // unique
	Subject    string
	Content    string // JSON, as package message has it
	ExpiresAt  *time.Time
	ReadAt     *time.Time
	RemovedAt  *time.Time
	CreatedAt  time.Time
}

// TaskMessage is what a member of staff is to send to a customer by hand.
type TaskMessage struct {
	ID         int64
	DeliveryID int64 // unique
	TaskID     int64
	AccountID  int64
	StaffID    int64
	CustomerID int64
	Content    string // JSON, as package message has it
	Reported   bool   // the ledger knows how the task ended
	CreatedAt  time.Time
	UpdatedAt  time.Time
}
