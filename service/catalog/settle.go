package catalog

import (
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// settle brings everything that follows from orders and their refunds in line with them: what counts
// as refunded, what lines and refunds repeat of the order, the facts, and the totals of the customers
// of now and of before. The caller holds the orders' rows.
func (s *Service) settle(tx *gorm.DB, orders []*model.CustomerOrder, before []int64) error {
	if len(orders) == 0 {
		return nil
	}
	ids := idsOf(orders)
	refunds, err := refundsOf(tx, ids)
	if err != nil {
		return err
	}
	lines, err := linesOf(tx, ids)
	if err != nil {
		return err
	}
	var facts []event.Fact
	customers := slices.Clone(before)
	for _, o := range orders {
		if err := s.settleOne(tx, o, refunds[o.ID], lines[o.ID]); err != nil {
			return err
		}
		customers = append(customers, o.CustomerID)
		facts = append(facts, factsOf(o, refunds[o.ID], lines[o.ID])...)
	}
	if _, err := s.events.Record(tx, facts...); err != nil {
		return err
	}
	return s.RecountTx(tx, customers)
}

func (s *Service) settleOne(tx *gorm.DB, o *model.CustomerOrder, refunds []*model.Refund, lines []*model.OrderLine) error {
	if want := min(o.PaidFen, refundedOf(refunds)); want != o.RefundedFen {
		o.RefundedFen = want
		if err := updateRow(tx, &model.CustomerOrder{}, o.ID, map[string]any{"refunded_fen": want}); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(refunds, func(r *model.Refund) bool { return r.CustomerID != o.CustomerID }) {
		if err := updateRefundsOf(tx, o); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(lines, func(l *model.OrderLine) bool { return l.CustomerID != o.CustomerID || !same(l.PaidAt, o.PaidAt) }) {
		if err := updateLinesOf(tx, o); err != nil {
			return err
		}
	}
	for _, l := range lines {
		want := min(l.PaidFen, refundedOf(refunds, l.Line))
		if want == l.RefundedFen {
			continue
		}
		if err := updateRow(tx, &model.OrderLine{}, l.ID, map[string]any{"refunded_fen": want}); err != nil {
			return err
		}
	}
	return nil
}

// refundedOf sums what was paid back, of these lines only when any are given.
func refundedOf(refunds []*model.Refund, lines ...int) (sum model.Fen) {
	for _, r := range refunds {
		if r.Status == RefundRefunded && (len(lines) == 0 || slices.Contains(lines, r.Line)) {
			sum += r.AmountFen
		}
	}
	return sum
}

func same(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// factsOf lists what has become true of an order so far. Each is recorded once, however often it is
// listed. An order of a stranger has none until its customer is known.
func factsOf(o *model.CustomerOrder, refunds []*model.Refund, lines []*model.OrderLine) []event.Fact {
	if o.CustomerID == 0 || o.Status == StatusAwaited {
		return nil
	}
	f := event.OrderFact{OrderID: o.ID, CustomerID: o.CustomerID, Number: o.Number, Shop: o.Shop, Products: productsOf(lines)}
	at := func(t time.Time, amount model.Fen) event.OrderFact {
		f.At, f.AmountFen = t, int64(amount)
		return f
	}
	facts := []event.Fact{event.OrderPlaced{OrderFact: at(o.PlacedAt, o.TotalFen-o.DiscountFen)}}
	if o.PaidAt != nil {
		facts = append(facts, event.OrderPaid{OrderFact: at(*o.PaidAt, o.PaidFen)})
	}
	if o.Status == StatusCompleted {
		facts = append(facts, event.OrderCompleted{OrderFact: at(*o.CompletedAt, o.PaidFen)})
	}
	if o.Status == StatusCancelled { // the shop says when it changed the order, nothing closer
		facts = append(facts, event.OrderCancelled{OrderFact: at(time.UnixMilli(o.Version).UTC(), o.PaidFen)})
	}
	for _, r := range refunds {
		about := at(r.UpdatedAt, r.AmountFen)
		switch r.Status {
		case RefundRequested:
			facts = append(facts, event.RefundAsked{OrderFact: about, RefundID: r.ID})
		case RefundRefused:
			facts = append(facts, event.RefundRefused{OrderFact: about, RefundID: r.ID})
		case RefundRefunded:
			facts = append(facts, event.OrderRefunded{OrderFact: at(*r.RefundedAt, r.AmountFen), RefundID: r.ID, Refund: r.Number, Line: r.Line})
		}
	}
	return facts
}

func productsOf(lines []*model.OrderLine) []int64 {
	var ids []int64
	for _, l := range lines {
		if !slices.Contains(ids, l.ProductID) {
			ids = append(ids, l.ProductID)
		}
	}
	return ids
}
