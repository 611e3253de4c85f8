package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/work"
)

// EventsOptions says what [Events] measures; zero values mean what is said at each.
type EventsOptions struct {
	DSN       string // of an empty database, which is migrated; its events are emptied again and again
	Events    int    // of each setting in each round: 0: 60,000
	PerCall   int    // events that a client sends at a time: 0: 20
	Callers   int    // clients at once: 0: 64
	Rounds    int    // 0: 3
	ServerPID int    // of the database server, to count its CPU time too; 0: unknown
}

// Events measures how fast tracked events are recorded by the service, with everything that belongs to
// it: validation, dedupe by the client's id, daily counts, a feed. Beside it, in the same run and on empty
// tables each time, the same rows are written by LOAD DATA, with and without the counts, and by one GORM
// batch insert per call: of the events alone, and in one transaction that also knows repeats and keeps the counts, as the service does. Without LOAD DATA (SQLite has none) large INSERTs stand for it.
func Events(ctx context.Context, o EventsOptions, out io.Writer) error {
	o = o.withDefaults()
	db, err := model.Open(ctx, model.Options{DSN: o.DSN, MaxConns: o.Callers + 4, StatementTimeout: 2 * time.Minute})
	if err != nil {
		return err
	}
	defer model.Close(db)
	if _, err := model.Migrate(ctx, db); err != nil {
		return err
	}
	b := &eventBench{EventsOptions: o, db: db, calls: eventCalls(o)}
	if err := b.track(ctx); err != nil { // warms up, and leaves the rows that all others write
		return err
	}
	if err := b.readRows(ctx); err != nil {
		return err
	}
	b.writeText()
	settings := []*eventSetting{
		{name: "LOAD DATA, events", run: b.loadEvents, events: true}, {name: "LOAD DATA, events and counts", run: b.loadAll, events: true, counts: true},
		{name: "GORM batch insert per call", run: b.gorm, events: true},
		{name: "GORM, repeats and counts too", run: b.gormAll, events: true, counts: true}, {name: "the service", run: b.track, events: true, counts: true},
	}
	fmt.Fprintf(out, "%d events, %d a call, %d callers; %d rows, %d counts\n", o.Events, o.PerCall, o.Callers, len(b.events), len(b.days))
	for round := range o.Rounds {
		for i := range settings {
			s := settings[(i+round)%len(settings)]
			f, err := b.measure(ctx, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			s.seen = append(s.seen, f)
			fmt.Fprintf(out, "round %d  %-30s %8.0f/s  CPU %s\n", round+1, s.name, f.perSecond, f.cpu().Round(100*time.Nanosecond))
		}
	}
	b.report(out, settings)
	return nil
}

func (o EventsOptions) withDefaults() EventsOptions {
	o.Events = cmp.Or(o.Events, 60_000)
	o.PerCall = cmp.Or(o.PerCall, 20)
	o.Callers = cmp.Or(o.Callers, 64)
	o.Rounds = cmp.Or(o.Rounds, 3)
	return o
}

// eventSetting is one way to write the events.
type eventSetting struct {
	name           string
	run            func(context.Context) error
	events, counts bool // what it leaves
	seen           []figures
}

type eventBench struct {
	EventsOptions
	db     *gorm.DB
	calls  []event.TrackInput
	events []model.Event
	days   []model.EventDay

	eventText, dayText []byte
}

// eventCalls are what clients send: each call is what one customer did in a while.
func eventCalls(o EventsOptions) []event.TrackInput {
	rnd := rand.New(rand.NewPCG(1, 2))
	now := clock.System()
	calls := make([]event.TrackInput, o.Events/o.PerCall)
	for i := range calls {
		u := rnd.Float64()
		in := event.TrackInput{CustomerID: 1 + int64(u*u*100_000), AccountID: 1, Source: "miniapp", SentAt: now}
		for j := range o.PerCall {
			in.Events = append(in.Events, deed(rnd, fmt.Sprintf("%08x-%d-%d", rnd.Uint32(), i, j), now.Add(-time.Duration(rnd.IntN(3600))*time.Second)))
		}
		calls[i] = in
	}
	return calls
}

func deed(rnd *rand.Rand, id string, at time.Time) event.Tracked {
	e := event.Tracked{ID: id, At: at}
	switch n := rnd.IntN(10); {
	case n < 6:
		e.Name = event.KindPageViewed
		e.Properties = json.RawMessage(fmt.Sprintf(`{"page":"pages/page%d","title":"春季新品上市","dwell_ms":%d,"referrer":"pages/home","scene":1007}`, rnd.IntN(50), rnd.IntN(60_000)))
	case n < 8:
		e.Name = event.KindProductViewed
		e.Properties = json.RawMessage(fmt.Sprintf(`{"product":"SKU%05d","category":"护肤","price":%d,"dwell_ms":%d}`, rnd.IntN(1000), rnd.IntN(100_000), rnd.IntN(60_000)))
	case n < 9:
		e.Name = event.KindElementClicked
		e.Properties = json.RawMessage(fmt.Sprintf(`{"element":"button%d","page":"pages/home"}`, rnd.IntN(30)))
	default:
		e.Name = event.KindCartAdded
		e.Properties = json.RawMessage(fmt.Sprintf(`{"product":"SKU%05d","quantity":1,"amount":%d}`, rnd.IntN(1000), rnd.IntN(100_000)))
	}
	return e
}

// measure runs one setting on empty tables and holds what it left against what it should.
func (b *eventBench) measure(ctx context.Context, s *eventSetting) (figures, error) {
	if err := emptyEvents(ctx, b.db); err != nil {
		return figures{}, err
	}
	own, server, began := ownCPU(), processCPU(b.ServerPID), time.Now()
	if err := s.run(ctx); err != nil {
		return figures{}, err
	}
	took := time.Since(began)
	n := time.Duration(len(b.events))
	f := figures{perSecond: float64(n) / took.Seconds(), goCPU: (ownCPU() - own) / n, dataCPU: (processCPU(b.ServerPID) - server) / n}
	events, days, err := countedEvents(ctx, b.db)
	if err != nil {
		return f, err
	}
	if events != int64(len(b.events)) || s.counts && days != int64(len(b.events)) {
		return f, fmt.Errorf("it left %d events and counts of %d, want %d", events, days, len(b.events))
	}
	return f, nil
}

// track has concurrent callers call the service, as requests would.
func (b *eventBench) track(ctx context.Context) error {
	log := event.New(work.New(b.db, clock.System), clock.System, event.Options{DB: b.db, Logger: slog.New(slog.DiscardHandler)})
	log.Feed("bench", func(*gorm.DB, []model.Event) error { return nil })
	return b.concurrently(func(i int) error {
		told, err := log.Track(ctx, b.calls[i])
		if err != nil {
			return err
		}
		for _, o := range told {
			if o.Result != event.Accepted {
				return fmt.Errorf("event %s was %s %s", o.ID, o.Result, o.Reason)
			}
		}
		return nil
	})
}

// gorm has the same callers insert the rows of a call by GORM, without looking for repeats or counting.
func (b *eventBench) gorm(ctx context.Context) error {
	return b.concurrently(func(i int) error {
		rows := append([]model.Event{}, b.events[i*b.PerCall:(i+1)*b.PerCall]...)
		return b.db.WithContext(ctx).Create(&rows).Error
	})
}

// gormAll has the same callers do by GORM what the service leaves: a call's rows without those that are there, and its counts.
func (b *eventBench) gormAll(ctx context.Context) error {
	return b.concurrently(func(i int) error {
		rows := b.events[i*b.PerCall : (i+1)*b.PerCall]
		return model.InTx(ctx, b.db, func(tx *gorm.DB) error {
			insert := append([]model.Event{}, rows...)
			if err := model.InsertIgnore(tx).Create(&insert).Error; err != nil {
				return err
			}
			days := daysOf(rows)
			return tx.Clauses(b.adding()).Create(&days).Error
		})
	})
}

// adding makes an INSERT of counts add to those that are there.
func (b *eventBench) adding() clause.OnConflict {
	given := func(column string) string {
		if model.IsSQLite(b.db) {
			return "excluded." + column
		}
		return "VALUES(" + column + ")"
	}
	return clause.OnConflict{
		Columns: []clause.Column{{Name: "customer_id"}, {Name: "kind"}, {Name: "item"}, {Name: "day"}},
		DoUpdates: clause.Assignments(map[string]any{
			"times": gorm.Expr("event_day.times + " + given("times")), "value": gorm.Expr("event_day.value + " + given("value")),
			"first_at": gorm.Expr("CASE WHEN " + given("first_at") + " < event_day.first_at THEN " + given("first_at") + " ELSE event_day.first_at END"),
			"last_at":  gorm.Expr("CASE WHEN " + given("last_at") + " > event_day.last_at THEN " + given("last_at") + " ELSE event_day.last_at END"),
		}),
	}
}

// daysOf counts events, in an order in which callers don't wait for one another in a circle.
func daysOf(events []model.Event) (days []model.EventDay) {
	for _, e := range events {
		at := e.OccurredAt.In(time.FixedZone("UTC+8", 8*60*60))
		days = append(days, model.EventDay{CustomerID: e.CustomerID, Kind: e.Kind, Item: e.Item, Day: at.Year()*10_000 + int(at.Month())*100 + at.Day(), Times: 1, Value: e.Value, FirstAt: e.OccurredAt, LastAt: e.OccurredAt})
	}
	slices.SortFunc(days, func(x, y model.EventDay) int {
		return cmp.Or(cmp.Compare(x.CustomerID, y.CustomerID), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Item, y.Item), cmp.Compare(x.Day, y.Day))
	})
	at := 0
	for _, d := range days[min(1, len(days)):] {
		last := &days[at]
		if d.CustomerID != last.CustomerID || d.Kind != last.Kind || d.Item != last.Item || d.Day != last.Day {
			at++
			days[at] = d
			continue
		}
		last.Times, last.Value = last.Times+d.Times, last.Value+d.Value
		if d.FirstAt.Before(last.FirstAt) {
			last.FirstAt = d.FirstAt
		}
		if d.LastAt.After(last.LastAt) {
			last.LastAt = d.LastAt
		}
	}
	return days[:min(at+1, len(days))]
}

