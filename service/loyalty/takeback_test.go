package loyalty

import (
	"errors"
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
)

// TestTakeBack: what was given for something that turned out not to be so goes back wholly and once; who has spent it owes it.
func TestTakeBack(t *testing.T) {
	h := newHouse(t)
	do := func(f func(tx *gorm.DB) (*model.PointsEntry, error)) (entry *model.PointsEntry, err error) {
		err = model.InTx(t.Context(), h.DB, func(tx *gorm.DB) error {
			entry, err = f(tx)
			return err
		})
		return entry, err
	}
	earn := func(key string, d Detail) *model.PointsEntry {
		d.Key = key
		e, err := do(func(tx *gorm.DB) (*model.PointsEntry, error) {
			return h.EarnTx(tx, Earning{CustomerID: 1, Points: 10, Detail: d})
		})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	balance := func() int64 {
		a, err := h.Account(t.Context(), nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		return a.Balance
	}
	first, second := earn("a", Detail{Source: "referral"}), earn("b", Detail{Source: "referral"})
	back := func(id int64, key string) (*model.PointsEntry, error) {
		return do(func(tx *gorm.DB) (*model.PointsEntry, error) { return h.TakeBackTx(tx, id, Detail{Key: key}) })
	}
	one, err := back(first.ID, "back a")
	if err != nil || balance() != 10 || one.OriginID != first.ID {
		t.Fatalf("taken back: %+v, %v, %d left", one, err, balance())
	}
	if again, err := back(first.ID, "back a"); err != nil || again.ID != one.ID || balance() != 10 {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := back(one.ID, "back of back"); !errors.Is(err, ErrNotPossible) {
		t.Errorf("what is no earning: %v", err)
	}
	order := earn("c", Detail{Source: "order", SourceID: 7})
	if _, err := back(order.ID, "back c"); !errors.Is(err, ErrNotPossible) {
		t.Errorf("what follows an order: %v", err)
	}
	if _, err := do(func(tx *gorm.DB) (*model.PointsEntry, error) {
		return h.SpendTx(tx, Spending{CustomerID: 1, Points: 18, Detail: Detail{Key: "spend"}})
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := back(second.ID, "back b"); err != nil || balance() != -8 {
		t.Errorf("who has spent them has %d, %v", balance(), err)
	}
	if err := h.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}
