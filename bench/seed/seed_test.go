package seed

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

var small = Options{Seed: 7, Until: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Customers: 2000}

func seeded(t *testing.T, o Options) *gorm.DB {
	t.Helper()
	o.DSN = modeltest.DSN(t)
	var out strings.Builder
	if err := Run(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "rows/s") {
		t.Errorf("no rate in %q", out.String())
	}
	return modeltest.Open(t, o.DSN)
}

// TestSizes: what was asked for is there, exactly.
func TestSizes(t *testing.T) {
	db := seeded(t, small)
	for table, want := range map[string]int64{
		"customer": 2000, "customer_tag": 16_000, "event": 10_000, "customer_order": 4000, "relation": 2200, "group_member": 400, "tag": tags, "product": products,
	} {
		if got := scan(t, db, "SELECT COUNT(*) FROM "+table); got != want {
			t.Errorf("%s: got %d rows, want %d", table, got, want)
		}
	}
}

// TestAgrees: sums and counts agree across the tables, and nobody who was merged away has anything.
func TestAgrees(t *testing.T) {
	db := seeded(t, small)
	paid := "SELECT COUNT(*) FROM customer_order WHERE paid_at IS NOT NULL AND status <> 'cancelled'"
	for _, q := range []struct{ name, one, other string }{
		{"orders", "SELECT SUM(orders) FROM customer_trade", paid},
		{"paid", "SELECT SUM(paid_fen) FROM customer_trade", "SELECT SUM(paid_fen) FROM customer_order"},
		{"lines", "SELECT SUM(paid_fen) FROM order_line", "SELECT SUM(paid_fen) FROM customer_order"},
		{"refunds", "SELECT SUM(amount_fen) FROM refund", "SELECT SUM(refunded_fen) FROM customer_trade"},
		{"days", "SELECT SUM(times) FROM event_day", "SELECT COUNT(*) FROM event"},
		{"last bought", "SELECT COUNT(*) FROM customer_trade t WHERE t.last_paid_at = (SELECT MAX(o.paid_at) FROM customer_order o WHERE o.customer_id = t.customer_id AND o.status <> 'cancelled')", "SELECT COUNT(*) FROM customer_trade"},
		{"lifecycles", "SELECT COUNT(*) FROM customer_lifecycle", "SELECT COUNT(*) FROM customer WHERE merged_into = 0"},
		{"refunded", "SELECT COUNT(*) FROM refund WHERE amount_fen > 0", "SELECT COUNT(*) FROM customer_order WHERE refunded_fen > 0"},
	} {
		if one, other := scan(t, db, q.one), scan(t, db, q.other); one != other || one == 0 {
			t.Errorf("%s: %d and %d", q.name, one, other)
		}
	}
	if n := modeltest.Count[model.Customer](t, db, "merged_into <> 0"); n == 0 {
		t.Error("nobody was merged")
	}
	for _, table := range []string{"customer_tag", "relation", "event", "event_day", "customer_order", "group_member"} {
		if n := scan(t, db, "SELECT COUNT(*) FROM "+table+" x JOIN customer c ON c.id = x.customer_id WHERE c.merged_into <> 0 OR x.customer_id = 0"); n != 0 {
			t.Errorf("%s: %d rows of customers who were merged away", table, n)
		}
	}
}

// TestSkew: a tenth of the customers does most, as in life.
func TestSkew(t *testing.T) {
	db := seeded(t, small)
	top := scan(t, db, "SELECT SUM(n) FROM (SELECT COUNT(*) AS n FROM event GROUP BY customer_id ORDER BY n DESC LIMIT 200) t")
	if top < 3500 || top > 8000 {
		t.Errorf("the most active tenth did %d of 10000 events", top)
	}
	buyers := modeltest.Count[model.CustomerTrade](t, db)
	if buyers < 600 || buyers > 1000 {
		t.Errorf("%d of 2000 bought", buyers)
	}
	rows := scan(t, db, "SELECT COUNT(*) FROM customer_tag WHERE tag_id = 1")
	if rare := scan(t, db, "SELECT COUNT(*) FROM customer_tag WHERE tag_id = 299"); rows < 5*rare {
		t.Errorf("the commonest tag %d times, a rare one %d times", rows, rare)
	}
}

// TestReproducible: the same seed makes the same company, another one another.
func TestReproducible(t *testing.T) {
	sums := func(o Options) string {
		var b strings.Builder
		db := seeded(t, o)
		for _, q := range []string{
			"SELECT SUM(tag_id * (customer_id % 97)) FROM customer_tag", "SELECT SUM(paid_fen * (customer_id % 97)) FROM customer_order",
			"SELECT SUM(day * (customer_id % 97)) FROM event_day", "SELECT SUM(staff_id * customer_id) FROM relation",
		} {
			fmt.Fprintln(&b, scan(t, db, q))
		}
		return b.String()
	}
	first, again := sums(small), sums(small)
	if first != again {
		t.Errorf("once %s, once %s", first, again)
	}
	other := small
	other.Seed = 8
	if sums(other) == first {
		t.Error("another seed made the same company")
	}
}

// TestOnlyEmpty: a database with customers is left alone.
func TestOnlyEmpty(t *testing.T) {
	o := small
	o.DSN, o.Customers = modeltest.DSN(t), 50
	if err := Run(t.Context(), o, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), o, io.Discard); err != ErrNotEmpty {
		t.Errorf("got %v", err)
	}
	if n := modeltest.Count[model.Customer](t, modeltest.Open(t, o.DSN)); n != 50 {
		t.Errorf("%d customers", n)
	}
}

// TestInsert: the way for servers that refuse LOAD DATA writes the same rows.
func TestInsert(t *testing.T) {
	if !modeltest.OnMySQL() {
		t.Skip("on SQLite every test goes this way")
	}
	o := small
	o.DSN = modeltest.DSN(t)
	db := modeltest.Open(t, o.DSN)
	w := newWorld(o.withDefaults())
	l, err := newLoader(t.Context(), db, new(atomic.Int64))
	if err != nil {
		t.Fatal(err)
	}
	l.bulk = false
	for _, table := range w.tables() {
		if err := l.load(t.Context(), table); err != nil {
			t.Fatal(table.name, err)
		}
	}
	if n := scan(t, db, "SELECT SUM(times) FROM event_day"); n != 10_000 {
		t.Errorf("got %d events", n)
	}
}

func scan(t *testing.T, db *gorm.DB, query string) int64 {
	t.Helper()
	var n int64
	if err := db.Raw(query).Scan(&n).Error; err != nil {
		t.Fatal(query, err)
	}
	return n
}
