package segment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestStatementsUseIndexes reads the plans of representative rules, bounded as builds and facts bound them: none may
// read all events, daily counts, orders or lines.
func TestStatementsUseIndexes(t *testing.T) {
	if !modeltest.OnMySQL() {
		t.Skip("plans are read where the large tables are")
	}
	db := modeltest.DB(t)
	newWorld(t, db, 1, 50, noon)
	multiply(t, db)
	if err := db.Exec("ANALYZE TABLE " + strings.Join(large, ", ")).Error; err != nil {
		t.Fatal(err)
	}
	known, err := LoadVocabulary(db)
	if err != nil {
		t.Fatal(err)
	}
	e := &Env{Now: noon, Zone: shanghai, Known: known}
	for _, raw := range []string{
		`{"all":[{"field":"tag","op":"any","values":["1"]},{"field":"event.page_view","op":"at_least","values":[3],"window":{"last_days":30}}]}`,
		`{"field":"event.cart","op":"did_not","window":{"last_days":7}}`,
		`{"field":"event.cart","op":"did","window":{"last_hours":5},"where":[{"property":"text.color","op":"is","values":["red"]}]}`,
		`{"all":[{"field":"order.sum","op":"at_least","values":[1000],"window":{"last_days":90}},{"not":{"field":"tag","op":"any","values":["2"]}}]}`,
		`{"field":"order.count","op":"at_least","values":[1],"where":[{"property":"product","op":"any","values":["1"]}]}`,
		`{"field":"order.category","op":"any","values":["1"],"window":{"last_days":30}}`,
		`{"field":"coupon.batch","op":"any","values":["1"]}`,
		`{"field":"coupon.count","op":"at_least","values":[1],"where":[{"property":"batch","op":"any","values":["1"]},{"property":"state","op":"is","values":["used"]}]}`,
		`{"field":"coupon.expires","op":"in","window":{"next_days":7}}`,
		`{"field":"coupon.used","op":"at_least","values":[1],"window":{"last_days":30}}`,
		`{"all":[{"field":"points.balance","op":"at_least","values":[2]},{"field":"tier","op":"at_least","values":[2]}]}`,
		`{"field":"points.expiring","op":"at_least","values":[1],"window":{"next_days":30}}`,
		`{"field":"message.opened","op":"at_least","values":[1],"where":[{"property":"campaign","op":"any","values":["1"]}]}`,
	} {
		r, err := Decode([]byte(raw), rowIDs{}, known)
		if err != nil {
			t.Fatal(err)
		}
		for _, scope := range []Scope{{After: 1000, To: 1200}, {IDs: []int64{1001, 1002, 1003}}} {
			q, err := e.Select(r, scope)
			if err != nil {
				t.Fatal(err)
			}
			noFullScan(t, db, raw, q)
		}
	}
	t.Run("whom time concerns", func(t *testing.T) { timeReadsNarrowly(t, db, known) })
}

// timeReadsNarrowly: whom the passing of time concerns is found by an index, whatever rows there are.
func timeReadsNarrowly(t *testing.T, db *gorm.DB, known *Vocabulary) {
	e := &Env{Zone: shanghai, Known: known}
	for _, raw := range []string{
		`{"field":"coupon.expires","op":"in","window":{"next_days":7}}`,
		`{"field":"coupon.used","op":"at_least","values":[1],"window":{"last_days":30}}`,
		`{"field":"points.expiring","op":"at_least","values":[1],"window":{"next_days":30}}`,
		`{"field":"tier.since","op":"in","window":{"last_days":30}}`,
		`{"field":"order.count","op":"at_least","values":[1],"window":{"last_days":30}}`,
		`{"field":"event.cart","op":"did","window":{"last_hours":5}}`,
	} {
		r, err := Decode([]byte(raw), rowIDs{}, known)
		if err != nil {
			t.Fatal(err)
		}
		queries, err := e.Crossings(r, noon, noon.Add(24*time.Hour))
		if err != nil || len(queries) == 0 {
			t.Fatalf("%s: %d statements, %v", raw, len(queries), err)
		}
		for _, q := range queries {
			noFullScan(t, db, raw, q)
		}
	}
}

