package channel

import (
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// receiptLife is how long the platform may still tell of a message.
const receiptLife = 30 * 24 * time.Hour

// keepReceipt remembers which delivery a platform's id stands for. Without it nothing more is heard of the delivery, which
// is no reason to call it lost.
func (s *Service) keepReceipt(ctx context.Context, channel string, accountID int64, platformID string, deliveryID int64) {
	row := &model.ChannelReceipt{Channel: channel, AccountID: accountID, PlatformID: platformID, DeliveryID: deliveryID, CreatedAt: s.now()}
	if _, err := addReceipt(s.DB.WithContext(ctx), row); err != nil {
		s.Logger.WarnContext(ctx, "channel: a receipt is not kept", "channel", channel, "delivery", deliveryID, "error", err)
	}
}

// received tells the ledger what became of the delivery that a platform's id stands for; of an unknown id nothing.
func (s *Service) received(ctx context.Context, channel string, accountID int64, platformID string, n News) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		id, err := deliveryOf(tx, channel, accountID, platformID)
		if err != nil || id == 0 {
			return err
		}
		n.ID = id
		return s.reportTx(tx, []News{n})
	})
}

// Prune forgets receipts of which nothing more can be heard, and quotas of periods long past. A job.
func (s *Service) Prune(ctx context.Context) error {
	db := s.DB.WithContext(ctx)
	if err := pruneReceipts(db, s.now().Add(-receiptLife)); err != nil {
		return err
	}
	return pruneQuota(db, s.now().AddDate(0, -2, 0))
}
