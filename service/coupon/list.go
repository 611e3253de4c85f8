package coupon

import (
	"context"
	"errors"

	"zhiyin/model"
)

// BatchView is a batch with its counters.
type BatchView struct {
	model.CouponBatch
	Count  model.CouponCount
	Budget model.CouponBudget // for all time: uses and what they saved, reserved ones included
}

// Batch gives one batch. It fails with ErrNoBatch.
func (s *Service) Batch(ctx context.Context, id int64) (*BatchView, error) {
	b, err := batchByID(s.DB.WithContext(ctx), id)
	if err != nil {
		return nil, err
	}
	list, err := s.views(ctx, []*model.CouponBatch{b})
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// Batches lists batches in a state (empty: in any), newest first, from below a row id (0: from the newest).
func (s *Service) Batches(ctx context.Context, state string, before int64, limit int) ([]BatchView, error) {
	rows, err := batchesBefore(s.DB.WithContext(ctx), state, before, limit)
	if err != nil {
		return nil, err
	}
	return s.views(ctx, rows)
}

func (s *Service) views(ctx context.Context, rows []*model.CouponBatch) ([]BatchView, error) {
	db := s.DB.WithContext(ctx)
	ids := make([]int64, len(rows))
	for i, b := range rows {
		ids[i] = b.ID
	}
	counts, err := countsOf(db, ids)
	if err != nil {
		return nil, err
	}
	budgets, err := budgetsOf(db, ids, "")
	if err != nil {
		return nil, err
	}
	list := make([]BatchView, len(rows))
	for i, b := range rows {
		list[i].CouponBatch = *b
		if n := counts[b.ID]; n != nil {
			list[i].Count = *n
		}
		for _, m := range budgets {
			if m.BatchID == b.ID {
				list[i].Budget = *m
			}
		}
	}
	return list, nil
}

// Offer is a batch in the coupon centre, as it stands to one customer.
type Offer struct {
	model.CouponBatch
	SoldOut bool
	Had     int64 // how many of it the customer has had
	Limit   bool  // the customer has had as many as one may, in all or today
}

// maxOffersShown is how many batches the coupon centre shows.
const maxOffersShown = 100

// Offers are the batches that a customer may take a coupon of now, were there any left and had they not had it.
func (s *Service) Offers(ctx context.Context, customerID int64) ([]Offer, error) {
	db, now := s.DB.WithContext(ctx), s.Now()
	rows, err := openBatches(db, now, maxOffersShown)
	if err != nil {
		return nil, err
	}
	_, began := s.day(now)
	had, err := hadBy(db, customerID, began)
	if err != nil {
		return nil, err
	}
	if err := addReceived(db, customerID, began, had); err != nil {
		return nil, err
	}
	in, err := segmentsOf(db, customerID)
	if err != nil {
		return nil, err
	}
	views, err := s.views(ctx, rows)
	if err != nil {
		return nil, err
	}
	var list []Offer
	for _, v := range views {
		if v.SegmentID != 0 && !in[v.SegmentID] {
			continue
		}
		o := Offer{CouponBatch: v.CouponBatch, SoldOut: v.Stock > 0 && v.Count.Issued >= v.Stock}
		if t := had[v.ID]; t != nil {
			o.Had = t.Had
			o.Limit = v.PerCustomer > 0 && t.Had >= v.PerCustomer || v.PerDay > 0 && t.Today >= v.PerDay
		}
		list = append(list, o)
	}
	return list, nil
}

// Givable is a batch that a staff member may give coupons of.
type Givable struct {
	model.CouponBatch
	Left    int64 // how many they may still give today
	SoldOut bool
}

// Givable lists what a staff member may give, with their allowance of today.
func (s *Service) Givable(ctx context.Context, staffID int64) ([]Givable, error) {
	db := s.DB.WithContext(ctx)
	rows, err := batchesBefore(db, BatchActive, 0, maxOffersShown)
	if err != nil {
		return nil, err
	}
	views, err := s.views(ctx, rows)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	day, _ := s.day(now)
	var list []Givable
	for _, v := range views {
		o, err := offerOf(&v.CouponBatch)
		if err != nil {
			return nil, err
		}
		given, err := givenBy(db, v.ID, []int64{staffID}, day)
		if err != nil {
			return nil, err
		}
		b := &batchIssue{offer: o, count: &v.Count, given: given}
		if err := b.givable(staffID); errors.Is(err, ErrMayNot) || b.open(&IssueInput{Source: SourceStaff}, now) != nil {
			continue
		}
		list = append(list, Givable{v.CouponBatch, max(0, o.rules.StaffDaily-given[staffID]), v.Stock > 0 && v.Count.Issued >= v.Stock})
	}
	return list, nil
}

// Filter selects coupons; zero values select all.
type Filter struct {
	BatchID    int64
	CustomerID int64
	States     []string
}

// Item is a coupon with its batch.
type Item struct {
	model.Coupon
	Batch *model.CouponBatch
}

// List lists coupons, newest first, from below a row id (0: from the newest).
func (s *Service) List(ctx context.Context, f Filter, before int64, limit int) ([]Item, error) {
	db := s.DB.WithContext(ctx)
	rows, err := couponsBefore(db, f, before, limit)
	if err != nil {
		return nil, err
	}
	return withBatches(db, rows)
}

// Coupon gives one coupon: of a customer, or of anybody when owner is 0. It fails with ErrNotFound.
func (s *Service) Coupon(ctx context.Context, owner, id int64) (*Item, error) {
	db := s.DB.WithContext(ctx)
	c, err := couponByID(db, id)
	if err != nil {
		return nil, err
	}
	if owner != 0 && c.CustomerID != owner {
		return nil, ErrNotFound
	}
	list, err := withBatches(db, []model.Coupon{*c})
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// Entries lists the ledger of a batch, or of a coupon, newest first, from below a row id (0: from the newest).
func (s *Service) Entries(ctx context.Context, batchID, couponID, before int64, limit int) ([]model.CouponEntry, error) {
	return entriesBefore(s.DB.WithContext(ctx), batchID, couponID, before, limit)
}

// OfferOf reads what a batch says: its terms and rules.
func OfferOf(b *model.CouponBatch) (Terms, Rules, error) {
	o, err := offerOf(b)
	if err != nil {
		return Terms{}, Rules{}, err
	}
	return o.terms, o.rules, nil
}
