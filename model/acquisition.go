package model

import "time"

// ChannelCode 渠道活码 is a contact way with a staff schedule, tags, a welcome and a source.
type ChannelCode struct {
	ID            int64
	AccountID     int64
	Name          string
	State         string // short random key that the platform gives back; unique
	SourceName    string
	RemarkPattern string
	SkipVerify    bool
	ConfigID      string // the platform's handle; empty until it is made
	QRCode        string `gorm:"column:qr_code"` // address of the picture
	// CreatingSince is when the platform was asked to make it while no answer is known: it may or may
	// not have been made.
	CreatingSince *time.Time
	// PushedHash is the hash of the settings and staff set that the platform has; the platform is
	// called only when the wanted one differs.
	PushedHash string
	PushError  string // what an operator should know about the last push, also a successful one
	PushedAt   *time.Time
	Enabled    bool
	CreatedBy  int64      // staff
	GoneAt     *time.Time // deleted; the row stays, since customers came through it
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// PersonalCode says that a channel code belongs to one person and follows another, its pattern.
type PersonalCode struct {
	ID        int64 `gorm:"primaryKey;autoIncrement:false"` // of the channel code
	PatternID int64
}

// ChannelCodeStaff says that a staff member may answer a channel code.
type ChannelCodeStaff struct {
	ID            int64
	ChannelCodeID int64
	StaffID       int64
	DailyLimit    int  // customers a day; 0: no limit
	IsSpare       bool // takes over when nobody else may
	// RefusedUntil: the platform refused this member (not activated); left out until then.
	RefusedUntil *time.Time
}

// ChannelCodeShift is a time of the week in which a staff member answers a channel code. Somebody
// without shifts always does.
type ChannelCodeShift struct {
	ID            int64
	ChannelCodeID int64
	StaffID       int64
	Weekdays      int // bit 0 Monday … bit 6 Sunday
	FromMinute    int // of the business day, inclusive
	ToMinute      int // exclusive; ≤ FromMinute: past midnight
}

// ChannelCodeTag is a tag that everybody who comes through a channel code gets.
type ChannelCodeTag struct {
	ID            int64
	ChannelCodeID int64
	TagID         int64
}

// ChannelCodeDay counts what a channel code brought to a staff member on one business day.
type ChannelCodeDay struct {
	ID            int64
	ChannelCodeID int64
	StaffID       int64
	Day           string // 2006-01-02 in the business zone
	Added         int64
	Lost          int64
}

// Welcome 欢迎语 is a welcome message for a channel code, a staff member, a department or everybody.
type Welcome struct {
	ID          int64
	AccountID   int64
	Scope       string // channel_code, staff, department, default
	ScopeID     int64  // 0 for default
	Text        string // with {{客户昵称}}-style variables
	Attachments string // JSON, in the capability's own words
	Enabled     bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// WelcomeSend is one welcome that a customer was due: the row is written before the platform is
// called, unique by the code, so that nobody is welcomed twice.
type WelcomeSend struct {
	ID             int64
	AccountID      int64
	CodeHash       []byte // SHA-256 of the welcome code
	StaffID        int64
	ExternalUserID string `gorm:"column:external_userid"`
	WelcomeID      int64  // 0: none applied
	ChannelCodeID  int64
	Outcome        string // pending, sent, missed, none (no welcome is set), taken (another app or the member was first)
	ErrCode        int64  `gorm:"column:errcode"`
	Reason         string
	LastFence      int64 // of the last attempt whose end is recorded
	InDoubt        bool  // an attempt ended without a known outcome
	ReceivedAt     time.Time
	SentAt         *time.Time
	LatencyMS      int64 `gorm:"column:latency_ms"`
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Media 素材 is a file that messages carry. The platform keeps an upload for three days.
type Media struct {
	ID          int64
	AccountID   int64
	Kind        string // image, video, file
	Name        string
	MIME        string `gorm:"column:mime"`
	Size        int64
	SHA256      []byte `gorm:"column:sha256"`
	MediaID     string // the platform's handle
	UploadedAt  *time.Time
	ExpiresAt   *time.Time
	UploadError string
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// MediaContent holds a file's bytes apart from its row, so that lists stay light, and in parts, since
// databases limit the size of a row they can replicate.
type MediaContent struct {
	MediaID int64 `gorm:"primaryKey;autoIncrement:false;column:media_row_id"`
	Part    int   `gorm:"primaryKey;autoIncrement:false"`
	Content []byte
}
