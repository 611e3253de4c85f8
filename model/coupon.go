package model

import "time"

// CouponBatch 券批次 is an offer: what its coupons are worth, who may have them, when and on what they are good.
type CouponBatch struct {
	ID    int64
	Name  string
	Note  string // for customers: how to use it
	Kind  string // see coupon.Kinds
	Terms string // JSON: what the kind lets people set
	Rules string // JSON: see coupon.Rules
	State string // draft, submitted, active, paused, ended
	// Version rises with every change; whoever holds an older one changes nothing.
	Version int64
	Stock   int64 // coupons there are in all; 0: any number
	// How many one customer may have, in all and on one business day, and one device; 0: any number.
	PerCustomer int64
	PerDay      int64
	PerDevice   int64
	ClaimFrom   *time.Time // nil: from the start
	ClaimUntil  *time.Time
	ValidFrom   *time.Time // nil: from receipt
	ValidUntil  *time.Time // nil: for ValidDays
	ValidDays   int        // business days after receipt, the day of receipt not counted
	SegmentID   int64      // who may have one; 0: everybody
	Claimable   bool       // customers may take one in the coupon centre
	// Transferable: a customer may give theirs away.
	Transferable bool
	// How often, and for how much money, its coupons may be used: in all and on one business day. 0: any.
	BudgetCount    int64
	BudgetFen      Fen
	BudgetDayCount int64
	BudgetDayFen   Fen
	RemindDays     int   // before they expire; 0: no reminder
	ReviewAt       int   // from which score on an issue waits for a person; 0: never
	CreatedBy      int64 // staff, as the next two
	SubmittedBy    int64
	ApprovedBy     int64
	ApprovedAt     *time.Time
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// CouponCount is what is asked and changed at every issue of a batch: apart from the batch, so that a
// rush changes one small row. State, Version and Stock repeat the batch's.
type CouponCount struct {
	BatchID int64 `gorm:"primaryKey;autoIncrement:false"`
	State   string
	Version int64
	Stock   int64
	Issued  int64 // never falls
	Voided  int64
	Expired int64
}

// CouponBudget is how much of a batch is reserved or used: one row for all time, and one a business day
// where the day is limited.
type CouponBudget struct {
	BatchID    int64  `gorm:"primaryKey;autoIncrement:false"`
	Day        string `gorm:"primaryKey"` // 2006-01-02 in the business zone; empty: all time
	LimitCount int64  // 0: any
	LimitFen   Fen
	UsedCount  int64
	UsedFen    Fen
}

// Coupon 券 is one customer's instance of a batch.
type Coupon struct {
	ID         int64
	BatchID    int64
	CustomerID int64 // whose it is
	ClaimerID  int64 // who was given it first, under the id they had then
	Number     int   // of the claimer's coupons of the batch, from 1
	State      string
	Version    int // rises with every move; the ledger has one entry a version
	BalanceFen Fen // of stored value: what is left
	ValidFrom  time.Time
	ValidUntil time.Time // from then on it is good for nothing
	// Source says how it came about, with the row that it came from.
	Source        string
	SourceID      int64
	CampaignID    int64
	JourneyID     int64
	Step          string
	ChannelCodeID int64
	StaffID       int64
	UseID         int64      // the use that holds it, or that it last ended in
	Score         int        // of the signs of fraud when it was issued
	RemindAt      *time.Time // when it is to be told that it expires soon, if it is usable then; nil: never, or done
	CreatedAt     time.Time
	MovedAt       time.Time
}

// CouponEntry is one move of one coupon. Entries are only ever added.
type CouponEntry struct {
	ID         int64
	CouponID   int64
	Version    int // of the coupon after it: unique with the coupon
	BatchID    int64
	CustomerID int64  // whose it was after it
	Act        string // issue, reserve, redeem, release, roll_back, extend, void, transfer, expire, review
	State      string // after it
	Count      int    // uses added to the budget
	Fen        Fen    // money added to the budget
	BudgetDay  string // of which day's
	UseID      int64
	StaffID    int64
	APIKeyID   int64 `gorm:"column:api_key_id"`
	Shop       string
	Reason     string
	At         time.Time
}

// CouponUse is one stack of coupons reserved for, or redeemed on, one order.
type CouponUse struct {
	ID          int64
	CustomerID  int64
	State       string // reserved, redeemed, released, rolled_back
	OrderNumber string
	OrderKey    []byte // while it is reserved or redeemed: unique, so that an order has one
	Shop        string
	APIKeyID    int64 `gorm:"column:api_key_id"`
	StaffID     int64
	Bill        string // JSON: what was bought, as it was when the coupons were counted
	TotalFen    Fen
	OffFen      Fen
	ReturnedFen Fen        // of OffFen, by refunds
	ExpiresAt   *time.Time // of a reservation
	RedeemedAt  *time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// CouponUsePart is what one coupon saves in a use.
type CouponUsePart struct {
	ID          int64
	UseID       int64
	CouponID    int64
	BatchID     int64
	Place       int // in the order in which they were counted, from 1
	OffFen      Fen
	ReturnedFen Fen
	BudgetDay   string
	Split       string // JSON: line by line
}

// CouponGift 转赠 is one coupon that a customer gives away: it waits for whoever comes with the code.
type CouponGift struct {
	ID            int64
	CouponID      int64
	CouponVersion int // that began the wait: the code follows from both
	BatchID       int64
	CustomerID    int64  // who gives
	TakerID       int64  // who took it; 0: nobody
	State         string // open, taken, withdrawn, lapsed
	CodeHash      []byte
	ExpiresAt     time.Time
	EndedAt       *time.Time // nil: it is open
	CreatedAt     time.Time
}

// CouponRequest remembers what was answered under a caller's key.
type CouponRequest struct {
	RequestKey []byte `gorm:"primaryKey"`
	Body       []byte // a hash of what was asked
	Answer     string // JSON: the rows that came of it
	CreatedAt  time.Time
}

// CouponCode is a code that somebody can turn into a coupon: it is known by its hash alone.
type CouponCode struct {
	ID        int64
	BatchID   int64
	RunID     int64
	CodeHash  []byte
	Single    bool  // it makes one coupon; else one for everybody who may have one
	TakenBy   int64 // customer; of single ones
	CouponID  int64 // that came of it; of a gift: that changes hands
	TakenAt   *time.Time
	ExpiresAt *time.Time
}

// CouponRun is bulk work on a batch: codes to be made, customers to be given coupons.
type CouponRun struct {
	ID           int64
	Kind         string // codes, issue
	BatchID      int64
	StaffID      int64
	SegmentID    int64 // of issue; 0: those of its parts
	State        string
	Error        string
	SealedSecret []byte // of codes: what they follow from
	Prefix       string
	Total        int64
	Done         int64
	Changed      int64
	Refused      int64
	Position     int64
	CancelAsked  bool
	StartedAt    *time.Time
	EndedAt      *time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// CouponRunPart holds some of the customers that a run was given by name.
type CouponRunPart struct {
	ID          int64
	RunID       int64
	Part        int
	CustomerIDs string // JSON
}

// CouponGiver counts what a staff member gave of a batch on one business day.
type CouponGiver struct {
	BatchID int64  `gorm:"primaryKey;autoIncrement:false"`
	StaffID int64  `gorm:"primaryKey;autoIncrement:false"`
	Day     string `gorm:"primaryKey"`
	Given   int64
}

// CouponOrigin says from which device and address a coupon was taken, both hashed, where the batch asks.
type CouponOrigin struct {
	CouponID int64 `gorm:"primaryKey;autoIncrement:false"`
	BatchID  int64
	Device   []byte
	Address  []byte
	At       time.Time
}

// CouponGiftOrigin says on which device a gift was taken, hashed, where the batch asks.
type CouponGiftOrigin struct {
	GiftID   int64 `gorm:"primaryKey;autoIncrement:false"`
	CouponID int64
	BatchID  int64
	Device   []byte
	At       time.Time
}

// CouponGuess is one wrong code that somebody tried.
type CouponGuess struct {
	ID      int64
	Subject []byte // a hash of who: a customer, an address, a device
	At      time.Time
}

// CouponBalance is one reconciliation of ledger, coupons, counters and budgets.
type CouponBalance struct {
	ID        int64
	StartedAt time.Time
	EndedAt   *time.Time
	Batches   int
	Coupons   int64
	Entries   int64
	Wrong     int    // findings
	Findings  string // JSON
}
