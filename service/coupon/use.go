package coupon

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// The states of a use. Names are data.
const (
	UseReserved   = "reserved"
	UseRedeemed   = "redeemed"
	UseReleased   = "released"    // the reservation was given up, or ran out
	UseRolledBack = "rolled_back" // everything was given back
)

// UseInput asks for a stack of coupons of one customer to be used on one order.
type UseInput struct {
	Key        Key
	CustomerID int64
	Coupons    []int64
	Bill       Bill // with the number of the order
	// TTL is how long a reservation holds, of Reserve alone.
	TTL      time.Duration
	StaffID  int64 // who redeems, if it is a person
	APIKeyID int64 // who redeems, if it is another system
}

// Use is a use with what each coupon saves.
type Use struct {
	model.CouponUse
	Parts []model.CouponUsePart
}

// share is what a coupon saves of one line; line 0 is the delivery.
type share struct {
	Line     int       `json:"line"`
	Off      model.Fen `json:"off"`
	Returned model.Fen `json:"returned,omitempty"`
}

// The bounds of reservations.
const (
	minTTL = 10 * time.Second
	maxTTL = 7 * 24 * time.Hour
)

// Reserve holds coupons for an order and charges their budgets: until TTL is over nobody else gets them,
// and Redeem succeeds even if they expire meanwhile. Repeating a Key gives the same reservation. It fails
// with ErrKey, ErrOther, ErrInFlight, ErrBill, ErrNotFound, ErrRefused (its fields say which coupon and
// why), ErrBudget or ErrOrder.
func (s *Service) Reserve(ctx context.Context, in UseInput) (*Use, error) {
	if in.TTL < minTTL || in.TTL > maxTTL {
		return nil, ErrBill.With("ttl_seconds", "10–604800")
	}
	return s.use(ctx, &useItem{verb: actReserve, in: in})
}

// Redeem uses coupons on an order, all of them or none. It fails as Reserve does.
func (s *Service) Redeem(ctx context.Context, in UseInput) (*Use, error) {
	in.TTL = 0
	return s.use(ctx, &useItem{verb: actRedeem, in: in})
}

// Settle is what is to become of a reservation. By, if it is not 0, is whose it has to be.
type Settle struct {
	Key      Key
	UseID    int64
	APIKeyID int64
	StaffID  int64
}

// RedeemReserved uses what is reserved. It fails with ErrKey, ErrOther, ErrInFlight, ErrNoUse, ErrOver or ErrUse.
func (s *Service) RedeemReserved(ctx context.Context, in Settle) (*Use, error) {
	return s.use(ctx, &useItem{verb: actRedeem, in: UseInput{Key: in.Key, APIKeyID: in.APIKeyID, StaffID: in.StaffID}, useID: in.UseID})
}

// Release gives up a reservation: its coupons and budgets are free again. It fails as RedeemReserved does.
func (s *Service) Release(ctx context.Context, in Settle) (*Use, error) {
	return s.use(ctx, &useItem{verb: actRelease, in: UseInput{Key: in.Key, APIKeyID: in.APIKeyID, StaffID: in.StaffID}, useID: in.UseID})
}

// useItem is one request about a use.
type useItem struct {
	verb  string
	in    UseInput
	useID int64 // of the reservation it is about; 0: a new use
}

func (it *useItem) body() hash {
	return bodyOf(it.verb, []any{it.in.CustomerID, it.in.Coupons, it.in.Bill, it.in.TTL, it.in.StaffID, it.in.APIKeyID, it.useID})
}

// used is what became of a useItem.
type used struct {
	id  int64
	use *Use // as it is after the commit; nil: it was answered before
	err error
}

func (s *Service) use(ctx context.Context, it *useItem) (*Use, error) {
	release, err := s.flight.take(it.in.Key)
	if err != nil {
		return nil, err
	}
	defer release()
	if it.useID == 0 {
		if err := it.check(); err != nil {
			return nil, err
		}
	}
	out, err := s.uses.Do(ctx, *it)
	if errors.Is(err, model.ErrTooManyWaiting) {
		return nil, ErrBusy
	}
	if err == nil {
		err = out.err
	}
	if err != nil {
		return nil, err
	}
	if out.use != nil {
		return out.use, nil
	}
	return s.Use(ctx, out.id)
}

// check fails with ErrBill.
func (it *useItem) check() error {
	n := len(it.in.Coupons)
	distinct := slices.Compact(slices.Sorted(slices.Values(it.in.Coupons)))
	if n == 0 || n > maxStack || len(distinct) != n {
		return ErrBill.With("coupons", "1–5")
	}
	if it.in.Bill.Order == "" {
		return ErrBill.With("order", "必填 / needed")
	}
	return it.in.Bill.check()
}

// hold gives coupons their offers.
func (s *Service) hold(tx *gorm.DB, coupons []*model.Coupon) ([]*held, error) {
	var ids []int64
	for _, c := range coupons {
		if !slices.Contains(ids, c.BatchID) {
			ids = append(ids, c.BatchID)
		}
	}
	counts, err := countsOf(tx, ids)
	if err != nil {
		return nil, err
	}
	return s.offersTo(tx, coupons, counts)
}

// offersTo is hold for who has read the counters of the batches.
func (s *Service) offersTo(tx *gorm.DB, coupons []*model.Coupon, counts map[int64]*model.CouponCount) ([]*held, error) {
	list := make([]*held, len(coupons))
	for i, c := range coupons {
		n := counts[c.BatchID]
		if n == nil {
			return nil, ErrNoBatch
		}
		o, err := s.book.offer(tx, c.BatchID, n.Version)
		if err != nil {
			return nil, err
		}
		list[i] = &held{c, o, n.State}
	}
	return list, nil
}

// Use gives one use with its parts. It fails with ErrNoUse.
func (s *Service) Use(ctx context.Context, id int64) (*Use, error) {
	return useByID(s.DB.WithContext(ctx), id)
}

// shares reads what a part saves line by line.
func shares(p *model.CouponUsePart) (list []share) {
	_ = json.Unmarshal([]byte(p.Split), &list) // written by us
	return list
}

// Shares is what a part saves line by line; line 0 is the delivery.
func Shares(p *model.CouponUsePart) (lines []int, off, returned []model.Fen) {
	for _, s := range shares(p) {
		lines, off, returned = append(lines, s.Line), append(off, s.Off), append(returned, s.Returned)
	}
	return lines, off, returned
}
