package job

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

// TestG07_VirtualTicks: two schedulers live through at least 1,000 ticks with kills in the midst of planting,
// pauses of both, and jumps of the clock by hours and a day to either side; once with equal clocks, once
// with clocks five minutes apart. Every moment at which a job was due has a row or is counted as
// missed, no tick ran twice, and none is left open.
func TestG07_VirtualTicks(t *testing.T) {
	for _, apart := range []time.Duration{0, 5 * time.Minute} {
		t.Run(fmt.Sprint(apart, " apart"), func(t *testing.T) { virtualTicks(t, apart) })
	}
}

func virtualTicks(t *testing.T, apart time.Duration) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	fake := clock.NewFake(noon)
	clocks := []clock.Clock{fake.Now, func() time.Time { return fake.Now().Add(-apart) }}
	r := newRig(t)
	var runs atomic.Int64
	count := func(context.Context) error { runs.Add(1); return nil }
	jobs := []Job{
		job("a", "* * * * *", false, count), job("b", "* * * * *", true, count), job("c", "*/2 * * * *", false, count),
		job("d", "@every 90s", true, count), job("e", "17 3 * * *", true, count),
	}
	worker := r.replica(fake.Now, jobs...)
	r.work(worker)
	planters := make([]*Scheduler, 2)
	for i := range planters {
		planters[i] = r.replica(clocks[i], jobs...)
	}
	latest := noon
	for countTicks(t, worker, doneTick) < 250 || modeltest.Count[model.CronTick](t, worker.db) < 1000 {
		killed := -1
		switch random.IntN(60) {
		case 0:
			fake.Advance(time.Hour)
		case 1:
			fake.Advance(-time.Hour)
		case 2:
			fake.Advance(24 * time.Hour)
		case 3, 4:
			fake.Advance(time.Duration(random.IntN(50)) * time.Minute) // both were paused
		case 5, 6, 7, 8, 9, 10, 11, 12, 13, 14:
			killed = random.IntN(2)
		}
		fake.Advance(time.Minute + time.Duration(random.IntN(2000)-1000)*time.Millisecond)
		if now := fake.Now(); now.After(latest) {
			latest = now
		}
		plantTogether(planters, killed, time.Duration(random.IntN(4000))*time.Microsecond)
		if killed >= 0 {
			planters[killed] = r.replica(clocks[killed], jobs...)
		}
		planters[0].plantAll(t.Context()) // after a kill and a jump back the quicker clock sees all that is due
		worker.queue.Wake()               // the planters are other processes to it
		settleDown(t, worker)
	}
	judge(t, worker, latest, runs.Load())
}

// plantTogether has both replicas plant at once and, in the midst of it, perhaps kills one.
func plantTogether(planters []*Scheduler, killed int, after time.Duration) {
	var all sync.WaitGroup
	if killed >= 0 {
		all.Go(func() { time.Sleep(after); model.Close(planters[killed].db) })
	}
	for _, s := range planters {
		all.Go(func() { s.plantAll(context.Background()) })
		if !modeltest.OnMySQL() {
			all.Wait() // SQLite lets one write at a time, and makes the other poll for its turn
		}
	}
	all.Wait()
}

func settleDown(t *testing.T, s *Scheduler) {
	t.Helper()
	eventually(t, "nothing is open", func() bool { return countTicks(t, s, plantedTick, runningTick) == 0 })
}

// judge goes through all moments at which the schedules were due.
func judge(t *testing.T, s *Scheduler, latest time.Time, runs int64) {
	t.Helper()
	var done, missed, planted int64
	for _, p := range s.jobs {
		var known model.CronJob
		if err := s.db.Where("job = ?", p.Name).Take(&known).Error; err != nil {
			t.Fatal(err)
		}
		byTime := map[time.Time]model.CronTick{}
		var uncounted int64
		for _, row := range ticks(t, s, p.Name) {
			byTime[row.FireTime.UTC()] = row
			uncounted += row.MissedBefore
			switch row.Status {
			case doneTick:
				done++
			case missedTick:
				missed++
			default:
				t.Errorf("%s at %s is %s: %s", p.Name, row.FireTime, row.Status, row.Error)
			}
		}
		var without int64
		for at := p.schedule.Next(known.CreatedAt); !at.After(latest); at = p.schedule.Next(at) {
			if _, ok := byTime[at.UTC()]; !ok {
				without++
			}
		}
		if without > uncounted {
			t.Errorf("%s: %d ticks have no row, only %d are counted as missed", p.Name, without, uncounted)
		}
		for at := range byTime {
			if next := p.schedule.Next(at.Add(-time.Second)); !next.Equal(at) {
				t.Errorf("%s: %s is no moment of its schedule", p.Name, at)
			}
		}
	}
	planted = modeltest.Count[model.Work](t, s.db)
	if runs != done || planted < done {
		t.Errorf("%d runs for %d ticks that are done, of %d works", runs, done, planted)
	}
	t.Logf("%d ticks done, %d missed", done, missed)
}

// TestPlantingDoesNotHang: while the tables are locked from outside, planting gives up in time and the
// scheduler can be stopped; afterwards it sees what was missed.
func TestPlantingDoesNotHang(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t)
	s := r.replica(fake.Now, job("a", "* * * * *", false, nothing))
	s.callLimit = 100 * time.Millisecond
	s.plantAll(t.Context())
	unlock := lockTables(t, r)
	fake.Advance(time.Minute)
	began := time.Now()
	s.plantAll(t.Context())
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("planting hung for %v", took)
	}
	unlock()
	s.calls.Wait()
	fake.Advance(time.Minute)
	s.callLimit = 5 * time.Second
	s.plantAll(t.Context())
	if got := told(t, s, "a"); len(got) != 2 || got[1] != "2m0s planted" {
		t.Errorf("got %v", got)
	}
}

func lockTables(t *testing.T, r *rig) (unlock func()) {
	t.Helper()
	pool, err := modeltest.Open(t, r.dsn).DB()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "BEGIN IMMEDIATE", "ROLLBACK"
	if modeltest.OnMySQL() {
		begin, end = "LOCK TABLES cron_job WRITE, cron_tick WRITE, work WRITE", "UNLOCK TABLES"
	}
	if _, err := conn.ExecContext(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(context.Background(), end); err != nil {
			t.Error(err)
		}
		conn.Close()
	}
}

// TestDoneTickIsNotRunAgain: when only the end of a tick's work was lost, the job is not run once more.
func TestDoneTickIsNotRunAgain(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t)
	var runs atomic.Int64
	s := r.replica(fake.Now, job("a", "@hourly", false, func(context.Context) error { runs.Add(1); return nil }))
	s.plantAll(t.Context())
	fake.Advance(time.Hour)
	s.plantAll(t.Context())
	p, at := s.byName["a"], tick{Job: "a", FireTime: noon.Add(time.Hour), Expires: noon.Add(2 * time.Hour)}
	for range 2 {
		if err := s.run(t.Context(), p, at); err != nil {
			t.Fatal(err)
		}
	}
	fake.Advance(time.Hour) // also when the next has come
	if err := s.run(t.Context(), p, at); err != nil {
		t.Fatal(err)
	}
	if got := told(t, s, "a"); runs.Load() != 1 || got[0] != "1h0m0s done" {
		t.Errorf("%d runs, %v", runs.Load(), got)
	}
}
