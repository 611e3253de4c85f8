package outreach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestF07_StaleFence: a process that slept past its lease writes nothing of what another has taken over.
func TestF07_StaleFence(t *testing.T) {
	r := newRig(t, Description{Batch: 5, Doubt: DoubtReconcile})
	sleeper, other := r.service(), r.service()
	r.plan(sleeper, Intent{}, 1, 11)
	woken := false
	r.p.before = func(int, Call) (Outcome, error, bool) {
		if !woken { // the first call of the sleeper takes longer than its lease
			woken = true
			r.move(leaseTime + time.Second)
			if n, err := other.recover(t.Context()); err != nil || n != 1 {
				t.Errorf("%d claims taken over, %v", n, err)
			}
		}
		return Outcome{}, nil, false
	}
	d := sleeper.newDispatcher()
	lanes, err := sleeper.dueLanes(t.Context())
	if err != nil || len(lanes) != 1 {
		t.Fatal(len(lanes), err)
	}
	c, err := d.claim(t.Context(), &lanes[0], r.ch.Description, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.run(t.Context(), t.Context(), r.ch, c); !errors.Is(err, errLost) {
		t.Errorf("the sleeper wrote on: %v", err)
	}
	if s := r.states(); s[InDoubt] != 5 || s[Planned] != 5 {
		t.Errorf("states %v", s)
	}
	r.settleDoubts(other)
	r.once()
	r.sums()
}

// settleDoubts asks about what is in doubt and sends what is due, until neither is left.
func (r *rig) settleDoubts(s *Service) {
	r.Helper()
	for range 20 {
		r.move(time.Minute)
		if _, err := s.recover(r.Context()); err != nil {
			r.Fatal(err)
		}
		if _, err := s.reconcile(r.Context()); err != nil {
			r.Fatal(err)
		}
		r.drain(s)
		if st := r.states(); st[Planned]+st[Claimed]+st[InDoubt] == 0 {
			return
		}
	}
	r.Fatalf("still %v", r.states())
}

// TestF26_F27_AnswersAreLost: answers that are dropped after the effect, or before it, leave a doubt that the platform resolves: nobody is left
// out or gets it twice.
func TestF26_F27_AnswersAreLost(t *testing.T) {
	for _, batch := range []int{1, 7} {
		r := newRig(t, Description{Batch: batch, Doubt: DoubtReconcile, SettleTime: 5 * time.Second})
		s := r.service()
		r.p.before = func(n int, _ Call) (Outcome, error, bool) {
			return Outcome{}, fmt.Errorf("cut off"), n%5 == 0
		}
		r.p.after = func(n int, _ Call) (error, bool) { return errors.New("half an answer"), n%3 == 0 }
		r.plan(s, Intent{}, 1, 101)
		r.drain(s)
		if s := r.states(); s[InDoubt] == 0 {
			t.Errorf("no doubt: %v", s)
		}
		if r.ch.asked.Load() != 0 {
			t.Error("asked before the platform can know")
		}
		r.settleDoubts(s)
		r.once()
		r.sums()
		if n := modeltest.Count[model.DeliveryCall](t, r.db, "state <> 'settled'"); n != 0 {
			t.Errorf("%d calls are not settled", n)
		}
	}
}

// TestAtMostOnce: what no platform can be asked about stays in doubt, is never sent again by itself, and is decided by a person.
func TestAtMostOnce(t *testing.T) {
	r := newRig(t, Description{Batch: 1, Doubt: DoubtOperator})
	s := r.service()
	r.p.after = func(n int, _ Call) (error, bool) { return errors.New("cut off"), n == 2 }
	r.plan(s, Intent{}, 1, 6)
	r.drain(s)
	for range 3 {
		r.move(time.Hour)
		if _, err := s.reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.drain(s)
	}
	list, err := s.List(t.Context(), Filter{States: []State{InDoubt}, Limit: 10})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d in doubt, %v", len(list), err)
	}
	if err := s.Decide(t.Context(), list[0].ID, true); err != nil {
		t.Fatal(err)
	}
	if err := s.Decide(t.Context(), list[0].ID, true); !errors.Is(err, ErrNotDoubt) {
		t.Errorf("decided twice: %v", err)
	}
	r.once()
	r.sums()
}

