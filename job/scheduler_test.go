package job

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

// TestTickIsRun: a tick is planted at its time, not at the time of planting, and its row tells how it went.
func TestTickIsRun(t *testing.T) {
	fake := clock.NewFake(noon.Add(-10 * time.Second))
	r := newRig(t)
	var fails atomic.Bool
	s := r.replica(fake.Now, job("a", "* * * * *", false, func(context.Context) error {
		fake.Advance(2 * time.Second)
		if fails.Load() {
			return errors.New("the platform is down")
		}
		return nil
	}))
	r.work(s)
	s.plantAll(t.Context())
	if rows := ticks(t, s, "a"); len(rows) != 0 {
		t.Fatalf("a new job has ticks: %+v", rows)
	}
	fake.Advance(13 * time.Second)
	s.plantAll(t.Context())
	eventually(t, "the run is done", func() bool { return countTicks(t, s, doneTick) == 1 })
	row := ticks(t, s, "a")[0]
	if !row.FireTime.Equal(noon) || row.Trigger != byClock || !row.StartedAt.Equal(noon.Add(3*time.Second)) || !row.FinishedAt.Equal(noon.Add(5*time.Second)) {
		t.Errorf("got %+v", row)
	}
	fails.Store(true)
	fake.Advance(time.Minute)
	s.plantAll(t.Context())
	eventually(t, "the run failed", func() bool { return countTicks(t, s, failedTick) == 1 })
	if row := ticks(t, s, "a")[1]; row.Error != "the platform is down" || row.FinishedAt == nil {
		t.Errorf("got %+v", row)
	}
	fails.Store(false)
	fake.Advance(15 * time.Second) // past the back-off
	eventually(t, "the second attempt is done", func() bool { return countTicks(t, s, doneTick) == 2 })
	if row := ticks(t, s, "a")[1]; row.Error != "" {
		t.Errorf("got %+v", row)
	}
}

// TestF36_MissedTicks: what was missed while nobody was there is recorded, bounded and counted; the
// latest of it is run late where the job says so.
func TestF36_MissedTicks(t *testing.T) {
	tests := []struct {
		name     string
		schedule string
		catchUp  bool
		away     time.Duration
		want     []string // the last three
		rows     int
	}{
		{"on time", "*/10 * * * *", false, 10 * time.Minute, []string{"10m0s planted"}, 1},
		{"a minute late is on time", "*/10 * * * *", false, 11 * time.Minute, []string{"10m0s planted"}, 1},
		{"too late", "*/10 * * * *", false, 11*time.Minute + time.Millisecond, []string{"10m0s missed"}, 1},
		{"too late, caught up", "*/10 * * * *", true, 15 * time.Minute, []string{"10m0s planted catch_up"}, 1},
		{"several, the last on time", "*/10 * * * *", false, 30 * time.Minute, []string{"10m0s missed", "20m0s missed", "30m0s planted"}, 3},
		{"several, the last caught up", "*/10 * * * *", true, 35 * time.Minute, []string{"10m0s missed", "20m0s missed", "30m0s planted catch_up"}, 3},
		{"several, all too late", "*/10 * * * *", false, 35 * time.Minute, []string{"10m0s missed", "20m0s missed", "30m0s missed"}, 3},
		{"more than are listed", "* * * * *", false, time.Hour, []string{"58m0s missed", "59m0s missed", "1h0m0s planted"}, 21},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fake := clock.NewFake(noon)
			r := newRig(t)
			r.replica(fake.Now, job("a", tt.schedule, tt.catchUp, nothing)).plantAll(t.Context())
			fake.Advance(tt.away)
			s := r.replica(fake.Now, job("a", tt.schedule, tt.catchUp, nothing)) // a new process
			s.plantAll(t.Context())
			got := told(t, s, "a")
			if len(got) != tt.rows || !slices.Equal(got[max(0, len(got)-3):], tt.want) {
				t.Errorf("got %d rows, at the end %v; want %d, at the end %v", len(got), got[max(0, len(got)-3):], tt.rows, tt.want)
			}
			s.plantAll(t.Context()) // again, nothing happens
			if again := told(t, s, "a"); !slices.Equal(again, got) {
				t.Errorf("planting again changed %v into %v", got, again)
			}
		})
	}
	t.Run("the unlisted are counted", func(t *testing.T) {
		fake := clock.NewFake(noon)
		s := newRig(t).replica(fake.Now, job("a", "* * * * *", false, nothing))
		s.plantAll(t.Context())
		fake.Advance(time.Hour)
		s.plantAll(t.Context())
		if got := told(t, s, "a")[0]; got != "40m0s missed after 39" {
			t.Errorf("got %q", got)
		}
	})
}

