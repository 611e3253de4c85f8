package catalog

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// UpsertRefunds takes refunds as a shop tells them, in any order, and says what became of each. A
// refund may come before its order. It may be repeated. It fails with ErrTooMany.
func (s *Service) UpsertRefunds(ctx context.Context, in []RefundInput) (outcomes []Outcome, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) (err error) {
		outcomes, err = s.UpsertRefundsTx(tx, in)
		return err
	})
	return outcomes, err
}

// UpsertRefundsTx is UpsertRefunds as part of a larger change the caller is making.
func (s *Service) UpsertRefundsTx(tx *gorm.DB, in []RefundInput) ([]Outcome, error) {
	if len(in) > MaxBatch {
		return nil, ErrTooMany
	}
	entries, numbers := make([]entry, len(in)), []string(nil)
	for i := range in {
		in[i].RefundedAt = msOrNil(in[i].RefundedAt)
		entries[i] = entry{number: in[i].Number, version: in[i].Version, fingerprint: fingerprintOf(in[i]), wrong: in[i].check(s.now())}
		if entries[i].wrong == nil {
			numbers = append(numbers, in[i].Order)
		}
	}
	slices.Sort(numbers)
	// The order's row is the lock that its refunds share with it, so it is made if it is not there.
	orders, _, err := claim(tx, slices.Compact(numbers), orderNumber, s.awaitedOrder)
	if err != nil {
		return nil, err
	}
	return s.writeRefunds(tx, in, entries, orders)
}

func (s *Service) awaitedOrder(number string) *model.CustomerOrder {
	return &model.CustomerOrder{Number: number, Status: StatusAwaited, PlacedAt: s.now(), CreatedAt: s.now(), UpdatedAt: s.now()}
}

func (s *Service) writeRefunds(tx *gorm.DB, in []RefundInput, entries []entry, orders map[string]*model.CustomerOrder) ([]Outcome, error) {
	first := newest(entries)
	fill := func(row *model.Refund, i int) {
		row.OrderNumber, row.OrderID, row.CustomerID = in[i].Order, orders[in[i].Order].ID, orders[in[i].Order].CustomerID
		row.Line, row.Status, row.AmountFen, row.RefundedAt = in[i].Line, in[i].Status, in[i].AmountFen, in[i].RefundedAt
		row.Version, row.Fingerprint, row.UpdatedAt = in[i].Version, entries[i].fingerprint, s.now()
	}
	held, isNew, err := claim(tx, numbersOf(entries), refundNumber, func(number string) *model.Refund {
		row := &model.Refund{Number: number, CreatedAt: s.now()}
		fill(row, first[number])
		return row
	})
	if err != nil {
		return nil, err
	}
	stored := map[string]standing{}
	for n, row := range held {
		if !isNew[n] {
			stored[n] = standing{version: row.Version, fingerprint: row.Fingerprint}
		}
	}
	for i, e := range entries {
		if e.wrong == nil && held[e.number].OrderNumber != in[i].Order {
			entries[i].wrong = ErrOtherOrder
		}
	}
	outcomes, prevails := judgeAll(entries, stored)
	touched := map[string]*model.CustomerOrder{}
	for _, n := range numbersOf(entries) {
		i, ok := prevails[n]
		if !ok {
			continue
		}
		touched[in[i].Order] = orders[in[i].Order]
		if isNew[n] {
			continue
		}
		fill(held[n], i)
		if err := updateRefund(tx, held[n]); err != nil {
			return nil, err
		}
	}
	list := inOrder(touched)
	if err := s.settle(tx, list, nil); err != nil {
		return nil, err
	}
	return outcomes, s.warn(tx, in, outcomes, list)
}

// warn marks the refunds of orders of which more was refunded than was paid.
func (s *Service) warn(tx *gorm.DB, in []RefundInput, outcomes []Outcome, orders []*model.CustomerOrder) error {
	ids := idsOf(orders)
	refunds, err := refundsOf(tx, ids)
	if err != nil {
		return err
	}
	exceeded := map[string]bool{}
	for _, o := range orders {
		exceeded[o.Number] = o.Status != StatusAwaited && refundedOf(refunds[o.ID]) > o.PaidFen
	}
	for i := range outcomes {
		if outcomes[i].Result != Refused && in[i].Status == RefundRefunded && exceeded[in[i].Order] {
			outcomes[i].Warning = WarnExceedsPaid
		}
	}
	return nil
}

// inOrder lists orders by number.
func inOrder(orders map[string]*model.CustomerOrder) []*model.CustomerOrder {
	list := make([]*model.CustomerOrder, 0, len(orders))
	for _, o := range orders {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b *model.CustomerOrder) int { return int(a.ID - b.ID) })
	return list
}
