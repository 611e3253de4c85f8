package job

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/work"
)

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

// noon is 12:00 in Shanghai.
var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

type rig struct {
	t   *testing.T
	dsn string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	return &rig{t, modeltest.DSN(t)}
}

// replica is a scheduler with a pool and a queue of its own.
func (r *rig) replica(now clock.Clock, jobs ...Job) *Scheduler {
	r.t.Helper()
	db := modeltest.Open(r.t, r.dsn)
	s, err := New(db, work.New(db, now), now, shanghai, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	s.poll = 5 * time.Millisecond
	if err := s.Plan(jobs); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// work runs a replica's worker until the test's end, or until stop.
func (r *rig) work(s *Scheduler) (stop func()) {
	Workers(s.queue, s)
	w := work.NewWorker(s.queue, work.Options{
		Concurrency: 4, Poll: 30 * time.Millisecond, Lease: time.Minute, StopWithin: time.Second, Logger: slog.New(slog.DiscardHandler),
	})
	return r.background(w.Run)
}

func (r *rig) background(run func(ctx context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

func job(name, schedule string, catchUp bool, run func(context.Context) error) Job {
	return Job{Name: name, Schedule: schedule, Max: time.Minute, CatchUp: catchUp, Run: run}
}

func nothing(context.Context) error { return nil }

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(4 * time.Millisecond) {
		if cond() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

func ticks(t *testing.T, s *Scheduler, job string) (rows []model.CronTick) {
	t.Helper()
	if err := s.db.Where("job = ?", job).Order("fire_time").Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	return rows
}

// told describes a job's ticks in one line: minutes after noon, status, and what was missed unlisted.
func told(t *testing.T, s *Scheduler, job string) (lines []string) {
	t.Helper()
	for _, row := range ticks(t, s, job) {
		line := row.FireTime.Sub(noon).String() + " " + row.Status
		if row.Trigger != byClock {
			line += " " + row.Trigger
		}
		if row.MissedBefore > 0 {
			line += fmt.Sprintf(" after %d", row.MissedBefore)
		}
		lines = append(lines, line)
	}
	return lines
}

func countTicks(t *testing.T, s *Scheduler, status ...string) int64 {
	t.Helper()
	return modeltest.Count[model.CronTick](t, s.db, "status IN ?", status)
}
