package webhook

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Deliveries lists what was or is to be sent to a webhook, the newest first, of a state only when one is
// given. before is the last of the page before; 0: the first page. It fails with ErrNotFound.
func (s *Service) Deliveries(ctx context.Context, webhookID int64, state string, before int64, limit int) ([]model.WebhookDelivery, error) {
	db := s.DB.WithContext(ctx)
	if _, err := find(db, webhookID); err != nil {
		return nil, err
	}
	return deliveries(db, webhookID, state, before, limit)
}

// Log is a delivery with every try at it.
type Log struct {
	model.WebhookDelivery
	Tries []model.WebhookAttempt
}

// Log gives a delivery with every try at it, or ErrNotFound.
func (s *Service) Log(ctx context.Context, deliveryID int64) (*Log, error) {
	db := s.DB.WithContext(ctx)
	d, _, err := delivery(db, deliveryID)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, ErrNotFound
	}
	tries, err := attempts(db, deliveryID)
	return &Log{*d, tries}, err
}

// Test sends a message that says nothing, by the way of all others, and gives its delivery. It fails
// with ErrNotFound or ErrNotEnabled.
func (s *Service) Test(ctx context.Context, webhookID int64) (d *model.WebhookDelivery, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		w, err := ready(tx, webhookID)
		if err != nil {
			return err
		}
		d = s.planned(w, 0, KindTest, "test:"+rand.Text())
		return s.plan(tx, []*model.WebhookDelivery{d})
	})
	return d, err
}

// Redeliver sends a delivery that has ended once more, under the same id, with as many tries as a new
// one. It fails with ErrNotFound, ErrNotEnabled or ErrUnderWay.
func (s *Service) Redeliver(ctx context.Context, deliveryID int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		d, w, err := delivery(tx, deliveryID)
		if err != nil {
			return err
		}
		if d == nil || w == nil {
			return ErrNotFound
		}
		if _, err := ready(tx, w.ID); err != nil {
			return err
		}
		if d.State == StatePending || d.State == StateHeld {
			return ErrUnderWay
		}
		return s.again(tx, d.State, d.ID)
	})
}

// ready gives a webhook that sends, or fails with ErrNotFound or ErrNotEnabled.
func ready(tx *gorm.DB, id int64) (*model.Webhook, error) {
	w, err := find(tx, id)
	if err == nil && (!w.Enabled || w.SuspendedAt != nil) {
		return nil, ErrNotEnabled
	}
	return w, err
}

// keep is how long the log is kept.
const keep = 30 * 24 * time.Hour

// Prune deletes what of the log is older than 30 days.
func (s *Service) Prune(ctx context.Context) error {
	for {
		n, err := prune(s.DB.WithContext(ctx), s.Now().Add(-keep), 500)
		if err != nil || n == 0 {
			if err != nil {
				return fmt.Errorf("prune deliveries: %w", err)
			}
			return nil
		}
	}
}
