package segment

import "time"

// Window is a stretch of time, mostly one that moves with today. Days are days of business and count
// whole: last_days 1 is today. One of its forms is used: LastDays (with SkipDays, which leaves out today and the
// days next to it), SkipDays alone (everything before), NextDays, LastHours, Period, or From and To.
type Window struct {
	LastDays  int    `json:"last_days,omitempty"`
	SkipDays  int    `json:"skip_days,omitempty"`
	NextDays  int    `json:"next_days,omitempty"` // today is the first
	LastHours int    `json:"last_hours,omitempty"`
	Period    string `json:"period,omitempty"`
	From      string `json:"from,omitempty"` // yyyy-mm-dd, inclusive
	To        string `json:"to,omitempty"`   // inclusive
}

// periods are the named windows, with what people read. A week begins on Monday.
var periods = []Choice{
	{"this_week", "本周", "this week"}, {"last_week", "上周", "last week"}, {"this_month", "本月", "this month"},
	{"last_month", "上月", "last month"}, {"next_month", "下月", "next month"}, {"this_year", "今年", "this year"},
}

// Periods lists the windows that have a name.
func Periods() []Choice { return periods }

// check says what is wrong with a window; empty when nothing is.
func (w *Window) check() string {
	forms := 0
	for _, used := range []bool{w.LastDays != 0 || w.SkipDays != 0, w.NextDays != 0, w.LastHours != 0, w.Period != "", w.From != "" || w.To != ""} {
		if used {
			forms++
		}
	}
	switch {
	case forms != 1:
		return "one of last_days, skip_days, next_days, last_hours, period, from and to"
	case w.LastDays < 0 || w.LastDays > 3650 || w.SkipDays < 0 || w.SkipDays > 3650 || w.LastDays != 0 && w.SkipDays >= w.LastDays:
		return "last_days 1 … 3650, and skip_days less than it"
	case w.NextDays < 0 || w.NextDays > 366:
		return "next_days 1 … 366"
	case w.LastHours < 0 || w.LastHours > 720:
		return "last_hours 1 … 720"
	case w.Period != "" && choiceOf(periods, w.Period) < 0:
		return "an unknown period"
	}
	from, okFrom := parseDay(w.From)
	to, okTo := parseDay(w.To)
	if !okFrom || !okTo || w.From != "" && w.To != "" && from.After(to) {
		return "days as yyyy-mm-dd, from not after to"
	}
	return ""
}

// parseDay reads a day; the empty text is fine and the zero time.
func parseDay(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	t, err := time.Parse(time.DateOnly, text)
	return t, err == nil && t.Year() >= 1900 && t.Year() <= 9999 && t.Format(time.DateOnly) == text
}

// moves tells whether the window is another one tomorrow.
func (w *Window) moves() bool { return w != nil && w.From == "" && w.To == "" }

// dayAligned tells whether the window begins and ends with whole days.
func (w *Window) dayAligned() bool { return w == nil || w.LastHours == 0 }

// Bounds gives the window as seen at now: from lo up to, not including, hi; a zero time is no bound.
func (w *Window) Bounds(now time.Time, zone *time.Location) (lo, hi time.Time) {
	if w == nil {
		return
	}
	if w.LastHours != 0 {
		return now.Add(-time.Duration(w.LastHours) * time.Hour).UTC(), time.Time{}
	}
	first, end := w.days(now, zone)
	if !first.IsZero() {
		lo = startOf(first, zone)
	}
	if !end.IsZero() {
		hi = startOf(end, zone)
	}
	return lo, hi
}

// DayBounds is Bounds in days, as yyyymmdd: from lo up to, not including, hi; 0 is no bound.
func (w *Window) DayBounds(now time.Time, zone *time.Location) (lo, hi int) {
	if w == nil {
		return
	}
	first, end := w.days(now, zone)
	return dayNumber(first), dayNumber(end)
}

// days gives the first day and the day after the last, at midnight UTC whatever the zone; zero: no bound.
func (w *Window) days(now time.Time, zone *time.Location) (first, end time.Time) {
	y, m, d := now.In(zone).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	month := today.AddDate(0, 0, 1-d)
	monday := today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	switch {
	case w.LastDays != 0:
		return today.AddDate(0, 0, 1-w.LastDays), today.AddDate(0, 0, 1-w.SkipDays)
	case w.SkipDays != 0:
		return time.Time{}, today.AddDate(0, 0, 1-w.SkipDays)
	case w.NextDays != 0:
		return today, today.AddDate(0, 0, w.NextDays)
	}
	switch w.Period {
	case "this_week":
		return monday, monday.AddDate(0, 0, 7)
	case "last_week":
		return monday.AddDate(0, 0, -7), monday
	case "this_month":
		return month, month.AddDate(0, 1, 0)
	case "last_month":
		return month.AddDate(0, -1, 0), month
	case "next_month":
		return month.AddDate(0, 1, 0), month.AddDate(0, 2, 0)
	case "this_year":
		return today.AddDate(0, 0, 1-today.YearDay()), time.Date(y+1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	first, _ = parseDay(w.From)
	if end, _ = parseDay(w.To); !end.IsZero() {
		end = end.AddDate(0, 0, 1)
	}
	return first, end
}

// startOf is when a day begins in the zone of the business.
func startOf(day time.Time, zone *time.Location) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone).UTC()
}

// dayNumber is a day as yyyymmdd; 0 of the zero time.
func dayNumber(t time.Time) int {
	if t.IsZero() {
		return 0
	}
	return t.Year()*10000 + int(t.Month())*100 + t.Day()
}
