package segment

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func ids(t testing.TB, db *gorm.DB, q Query) []int64 {
	t.Helper()
	var out []int64
	if err := db.Raw(q.SQL, q.Args...).Scan(&out).Error; err != nil {
		t.Fatalf("%v\n%s\n%v", err, q.SQL, q.Args)
	}
	return out
}

// TestTheStatementMeansTheRule holds three ways to answer against one another: the statement over everybody, the same
// restricted to some customers, and a naive reading of the rule in Go.
func TestTheStatementMeansTheRule(t *testing.T) {
	db := modeltest.DB(t)
	const customers = 60
	w := newWorld(t, db, 1, customers, noon)
	known := vocabularyOf(w)
	loaded, err := LoadVocabulary(db)
	if err != nil || fmt.Sprint(loaded.departments) != fmt.Sprint(known.departments) || len(loaded.custom) != len(known.custom) {
		t.Fatalf("loaded %+v: %v", loaded, err)
	}
	var rules []map[string]any
	g := randomRule{Rand: rand.New(rand.NewPCG(2, 3))}
	for i := range fields { // every question of every field, some times over
		for range 4 {
			kind := fields[i].Type
			if fields[i].Name == "custom" {
				rules = append(rules, g.condition(&fields[i], ""), g.condition(&fields[i], ""), g.condition(&fields[i], ""))
				continue
			}
			for _, op := range kind.Ops() {
				rules = append(rules, g.condition(&fields[i], op.Name))
			}
		}
	}
	single := len(rules)
	for range 150 {
		g.left = 40
		rules = append(rules, g.node(MaxDepth))
	}
	sizes := map[bool]int{}
	for i, tree := range rules {
		r := decoded(t, tree, known)
		e := &Env{Now: noon, Zone: shanghai, Known: loaded, Minors: i%5 == 0, SQLite: model.IsSQLite(db)}
		o := oracle{w, noon, e.Minors}
		var want []int64
		for _, c := range w.customers {
			if o.fits(r, c) {
				want = append(want, c.ID)
			}
		}
		all, err := e.Select(r, Scope{})
		if err != nil {
			t.Fatal(err)
		}
		if got := ids(t, db, all); !slices.Equal(got, want) {
			t.Fatalf("%s\ngot  %v\nwant %v\n%s\n%v", r.Encode(rowIDs{}), got, want, all.SQL, all.Args)
		}
		sizes[len(want) > 0 && len(want) < 50] += 1
		var parts []int64
		for _, s := range []Scope{{To: 20}, {After: 20, To: 40}, {IDs: []int64{41, 42, 43}}, {IDs: []int64{44}}, {After: 44}} {
			q, err := e.Select(r, s)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, ids(t, db, q)...)
		}
		if !slices.Equal(parts, want) {
			t.Fatalf("in parts %s\ngot  %v\nwant %v", r.Encode(rowIDs{}), parts, want)
		}
	}
	t.Logf("%d questions and %d trees; %d select some and not all", single, len(rules)-single, sizes[true])
	if sizes[true] < len(rules)/3 {
		t.Errorf("only %d of %d rules select some and not all", sizes[true], len(rules))
	}
}

// TestTimeAlone: those for whom the answer is another one later are among the crossings, and the crossings are few.
func TestTimeAlone(t *testing.T) {
	db := modeltest.DB(t)
	w := newWorld(t, db, 4, 60, noon)
	known := vocabularyOf(w)
	g := randomRule{Rand: rand.New(rand.NewPCG(5, 6))}
	changed, named, asked := 0, 0, 0
	for range 300 {
		g.left = 6
		r := decoded(t, g.node(3), known)
		for try := 0; !r.Timed() && try < 20; try++ {
			g.left = 6
			r = decoded(t, g.node(3), known)
		}
		from := noon.Add(time.Duration(g.IntN(48)) * time.Hour)
		to := from.Add(time.Duration(1+g.IntN(30)) * time.Hour)
		e := &Env{Zone: shanghai, Known: known, SQLite: model.IsSQLite(db)}
		queries, err := e.Crossings(r, from, to)
		if err != nil {
			t.Fatal(err)
		}
		may := map[int64]bool{}
		for _, q := range queries {
			for _, id := range ids(t, db, q) {
				may[id] = true
			}
		}
		if !r.Timed() && len(queries) > 0 {
			t.Fatalf("%s has crossings", r.Encode(rowIDs{}))
		}
		for _, c := range w.customers {
			before, after := (oracle{w, from, false}).fits(r, c), (oracle{w, to, false}).fits(r, c)
			if before != after {
				changed++
				if !may[c.ID] {
					t.Fatalf("customer %d: %v at %s and %v at %s, unnoticed\n%s\n%v", c.ID, before, from, after, to, r.Encode(rowIDs{}), queries)
				}
			}
		}
		asked += len(w.customers)
		named += len(may)
	}
	t.Logf("%d answers changed, %d of %d customers were named", changed, named, asked)
	if changed < 30 || named > asked/5 {
		t.Errorf("%d answers changed, %d of %d customers were named", changed, named, asked)
	}
}

func TestTheShareIsStable(t *testing.T) {
	db := modeltest.DB(t)
	ids := []int64{1, 2, 3, 9999, 1 << 31, 1<<31 - 1, 1<<62 + 12345}
	for _, salt := range []string{"a", "b", "holdout-2026"} {
		parts := make([]int, 10)
		for id := int64(1); id <= 100000; id++ {
			parts[ShareOf(salt, id)/1000]++
		}
		for i, n := range parts {
			if n < 9600 || n > 10400 {
				t.Errorf("salt %s: part %d has %d of 100000", salt, i, n)
			}
		}
		for _, id := range ids {
			q := shareSQL(salt, "x.id")
			var got int64
			if err := db.Raw("SELECT "+q.SQL+" FROM (SELECT ? AS id) x", append(q.Args, id)...).Scan(&got).Error; err != nil || got != ShareOf(salt, id) {
				t.Errorf("salt %s id %d: the database says %d, Go says %d: %v", salt, id, got, ShareOf(salt, id), err)
			}
		}
	}
	both := 0
	for id := int64(1); id <= 100000; id++ {
		if ShareOf("a", id) < 1000 && ShareOf("b", id) < 1000 {
			both++
		}
	}
	if both < 850 || both > 1150 {
		t.Errorf("two tenths share %d of 100000, want about 1000", both)
	}
}
