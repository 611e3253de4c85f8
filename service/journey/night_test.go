package journey

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/privacy"
)

func zoned(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestF37_ClocksOfSteps: a time of day is the clock's on the wall, also on the days on which it is put forward or back.
func TestF37_ClocksOfSteps(t *testing.T) {
	for _, tt := range []struct {
		name, zone, at, from, want string
	}{
		{"tomorrow morning", "Asia/Shanghai", "09:00", "2026-11-22 09:00:01", "2026-11-23 09:00:00"},
		{"across midnight", "Asia/Shanghai", "00:30", "2026-11-22 23:45:00", "2026-11-23 00:30:00"},
		{"into 29 February", "Asia/Shanghai", "09:00", "2028-02-28 12:00:00", "2028-02-29 09:00:00"},
		{"into 1 March", "Asia/Shanghai", "09:00", "2027-02-28 12:00:00", "2027-03-01 09:00:00"},
		{"clocks go forward in the night", "America/New_York", "09:00", "2026-03-07 12:00:00", "2026-03-08 09:00:00"},
		{"clocks go back in the night", "America/New_York", "09:00", "2026-10-31 12:00:00", "2026-11-01 09:00:00"},
		{"a time that is skipped", "America/New_York", "02:30", "2026-03-07 12:00:00", "2026-03-08 03:00:00"},
		{"skipped at midnight", "Asia/Beirut", "00:30", "2026-03-28 12:00:00", "2026-03-29 01:00:00"},
		{"one that comes twice: the first", "America/New_York", "01:30", "2026-10-31 12:00:00", "2026-11-01 01:30:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, 1)
			h.Zone = zoned(t, tt.zone)
			from, err := time.ParseInLocation(time.DateTime, tt.from, h.Zone)
			if err != nil {
				t.Fatal(err)
			}
			h.clock.Advance(from.Sub(h.clock.Now()))
			id := h.open(journey(onView, "", `{"id":"till","step":"wait_clock","with":{"at":"`+tt.at+`"},"next":{"next":"end"}}`, theEnd))
			h.happen(1, "product.viewed", map[string]any{"product": "p"})
			if got := h.of(id, 1).DueAt.In(h.Zone).Format(time.DateTime); got != tt.want {
				t.Errorf("waits until %s, want %s", got, tt.want)
			}
		})
	}
}

// nobodyMinds is customers without wishes.
type nobodyMinds struct{}

func (nobodyMinds) WishesTx(*gorm.DB, []int64) (map[int64]*privacy.Wish, error) { return nil, nil }

// postbox is a channel that takes everything.
type postbox struct{ got atomic.Int64 }

func (*postbox) Describe() outreach.Description {
	return outreach.Description{Name: "inbox", Batch: 1, Doubt: outreach.DoubtRetry}
}

func (*postbox) Prepare(_ context.Context, claimed []outreach.Delivery) (calls []outreach.Call, refused []outreach.Refusal, err error) {
	for i := range claimed {
		calls = append(calls, outreach.Call{Deliveries: claimed[i : i+1 : i+1]})
	}
	return calls, nil, nil
}

func (p *postbox) Send(context.Context, outreach.Call) (outreach.Outcome, error) {
	p.got.Add(1)
	return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateAccepted}}, nil
}

func (*postbox) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, errors.ErrUnsupported
}

// TestF37_QuietNightsOfJourneys: what a journey says at night leaves in the morning, by the clock of the place, also when that is put forward or
// back meanwhile; the journey itself goes on.
func TestF37_QuietNightsOfJourneys(t *testing.T) {
	for _, tt := range []struct{ name, zone, from, morning string }{
		{"across midnight", "Asia/Shanghai", "2026-11-22 23:30:00", "2026-11-23 08:00:00"},
		{"after midnight", "Asia/Shanghai", "2026-11-23 00:30:00", "2026-11-23 08:00:00"},
		{"into 29 February", "Asia/Shanghai", "2028-02-28 23:30:00", "2028-02-29 08:00:00"},
		{"the night is an hour shorter", "America/New_York", "2026-03-07 23:30:00", "2026-03-08 08:00:00"},
		{"and longer", "America/New_York", "2026-10-31 23:30:00", "2026-11-01 08:00:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // each waits for its sender to look
			h, box := newHouse(t, 1), &postbox{}
			h.Zone = zoned(t, tt.zone)
			from, err1 := time.ParseInLocation(time.DateTime, tt.from, h.Zone)
			morning, err2 := time.ParseInLocation(time.DateTime, tt.morning, h.Zone)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			h.clock.Advance(from.Sub(h.clock.Now()))
			arbiter := governor.New(governor.Deps{DB: h.db, Now: h.clock.Now, Zone: h.Zone, Wishes: nobodyMinds{}})
			rules, err := arbiter.Setting(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			rules.Silent = nil // as a channel that people hear
			if _, err := arbiter.Save(t.Context(), *rules, 70); err != nil {
				t.Fatal(err)
			}
			sender := outreach.New(outreach.Deps{DB: h.db, Now: h.clock.Now, Governor: arbiter, Logger: slog.New(slog.DiscardHandler)})
			sender.Register(box)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); sender.Run(ctx) }()
			defer func() { stop(); <-done }()

			id := h.open(journey(onView, "", message("hello", "pause"), wait("pause", "1h", "end"), theEnd))
			h.happen(1, "product.viewed", map[string]any{"product": "p"})
			var d model.Delivery
			waits := func() bool {
				h.in(func(tx *gorm.DB) error { return tx.Where("customer_id = 1").Take(&d).Error })
				return d.Reason != ""
			}
			soon(t, "the governor has been asked", waits)
			if outreach.State(d.State) != outreach.Planned || d.Reason != governor.ReasonQuiet || !d.DueAt.Equal(morning) {
				t.Errorf("it is %v (%s) until %s, want until %s", outreach.State(d.State), d.Reason, d.DueAt.In(h.Zone), morning)
			}
			h.pass(time.Hour)
			h.wantState("meanwhile", id, 1, Ended, "end", lure)
			h.clock.Advance(morning.Sub(h.clock.Now()))
			soon(t, "it has left", func() bool { waits(); return d.AcceptedAt != nil })
			if box.got.Load() != 1 || d.AcceptedAt.Before(morning) {
				t.Errorf("it has left %d times, at %v", box.got.Load(), d.AcceptedAt)
			}
		})
	}
}

func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never comes about that %s", what)
		}
	}
}
