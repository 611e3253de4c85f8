package intake

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/tag"
	"zhiyin/wecom"
)

// customerChanged acts on events that only say that something about a customer changed.
func (s *Service) customerChanged(ctx context.Context, e Event) error {
	return s.readCustomer(ctx, e.Account, e.Get("ExternalUserID"), false)
}

// customerHalfAdded: the customer added a staff member who need not confirm, and has not.
func (s *Service) customerHalfAdded(ctx context.Context, e Event) error {
	if !e.Stale {
		if err := s.recordHalfAdded(ctx, e); err != nil {
			return err
		}
	}
	return s.readCustomer(ctx, e.Account, e.Get("ExternalUserID"), true)
}

func (s *Service) recordHalfAdded(ctx context.Context, e Event) error {
	state := e.Get("State")
	origins, err := s.acquisition.CodesByState(s.db.WithContext(ctx), e.Account.ID, []string{state})
	if err != nil {
		return fmt.Errorf("find channel code: %w", err)
	}
	return s.inTx(ctx, func(tx *gorm.DB) error {
		_, _, err := s.customers.HalfAddedTx(tx, customer.HalfAdded{
			Account: e.Account, UserID: e.Get("UserID"), ExternalUserID: e.Get("ExternalUserID"),
			State: state, Origin: origins[state], At: e.when(), Source: event.SourceCallback,
		})
		return useless(err, customer.ErrNotFound)
	})
}

// customerRemoved: the staff member removed the customer, or a transfer did.
func (s *Service) customerRemoved(ctx context.Context, e Event) error {
	return s.customerLost(ctx, e, customer.StatusRemoved)
}

// customerLeft: the customer removed or blocked the staff member, which the platform goes on showing
// as a relation.
func (s *Service) customerLeft(ctx context.Context, e Event) error {
	return s.customerLost(ctx, e, customer.StatusLeft)
}

// customerLost records the end and then reads the truth, which may be that it began anew since.
func (s *Service) customerLost(ctx context.Context, e Event, status string) error {
	if !e.Stale {
		byTransfer := e.Get("Source") == "DELETE_BY_TRANSFER"
		err := s.inTx(ctx, func(tx *gorm.DB) error {
			rel, changed, err := s.customers.MarkLostTx(tx, e.Account, e.Get("UserID"), e.Get("ExternalUserID"), status, e.when(), byTransfer, event.SourceCallback)
			if err != nil || !changed {
				return useless(err, customer.ErrNotFound)
			}
			return s.acquisition.LostTx(tx, rel)
		})
		if err != nil {
			return fmt.Errorf("record the end of a relation: %w", err)
		}
	}
	return s.readCustomer(ctx, e.Account, e.Get("ExternalUserID"), false)
}

// readCustomer brings a customer with all relations to what the platform says now. half: the event
// said that the relation is not confirmed yet.
func (s *Service) readCustomer(ctx context.Context, acct *model.Account, externalUserID string, half bool) error {
	if externalUserID == "" {
		return errUseless{"the message names no customer"}
	}
	in := customer.Input{
		Account: acct, Source: event.SourceCallback, Whole: true, Customers: []string{externalUserID}, Half: half, ReadAt: s.now(),
	}
	truth, err := s.corp(acct.Name).Customer(ctx, externalUserID)
	switch {
	case errors.Is(err, wecom.ErrNotCustomer): // nobody has the customer any more
	case err != nil:
		return fmt.Errorf("read customer: %w", err)
	default:
		for _, r := range truth.Relations {
			in.Contacts = append(in.Contacts, customer.Contact{Person: truth.Contact, Follow: r})
		}
	}
	_, err = s.absorb(ctx, in, nil)
	return err
}

// absorb applies a reading of customers, with all that follows from it for tags and channel codes, in
// one transaction; then may add to that. It does no more when it is repeated.
func (s *Service) absorb(ctx context.Context, in customer.Input, then func(tx *gorm.DB, a *customer.Applied) error) (*customer.Applied, error) {
	var err error
	if in.Origins, err = s.origins(ctx, in); err != nil {
		return nil, err
	}
	var applied *customer.Applied
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		if applied, err = s.customers.ApplyTx(tx, in); err != nil {
			return fmt.Errorf("apply customers: %w", err)
		}
		if err := s.followUp(tx, in, applied); err != nil {
			return err
		}
		if then == nil {
			return nil
		}
		return then(tx, applied)
	})
	return applied, err
}

// origins finds the channel codes that the relations came through.
func (s *Service) origins(ctx context.Context, in customer.Input) (map[string]customer.Origin, error) {
	var states []string
	seen := map[string]bool{"": true}
	for _, c := range in.Contacts {
		if !seen[c.Follow.State] {
			seen[c.Follow.State] = true
			states = append(states, c.Follow.State)
		}
	}
	if len(states) == 0 {
		return nil, nil
	}
	origins, err := s.acquisition.CodesByState(s.db.WithContext(ctx), in.Account.ID, states)
	if err != nil {
		return nil, fmt.Errorf("find channel codes: %w", err)
	}
	return origins, nil
}

func (s *Service) followUp(tx *gorm.DB, in customer.Input, applied *customer.Applied) error {
	tags := make([]tag.RelationTags, len(applied.Relations))
	for i, r := range applied.Relations {
		tags[i] = tag.RelationTags{Relation: r.Relation, PlatformTagIDs: r.PlatformTagIDs, ReadAt: r.ReadAt, First: r.New}
	}
	if err := s.tags.ApplyAssignmentsTx(tx, in.Account, tags, in.Source); err != nil {
		return fmt.Errorf("apply tags: %w", err)
	}
	// After the platform's tags, so that what a channel code gives is not taken for foreign.
	for _, r := range applied.Relations {
		if r.New && r.ChannelCodeID != 0 {
			if err := s.acquisition.ArrivedTx(tx, in.Account, r.Relation, r.CustomerName); err != nil {
				return fmt.Errorf("count an arrival: %w", err)
			}
		}
	}
	return s.lost(tx, applied.Lost)
}

func (s *Service) lost(tx *gorm.DB, relations []*model.Relation) error {
	for _, r := range relations {
		if r.ChannelCodeID == 0 {
			continue
		}
		if err := s.acquisition.LostTx(tx, r); err != nil {
			return fmt.Errorf("count a loss: %w", err)
		}
	}
	return nil
}

func (s *Service) inTx(ctx context.Context, fn func(tx *gorm.DB) error) error {
	return model.InTx(ctx, s.db, fn)
}

// useless makes of an error that repeating can't cure what it is.
func useless(err, hopeless error) error {
	if errors.Is(err, hopeless) {
		return errUseless{hopeless.Error()}
	}
	return err
}
