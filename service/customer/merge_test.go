package customer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

// ownedRows gives a value of every row type that is about one customer and moves with them.
func ownedRows(t testing.TB) (rows []any) {
	for _, row := range model.Rows() {
		if name := tableOf(t, row); hasField(row, "CustomerID") && unmoved[name] == "" {
			rows = append(rows, row)
		}
	}
	return rows
}

func hasField(row any, name string) bool {
	return reflect.ValueOf(row).Elem().FieldByName(name).IsValid()
}

func tableOf(t testing.TB, row any) string {
	s, err := schema.Parse(row, &sync.Map{}, schema.NamingStrategy{SingularTable: true})
	if err != nil {
		t.Fatal(err)
	}
	return s.Table
}

// TestEveryTableAboutCustomersHasAMover: a table with a customer_id is in owned, or it says in unmoved why not.
func TestEveryTableAboutCustomersHasAMover(t *testing.T) {
	names := map[string]bool{}
	for _, m := range owned {
		names[m.Name()] = true
	}
	for _, row := range model.Rows() {
		name := tableOf(t, row)
		switch has := hasField(row, "CustomerID"); {
		case has && !names[name] && unmoved[name] == "":
			t.Errorf("table %s has a customer_id: add a line to owned, so that its rows move when customers are merged", name)
		case !has && names[name]:
			t.Errorf("table %s has no customer_id", name)
		}
	}
}

// fill gives a customer random rows in every table. Few values for what is unique within a customer make
// two customers have the same.
func (h *house) fill(r *rand.Rand, customerID int64, n int) {
	h.t.Helper()
	few := []string{"Kind", "Place", "Item", "TagID", "FieldID", "Ordinal", "Day", "Status"}
	for _, sample := range ownedRows(h.t) {
		for range n {
			row := reflect.New(reflect.TypeOf(sample).Elem())
			for i := range row.Elem().NumField() {
				name, f := row.Elem().Type().Field(i).Name, row.Elem().Field(i)
				limit := int64(1 << 40)
				if slices.Contains(few, name) {
					limit = 3
				}
				fillField(r, f, limit)
			}
			if id := row.Elem().FieldByName("ID"); id.IsValid() {
				id.SetInt(0)
			}
			row.Elem().FieldByName("CustomerID").SetInt(customerID)
			if err := model.InsertIgnore(h.db).Create(row.Interface()).Error; err != nil {
				h.t.Fatalf("fill %T: %v", sample, err)
			}
		}
	}
}

func fillField(r *rand.Rand, f reflect.Value, limit int64) {
	when := noon.Add(time.Duration(r.Int64N(1_000_000)) * time.Second)
	switch f.Interface().(type) {
	case time.Time:
		f.Set(reflect.ValueOf(when))
	case *time.Time:
		if r.IntN(3) > 0 {
			f.Set(reflect.ValueOf(&when))
		}
	case *int64:
		n := r.Int64N(limit)
		f.Set(reflect.ValueOf(&n))
	case []byte:
		f.SetBytes([]byte(fmt.Sprintf("%016x", r.Uint64())))
	case int64, model.Fen:
		f.SetInt(1 + r.Int64N(limit))
	case int:
		f.SetInt(1 + r.Int64N(min(limit, 1<<20)))
	case string:
		f.SetString(fmt.Sprintf("%x", r.Int64N(limit)))
	case bool:
		f.SetBool(r.IntN(2) > 0)
	}
}

// state is all rows of some customers as text, sorted, by table.
func (h *house) state(customerIDs ...int64) map[string][]string {
	h.t.Helper()
	out := map[string][]string{}
	for _, sample := range append(ownedRows(h.t), &model.Customer{}) {
		column := "customer_id"
		if _, is := sample.(*model.Customer); is {
			column = "id"
		}
		list := reflect.New(reflect.SliceOf(reflect.TypeOf(sample).Elem()))
		if err := h.db.Where(column+" IN ?", customerIDs).Find(list.Interface()).Error; err != nil {
			h.t.Fatal(err)
		}
		name := tableOf(h.t, sample)
		for i := range list.Elem().Len() {
			row := list.Elem().Index(i)
			if column == "id" {
				row.FieldByName("UpdatedAt").SetZero()
			}
			if id := row.FieldByName("ID"); name == "event_day" && id.IsValid() {
				id.SetZero() // counts have no name but what they count
			}
			if kind := row.FieldByName("Kind"); kind.IsValid() && strings.HasPrefix(kind.String(), "customer.") {
				continue // the facts of the merges themselves stay
			}
			out[name] = append(out[name], string(mustJSON(row.Interface())))
		}
		slices.Sort(out[name])
	}
	return out
}

