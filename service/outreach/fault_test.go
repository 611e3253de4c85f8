package outreach

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// process is one that may be killed.
type process struct {
	s          *Service
	kill, stop func()
	done       chan struct{}
}

// process starts one. kill ends it as SIGKILL does: nothing that it had in hand is finished or written.
func (r *rig) process() *process {
	p := &process{s: r.service(), done: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	base, kill := context.WithCancel(context.Background())
	p.stop = func() { stop(); <-p.done; kill() }
	p.kill = func() { kill(); stop(); <-p.done }
	go func() { defer close(p.done); p.s.run(ctx, base, kill) }()
	r.Cleanup(p.stop)
	return p
}

const people = 120

// rounds are killed campaigns. CI runs as many in all as the issue wants.
func rounds(most int) int {
	if testing.Short() {
		return 3
	}
	return most
}

// TestF01_F02_Killed: two processes send a campaign and are killed or stopped at random moments, also between the platform's effect and
// our record of it, and started again. Nobody is left out, nobody gets it twice, and nothing stays in doubt.
func TestF01_F02_Killed(t *testing.T) {
	for _, d := range []Description{
		{Name: "one", Batch: 1, Doubt: DoubtReconcile, Concurrency: 8},
		{Name: "batch", Batch: 20, Doubt: DoubtReconcile, Concurrency: 4},
		{Name: "keyed", Batch: 1, Doubt: DoubtRetry, Concurrency: 8},
	} {
		t.Run(d.Name, func(t *testing.T) {
			r := newRig(t, d)
			r.p.keyed = d.Doubt == DoubtRetry
			r.ch.delay = time.Millisecond
			planner := r.service()
			for round := range rounds(17) {
				r.plan(planner, Intent{Source: SourceCampaign, SourceID: int64(round + 1)}, 1, people+1)
				a, b := r.process(), r.process()
				for range 2 {
					time.Sleep(rand.N(30 * time.Millisecond))
					if rand.N(3) == 0 {
						a.stop()
					} else {
						a.kill()
					}
					a, b = b, r.process()
				}
				b.kill()
				a.kill()
				r.move(leaseTime + time.Second)
			}
			last := r.process()
			for range 4 { // what is in doubt is asked about after pauses that grow
				r.move(30 * time.Second)
				time.Sleep(100 * time.Millisecond)
			}
			r.eventually("nothing is left to do", 30*time.Second, func() bool {
				s := r.states()
				if s[Claimed] == 0 { // a clock that runs while calls are made takes them from who makes them
					r.move(time.Second)
				}
				return s[Planned]+s[Claimed]+s[InDoubt] == 0
			})
			last.stop()
			if s := r.states(); int(s[Accepted]) != people*rounds(17) {
				t.Errorf("states %v", s)
			}
			if d.Doubt == DoubtReconcile && r.ch.asked.Load() == 0 {
				t.Error("the platform was never asked: no kill met a call")
			}
			r.once()
			r.sums()
		})
	}
}
