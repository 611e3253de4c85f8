package coupon

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// cameWithin is how long what brought a customer here last counts as what a coupon was taken for.
const cameWithin = 30 * 24 * time.Hour

// Came notes on a request by which campaign, channel code and staff member the customer came last, within 30 days: so that
// what they take is credited to what brought them. It is no part of what is asked: repeated after the customer has come
// again by another way, a request is the same.
func (s *Service) Came(ctx context.Context, in *IssueInput) (err error) {
	in.CampaignID, in.ChannelCodeID, in.StaffID, err = cameBy(s.DB.WithContext(ctx), in.CustomerID, s.Now().Add(-cameWithin))
	return err
}

// cameBy reads a customer's last touch, if it is no older than a time.
func cameBy(tx *gorm.DB, customerID int64, since time.Time) (campaign, channelCode, staff int64, err error) {
	t, err := lastTouch(tx, customerID, since)
	if err != nil || t == nil {
		return 0, 0, 0, err
	}
	if t.Campaign != "" {
		campaign, err = campaignOf(tx, t.Campaign)
	}
	return campaign, t.ChannelCodeID, t.StaffID, err
}