func (h *house) same(what string, got, want map[string][]string) {
	h.t.Helper()
	for table := range want {
		for _, row := range got[table] {
			if !slices.Contains(want[table], row) {
				h.t.Errorf("%s: %s has %s", what, table, row)
			}
		}
		for _, row := range want[table] {
			if !slices.Contains(got[table], row) {
				h.t.Errorf("%s: %s lacks %s", what, table, row)
			}
		}
	}
}

// somebody is a customer with a birthday that may be unknown.
func (h *house) somebody(r *rand.Rand) int64 {
	h.t.Helper()
	c := &model.Customer{FirstSeenAt: noon.Add(time.Duration(r.IntN(100)) * time.Hour), Gender: r.IntN(3), Minor: r.IntN(4) == 0, FirstSource: []string{"", "扫码", "导入"}[r.IntN(3)]}
	if r.IntN(2) > 0 {
		c.Name, c.City = "小明", "杭州"
	}
	modeltest.Create(h.t, h.db, c)
	if r.IntN(2) > 0 {
		c.SealedBirthday, c.BirthMD = h.SealBirthday(c.ID, "1990-02-03"), 203
		h.db.Save(c)
	}
	return c.ID
}

func (h *house) merge2(id, other int64) *model.CustomerMerge {
	h.t.Helper()
	m, err := h.Merge(context.Background(), admin, id, other)
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

// TestUndoGivesBackExactly merges random customers, one after the other, and undoes it backwards: every row
// of every table is again what and whose it was.
func TestUndoGivesBackExactly(t *testing.T) {
	h := newHouse(t)
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 7))
		ids := []int64{h.somebody(r), h.somebody(r), h.somebody(r)}
		for _, id := range ids {
			h.fill(r, id, 1+r.IntN(6))
		}
		states := []map[string][]string{h.state(ids...)}
		// b into a, then a into c: or c into a.
		pairs := [][2]int64{{ids[0], ids[1]}, {ids[2], ids[0]}}
		if r.IntN(2) > 0 {
			pairs[1] = [2]int64{ids[0], ids[2]}
		}
		var merges []*model.CustomerMerge
		for _, p := range pairs {
			merges = append(merges, h.merge2(p[0], p[1]))
			states = append(states, h.state(ids...))
			if left := h.state(p[1]); len(left) != 1 || len(left["customer"]) != 1 {
				t.Errorf("seed %d: left behind: %v", seed, left)
			}
			if c := h.customer(p[0]); len(c.SealedBirthday) > 0 {
				if day, err := h.Birthday(c); day != "1990-02-03" || err != nil {
					t.Errorf("seed %d: the birthday is %q, %v", seed, day, err)
				}
			}
		}
		if err := h.UndoMerge(t.Context(), admin, merges[0].ID); !errors.Is(err, ErrMergedAgain) {
			t.Errorf("seed %d: the earlier merge is undone first: %v", seed, err)
		}
		for i := 1; i >= 0; i-- {
			for range 2 { // the second time changes nothing
				if err := h.UndoMerge(t.Context(), admin, merges[i].ID); err != nil {
					t.Fatal(err)
				}
			}
			h.same(fmt.Sprintf("seed %d, merge %d undone", seed, i), h.state(ids...), states[i])
		}
	}
}

