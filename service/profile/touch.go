package profile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// The two touches that are kept of a customer.
const (
	First = "first"
	Last  = "last"
)

// TouchTx notes where a customer came from. The first touch is the earliest, the last one the latest that
// says where from, in whatever order they are told: who just comes back keeps the touch that brought them.
// Repeatable.
func (s *Service) TouchTx(tx *gorm.DB, t model.CustomerTouch) error {
	for _, text := range []*string{&t.Campaign, &t.Link, &t.Referrer} {
		cleaned, ok := clean(*text, false)
		if !ok {
			cleaned = ""
		}
		*text = cleaned
	}
	t.Campaign, t.Link, t.Referrer = cut(t.Campaign, 64), cut(t.Link, 255), cut(t.Referrer, 255)
	for _, place := range []string{First, Last} {
		row := t
		row.ID, row.Place = 0, place
		if err := putTouch(tx, &row, place == First, says(t)); err != nil {
			return err
		}
	}
	return nil
}

// says tells whether a touch says where somebody came from.
func says(t model.CustomerTouch) bool {
	return t.ChannelCodeID != 0 || t.StaffID != 0 || t.Campaign != "" || t.Link != "" || t.Referrer != ""
}

func cut(text string, runes int) string {
	if r := []rune(text); len(r) > runes {
		return string(r[:runes])
	}
	return text
}

// Touches gives a customer's first and last touch, by place; absent when nothing is known.
func (s *Service) Touches(ctx context.Context, customerID int64) (map[string]*model.CustomerTouch, error) {
	return touchesOf(s.DB.WithContext(ctx), customerID)
}

// Hears are the kinds of facts that OnEvent wants to be told.
var Hears = []string{event.KindCustomerAdded}

// OnEvent notes the channel code and the staff member that a new relation came by. Repeatable.
func (s *Service) OnEvent(ctx context.Context, f event.Recorded) error {
	var added event.CustomerAdded
	if err := json.Unmarshal(f.Payload, &added); err != nil {
		return fmt.Errorf("read fact %d: %w", f.ID, err)
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		standing, err := standingID(tx, f.CustomerID)
		if errors.Is(err, ErrNoCustomer) {
			return nil // erased since
		}
		if err != nil {
			return err
		}
		return s.TouchTx(tx, model.CustomerTouch{
			CustomerID: standing, Source: "wecom", AccountID: f.AccountID, ChannelCodeID: added.ChannelCodeID, StaffID: f.StaffID, TouchedAt: f.OccurredAt,
		})
	})
}