// TestF28_PartialFailList: of one call some are taken and some are not, and each is told what became of it.
func TestF28_PartialFailList(t *testing.T) {
	r := newRig(t, Description{Batch: 10, Doubt: DoubtReconcile})
	s := r.service()
	refused := map[int64]bool{}
	r.p.before = func(_ int, c Call) (Outcome, error, bool) {
		out := Outcome{Result: Result{Fate: FateAccepted, PlatformID: "m1"}}
		for _, d := range c.Deliveries {
			if d.CustomerID%4 == 0 {
				refused[d.ID] = true
				out.Results = append(out.Results, Result{ID: d.ID, Fate: FateFailed, Class: ClassRelation, Code: 84061})
				continue
			}
			r.p.got[d.ID]++
		}
		return out, nil, true
	}
	r.plan(s, Intent{}, 1, 41)
	r.drain(s)
	if s := r.states(); s[Accepted] != 30 || s[Failed] != 10 {
		t.Errorf("states %v", s)
	}
	call, err := s.CallOf(t.Context(), "null", "m1")
	if err != nil || call == nil || len(call.Deliveries) != 10 {
		t.Fatalf("call %v, %v", call, err)
	}
	if n, err := s.RetryFailed(t.Context(), SourceCampaign, 1); err != nil || n != 0 {
		t.Errorf("%d customers who have left are tried again, %v", n, err)
	}
	r.once()
	r.sums()
}

// TestF21_Throttled: after 45009 the account is left alone for as long as the platform says, nothing fails and no attempt is counted.
func TestF21_Throttled(t *testing.T) {
	r := newRig(t, Description{Batch: 1, Doubt: DoubtReconcile, Concurrency: 1})
	s := r.service()
	until := r.clock().Add(time.Minute)
	blocked := 0
	r.p.before = func(n int, _ Call) (Outcome, error, bool) {
		if n > 20 && r.clock().Before(until) {
			blocked++
			return Outcome{Result: Result{Fate: FateLater, At: until, Code: 45009}, Throttled: true}, nil, true
		}
		return Outcome{}, nil, false
	}
	r.plan(s, Intent{}, 1, 101)
	r.drain(s)
	if s := r.states(); s[Accepted] != 20 || s[Planned] != 80 || blocked != 1 {
		t.Errorf("states %v after %d calls inside the block", s, blocked)
	}
	r.move(61 * time.Second)
	r.drain(s)
	for _, d := range r.deliveries() {
		if State(d.State) != Accepted || d.Attempts != 1 {
			t.Errorf("delivery %d is %v after %d attempts", d.ID, State(d.State), d.Attempts)
		}
	}
	r.once()
	r.sums()
}

// TestF08_OneSenderFailsForEver: a sender whose calls fail, or panic, for ever neither holds back nor repeats the others.
func TestF08_OneSenderFailsForEver(t *testing.T) {
	r := newRig(t, Description{Batch: 1, Senders: true, Doubt: DoubtReconcile, Concurrency: 4})
	s := r.service()
	r.p.before = func(_ int, c Call) (Outcome, error, bool) {
		if c.StaffID == 1 {
			if c.Deliveries[0].CustomerID%2 == 0 {
				panic("poison")
			}
			return Outcome{Result: Result{Fate: FateLater}}, nil, true
		}
		return Outcome{}, nil, false
	}
	for staff := int64(1); staff <= 5; staff++ {
		r.plan(s, Intent{StaffID: staff}, 1000*staff, 1000*staff+200)
	}
	stop := r.runs(s)
	r.eventually("the others have sent", 30*time.Second, func() bool { return r.states()[Accepted] == 800 })
	stop()
	for id, n := range r.p.ledger() {
		if n != 1 {
			t.Errorf("delivery %d was sent %d times", id, n)
		}
	}
	r.sums()
}