// TestUndoKeepsWhatCameLater: rows and changes that came after the merge stay with the one who stands, and
// counts that grew since are what is left without the other's share.
func TestUndoKeepsWhatCameLater(t *testing.T) {
	h := newHouse(t)
	day := func(customer int64, times int64, first, last int) *model.EventDay {
		return &model.EventDay{CustomerID: customer, Kind: "page.viewed", Item: "p", Day: 20261122, Times: times, Value: 10 * times, FirstAt: at(first), LastAt: at(last)}
	}
	view := func(customer int64, second int) *model.Event {
		return &model.Event{CustomerID: customer, Kind: "page.viewed", Item: "p", DedupeKey: fmt.Appendf(nil, "%012d%04d", customer, second), Payload: "{}", OccurredAt: at(second), RecordedAt: at(second)}
	}
	trade := func(customer, orders int64, paid model.Fen, first, last int) *model.CustomerTrade {
		f, l := at(first), at(last)
		return &model.CustomerTrade{CustomerID: customer, Orders: orders, PaidFen: paid, FirstPaidAt: &f, LastPaidAt: &l, UpdatedAt: at(0)}
	}
	a, b := h.resolve(union("a")).CustomerID, h.resolve(openid("b")).CustomerID
	modeltest.Create(t, h.db, day(a, 1, 10, 10), view(a, 10), day(b, 2, 5, 30), view(b, 5), view(b, 30), trade(a, 1, 100, 10, 10), trade(b, 2, 50, 5, 30))
	m := h.merge2(a, b)
	// One more view between the known ones, one more order, a changed name, a tag.
	modeltest.Create(t, h.db, view(a, 20), &model.CustomerTag{CustomerID: a, TagID: 9}, &model.CustomerOrder{CustomerID: a, Number: "3", Status: "paid", PlacedAt: at(40), PaidAt: ref(at(40))},
		&model.CustomerOrder{CustomerID: a, Number: "1", Status: "paid", PlacedAt: at(10), PaidAt: ref(at(10))})
	h.db.Model(&model.EventDay{}).Where("customer_id = ? AND kind = 'page.viewed'", a).UpdateColumns(map[string]any{"times": 4, "value": 40})
	h.db.Model(&model.CustomerTrade{}).Where("customer_id = ?", a).UpdateColumns(map[string]any{"orders": 4, "paid_fen": 157, "last_paid_at": at(40)})
	h.in(func(tx *gorm.DB) error {
		return h.EditTx(tx, a, "console", 1, func(c *model.Customer) error { c.Name = "新名字"; return nil })
	})
	if err := h.UndoMerge(t.Context(), admin, m.ID); err != nil {
		t.Fatal(err)
	}
	var d model.EventDay
	h.db.Where("customer_id = ? AND kind = 'page.viewed'", a).Take(&d)
	if d.Times != 2 || d.Value != 20 || !d.FirstAt.Equal(at(10)) || !d.LastAt.Equal(at(20)) {
		t.Errorf("day of the one who stands: %+v", d)
	}
	var o model.EventDay
	h.db.Where("customer_id = ? AND kind = 'page.viewed'", b).Take(&o)
	if o.Times != 2 || o.Value != 20 || !o.FirstAt.Equal(at(5)) || !o.LastAt.Equal(at(30)) {
		t.Errorf("day of the other: %+v", o)
	}
	var tr model.CustomerTrade
	h.db.Where("customer_id = ?", a).Take(&tr)
	if tr.Orders != 2 || tr.PaidFen != 107 || !tr.FirstPaidAt.Equal(at(10)) || !tr.LastPaidAt.Equal(at(40)) {
		t.Errorf("trade of the one who stands: %+v", tr)
	}
	if c := h.customer(a); c.Name != "新名字" {
		t.Errorf("the name is %q", c.Name)
	}
	if n := modeltest.Count[model.CustomerTag](t, h.db, "customer_id = ?", a); n != 1 {
		t.Errorf("%d tags", n)
	}
	if n := h.facts(event.KindCustomerSplit); n != 1 {
		t.Errorf("%d facts", n)
	}
	// What was undone is not done again by a rule.
	r := h.resolve(union("a"), openid("b"))
	if len(r.Merged) != 0 || len(r.Reviews) != 0 || !slices.Equal(r.Elsewhere, []string{KindOpenID}) {
		t.Errorf("after it was undone: %+v", r)
	}
}

func ref[T any](v T) *T { return &v }

