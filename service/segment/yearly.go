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

// monthDays lists the days of a window as mmdd, ascending, each once. Those born on 29 February have their day on the 28th
// in years that have no 29th.
func (w *Window) monthDays(now time.Time, zone *time.Location) (mds []int) {
	first, end := w.days(now, zone)
	for day, last := dayNumber(first), dayNumber(end); day < last; day = dayAfter(day) {
		mds = append(mds, day%10000)
		if isCommonFebruary28(day) {
			mds = append(mds, 229)
		}
	}
	slices.Sort(mds)
	return slices.Compact(mds)
}

// firstYear is the earliest year that an anniversary is counted from.
const firstYear = 1990

// origins lists the days, as yyyymmdd, whose anniversary is in the window, ascending, each once.
func (w *Window) origins(now time.Time, zone *time.Location) (days []int) {
	first, end := w.days(now, zone)
	from, to := dayNumber(first), dayNumber(end)
	for y := firstYear; y < to/10000; y++ { // year by year, which mostly leaves little to sort
		for day := from; day < to; day = dayAfter(day) {
			if md := day % 10000; y < day/10000 && (md != 229 || isLeap(y)) {
				days = append(days, y*10000+md)
			}
			if y < day/10000 && isCommonFebruary28(day) && isLeap(y) {
				days = append(days, y*10000+229)
			}
		}
	}
	slices.Sort(days)
	return slices.Compact(days)
}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func isCommonFebruary28(day int) bool { return day%10000 == 228 && !isLeap(day/10000) }

// dayOf reads a yyyymmdd; of an mmdd it is a day of year 0, which has a 29 February.
func dayOf(n int) time.Time {
	return time.Date(n/10000, time.Month(n/100%100), n%100, 0, 0, 0, 0, time.UTC)
}

// dayAfter is the day after a yyyymmdd or, in a leap year, an mmdd.
func dayAfter(n int) int {
	if n%100 < 28 {
		return n + 1
	}
	next := dayOf(n).AddDate(0, 0, 1)
	return next.Year()*10000 + int(next.Month())*100 + next.Day()
}

// runs gives the first and the last of each run of consecutive days, which ascend.
func runs(days []int) (out [][2]int) {
	for _, d := range days {
		if n := len(out); n > 0 && dayAfter(out[n-1][1]) == d {
			out[n-1][1] = d
		} else {
			out = append(out, [2]int{d, d})
		}
	}
	return out
}
