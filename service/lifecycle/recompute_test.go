package lifecycle

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/staff"
)

func TestRecomputeIsIdempotent(t *testing.T) {
	h := newHouse(t)
	a, b := h.customer(1, 300), h.customer(2, 5)
	h.order(a, 200, 9900)
	h.order(a, 10, 5000)
	h.relation(a, 7, "active")
	h.relation(a, 8, "left")
	h.did(a, "content.shared", 3, 2)
	h.recompute(a, b, a)
	first := *h.standing(a)
	if first.Stage != StageWonBack || first.Recency != 5 || first.Frequency != 2 || first.Monetary != 2 || first.ValueScore == 0 || first.AliveBP != -1 {
		t.Errorf("%+v", first)
	}
	if h.stage(b) != StageNew {
		t.Errorf("the newcomer is %s", h.stage(b))
	}
	if n := modeltest.Count[model.Event](t, h.db); n != 0 {
		t.Errorf("being placed for the first time gave %d facts", n)
	}
	h.clock.Advance(time.Hour)
	h.recompute(b, a)
	if again := *h.standing(a); !reflect.DeepEqual(again, first) {
		t.Errorf("again: %+v, was %+v", again, first)
	}
	h.replay()

	h.clock.Advance(100 * 24 * time.Hour)
	h.recompute(a)
	h.recompute(a)
	if h.stage(a) != StageAtRisk || h.standing(a).LapsedAt == nil {
		t.Errorf("%+v", h.standing(a))
	}
	if n := modeltest.Count[model.Event](t, h.db, "kind = ? AND customer_id = ?", event.KindStageChanged, a); n != 1 {
		t.Errorf("%d facts of one change", n)
	}
	h.replay()
}

func TestWonBackAfterTheLapse(t *testing.T) {
	h := newHouse(t)
	a := h.customer(1, 300)
	h.order(a, 120, 9900)
	h.recompute(a)
	if h.stage(a) != StageAtRisk {
		t.Fatal(h.stage(a))
	}
	h.clock.Advance(time.Hour)
	o := h.order(a, 0, 5000)
	h.clock.Advance(time.Hour)
	h.hear(model.Event{Kind: "order.paid", CustomerID: a, Payload: "{}"}, model.Event{Kind: "order.paid", CustomerID: a, Payload: "{}"})
	if h.stage(a) != StageWonBack {
		t.Errorf("bought after the lapse, and is %s", h.stage(a))
	}
	// Given back, it was nothing: they are where they were.
	if err := h.db.Model(o).Update("refunded_fen", 5000).Error; err != nil {
		t.Fatal(err)
	}
	h.recompute(a)
	if h.stage(a) != StageAtRisk {
		t.Errorf("gave it back, and is %s", h.stage(a))
	}
	h.hear(model.Event{Kind: "order.paid", Payload: "{}"}) // nobody's yet
	h.replay()
}

// TestP14_MinorsAreNotProfiled, and those who stand for another one are nowhere.
func TestP14_MinorsAreNotProfiled(t *testing.T) {
	h := newHouse(t)
	child, twin, other := h.customer(1, 50), h.customer(2, 50), h.customer(3, 50)
	for _, id := range []int64{child, twin, other} {
		h.order(id, 100, 5000)
	}
	h.recompute(child, twin, other)
	set := func(id int64, column string, v any) {
		t.Helper()
		if err := h.db.Model(&model.Customer{}).Where("id = ?", id).Update(column, v).Error; err != nil {
			t.Fatal(err)
		}
	}
	set(child, "minor", true)
	set(twin, "merged_into", other)
	h.recompute(child, twin, other)
	if h.standing(child) != nil || h.standing(twin) != nil || h.standing(other) == nil {
		t.Error("those who must have no standing have one, or those who must have one have none")
	}
	if n := modeltest.Count[model.StageChange](t, h.db, "customer_id = ?", child); n != 0 {
		t.Errorf("%d changes are kept of a minor", n)
	}
	if n := modeltest.Count[model.StageChange](t, h.db, "customer_id = ?", twin); n != 1 {
		t.Errorf("%d changes are kept of one who may come back", n)
	}
	for _, id := range []int64{child, twin, 99} {
		if _, err := h.Explain(t.Context(), &staff.Viewer{}, id); !errors.Is(err, ErrNotProfiled) {
			t.Errorf("of customer %d: %v", id, err)
		}
	}
	h.hear(model.Event{Kind: "customer.merged", CustomerID: other, Payload: `{"other_id":2}`})
	run := h.night()
	if run.Status != RunDone || h.standing(child) != nil || h.standing(twin) != nil {
		t.Errorf("the night brought them back: %+v", run)
	}
	set(twin, "merged_into", 0)
	h.clock.Advance(24 * time.Hour)
	h.recompute(twin)
	if got := h.standing(twin); got == nil || got.StageChanges != 1 || got.Stage != StageAtRisk {
		t.Errorf("undone, the standing is %+v", got)
	}
	h.replay()
}

