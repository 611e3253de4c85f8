package job

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	at := func(s string) time.Time {
		got, err := time.ParseInLocation("2006-01-02 15:04:05", s, shanghai)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	tests := []struct{ name, spec, after, want string }{
		{"in the business zone", "17 3 * * *", "2026-11-22 12:00:00", "2026-11-23 03:17:00"},
		{"exactly then is over", "17 3 * * *", "2026-11-22 03:17:00", "2026-11-23 03:17:00"},
		{"a zone of its own", "CRON_TZ=UTC 17 3 * * *", "2026-11-22 09:00:00", "2026-11-22 11:17:00"},
		{"only in leap years", "0 5 29 2 *", "2026-11-22 12:00:00", "2028-02-29 05:00:00"},
		{"aligned", "@every 90s", "2026-11-22 12:00:01", "2026-11-22 12:01:30"},
		{"aligned, exactly then", "@every 90s", "2026-11-22 12:01:30", "2026-11-22 12:03:00"},
		{"aligned, whenever it began", "@every 90s", "2026-11-22 12:00:59", "2026-11-22 12:01:30"},
		{"daily", "@daily", "2026-11-22 12:00:00", "2026-11-23 00:00:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parse(tt.spec, shanghai)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Next(at(tt.after)); !got.Equal(at(tt.want)) {
				t.Errorf("after %s comes %s, want %s", tt.after, got.In(shanghai), tt.want)
			}
		})
	}
	for _, bad := range []string{"", "* * * *", "61 * * * *", "0 0 30 2 *", "@every x", "@sometimes"} {
		if _, err := parse(bad, shanghai); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestDueTicks: all are found; beyond the listed ones they are counted, and an absurd gap ends.
func TestDueTicks(t *testing.T) {
	minutely, err := parse("* * * * *", shanghai)
	if err != nil {
		t.Fatal(err)
	}
	often, err := parse("@every 1s", shanghai)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		gap    time.Duration
		listed int
		before int64
	}{
		{"none", 59 * time.Second, 0, 0},
		{"exactly one", time.Minute, 1, 0},
		{"a few", 5*time.Minute + time.Second, 5, 0},
		{"as many as are listed", (listedMissed + 1) * time.Minute, listedMissed + 1, 0},
		{"one more", (listedMissed + 2) * time.Minute, listedMissed + 1, 1},
		{"a day", 24 * time.Hour, listedMissed + 1, 24*60 - listedMissed - 1},
		{"backwards", -time.Hour, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			newest, before := dueTicks(minutely, noon, noon.Add(tt.gap))
			if len(newest) != tt.listed || before != tt.before {
				t.Errorf("got %d and %d before them, want %d and %d", len(newest), before, tt.listed, tt.before)
			}
			for i, at := range newest {
				if want := noon.Add(time.Duration(tt.before+int64(i)+1) * time.Minute); !at.Equal(want) {
					t.Errorf("tick %d is at %s, want %s", i, at, want)
				}
			}
		})
	}
	year := 365 * 24 * time.Hour
	if newest, before := dueTicks(often, noon, noon.Add(year)); int64(len(newest))+before != int64(year/time.Second) {
		t.Errorf("a year of seconds: got %d", int64(len(newest))+before)
	}
}
