package event

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/work"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func added(relation int64, second int) CustomerAdded {
	return CustomerAdded{RelationFact: RelationFact{
		CustomerID: relation, RelationID: relation, Source: SourceSync, At: noon.Add(time.Duration(second) * time.Second),
	}}
}

func newLog(db *gorm.DB) *Log {
	l := New(work.New(db, clock.System), clock.System)
	l.Subscribe("journey", func(context.Context, Recorded) error { return nil }, KindCustomerAdded)
	return l
}

// TestBulkLetsTheLiveGoFirst holds that thousands of facts of a synchronisation don't stand in the way of
// what happens meanwhile, and that a customer's facts are told in their order all the same.
func TestBulkLetsTheLiveGoFirst(t *testing.T) {
	db := modeltest.DB(t)
	queue := work.New(db, clock.System)
	l := New(queue, clock.System)
	var mu sync.Mutex
	var told []string
	l.Subscribe("journey", func(_ context.Context, f Recorded) error {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprint(f.CustomerID, " ", f.OccurredAt.Second()))
		return nil
	}, KindCustomerAdded)
	const many = 60
	record := func(source string, facts ...CustomerAdded) {
		t.Helper()
		for i := range facts {
			facts[i].Source = source
		}
		err := model.InTx(t.Context(), db, func(tx *gorm.DB) error {
			for _, f := range facts {
				if _, err := l.Record(tx, f); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range int64(many) {
		record([]string{SourceSync, SourceImport}[i%2], added(i+1, 0))
	}
	record(SourceCallback, added(many+1, 1), added(1, 2))

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- work.NewWorker(queue, work.Options{Concurrency: 2}).Run(ctx) }()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		mu.Lock()
		n := len(told)
		mu.Unlock()
		if n == many+2 || time.Now().After(end) {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	at := func(what string) int { return slices.Index(told, what) }
	if len(told) != many+2 || at(fmt.Sprint(many+1, " 1")) > 10 {
		t.Errorf("of %d facts the live one was told as number %d: %v", len(told), at(fmt.Sprint(many+1, " 1")), told)
	}
	if at("1 0") > at("1 2") {
		t.Errorf("a customer's facts were told in another order: %v", told)
	}
}

func TestRecordTellsWhatIsNew(t *testing.T) {
	db := modeltest.DB(t)
	l := newLog(db)
	left := CustomerLeft{RelationFact{CustomerID: 1, RelationID: 1, At: noon.Add(9 * time.Second), Since: noon}}
	later := left
	later.At = noon.Add(20 * time.Second) // the same ending, noticed again
	steps := []struct {
		facts []Fact
		want  []bool
	}{
		{[]Fact{added(1, 0)}, []bool{true}},
		{[]Fact{added(1, 0)}, []bool{false}},
		{[]Fact{added(1, 0), added(1, 1), added(2, 0), added(2, 0)}, []bool{false, true, true, false}},
		{[]Fact{left, later}, []bool{true, false}},
		{[]Fact{later}, []bool{false}},
		{[]Fact{SamePersonFound{CustomerID: 4, OtherID: 5, At: noon}, SamePersonFound{CustomerID: 5, OtherID: 4, At: noon}}, []bool{true, false}},
		{nil, nil},
	}
	for i, step := range steps {
		err := model.InTx(t.Context(), db, func(tx *gorm.DB) error {
			got, err := l.RecordEach(tx, step.facts...)
			if fmt.Sprint(got) != fmt.Sprint(step.want) {
				t.Errorf("step %d: got %v, want %v", i, got, step.want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := modeltest.Count[model.Event](t, db); n != 5 {
		t.Errorf("got %d events, want 5", n)
	}
	var days []model.EventDay
	if err := db.Order("customer_id, kind").Find(&days).Error; err != nil {
		t.Fatal(err)
	}
	want := "1 customer.added 2, 1 customer.left 1, 2 customer.added 1, 4 customer.same_person_found 1, "
	var got string
	for _, d := range days {
		got += fmt.Sprintf("%d %s %d, ", d.CustomerID, d.Kind, d.Times)
	}
	if got != want {
		t.Errorf("counted %s, want %s", got, want)
	}
	var works []model.Work
	if err := db.Order("id").Find(&works).Error; err != nil {
		t.Fatal(err)
	}
	if len(works) != 3 {
		t.Fatalf("the subscriber has %d works, want one for each of 3 facts", len(works))
	}
	for _, w := range works {
		var told Recorded
		if err := json.Unmarshal([]byte(w.Payload), &told); err != nil {
			t.Fatal(err)
		}
		var row model.Event
		if err := db.Where("id = ?", told.ID).Take(&row).Error; err != nil || row.Kind != told.Kind || row.CustomerID != told.CustomerID {
			t.Errorf("told of %+v, the row is %+v, %v", told, row, err)
		}
	}
}

// TestRecordSideBySide has several record the same facts at once: each is new for exactly one.
func TestRecordSideBySide(t *testing.T) {
	db := modeltest.DB(t)
	l := newLog(db)
	var facts []Fact
	for i := range 60 {
		facts = append(facts, added(int64(i+1), 0))
	}
	var mu sync.Mutex
	news := make([]int, len(facts))
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			mine := facts[w*5 : 30+w*5]
			var isNew []bool
			var err error
			for range 20 {
				err = model.InTx(context.Background(), db, func(tx *gorm.DB) (err error) {
					isNew, err = l.RecordEach(tx, mine...)
					return err
				})
				if err == nil || !model.IsTransient(err) {
					break
				}
			}
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for i, n := range isNew {
				if n {
					news[w*5+i]++
				}
			}
		})
	}
	wg.Wait()
	for i := range 55 {
		if news[i] != 1 {
			t.Errorf("fact %d was new for %d, want 1", i, news[i])
		}
	}
	if n := modeltest.Count[model.Event](t, db); n != 55 {
		t.Errorf("got %d events, want 55", n)
	}
	if n := modeltest.Count[model.Work](t, db); n != 55 {
		t.Errorf("got %d works, want 55", n)
	}
}