// TestFairShare: a small campaign that comes while a large one is under way is done long before it.
func TestFairShare(t *testing.T) {
	r := newRig(t, Description{Batch: 1, Doubt: DoubtReconcile, Limits: []Limit{{Calls: 400, Per: time.Second}}})
	s := r.service()
	r.plan(s, Intent{Source: SourceCampaign, SourceID: 1}, 1, 4001)
	stop := r.runs(s)
	r.eventually("the large one is under way", 30*time.Second, func() bool { return r.states()[Accepted] > 0 })
	r.plan(s, Intent{Source: SourceCampaign, SourceID: 2}, 1, 101)
	small := func() int64 {
		sums, err := s.Progress(t.Context(), SourceCampaign, 2)
		if err != nil {
			t.Fatal(err)
		}
		return sums[Accepted]
	}
	r.eventually("the small one is done", 30*time.Second, func() bool { return small() == 100 })
	if s := r.states(); s[Planned] < 500 {
		t.Errorf("by then the large one was nearly done: %v", s)
	}
	stop()
	r.sums()
}

// TestF36_ClockJumps: the clock moves an hour or a day, forwards and back, while two processes send: nobody is left out or gets it twice.
func TestF36_ClockJumps(t *testing.T) {
	r := newRig(t, Description{Batch: 1, Doubt: DoubtReconcile, Concurrency: 2})
	r.ch.delay = time.Millisecond
	a, b := r.service(), r.service()
	r.plan(a, Intent{}, 1, 1001)
	stopA, stopB := r.runs(a), r.runs(b)
	for _, jump := range []time.Duration{time.Hour, -time.Hour, 24 * time.Hour, -24 * time.Hour} {
		time.Sleep(50 * time.Millisecond)
		r.move(jump)
	}
	r.eventually("all are accepted", 40*time.Second, func() bool {
		s := r.states()
		if s[InDoubt]+s[Planned] > 0 {
			r.move(10 * time.Second)
			time.Sleep(50 * time.Millisecond)
		}
		return s[Accepted] == 1000
	})
	stopA()
	stopB()
	r.once()
	r.sums()
}

