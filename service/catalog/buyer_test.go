package catalog

import (
	"slices"
	"sync"
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func TestAnOrderMayComeBeforeItsCustomer(t *testing.T) {
	r := newRig(t)
	stranger := paid("N3", 20, 5)
	stranger.Buyer = Buyer{}
	r.orders(paid("N1", 20, 500), paid("N2", 21, 300), stranger)
	r.refunds(refund("R1", "N1", 22, 100))
	if n := modeltest.Count[model.CustomerTrade](t, r.db) + modeltest.Count[model.Event](t, r.db); n != 0 {
		t.Errorf("%d rows about nobody", n)
	}
	r.person(1, "unionid", "u1")
	for range 2 {
		err := model.InTx(t.Context(), r.db, func(tx *gorm.DB) error { return r.AdoptTx(tx, []int64{1}) })
		if err != nil {
			t.Fatal(err)
		}
		if got := r.totals(1); got.Orders != 2 || got.PaidFen != 800 || got.RefundedFen != 100 || !got.FirstPaidAt.Equal(at(20)) || !got.LastPaidAt.Equal(at(21)) {
			t.Errorf("totals %+v", got)
		}
		if got := r.facts(1); len(got) != 5 {
			t.Errorf("facts %v", got)
		}
	}
	if o := r.order("N3"); o.CustomerID != 0 {
		t.Errorf("a stranger's order was given to %d", o.CustomerID)
	}
	var lines []model.OrderLine
	if err := r.db.Where("customer_id = 1").Find(&lines).Error; err != nil || len(lines) != 2 {
		t.Errorf("lines %+v, %v", lines, err)
	}
}

func TestReconcileFindsWhatWasLeftBehind(t *testing.T) {
	r := newRig(t)
	r.orders(paid("N1", 20, 500))
	r.person(1, "unionid", "u1")
	if err := r.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.totals(1); got.PaidFen != 500 {
		t.Errorf("totals %+v", got)
	}
}

// TestIdentityAndOrderAtOnce has identities appear while the orders of their owners do. Whoever comes
// first, no order is left waiting once the works are done.
func TestIdentityAndOrderAtOnce(t *testing.T) {
	r := newRig(t)
	const n = 12
	var wg sync.WaitGroup
	for i := range n {
		value := string(rune('a' + i))
		modeltest.Create(t, r.db, &model.Customer{ID: int64(i + 1), FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
		wg.Go(func() {
			in := paid("N"+value, 20, 500)
			in.Buyer.Value = value
			if _, err := r.UpsertOrders(t.Context(), []OrderInput{in}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			err := model.InTx(t.Context(), r.db, func(tx *gorm.DB) error {
				return tx.Create(&model.Identity{CustomerID: int64(i + 1), Kind: "unionid", Value: value, CreatedAt: noon}).Error
			})
			if err == nil {
				err = r.Adopt(t.Context(), int64(i+1))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	r.doWorks()
	if waiting := modeltest.Count[model.CustomerOrder](t, r.db, "customer_id = 0"); waiting != 0 {
		t.Errorf("%d orders still wait", waiting)
	}
	r.checkTotals()
}

// TestMergedBuyersGetTheirOrders has a customer be merged into another, as the customer capability does
// it, while orders come in.
func TestMergedBuyersGetTheirOrders(t *testing.T) {
	r := newRig(t)
	r.person(1, "unionid", "u1")
	r.person(2, "unionid", "u2")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			in := paid("N"+string(rune('a'+i)), 20, 100)
			if _, err := r.UpsertOrders(t.Context(), []OrderInput{in}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Go(func() {
		if err := model.InTx(t.Context(), r.db, func(tx *gorm.DB) error { return r.merge(tx, 1, 2) }); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if got := r.totals(2); got.Orders != 8 || got.PaidFen != 800 {
		t.Errorf("totals %+v", got)
	}
	if got := r.totals(1); got.Orders != 0 {
		t.Errorf("the merged one still has %+v", got)
	}
	r.checkTotals()
}

// merge is what merging customers does to what this package owns.
func (r *rig) merge(tx *gorm.DB, from, into int64) error {
	if _, err := holdCustomers(tx, []int64{min(from, into), max(from, into)}); err != nil {
		return err
	}
	for _, write := range []error{
		tx.Exec("UPDATE customer SET merged_into = ? WHERE id = ?", into, from).Error,
		tx.Exec("UPDATE identity SET customer_id = ? WHERE customer_id = ?", into, from).Error,
		tx.Exec("UPDATE customer_order SET customer_id = ? WHERE customer_id = ?", into, from).Error,
	} {
		if write != nil {
			return write
		}
	}
	return r.RecountTx(tx, []int64{from, into})
}

// doWorks does the works of this package that wait, as a worker would.
func (r *rig) doWorks() {
	r.t.Helper()
	var works []model.Work
	if err := r.db.Where("kind IN ? AND state = 'ready'", []string{workAdopt, workRelabel}).Order("id").Find(&works).Error; err != nil {
		r.t.Fatal(err)
	}
	for _, w := range works {
		var err error
		if w.Kind == workAdopt {
			err = r.adoptThese(r.t.Context(), nil, decode[adoption](r.t, w.Payload))
		} else {
			err = r.relabel(r.t.Context(), nil, decode[relabelling](r.t, w.Payload))
		}
		if err != nil {
			r.t.Fatal(err)
		}
		if err := r.db.Model(&w).Where("id = ?", w.ID).Update("state", "done").Error; err != nil {
			r.t.Fatal(err)
		}
	}
}

// checkTotals holds every customer's totals against the sums of the rows.
func (r *rig) checkTotals() {
	r.t.Helper()
	var orders []model.CustomerOrder
	if err := r.db.Find(&orders).Error; err != nil {
		r.t.Fatal(err)
	}
	want := map[int64]model.CustomerTrade{}
	for _, o := range orders {
		if o.PaidAt == nil || o.Status == StatusCancelled || o.CustomerID == 0 {
			continue
		}
		w := want[o.CustomerID]
		w.CustomerID, w.Orders, w.PaidFen, w.RefundedFen = o.CustomerID, w.Orders+1, w.PaidFen+o.PaidFen, w.RefundedFen+o.RefundedFen
		if w.FirstPaidAt == nil || o.PaidAt.Before(*w.FirstPaidAt) {
			w.FirstPaidAt = o.PaidAt
		}
		if w.LastPaidAt == nil || o.PaidAt.After(*w.LastPaidAt) {
			w.LastPaidAt = o.PaidAt
		}
		want[o.CustomerID] = w
	}
	var rows []model.CustomerTrade
	if err := r.db.Find(&rows).Error; err != nil {
		r.t.Fatal(err)
	}
	for _, got := range rows {
		w := want[got.CustomerID]
		w.CustomerID = got.CustomerID
		if !equalTotals(got, w) {
			r.t.Errorf("customer %d: got %+v, want %+v", got.CustomerID, got, w)
		}
		delete(want, got.CustomerID)
	}
	if len(want) != 0 {
		r.t.Errorf("no totals of %v", want)
	}
	if wrong, err := r.Rebuild(r.t.Context()); err != nil || wrong != 0 {
		r.t.Errorf("a rebuild finds %d wrong, %v", wrong, err)
	}
}

func TestRebuildMendsTotals(t *testing.T) {
	r := newRig(t)
	r.person(1, "unionid", "u1")
	r.orders(paid("N1", 20, 500))
	if err := r.db.Exec("UPDATE customer_trade SET paid_fen = 7").Error; err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		if wrong, err := r.Rebuild(t.Context()); err != nil || wrong != want {
			t.Errorf("%d wrong, %v; want %d", wrong, err, want)
		}
	}
	if got := r.totals(1); got.PaidFen != 500 {
		t.Errorf("totals %+v", got)
	}
}

func TestABuyerWhoIsSomebodyElse(t *testing.T) {
	r := newRig(t)
	r.person(1, "unionid", "u1")
	r.person(2, "unionid", "u2")
	r.orders(paid("N1", 20, 500))
	r.refunds(refund("R1", "N1", 21, 50))
	corrected := paid("N1", 30, 500)
	corrected.Buyer.Value = "u2"
	r.orders(corrected)
	if a, b := r.totals(1), r.totals(2); a.Orders != 0 || a.RefundedFen != 0 || b.PaidFen != 500 || b.RefundedFen != 50 {
		t.Errorf("totals %+v and %+v", a, b)
	}
	var owners []int64
	if err := r.db.Raw("SELECT customer_id FROM order_line UNION SELECT customer_id FROM refund").Scan(&owners).Error; err != nil || !slices.Equal(owners, []int64{2}) {
		t.Errorf("lines and refunds belong to %v, %v", owners, err)
	}
}
