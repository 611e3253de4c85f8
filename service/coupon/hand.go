package coupon

import (
	"context"
	"time"
)

// Hand is what a customer holds that may be used now.
type Hand struct {
	Usable int64
	// Soon of them are over within seven days.
	Soon int64
	// FirstUntil is when the first of them is over; nil: there is none.
	FirstUntil *time.Time
}

// soonOver is what counts as soon for who looks at a customer.
const soonOver = 7 * 24 * time.Hour

// Hand counts what a customer may use now, in one statement. Whether somebody may see the customer the caller has asked.
func (s *Service) Hand(ctx context.Context, customerID int64) (*Hand, error) {
	now := s.Now()
	return inHand(s.DB.WithContext(ctx), customerID, now, now.Add(soonOver))
}
