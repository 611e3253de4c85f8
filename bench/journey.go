package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/journey"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/privacy"
	"zhiyin/service/segment"
	"zhiyin/service/work"
)

// JourneyOptions says what [Journey] measures; zero values mean what is said at each.
type JourneyOptions struct {
	DSN       string         // of an empty database, which is migrated and left with the enrolments in it
	ServerPID int            // of the database server, to count its CPU time too; 0: unknown
	Zone      *time.Location // of the business
	Customers int            // who go through four steps each: 0: 25,000
	Parked    int            // timers: 0: 1,000,000
	Rehearsed int            // customers of the rehearsal: 0: 100,000
	Rounds    int            // of moving and its raw limit: 0: 3
}

func (o JourneyOptions) withDefaults() JourneyOptions {
	for _, d := range []struct {
		to *int
		n  int
	}{{&o.Customers, 25_000}, {&o.Parked, 1_000_000}, {&o.Rehearsed, 100_000}, {&o.Rounds, 3}} {
		if *d.to <= 0 {
			*d.to = d.n
		}
	}
	return o
}

// Journey measures durable transitions beside the statements that they consist of, written by hand, in the same run; how
// late parked timers are and what waiting for them costs; how soon an event has its first step; and a rehearsal of 30 days.
func Journey(ctx context.Context, o JourneyOptions, out io.Writer) error {
	o = o.withDefaults()
	db, err := model.Open(ctx, model.Options{DSN: o.DSN})
	if err != nil {
		return err
	}
	defer model.Close(db)
	if _, err := model.Migrate(ctx, db); err != nil {
		return err
	}
	b := newJourneyBench(o, db, out)
	if err := b.people(ctx, max(o.Rehearsed, o.Customers)); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{b.transitions, b.firstStep, b.rehearse, b.park} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

type journeyBench struct {
	JourneyOptions
	db       *gorm.DB
	out      io.Writer
	events   *event.Log
	journeys *journey.Service
}

func newJourneyBench(o JourneyOptions, db *gorm.DB, out io.Writer) *journeyBench {
	quiet := slog.New(slog.DiscardHandler)
	queue := work.New(db, clock.System)
	log := event.New(queue, clock.System, event.Options{DB: db, Zone: o.Zone, Logger: quiet})
	b := &journeyBench{JourneyOptions: o, db: db, out: out, events: log}
	arbiter := governor.New(governor.Deps{DB: db, Now: clock.System, Zone: o.Zone, Wishes: privacy.New(db, log, nil, clock.System), Logger: quiet})
	b.journeys = journey.New(journey.Deps{
		Forecast: func(ctx context.Context) (journey.Forecast, error) { return arbiter.Forecast(ctx) },
		DB:       db, Events: log, Queue: queue, Now: clock.System, Zone: o.Zone, Messages: outreach.New(outreach.Deps{DB: db, Now: clock.System, Logger: quiet}), Logger: quiet,
	})
	log.Feed("journey", b.journeys.OnEvents)
	return b
}

func (b *journeyBench) people(ctx context.Context, n int) error {
	now := clock.System()
	err := b.db.WithContext(ctx).Create(&model.MessageVersion{ID: 1, MessageID: 1, Version: 1, Channels: "[]", Body: "{}", Hash: make([]byte, 32), Findings: "[]", CreatedAt: now}).Error
	if err != nil {
		return err
	}
	rows := make([]*model.Customer, n)
	for i := range rows {
		rows[i] = &model.Customer{Name: fmt.Sprint("客户", i), BirthMD: 101 + i%28, FirstSeenAt: now, CreatedAt: now, UpdatedAt: now}
	}
	return b.db.WithContext(ctx).CreateInBatches(rows, 1000).Error
}

// open makes a journey that is running.
func (b *journeyBench) open(ctx context.Context, text string) (int64, error) {
	d, err := b.journeys.Read(ctx, []byte(text), segment.RowIDs)
	if err != nil {
		return 0, err
	}
	row, err := b.journeys.Create(ctx, journey.Input{Name: "bench", Definition: d})
	if err != nil {
		return 0, err
	}
	_, err = b.journeys.Activate(ctx, row.ID, 1, 0)
	return row.ID, err
}

// fourSteps are a share, a message, another share and a message: what is measured is moving, not waiting.
const fourSteps = `{"trigger":{"kind":%s},"entry":{"again":"once"},"start":"lot","nodes":[
	{"id":"lot","step":"split_share","with":{"shares":[{"name":"a","points":5000},{"name":"b","points":5000}]},"next":{"a":"one","b":"two"}},
	{"id":"one","step":"message","with":{"channel":"inbox","message":"1"},"next":{"next":"rest"}},
	{"id":"two","step":"message","with":{"channel":"inbox","message":"1"},"next":{"next":"rest"}},
	{"id":"rest","step":"wait","with":{"for":"3d"},"next":{"next":"end"}},{"id":"end","step":"exit"}]}`

// enrol puts customers at the beginning of a journey, due at moments.
func (b *journeyBench) enrol(ctx context.Context, id int64, n int, node string, arrived time.Time, due func(i int) time.Time) error {
	now := clock.System()
	var rows []*model.Enrolment
	for i := range n {
		rows = append(rows, &model.Enrolment{
			JourneyID: id, Version: 1, CustomerID: int64(i%max(b.Rehearsed, b.Customers)) + 1, EntryKey: fmt.Sprint(i / max(b.Rehearsed, b.Customers)), Turn: 1, State: journey.Running,
			Node: node, Visit: 1, ArrivedAt: arrived, DueAt: due(i), Cause: "bench", EnteredAt: now, UpdatedAt: now,
		})
		if len(rows) == 1000 || i == n-1 {
			if err := b.db.WithContext(ctx).Create(rows).Error; err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	return nil
}

// transitions measures steps that are taken for good, and the raw statements of as many.
func (b *journeyBench) transitions(ctx context.Context) error {
	n := 2 * b.Customers // the lot and the message; the wait is not over
	fmt.Fprintf(b.out, "%d customers, %d transitions: a share and a message each, then a wait\n", b.Customers, n)
	fmt.Fprintf(b.out, "%-34s %10s %12s %12s\n", "", "per second", "CPU s/100k", "server CPU")
	q := QueueOptions{ServerPID: b.ServerPID}
	var rates, raws []float64
	for range b.Rounds {
		id, err := b.open(ctx, fmt.Sprintf(fourSteps, `"api"`))
		if err != nil {
			return err
		}
		past := clock.System().Add(-time.Second)
		if err := b.enrol(ctx, id, b.Customers, "lot", past, func(int) time.Time { return past }); err != nil {
			return err
		}
		rate, err := q.measure(b.out, "transitions", n, func() error { _, err := b.journeys.Advance(ctx); return err })
		if err != nil {
			return err
		}
		if err := b.stop(ctx, id); err != nil {
			return err
		}
		raw, err := q.measure(b.out, "their statements alone", n, func() error { return b.raw(ctx, id) })
		if err != nil {
			return err
		}
		rates, raws = append(rates, rate), append(raws, raw)
	}
	slices.Sort(rates)
	slices.Sort(raws)
	fmt.Fprintf(b.out, "median %.0f transitions/s, %.2f of the raw limit of %.0f\n\n", rates[len(rates)/2], rates[len(rates)/2]/raws[len(raws)/2], raws[len(raws)/2])
	return nil
}

// stop takes everybody of a journey out of the way.
func (b *journeyBench) stop(ctx context.Context, id int64) error {
	return b.db.WithContext(ctx).Model(&model.Journey{}).Where("id = ?", id).UpdateColumn("state", journey.Stopped).Error
}

// raw writes what the transitions wrote, by the fewest statements, without deciding anything.
func (b *journeyBench) raw(ctx context.Context, id int64) error {
	db := b.db.WithContext(ctx)
	var ids []int64
	if err := db.Model(&model.Enrolment{}).Where("journey_id = ?", id).Order("id").Pluck("id", &ids).Error; err != nil {
		return err
	}
	now := clock.System()
	for some := range slices.Chunk(ids, 500) {
		err := model.InTx(ctx, b.db, func(tx *gorm.DB) error {
			var found []model.Enrolment
			if err := model.ForUpdate(tx).Where("id IN ?", some).Find(&found).Error; err != nil {
				return err
			}
			err := tx.Exec("UPDATE enrolment SET node = 'rest', visit = visit + 2, due_at = ?, fence = fence + 1 WHERE id IN ?", now.Add(time.Hour), some).Error
			if err != nil {
				return err
			}
			visits, vargs := strings.Builder{}, []any{}
			sent, sargs := strings.Builder{}, []any{}
			for _, e := range found {
				visits.WriteString(",(?,?,?,?,?),(?,?,?,?,?)")
				vargs = append(vargs, e.ID, 1001, "lot", "a", now, e.ID, 1002, "one", "next", now)
				sent.WriteString(",('bench',?,'one',?,0,?,1,0,0,1,'',?,0,0,'','',0,'',?,?)")
				sargs = append(sargs, id, e.CustomerID, fmt.Sprint(e.ID), now, now, now)
			}
			if err := tx.Exec("INSERT INTO enrolment_visit (enrolment_id, visit, node, outcome, at) VALUES "+visits.String()[1:], vargs...).Error; err != nil {
				return err
			}
			return tx.Exec("INSERT INTO delivery (source, source_id, step, customer_id, group_id, occurrence, lane_id, shelf, state, message_id, vars, due_at, claim_id, attempts, platform_id, class, code, reason, created_at, updated_at) VALUES "+sent.String()[1:], sargs...).Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// firstStep measures how long after an event its first step is done.
func (b *journeyBench) firstStep(ctx context.Context) error {
	id, err := b.open(ctx, fmt.Sprintf(fourSteps, `"event","with":{"event":{"kind":"order.paid"}}`))
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { b.events.RunFeeds(running) })
	all.Go(func() { b.journeys.Run(running) })
	defer func() { stop(); all.Wait() }()
	const n, each = 2000, 5 * time.Millisecond
	at := map[int64]time.Time{}
	for c := range int64(n) {
		now := clock.System()
		at[c+1] = now
		err := model.InTx(ctx, b.db, func(tx *gorm.DB) error {
			_, err := b.events.Record(tx, event.OrderPaid{OrderFact: event.OrderFact{OrderID: c + 1, CustomerID: c + 1, At: now}})
			return err
		})
		if err != nil {
			return err
		}
		time.Sleep(time.Until(now.Add(each)))
	}
	var took []time.Duration
	for range 100 {
		var rows []model.Delivery
		if err := b.db.WithContext(ctx).Select("customer_id", "created_at").Where("source = 'journey' AND source_id = ?", id).Find(&rows).Error; err != nil {
			return err
		}
		if len(rows) == n {
			for _, d := range rows {
				took = append(took, d.CreatedAt.Sub(at[d.CustomerID]))
			}
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(took) != n {
		return fmt.Errorf("after ten seconds not all of %d events had their first step", n)
	}
	slices.Sort(took)
	fmt.Fprintf(b.out, "event to first step, 200 a second: p50 %v, p99 %v, longest %v\n\n", took[n/2], took[n*99/100], took[n-1])
	return b.stop(ctx, id)
}

// rehearse measures a rehearsal of 30 days over all customers, with the governor as the product comes.
func (b *journeyBench) rehearse(ctx context.Context) error {
	text := `{"trigger":{"kind":"date","with":{"of":"birthday","at":"09:00"}},"entry":{"again":"after_days","days":300},"holdout":500,"start":"hello","nodes":[
		{"id":"hello","step":"message","with":{"channel":"inbox","message":"1"},"next":{"next":"look"}},
		{"id":"look","step":"wait_for","with":{"when":{"event":{"kind":"order.paid"}},"timeout":"2d"},"next":{"happened":"end","timeout":"kind"}},
		{"id":"kind","step":"split","with":{"branches":[{"name":"bought","rule":{"field":"order.count","op":"at_least","values":[1]}}]},"next":{"bought":"end","otherwise":"offer"}},
		{"id":"offer","step":"message","with":{"channel":"sms","message":"1"},"next":{"next":"rest"}},
		{"id":"rest","step":"wait","with":{"for":"5d"},"next":{"next":"last"}},
		{"id":"last","step":"message","with":{"channel":"sms","message":"1"},"next":{"next":"end"}},{"id":"end","step":"exit"}]}`
	d, err := b.journeys.Read(ctx, []byte(text), segment.RowIDs)
	if err != nil {
		return err
	}
	own, began := ownCPU(), time.Now()
	year := clock.System().Year() + 1
	r, err := b.journeys.Rehearse(ctx, 1, d, journey.Asked{From: time.Date(year, 1, 1, 0, 0, 0, 0, b.Zone), Days: 30})
	if err != nil {
		return err
	}
	var sent int64
	for _, day := range r.Days {
		for _, n := range day.Sent {
			sent += n
		}
	}
	fmt.Fprintf(b.out, "rehearsal of 30 days: %d customers, %d entered, %d messages in %v, %.1f s CPU\n\n", r.Customers, r.Entered, sent, time.Since(began).Round(time.Millisecond), (ownCPU() - own).Seconds())
	return nil
}

// park measures what many parked timers cost, and how late they are: most are due far off, 200 a second come due.
func (b *journeyBench) park(ctx context.Context) error {
	id, err := b.open(ctx, fmt.Sprintf(fourSteps, `"api"`))
	if err != nil {
		return err
	}
	const idle, rate, seconds = 20 * time.Second, 200, 30
	due := rate * seconds
	began := time.Now()
	if err := b.enrol(ctx, id, b.Parked, "rest", clock.System(), func(i int) time.Time { return clock.System().Add(24*time.Hour + time.Duration(i)*time.Millisecond) }); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%d timers parked in %v\n", b.Parked, time.Since(began).Round(time.Second))
	running, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { b.journeys.Run(running) })
	defer func() { stop(); all.Wait() }()
	time.Sleep(time.Second)
	own, server := ownCPU(), processCPU(b.ServerPID)
	time.Sleep(idle)
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / idle.Seconds() }
	fmt.Fprintf(b.out, "idle: %.2f %% CPU of ours, %.2f %% of the server's\n", share(ownCPU()-own), share(processCPU(b.ServerPID)-server))
	start := clock.System().Add(6 * time.Second) // the engine has looked again by then
	// They have waited for three days by then, so that they end.
	var ids []int64
	if err := b.db.WithContext(ctx).Model(&model.Enrolment{}).Where("journey_id = ?", id).Order("id").Limit(due).Pluck("id", &ids).Error; err != nil {
		return err
	}
	promised := make(map[int64]time.Time, due) // a row's own due time is that of its last step by then
	for i, some := range slices.Collect(slices.Chunk(ids, rate/4)) {
		for _, id := range some {
			promised[id] = start.Add(time.Duration(i) * 250 * time.Millisecond)
		}
		err := b.db.WithContext(ctx).Model(&model.Enrolment{}).Where("id IN ?", some).
			UpdateColumns(map[string]any{"due_at": start.Add(time.Duration(i) * 250 * time.Millisecond), "arrived_at": start.AddDate(0, 0, -4)}).Error
		if err != nil {
			return err
		}
	}
	time.Sleep(time.Until(start) + (seconds+3)*time.Second)
	var rows []model.Enrolment
	if err := b.db.WithContext(ctx).Select("id", "ended_at").Where("id IN ? AND state = ?", ids, journey.Ended).Find(&rows).Error; err != nil {
		return err
	}
	if len(rows) != due {
		return fmt.Errorf("%d of %d timers have gone off", len(rows), due)
	}
	late := make([]time.Duration, len(rows))
	for i, e := range rows {
		late[i] = e.EndedAt.Sub(promised[e.ID])
	}
	slices.Sort(late)
	fmt.Fprintf(b.out, "%d a second of them due: p50 %v late, p99 %v, longest %v\n", rate, late[due/2], late[due*99/100], late[due-1])
	return nil
}
