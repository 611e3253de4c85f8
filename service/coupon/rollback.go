package coupon

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// RollBackInput says what of a redeemed use is taken back.
type RollBackInput struct {
	Key   Key
	UseID int64
	// Lines are the pieces given back; none: all that is left, with the delivery.
	Lines    []ReturnedLine
	APIKeyID int64 // whose use it has to be; 0: anybody's
	StaffID  int64
	Reason   string
}

// ReturnedLine is so many pieces of a line.
type ReturnedLine struct {
	Line     int   `json:"line"`
	Quantity int64 `json:"quantity"`
}

// RolledBack is a use after a part of it was taken back.
type RolledBack struct {
	*Use
	// OffFen is what of the savings was taken back now, so that the refund is so much less than the prices.
	OffFen model.Fen
}

// RollBack takes coupons back from an order that is refunded. In whole, its coupons may be used again, unless they
// have expired; in part, each line gives back its part of what the coupons saved, so that any order of partial
// refunds comes to the same sum, to the fen, and the last of them gives the coupons back. Repeating a Key
// gives the same answer. It fails with ErrKey, ErrOther, ErrInFlight, ErrNoUse, ErrUse or ErrRefund.
func (s *Service) RollBack(ctx context.Context, in RollBackInput) (*RolledBack, error) {
	release, err := s.flight.take(in.Key)
	if err != nil {
		return nil, err
	}
	defer release()
	a, err := s.onceInTx(ctx, in.Key, bodyOf(actRollBack, []any{in.UseID, in.Lines, in.APIKeyID, in.StaffID}), func(tx *gorm.DB) (answer, error) {
		off, err := s.rollBackTx(tx, in)
		return answer{ID: in.UseID, Fen: off}, err
	})
	if err != nil {
		return nil, err
	}
	u, err := s.Use(ctx, a.ID)
	return &RolledBack{u, a.Fen}, err
}

// inTx is model.InTx, run again when another replica was quicker with the same key: it then finds what that
// one answered.
func (s *Service) inTx(ctx context.Context, fn func(tx *gorm.DB) error) (err error) {
	for range 3 {
		if err = model.InTx(ctx, s.DB, fn); !model.IsDuplicate(err) {
			return err
		}
	}
	return err
}

func (s *Service) rollBackTx(tx *gorm.DB, in RollBackInput) (off model.Fen, err error) {
	uses, err := lockUses(tx, []int64{in.UseID})
	if err != nil {
		return 0, err
	}
	u := uses[in.UseID]
	if u == nil || in.APIKeyID != 0 && u.APIKeyID != in.APIKeyID {
		return 0, ErrNoUse
	}
	if u.State != UseRedeemed {
		return 0, ErrUse
	}
	var bill Bill
	if err := json.Unmarshal([]byte(u.Bill), &bill); err != nil {
		return 0, fmt.Errorf("read the bill of use %d: %w", u.ID, err)
	}
	whole, err := bill.giveBack(in.Lines)
	if err != nil {
		return 0, err
	}
	r := &rollingBack{s: s, tx: tx, in: in, use: u, bill: &bill, whole: whole, moved: newMoves(tx, s.Now()), expired: map[int64]int{}}
	return r.run()
}

// giveBack notes pieces that were returned, and tells whether nothing is left.
func (b *Bill) giveBack(lines []ReturnedLine) (whole bool, err error) {
	if len(lines) == 0 {
		for i := range b.Lines {
			b.Lines[i].Returned = b.Lines[i].Quantity
		}
		return true, nil
	}
	for _, back := range lines {
		found := false
		for i := range b.Lines {
			l := &b.Lines[i]
			if l.Line != back.Line {
				continue
			}
			found = true
			if back.Quantity < 1 || back.Quantity > l.Quantity-l.Returned {
				return false, ErrRefund.With("lines.quantity", "超过可退数量 / more than is left")
			}
			l.Returned += back.Quantity
		}
		if !found {
			return false, ErrRefund.With("lines.line", "没有这一行 / there is no such line")
		}
	}
	for _, l := range b.Lines {
		if l.Returned < l.Quantity {
			return false, nil
		}
	}
	return true, nil
}

// returnedOf is how much of a line's saving belongs to so many of its pieces: always cut the same way, so that what
// several refunds give back adds up to it, in whatever order they come.
func returnedOf(off model.Fen, pieces, of int64) model.Fen {
	return off * model.Fen(pieces) / model.Fen(of)
}

