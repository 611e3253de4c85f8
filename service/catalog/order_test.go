package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func TestAnOlderVersionChangesNothing(t *testing.T) {
	r := newRig(t)
	r.person(1, "unionid", "u1")
	other := paid("N1", 20, 999)
	later := paid("N1", 30, 700)
	for i, step := range []struct {
		in    OrderInput
		want  string
		total model.Fen
	}{
		{paid("N1", 20, 500), "created", 500},
		{paid("N1", 20, 500), "unchanged", 500},
		{other, "refused catalog.version_reused", 500},
		{paid("N1", 10, 100), "stale", 500},
		{later, "updated", 700},
		{paid("N1", 20, 500), "stale", 700},
	} {
		if got := results(r.orders(step.in)); got[0] != step.want {
			t.Errorf("step %d: got %v, want %s", i, got, step.want)
		}
		if got := r.totals(1); got.PaidFen != step.total || got.Orders != 1 {
			t.Errorf("step %d: totals %+v, want %d fen", i, got, step.total)
		}
	}
	if n := modeltest.Count[model.OrderLine](t, r.db); n != 1 {
		t.Errorf("%d lines, want 1", n)
	}
}

func TestABatchIsLikeItsEntriesOneByOne(t *testing.T) {
	r := newRig(t)
	r.person(1, "unionid", "u1")
	bad := paid("N4", 20, 100)
	bad.PaidFen = 101
	shop := paid("N1", 40, 100)
	shop.Shop = "another"
	got := results(r.orders(paid("N1", 20, 500), paid("N2", 20, 100), paid("N1", 10, 1), paid("N1", 30, 600), paid("N1", 30, 601), bad))
	want := []string{"created", "created", "stale", "updated", "refused catalog.version_reused", "refused catalog.invalid"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := results(r.orders(shop)); got[0] != "refused catalog.other_shop" {
		t.Errorf("another shop's order: %v", got)
	}
	if got := r.totals(1); got.Orders != 2 || got.PaidFen != 700 {
		t.Errorf("totals %+v", got)
	}
	if _, err := r.UpsertOrders(t.Context(), make([]OrderInput, MaxBatch+1)); !errors.Is(err, ErrTooMany) {
		t.Errorf("too many: %v", err)
	}
}

func TestRefundsCountExactlyAndNeverMoreThanWasPaid(t *testing.T) {
	r := newRig(t)
	r.person(1, "unionid", "u1")
	o := paid("N1", 20, 1001)
	o.Lines = []LineInput{
		{Line: 1, Product: "A", Quantity: 2, PriceFen: 300, PaidFen: 599}, {Line: 2, Product: "B", Quantity: 1, PriceFen: 402, PaidFen: 402},
	}
	ofLine := func(number string, line, v int, fen model.Fen) RefundInput {
		in := refund(number, "N1", v, fen)
		in.Line = line
		return in
	}
	refused := refund("R9", "N1", 21, 5)
	refused.Status, refused.RefundedAt = RefundRefused, nil
	for i, step := range []struct {
		in            RefundInput
		want          string
		order, l1, l2 model.Fen
	}{
		{ofLine("R1", 1, 20, 33), "created", 33, 33, 0},
		{ofLine("R1", 1, 20, 33), "unchanged", 33, 33, 0},
		{refused, "created", 33, 33, 0},
		{ofLine("R2", 2, 20, 401), "created", 434, 33, 401},
		{ofLine("R2", 2, 21, 400), "updated", 433, 33, 400},
		{refund("R3", "N1", 22, 568), "created", 1001, 33, 400},
		{ofLine("R4", 2, 22, 3), "created ! catalog.refund_exceeds_paid", 1001, 33, 402},
		{refund("R1", "N2", 30, 1), "refused catalog.other_order", 1001, 33, 402},
	} {
		if i == 0 {
			r.orders(o)
		}
		if got := results(r.refunds(step.in)); got[0] != step.want {
			t.Errorf("step %d: got %v, want %s", i, got, step.want)
		}
		var lines []model.OrderLine
		if err := r.db.Order("line").Find(&lines).Error; err != nil || len(lines) != 2 {
			t.Fatal(lines, err)
		}
		if o, sum := r.order("N1"), r.totals(1); o.RefundedFen != step.order || sum.RefundedFen != step.order || lines[0].RefundedFen != step.l1 || lines[1].RefundedFen != step.l2 {
			t.Errorf("step %d: order %d, totals %d, lines %d and %d; want %+v", i, o.RefundedFen, sum.RefundedFen, lines[0].RefundedFen, lines[1].RefundedFen, step)
		}
	}
}

func TestARefundMayComeBeforeItsOrder(t *testing.T) {
	r := newRig(t)
	r.person(1, "unionid", "u1")
	r.refunds(refund("R1", "N1", 30, 200))
	if o := r.order("N1"); o.Status != StatusAwaited || o.Version != 0 || o.CustomerID != 0 {
		t.Errorf("the awaited order: %+v", o)
	}
	if got := results(r.orders(paid("N1", 20, 500))); got[0] != Created {
		t.Errorf("got %v", got)
	}
	if got := r.totals(1); got.Orders != 1 || got.PaidFen != 500 || got.RefundedFen != 200 {
		t.Errorf("totals %+v", got)
	}
	var f model.Refund
	if err := r.db.Take(&f).Error; err != nil || f.CustomerID != 1 || f.OrderID != r.order("N1").ID {
		t.Errorf("refund %+v, %v", f, err)
	}
	if got := r.facts(1); !slices.Equal(got, []string{"order.paid", "order.placed", "order.refunded"}) {
		t.Errorf("facts %v", got)
	}
}

func TestFactsHappenOncePerOrder(t *testing.T) {
	r := newRig(t)
	r.person(1, "unionid", "u1")
	placed, done, gone := paid("N1", 20, 500), paid("N1", 30, 500), paid("N1", 40, 500)
	placed.Status, placed.PaidAt, placed.PaidFen = StatusPlaced, nil, 0
	finished := at(30)
	done.Status, done.CompletedAt = StatusCompleted, &finished
	gone.Status = StatusCancelled
	for range 2 {
		for _, in := range []OrderInput{placed, paid("N1", 25, 500), done, gone} {
			r.orders(in)
			r.refunds(refund("R1", "N1", 31, 100), refund("R2", "N1", 31, 100))
		}
	}
	want := []string{"order.cancelled", "order.completed", "order.paid", "order.placed", "order.refunded", "order.refunded"}
	if got := r.facts(1); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := r.totals(1); got.Orders != 0 || got.PaidFen != 0 || got.RefundedFen != 0 || got.LastPaidAt != nil {
		t.Errorf("a cancelled order counts: %+v", got)
	}
}

func TestWhatIsNotAnOrder(t *testing.T) {
	r := newRig(t)
	for name, spoil := range map[string]func(*OrderInput){
		"no number":                func(o *OrderInput) { o.Number = "" },
		"a number with a line end": func(o *OrderInput) { o.Number = "a\nb" },
		"a long number":            func(o *OrderInput) { o.Number = strings.Repeat("9", 65) },
		"an unknown status":        func(o *OrderInput) { o.Status = "lost" },
		"awaited":                  func(o *OrderInput) { o.Status = StatusAwaited },
		"paid without a time":      func(o *OrderInput) { o.PaidAt = nil },
		"paid in the future":       func(o *OrderInput) { f := noon.Add(25 * time.Hour); o.PaidAt = &f },
		"placed in the year 1":     func(o *OrderInput) { o.PlacedAt = time.Time{} },
		"completed without a time": func(o *OrderInput) { o.Status = StatusCompleted },
		"less than nothing":        func(o *OrderInput) { o.TotalFen, o.PaidFen = -1, -1 },
		"more than there is":       func(o *OrderInput) { o.TotalFen = maxFen + 1 },
		"discounted to below zero": func(o *OrderInput) { o.DiscountFen = o.TotalFen + 1 },
		"lines beyond the payment": func(o *OrderInput) { o.Lines[0].PaidFen = o.PaidFen + 1 },
		"the same line twice":      func(o *OrderInput) { o.Lines = append(o.Lines, LineInput{Line: 1, Product: "B", Quantity: 1}) },
		"a line 0":                 func(o *OrderInput) { o.Lines[0].Line = 0 },
		"nothing of a product":     func(o *OrderInput) { o.Lines[0].Quantity = 0 },
		"201 lines":                func(o *OrderInput) { o.Lines = make([]LineInput, 201) },
		"a buyer of no kind":       func(o *OrderInput) { o.Buyer.Kind = "" },
		"a kind that is none":      func(o *OrderInput) { o.Buyer.Kind = "customer_id" },
		"no phone number":          func(o *OrderInput) { o.Buyer = Buyer{Kind: "phone", Value: "12"} },
		"a version that is none":   func(o *OrderInput) { o.Version = 7 },
		"a version from tomorrow":  func(o *OrderInput) { o.Version = noon.Add(25 * time.Hour).UnixMilli() },
	} {
		in := paid("N1", 20, 500)
		spoil(&in)
		if got := results(r.orders(in)); got[0] != "refused catalog.invalid" {
			t.Errorf("%s: %v", name, got)
		}
	}
	if n := modeltest.Count[model.CustomerOrder](t, r.db) + modeltest.Count[model.Product](t, r.db); n != 0 {
		t.Errorf("%d rows came of it", n)
	}
}

func TestPhoneNumbersAreStoredAsIndexesOnly(t *testing.T) {
	r := newRig(t)
	modeltest.Create(t, r.db, &model.Customer{ID: 1, FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
	r.identity(1, "phone", indexOf("old", "13800000001")) // indexed under a key before the present one
	in := paid("N1", 20, 500)
	in.Buyer = Buyer{Kind: "phone", Value: "13800000001"}
	r.orders(in)
	o := r.order("N1")
	if o.CustomerID != 1 || o.BuyerValue != indexOf("new", "13800000001") {
		t.Errorf("%+v", o)
	}
	if strings.Contains(fmt.Sprintf("%+v", o), "13800000001") {
		t.Error("the number is in the row")
	}
}
