package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
)

// indexed takes phone numbers as the customer capability stores them.
type indexed struct{ customers *customer.Service }

func (b indexed) StoredIdentity(kind, _, value string) ([]string, error) {
	if kind != customer.KindPhone {
		return []string{value}, nil
	}
	if forms, ok := b.customers.PhoneIndexes(value); ok {
		return forms, nil
	}
	return nil, errors.New("no phone number")
}

func (b indexed) KeepIdentityTx(tx *gorm.DB, kind, value string) error {
	return b.customers.KeepIdentityTx(tx, kind, value)
}

// everybody is the staff capability as far as merging by hand asks it.
type everybody struct{ customer.Staff }

func (everybody) VisibleStaff(context.Context, *staff.Viewer) (bool, []int64, error) {
	return true, nil, nil
}

// withCustomers is a rig beside the customer capability itself.
func withCustomers(t *testing.T) (*rig, *customer.Service) {
	db, c := modeltest.DB(t), clock.NewFake(noon)
	q := work.New(db, c.Now)
	events := event.New(q, c.Now)
	customers := customer.New(db, events, q, c.Now, everybody{}, vaulttest.New(t), nil)
	s := New(db, events, q, c.Now, indexed{customers}, viewers{})
	customers.Owns(s.Mover())
	events.Subscribe("catalog", s.OnIdentified, event.KindCustomerIdentified, event.KindCustomerMerged)
	return &rig{t, db, c, q, s}, customers
}

// drain has a worker do the works of this package and what facts ask of it.
func (r *rig) drain() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	w := work.NewWorker(r.queue, work.Options{Concurrency: 4, Poll: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	go func() { ended <- w.Run(ctx) }()
	mine := []string{workAdopt, workRelabel, "event.catalog"}
	for end := time.Now().Add(30 * time.Second); modeltest.Count[model.Work](r.t, r.db, "kind IN ? AND state IN ('ready', 'leased')", mine) > 0; {
		if time.Now().After(end) {
			r.t.Fatal("the works do not come to an end")
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	<-ended
}

func byPhone(number string, fen model.Fen) OrderInput {
	in := paid(number, 20, fen)
	in.Buyer = Buyer{Kind: customer.KindPhone, Value: "138 0013 8000"}
	return in
}

// TestAnOrderFindsWhoIsIdentifiedLater: the shop knows a number that nobody has yet.
func TestAnOrderFindsWhoIsIdentifiedLater(t *testing.T) {
	r, customers := withCustomers(t)
	r.orders(byPhone("N1", 500))
	who, err := customers.Resolve(t.Context(), customer.Evidence{Create: true, Source: "test", Identities: []customer.Seen{
		{Kind: customer.KindUnionID, Value: "u1"}, {Kind: customer.KindPhone, Value: "+8613800138000"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.drain()
	if got := r.totals(who.CustomerID); got.Orders != 1 || got.PaidFen != 500 {
		t.Errorf("totals %+v", got)
	}
	r.checkTotals()
}

// TestMergingCustomersWhileTheirOrdersCome merges and undoes with the customer capability itself.
func TestMergingCustomersWhileTheirOrdersCome(t *testing.T) {
	r, customers := withCustomers(t)
	var ids []int64
	for _, u := range []string{"u1", "u2"} {
		who, err := customers.Resolve(t.Context(), customer.Evidence{Create: true, Source: "test", Identities: []customer.Seen{{Kind: customer.KindMemberNumber, Scope: "main", Value: u}}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, who.CustomerID)
	}
	order := func(i int) OrderInput {
		in := paid(fmt.Sprint("N", i), 20, 100)
		in.Buyer = Buyer{Kind: customer.KindMemberNumber, Scope: "main", Value: fmt.Sprint("u", 1+i%2)}
		return in
	}
	for i := range 4 {
		r.orders(order(i))
	}
	var wg sync.WaitGroup
	var merged *model.CustomerMerge
	wg.Go(func() {
		var err error
		if merged, err = customers.Merge(t.Context(), &staff.Viewer{}, ids[0], ids[1]); err != nil {
			t.Error(err)
		}
	})
	for i := 4; i < 10; i++ {
		wg.Go(func() {
			if _, err := r.UpsertOrders(t.Context(), []OrderInput{order(i)}); err != nil {
				t.Error(err)
			}
			if _, err := r.UpsertRefunds(t.Context(), []RefundInput{refund(fmt.Sprint("R", i), fmt.Sprint("N", i-4), 21, 10)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	r.drain()
	if t.Failed() {
		return
	}
	if got := r.totals(merged.CustomerID); got.Orders != 10 || got.PaidFen != 1000 || got.RefundedFen != 60 {
		t.Errorf("after the merge: %+v", got)
	}
	r.checkTotals()
	if err := customers.UndoMerge(t.Context(), &staff.Viewer{}, merged.ID); err != nil {
		t.Fatal(err)
	}
	r.checkTotals()
}