// TestFactsReachIt has facts recorded and handed on as they are in the house.
func TestFactsReachIt(t *testing.T) {
	h := newHouse(t)
	h.facts.Feed("lifecycle", h.OnEvents, Kinds...)
	a, b := h.customer(1, 50), h.customer(2, 50)
	h.order(a, 0, 5000)
	at := h.clock.Now()
	err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
		_, err := h.facts.Record(tx,
			event.OrderPaid{OrderFact: event.OrderFact{OrderID: 1, CustomerID: a, At: at}},
			event.OrderPlaced{OrderFact: event.OrderFact{OrderID: 1, CustomerID: a, At: at}},
			event.CustomerAdded{RelationFact: event.RelationFact{CustomerID: b, RelationID: 1, At: at}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.facts.DrainFeeds(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h.stage(a) != StageGrowing || h.stage(b) != StageNew {
		t.Errorf("the buyer is %q, the contact %q", h.stage(a), h.stage(b))
	}
	h.replay()
}

func TestExplainSaysWhy(t *testing.T) {
	h := newHouse(t)
	a := h.customer(1, 300)
	h.order(a, 20, 9900)
	h.did(a, "content.shared", 3, 2)
	h.relation(a, 7, "active")
	x, err := h.Explain(t.Context(), &staff.Viewer{}, a)
	if err != nil {
		t.Fatal(err)
	}
	if x.Row != nil || x.Now.Stage != StageGrowing || x.Stage.Name != StageGrowing || len(x.History) != 0 {
		t.Errorf("before anything is computed: %+v", x)
	}
	h.recompute(a)
	if x, err = h.Explain(t.Context(), &staff.Viewer{}, a); err != nil {
		t.Fatal(err)
	}
	now := x.Now
	now.ComputedAt = x.Row.ComputedAt
	if !reflect.DeepEqual(now, *x.Row) {
		t.Errorf("what is stored is %+v, what is explained %+v", *x.Row, now)
	}
	last := x.Why[len(x.Why)-1]
	if last.Name != StageGrowing || !last.Fits || !last.Staying || !last.Sets[0][0].Holds || last.Sets[0][0].Found != 1 {
		t.Errorf("why: %+v", last)
	}
	for _, w := range x.Why[:len(x.Why)-1] {
		if w.Fits {
			t.Errorf("%s fits too", w.Name)
		}
	}
	var points int64
	for _, p := range x.Value {
		points += p.Points
	}
	if points != x.Row.ValueScore || points == 0 || x.RFM.Fen != 9900 || x.RFM.Orders != 1 || x.RFM.Days != 20 || len(x.History) != 1 {
		t.Errorf("%+v", x)
	}
}

// TestNightAndEventsSideBySide lets orders come in while everything is computed by several at once: whoever is last
// has seen all.
func TestNightAndEventsSideBySide(t *testing.T) {
	h := newHouse(t)
	h.chunk = 7
	const people = 30
	for id := range int64(people) {
		h.customer(id+1, 300)
		h.order(id+1, 100, 5000)
	}
	h.recompute(1, 2, 3, 4, 5) // the others have no row yet
	var wg sync.WaitGroup
	again := func(do func() error) {
		var err error
		for range 30 { // a busy database may ask for more than InTx tries
			if err = do(); err == nil || !model.IsTransient(err) {
				break
			}
		}
		if err != nil {
			t.Error(err)
		}
	}
	for w := range 3 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range 20 {
				id := 1 + rng.Int64N(people)
				again(func() error {
					return model.InTx(context.Background(), h.db, func(tx *gorm.DB) error {
						at := h.clock.Now()
						return tx.Create(&model.CustomerOrder{
							Number: time.Duration(w*1000 + i).String(), CustomerID: id, Status: "paid", PaidFen: 100, PlacedAt: at, PaidAt: &at, CreatedAt: at, UpdatedAt: at,
						}).Error
					})
				})
				h.clock.Advance(time.Millisecond)
				again(func() error {
					return model.InTx(context.Background(), h.db, func(tx *gorm.DB) error {
						return h.OnEvents(tx, []model.Event{{CustomerID: id, Payload: "{}"}, {CustomerID: 1 + id%people, Payload: "{}"}})
					})
				})
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for range 3 {
				again(func() error {
					ids := make([]int64, people)
					for i := range ids {
						ids[i] = int64(i + 1)
					}
					return h.Recompute(context.Background(), ids...)
				})
			}
		})
	}
	wg.Wait()
	h.replay()
	for id := range int64(people) {
		before := *h.standing(id + 1)
		h.recompute(id + 1)
		if after := *h.standing(id + 1); !reflect.DeepEqual(after, before) {
			t.Errorf("customer %d: the last computation had not seen all: %+v, now %+v", id+1, before, after)
		}
	}
}

// TestAChangeNeverComesBeforeTheLast: a computation that began earlier may get the row later, as a night's does that has gone on for minutes.
func TestAChangeNeverComesBeforeTheLast(t *testing.T) {
	h := newHouse(t)
	h.customer(1, 300)
	h.order(1, 200, 5000)
	h.clock.Advance(time.Minute)
	h.recompute(1)
	h.clock.Advance(-time.Minute)
	h.order(1, 0, 100)
	h.recompute(1)
	if r := h.standing(1); r.StageChanges != 2 {
		t.Fatalf("stands at %s after %d changes, want another stage", r.Stage, r.StageChanges)
	}
	h.replay()
}
