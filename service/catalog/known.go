package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Known is what is known of a customer, for other systems that ask by an identity.
type Known struct {
	model.Customer
	Tags      []string // their names, in the order of the alphabet
	Trade     model.CustomerTrade
	Lifecycle *model.CustomerLifecycle // nil: not computed yet
}

// Known tells what is known of the customer behind an identity. It fails with ErrNotFound for nobody, and
// ErrInvalid for what can't be an identity.
func (s *Service) Known(ctx context.Context, b Buyer) (*Known, error) {
	id, err := s.CustomerBehind(ctx, b)
	if err != nil {
		return nil, err
	}
	db := s.db.WithContext(ctx)
	k := &Known{}
	if err := standingCustomer(db, id, &k.Customer); err != nil {
		return nil, err
	}
	if k.Tags, err = tagNames(db, id, s.now()); err != nil {
		return nil, err
	}
	if k.Trade, err = s.Totals(ctx, id); err != nil {
		return nil, err
	}
	k.Lifecycle, err = lifecycleOf(db, id)
	return k, err
}

func standingCustomer(tx *gorm.DB, id int64, into *model.Customer) error {
	err := tx.Where("id = ? AND merged_into = 0", id).Take(into).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return ErrNotFound // being merged at this moment
	}
	if err != nil {
		return fmt.Errorf("find customer %d: %w", id, err)
	}
	return nil
}

func tagNames(tx *gorm.DB, customerID int64, now time.Time) ([]string, error) {
	var names []string
	err := tx.Model(&model.CustomerTag{}).Joins("JOIN tag ON tag.id = customer_tag.tag_id").
		Where("customer_tag.customer_id = ? AND (customer_tag.expires_at IS NULL OR customer_tag.expires_at > ?) AND tag.gone_at IS NULL", customerID, now).
		Distinct().Order("tag.name").Pluck("tag.name", &names).Error
	if err != nil {
		return nil, fmt.Errorf("find tags: %w", err)
	}
	return names, nil
}

func lifecycleOf(tx *gorm.DB, customerID int64) (*model.CustomerLifecycle, error) {
	var rows []model.CustomerLifecycle
	if err := tx.Where("customer_id = ?", customerID).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find stage: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &rows[0], nil
}
