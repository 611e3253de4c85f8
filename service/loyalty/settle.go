package loyalty

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// settleOrderTx brings the points that an order has earned in line with what became of the order, which it reads itself: of
// what was paid back the part is taken back, of what a refund is being decided about the part is frozen, and what a refusal
// frees is thawed. Facts about refunds are hints, so they may come twice and in any order.
func (s *Service) settleOrderTx(tx *gorm.DB, orderID int64) error {
	earned, err := earnedBy(tx, sourceOrder, orderID)
	if err != nil || len(earned) == 0 {
		return err
	}
	order, err := orderOf(tx, orderID)
	if err != nil {
		return err
	}
	for i := range earned {
		err := s.change(tx, earned[i].CustomerID, func(b *book) error { return b.settle(&earned[i], order) })
		if err != nil {
			return fmt.Errorf("settle the points of order %d: %w", orderID, err)
		}
	}
	return nil
}

// orderState is what an order has come to, in fen.
type orderState struct{ paid, refunded, asked model.Fen }

// parts says how many of the points that an order earned are to be taken back in all, and how many are to be frozen. All of
// the money is all of the points; of a part fractions stay with the customer.
func (o orderState) parts(points int64) (back, frozen int64) {
	if o.paid <= 0 {
		return points, 0
	}
	share := func(fen model.Fen) int64 { return points * int64(min(fen, o.paid)) / int64(o.paid) }
	back = share(o.refunded)
	return back, share(o.refunded+o.asked) - back
}

func (b *book) settle(earned *model.PointsEntry, o orderState) error {
	after, err := followers(b.tx, earned.ID)
	if err != nil {
		return err
	}
	back, frozen, freezes := progress(after)
	wantBack, wantFrozen := o.parts(earned.Points)
	step := 0
	detail := func() Detail {
		step++
		return Detail{
			Key: fmt.Sprintf("settle:%d:%d", earned.ID, len(after)+step), RuleID: earned.RuleID, Source: earned.Source, SourceID: earned.SourceID,
			Reason: "订单退款 · refund",
		}
	}
	if take := wantBack - back; take > 0 {
		// What is frozen for this order goes first: it is what was kept for it.
		if n := min(take, frozen); n > 0 {
			if _, err := b.entry(TakeBack, Frozen, Issued, n, earned.ID, detail()); err != nil {
				return err
			}
			take, frozen = take-n, frozen-n
		}
		if take > 0 {
			if _, err := b.take(TakeBack, Issued, take, earned.ID, detail()); err != nil {
				return err
			}
		}
	} else if take < 0 {
		if _, err := b.put(Restore, Issued, -take, earned.ID, b.s.expiry(b.now, comebackDays), detail()); err != nil {
			return err
		}
	}
	switch change := wantFrozen - frozen; {
	case change > 0: // no more than there is: nobody is in debt because they ask for their money
		if n := min(change, max(b.account.Balance, 0)); n > 0 {
			_, err = b.take(Freeze, Frozen, n, earned.ID, detail())
		}
	case change < 0:
		err = b.thaw(freezes, -change, earned, detail)
	}
	return err
}

// progress sums what followed an earning so far.
func progress(after []model.PointsEntry) (back, frozen int64, freezes []model.PointsEntry) {
	for _, e := range after {
		switch e.Kind {
		case TakeBack:
			back += e.Points
			if e.FromBook == Frozen {
				frozen -= e.Points
			}
		case Restore:
			back -= e.Points
		case Freeze:
			frozen += e.Points
			freezes = append(freezes, e)
		case Thaw:
			frozen -= e.Points
		}
	}
	return back, frozen, freezes
}

// thaw frees frozen points: with the expiry of the lots they came from while it has not passed, else for a while. What is
// thawed in part comes back as points of the latest lot.
func (b *book) thaw(freezes []model.PointsEntry, points int64, earned *model.PointsEntry, detail func() Detail) error {
	expires := b.s.expiry(b.now, comebackDays)
	if n := len(freezes); n > 0 {
		at, ever, err := lastExpiry(b.tx, freezes[n-1].ID)
		if err != nil {
			return err
		}
		switch {
		case !ever:
			expires = nil
		case at.After(*expires):
			expires = &at
		}
	}
	_, err := b.put(Thaw, Frozen, points, earned.ID, expires, detail())
	return err
}
