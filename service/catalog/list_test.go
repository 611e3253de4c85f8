package catalog

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func TestPagesOfOrders(t *testing.T) {
	r := newRig(t)
	r.person(1, "unionid", "u1")
	for i := range 7 {
		in := paid(fmt.Sprint("N", i), 20+i, 100)
		in.PlacedAt = at(10 + i/2) // some at the same moment
		r.orders(in)
	}
	r.refunds(refund("R1", "absent", 30, 5)) // its order has not come
	var got []string
	var after Place
	for pages := 0; ; pages++ {
		list, end, err := r.Orders(t.Context(), nil, OrderFilter{After: after, Limit: 3})
		if err != nil || pages > 3 {
			t.Fatal(pages, err)
		}
		for _, o := range list {
			got = append(got, o.Number)
		}
		if after = end; end == (Place{}) {
			break
		}
	}
	if want := []string{"N6", "N5", "N4", "N3", "N2", "N1", "N0"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOrdersAreSeenWithTheirCustomers(t *testing.T) {
	r := newRig(t)
	r.person(1, "unionid", "u1")
	r.person(2, "unionid", "u2")
	for i, buyer := range []string{"u1", "u2", "nobody"} {
		in := paid(fmt.Sprint("N", i), 20, 100)
		in.Buyer.Value = buyer
		r.orders(in)
		r.refunds(refund(fmt.Sprint("R", i), in.Number, 20, 1))
	}
	for i, status := range []string{"active", "removed"} {
		modeltest.Create(t, r.db, &model.Relation{CustomerID: int64(i + 1), StaffID: 5, AccountID: 1, ExternalUserID: fmt.Sprint(i), Status: status, AddedAt: noon, CreatedAt: noon, UpdatedAt: noon})
	}
	numbers := func(f OrderFilter) (list []string) {
		t.Helper()
		f.Limit = 10
		rows, _, err := r.Orders(t.Context(), nil, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range rows {
			list = append(list, o.Number)
		}
		return list
	}
	if got := numbers(OrderFilter{Waiting: true}); !slices.Equal(got, []string{"N2"}) {
		t.Errorf("waiting: %v", got)
	}
	if got := numbers(OrderFilter{CustomerID: 2, Status: StatusPaid, Shop: "main", PlacedFrom: at(0), PlacedTo: at(2)}); !slices.Equal(got, []string{"N1"}) {
		t.Errorf("filtered: %v", got)
	}
	if got := numbers(OrderFilter{PlacedTo: at(1)}); len(got) != 0 {
		t.Errorf("placed before: %v", got)
	}
	r.viewers = viewers{[]int64{5}}
	if got := numbers(OrderFilter{}); !slices.Equal(got, []string{"N0"}) {
		t.Errorf("of one staff member: %v", got)
	}
	refunds, err := r.Refunds(t.Context(), nil, RefundFilter{Limit: 10})
	if err != nil || len(refunds) != 1 || refunds[0].Number != "R0" || refunds[0].CustomerName != "客户1" {
		t.Errorf("refunds %+v, %v", refunds, err)
	}
	d, err := r.Order(t.Context(), nil, r.order("N0").ID)
	if err != nil || len(d.Lines) != 1 || d.Lines[0].ProductNumber != "A" || len(d.Refunds) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	for _, hidden := range []string{"N1", "N2"} {
		if _, err := r.Order(t.Context(), nil, r.order(hidden).ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s is shown: %v", hidden, err)
		}
	}
}

func TestProductsOfACategoryAndBelow(t *testing.T) {
	r := newRig(t)
	r.categories(CategoryInput{Number: "food", Name: "食品", Version: version(1)}, CategoryInput{Number: "fruit", Name: "水果", Parent: "food", Version: version(1)})
	pear := ProductInput{Number: "P", Name: "100%梨_!", Category: "food", Status: ProductOffSale, Version: version(1)}
	r.products(apple(1, "fruit"), pear, ProductInput{Number: "X", Name: "书", Status: ProductOnSale, Version: version(1)})
	list := func(f ProductFilter) (numbers []string) {
		t.Helper()
		f.Limit = 10
		rows, err := r.Products(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range rows {
			numbers = append(numbers, p.Number)
		}
		return numbers
	}
	top, err := r.Categories(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second := func() int64 {
		rows, err := r.Products(t.Context(), ProductFilter{Number: "P", Limit: 1})
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		return rows[0].ID
	}()
	for name, tt := range map[string]struct {
		f    ProductFilter
		want []string
	}{
		"all":         {ProductFilter{}, []string{"X", "P", "A"}},
		"of food":     {ProductFilter{CategoryID: top[0].ID}, []string{"P", "A"}},
		"of fruit":    {ProductFilter{CategoryID: top[0].Below[0].ID}, []string{"A"}},
		"of none":     {ProductFilter{CategoryID: 1 << 40}, nil},
		"by name":     {ProductFilter{NamePrefix: "100%梨_!"}, []string{"P"}},
		"a wildcard":  {ProductFilter{NamePrefix: "%"}, nil},
		"by number":   {ProductFilter{Number: "A"}, []string{"A"}},
		"by status":   {ProductFilter{Status: ProductOffSale}, []string{"P"}},
		"second page": {ProductFilter{After: second}, []string{"A"}},
	} {
		if got := list(tt.f); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestWhoIsBehindAnIdentity(t *testing.T) {
	r := newRig(t)
	r.person(1, "phone", indexOf("new", "13800000001"))
	for _, tt := range []struct {
		b    Buyer
		id   int64
		want error
	}{
		{Buyer{Kind: "phone", Value: "13800000001"}, 1, nil},
		{Buyer{Kind: "phone", Value: "13800000002"}, 0, ErrNotFound},
		{Buyer{Kind: "phone", Value: "x"}, 0, ErrInvalid},
		{Buyer{Kind: "name", Value: "x"}, 0, ErrInvalid},
	} {
		if id, err := r.CustomerBehind(t.Context(), tt.b); id != tt.id || !errors.Is(err, tt.want) {
			t.Errorf("%+v: %d, %v", tt.b, id, err)
		}
	}
}