// TestF36_ClockJumps: after a jump forwards and back no tick runs twice, none stands still for the length
// of the jump, and those that were only marked as missed get their chance when their time comes again.
func TestF36_ClockJumps(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t)
	s := r.replica(fake.Now, job("a", "*/10 * * * *", false, nothing))
	r.work(s)
	step := func(d time.Duration, want ...string) {
		t.Helper()
		fake.Advance(d)
		s.plantAll(t.Context())
		s.plantAll(t.Context()) // a jump back takes one look to be seen
		eventually(t, "nothing is open", func() bool { return countTicks(t, s, plantedTick, runningTick) == 0 })
		if got := told(t, s, "a"); !slices.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	}
	step(0)
	step(10*time.Minute, "10m0s done")
	step(time.Hour, "10m0s done", "20m0s missed", "30m0s missed", "40m0s missed", "50m0s missed", "1h0m0s missed", "1h10m0s done")
	step(-time.Hour, "10m0s done", "20m0s missed", "30m0s missed", "40m0s missed", "50m0s missed", "1h0m0s missed", "1h10m0s done")
	step(10*time.Minute, "10m0s done", "20m0s done", "30m0s missed", "40m0s missed", "50m0s missed", "1h0m0s missed", "1h10m0s done")
	step(10*time.Minute, "10m0s done", "20m0s done", "30m0s done", "40m0s missed", "50m0s missed", "1h0m0s missed", "1h10m0s done")
	step(40*time.Minute, "10m0s done", "20m0s done", "30m0s done", "40m0s missed", "50m0s missed", "1h0m0s missed", "1h10m0s done")
	if n := modeltest.Count[model.Work](t, s.db); n != 4 {
		t.Errorf("%d works were made, want 4", n)
	}
}

// TestF34_TwoReplicas: two replicas that plant and work at the same moments run each tick once.
func TestF34_TwoReplicas(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t)
	var runs atomic.Int64
	var replicas []*Scheduler
	for range 2 {
		s := r.replica(fake.Now, job("a", "* * * * *", false, func(context.Context) error { runs.Add(1); return nil }))
		r.work(s)
		r.background(s.Run)
		replicas = append(replicas, s)
	}
	eventually(t, "the job is known", func() bool { return modeltest.Count[model.CronJob](t, replicas[0].db) == 1 })
	const minutes = 60
	for i := range int64(minutes) {
		fake.Advance(time.Minute)
		eventually(t, "the tick is done", func() bool { return countTicks(t, replicas[0], doneTick) == i+1 })
	}
	if n := modeltest.Count[model.CronTick](t, replicas[0].db); n != minutes || runs.Load() != minutes {
		t.Errorf("%d ticks, %d runs, want %d each", n, runs.Load(), minutes)
	}
}

