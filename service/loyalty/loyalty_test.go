package loyalty

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// noon is 12:00 in Shanghai.
var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

type house struct {
	*Service
	t      testing.TB
	clock  *clock.Fake
	grants map[string]int64
	refuse error
}

// GrantTx implements Coupons.
func (h *house) GrantTx(_ *gorm.DB, g Grant) (int64, error) {
	if h.refuse != nil {
		return 0, h.refuse
	}
	h.grants[g.Key]++
	return g.BatchID*1000 + g.CustomerID, nil
}

var boss, stranger = &staff.Viewer{StaffID: 9}, &staff.Viewer{StaffID: 10}

// Visible implements Customers: the boss sees all, the stranger nobody.
func (h *house) Visible(_ context.Context, v *staff.Viewer, ids []int64) ([]int64, error) {
	if v == boss {
		return ids, nil
	}
	return nil, nil
}

// HasBatch implements Coupons: there is 7.
func (h *house) HasBatch(_ *gorm.DB, batchID int64) (bool, error) { return batchID == 7, nil }

func newHouse(t testing.TB) *house {
	h := &house{t: t, clock: clock.NewFake(noon), grants: map[string]int64{}}
	db := modeltest.DB(t)
	queue := work.New(db, h.clock.Now)
	h.Service = New(Deps{
		DB: db, Events: event.New(queue, h.clock.Now, event.Options{DB: db, Zone: shanghai, Logger: slog.New(slog.DiscardHandler)}),
		Now: h.clock.Now, Zone: shanghai, Customers: h, Coupons: h, Logger: slog.New(slog.DiscardHandler),
	})
	for id := int64(1); id <= 5; id++ {
		modeltest.Create(t, db, &model.Customer{ID: id, FirstSeenAt: noon})
	}
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) tx(f func(tx *gorm.DB) error) error { return model.InTx(h.t.Context(), h.DB, f) }

func (h *house) earn(customer, points int64, days int, key string) {
	h.t.Helper()
	h.must(h.tx(func(tx *gorm.DB) error {
		_, err := h.EarnTx(tx, Earning{CustomerID: customer, Points: points, ValidDays: days, Detail: Detail{Key: key, Source: "test"}})
		return err
	}))
}

func (h *house) spend(customer, points int64, key string) (id int64, err error) {
	err = h.tx(func(tx *gorm.DB) error {
		e, err := h.SpendTx(tx, Spending{CustomerID: customer, Points: points, Detail: Detail{Key: key, Source: "test"}})
		if err == nil {
			id = e.ID
		}
		return err
	})
	return id, err
}

func (h *house) giveBack(id int64) {
	h.t.Helper()
	h.must(h.tx(func(tx *gorm.DB) error {
		_, err := h.ReturnTx(tx, id, Detail{Key: fmt.Sprint("return:", id), Source: "test"})
		return err
	}))
}

// has checks what a customer has, and that everything adds up.
func (h *house) has(customer, balance, frozen int64) {
	h.t.Helper()
	a, err := h.Account(h.t.Context(), nil, customer)
	h.must(err)
	if a.Balance != balance || a.Frozen != frozen {
		h.t.Errorf("customer %d has %d and %d frozen, want %d and %d", customer, a.Balance, a.Frozen, balance, frozen)
	}
	h.told(customer, balance)
	h.addsUp()
}

// told holds the facts about a customer's points against what they have.
func (h *house) told(customer, balance int64) {
	h.t.Helper()
	var facts []model.Event
	h.must(h.DB.Where("kind = ? AND customer_id = ?", event.KindPointsChanged, customer).Order("id").Find(&facts).Error)
	var sum, last int64
	for _, f := range facts {
		var said event.PointsChanged
		h.must(json.Unmarshal([]byte(f.Payload), &said))
		sum, last = sum+f.Value, said.Balance
	}
	if sum != balance || last != balance {
		h.t.Errorf("facts of customer %d add up to %d and end at %d, want %d", customer, sum, last, balance)
	}
}

func (h *house) addsUp() {
	h.t.Helper()
	b, err := h.Reconcile(h.t.Context())
	h.must(err)
	sum := int64(0)
	for _, n := range b.Books {
		sum += n
	}
	if sum != 0 || len(b.Wrong) > 0 {
		h.t.Fatalf("books %v, wrong accounts %v", b.Books, b.Wrong)
	}
	h.must(h.Verify(h.t.Context()))
}

