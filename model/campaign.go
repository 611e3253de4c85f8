package model

import "time"

// Campaign 活动 is one push to one audience, at one time or again and again.
type Campaign struct {
	ID   int64
	Name string
	Note string
	// Code is short, random and unique: it stands in links and mini-program paths and is the salt of variants and hold-out.
	Code      string
	State     string // draft, asked, scheduled, running, paused, stopped, done
	Reason    string // why it is paused or waits, for people
	Channel   string // the name of an outreach channel
	AccountID int64
	Audience  string // JSON
	Schedule  string // JSON
	Topic     string // for frequency caps
	Priority  int
	// KeepHours is how long after its start a run's messages may still leave.
	KeepHours int
	HoldoutBP int    // basis points of the audience that get nothing
	Canary    string // JSON; empty: none
	Goal      string // JSON; empty: none
	Version   int64  // of what people wrote, from 1
	// AskedBy asked for approval of ApprovalSize customers; ApprovedBy is another one. Approved is the version that was approved.
	AskedBy      int64
	ApprovedBy   int64
	Approved     int64
	ApprovalSize int64
	NextAt       *time.Time // when the next run begins; nil: none planned
	Runs         int64      // how many began
	CreatedBy    int64
	ChangedBy    int64
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// CampaignVariant is one of the messages that a campaign tries. Those of a campaign that has run stay as they are.
type CampaignVariant struct {
	ID         int64
	CampaignID int64
	Name       string // A, B, C…
	ShareBP    int    // basis points of those who get something
	MessageID  int64  // a version of a message
}

// CampaignCoupon says of which batch everybody who gets a variant's message is given a coupon.
type CampaignCoupon struct {
	VariantID  int64 `gorm:"primaryKey;autoIncrement:false"`
	CampaignID int64
	BatchID    int64
}

// CampaignRun is one launch: an audience as it was then, and what became of it.
type CampaignRun struct {
	ID         int64
	CampaignID int64
	Number     int64
	PlannedFor time.Time // with CampaignID unique: a moment launches once
	State      string    // freezing, canary, planning, sending, halted, stopped, done, failed
	Reason     string    // for people
	FrozenTo   int64     // the last member that was written down
	Members    int64
	Excluded   int64
	HeldOut    int64
	Planned    int64
	StartedAt  time.Time
	FrozenAt   *time.Time // from when on nobody comes into the audience
	CanaryAt   *time.Time // when the canary is judged
	LaunchedAt *time.Time // when the first message was planned
	CountUntil *time.Time // until when conversions count; nil: not known yet
	ReportedAt *time.Time // when they were counted last
	EndedAt    *time.Time
	UpdatedAt  time.Time
}

// CampaignMember is somebody in the frozen audience of a run, with the reason where they get nothing.
type CampaignMember struct {
	RunID      int64 `gorm:"primaryKey;autoIncrement:false"`
	CustomerID int64 `gorm:"primaryKey;autoIncrement:false"` // 0: another target
	// TargetID is the group or the staff member that is meant where no customer is; of a customer it is the member in whose name
	// they are written to, 0 where nobody's.
	TargetID  int64 `gorm:"primaryKey;autoIncrement:false"`
	VariantID int64 // 0: held out, or excluded
	Canary    bool
	Excluded  string // why; empty: not
}

// CampaignArm is what one variant of a run, or its hold-out, came to.
type CampaignArm struct {
	RunID     int64 `gorm:"primaryKey;autoIncrement:false"`
	VariantID int64 `gorm:"primaryKey;autoIncrement:false"` // 0: the hold-out
	Members   int64
	Converted int64 // members who reached the goal within the window, each once
	Times     int64
	ValueFen  int64
	CountedAt time.Time
}

// ShortLink is an address of ours that leads on and counts who followed it.
type ShortLink struct {
	ID         int64
	Code       string
	CampaignID int64  // 0: none
	Target     string // https address, or path in a mini-program
	Kind       string // web, miniapp
	CreatedBy  int64
	GoneAt     *time.Time
	CreatedAt  time.Time
}

// ShortLinkDay counts a day's visits.
type ShortLinkDay struct {
	LinkID int64 `gorm:"primaryKey;autoIncrement:false"`
	Day    int   `gorm:"primaryKey;autoIncrement:false"` // yyyymmdd
	Visits int64
}
