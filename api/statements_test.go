package api

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// statements counts what is sent to the database from now on.
func (r *replica) statements() *atomic.Int64 {
	r.t.Helper()
	var n atomic.Int64
	count := func(*gorm.DB) { n.Add(1) }
	name, all := fmt.Sprintf("count:%p", &n), r.db.Callback()
	err := errors.Join(
		all.Query().Before("*").Register(name, count), all.Row().Before("*").Register(name, count), all.Raw().Before("*").Register(name, count),
		all.Create().Before("*").Register(name, count), all.Update().Before("*").Register(name, count), all.Delete().Before("*").Register(name, count))
	if err != nil {
		r.t.Fatal(err)
	}
	return &n
}

// cost is how many statements a request takes that has been made before.
func (c *company) cost(n *atomic.Int64, q request) int64 {
	c.t.Helper()
	var took int64
	for range 2 { // the second finds in memory what is kept there
		before := n.Load()
		if rec := c.do(q); rec.Code != 200 {
			c.t.Fatalf("%s: %d %s", q.path, rec.Code, rec.Body)
		}
		took = n.Load() - before
	}
	return took
}

// crowd gives the customer of sales a long history, and sales many customers of the kind.
func (c *company) crowd() {
	c.t.Helper()
	rows := []any{}
	for i := range int64(30) {
		id := base + 10_000 + i
		rows = append(rows,
			&model.Tag{ID: id, GroupID: localGroup, Name: fmt.Sprint("标签", i), SyncState: "synced", CreatedAt: noon, UpdatedAt: noon},
			&model.CustomField{ID: id, Name: fmt.Sprint("field", i), Title: "字段", Kind: "text", Choices: "[]", Sealed: i%2 == 0, CreatedAt: noon, UpdatedAt: noon},
			&model.Customer{ID: id, Name: "某客户", City: "杭州", FirstSeenAt: noon.Add(-time.Duration(i) * time.Minute), CreatedAt: noon, UpdatedAt: noon},
		)
		for j, customer := range []int64{ownCustomer, id} {
			key := id*2 + int64(j)
			rows = append(rows,
				&model.CustomerTag{CustomerID: customer, TagID: id, Source: "rule", SourceID: ruleID, CreatedAt: noon},
				&model.TagGrant{CustomerID: customer, TagID: id, Source: "rule", SourceID: ruleID, CreatedAt: noon},
				&model.CustomValue{CustomerID: customer, FieldID: id, Value: "值", Source: "console", UpdatedAt: noon},
				&model.Task{ID: key, StaffID: salesID, CustomerID: customer, Kind: "k", DedupeKey: fmt.Sprint(key), Title: "做", Status: "open", DueAt: noon, CreatedAt: noon, UpdatedAt: noon},
				&model.CustomerNote{ID: key, CustomerID: customer, StaffID: salesID, Body: "备注", CreatedAt: noon, UpdatedAt: noon},
				&model.CustomerOrder{ID: key, Number: fmt.Sprint(key), CustomerID: customer, Status: "paid", TotalFen: 1, PaidFen: 1, PlacedAt: noon, PaidAt: &noonRow, Version: 1, CreatedAt: noon, UpdatedAt: noon},
				&model.Event{Kind: "page.viewed", AccountID: acme, CustomerID: customer, Source: "miniapp", DedupeKey: []byte(fmt.Sprint(key)), OccurredAt: noon, RecordedAt: noon, Payload: `{"page":"home"}`},
				phoneNumber(c.t, customer, fmt.Sprint(13900000000+i*2+int64(j))),
			)
		}
		rows = append(rows, &model.Relation{
			ID: id, AccountID: acme, StaffID: salesID, CustomerID: id, ExternalUserID: fmt.Sprint("wm", i), Status: "active", AddedAt: noon,
			RemarkState: "synced", DescriptionState: "synced", Fingerprint: []byte{}, CreatedAt: noon, UpdatedAt: noon,
		})
	}
	tx := c.db.Begin()
	modeltest.Create(c.t, tx, rows...)
	if err := tx.Commit().Error; err != nil {
		c.t.Fatal(err)
	}
}

// TestNoStatementPerRow holds the customer card and the list of customers to the same number of statements
// however much there is.
func TestNoStatementPerRow(t *testing.T) {
	c := newCompany(t)
	n := c.statements()
	card := "/api/sidebar/customers/" + c.ids.Of(model.KindCustomer, ownCustomer)
	asked := map[string]request{}
	for _, role := range []string{"sales", "manager", "admin"} {
		asked["the card for "+role] = request{method: "GET", path: card, token: c.beside[role]}
		asked["the list for "+role] = request{method: "GET", path: "/api/console/customers?limit=200", token: c.tokens[role]}
	}
	before := map[string]int64{}
	for name, q := range asked {
		before[name] = c.cost(n, q)
	}
	c.crowd()
	c.clock.Advance(10 * time.Second) // what is kept in memory is read anew
	for name, q := range asked {
		if after := c.cost(n, q); after != before[name] {
			t.Errorf("%s: %d statements with few rows, %d with many", name, before[name], after)
		} else {
			t.Logf("%s: %d statements", name, after)
		}
	}
}

// TestNoListHasAStatementPerRow asks every list for one entry and for all.
func TestNoListHasAStatementPerRow(t *testing.T) {
	c := newCompany(t)
	c.crowd()
	n, looked := c.statements(), 0
	paged := c.pagedRoutes()
	c.eachRoute(func(r Route, k call) {
		if !slices.Contains(paged, r.name()) {
			return
		}
		q := c.requestOf(r, k)
		q.token = c.tokenOf(r, "admin")
		one, all := q, q
		one.path, all.path = q.path+sign(q.path)+"limit=1", q.path+sign(q.path)+"limit=200"
		if items, _ := c.page(q, "limit=200"); len(items) < 2 {
			return
		}
		looked++
		if few, many := c.cost(n, one), c.cost(n, all); few != many {
			t.Errorf("%s: %d statements for one entry, %d for all", r.name(), few, many)
		}
	})
	if looked < 15 {
		t.Errorf("only %d lists have several entries", looked)
	}
}
