package event

import (
	"strconv"
	"time"
)

// The kinds of facts about orders.
const (
	KindOrderPlaced    = "order.placed"
	KindOrderPaid      = "order.paid"
	KindOrderCompleted = "order.completed"
	KindOrderCancelled = "order.cancelled"
	KindOrderRefunded  = "order.refunded"
	KindRefundAsked    = "order.refund_asked"
	KindRefundRefused  = "order.refund_refused"
)

// SourceOrder says that a fact comes from an order, however the order came.
const SourceOrder = "order"

// OrderFact is what the facts about an order share. Each happens once to an order, a refund once to
// each refund of it.
type OrderFact struct {
	OrderID    int64     `json:"order_id"`
	CustomerID int64     `json:"customer_id"`
	Number     string    `json:"number"`
	Shop       string    `json:"shop,omitempty"`
	AmountFen  int64     `json:"amount_fen"` // to be paid, paid, or paid back: what the kind speaks of
	Products   []int64   `json:"product_ids,omitempty"`
	At         time.Time `json:"at"`
}

func (f OrderFact) about(kind string) About {
	return About{Kind: kind, CustomerID: f.CustomerID, Source: SourceOrder, At: f.At, Key: kind + ":" + strconv.FormatInt(f.OrderID, 10)}
}

// OrderPlaced 下单.
type OrderPlaced struct{ OrderFact }

// About implements Fact.
func (f OrderPlaced) About() About { return f.about(KindOrderPlaced) }

// OrderPaid 支付.
type OrderPaid struct{ OrderFact }

// About implements Fact.
func (f OrderPaid) About() About { return f.about(KindOrderPaid) }

// OrderCompleted 完成: delivered and past any dispute, as the shop sees it.
type OrderCompleted struct{ OrderFact }

// About implements Fact.
func (f OrderCompleted) About() About { return f.about(KindOrderCompleted) }

// OrderCancelled 取消.
type OrderCancelled struct{ OrderFact }

// About implements Fact.
func (f OrderCancelled) About() About { return f.about(KindOrderCancelled) }

// OrderRefunded 退款: money went back, for all of an order or a part.
type OrderRefunded struct {
	OrderFact
	RefundID int64  `json:"refund_id"`
	Refund   string `json:"refund"`         // its number
	Line     int    `json:"line,omitempty"` // of the order; 0: of the whole
}

// About implements Fact.
func (f OrderRefunded) About() About {
	return f.refund(KindOrderRefunded, f.RefundID)
}

// RefundAsked 申请退款: the customer wants money back, and nobody has decided yet.
type RefundAsked struct {
	OrderFact
	RefundID int64 `json:"refund_id"`
}

// About implements Fact.
func (f RefundAsked) About() About { return f.refund(KindRefundAsked, f.RefundID) }

// RefundRefused 拒绝退款: no money goes back.
type RefundRefused struct {
	OrderFact
	RefundID int64 `json:"refund_id"`
}

// About implements Fact.
func (f RefundRefused) About() About { return f.refund(KindRefundRefused, f.RefundID) }

func (f OrderFact) refund(kind string, refundID int64) About {
	a := f.about(kind)
	a.Key = kind + ":" + strconv.FormatInt(refundID, 10)
	return a
}
