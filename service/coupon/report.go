package coupon

import (
	"context"
	"slices"
	"time"

	"zhiyin/model"
)

// Report is what a batch brought and cost.
type Report struct {
	ByState  map[string]int64 // coupons
	BySource []SourceReport
	Uses     int64     // orders, those given back in all not counted
	SavedFen model.Fen // what its coupons cost, after refunds
	// WithFen is what was paid for orders on which its coupons were used; WithoutFen what those who held one
	// paid meanwhile for orders without any coupon: from receipt until it was no longer good. Both less the refunds of
	// orders that are known here.
	WithFen, WithoutFen       model.Fen
	WithOrders, WithoutOrders int64
}

// SourceReport is what came of the coupons of one source: the way, and the row that it came from.
type SourceReport struct {
	Source                                        string
	CampaignID, JourneyID, ChannelCodeID, StaffID int64
	Step                                          string // of the journey, or variant of the campaign
	Issued, Used                                  int64
	SavedFen                                      model.Fen
}

// Report tells what a batch brought and cost. It fails with ErrNoBatch.
func (s *Service) Report(ctx context.Context, batchID int64) (*Report, error) {
	db := s.DB.WithContext(ctx)
	if _, err := batchByID(db, batchID); err != nil {
		return nil, err
	}
	r := &Report{}
	var err error
	if r.ByState, err = couponsByState(db, batchID); err != nil {
		return nil, err
	}
	if r.BySource, err = couponsBySource(db, batchID); err != nil {
		return nil, err
	}
	if err := ordersWith(db, batchID, r); err != nil {
		return nil, err
	}
	return r, ordersWithout(db, batchID, s.Now(), r)
}

// CampaignReport is what came of the coupons that one variant of a campaign's run gave, or that customers took themselves because the
// campaign had brought them.
type CampaignReport struct {
	BatchID      int64
	Source       string // campaign, or how customers took it
	Variant      string // of the campaign; empty: customers took it
	Issued, Used int64
	SavedFen     model.Fen // what they cost, after refunds
	// PaidFen is what was paid for orders on which they were used, less the refunds that are known here.
	PaidFen model.Fen
	Orders  int64
}

// OfCampaign tells of coupons of batches what came of those that a run of a campaign gave, and of those that any of its runs brought
// customers to take.
func (s *Service) OfCampaign(ctx context.Context, campaignID, runID int64, batches []int64) ([]CampaignReport, error) {
	db := s.DB.WithContext(ctx)
	list, err := couponsOfCampaign(db, campaignID, runID, batches)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := ordersOfCampaign(db, campaignID, runID, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Giver is what a staff member gave in some time.
type Giver struct {
	StaffID   int64
	Given     int64
	Customers int64
	Used      int64
	SavedFen  model.Fen
	// Watch: they gave at least 10, and more than three times what is usual, or mostly to the same few.
	Watch bool
}

// Givers tells what staff gave since a time, those who gave most first, and who is to be watched.
func (s *Service) Givers(ctx context.Context, since time.Time) ([]Giver, error) {
	day, _ := s.day(since)
	list, err := giversSince(s.DB.WithContext(ctx), since, day)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	given := make([]int64, len(list))
	for i, g := range list {
		given[i] = g.Given
	}
	slices.Sort(given)
	usual := given[len(given)/2]
	for i := range list {
		g := &list[i]
		g.Watch = g.Given >= 10 && (g.Given > 3*usual || g.Given > 3*g.Customers)
	}
	return list, nil
}
