package work

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	randv2 "math/rand/v2"
	"sync"
	"time"

	"zhiyin/model"
)

// Options says how a worker works; zero values mean what is said at each.
type Options struct {
	// Owner names the process in rows and logs; empty: a random name. It is cut to 64 bytes.
	Owner string
	// Concurrency is how many works run at once: 0 means 32, the least is 2. A quarter is kept for
	// urgent works.
	Concurrency int
	// Poll is how often to look for work that nobody signalled, and for cancelled works: 0 means 1 s.
	Poll time.Duration
	// Lease is how long a work belongs to a worker that gives no sign of life, so also how long a
	// dead worker's works wait: 0 means 20 s.
	Lease time.Duration
	// Batch is the most works claimed at once: 0 means 200.
	Batch int
	// StopWithin is how long works may run on after a stop before their contexts end: 0 means 25 s.
	StopWithin time.Duration
	// Logger: nil means slog.Default().
	Logger *slog.Logger
	// Metrics: nil counts nothing.
	Metrics *Metrics
}

func (o Options) withDefaults() Options {
	if o.Owner == "" {
		o.Owner = newToken()
	}
	o.Owner = o.Owner[:min(len(o.Owner), 64)]
	if o.Concurrency == 0 {
		o.Concurrency = 32
	}
	o.Concurrency = max(2, o.Concurrency)
	setDefault(&o.Poll, time.Second)
	setDefault(&o.Lease, 20*time.Second)
	setDefault(&o.StopWithin, 25*time.Second)
	if o.Batch == 0 {
		o.Batch = 200
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

// stopGrace is how long handlers whose context has ended may take to return when the worker stops.
const stopGrace = 3 * time.Second

// Worker does works of a queue in this process. Any number of workers, in any number of processes,
// share one queue.
type Worker struct {
	*Queue
	o         Options
	slots     *slots
	pace      map[int]*pace // per lane
	claimers  []*claimer
	callLimit time.Duration // most of one call to the database

	laterPages, mostPages int

	finishing    *model.GroupCommit[finish, bool]
	finishHealth health

	mu      sync.Mutex
	running map[*attempt]struct{}

	attempts sync.WaitGroup // what runs
	calls    sync.WaitGroup // calls to the database, also those nobody waits for any more
}

// NewWorker makes a worker for a queue whose handlers are all registered; nothing happens before
// [Worker.Run].
func NewWorker(q *Queue, o Options) *Worker {
	w := &Worker{Queue: q, o: o.withDefaults(), callLimit: 5 * time.Second, laterPages: laterPages, mostPages: mostPages, running: map[*attempt]struct{}{}}
	w.pace = map[int]*pace{LaneUrgent: {}, LaneNormal: {}, LaneBulk: {}, LaneWake: {}}
	w.claimers = []*claimer{newClaimer(w, LaneUrgent), newClaimer(w, LaneNormal, LaneBulk, LaneWake)}
	w.slots = newSlots(w.o.Concurrency, w.claimers[0].freed, w.claimers[1].freed)
	// Two commits side by side: when one hangs, others' completions go on.
	w.finishing = model.NewGroupCommit(q.db, w.o.Batch, 2, w.writeFinished)
	return w
}

// Run works until ctx ends. Then it claims nothing more, lets what runs finish within
// Options.StopWithin, ends the contexts of the rest and gives their leases back. It fails only when
// handlers did not return even then; their leases run out by themselves. A worker runs once.
func (w *Worker) Run(ctx context.Context) error {
	base, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	var claiming, upkeep sync.WaitGroup
	for _, c := range w.claimers {
		defer w.onWake(c.wake)()
		claiming.Go(func() { c.loop(ctx, base) })
	}
	upkeepCtx, stopUpkeep := context.WithCancel(base)
	defer stopUpkeep()
	for _, loop := range []func(context.Context){w.tend, w.rescueExpired, w.sample} {
		upkeep.Go(func() { loop(upkeepCtx) })
	}
	claiming.Wait()

	left := w.drain(end)
	stopUpkeep()
	upkeep.Wait()
	waitFor(&w.calls, 2*w.callLimit)
	if left > 0 {
		return fmt.Errorf("work: %d handlers did not stop in time", left)
	}
	return nil
}

// drain lets what runs finish and tells how many did not.
func (w *Worker) drain(end context.CancelCauseFunc) (left int) {
	if !waitFor(&w.attempts, w.o.StopWithin) {
		end(ErrStopping)
		waitFor(&w.attempts, stopGrace)
	}
	for _, a := range w.list() {
		w.o.Logger.Error("work does not stop", "work", a.row.ID, "kind", a.row.Kind)
		left++
	}
	return left
}

func (w *Worker) list() []*attempt {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]*attempt, 0, len(w.running))
	for a := range w.running {
		all = append(all, a)
	}
	return all
}

// waitFor tells whether the group ended within d.
func waitFor(g *sync.WaitGroup, d time.Duration) bool {
	ended := make(chan struct{})
	go func() { g.Wait(); close(ended) }()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ended:
		return true
	case <-t.C:
		return false
	}
}

// newToken makes the token of a claim: 32 hexadecimal digits.
func newToken() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// jittered spreads d by a tenth to either side, so that replicas don't move in step.
func jittered(d time.Duration) time.Duration { return d - d/10 + randv2.N(d/5+1) }

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