func TestPoints(t *testing.T) {
	h := newHouse(t)
	h.earn(1, 100, 10, "a")
	h.earn(1, 50, 5, "b")
	h.earn(1, 100, 10, "a") // again
	h.has(1, 150, 0)
	if a, err := h.Account(t.Context(), nil, 1); err != nil || !a.UpdatedAt.Equal(noon) {
		t.Errorf("changed at %v, by another clock than the one that was given", a.UpdatedAt)
	}
	if _, err := h.spend(1, 151, "s1"); !errors.Is(err, ErrTooFew) {
		t.Errorf("more than there is: %v", err)
	}
	s2, err := h.spend(1, 60, "s2") // all of b, which expires first, and 10 of a
	h.must(err)
	if again, err := h.spend(1, 60, "s2"); err != nil || again != s2 {
		t.Errorf("repeated: %d, %v", again, err)
	}
	if _, err := h.spend(1, 61, "s2"); !errors.Is(err, ErrOtherBody) {
		t.Errorf("the same key for something else: %v", err)
	}
	h.has(1, 90, 0)
	// b is over on the sixth business day after; the end of its last day still counts.
	h.clock.Advance(5*24*time.Hour + 11*time.Hour + 59*time.Minute)
	h.must(h.ExpireDue(t.Context()))
	h.has(1, 90, 0)
	h.clock.Advance(time.Minute)
	h.giveBack(s2) // 50 of a lot whose time is over, good for a while; 10 of a
	h.giveBack(s2)
	h.has(1, 150, 0)
	h.clock.Advance(5 * 24 * time.Hour)
	h.must(h.ExpireDue(t.Context()))
	h.must(h.ExpireDue(t.Context()))
	h.has(1, 50, 0)
	h.clock.Advance(31 * 24 * time.Hour)
	if _, err := h.spend(1, 1, "s3"); !errors.Is(err, ErrTooFew) {
		t.Errorf("spent what has expired and was not taken yet: %v", err)
	}
	h.must(h.ExpireDue(t.Context()))
	h.has(1, 0, 0)
}

func TestCorrect(t *testing.T) {
	h := newHouse(t)
	c := Correction{CustomerID: 1, Points: 30, RequestID: "request-1", Reason: "补偿"}
	for range 2 {
		if _, err := h.Correct(t.Context(), boss, c); err != nil {
			t.Fatal(err)
		}
	}
	h.has(1, 30, 0)
	c.Points, c.RequestID = -31, "request-2"
	if _, err := h.Correct(t.Context(), boss, c); !errors.Is(err, ErrTooFew) {
		t.Errorf("more than there is: %v", err)
	}
	c.Points = -30
	_, err := h.Correct(t.Context(), boss, c)
	h.must(err)
	h.has(1, 0, 0)
	if _, err := h.Correct(t.Context(), stranger, c); !errors.Is(err, ErrNotFound) {
		t.Errorf("by somebody who does not see them: %v", err)
	}
	if _, err := h.Account(t.Context(), stranger, 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("looked at by somebody who does not see them: %v", err)
	}
	c.Reason, c.RequestID = "", "request-3"
	if _, err := h.Correct(t.Context(), boss, c); !errors.Is(err, ErrInvalid) {
		t.Errorf("without a reason: %v", err)
	}
}

