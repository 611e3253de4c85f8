package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func decode[T any](t testing.TB, s string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func apple(v int, category string) ProductInput {
	return ProductInput{Number: "A", Name: "苹果", Category: category, PriceFen: 500, ImageURL: "https://example.com/a.png", Status: ProductOnSale, Version: version(v)}
}

func (r *rig) products(in ...ProductInput) []Outcome {
	r.t.Helper()
	out, err := r.UpsertProducts(r.t.Context(), in)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *rig) categories(in ...CategoryInput) []Outcome {
	r.t.Helper()
	out, err := r.UpsertCategories(r.t.Context(), in)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func TestProductsByVersion(t *testing.T) {
	r := newRig(t)
	cheaper := apple(20, "fruit")
	cheaper.PriceFen = 1
	spoilt := apple(40, "fruit")
	spoilt.ImageURL = "javascript:alert(1)"
	got := results(r.products(apple(20, "fruit"), apple(20, "fruit"), cheaper, apple(10, "fruit"), apple(30, "food"), spoilt))
	want := []string{"created", "unchanged", "refused catalog.version_reused", "stale", "updated", "refused catalog.invalid"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := modeltest.Count[model.ProductCategory](t, r.db); n != 2 {
		t.Errorf("%d categories", n)
	}
}

func TestLinesFollowTheirProductsCategory(t *testing.T) {
	r := newRig(t)
	r.person(1, "unionid", "u1")
	category := func() (name string) {
		t.Helper()
		err := r.db.Raw("SELECT product_category.name FROM order_line JOIN product_category ON product_category.id = order_line.category_id").Scan(&name).Error
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	r.orders(paid("N1", 20, 500))
	var p model.Product
	if err := r.db.Take(&p).Error; err != nil || p.Status != ProductMentioned || p.Name != "苹果" || p.Version != 0 {
		t.Errorf("what an order spoke of: %+v, %v", p, err)
	}
	r.products(apple(20, "fruit"))
	r.doWorks()
	if got := category(); got != "fruit" {
		t.Errorf("category %q", got)
	}
	r.categories(CategoryInput{Number: "fruit", Name: "水果", Version: version(20)})
	if got := category(); got != "水果" {
		t.Errorf("category %q", got)
	}
	r.products(apple(30, "food"))
	if err := r.Reconcile(t.Context()); err != nil { // the work was lost
		t.Fatal(err)
	}
	if got := category(); got != "food" {
		t.Errorf("category %q", got)
	}
}

func TestCategoriesAreATree(t *testing.T) {
	r := newRig(t)
	c := func(number, parent string, v int) CategoryInput {
		return CategoryInput{Number: number, Name: number, Parent: parent, Version: version(v)}
	}
	got := results(r.categories(c("c", "b", 20), c("b", "a", 20), c("a", "", 20), c("a", "c", 30), c("x", "x", 20), c("b", "", 10)))
	want := []string{"created", "created", "created", "refused catalog.category_cycle", "refused catalog.category_cycle", "stale"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	top, err := r.Categories(t.Context())
	if err != nil || len(top) != 1 || top[0].Number != "a" || len(top[0].Below) != 1 || len(top[0].Below[0].Below) != 1 {
		t.Errorf("%+v, %v", top, err)
	}
	if n := modeltest.Count[model.ProductCategory](t, r.db); n != 3 {
		t.Errorf("%d categories", n)
	}
}

// TestNoCircleByRacing has many each close one arc of a circle at the same time.
func TestNoCircleByRacing(t *testing.T) {
	r := newRig(t)
	const n = 6
	r.categories(CategoryInput{Number: "first", Name: "first", Version: version(1)})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			in := CategoryInput{Number: fmt.Sprint("c", i), Name: "环", Parent: fmt.Sprint("c", (i+1)%n), Version: version(20)}
			if _, err := r.UpsertCategories(t.Context(), []CategoryInput{in}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var rows []model.ProductCategory
	if err := r.db.Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	tr := tree{}
	for _, row := range rows {
		tr[row.ID] = row.ParentID
	}
	for id, parent := range tr {
		if tr.isBelow(parent, id) {
			t.Errorf("category %d is below itself: %v", id, tr)
		}
	}
}
