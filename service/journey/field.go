package journey

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"zhiyin/model"
)

// FieldType says what a step or a trigger lets people set. Names are data.
type FieldType string

// The types of fields.
const (
	Text     FieldType = "text"
	Number   FieldType = "number"
	Flag     FieldType = "flag"
	Choosing FieldType = "choice"
	Spanning FieldType = "span"     // 30m, 12h, 3d
	Clock    FieldType = "clock"    // 09:30, in the zone of the business
	Weekdays FieldType = "weekdays" // 1 is Monday
	Date     FieldType = "date"     // 2006-01-02
	Cron     FieldType = "cron"     // five fields, in the zone of the business
	Ref      FieldType = "ref"      // an id
	Refs     FieldType = "refs"     // ids
	Happens  FieldType = "event"    // a kind of event, with filters
	Signing  FieldType = "sign"     // an event, or coming into or out of a segment
	Branches FieldType = "branches" // names, each with a rule over customers
	Shares   FieldType = "shares"   // names, each with basis points that add up to 10000
	Property FieldType = "property" // the name of a custom field
)

// Field is something that people set. The console draws a form from it.
type Field struct {
	Name     string
	Zh, En   string
	Type     FieldType
	Required bool
	Kind     model.Kind // of ids
	Choices  []Choice
	Most     int64 // the longest text in characters, the largest number, the most ids
}

// Choice is a value that may be chosen.
type Choice struct{ Name, Zh, En string }

// Params is what people have set, by field: string, int64, bool, Span, clockTime, []int64, and the types below.
type Params map[string]any

func param[T any](p Params, name string) T {
	v, _ := p[name].(T)
	return v
}

func (p Params) text(name string) string  { return param[string](p, name) }
func (p Params) number(name string) int64 { return param[int64](p, name) }
func (p Params) flag(name string) bool    { return param[bool](p, name) }
func (p Params) refs(name string) []int64 { return param[[]int64](p, name) }

// Span is a time to wait: whole days of the calendar, or hours and minutes.
type Span struct {
	Days int
	Time time.Duration
}

var spanText = regexp.MustCompile(`^([1-9][0-9]{0,5})([mhd])$`)

// longestSpan is a year, and a day where it is a leap year.
const longestSpan = 366

func readSpan(text string) (s Span, ok bool) {
	m := spanText.FindStringSubmatch(text)
	if m == nil {
		return s, false
	}
	n, _ := strconv.Atoi(m[1])
	switch m[2] {
	case "d":
		s.Days = n
	case "h":
		s.Time = time.Duration(n) * time.Hour
	default:
		s.Time = time.Duration(n) * time.Minute
	}
	return s, s.Days <= longestSpan && s.Time <= longestSpan*24*time.Hour
}

// String is the form in which a span is kept.
func (s Span) String() string {
	switch {
	case s.Days > 0:
		return fmt.Sprintf("%dd", s.Days)
	case s.Time%time.Hour == 0:
		return fmt.Sprintf("%dh", s.Time/time.Hour)
	}
	return fmt.Sprintf("%dm", s.Time/time.Minute)
}

// After is the moment a span after another. Days keep the time of day.
func (s Span) After(t time.Time, zone *time.Location) time.Time {
	return t.In(zone).AddDate(0, 0, s.Days).Add(s.Time).UTC()
}

// long tells whether somebody who waits it again and again is no burden.
func (s Span) long() bool { return s.Days > 0 || s.Time >= time.Hour }

// clockTime is a time of day in minutes.
type clockTime int

var clockText = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])$`)

func readClock(text string) (clockTime, bool) {
	m := clockText.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	h, _ := strconv.Atoi(m[1])
	minute, _ := strconv.Atoi(m[2])
	return clockTime(h*60 + minute), true
}

func (c clockTime) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// on is the time of day on the day of a moment. Where clocks are put forward over it, it is the moment at which they are: not before.
func (c clockTime) on(day time.Time, zone *time.Location) time.Time {
	y, m, d := day.In(zone).Date()
	at := time.Date(y, m, d, int(c)/60, int(c)%60, 0, 0, zone)
	if at.Day() == d && at.Hour()*60+at.Minute() == int(c) {
		return at.UTC()
	}
	// Go gives a moment as far before or behind the gap as the gap is wide.
	from, to := at.ZoneBounds()
	if at.Day() != d || at.Hour()*60+at.Minute() < int(c) {
		return to.UTC()
	}
	return from.UTC()
}

// next is the first such time, on one of these weekdays, that is not before a moment.
func (c clockTime) next(t time.Time, weekdays []int64, zone *time.Location) time.Time {
	for n := range 8 {
		at := c.on(t.In(zone).AddDate(0, 0, n), zone)
		if !at.Before(t) && onWeekday(at.In(zone), weekdays) {
			return at
		}
	}
	return t
}

// onWeekday tells whether a day is one of these; of none, all are.
func onWeekday(day time.Time, weekdays []int64) bool {
	if len(weekdays) == 0 {
		return true
	}
	for _, w := range weekdays {
		if int64((day.Weekday()+6)%7)+1 == w {
			return true
		}
	}
	return false
}
