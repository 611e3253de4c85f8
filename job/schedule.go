package job

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// parse reads a schedule. Its times are whole seconds and the same on every replica.
func parse(spec string, zone *time.Location) (cron.Schedule, error) {
	s, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", spec, err)
	}
	switch s := s.(type) {
	case cron.ConstantDelaySchedule:
		return aligned{s.Delay}, nil
	case *cron.SpecSchedule:
		if !strings.Contains(spec, "TZ=") {
			s.Location = zone
		}
	}
	if s.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("schedule %q: there is no such day", spec)
	}
	return s, nil
}

// aligned fires at whole multiples of a delay since 1970; cron's own counts from when it was started,
// which is another moment on each replica.
type aligned struct{ delay time.Duration }

// Next implements cron.Schedule.
func (a aligned) Next(t time.Time) time.Time {
	ms, step := t.UnixMilli(), a.delay.Milliseconds()
	return time.UnixMilli(ms - ms%step + step).UTC()
}

const (
	// onTime is how late a tick may be planted and still count as the clock's.
	onTime = time.Minute
	// listedMissed is how many of the missed ticks get a row of their own.
	listedMissed = 20
	// mostCounted bounds the arithmetic after an absurd jump of the clock.
	mostCounted = 1_000_000
)

// dueTicks lists the newest ticks after from up to now, oldest first, and counts those before them.
func dueTicks(s cron.Schedule, from, now time.Time) (newest []time.Time, before int64) {
	if a, ok := s.(aligned); ok {
		if gap := int64(now.Sub(from) / a.delay); gap > mostCounted {
			before = gap - mostCounted
			from = from.Add(time.Duration(before) * a.delay)
		}
	}
	t := s.Next(from)
	for n := 0; n < 2*mostCounted && !t.IsZero() && !t.After(now); n++ {
		newest = append(newest, t.UTC())
		if len(newest) > listedMissed+1 {
			newest = newest[1:]
			before++
		}
		t = s.Next(t)
	}
	return newest, before
}
