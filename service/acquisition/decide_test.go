package acquisition

import (
	"slices"
	"testing"
	"time"
)

const (
	monday = 1 << iota
	tuesday
	wednesday
	thursday
	friday
	saturday
	sunday
	everyDay = monday | tuesday | wednesday | thursday | friday | saturday | sunday
)

func shanghai(t testing.TB) *time.Location { return zone(t, "Asia/Shanghai") }

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestShiftCovers(t *testing.T) {
	day := Shift{monday | wednesday, 9 * 60, 18 * 60}
	night := Shift{friday, 22 * 60, 6 * 60}
	sundayNight := Shift{sunday, 23 * 60, 1 * 60}
	wholeDay := Shift{tuesday, 0, 1440}
	roundTheClock := Shift{tuesday, 8 * 60, 8 * 60}
	// 2026-11-23 is a Monday.
	tests := []struct {
		name  string
		shift Shift
		at    string
		want  bool
	}{
		{"begins exactly now", day, "2026-11-23 09:00", true},
		{"a minute before it begins", day, "2026-11-23 08:59", false},
		{"last minute", day, "2026-11-23 17:59", true},
		{"ends exactly now", day, "2026-11-23 18:00", false},
		{"another weekday", day, "2026-11-24 12:00", false},
		{"second weekday", day, "2026-11-25 12:00", true},
		{"evening of a shift past midnight", night, "2026-11-27 22:00", true},
		{"after midnight it is the next day's morning", night, "2026-11-28 05:59", true},
		{"past midnight, ends exactly now", night, "2026-11-28 06:00", false},
		{"the morning before it begins", night, "2026-11-27 05:00", false},
		{"evening of the next day", night, "2026-11-28 23:00", false},
		{"Sunday into Monday", sundayNight, "2026-11-23 00:30", true},
		{"Monday into Tuesday is another shift", sundayNight, "2026-11-24 00:30", false},
		{"until midnight, last minute", wholeDay, "2026-11-24 23:59", true},
		{"until midnight, ends exactly now", wholeDay, "2026-11-25 00:00", false},
		{"from equals to: first minute", roundTheClock, "2026-11-24 08:00", true},
		{"from equals to: next morning", roundTheClock, "2026-11-25 07:59", true},
		{"from equals to: ends exactly now", roundTheClock, "2026-11-25 08:00", false},
		{"no day at all", Shift{0, 0, 1440}, "2026-11-24 08:00", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at, err := time.ParseInLocation("2006-01-02 15:04", tt.at, shanghai(t))
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.shift.covers(at); got != tt.want {
				t.Errorf("%+v covers %s: got %v, want %v", tt.shift, tt.at, got, tt.want)
			}
		})
	}
}

// Shifts follow the clock on the wall, also on the days when that clock is moved.
func TestShiftInAZoneWithSummerTime(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	s := Shift{everyDay, 9 * 60, 17 * 60}
	for _, at := range []string{"2026-03-29T07:00:00Z", "2026-03-28T08:00:00Z"} { // both 09:00 there
		instant, _ := time.Parse(time.RFC3339, at)
		if !s.covers(instant.In(berlin)) {
			t.Errorf("%s is 09:00 in Berlin and should be covered", at)
		}
		if s.covers(instant.Add(-time.Minute).In(berlin)) {
			t.Errorf("a minute before %s should not be covered", at)
		}
	}
}

func TestDecide(t *testing.T) {
	office := []Shift{{everyDay, 9 * 60, 18 * 60}}
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, shanghai(t))
	six := time.Date(2026, 11, 23, 18, 0, 0, 0, shanghai(t))
	a := candidate{userID: "a", usable: true, shifts: office}
	b := candidate{userID: "b", usable: true, shifts: office, limit: 10}
	free := candidate{userID: "free", usable: true}
	spare := candidate{userID: "spare", usable: true, spare: true, limit: 5}
	with := func(c candidate, f func(*candidate)) candidate { f(&c); return c }
	full := func(c *candidate) { c.today = int64(c.limit) }
	gone := func(c *candidate) { c.usable = false }

	tests := []struct {
		name string
		now  time.Time
		list []candidate
		want []string
		rule string
	}{
		{"on shift, in sorted order", noon, []candidate{b, a, spare}, []string{"a", "b"}, ServedByShift},
		{"no shifts means always", six, []candidate{a, free}, []string{"free"}, ServedByShift},
		{"one below the limit", noon, []candidate{with(b, func(c *candidate) { c.today = 9 }), spare}, []string{"b"}, ServedByShift},
		{"limit reached", noon, []candidate{with(b, full), spare}, []string{"spare"}, ServedBySpare},
		{"limit passed by a burst", noon, []candidate{with(b, func(c *candidate) { c.today = 13 }), a}, []string{"a"}, ServedByShift},
		{"shift ends exactly now", six, []candidate{a, spare}, []string{"spare"}, ServedBySpare},
		{"spare off shift", six, []candidate{a, with(spare, func(c *candidate) { c.shifts = office })}, []string{"spare"}, ServedByAnySpare},
		{"spare full too", noon, []candidate{with(b, full), with(spare, full)}, []string{"spare"}, ServedByAnySpare},
		{"spare gone", six, []candidate{a, with(spare, gone)}, []string{"a"}, ServedByAnybody},
		{"all full, no spare", noon, []candidate{with(b, full)}, []string{"b"}, ServedByAnybody},
		{"gone staff are never named", noon, []candidate{with(a, gone), b}, []string{"b"}, ServedByShift},
		{"all gone", noon, []candidate{with(a, gone), with(spare, gone)}, nil, ServedByNobody},
		{"nobody at all", noon, nil, nil, ServedByNobody},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, rule := decide(tt.now, tt.list)
			if !slices.Equal(got, tt.want) || rule != tt.rule {
				t.Errorf("got %v by %s, want %v by %s", got, rule, tt.want, tt.rule)
			}
		})
	}
}

func TestHashKnowsNoOrderAndConfusesNothing(t *testing.T) {
	one, _ := decide(time.Now(), []candidate{{userID: "a", usable: true}, {userID: "b", usable: true}})
	two, _ := decide(time.Now(), []candidate{{userID: "b", usable: true}, {userID: "a", usable: true}})
	if (wanted{"n", true, one}).hash() != (wanted{"n", true, two}).hash() {
		t.Error("the same staff in another order has another hash")
	}
	seen := map[string]wanted{}
	for _, w := range []wanted{
		{"n", true, []string{"a", "b"}}, {"n", true, []string{"ab"}}, {"n", false, []string{"a", "b"}}, {"m", true, []string{"a", "b"}}, {"n", true, []string{"a"}},
	} {
		if other, ok := seen[w.hash()]; ok {
			t.Errorf("%+v and %+v have the same hash", w, other)
		}
		seen[w.hash()] = w
	}
}
