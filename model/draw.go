package model

import "time"

// LuckyDraw 抽奖 is prizes with odds, and who may try for them.
type LuckyDraw struct {
	ID    int64
	Name  string
	Note  string
	Style string    // wheel, scratch, envelope: how the mini-program shows it
	State string    // draft, active, paused, ended
	From  time.Time `gorm:"column:valid_from"`
	Until time.Time `gorm:"column:valid_until"`
	// Who may try: customers in the segment (0: everybody), who checked in today, who paid within so many days (0: not asked).
	SegmentID   int64
	NeedCheckIn bool
	PaidDays    int
	Price       int64 // points a try
	PerDay      int64 // tries of one customer on one business day; 0: any number
	PerCustomer int64 // in all; 0: any number
	Tries       int64 // how many there were: the number of the last one
	// SealedSeed decides all tries, and is sealed until the draw ends. Commitment is its SHA-256, published from the start. nil
	// of a draft.
	SealedSeed []byte
	Commitment []byte
	Seed       []byte // revealed; nil: not yet
	Version    int64
	CreatedBy  int64
	ChangedBy  int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// DrawPrize 奖品 is what a try may win.
type DrawPrize struct {
	ID      int64
	DrawID  int64
	Place   int // from 0; with DrawID unique
	Name    string
	Kind    string // gift, coupon, points
	BatchID int64
	Points  int64
	Odds    int   // of a million
	Stock   int64 // 0: any number
	Taken   int64
	CostFen Fen // what each costs the house, as people have said; 0: nobody has
}

// DrawTry 抽奖记录 is one try. Rows are only ever added, but for what becomes of a gift.
type DrawTry struct {
	ID         int64
	DrawID     int64
	Number     int64 // with DrawID unique, from 1
	CustomerID int64
	Day        int    // yyyymmdd of the business zone
	RequestKey string // unique
	Nonce      string // what the customer brought to the roll
	Roll       int    // 0 to 999,999
	Place      int    // of the prize whose odds hold the roll; -1: none
	Won        bool   // false with a Place: it was gone by then
	PrizeID    int64  // 0: nothing was won
	State      string // nothing, done, to_hand_over, handed_over
	CouponID   int64
	StaffID    int64
	Note       string
	CreatedAt  time.Time
	UpdatedAt  time.Time
}
