package model

import "time"

// ReferralProgramme 邀请活动 says who may invite whom, and what friends are worth.
type ReferralProgramme struct {
	ID    int64
	Name  string
	Note  string
	State string    // draft, active, paused, ended
	From  time.Time `gorm:"column:valid_from"`
	Until time.Time `gorm:"column:valid_until"`
	// SegmentID is who may invite; 0: every customer.
	SegmentID int64
	// Ask is what a newcomer does to count: sign_in (nothing more), relation (add a staff member), order (pay a first one).
	Ask         string
	CoolOffDays int
	// SubtractLeavers: who leaves after having counted counts no more. TakeBack: and what the inviter then no longer has
	// enough friends for is taken back, as far as it is points or was not handed over.
	SubtractLeavers bool
	TakeBack        bool
	PerInviter      int64 // friends of one inviter that count; 0: any number
	PointsDays      int   // for how many business days points are good; 0: for ever
	// What a newcomer gets who counts. The kind is empty (nothing), points, coupon or gift.
	InviteeKind    string
	InviteeName    string
	InviteePoints  int64
	InviteeBatchID int64
	InviteeCostFen Fen
	ReviewAt       int // from which score of fraud on a person decides; 0: never
	// Link is the https address behind the QR code of posters, with {code} in it. With AccountID, a mini-program, posters carry
	// its code instead, which opens Page.
	Link         string
	AccountID    int64
	Page         string
	BackgroundID int64 // media; 0: plain
	// Who has read the warnings about the platform's rules and published nevertheless, and which warnings those were.
	AcknowledgedBy int64
	AcknowledgedAt *time.Time
	Acknowledged   string // codes, separated by commas
	Version        int64
	CreatedBy      int64
	ChangedBy      int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// ReferralStep 阶梯 is what an inviter gets for so many friends.
type ReferralStep struct {
	ID          int64
	ProgrammeID int64
	Place       int // from 0; with ProgrammeID unique
	Friends     int64
	Kind        string // points, coupon, gift
	Name        string
	Points      int64
	BatchID     int64
	CostFen     Fen // what one such reward costs the house
}

// ReferralBudget is what a programme may give at most and what it has given: apart from it, so that each reward changes one
// small row. Limits of 0 are none.
type ReferralBudget struct {
	ProgrammeID  int64 `gorm:"primaryKey;autoIncrement:false"`
	LimitRewards int64
	LimitPoints  int64
	LimitCoupons int64
	LimitFen     Fen
	UsedRewards  int64
	UsedPoints   int64
	UsedCoupons  int64
	UsedFen      Fen
}

// ReferralCode 邀请码 is the code of one inviter in one programme. Whoever turns out to be two has two that work.
type ReferralCode struct {
	ID          int64
	ProgrammeID int64
	CustomerID  int64 // the inviter
	HolderID    int64 // the inviter as known when it was made; with ProgrammeID unique
	Code        string
	Device      []byte // hashes of what it was first asked for from; nil: not known
	Address     []byte
	CreatedAt   time.Time
}

// ReferralAdding 加好友邀请 says that the invitations of a programme lead to adding staff: each inviter has a contact way of their
// own, on the pattern of a channel code.
type ReferralAdding struct {
	ProgrammeID   int64 `gorm:"primaryKey;autoIncrement:false"`
	ChannelCodeID int64
	Most          int64 // inviters' codes at a time
	KeepDays      int   // for how many days after the programme's end they work
	Used          int64
}

// ReferralWay is a channel code that belongs to an inviter. Of those of one code at most one is not gone.
type ReferralWay struct {
	ID          int64 `gorm:"primaryKey;autoIncrement:false"` // of the channel code
	ProgrammeID int64
	CodeID      int64
}

// ReferralEdge 邀请关系 says that one customer was invited by another: one in a programme for each who is invited, the first
// touch.
type ReferralEdge struct {
	ID          int64
	ProgrammeID int64
	InviterID   int64
	InviteeID   int64
	// Spare is 0, and then (ProgrammeID, InviteeID) is unique; of an edge that is void it is the edge's own id.
	Spare     int64
	CodeID    int64
	State     string // touched, cooling, review, counted, refused, left, void
	Reason    string // why it is refused, left or void
	OrderID   int64  // by which it was joined; 0: none
	Score     int    // of the signs of fraud when the cool-off was over
	Signals   string // their names, separated by commas
	Device    []byte // hashes of where the touch came from; nil: not known
	Address   []byte
	TouchedAt time.Time
	JoinedAt  *time.Time // found to be a newcomer who has done what is asked
	DueAt     *time.Time // when the cool-off is over
	CountedAt *time.Time
	LeftAt    *time.Time
	DecidedBy int64 // staff
	Note      string
	UpdatedAt time.Time
}

// ReferralReward 邀请奖励 is something that somebody has earned by a programme. It is owed first, and given when the budget has
// room for it.
type ReferralReward struct {
	ID          int64
	ProgrammeID int64
	CustomerID  int64  // who gets it
	RewardKey   string // unique: a step is earned once
	Role        string // inviter, invitee
	Place       int    // of the step; -1: the invitee's
	EdgeID      int64  // of an invitee's
	Kind        string // points, coupon, gift
	Name        string
	Points      int64
	BatchID     int64
	CostFen     Fen
	State       string // owed, given, to_hand_over, handed_over, taken_back
	Reason      string // why it is still owed: a stable code
	Turn        int    // how often it was taken back and earned anew
	EntryID     int64
	CouponID    int64
	StaffID     int64
	Note        string
	DueAt       time.Time // when giving it is tried next
	GivenAt     *time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time
}
