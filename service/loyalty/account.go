package loyalty

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Account is what a customer has.
type Account struct {
	model.PointsAccount
	// Soon is how many of the points expire within 30 days, and when the first of them do; nil: none.
	Soon   int64
	SoonAt *time.Time
	Tier   model.CustomerTier
	// TierName is what the tier is called; empty: none.
	TierName string
	// Next is the tier above, with what is missing to it; nil: there is none.
	Next    *model.Tier
	Missing model.Fen
}

// Account gives what a customer has; one who never had anything has nothing. The viewer is nil for the customer themself.
// It fails with ErrNotFound.
func (s *Service) Account(ctx context.Context, v *staff.Viewer, customerID int64) (*Account, error) {
	if err := s.sight(ctx, v, customerID); err != nil {
		return nil, err
	}
	db := s.DB.WithContext(ctx)
	row, err := accountOf(db, customerID)
	if err != nil {
		return nil, err
	}
	a := &Account{PointsAccount: row}
	if a.Soon, a.SoonAt, err = soonExpiring(db, customerID, s.Now().AddDate(0, 0, 30)); err != nil {
		return nil, err
	}
	if a.Tier, err = tierOf(db, customerID); err != nil {
		return nil, err
	}
	all, err := tiers(db)
	for i := range all {
		if all[i].Level == a.Tier.Level {
			a.TierName = all[i].Name
		}
		if all[i].Level == a.Tier.Level+1 {
			a.Next, a.Missing = &all[i], max(all[i].ThresholdFen-a.Tier.ValueFen, 0)
		}
	}
	return a, err
}

// Standing is the least that one needs to know of where a customer stands in the club.
type Standing struct {
	Balance, Frozen int64
	Level           int
	TierName        string // empty: no tier
}

// Standing tells where a customer stands, in one statement; who never had anything stands at nothing. Whether somebody may
// see the customer the caller has asked.
func (s *Service) Standing(ctx context.Context, customerID int64) (*Standing, error) {
	return standingOf(s.DB.WithContext(ctx), customerID)
}

// Entries gives a page of a customer's entries, the newest first; the viewer is as of Account.
func (s *Service) Entries(ctx context.Context, v *staff.Viewer, customerID, before int64, limit int) ([]model.PointsEntry, error) {
	if err := s.sight(ctx, v, customerID); err != nil {
		return nil, err
	}
	return entriesBefore(s.DB.WithContext(ctx), customerID, before, limit)
}