// TestRacingSpends: of many who spend the same points at once as many succeed as there are points for.
func TestRacingSpends(t *testing.T) {
	h := newHouse(t)
	h.earn(1, 100, 0, "a")
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 30 {
		wg.Go(func() {
			err := model.InTx(context.Background(), h.DB, func(tx *gorm.DB) error {
				_, err := h.SpendTx(tx, Spending{CustomerID: 1, Points: 10, Detail: Detail{Key: fmt.Sprint("s", i), Source: "test"}})
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case !errors.Is(err, ErrTooFew) && !model.IsTransient(err):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won > 10 {
		t.Errorf("%d of 10 spent", won)
	}
	h.has(1, 100-10*int64(won), 0)
}

// TestRandomHistory: whatever happens in whatever order, every balance is the sum of its entries, lots hold what the
// balance says, and all books together are zero; nobody has more than a plain model says.
func TestRandomHistory(t *testing.T) {
	h := newHouse(t)
	r := rand.New(rand.NewPCG(3, 5))
	orders := map[int64]*model.CustomerOrder{}
	_, err := h.SaveRule(t.Context(), 1, 0, 0, RuleInput{Name: "消费", EventKind: "order.paid", PerFen: 100, ValidDays: 20, Enabled: true})
	h.must(err)
	var spends []int64
	next, refunds := int64(0), int64(0)
	for step := range 250 {
		customer := 1 + r.Int64N(3)
		switch r.IntN(9) {
		case 0, 1:
			h.earn(customer, 1+r.Int64N(200), r.IntN(30), fmt.Sprint("e", step))
		case 2, 3:
			id, err := h.spend(customer, 1+r.Int64N(150), fmt.Sprint("s", step))
			if err == nil {
				spends = append(spends, id)
			} else if !errors.Is(err, ErrTooFew) {
				t.Fatal(err)
			}
		case 4:
			if len(spends) > 0 {
				h.giveBack(spends[r.IntN(len(spends))])
			}
		case 5:
			next++
			o := &model.CustomerOrder{ID: next, Number: fmt.Sprint("n", next), CustomerID: customer, Status: "paid", PaidFen: model.Fen(100 + r.Int64N(50_000)), PlacedAt: h.clock.Now()}
			at := h.clock.Now()
			o.PaidAt = &at
			modeltest.Create(t, h.DB, o)
			orders[next] = o
			h.tell(event.KindOrderPaid, o, int64(o.PaidFen))
		case 6:
			if next > 0 {
				o := orders[1+r.Int64N(next)]
				refunds++
				status := []string{"requested", "refunded", "refused"}[r.IntN(3)]
				amount := model.Fen(r.Int64N(int64(o.PaidFen)) + 1)
				modeltest.Create(t, h.DB, &model.Refund{Number: fmt.Sprint("r", refunds), OrderID: o.ID, OrderNumber: o.Number, Status: status, AmountFen: amount})
				if status == "refunded" {
					o.RefundedFen = min(o.RefundedFen+amount, o.PaidFen)
					h.must(h.DB.Model(o).Update("refunded_fen", o.RefundedFen).Error)
				}
				h.tell(event.KindOrderRefunded, o, int64(amount))
			}
		case 7: // what was asked for is decided
			h.must(h.DB.Model(&model.Refund{}).Where("status = 'requested' AND id % 2 = ?", step%2).Update("status", "refused").Error)
			for _, o := range orders {
				h.tell(event.KindRefundRefused, o, 0)
			}
		case 8:
			h.clock.Advance(time.Duration(r.IntN(72)) * time.Hour)
			h.must(h.ExpireDue(t.Context()))
		}
		if step%10 == 0 {
			h.addsUp()
		}
	}
	// All is paid back in the end, so nothing remains of what orders earned.
	for _, o := range orders {
		h.must(h.DB.Model(o).Update("refunded_fen", o.PaidFen).Error)
		h.tell(event.KindOrderRefunded, o, int64(o.PaidFen))
	}
	h.addsUp()
	var left int64
	h.must(h.DB.Raw("SELECT COALESCE(SUM(CASE WHEN kind IN ('earn', 'restore') THEN points WHEN kind = 'take_back' THEN -points ELSE 0 END), 0) FROM points_entry WHERE source = 'order'").Scan(&left).Error)
	if left != 0 {
		t.Errorf("%d points of orders that were all paid back", left)
	}
}

var lastEvent int64

// tell has the service hear of an order.
func (h *house) tell(kind string, o *model.CustomerOrder, value int64) {
	h.t.Helper()
	lastEvent++
	e := model.Event{ID: lastEvent, Kind: kind, CustomerID: o.CustomerID, Value: value, Payload: fmt.Sprintf(`{"order_id":%d}`, o.ID), OccurredAt: h.clock.Now()}
	for range 2 { // at least once
		h.must(h.tx(func(tx *gorm.DB) error { return h.OnEvents(tx, []model.Event{e}) }))
	}
}
