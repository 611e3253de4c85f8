package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// anything is an event as random clients send them: few customers, few items, ids that come twice.
func anything(rnd *rand.Rand) Tracked {
	e := Tracked{ID: fmt.Sprint("id", rnd.IntN(400)), At: noon.Add(-time.Duration(rnd.IntN(7*24*60)) * time.Minute)}
	switch rnd.IntN(4) {
	case 0:
		e.Name, e.Properties = KindPageViewed, json.RawMessage(fmt.Sprintf(`{"page":"p%d","dwell_ms":%d}`, rnd.IntN(3), rnd.IntN(1000)))
	case 1:
		e.Name, e.Properties = KindCartAdded, json.RawMessage(fmt.Sprintf(`{"product":"g%d","amount":%d}`, rnd.IntN(3), rnd.IntN(1000)))
	case 2:
		e.Name, e.Properties = KindSearched, json.RawMessage(`{"keyword":"茶"}`)
	default:
		e.Name = "nobody_knows"
	}
	return e
}

// TestCountsEqualARebuild: whatever is tracked and recorded side by side, while counts are rebuilt, the
// counts are those that the events say at every moment; and a rebuild makes them so from any state.
func TestCountsEqualARebuild(t *testing.T) {
	dsn := modeltest.DSN(t)
	h := houseOn(t, modeltest.Open(t, dsn))
	other := reader(modeltest.Open(t, dsn), h.clock.Now)
	ctx, stop := context.WithCancel(t.Context())
	var writers, watchers sync.WaitGroup
	for w := range 6 {
		log := []*Log{h.Log, other}[w%2]
		writers.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(w)))
			for range 12 {
				in := TrackInput{CustomerID: 1 + rnd.Int64N(5), SentAt: noon}
				for range 1 + rnd.IntN(30) {
					in.Events = append(in.Events, anything(rnd))
				}
				if _, err := log.Track(context.Background(), in); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Go(func() {
		for i := range 20 {
			err := model.InTx(context.Background(), h.db, func(tx *gorm.DB) error {
				_, err := h.Record(tx, added(int64(1+i%5), i), CustomerLeft{RelationFact{CustomerID: int64(1 + i%5), RelationID: int64(i), Since: noon, At: noon}})
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	watchers.Go(func() {
		for ctx.Err() == nil {
			if sum, err := other.Rebuild(ctx, 20261101, 20261130); ctx.Err() == nil && (err != nil || sum.Corrected != 0) {
				t.Errorf("the rebuild found %+v, %v", sum, err)
			}
		}
	})
	writers.Wait()
	stop()
	watchers.Wait()
	h.sound()
	if len(h.events()) < 300 {
		t.Fatalf("only %d events", len(h.events()))
	}
	h.spoil()
	if difference(t, h.db, h.Zone) == "" {
		t.Fatal("nothing is spoilt")
	}
	sum, err := h.Rebuild(t.Context(), 20261101, 20261130)
	if err != nil || sum.Customers != 6 || sum.Corrected < 5 {
		t.Errorf("the rebuild did %+v, %v", sum, err)
	}
	h.sound()
}

// spoil makes counts wrong in every way there is.
func (h *house) spoil() {
	h.t.Helper()
	var days []model.EventDay
	if err := h.db.Order("customer_id, kind, item, day").Find(&days).Error; err != nil {
		h.t.Fatal(err)
	}
	for i, d := range days {
		q := h.db.Model(&model.EventDay{}).Where("customer_id = ? AND kind = ? AND item = ? AND day = ?", d.CustomerID, d.Kind, d.Item, d.Day)
		var err error
		switch i % 7 {
		case 0:
			err = q.Delete(&model.EventDay{}).Error
		case 1:
			err = q.Update("times", d.Times+1).Error
		case 2:
			err = q.Update("value", d.Value-1).Error
		case 3:
			err = q.Update("last_at", d.LastAt.Add(time.Minute)).Error
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
	modeltest.Create(h.t, h.db, &model.EventDay{CustomerID: 99, Kind: KindShared, Item: "x", Day: 20261120, Times: 1, FirstAt: noon, LastAt: noon})
}

// TestARebuildWaitsForWhoeverCounts has a transaction commit between a rebuild's look at the counts and its end.
func TestARebuildWaitsForWhoeverCounts(t *testing.T) {
	if !modeltest.OnMySQL() {
		t.Skip("SQLite has one writer")
	}
	h := newHouse(t)
	record(t, h.Log, h.db, added(8001, 0))
	if err := h.db.Model(&model.EventDay{}).Where("1 = 1").Update("times", 5).Error; err != nil {
		t.Fatal(err)
	}
	counted, rebuilt := make(chan struct{}), make(chan error, 1)
	err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
		if _, err := h.Record(tx, added(8001, 1)); err != nil {
			return err
		}
		go func() {
			close(counted)
			_, err := h.Rebuild(context.Background(), 20261122, 20261122)
			rebuilt <- err
		}()
		<-counted
		time.Sleep(50 * time.Millisecond) // no more than a better chance that the rebuild is in the middle
		return nil
	})
	if err := errors.Join(err, <-rebuilt); err != nil {
		t.Fatal(err)
	}
	h.sound()
}

func TestRebuildLeavesWhatIsForgotten(t *testing.T) {
	h := newHouse(t)
	h.track(1, page("a", "p", 5))
	record(t, h.Log, h.db, added(1, 0))
	day := model.EventDay{CustomerID: 1, Item: "p", Times: 3, FirstAt: noon, LastAt: noon}
	old, wrong := day, day
	old.Kind, old.Day = KindPageViewed, 20251010
	wrong.Kind, wrong.Day = KindCustomerAdded, 20251010 // facts are not forgotten, so no event means none
	modeltest.Create(t, h.db, &old, &wrong)
	if _, err := h.Rebuild(t.Context(), 20240101, 20261122); err != nil {
		t.Fatal(err)
	}
	var days []int
	if err := h.db.Model(&model.EventDay{}).Order("day, kind").Pluck("day", &days).Error; err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(days); got != "[20251010 20261122 20261122]" {
		t.Errorf("days are %s", got)
	}
	for _, span := range [][2]int{{20261122, 20261121}, {20261301, 20261302}, {0, 20261122}, {20260230, 20260301}} {
		if _, err := h.Rebuild(t.Context(), span[0], span[1]); !errors.Is(err, ErrDays) {
			t.Errorf("%v: %v", span, err)
		}
	}
}

// TestP13_BehaviourIsForgottenAfterThirteenMonths holds the edges of retention.
func TestP13_BehaviourIsForgottenAfterThirteenMonths(t *testing.T) {
	h := newHouse(t)
	at := func(y int, m time.Month, d, hour int) time.Time { return time.Date(y, m, d, hour, 0, 0, 0, h.Zone) }
	n := int64(0)
	plant := func(kind string, at time.Time) {
		n++
		e := &model.Event{Kind: kind, CustomerID: n, DedupeKey: factKey(fmt.Sprint("plant", n)), Payload: "{}", OccurredAt: at.UTC(), RecordedAt: at.UTC()}
		modeltest.Create(t, h.db, e, &model.EventDay{CustomerID: n, Kind: kind, Day: dayOf(at, h.Zone), Times: 1, FirstAt: at.UTC(), LastAt: at.UTC()})
	}
	plant(KindPageViewed, at(2025, 10, 22, 0))                        // 1: the first that is kept
	plant(KindPageViewed, at(2025, 10, 22, 0).Add(-time.Millisecond)) // 2: its counts stay
	plant(KindPageViewed, at(2024, 10, 22, 0))                        // 3
	plant(KindPageViewed, at(2024, 10, 21, 23))                       // 4: its counts go too
	plant(KindCustomerAdded, at(2020, 1, 1, 0))                       // 5: no behaviour
	var many []*model.Event                                           // more than one batch
	for i := range pruneBatch + 10 {
		many = append(many, &model.Event{Kind: "course_signup", DedupeKey: factKey(fmt.Sprint("many", i)), Payload: "{}", OccurredAt: at(2024, 1, 1, 12).UTC(), RecordedAt: noon})
	}
	if err := h.db.CreateInBatches(many, 200).Error; err != nil {
		t.Fatal(err)
	}
	if _, err := h.Define(t.Context(), signup()); err != nil {
		t.Fatal(err)
	}
	modeltest.Create(t, h.db,
		&model.EventAside{CustomerID: 1, Name: "x", DedupeKey: factKey("old"), Properties: "{}", OccurredAt: noon, ReceivedAt: at(2025, 10, 21, 0).UTC()},
		&model.EventAside{CustomerID: 1, Name: "x", DedupeKey: factKey("new"), Properties: "{}", OccurredAt: noon, ReceivedAt: at(2025, 10, 22, 0).UTC()})
	for range 2 {
		if err := h.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		var events, days []int64
		if err := errors.Join(h.db.Model(&model.Event{}).Order("customer_id").Pluck("customer_id", &events).Error,
			h.db.Model(&model.EventDay{}).Order("customer_id").Pluck("customer_id", &days).Error); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(events, days) != "[1 5] [1 2 3 5]" {
			t.Errorf("events of %v, counts of %v are left", events, days)
		}
		if left := modeltest.Count[model.EventAside](t, h.db); left != 1 {
			t.Errorf("%d aside are left", left)
		}
	}
}

func TestDayCounts(t *testing.T) {
	h := newHouse(t)
	h.track(1, page("a", "p", 5), page("b", "q", 6))
	late := page("c", "p", 1)
	late.At = noon.AddDate(0, 0, -1)
	h.track(2, page("a", "p", 7), late)
	got, err := h.DayCounts(t.Context(), KindPageViewed, 20261101, h.Today())
	if want := "[{20261121 1 1 1} {20261122 2 3 18}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := h.DayCounts(t.Context(), KindPageViewed, 20260101, h.Today()); !errors.Is(err, ErrDays) {
		t.Errorf("of a year: %v", err)
	}
}