// rollingBack is one refund on its way.
type rollingBack struct {
	s     *Service
	tx    *gorm.DB
	in    RollBackInput
	use   *Use
	bill  *Bill
	whole bool
	moved *moves
	// expired counts by batch those that were given back too late.
	expired map[int64]int
}

func (r *rollingBack) run() (off model.Fen, err error) {
	ids := make([]int64, len(r.use.Parts))
	for i, p := range r.use.Parts {
		ids[i] = p.CouponID
	}
	rows, err := lockCoupons(r.tx, ids)
	if err != nil {
		return 0, err
	}
	list, err := r.s.hold(r.tx, sorted(rows))
	if err != nil {
		return 0, err
	}
	budgets, err := r.s.lockBudgets(r.tx, nil, "", map[int64]*Use{r.use.ID: r.use})
	if err != nil {
		return 0, err
	}
	byID := map[int64]*held{}
	for _, h := range list {
		byID[h.ID] = h
	}
	var facts []event.Fact
	for i := range r.use.Parts {
		p := &r.use.Parts[i]
		back, err := r.part(p)
		if err != nil {
			return 0, err
		}
		if back == 0 && !r.whole {
			continue
		}
		off += back
		facts = append(facts, r.move(byID[p.CouponID], p, back, budgets))
	}
	now := r.moved.now
	r.use.ReturnedFen, r.use.UpdatedAt, r.use.Bill = r.use.ReturnedFen+off, now, asJSON(r.bill)
	if r.whole {
		r.use.State, r.use.OrderKey = UseRolledBack, nil
	}
	if err := updateUse(r.tx, &r.use.CouponUse, UseRedeemed); err != nil {
		return 0, err
	}
	if err := r.moved.write(); err != nil {
		return 0, err
	}
	if err := budgets.write(r.tx); err != nil {
		return 0, err
	}
	for _, id := range sortedKeys(r.expired) {
		if err := addEnded(r.tx, id, "expired", r.expired[id]); err != nil {
			return 0, err
		}
	}
	_, err = r.s.Events.RecordEach(r.tx, facts...)
	return off, err
}

// takeBack takes back of what a coupon saved, line by line, what belongs to the pieces returned by now and was not taken back before.
// The delivery comes back with the whole alone.
func (b *Bill) takeBack(list []share, whole bool) (back model.Fen) {
	for i := range list {
		sh := &list[i]
		due := sh.Off
		if !whole {
			due = 0
			for _, l := range b.Lines {
				if l.Line == sh.Line {
					due = returnedOf(sh.Off, l.Returned, l.Quantity)
				}
			}
		}
		back += due - sh.Returned
		sh.Returned = due
	}
	return back
}

// part takes back of one coupon's savings what belongs to the pieces returned by now, and was not taken back before.
func (r *rollingBack) part(p *model.CouponUsePart) (back model.Fen, err error) {
	list := shares(p)
	back = r.bill.takeBack(list, r.whole)
	if back == 0 {
		return 0, nil
	}
	was := p.ReturnedFen
	p.ReturnedFen, p.Split = was+back, asJSON(list)
	return back, updatePart(r.tx, p, was)
}

// move gives back to a coupon and its budgets what was taken back.
func (r *rollingBack) move(h *held, p *model.CouponUsePart, back model.Fen, b *budgets) event.Fact {
	times := int64(0)
	stored := h.offer.terms.FaceFen > 0
	if stored {
		h.BalanceFen += back
	}
	if r.whole {
		times = 1
	}
	// Stored value may be reserved for another order by now, or void; then it stays so.
	if h.State == Used && (r.whole || stored && back > 0) {
		h.State = Usable
		if !r.moved.now.Before(h.ValidUntil) {
			h.State = Expired
			r.expired[h.BatchID]++
		}
	}
	b.give(p.BatchID, p.BudgetDay, times, back)
	e := r.moved.add(h.Coupon, actRollBack)
	e.Count, e.Fen, e.BudgetDay, e.UseID, e.Shop = -int(times), -back, p.BudgetDay, r.use.ID, r.use.Shop
	e.StaffID, e.APIKeyID, e.Reason = r.in.StaffID, r.in.APIKeyID, r.in.Reason
	return event.CouponRolledBack{CouponUseFact: event.CouponUseFact{
		CouponFact: factOf(h.Coupon, r.moved.now), UseID: r.use.ID, Order: r.use.OrderNumber, Shop: r.use.Shop, OffFen: int64(back),
	}}
}
