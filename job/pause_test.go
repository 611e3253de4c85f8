package job

import (
	"errors"
	"testing"
	"time"

	"zhiyin/service/clock"
)

// TestPause: a paused job is planted by no replica, may be started by hand, and goes on from its next tick on without
// making up for those that passed.
func TestPause(t *testing.T) {
	fake := clock.NewFake(noon.Add(-10 * time.Second))
	r := newRig(t)
	jobs := []Job{job("a", "* * * * *", true, nothing), job("b", "* * * * *", true, nothing)}
	one, other := r.replica(fake.Now, jobs...), r.replica(fake.Now, jobs...)
	both := func() {
		one.plantAll(t.Context())
		other.plantAll(t.Context())
	}
	both()
	for range 2 {
		if err := one.Pause(t.Context(), "a", "数据库维护", 7); err != nil {
			t.Fatal(err)
		}
	}
	fake.Advance(time.Minute)
	both()
	if a, b := len(ticks(t, one, "a")), len(ticks(t, one, "b")); a != 0 || b != 1 {
		t.Fatalf("planted: paused %d, other %d", a, b)
	}
	states, err := other.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := states[0].Paused; p == nil || p.Reason != "数据库维护" || p.PausedBy != 7 || states[1].Paused != nil {
		t.Errorf("paused: %+v, %+v", p, states[1].Paused)
	}
	if _, err := one.RunNow(t.Context(), "a", 7); err != nil {
		t.Fatal(err)
	}
	fake.Advance(10*time.Minute + 5*time.Second)
	for range 2 {
		if err := other.Resume(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	both()
	if n := len(ticks(t, one, "a")); n != 1 {
		t.Errorf("%d ticks after it was resumed, want that of the person alone", n)
	}
	fake.Advance(time.Minute)
	both()
	if rows := ticks(t, one, "a"); len(rows) != 2 || rows[1].Trigger != byClock || rows[1].Status != plantedTick {
		t.Errorf("got %+v", rows)
	}
	if err := one.Pause(t.Context(), "c", "", 7); !errors.Is(err, ErrNoJob) {
		t.Errorf("pause of no job: %v", err)
	}
	if err := one.Resume(t.Context(), "c"); !errors.Is(err, ErrNoJob) {
		t.Errorf("resume of no job: %v", err)
	}
}
