package lifecycle

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

var (
	shanghai = time.FixedZone("Asia/Shanghai", 8*3600)
	noon     = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC) // noon in Shanghai
)

// house is a service over a database of its own.
type house struct {
	*Service
	t     testing.TB
	db    *gorm.DB
	clock *clock.Fake
	facts *event.Log
	lines int
}

func newHouse(t testing.TB) *house { return open(t, modeltest.DB(t), clock.NewFake(noon)) }

func open(t testing.TB, db *gorm.DB, c *clock.Fake) *house {
	queue := work.New(db, c.Now)
	events := event.New(queue, c.Now, event.Options{DB: db, Zone: shanghai})
	s := New(Deps{DB: db, Events: events, Queue: queue, Now: c.Now, Zone: shanghai, Customers: everybody{}, Logger: slog.New(slog.DiscardHandler)})
	return &house{Service: s, t: t, db: db, clock: c, facts: events}
}

// everybody may be seen by everybody.
type everybody struct{}

func (everybody) Detail(_ context.Context, _ *staff.Viewer, id int64) (*customer.Detail, error) {
	return &customer.Detail{Customer: model.Customer{ID: id}}, nil
}

// customer makes one, met so many days ago.
func (h *house) customer(id int64, metDays int) int64 {
	h.t.Helper()
	at := h.clock.Now().AddDate(0, 0, -metDays)
	modeltest.Create(h.t, h.db, &model.Customer{ID: id, Name: fmt.Sprint("客户", id), FirstSeenAt: at, CreatedAt: at, UpdatedAt: at})
	return id
}

// order makes a paid one, so many days ago.
func (h *house) order(customerID int64, daysAgo int, fen int64) *model.CustomerOrder {
	h.t.Helper()
	h.lines++
	at := h.clock.Now().AddDate(0, 0, -daysAgo)
	o := &model.CustomerOrder{
		Number: fmt.Sprintf("%d-%d-%d", customerID, at.UnixMilli(), h.lines), CustomerID: customerID, Status: "completed", TotalFen: model.Fen(fen),
		PaidFen: model.Fen(fen), PlacedAt: at, PaidAt: &at, CreatedAt: at, UpdatedAt: at,
	}
	modeltest.Create(h.t, h.db, o)
	return o
}

// did makes an event of a day.
func (h *house) did(customerID int64, kind string, daysAgo int, times int64) {
	h.t.Helper()
	h.lines++
	at := h.clock.Now().AddDate(0, 0, -daysAgo)
	modeltest.Create(h.t, h.db, &model.EventDay{
		CustomerID: customerID, Kind: kind, Item: fmt.Sprint(h.lines), Day: calendar(dayOf(at, shanghai)), Times: times, FirstAt: at, LastAt: at,
	})
}

func (h *house) relation(customerID, staffID int64, status string) *model.Relation {
	h.t.Helper()
	r := &model.Relation{
		AccountID: 1, StaffID: staffID, CustomerID: customerID, ExternalUserID: fmt.Sprint("wm", customerID), Status: status,
		AddedAt: h.clock.Now().AddDate(0, 0, -100), CreatedAt: h.clock.Now(), UpdatedAt: h.clock.Now(),
	}
	modeltest.Create(h.t, h.db, r)
	return r
}

func (h *house) recompute(ids ...int64) {
	h.t.Helper()
	if err := h.Recompute(h.t.Context(), ids...); err != nil {
		h.t.Fatal(err)
	}
}

// hear hands facts on, as the feed does.
func (h *house) hear(batch ...model.Event) {
	h.t.Helper()
	err := model.InTx(h.t.Context(), h.db, func(tx *gorm.DB) error { return h.OnEvents(tx, batch) })
	if err != nil {
		h.t.Fatal(err)
	}
}

// night runs everything, as the clock would have it.
func (h *house) night() *model.LifecycleRun {
	h.t.Helper()
	run, err := h.Start(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return h.finish(run.ID)
}

func (h *house) finish(id int64) *model.LifecycleRun {
	h.t.Helper()
	if err := h.run(h.t.Context(), &work.Lease{Attempt: 1}, runWork{id}); err != nil {
		h.t.Fatal(err)
	}
	run, err := h.Run(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return run
}

// standing is the stored row of a customer; nil when there is none.
func (h *house) standing(id int64) *model.CustomerLifecycle {
	h.t.Helper()
	rows, err := standingsOf(h.db, []int64{id})
	if err != nil {
		h.t.Fatal(err)
	}
	if len(rows) == 0 {
		return nil
	}
	return rows[0]
}

func (h *house) stage(id int64) string {
	h.t.Helper()
	if r := h.standing(id); r != nil {
		return r.Stage
	}
	return ""
}

// replay holds every standing against the customer's history, and the history against itself and the facts.
func (h *house) replay() {
	h.t.Helper()
	var rows []model.StageChange
	if err := h.db.Order("customer_id, number").Find(&rows).Error; err != nil {
		h.t.Fatal(err)
	}
	last := map[int64]model.StageChange{}
	moves := 0
	for _, c := range rows {
		l := last[c.CustomerID]
		if c.Number != l.Number+1 || c.FromStage != l.ToStage || c.FromStage == c.ToStage || c.ChangedAt.Before(l.ChangedAt) {
			h.t.Errorf("change %+v does not follow %+v", c, l)
		}
		if c.FromStage != "" {
			moves++
		}
		last[c.CustomerID] = c
	}
	var standings []model.CustomerLifecycle
	if err := h.db.Find(&standings).Error; err != nil {
		h.t.Fatal(err)
	}
	for _, r := range standings {
		if l := last[r.CustomerID]; l.ToStage != r.Stage || l.Number != r.StageChanges || !l.ChangedAt.Equal(r.StageSince) {
			h.t.Errorf("customer %d stands at %s since %v (%d), history says %+v", r.CustomerID, r.Stage, r.StageSince, r.StageChanges, l)
		}
	}
	if n := modeltest.Count[model.Event](h.t, h.db, "kind = ?", event.KindStageChanged); int(n) != moves {
		h.t.Errorf("%d facts of %d changes", n, moves)
	}
}
