package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/segment"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// LiveOptions says what [SegmentLive] measures; zero values mean what is said at each.
type LiveOptions struct {
	DSN      string // of a database that bench/seed has filled; events and segments are added to it
	Rate     int    // events a second; 0: 500
	Duration time.Duration
	Zone     *time.Location // nil: UTC+8
}

// SegmentLive measures dynamic segments as the product runs them, by SQL alone: full builds of rules of five conditions,
// and how long after an event is acknowledged the membership that it changes is changed.
func SegmentLive(ctx context.Context, o LiveOptions, out io.Writer) error {
	if o.Rate == 0 {
		o.Rate = 500
	}
	if o.Duration == 0 {
		o.Duration = 10 * time.Second
	}
	if o.Zone == nil {
		o.Zone = time.FixedZone("UTC+8", 8*3600)
	}
	db, err := model.Open(ctx, model.Options{DSN: o.DSN, MaxConns: 40, StatementTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer model.Close(db)
	l := newLive(o, db)
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	worker := work.NewWorker(l.queue, work.Options{Concurrency: 2, Logger: slog.New(slog.DiscardHandler)})
	running.Go(func() { _ = worker.Run(ctx) })
	for _, b := range []benchRule{benchRules[len(benchRules)-1], cartRule} {
		if err := l.build(ctx, b, out); err != nil {
			return err
		}
	}
	running.Go(func() { l.events.RunFeeds(ctx) })
	if err := l.drive(ctx, out); err != nil {
		return err
	}
	return l.build(ctx, manyRule, out)
}

// manyRule brings every third customer into a new segment.
var manyRule = benchRule{"every third", 1, `{"field":"tag","op":"any","values":["1"]}`}

// cartRule is changed by an event.
var cartRule = benchRule{"cart in two days", 5, `{"all":[
	{"field":"event.cart.added","op":"did","window":{"last_days":2}}, {"field":"tag","op":"none","values":["290"]}, {"field":"stage","op":"is_not","values":["lost"]},
	{"field":"first_seen","op":"in","window":{"last_days":1095}}, {"field":"order.sum","op":"at_most","values":[100000000]}]}`}

type live struct {
	LiveOptions
	db       *gorm.DB
	queue    *work.Queue
	events   *event.Log
	segments *segment.Service
	id       int64 // of the segment that was built last
}

// noStaff: nobody looks.
type noStaff struct{}

// VisibleStaff implements segment.Staff.
func (noStaff) VisibleStaff(context.Context, *staff.Viewer) (bool, []int64, error) {
	return true, nil, nil
}

func newLive(o LiveOptions, db *gorm.DB) *live {
	quiet := slog.New(slog.DiscardHandler)
	l := &live{LiveOptions: o, db: db, queue: work.New(db, clock.System)}
	l.events = event.New(l.queue, clock.System, event.Options{DB: db, Zone: o.Zone, Logger: quiet})
	l.segments = segment.New(segment.Deps{DB: db, Events: l.events, Queue: l.queue, Now: clock.System, Zone: o.Zone, Staff: noStaff{}, Logger: quiet})
	l.events.Feed("segment", l.segments.OnEvents)
	return l
}

// build makes a segment and waits until all its members are there; then it has all of it built once more, as every night, when hardly anybody enters or leaves.
func (l *live) build(ctx context.Context, b benchRule, out io.Writer) error {
	rule, err := l.segments.Decode(ctx, []byte(b.rule), rowNumbers{})
	if err != nil {
		return err
	}
	began := time.Now()
	row, err := l.segments.Create(ctx, segment.Definition{Name: b.name, Rule: rule})
	if err != nil {
		return err
	}
	for row.BuiltVersion == 0 {
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
		if row, _, err = l.segments.Get(ctx, row.ID); err != nil {
			return err
		}
		if row.Error != "" {
			return errors.New(row.Error)
		}
	}
	l.id = row.ID
	first, found := time.Since(began), time.Duration(row.BuildMs)*time.Millisecond
	began = time.Now()
	if _, err := l.segments.Rebuild(ctx, row.ID, 0); err != nil {
		return err
	}
	for {
		b, err := l.segments.Building(ctx, row.ID)
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "full build of %q, %d conditions, by SQL alone: %d members in %s, of it %s to find them; once more in %s\n", b.name, b.conditions, row.Members,
		first.Round(time.Millisecond), found, time.Since(began).Round(time.Millisecond))
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// drive lets customers who would fit put something in their cart, and watches them enter.
func (l *live) drive(ctx context.Context, out io.Writer) error {
	n := l.Rate * int(l.Duration/time.Second)
	ids, err := l.candidates(ctx, n)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	pending := map[int64]time.Time{} // acknowledged, and not seen to be in yet
	var failed error
	var tracking sync.WaitGroup
	sent := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(sent)
		for i, id := range ids {
			if wait(ctx, time.Until(began.Add(time.Duration(i)*time.Second/time.Duration(l.Rate)))) != nil {
				return
			}
			tracking.Go(func() {
				err := l.track(ctx, id)
				mu.Lock()
				defer mu.Unlock()
				failed = errors.Join(failed, err)
				pending[id] = time.Now()
			})
		}
		tracking.Wait()
	}()
	var took []time.Duration
	for done := false; !done; {
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
		select {
		case <-sent:
			done = true
		default:
		}
		mu.Lock()
		waiting := maps.Clone(pending)
		mu.Unlock()
		in, err := l.in(ctx, slices.Collect(maps.Keys(waiting)))
		if err != nil {
			return err
		}
		now := time.Now()
		mu.Lock()
		for _, id := range in {
			took = append(took, now.Sub(pending[id]))
			delete(pending, id)
		}
		done = done && (len(pending) == 0 || now.Sub(began) > l.Duration+time.Minute)
		mu.Unlock()
	}
	if failed != nil {
		return failed
	}
	if len(took) != len(ids) {
		return fmt.Errorf("of %d customers only %d entered", len(ids), len(took))
	}
	fmt.Fprintf(out, "%d events at %d/s, each of another customer: acknowledged to entered p50 %s, p95 %s, p99 %s\n", len(ids), l.Rate,
		ms(percentile(took, 50)), ms(percentile(took, 95)), ms(percentile(took, 99)))
	return nil
}

func (l *live) track(ctx context.Context, id int64) error {
	out, err := l.events.Track(ctx, event.TrackInput{CustomerID: id, AccountID: 1, Source: "miniapp", Events: []event.Tracked{
		{ID: fmt.Sprint("bench-", l.id, "-", id), Name: event.KindCartAdded, Properties: json.RawMessage(`{"product":"p1"}`)},
	}})
	if err == nil && out[0].Result != event.Accepted {
		err = fmt.Errorf("an event was not accepted: %s", out[0].Reason)
	}
	return err
}

// candidates are customers who fit but for the event.
func (l *live) candidates(ctx context.Context, n int) ([]int64, error) {
	var but map[string][]json.RawMessage
	if err := json.Unmarshal([]byte(cartRule.rule), &but); err != nil {
		return nil, err
	}
	but["all"][0] = json.RawMessage(`{"field":"event.cart.added","op":"did_not","window":{"last_days":2}}`)
	raw, err := json.Marshal(but)
	if err != nil {
		return nil, err
	}
	rule, err := l.segments.Decode(ctx, raw, rowNumbers{})
	if err != nil {
		return nil, err
	}
	known, err := l.segments.Vocabulary(ctx)
	if err != nil {
		return nil, err
	}
	env := &segment.Env{Now: clock.System(), Zone: l.Zone, Known: known, SQLite: model.IsSQLite(l.db)}
	var found []int64
	for after := int64(0); len(found) < n; after += 10_000 {
		q, err := env.Select(rule, segment.Scope{After: after, To: after + 10_000})
		if err != nil {
			return nil, err
		}
		ids, err := idsBy(ctx, l.db, q)
		if err != nil || len(ids) == 0 {
			return found, err
		}
		found = append(found, ids...)
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(found), func(i, k int) { found[i], found[k] = found[k], found[i] })
	return found[:n], nil
}

// in says who of them is in the segment.
func (l *live) in(ctx context.Context, ids []int64) (in []int64, err error) {
	for part := range slices.Chunk(ids, 500) {
		var some []int64
		err := l.db.WithContext(ctx).Model(&model.SegmentMember{}).Where("segment_id = ? AND left_at IS NULL AND customer_id IN ?", l.id, part).Pluck("customer_id", &some).Error
		if err != nil {
			return nil, err
		}
		in = append(in, some...)
	}
	return in, nil
}