// large are the tables that grow with customers and what they do.
var large = []string{"customer", "customer_tag", "event", "event_day", "customer_order", "order_line", "coupon", "coupon_use", "coupon_use_part", "points_account", "points_lot",
	"customer_tier", "delivery"}

func noFullScan(t *testing.T, db *gorm.DB, raw string, q Query) {
	t.Helper()
	var plan []map[string]any
	if err := db.Raw("EXPLAIN "+q.SQL, q.Args...).Scan(&plan).Error; err != nil {
		t.Fatal(err)
	}
	for _, row := range plan {
		table, kind := fmt.Sprint(row["table"]), fmt.Sprint(row["type"])
		if kind == "ALL" && slices.Contains(large, table) {
			t.Errorf("%s\nreads all of %s: %v\n%s", raw, table, row, q.SQL)
		}
	}
}

// multiply makes the tables so large that reading all of one is never the cheapest.
func multiply(t *testing.T, db *gorm.DB) {
	t.Helper()
	key := 0
	for n := 50; n < 3000; n *= 2 {
		for _, sql := range []string{
			"INSERT INTO customer SELECT id + ?, name, avatar, gender, type, corp_name, city, sealed_birthday, birth_md, minor, 0, first_source, first_seen_at, created_at, updated_at FROM customer",
			"INSERT INTO customer_tag (customer_id, tag_id, source, source_id, expires_at, created_at) SELECT customer_id + ?, tag_id, source, source_id, expires_at, created_at FROM customer_tag",
		} {
			if err := db.Exec(sql, n).Error; err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
		copyRows(t, db, &[]model.EventDay{}, func(r *model.EventDay) { r.CustomerID += int64(n) })
		copyRows(t, db, &[]model.CustomerOrder{}, func(r *model.CustomerOrder) {
			r.CustomerID, r.Number, r.ID = r.CustomerID+int64(n), fmt.Sprint(r.Number, "+", n), r.ID+int64(1000*n)
		})
		copyRows(t, db, &[]model.OrderLine{}, func(r *model.OrderLine) {
			r.CustomerID, r.OrderID, r.ID = r.CustomerID+int64(n), r.OrderID+int64(1000*n), 0
		})
		multiplyOffers(t, db, int64(n))
		copyRows(t, db, &[]model.Event{}, func(r *model.Event) {
			r.CustomerID, r.ID = r.CustomerID+int64(n), 0
			key++
			r.DedupeKey = fmt.Appendf(nil, "p%d", key)
		})
	}
}

func multiplyOffers(t *testing.T, db *gorm.DB, n int64) {
	t.Helper()
	copyRows(t, db, &[]model.Coupon{}, func(r *model.Coupon) { r.CustomerID, r.ClaimerID, r.ID = r.CustomerID+n, r.ClaimerID+n, r.ID+1000*n })
	copyRows(t, db, &[]model.CouponUse{}, func(r *model.CouponUse) { r.CustomerID, r.ID = r.CustomerID+n, r.ID+1000*n })
	copyRows(t, db, &[]model.CouponUsePart{}, func(r *model.CouponUsePart) { r.UseID, r.ID = r.UseID+1000*n, 0 })
	copyRows(t, db, &[]model.PointsAccount{}, func(r *model.PointsAccount) { r.CustomerID, r.ID = r.CustomerID+n, 0 })
	copyRows(t, db, &[]model.PointsLot{}, func(r *model.PointsLot) { r.CustomerID, r.ID = r.CustomerID+n, 0 })
	copyRows(t, db, &[]model.CustomerTier{}, func(r *model.CustomerTier) { r.CustomerID, r.ID = r.CustomerID+n, 0 })
	copyRows(t, db, &[]model.Delivery{}, func(r *model.Delivery) { r.CustomerID, r.ID = r.CustomerID+n, 0 })
}

func copyRows[R any](t *testing.T, db *gorm.DB, rows *[]R, change func(*R)) {
	t.Helper()
	if err := db.Find(rows).Error; err != nil {
		t.Fatal(err)
	}
	for i := range *rows {
		change(&(*rows)[i])
	}
	if err := model.InsertIgnore(db).CreateInBatches(rows, 500).Error; err != nil {
		t.Fatal(err)
	}
}