// TestF35_DiesMidTick: when the process that runs a tick dies, another runs it after the lease; the tick
// has one row and ends once. The next tick, planted meanwhile, waits for it.
func TestF35_DiesMidTick(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t)
	hang, began := make(chan struct{}), make(chan struct{})
	dies := r.replica(fake.Now, job("a", "@every 5m", false, func(context.Context) error { close(began); <-hang; return nil }))
	var runs atomic.Int64
	heir := r.replica(fake.Now, job("a", "@every 5m", false, func(context.Context) error { runs.Add(1); return nil }))
	stop := r.work(dies)
	dies.plantAll(t.Context())
	fake.Advance(5 * time.Minute)
	dies.plantAll(t.Context())
	<-began
	model.Close(dies.db)
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()

	r.work(heir)
	fake.Advance(time.Minute + time.Millisecond)
	eventually(t, "the heir has ended it", func() bool { return countTicks(t, heir, doneTick) == 1 })
	fake.Advance(4 * time.Minute)
	heir.plantAll(t.Context())
	eventually(t, "the next is done", func() bool { return countTicks(t, heir, doneTick) == 2 })
	close(hang)
	<-stopped
	if got := told(t, heir, "a"); !slices.Equal(got, []string{"5m0s done", "10m0s done"}) || runs.Load() != 2 {
		t.Errorf("got %v after %d runs", got, runs.Load())
	}
}

// TestNoOverlap: a job that takes longer than its interval runs once at a time; the ticks that it overran
// are marked as missed and not run one after another.
func TestNoOverlap(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t)
	var at, most atomic.Int64
	release := make(chan struct{}, 10)
	began := make(chan struct{}, 10)
	var replicas []*Scheduler
	for range 2 {
		s := r.replica(fake.Now, job("a", "* * * * *", false, func(context.Context) error {
			if n := at.Add(1); n > most.Load() {
				most.Store(n)
			}
			began <- struct{}{}
			<-release
			at.Add(-1)
			return nil
		}))
		r.work(s)
		replicas = append(replicas, s)
		s.plantAll(t.Context())
	}
	s := replicas[0]
	fake.Advance(time.Minute)
	s.plantAll(t.Context())
	<-began
	for range 4 {
		for range 2 { // less than the lease at a time, with time to prolong it
			fake.Advance(30 * time.Second)
			eventually(t, "the lease is prolonged", func() bool {
				return modeltest.Count[model.Work](t, s.db, "state = 'leased' AND lease_until > ?", fake.Now().Add(50*time.Second)) == 1
			})
		}
		replicas[1].plantAll(t.Context())
	}
	release <- struct{}{}
	<-began
	release <- struct{}{}
	eventually(t, "nothing is open", func() bool { return countTicks(t, s, plantedTick, runningTick) == 0 })
	// How the first run ended is not the matter here: the clock leaps while it runs, and a heartbeat that
	// comes too late for a leap makes it fail and be done again.
	want := []string{"2m0s missed", "3m0s missed", "4m0s missed", "5m0s done"}
	if got := told(t, s, "a"); len(got) != 5 || !slices.Equal(got[1:], want) {
		t.Errorf("got %v, want the first and %v", got, want)
	}
	if most.Load() != 1 {
		t.Errorf("%d ran at once", most.Load())
	}
}

func TestRunNow(t *testing.T) {
	fake := clock.NewFake(noon) // a whole minute: the schedule's own moment
	r := newRig(t)
	var runs atomic.Int64
	s := r.replica(fake.Now, job("a", "* * * * *", false, func(context.Context) error { runs.Add(1); return nil }))
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			row, err := s.RunNow(t.Context(), "a", 7)
			if err != nil || row.Trigger != byPerson || row.AskedBy != 7 {
				t.Errorf("got %+v, error %v", row, err)
			}
		})
	}
	all.Wait()
	s.plantAll(t.Context())
	fake.Advance(time.Minute)
	s.plantAll(t.Context())
	fake.Advance(time.Hour) // runs that a person asked for don't expire
	r.work(s)
	eventually(t, "they ran, and the clock's tick was overtaken", func() bool {
		return countTicks(t, s, doneTick) == 3 && countTicks(t, s, missedTick) == 1
	})
	if runs.Load() != 3 {
		t.Errorf("%d runs, want 3", runs.Load())
	}
	if _, err := s.RunNow(t.Context(), "b", 7); !errors.Is(err, ErrNoJob) {
		t.Errorf("got %v", err)
	}
}

