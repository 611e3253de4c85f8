package segment

import (
	"slices"
	"time"
)

// yearly tells whether a window can be asked about days that come back every year: it has both ends, less than a
// year apart.
func (w *Window) yearly() bool {
	first, end := w.days(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC)
	return !first.IsZero() && !end.IsZero() && end.Before(first.AddDate(1, 0, 0))
}

// monthDays lists the days of a window as mmdd. Those born on 29 February have their day on the 28th in years that
// have no 29th.
func (w *Window) monthDays(now time.Time, zone *time.Location) map[int]bool {
	mds := map[int]bool{}
	first, end := w.days(now, zone)
	for d := first; d.Before(end); d = d.AddDate(0, 0, 1) {
		mds[monthDay(d)] = true
		if isCommonFebruary28(d) {
			mds[229] = true
		}
	}
	return mds
}

// firstYear is the earliest year that an anniversary is counted from.
const firstYear = 1990

// origins lists the days, as yyyymmdd, whose anniversary is in the window.
func (w *Window) origins(now time.Time, zone *time.Location) map[int]bool {
	days := map[int]bool{}
	first, end := w.days(now, zone)
	for d := first; d.Before(end); d = d.AddDate(0, 0, 1) {
		for y := d.Year() - 1; y >= firstYear; y-- {
			if monthDay(d) != 229 || isLeap(y) {
				days[y*10000+monthDay(d)] = true
			}
			if isCommonFebruary28(d) && isLeap(y) {
				days[y*10000+229] = true
			}
		}
	}
	return days
}

func monthDay(d time.Time) int { return int(d.Month())*100 + d.Day() }

func isLeap(year int) bool {
	return time.Date(year, 2, 29, 0, 0, 0, 0, time.UTC).Month() == time.February
}

func isCommonFebruary28(d time.Time) bool { return monthDay(d) == 228 && !isLeap(d.Year()) }

// dayOf reads a yyyymmdd; of an mmdd it is a day of year 0, which has a 29 February.
func dayOf(n int) time.Time {
	return time.Date(n/10000, time.Month(n/100%100), n%100, 0, 0, 0, 0, time.UTC)
}

// runs gives the first and the last of each run of consecutive days.
func runs(days map[int]bool) (out [][2]int) {
	list := make([]int, 0, len(days))
	for d := range days {
		list = append(list, d)
	}
	slices.Sort(list)
	for _, d := range list {
		if n := len(out); n > 0 && dayOf(out[n-1][1]).AddDate(0, 0, 1).Equal(dayOf(d)) {
			out[n-1][1] = d
		} else {
			out = append(out, [2]int{d, d})
		}
	}
	return out
}
