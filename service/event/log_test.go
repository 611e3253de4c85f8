package event_test

import (
	"context"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/work"
)

var noon = time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)

func added(relation int64, at time.Time) event.CustomerAdded {
	return event.CustomerAdded{
		RelationFact: event.RelationFact{AccountID: 1, CustomerID: 7, StaffID: 3, RelationID: relation, Source: event.SourceCallback, At: at},
		AddWay:       1, State: "s",
	}
}

func TestRecordOnceAndTellSubscribers(t *testing.T) {
	db := modeltest.DB(t)
	q := work.New(db, clock.NewFake(noon).Now)
	log := event.New(q, clock.NewFake(noon).Now)
	nothing := func(context.Context, event.Recorded) error { return nil }
	log.Subscribe("journey", nothing, event.KindCustomerAdded, event.KindCustomerLeft)
	log.Subscribe("tagging", nothing, event.KindCustomerAdded)

	for i, want := range []int{1, 0} {
		err := model.InTx(t.Context(), db, func(tx *gorm.DB) error {
			n, err := log.Record(tx, added(5, noon))
			if n != want {
				t.Errorf("recording %d: %d new facts, want %d", i, n, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := modeltest.Count[model.Event](t, db); n != 1 {
		t.Errorf("%d events", n)
	}
	var works []model.Work
	db.Order("kind").Find(&works)
	if len(works) != 2 || works[0].Kind != "event.journey" || works[1].Kind != "event.tagging" {
		t.Fatalf("got works %+v", works)
	}
	if works[0].OrderKey != "event.journey:customer:7" {
		t.Errorf("order key %q", works[0].OrderKey)
	}
}

func TestRecordedExactlyWhenTheTransactionIs(t *testing.T) {
	db := modeltest.DB(t)
	q := work.New(db, clock.NewFake(noon).Now)
	log := event.New(q, clock.NewFake(noon).Now)
	log.Subscribe("journey", func(context.Context, event.Recorded) error { return nil }, event.KindCustomerAdded)
	model.InTx(t.Context(), db, func(tx *gorm.DB) error {
		if _, err := log.Record(tx, added(5, noon)); err != nil {
			t.Error(err)
		}
		return context.Canceled
	})
	if modeltest.Count[model.Event](t, db) != 0 || modeltest.Count[model.Work](t, db) != 0 {
		t.Error("a fact outlived its transaction")
	}
}

func TestKeysTellFactsApart(t *testing.T) {
	r := event.RelationFact{AccountID: 1, CustomerID: 7, StaffID: 3, RelationID: 5, At: noon}
	m := event.MembershipFact{AccountID: 1, GroupID: 2, MemberID: 5, At: noon}
	facts := []event.Fact{
		added(5, noon), added(5, noon.Add(time.Second)), added(6, noon),
		event.CustomerHalfAdded{RelationFact: r}, event.CustomerDeletedByStaff{RelationFact: r}, event.CustomerLeft{RelationFact: r},
		event.TagChanged{RelationFact: r, ChangeKey: "a"}, event.TagChanged{RelationFact: r, ChangeKey: "b"},
		event.GroupJoined{MembershipFact: m}, event.GroupLeft{MembershipFact: m},
	}
	seen := map[string]bool{}
	for _, f := range facts {
		a := f.About()
		if seen[a.Key] {
			t.Errorf("%s: key %q is taken", a.Kind, a.Key)
		}
		seen[a.Key] = true
		if a.Kind == "" || a.AccountID != 1 || a.At.IsZero() {
			t.Errorf("incomplete: %+v", a)
		}
	}
}
