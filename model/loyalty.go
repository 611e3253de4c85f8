package model

import "time"

// PointsAccount 积分账户 is what a customer has in points. It repeats what their entries say, so that one row can be locked
// and asked.
type PointsAccount struct {
	ID         int64
	CustomerID int64 // unique
	Balance    int64 // what may be spent; below zero: more was taken back than was there
	Frozen     int64 // earned by orders whose refund is being decided
	Earned     int64 // in all, less what was taken back
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// PointsEntry 积分流水 moves points from one book to another, so all books together are always zero. Entries are only ever added.
type PointsEntry struct {
	ID         int64
	CustomerID int64
	EntryKey   string // unique: the same move is made once
	Kind       string // earn, spend, return, expire, take_back, restore, freeze, thaw, adjust
	FromBook   string // available, frozen: the customer's; issued, spent, expired, adjusted: the house's
	ToBook     string
	Points     int64 // above zero
	OriginID   int64 // the entry that this one undoes or follows; 0: none
	RuleID     int64 // by which rule it was earned; 0: none
	Source     string
	SourceID   int64
	StaffID    int64  // who adjusted it; 0: nobody
	Reason     string // for the customer to read
	CreatedAt  time.Time
}

// PointsLot is points that were earned together and expire together.
type PointsLot struct {
	ID         int64
	CustomerID int64
	EntryID    int64
	Points     int64
	Remaining  int64
	ExpiresAt  *time.Time // nil: never
	CreatedAt  time.Time
}

// PointsUse says from which lots an entry took its points.
type PointsUse struct {
	EntryID int64 `gorm:"primaryKey;autoIncrement:false"`
	LotID   int64 `gorm:"primaryKey;autoIncrement:false"`
	Points  int64
}

// PointsRule 积分规则 says for what events customers earn points, and how many.
type PointsRule struct {
	ID        int64
	Name      string
	EventKind string
	Points    int64 // an event; 0: by money
	PerFen    int64 // so many fen of the event's value earn one point; 0: a fixed number
	// PerDay, PerMonth and InAll bound what one customer earns by the rule; 0: no bound.
	PerDay    int64
	PerMonth  int64
	InAll     int64
	ValidDays int  // until they expire; 0: never
	Tiered    bool // the customer's tier multiplies it
	Enabled   bool
	From      *time.Time `gorm:"column:valid_from"`
	Until     *time.Time `gorm:"column:valid_until"`
	Version   int64
	ChangedBy int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// PointsMatch narrows the events of a rule by what they say; all of a rule's must hold.
type PointsMatch struct {
	ID       int64
	RuleID   int64
	Property string
	Op       string // is, is_not, contains, at_least, at_most
	Value    string
}

// CheckIn 签到 is a day on which a customer checked in.
type CheckIn struct {
	ID         int64
	CustomerID int64
	Day        int // yyyymmdd of the business zone; unique with the customer
	Streak     int // days in a row up to this one
	Points     int64
	CreatedAt  time.Time
}

// Tier 会员等级 is what customers reach by what they buy.
type Tier struct {
	ID           int64
	Level        int // from 1, unique
	Name         string
	ThresholdFen Fen    // paid within the window, less refunds
	MultiplierBP int    // of earned points, in basis points
	Benefits     string // JSON: lines for customers to read
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// CustomerTier is where a customer stands.
type CustomerTier struct {
	ID         int64
	CustomerID int64 // unique
	Level      int   // 0: none
	ValueFen   Fen   // paid within the window when it was looked at last
	Since      time.Time
	KeepUntil  *time.Time // until when the level is kept whatever the value; nil: no level
	LookedAt   time.Time
}

// TierChange is one change of a customer's tier.
type TierChange struct {
	ID         int64
	CustomerID int64
	FromLevel  int
	ToLevel    int
	ValueFen   Fen
	Cause      string // value, lapse, person, merge
	CreatedAt  time.Time
}

// LoyaltySetting 会员设置 is the one row of what the club goes by.
type LoyaltySetting struct {
	ID        int64
	Body      string // JSON
	Version   int64
	ChangedBy int64
	UpdatedAt time.Time
}

// Reward 兑换商品 is what points can be spent on.
type Reward struct {
	ID          int64
	Name        string
	Note        string
	Kind        string // gift, coupon
	BatchID     int64  // of coupons
	Price       int64  // points
	Stock       int64  // 0: any number
	Taken       int64
	PerCustomer int64 // 0: any number
	MinLevel    int   // tier
	Enabled     bool
	From        *time.Time `gorm:"column:valid_from"`
	Until       *time.Time `gorm:"column:valid_until"`
	Version     int64
	ChangedBy   int64
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Redemption 兑换 is one reward that a customer took.
type Redemption struct {
	ID         int64
	RewardID   int64
	CustomerID int64
	RequestKey string // unique
	Points     int64
	State      string // done, to_hand_over, handed_over, cancelled
	EntryID    int64
	CouponID   int64
	Note       string // address and the like stay outside: how it was handed over
	StaffID    int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
}
