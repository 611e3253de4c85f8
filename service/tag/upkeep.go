package tag

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// upkeepBatch is how many customers change in one transaction.
const upkeepBatch = 500

// ExpireDue ends the grants whose time has come. Until it has run they are there, but not borne.
// Repeatable, by any replica.
func (s *Service) ExpireDue(ctx context.Context) error {
	for {
		now := s.now()
		due, err := expiredGrants(s.db.WithContext(ctx), now, upkeepBatch)
		if err != nil || len(due) == 0 {
			return err
		}
		var ids, customers []int64
		for _, g := range due {
			ids, customers = append(ids, g.ID), append(customers, g.CustomerID)
		}
		err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
			return s.after(tx, customers, sourceExpiry, func() error { return deleteExpired(tx, ids, now) })
		})
		if err != nil {
			return err
		}
	}
}

// after lets do change the grants of customers, and everything else follow.
func (s *Service) after(tx *gorm.DB, customerIDs []int64, source string, do func() error) error {
	c, relations, err := s.changesOf(tx, distinct(customerIDs), Giving{Origin: Origin{Source: source}, Bulk: true})
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	if err := c.align(relations, false); err != nil {
		return err
	}
	_, err = c.write()
	return err
}

// OnFact is the subscriber of facts after which customers may bear other tags, although nobody gave or took
// one: a relation ended, and what only it gave is not borne any more; two customers became one, or two again.
func (s *Service) OnFact(ctx context.Context, f event.Recorded) error {
	var about struct {
		OtherID int64 `json:"other_id"`
	}
	if err := json.Unmarshal(f.Payload, &about); err != nil {
		return fmt.Errorf("read fact %d: %w", f.ID, err)
	}
	ids := distinct([]int64{f.CustomerID, about.OtherID})
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		p, err := project(tx, ids) // those too who stand for nobody now
		if err != nil {
			return err
		}
		if _, err := s.events.Record(tx, p.facts(sourcePlatform, s.now(), nil)...); err != nil {
			return err
		}
		return s.after(tx, ids, sourcePlatform, func() error { return nil })
	})
}

// FactKinds are the kinds of facts that OnFact is to hear of.
var FactKinds = []string{event.KindCustomerLeft, event.KindCustomerDeletedByStaff, event.KindCustomerMerged, event.KindCustomerSplit}

// Rebuild brings customer_tag to what grants and assignments say, customer by customer, and gives how
// many customers it was wrong about. It never should be: this is the proof, and the repair.
func (s *Service) Rebuild(ctx context.Context) (wrong int, err error) {
	for last := int64(0); ; {
		ids, err := customersFrom(s.db.WithContext(ctx), last, upkeepBatch)
		if err != nil || len(ids) == 0 {
			return wrong, err
		}
		last = ids[len(ids)-1]
		n := 0
		err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
			p, err := project(tx, ids)
			if err != nil {
				return err
			}
			n = len(slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return !p.changed(id) }))
			_, err = s.events.Record(tx, p.facts(sourcePlatform, s.now(), nil)...)
			return err
		})
		if err != nil {
			return wrong, err
		}
		wrong += n
	}
}

// Verify is Rebuild for the scheduler. It also brings mirrors to what they mirror.
func (s *Service) Verify(ctx context.Context) error {
	groups, err := mirroredGroups(s.db.WithContext(ctx))
	if err != nil {
		return err
	}
	for _, id := range groups {
		if err := model.InTx(ctx, s.db, func(tx *gorm.DB) error { return s.alignMirrors(tx, id) }); err != nil {
			return err
		}
	}
	wrong, err := s.Rebuild(ctx)
	if wrong > 0 {
		slog.WarnContext(ctx, "tags of customers were not what their grants and assignments say; repaired", "customers", wrong)
	}
	return err
}
