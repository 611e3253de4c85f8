package outreach

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// platform is a platform of which everything is known: its ledger tells who got what, how often.
type platform struct {
	mu    sync.Mutex
	got   map[int64]int // by delivery
	calls int
	order []int64
	// before and after may say what a call comes to without, or in spite of, its effect.
	before func(n int, c Call) (Outcome, error, bool)
	after  func(n int, c Call) (error, bool)
	keyed  bool // it knows repeats by the key
}

func (p *platform) send(c Call) (Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if p.before != nil {
		if out, err, ends := p.before(p.calls, c); ends {
			return out, err
		}
	}
	for _, d := range c.Deliveries {
		if !p.keyed || p.got[d.ID] == 0 {
			p.got[d.ID]++
			p.order = append(p.order, d.ID)
		}
	}
	if p.after != nil {
		if err, ends := p.after(p.calls, c); ends {
			return Outcome{}, err
		}
	}
	return Outcome{Result: Result{Fate: FateAccepted, PlatformID: fmt.Sprintf("p%d", p.calls)}}, nil
}

func (p *platform) ledger() map[int64]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.got)
}

// fake is a channel to a platform.
type fake struct {
	Description
	p      *platform
	delay  time.Duration
	refuse func(d Delivery) *Refusal
	asked  atomic.Int64
}

func (f *fake) Describe() Description { return f.Description }

func (f *fake) Prepare(_ context.Context, claimed []Delivery) (calls []Call, refused []Refusal, err error) {
	var kept []Delivery
	for _, d := range claimed {
		if f.refuse != nil {
			if r := f.refuse(d); r != nil {
				refused = append(refused, *r)
				continue
			}
		}
		kept = append(kept, d)
	}
	for part := range slices.Chunk(kept, max(1, f.Batch)) {
		calls = append(calls, Call{Deliveries: part})
	}
	return calls, refused, nil
}

func (f *fake) Send(ctx context.Context, c Call) (Outcome, error) {
	if f.delay > 0 {
		select {
		case <-time.After(f.delay):
		case <-ctx.Done():
			return Outcome{}, ctx.Err()
		}
	}
	return f.p.send(c)
}

func (f *fake) Reconcile(_ context.Context, c Call) (Found, error) {
	f.asked.Add(1)
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	found := Found{}
	for _, d := range c.Deliveries {
		r := Result{ID: d.ID, Fate: FateLater}
		if f.p.got[d.ID] > 0 {
			r.Fate, r.PlatformID = FateAccepted, "found"
		}
		found.Results = append(found.Results, r)
	}
	return found, nil
}

// rig is a ledger with a platform behind it. No goroutine may outlive the test.
type rig struct {
	testing.TB
	dsn string
	db  *gorm.DB
	p   *platform
	ch  *fake
	mu  sync.Mutex
	off time.Duration
}

func newRig(t testing.TB, d Description) *rig {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) }) // after everything that the test closes
	r := &rig{TB: t, dsn: modeltest.DSN(t), p: &platform{got: map[int64]int{}}}
	r.db = modeltest.Open(t, r.dsn)
	if d.Name == "" {
		d.Name = "null"
	}
	r.ch = &fake{Description: d, p: r.p}
	return r
}

// clock is real time, moved by what the test says.
func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Add(r.off)
}

func (r *rig) move(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off += d
}

// service is one process on the rig's database, with connections of its own.
func (r *rig) service(change ...func(*Deps)) *Service {
	d := Deps{DB: modeltest.Open(r, r.dsn), Now: r.clock, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&d)
	}
	s := New(d)
	s.Register(r.ch)
	return s
}

// runs lets a process send until stop is called or the test ends.
func (r *rig) runs(s *Service) (stop func()) {
	ctx, cancel := context.WithCancel(r.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	r.Cleanup(stop)
	return stop
}

// plan intends messages for customers from one id up to another.
func (r *rig) plan(s *Service, in Intent, from, to int64) {
	r.Helper()
	if in.Source == "" {
		in.Source, in.SourceID = SourceCampaign, 1
	}
	if in.Channel == "" {
		in.Channel = r.ch.Name
	}
	var list []Intent
	for id := from; id < to; id++ {
		in.CustomerID = id
		list = append(list, in)
	}
	err := model.InTx(r.Context(), r.db, func(tx *gorm.DB) error {
		_, err := s.PlanTx(tx, list)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
}

// states counts deliveries by state.
func (r *rig) states() map[State]int64 {
	r.Helper()
	var rows []struct {
		State State
		N     int64
	}
	if err := r.db.Raw("SELECT state, COUNT(*) AS n FROM delivery GROUP BY state").Scan(&rows).Error; err != nil {
		r.Fatal(err)
	}
	m := map[State]int64{}
	for _, row := range rows {
		m[row.State] = row.N
	}
	return m
}

// eventually waits for a condition.
func (r *rig) eventually(what string, within time.Duration, f func() bool) {
	r.Helper()
	for end := time.Now().Add(within); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("after %v still not: %s; states %v", within, what, r.states())
		}
	}
}

// sums checks that the counts by state equal the rows.
func (r *rig) sums() {
	r.Helper()
	var rows []struct {
		State State
		N     int64
	}
	if err := r.db.Raw("SELECT state, SUM(changed) AS n FROM delivery_tally GROUP BY state HAVING SUM(changed) <> 0").Scan(&rows).Error; err != nil {
		r.Fatal(err)
	}
	got := map[State]int64{}
	for _, row := range rows {
		got[row.State] = row.N
	}
	if want := r.states(); !maps.Equal(got, want) {
		r.Errorf("counts say %v, rows %v", got, want)
	}
}

// once checks that the platform's ledger has every delivery of the rows in these states exactly once, and no other.
func (r *rig) once() {
	r.Helper()
	var rows []model.Delivery
	if err := r.db.Select("id", "state").Find(&rows).Error; err != nil {
		r.Fatal(err)
	}
	got := r.p.ledger()
	for _, d := range rows {
		want := 0
		if State(d.State).Left() {
			want = 1
		}
		if got[d.ID] != want {
			r.Errorf("delivery %d is %v, and the platform has it %d times", d.ID, State(d.State), got[d.ID])
		}
	}
}
