package model

import "time"

// Customer 客户 is one person, across all accounts.
type Customer struct {
	ID       int64
	Name     string // the person's own nickname
	Avatar   string
	Gender   int // 0 unknown, 1 male, 2 female
	Type     int // 1 WeChat user, 2 WeCom user, 0 unknown
	CorpName string
	City     string
	// The day of birth is kept encrypted (yyyy-mm-dd); BirthMD is its month and day alone (1231, 0 unknown),
	// for anniversaries, and Minor whether it is known to be less than 14 years ago.
	SealedBirthday []byte
	BirthMD        int `gorm:"column:birth_md"`
	Minor          bool
	MergedInto     int64 // the customer this one turned out to be; 0: it stands for itself
	// FirstSource is where the person first came from: a channel code's source name or an add way.
	FirstSource string
	FirstSeenAt time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Identity 身份 is a way to recognise a customer. (Kind, Scope, Value) is unique.
type Identity struct {
	ID         int64
	CustomerID int64
	Kind       string // external_userid, unionid, openid, phone, member_number, buyer
	Scope      string // the platform id or the shop within which Value has meaning; empty for unionid and phone
	// Value identifies; of a phone number it is a keyed hash, and SealedValue holds the number.
	Value       string
	SealedValue []byte
	Source      string
	Confidence  int        // basis points
	SeenAt      *time.Time // when somebody last said so; nil: not since CreatedAt
	CreatedAt   time.Time
}

// PhoneNumber is a number by which something that waits for its customer names them: the number behind a
// blind index, so that it can be given another index when keys change.
type PhoneNumber struct {
	ID           int64
	Value        string // as Identity.Value
	SealedNumber []byte
	CreatedAt    time.Time
}

// Relation 跟进关系 says that a staff member follows a customer (WeCom follow_user).
type Relation struct {
	ID             int64
	AccountID      int64
	StaffID        int64
	CustomerID     int64
	ExternalUserID string `gorm:"column:external_userid"`
	Remark         string
	Description    string
	RemarkCorpName string
	AddWay         int // the platform's number, unknown ones included
	State          string
	OperUserID     string `gorm:"column:oper_userid"`
	ChannelCodeID  int64  // attribution; 0: none
	Status         string // active, half (added, not yet confirmed), left (the customer removed the staff member), removed (the staff member removed the customer)
	AddedAt        time.Time
	LostAt         *time.Time
	Fingerprint    []byte // SHA-256 of what the platform last said; unchanged means nothing to write
	// ReadAt is when the platform was asked for what this row says: an older reading changes nothing.
	// nil: never read, known from a callback alone.
	ReadAt    *time.Time
	SeenRunID int64 // the last full synchronisation that saw it
	// Remark and Description may each be a wish that the platform has yet to follow: synced, pending,
	// failed.
	RemarkState      string
	DescriptionState string
	RemarkError      string     // why either failed, for people
	RemarkPushedAt   *time.Time // when the platform last took a wish of ours
	CreatedAt        time.Time
	UpdatedAt        time.Time
}
