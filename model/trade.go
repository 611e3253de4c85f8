package model

import "time"

// Fen 分 is an amount of money: a hundredth of a yuan.
type Fen int64

// Product 商品 is known by the number that the shop gives it. An order may speak of it before the shop has
// described it: its Version is 0 then and its Status mentioned.
type Product struct {
	ID         int64
	Number     string
	Name       string
	CategoryID int64 // 0: none
	PriceFen   Fen
	ImageURL   string
	PagePath   string // in the mini-program
	Status     string // on_sale, off_sale, mentioned
	Version    int64  // see CustomerOrder
	// Fingerprint is the SHA-256 of what the sender said at this version.
	Fingerprint []byte
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// ProductCategory 商品分类. Like a product it may be spoken of before it is described.
type ProductCategory struct {
	ID          int64
	Number      string
	ParentID    int64 // 0: at the top
	Name        string
	Version     int64
	Fingerprint []byte
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// CustomerOrder 订单 as a shop system tells it. It may arrive before its customer is known: CustomerID is 0 until
// the buyer's identity is somebody's. A refund may arrive before its order: the order is then a row of
// Version 0 and Status awaited that says nothing but its number.
type CustomerOrder struct {
	ID          int64
	Number      string
	Shop        string
	CustomerID  int64
	BuyerKind   string // an identity's kind, scope and value
	BuyerScope  string
	BuyerValue  string // of a phone number its blind index, see PhoneNumber
	Status      string // awaited, placed, paid, shipped, completed, cancelled
	TotalFen    Fen    // of the goods and their delivery, before any discount
	DiscountFen Fen
	PaidFen     Fen
	RefundedFen Fen
	PlacedAt    time.Time
	PaidAt      *time.Time // nil: not paid
	CompletedAt *time.Time
	Version     int64 // when the sender last changed it, in ms since 1970: an older one changes nothing
	Fingerprint []byte
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// OrderLine 订单行. Customer and time of payment are repeated from the order, for rules about products.
type OrderLine struct {
	ID          int64
	OrderID     int64
	Line        int
	CustomerID  int64
	ProductID   int64
	CategoryID  int64
	Name        string
	Quantity    int64
	PriceFen    Fen // of one piece
	PaidFen     Fen // for all of them, after discounts
	RefundedFen Fen
	PaidAt      *time.Time
}

// Refund 退款. It may arrive before its order, see there.
type Refund struct {
	ID          int64
	Number      string
	OrderNumber string
	OrderID     int64
	CustomerID  int64
	Line        int    // 0: of the whole order
	Status      string // requested, refunded, refused
	AmountFen   Fen
	RefundedAt  *time.Time
	Version     int64
	Fingerprint []byte
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// CustomerTrade is what a customer bought in all: the sums of the paid orders that are not cancelled.
type CustomerTrade struct {
	ID          int64
	CustomerID  int64
	Orders      int64
	PaidFen     Fen
	RefundedFen Fen
	FirstPaidAt *time.Time
	LastPaidAt  *time.Time
	UpdatedAt   time.Time
}
