package governor

import "time"

// span is the stretch of time that a window covers at a moment: what was sent from Since on counts, and at Until it has changed.
type span struct{ since, until time.Time }

// calendar is the window of the calendar around a moment, in a zone; twice as long, into the past, when doubled.
func calendar(window string, t time.Time, zone *time.Location, doubled bool) span {
	y, m, d := t.In(zone).Date()
	back := 1
	if doubled {
		back = 2
	}
	switch window {
	case WindowWeek:
		monday := d - (int(t.In(zone).Weekday())+6)%7
		return span{startOfDay(y, m, monday-7*(back-1), zone), startOfDay(y, m, monday+7, zone)}
	case WindowMonth:
		return span{startOfDay(y, m-time.Month(back-1), 1, zone), startOfDay(y, m+1, 1, zone)}
	}
	return span{startOfDay(y, m, d-(back-1), zone), startOfDay(y, m, d+1, zone)}
}

// startOfDay is the first moment of a day. Where clocks go forward at midnight it is not midnight.
func startOfDay(y int, m time.Month, d int, zone *time.Location) time.Time {
	noon := time.Date(y, m, d, 12, 0, 0, 0, zone)
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if t.Day() != noon.Day() { // there is no midnight; time.Date gave a moment of the day before
		_, t = t.ZoneBounds()
	}
	return t
}

// covers tells whether the minute of the day of a moment is quiet; t is in the customer's zone.
func (q *Quiet) covers(t time.Time) bool {
	minute := t.Hour()*60 + t.Minute()
	if q.From < q.To {
		return q.From <= minute && minute < q.To
	}
	return minute >= q.From || minute < q.To
}

// end is the first moment from a quiet one on that is not quiet, whatever clocks are put forward or back meanwhile.
func (q *Quiet) end(t time.Time) time.Time {
	for q.covers(t) {
		minute := t.Hour()*60 + t.Minute()
		left := (q.To - minute + minutesOfDay) % minutesOfDay
		next := t.Add(time.Duration(left)*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
		if _, change := t.ZoneBounds(); !change.IsZero() && change.Before(next) {
			next = change // the clock shows another minute from there on
		}
		t = next
	}
	return t
}
