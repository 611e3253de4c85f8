package governor

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestF37_QuietHours: quiet hours end at the next moment that is not quiet, across midnight and whatever clocks are put forward or back.
func TestF37_QuietHours(t *testing.T) {
	night := Quiet{From: 22 * 60, To: 8 * 60}
	for _, tt := range []struct {
		name, zone string
		quiet      Quiet
		at, want   string // local; want empty: not quiet
	}{
		{"before", "Asia/Shanghai", night, "2026-11-29 21:59:59", ""},
		{"begins exactly now", "Asia/Shanghai", night, "2026-11-29 22:00:00", "2026-11-30 08:00:00"},
		{"past midnight", "Asia/Shanghai", night, "2026-11-30 00:30:17", "2026-11-30 08:00:00"},
		{"ends exactly now", "Asia/Shanghai", night, "2026-11-30 08:00:00", ""},
		{"last day of the year", "Asia/Shanghai", night, "2026-12-31 23:00:00", "2027-01-01 08:00:00"},
		{"into 29 February", "Asia/Shanghai", night, "2028-02-28 23:00:00", "2028-02-29 08:00:00"},
		{"at noon", "Asia/Shanghai", Quiet{From: 12 * 60, To: 14 * 60}, "2026-11-29 13:10:00", "2026-11-29 14:00:00"},
		{"clocks go forward in the night", "America/New_York", night, "2026-03-07 23:00:00", "2026-03-08 08:00:00"},
		{"clocks go back in the night", "America/New_York", night, "2026-10-31 23:00:00", "2026-11-01 08:00:00"},
		{"its end is skipped", "America/New_York", Quiet{From: 60, To: 150}, "2026-03-08 01:30:00", "2026-03-08 03:00:00"},
		{"its end comes twice: quiet again until the second", "America/New_York", Quiet{From: 0, To: 90}, "2026-11-01 00:30:00", "2026-11-01 01:30:00"},
		{"by half an hour", "Australia/Lord_Howe", Quiet{From: 0, To: 130}, "2026-10-04 01:00:00", "2026-10-04 02:30:00"},
		{"clocks go forward at midnight", "Asia/Beirut", Quiet{From: 23 * 60, To: 30}, "2026-03-28 23:30:00", "2026-03-29 01:00:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := zone(t, tt.zone)
			at, err := time.ParseInLocation(time.DateTime, tt.at, z)
			if err != nil {
				t.Fatal(err)
			}
			if quiet := tt.quiet.covers(at); quiet != (tt.want != "") {
				t.Fatalf("quiet at %s: %t", tt.at, quiet)
			}
			end := tt.quiet.end(at)
			if tt.want == "" {
				if !end.Equal(at) {
					t.Errorf("got %s, want %s", end, at)
				}
				return
			}
			if got := end.Format(time.DateTime); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			for m := at; m.Before(end); m = m.Add(time.Minute) {
				if !tt.quiet.covers(m) {
					t.Fatalf("%s is not quiet, and comes before %s", m, end)
				}
			}
		})
	}
}

// TestF37_CalendarWindows: days, weeks and months are those of the zone.
func TestF37_CalendarWindows(t *testing.T) {
	for _, tt := range []struct {
		name, zone, window string
		doubled            bool
		at, since, until   string
	}{
		{"day", "Asia/Shanghai", WindowDay, false, "2026-11-29 23:59:59", "2026-11-29 00:00:00", "2026-11-30 00:00:00"},
		{"two days", "Asia/Shanghai", WindowDay, true, "2026-12-01 00:00:00", "2026-11-30 00:00:00", "2026-12-02 00:00:00"},
		{"a day of 23 hours", "America/New_York", WindowDay, false, "2026-03-08 12:00:00", "2026-03-08 00:00:00", "2026-03-09 00:00:00"},
		{"a day without midnight", "Asia/Beirut", WindowDay, false, "2026-03-29 12:00:00", "2026-03-29 01:00:00", "2026-03-30 00:00:00"},
		{"the day before one without midnight", "Asia/Beirut", WindowDay, false, "2026-03-28 12:00:00", "2026-03-28 00:00:00", "2026-03-29 01:00:00"},
		{"week from Monday", "Asia/Shanghai", WindowWeek, false, "2026-11-29 10:00:00", "2026-11-23 00:00:00", "2026-11-30 00:00:00"},
		{"Monday itself", "Asia/Shanghai", WindowWeek, false, "2026-11-30 00:00:00", "2026-11-30 00:00:00", "2026-12-07 00:00:00"},
		{"two weeks", "Asia/Shanghai", WindowWeek, true, "2026-11-30 00:00:00", "2026-11-23 00:00:00", "2026-12-07 00:00:00"},
		{"February of a leap year", "Asia/Shanghai", WindowMonth, false, "2028-02-29 10:00:00", "2028-02-01 00:00:00", "2028-03-01 00:00:00"},
		{"two months over a year's end", "Asia/Shanghai", WindowMonth, true, "2027-01-31 10:00:00", "2026-12-01 00:00:00", "2027-02-01 00:00:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := zone(t, tt.zone)
			at, err := time.ParseInLocation(time.DateTime, tt.at, z)
			if err != nil {
				t.Fatal(err)
			}
			w := calendar(tt.window, at.UTC(), z, tt.doubled)
			if since, until := w.since.In(z).Format(time.DateTime), w.until.In(z).Format(time.DateTime); since != tt.since || until != tt.until {
				t.Errorf("got %s to %s, want %s to %s", since, until, tt.since, tt.until)
			}
		})
	}
}
