package work

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

// noon is when tests with a clock of their own begin.
var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// rig is a database with any number of replicas on it. No goroutine may outlive the test.
type rig struct {
	t   *testing.T
	dsn string
	now clock.Clock
}

func newRig(t *testing.T, now clock.Clock) *rig {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	return &rig{t, modeltest.DSN(t), now}
}

// queue is a replica's view of the queue, with a pool of its own.
func (r *rig) queue() *Queue { return New(modeltest.Open(r.t, r.dsn), r.now) }

func quick() Options {
	return Options{Concurrency: 8, Poll: 10 * time.Millisecond, Lease: 5 * time.Second, StopWithin: 10 * time.Second, Logger: slog.New(slog.DiscardHandler)}
}

// run starts a worker that the test's end stops, if stop did not before.
func (r *rig) run(q *Queue, o Options) (w *Worker, stop func() error) {
	r.t.Helper()
	w = NewWorker(q, o)
	return w, r.runWorker(w)
}

func (r *rig) runWorker(w *Worker) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	r.t.Cleanup(func() { stop() })
	return stop
}

func metrics(t *testing.T) *Metrics {
	t.Helper()
	m, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// value is what a counter or a gauge says.
func value(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		t.Fatal(err)
	}
	return d.GetCounter().GetValue() + d.GetGauge().GetValue()
}

func enqueue(t *testing.T, q *Queue, items ...Item) {
	t.Helper()
	err := model.InTx(t.Context(), q.db, func(tx *gorm.DB) error { return q.Enqueue(tx, items...) })
	if err != nil {
		t.Fatal(err)
	}
}

// enqueueOne enqueues one work and returns its id.
func enqueueOne(t *testing.T, q *Queue, it Item) int64 {
	t.Helper()
	enqueue(t, q, it)
	var row model.Work
	if err := q.db.Omit("Payload").Order("id DESC").Take(&row).Error; err != nil {
		t.Fatal(err)
	}
	return row.ID
}

func rowOf(t *testing.T, q *Queue, id int64) *model.Work {
	t.Helper()
	row, err := q.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(3 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

func inState(t *testing.T, q *Queue, state string) int64 {
	t.Helper()
	return modeltest.Count[model.Work](t, q.db, "state = ?", state)
}

// waitState waits until a work is in a state and returns its row.
func waitState(t *testing.T, q *Queue, id int64, state string) *model.Work {
	t.Helper()
	var row *model.Work
	eventually(t, "work becomes "+state, func() bool {
		row = rowOf(t, q, id)
		return row.State == state
	})
	return row
}

// note is the payload of works in tests.
type note struct {
	N int `json:"n"`
}
