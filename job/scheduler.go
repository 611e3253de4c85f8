package job

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/fault"
	"zhiyin/service/work"
)

// ErrNoJob says that no periodic job has this name.
var ErrNoJob = fault.New(fault.NotFound, "cron.not_found", "没有这个定时任务", "there is no such job")

// Scheduler turns periodic jobs into queued work: each tick is a row, unique by job and time, made in
// one transaction with its work. So any number of replicas run each tick once, and leases, retries
// and takeover are the queue's. There is no leader: every replica plants what is due.
type Scheduler struct {
	db        *gorm.DB
	queue     *work.Queue
	now       clock.Clock
	zone      *time.Location
	log       *slog.Logger
	runs      *prometheus.CounterVec
	poll      time.Duration // how often to look at the clock
	callLimit time.Duration

	jobs   []*planned
	byName map[string]*planned
	calls  sync.WaitGroup
}

// planned is a job with its schedule, and what this replica knows of its ticks.
type planned struct {
	Job
	schedule cron.Schedule
	until    time.Time // planted up to here; zero: not known yet
	failing  bool
}

// New makes a scheduler without jobs; see [Scheduler.Plan]. metrics may be nil.
func New(db *gorm.DB, q *work.Queue, now clock.Clock, zone *time.Location, log *slog.Logger, metrics prometheus.Registerer) (*Scheduler, error) {
	s := &Scheduler{
		db: db, queue: q, now: now, zone: zone, log: log, poll: time.Second, callLimit: 5 * time.Second,
		byName: map[string]*planned{},
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zhiyin_cron_ticks_total", Help: "Ticks of periodic jobs by what became of them: done, failed, missed.",
		}, []string{"job", "status"}),
	}
	if metrics == nil {
		return s, nil
	}
	return s, metrics.Register(s.runs)
}

// Plan takes the jobs. It fails on a job that could not run: no function, a name twice, a schedule
// that can't be read or never comes.
func (s *Scheduler) Plan(jobs []Job) error {
	for _, j := range jobs {
		schedule, err := parse(j.Schedule, s.zone)
		switch {
		case err != nil:
			return fmt.Errorf("job %s: %w", j.Name, err)
		case j.Run == nil || j.Max <= 0 || j.Name == "" || s.byName[j.Name] != nil:
			return fmt.Errorf("job %q: it needs a name of its own, a longest time and something to run", j.Name)
		}
		p := &planned{Job: j, schedule: schedule}
		s.jobs = append(s.jobs, p)
		s.byName[j.Name] = p
	}
	return nil
}

// Run plants what is due until ctx ends. While the database can't be reached it goes on trying; what
// was missed meanwhile is seen afterwards.
func (s *Scheduler) Run(ctx context.Context) error {
	tick := time.NewTicker(s.poll)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.plantAll(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	s.calls.Wait()
	return nil
}

func (s *Scheduler) plantAll(ctx context.Context) {
	for _, p := range s.jobs {
		if ctx.Err() != nil || !s.looksDue(p) {
			continue
		}
		until, err := work.Bounded(&s.calls, s.callLimit, func(ctx context.Context) (time.Time, error) {
			return s.plant(ctx, p)
		})
		if err == nil {
			p.until = until
		}
		if (err != nil) != p.failing { // once when it begins and once when it is over
			p.failing = err != nil
			s.log.Warn("planting ticks", "job", p.Name, "works", err == nil, "error", err)
		}
	}
}

// looksDue tells from memory whether there may be something to plant, so that an idle second costs no
// query.
func (s *Scheduler) looksDue(p *planned) bool {
	now := s.now()
	return p.until.IsZero() || !now.Before(p.schedule.Next(p.until)) || wentBack(p.until, now)
}

// wentBack tells whether the clock stands clearly before what was planted already.
func wentBack(until, now time.Time) bool { return now.Before(until.Add(-onTime)) }

// plant writes the ticks that are due since the last one, whichever replica planted that, and
// returns up to when ticks are planted now.
func (s *Scheduler) plant(ctx context.Context, p *planned) (until time.Time, err error) {
	var missed int64
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		now := s.now()
		row, err := lockJob(tx, p.Name, now)
		if err != nil {
			return err
		}
		until = row.PlantedUntil
		if wentBack(until, now) {
			// Ticks that come again have their rows, so none runs twice; those that were only
			// marked as missed get their chance.
			s.log.Warn("the clock went back", "job", p.Name, "planted_until", until, "now", now)
			until = now
			return setPlanted(tx, p.Name, until)
		}
		var newest []time.Time
		var before int64
		if newest, before = dueTicks(p.schedule, until, now); len(newest) == 0 {
			return nil
		}
		if paused, err := pauseOf(tx, p.Name); err != nil || paused != nil {
			until = newest[len(newest)-1]
			if err == nil {
				err = setPlanted(tx, p.Name, until)
			}
			return err
		}
		missed, err = s.write(tx, p, until, newest, before, now)
		until = newest[len(newest)-1]
		return err
	})
	if err == nil && missed > 0 {
		s.runs.WithLabelValues(p.Name, missedTick).Add(float64(missed))
		s.log.Warn("ticks were missed", "job", p.Name, "ticks", missed)
	}
	return until, err
}

// write plants the newest tick if it is on time or to be caught up, and marks the others as missed.
func (s *Scheduler) write(tx *gorm.DB, p *planned, from time.Time, newest []time.Time, before int64, now time.Time) (missed int64, err error) {
	last := newest[len(newest)-1]
	late := now.Sub(last) > onTime
	gone := newest
	if !late || p.CatchUp {
		gone = newest[:len(newest)-1]
		trigger := byClock
		if late {
			trigger = byCatchUp
		}
		t := tick{Job: p.Name, FireTime: last, Expires: p.schedule.Next(now)}
		if _, err := s.plantTick(tx, t, trigger, 0, now); err != nil {
			return 0, err
		}
	}
	if missed, err = insertMissed(tx, p.Name, gone, now); err != nil {
		return 0, err
	}
	if before > 0 {
		unlisted, err := countUnlisted(tx, p.Name, from, newest[0], before)
		if err != nil {
			return 0, err
		}
		missed += unlisted
	}
	return missed, setPlanted(tx, p.Name, last)
}

// plantTick makes the row and the work of a tick, unless it has been planted before.
func (s *Scheduler) plantTick(tx *gorm.DB, t tick, trigger string, by int64, now time.Time) (isNew bool, err error) {
	isNew, err = insertTick(tx, t, trigger, by, now)
	if err != nil || !isNew {
		return false, err
	}
	return true, s.queue.Enqueue(tx, work.Item{
		Kind: kindOf(t.Job), Payload: t, OrderKey: kindOf(t.Job), DedupeKey: t.dedupeKey(),
	})
}

func kindOf(job string) string { return "cron:" + job }

// tick is the payload of a tick's work.
type tick struct {
	Job      string    `json:"job"`
	FireTime time.Time `json:"fire_time"`
	// Expires is when the next tick has come and this one is no longer worth starting; zero: never.
	Expires time.Time `json:"expires,omitzero"`
}

func (t tick) dedupeKey() string {
	return dedupeKey(t.Job, t.FireTime)
}

func dedupeKey(job string, fireTime time.Time) string {
	return fmt.Sprintf("%s@%d", kindOf(job), fireTime.UnixMilli())
}
