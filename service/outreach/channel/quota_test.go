package channel

import (
	"fmt"
	"testing"
	"time"
)

// TestF37_PeriodsFollowThePlatformsCalendar: days, weeks and months are those of UTC+8, whatever zone a time comes in.
func TestF37_PeriodsFollowThePlatformsCalendar(t *testing.T) {
	for _, tt := range []struct{ rule, at, want string }{
		{RuleMonth, "2026-11-30T15:59:59Z", "2026-11 30 2026-10-31T16:00:00Z 2026-11-30T16:00:00Z"},
		{RuleMonth, "2026-11-30T16:00:00Z", "2026-12 31 2026-11-30T16:00:00Z 2026-12-31T16:00:00Z"},
		{RuleMonth, "2028-02-29T12:00:00+08:00", "2028-02 29 2028-01-31T16:00:00Z 2028-02-29T16:00:00Z"},
		{RuleMonth, "2027-02-10T00:00:00Z", "2027-02 28 2027-01-31T16:00:00Z 2027-02-28T16:00:00Z"},
		{RuleWeek, "2026-11-29T15:59:59Z", "2026-W48 7 2026-11-22T16:00:00Z 2026-11-29T16:00:00Z"},
		{RuleWeek, "2026-11-29T16:00:00Z", "2026-W49 7 2026-11-29T16:00:00Z 2026-12-06T16:00:00Z"},
		{RuleWeek, "2027-01-01T00:00:00Z", "2026-W53 7 2026-12-27T16:00:00Z 2027-01-03T16:00:00Z"},
		{RuleDay, "2026-11-29T16:30:00Z", "2026-11-30 1 2026-11-29T16:00:00Z 2026-11-30T16:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		p := periodAt(tt.rule, at)
		if got := fmt.Sprint(p.name, " ", p.limit, " ", p.from.UTC().Format(time.RFC3339), " ", p.until.UTC().Format(time.RFC3339)); got != tt.want {
			t.Errorf("%s at %s: got %s, want %s", tt.rule, tt.at, got, tt.want)
		}
	}
}

func TestNextTry(t *testing.T) {
	for occurrence, want := range map[string]string{"": "~1 1", "run-3": "run-3~1 1", "run-3~1": "run-3~2 2", "run-3~2": "run-3~3 3", "a~b": "a~b~1 1"} {
		name, n := nextTry(occurrence)
		if got := fmt.Sprint(name, " ", n); got != want {
			t.Errorf("after %q: got %q, want %q", occurrence, got, want)
		}
	}
	long := fmt.Sprintf("%064d", 1)
	if _, n := nextTry(long); n <= reroutes {
		t.Error("a name without room is tried again")
	}
}