// TestF06_StopGivesBack: a stop settles what is under way and gives back at once what is not, with no attempt counted.
func TestF06_StopGivesBack(t *testing.T) {
	r := newRig(t, Description{Batch: 1, Doubt: DoubtReconcile, Concurrency: 2})
	r.ch.delay = 10 * time.Millisecond
	s := r.service()
	r.plan(s, Intent{}, 1, 1501)
	stop := r.runs(s)
	r.eventually("it is under way", 30*time.Second, func() bool { return len(r.p.ledger()) > 10 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the stop took %v", took)
	}
	st := r.states()
	if st[Accepted] >= bundleMost {
		t.Errorf("%d calls were made, as if the stop came between bundles only", st[Accepted])
	}
	if st[Claimed]+st[InDoubt] != 0 || st[Planned] == 0 || st[Accepted] == 0 {
		t.Errorf("states %v", st)
	}
	for _, d := range r.deliveries() {
		if State(d.State) == Planned && d.Attempts != 0 {
			t.Errorf("delivery %d counts %d attempts", d.ID, d.Attempts)
		}
	}
	r.once()
	r.sums()
}

// TestF24_BrokenAccount: an account whose credentials are refused is paused with the reason after one call, its work is kept, and goes on once
// somebody has mended it.
func TestF24_BrokenAccount(t *testing.T) {
	r := newRig(t, Description{Batch: 1, Doubt: DoubtReconcile, Concurrency: 1})
	s := r.service()
	broken := true
	calls := 0
	r.p.before = func(int, Call) (Outcome, error, bool) {
		if broken {
			calls++
		}
		return Outcome{Result: Result{Fate: FateLater, Code: 40001, Reason: "credentials"}, Broken: true}, nil, broken
	}
	r.plan(s, Intent{AccountID: 4}, 1, 51)
	r.drain(s)
	r.move(10 * time.Minute)
	r.drain(s)
	paused, err := s.Pauses(t.Context())
	if err != nil || len(paused) != 1 || paused[0].AccountID != 4 || paused[0].Reason != "credentials" || calls != 1 {
		t.Fatalf("paused %+v, %v, after %d calls", paused, err, calls)
	}
	broken = false
	if err := s.EndPause(t.Context(), paused[0].ID); err != nil {
		t.Fatal(err)
	}
	r.drain(s)
	if st := r.states(); st[Accepted] != 50 {
		t.Errorf("states %v", st)
	}
	r.sums()
}

// TestF17_RatesWithoutRedis: while Redis is away a process keeps to the limit by itself.
func TestF17_RatesWithoutRedis(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	rates := newRates(nil, "", func() time.Time { return now })
	lane := &model.DeliveryLane{Channel: "sms"}
	desc := Description{Limits: []Limit{{Calls: 100, Per: time.Second}}}
	passed := 0
	for range 10_000 { // ten seconds, a millisecond at a time
		now = now.Add(time.Millisecond)
		if rates.bucket(lane.Channel, desc.Limits[0]).take(context.Background(), rates) == 0 {
			passed++
		}
	}
	if passed < 980 || passed > 1021 {
		t.Errorf("%d calls in ten seconds at 100 a second", passed)
	}
}

// TestF18_RedisWiped: whatever Redis forgets in the middle of a run, and when it goes away and comes back empty, nobody is left out or
// gets it twice.
func TestF18_RedisWiped(t *testing.T) {
	const customers, perSecond = 300, 400
	r := newRig(t, Description{Batch: 1, Doubt: DoubtReconcile, Limits: []Limit{{Calls: perSecond, Per: time.Second}}})
	redisServer := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: redisServer.Addr(), MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	with := func(d *Deps) { d.Redis, d.KeyPrefix = client, "test:" }
	a, b := r.service(with), r.service(with)
	r.plan(a, Intent{}, 1, customers+1)
	r.ch.delay, r.ch.Concurrency = 5*time.Millisecond, 1
	began := time.Now()
	r.runs(a)
	r.runs(b)
	wipes := 0
	r.eventually("all are accepted", 30*time.Second, func() bool {
		switch wipes++; {
		case wipes == 10:
			redisServer.SetError("LOADING Redis is loading the dataset in memory")
		case wipes == 20:
			redisServer.SetError("")
		default:
			redisServer.FlushAll()
		}
		return r.states()[Accepted] == customers
	})
	t.Logf("wiped %d times in %s", wipes, time.Since(began).Round(time.Millisecond))
	if wipes <= 20 {
		t.Error("it was over before Redis was back")
	}
	r.once()
	r.sums()
}

// TestF19_RedisHangs: a Redis that takes connections and never answers costs a moment, not the run.
func TestF19_RedisHangs(t *testing.T) {
	const customers = 200
	r := newRig(t, Description{Batch: 1, Doubt: DoubtReconcile, Limits: []Limit{{Calls: 1000, Per: time.Second}}})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var held []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			held = append(held, c)
		}
	}()
	client := redis.NewClient(&redis.Options{Addr: silent.Addr().String(), ReadTimeout: time.Minute})
	t.Cleanup(func() {
		client.Close()
		silent.Close()
		<-done
		for _, c := range held {
			c.Close()
		}
	})
	s := r.service(func(d *Deps) { d.Redis, d.KeyPrefix = client, "test:" })
	r.plan(s, Intent{}, 1, customers+1)
	began := time.Now()
	r.runs(s)
	r.eventually("all are accepted", 30*time.Second, func() bool { return r.states()[Accepted] == customers })
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
	r.once()
	r.sums()
}
