package clock

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnchored: two replicas whose machines disagree by any amount tell the authority's time, and
// follow it when it is set, within a minute.
func TestAnchored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		ahead.Store(int64(5 * time.Minute))
		theirs := func() time.Time { return time.Now().UTC().Add(time.Duration(ahead.Load())) }
		now, err := Anchored(t.Context(), func(context.Context) (time.Time, error) { return theirs(), nil })
		if err != nil {
			t.Fatal(err)
		}
		same := func(when string) {
			t.Helper()
			if d := now().Sub(theirs()).Abs(); d > 2*time.Millisecond {
				t.Errorf("%s: %v away from the authority", when, d)
			}
		}
		same("at once")
		time.Sleep(10 * time.Second)
		same("between two questions")
		ahead.Store(int64(-time.Hour))
		time.Sleep(anchorEvery + 2*driftCheck)
		same("after the authority was set back")
		if got := now(); got.Location() != time.UTC || got.Nanosecond()%int(time.Millisecond) != 0 {
			t.Errorf("got %v, want UTC in whole milliseconds", got)
		}
	})
}

// TestAnchoredTrip: an answer that took long is placed in the middle of its trip, and a quicker one
// is preferred.
func TestAnchoredTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trips := []time.Duration{400 * time.Millisecond, 40 * time.Millisecond, 900 * time.Millisecond}
		n := 0
		now, err := Anchored(t.Context(), func(context.Context) (time.Time, error) {
			d := trips[n%len(trips)]
			n++
			time.Sleep(d) // all of it on the way there
			return time.Now(), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Until(now()).Abs(); d > 21*time.Millisecond {
			t.Errorf("off by %v, more than half the quickest trip", d)
		}
		if n != len(trips) {
			t.Errorf("asked %d times, want %d", n, len(trips))
		}
	})
}

// TestAnchoredSilence: an authority that stops answering leaves the last anchor; one that never
// answered is an error.
func TestAnchoredSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		if _, err := Anchored(t.Context(), func(context.Context) (time.Time, error) { return time.Time{}, down }); !errors.Is(err, down) {
			t.Errorf("got %v, want %v", err, down)
		}
		var asked atomic.Int64
		now, err := Anchored(t.Context(), func(context.Context) (time.Time, error) {
			if asked.Add(1) > 1 {
				return time.Time{}, down
			}
			return time.Now().Add(time.Hour), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if d := now().Sub(time.Now().Add(time.Hour)).Abs(); d > time.Millisecond {
			t.Errorf("off by %v although nothing moved", d)
		}
		if n := asked.Load(); n < 10 {
			t.Errorf("asked %d times in ten minutes", n)
		}
	})
}

// TestDrift: time that only went by is no drift.
func TestDrift(t *testing.T) {
	from := time.Now()
	if d := drift(from, from.Add(time.Hour)); d != 0 {
		t.Errorf("got %v for a clock that was left alone", d)
	}
}