// TestWatch: ticks that look open although their work has ended are put right.
func TestWatch(t *testing.T) {
	fake := clock.NewFake(noon)
	s := newRig(t).replica(fake.Now, job("a", "* * * * *", false, nothing))
	s.plantAll(t.Context())
	states := []string{"ready", "done", "cancelled", "dead", "gone"}
	for _, state := range states {
		fake.Advance(time.Minute)
		s.plantAll(t.Context())
		rows := ticks(t, s, "a")
		work := s.db.Model(&model.Work{}).Where("dedupe_key = ?", dedupeKey("a", rows[len(rows)-1].FireTime))
		var err error
		switch state {
		case "gone":
			err = work.Delete(&model.Work{}).Error
		case "ready":
		default:
			err = work.Updates(map[string]any{"state": state, "finished_at": fake.Now(), "last_error": "because"}).Error
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := countTicks(t, s, plantedTick); n != int64(len(states)) {
		t.Errorf("young ticks were touched: %v", told(t, s, "a"))
	}
	fake.Advance(time.Hour)
	if err := s.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"1m0s planted", "2m0s done", "3m0s failed", "4m0s failed", "5m0s failed"}
	if got := told(t, s, "a"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if row := ticks(t, s, "a")[3]; row.Error != "its work is dead: because" || row.FinishedAt == nil {
		t.Errorf("got %+v", row)
	}
}

// TestPanickingJob: the row of a run that panicked says so, and the job is tried again.
func TestPanickingJob(t *testing.T) {
	fake := clock.NewFake(noon)
	r := newRig(t)
	s := r.replica(fake.Now, job("a", "@hourly", false, func(context.Context) error { panic("x") }))
	r.work(s)
	s.plantAll(t.Context())
	fake.Advance(time.Hour)
	s.plantAll(t.Context())
	eventually(t, "the run failed", func() bool { return countTicks(t, s, failedTick) == 1 })
	if row := ticks(t, s, "a")[0]; !strings.Contains(row.Error, "panicked") {
		t.Errorf("got %+v", row)
	}
}

func TestPruneAndList(t *testing.T) {
	fake := clock.NewFake(noon)
	s := newRig(t).replica(fake.Now, job("a", "* * * * *", false, nothing), job("b", "0 4 * * *", false, nothing))
	add := func(n int, job string, at time.Time) {
		rows := make([]model.CronTick, n)
		for i := range rows {
			rows[i] = model.CronTick{Job: job, FireTime: at.Add(time.Duration(i) * time.Second), Status: doneTick, Trigger: byClock, CreatedAt: at}
		}
		if err := s.db.CreateInBatches(rows, 300).Error; err != nil {
			t.Fatal(err)
		}
	}
	add(1200, "a", noon.Add(-31*24*time.Hour))
	add(5, "a", noon.Add(-29*24*time.Hour))
	add(2, "b", noon.Add(-time.Hour))
	if err := s.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := modeltest.Count[model.CronTick](t, s.db); n != 7 {
		t.Errorf("%d ticks are left, want 7", n)
	}
	var seen int
	for cursor := int64(0); ; {
		page, next, err := s.List(t.Context(), Filter{Job: "a", Status: doneTick, Before: cursor, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		seen += len(page)
		if cursor = next; next == 0 {
			break
		}
	}
	if seen != 5 {
		t.Errorf("pages of a show %d ticks, want 5", seen)
	}
	jobs, err := s.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs) != 2 || jobs[0].Last == nil || !jobs[0].Next.Equal(noon.Add(time.Minute)) || !jobs[1].Next.Equal(noon.Add(16*time.Hour)) {
		t.Errorf("got %+v", jobs)
	}
}