// concurrently does each of the calls once, Callers at a time.
func (b *eventBench) concurrently(do func(i int) error) error {
	var next atomic.Int64
	errs := make([]error, b.Callers)
	var all sync.WaitGroup
	for c := range b.Callers {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(b.calls) {
					return
				}
				if errs[c] = do(i); errs[c] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (b *eventBench) report(out io.Writer, settings []*eventSetting) {
	fmt.Fprintf(out, "\nmedians of %d rounds; CPU per event\n%-32s %10s %11s %11s %11s\n", b.Rounds, "", "events/s", "CPU", "of it ours", "database's")
	if b.ServerPID == 0 {
		fmt.Fprintln(out, "the database server's CPU time is not counted: it runs inside this process, or its process is not known")
	}
	m := make([]figures, len(settings))
	for i, s := range settings {
		m[i] = medians(s.seen)
		fmt.Fprintf(out, "%-32s %10.0f %11s %11s %11s\n", s.name, m[i].perSecond, m[i].cpu().Round(100*time.Nanosecond), m[i].goCPU.Round(100*time.Nanosecond), m[i].dataCPU.Round(100*time.Nanosecond))
	}
	load, all, gorm, gormAll, ours := m[0], m[1], m[2], m[3], m[4]
	fmt.Fprintf(out, "\nthe service / LOAD DATA of the events %.2f   / LOAD DATA of events and counts %.2f   / GORM of the events %.2f   / GORM of both %.2f\nCPU / LOAD DATA of both %.2f   / GORM of the events %.2f   / GORM of both %.2f\n",
		ours.perSecond/load.perSecond, ours.perSecond/all.perSecond, ours.perSecond/gorm.perSecond, ours.perSecond/gormAll.perSecond,
		float64(ours.cpu())/float64(max(all.cpu(), 1)), float64(ours.cpu())/float64(max(gorm.cpu(), 1)), float64(ours.cpu())/float64(max(gormAll.cpu(), 1)))
}
