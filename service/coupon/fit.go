package coupon

import (
	"cmp"
	"slices"
	"time"

	"zhiyin/model"
)

// Misfit says why a coupon can't be used on a bill.
type Misfit struct {
	Code    string // a stable name
	Zh, En  string
	MoreFen model.Fen // of minimum: how much is missing
}

// The reasons. Codes are data.
var (
	misfitState    = Misfit{Code: "state", Zh: "该券已使用、已作废或被其他订单占用", En: "it is used, void, or reserved for another order"}
	misfitReview   = Misfit{Code: "review", Zh: "该券审核中", En: "it waits for review"}
	misfitEarly    = Misfit{Code: "not_yet", Zh: "未到使用时间", En: "its time has not come yet"}
	misfitExpired  = Misfit{Code: "expired", Zh: "已过期", En: "it has expired"}
	misfitPaused   = Misfit{Code: "paused", Zh: "该券暂停使用", En: "its use is paused"}
	misfitWeekday  = Misfit{Code: "weekday", Zh: "今天不可用", En: "it is not good on this day of the week"}
	misfitHour     = Misfit{Code: "hour", Zh: "当前时段不可用", En: "it is not good at this hour"}
	misfitShop     = Misfit{Code: "shop", Zh: "本店不可用", En: "it is not good in this shop"}
	misfitFirst    = Misfit{Code: "first_order", Zh: "仅限首单使用", En: "it is for a first order"}
	misfitGoods    = Misfit{Code: "goods", Zh: "没有适用的商品", En: "it fits none of the goods"}
	misfitMinimum  = Misfit{Code: "minimum", Zh: "未达到使用门槛", En: "the order is too small for it"}
	misfitNothing  = Misfit{Code: "nothing", Zh: "没有可减免的金额", En: "there is nothing for it to save"}
	misfitBudget   = Misfit{Code: "budget", Zh: "该券的使用额度已用完", En: "its budget is used up"}
	misfitTogether = Misfit{Code: "together", Zh: "不能与所选的其他券同时使用", En: "it does not go together with the others"}
)

// held is a coupon with its offer.
type held struct {
	*model.Coupon
	offer *offer
	state string // of the batch, now
}

// usable tells whether a coupon's own state and time let it be used.
func (h *held) usable(at time.Time) *Misfit {
	switch {
	case h.State == InReview:
		return &misfitReview
	case h.State == Expired, h.State == Usable && !at.Before(h.ValidUntil):
		return &misfitExpired
	case h.State != Usable:
		return &misfitState
	case h.state == BatchPaused:
		return &misfitPaused
	case at.Before(h.ValidFrom):
		return &misfitEarly
	}
	return nil
}

// tally is what is left to pay of a bill while coupons are counted one after another.
type tally struct {
	lines    []model.Fen
	shipping model.Fen
}

func newTally(w *weighed) *tally {
	t := &tally{lines: make([]model.Fen, len(w.Lines)), shipping: w.ShippingFen}
	for i, l := range w.Lines {
		t.lines[i] = l.total()
	}
	return t
}

// count takes off a tally what a coupon saves, line by line of the bill, or says why it does not fit.
func (h *held) count(w *weighed, t *tally, zone *time.Location) (s saving, no *Misfit) {
	r := &h.offer.rules
	weekday, hour := r.goodAt(w.at, zone)
	switch {
	case !weekday:
		return s, &misfitWeekday
	case !hour:
		return s, &misfitHour
	case len(r.Shops) > 0 && !slices.Contains(r.Shops, w.Shop):
		return s, &misfitShop
	case r.FirstOrder && w.bought:
		return s, &misfitFirst
	}
	b := basis{shipping: t.shipping, balance: h.BalanceFen}
	var places []int
	var prices, left model.Fen
	for i, l := range w.Lines {
		if w.fits(i, r) {
			places = append(places, i)
			b.lines = append(b.lines, piece{l.Quantity, t.lines[i]})
			prices, left = prices+l.total(), left+t.lines[i]
		}
	}
	if len(places) == 0 {
		return s, &misfitGoods
	}
	asked := prices
	if r.MinimumLeft {
		asked = left
	}
	if asked < r.MinimumFen {
		no := misfitMinimum
		no.MoreFen = r.MinimumFen - asked
		return s, &no
	}
	own := h.offer.kind.off(h.offer.terms, b)
	if own.total() == 0 {
		return s, &misfitNothing
	}
	s = saving{lines: make([]model.Fen, len(w.Lines)), shipping: own.shipping}
	t.shipping -= own.shipping
	for n, off := range own.lines {
		s.lines[places[n]] = off
		t.lines[places[n]] -= off
	}
	return s, nil
}

// stacked is the order in which coupons are counted: as their rules say, and stored value, which is
// rather a way of paying, after all others.
func stacked(list []*held) []*held {
	list = slices.Clone(list)
	paying := func(h *held) int {
		if h.offer.terms.FaceFen > 0 {
			return 1
		}
		return 0
	}
	slices.SortFunc(list, func(a, b *held) int {
		return cmp.Or(cmp.Compare(paying(a), paying(b)), cmp.Compare(a.offer.rules.Order, b.offer.rules.Order), cmp.Compare(a.BatchID, b.BatchID), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// maxStack is how many coupons one order may have.
const maxStack = 5

// countAll counts a stack in its order. It gives what each saves, or which does not fit and why.
func countAll(list []*held, w *weighed, zone *time.Location) (savings []saving, bad *held, no *Misfit) {
	t := newTally(w)
	for i, h := range list {
		for _, other := range list[:i] {
			if !goTogether(other, h, list) {
				return nil, h, &misfitTogether
			}
		}
		s, no := h.count(w, t, zone)
		if no != nil {
			return nil, h, no
		}
		savings = append(savings, s)
	}
	return savings, nil, nil
}

// goTogether tells whether two of a stack may be in it side by side.
func goTogether(a, b *held, list []*held) bool {
	if a.BatchID != b.BatchID {
		return together(a.offer, b.offer)
	}
	n := 0
	for _, h := range list {
		if h.BatchID == a.BatchID {
			n++
		}
	}
	return n <= a.offer.rules.perOrder()
}
