package model

import "time"

// Fen 分 is an amount of money: a hundredth of a yuan.
type Fen int64

// Product 商品 is known by the number that the shop gives it.
type Product struct {
	ID         int64
	Number     string
	Name       string
	CategoryID int64 // 0: none
	PriceFen   Fen
	ImageURL   string
	PagePath   string // in the mini-program
	Status     string // on_sale, off_sale
	Version    int64  // see CustomerOrder
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// ProductCategory 商品分类.
type ProductCategory struct {
	ID        int64
	Number    string
	ParentID  int64
	Name      string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// CustomerOrder 订单 as a shop system tells it. It may arrive before its customer is known: CustomerID is 0 until
// the buyer's identity is somebody's.
type CustomerOrder struct {
	ID          int64
	Number      string
	Shop        string
	CustomerID  int64
	BuyerKind   string // an identity's kind, scope and value
	BuyerScope  string
	BuyerValue  string
	Status      string // placed, paid, shipped, completed, cancelled
	TotalFen    Fen    // of the goods and their delivery, before any discount
	DiscountFen Fen
	PaidFen     Fen
	RefundedFen Fen
	PlacedAt    time.Time
	PaidAt      *time.Time // nil: not paid
	CompletedAt *time.Time
	Version     int64 // when the sender last changed it, in ms since 1970: an older one changes nothing
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

// Refund 退款. It may arrive before its order: OrderID is 0 until then.
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