// TestMergesRace: A into B and B into A, chains and undoing, all at once. One customer stands in the end, and
// everything that there was is theirs.
func TestMergesRace(t *testing.T) {
	h := newHouse(t)
	r := rand.New(rand.NewPCG(1, 2))
	ids := make([]int64, 5)
	for i := range ids {
		ids[i] = h.somebody(r)
		modeltest.Create(t, h.db, &model.CustomerTag{CustomerID: ids[i], TagID: int64(i + 1)}, &model.Task{CustomerID: ids[i], DedupeKey: fmt.Sprint(i), DueAt: noon})
	}
	var wg sync.WaitGroup
	for _, a := range ids {
		for _, b := range ids {
			if a == b {
				continue
			}
			wg.Go(func() {
				_, err := h.Merge(context.Background(), admin, a, b)
				if err != nil && !errors.Is(err, ErrSameCustomer) {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	var left []model.Customer
	h.db.Where("merged_into = 0").Find(&left)
	if len(left) != 1 {
		t.Fatalf("%d stand", len(left))
	}
	if n := modeltest.Count[model.CustomerMerge](t, h.db); n != 4 {
		t.Errorf("%d merges", n)
	}
	if tags, tasks := modeltest.Count[model.CustomerTag](t, h.db, "customer_id = ?", left[0].ID), modeltest.Count[model.Task](t, h.db, "customer_id = ?", left[0].ID); tags != 5 || tasks != 5 {
		t.Errorf("%d tags, %d tasks", tags, tasks)
	}
	for _, id := range ids {
		if d, err := h.Detail(t.Context(), admin, id); err != nil || d.ID != left[0].ID {
			t.Errorf("customer %d leads to %+v, %v", id, d, err)
		}
	}
}

// TestUndoRacesWithMerge: whatever comes first, nothing is lost.
func TestUndoRacesWithMerge(t *testing.T) {
	h := newHouse(t)
	for round := range 5 {
		r := rand.New(rand.NewPCG(uint64(round), 3))
		a, b, c := h.somebody(r), h.somebody(r), h.somebody(r)
		for _, id := range []int64{a, b, c} {
			modeltest.Create(t, h.db, &model.CustomerTag{CustomerID: id, TagID: id})
		}
		m := h.merge2(a, b)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := h.UndoMerge(context.Background(), admin, m.ID); err != nil && !errors.Is(err, ErrMergedAgain) {
				t.Error(err)
			}
		})
		wg.Go(func() { h.merge2(c, a) })
		wg.Wait()
		standing := modeltest.Count[model.Customer](t, h.db, "id IN ? AND merged_into = 0", []int64{a, b, c})
		var owners int64
		h.db.Model(&model.CustomerTag{}).Where("tag_id IN ?", []int64{a, b, c}).Distinct("customer_id").Count(&owners)
		if owners != standing {
			t.Errorf("round %d: %d stand, tags of %d", round, standing, owners)
		}
	}
}

// TestSweepMovesWhatCameLate: whoever looked a customer up before a merge may write after it.
func TestSweepMovesWhatCameLate(t *testing.T) {
	h := newHouse(t)
	a, b := h.resolve(union("a")).CustomerID, h.resolve(openid("b")).CustomerID
	m := h.merge2(a, b)
	modeltest.Create(t, h.db, &model.Task{CustomerID: b, DedupeKey: "late", DueAt: noon}, &model.CustomerTag{CustomerID: b, TagID: 3}, &model.CustomerTag{CustomerID: a, TagID: 3})
	for range 2 {
		if err := h.SweepMerges(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if tasks, tags := modeltest.Count[model.Task](t, h.db, "customer_id = ?", a), modeltest.Count[model.CustomerTag](t, h.db, "customer_id = ?", a); tasks != 1 || tags != 1 {
		t.Errorf("%d tasks, %d tags", tasks, tags)
	}
	if err := h.UndoMerge(t.Context(), admin, m.ID); err != nil {
		t.Fatal(err)
	}
	if tasks, tags := modeltest.Count[model.Task](t, h.db, "customer_id = ?", b), modeltest.Count[model.CustomerTag](t, h.db, "customer_id = ?", b); tasks != 1 || tags != 1 {
		t.Errorf("after undoing %d tasks, %d tags", tasks, tags)
	}
	h.clock.Advance(strayed + time.Hour)
	if recent, err := mergesSince(h.db, h.clock.Now().Add(-strayed)); err != nil || len(recent) != 0 {
		t.Errorf("old merges are swept: %v, %v", recent, err)
	}
}

// TestAFailingMoverLeavesEverything: a merge is one transaction.
func TestAFailingMoverLeavesEverything(t *testing.T) {
	h := newHouse(t)
	r := rand.New(rand.NewPCG(5, 5))
	a, b := h.somebody(r), h.somebody(r)
	h.fill(r, b, 2)
	before := h.state(a, b)
	h.Owns(failing{})
	if _, err := h.Merge(t.Context(), admin, a, b); !errors.Is(err, errFailing) {
		t.Fatal(err)
	}
	h.same("after a failure", h.state(a, b), before)
	if n := modeltest.Count[model.CustomerMerge](t, h.db) + modeltest.Count[model.MergeMove](t, h.db); n != 0 {
		t.Errorf("%d records of it", n)
	}
}

var errFailing = errors.New("on purpose")

type failing struct{}

func (failing) Name() string                                  { return "failing" }
func (failing) Move(*gorm.DB, int64, int64) ([][]byte, error) { return nil, errFailing }
func (failing) Undo(*gorm.DB, int64, int64, []byte) error     { return errFailing }
