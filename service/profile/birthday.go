package profile

import (
	"time"
)

// ChildUntil is the age from which on somebody is no child any more; younger ones are out of marketing, and
// of what is kept here, until a guardian has consented.
const ChildUntil = 14

// oldest is an age that nobody has reached.
const oldest = 130

// birthday is a day of birth.
type birthday struct{ year, month, day int }

// readBirthday reads a day that there was, not after today and not longer ago than people live.
func readBirthday(text string, today time.Time) (b birthday, reason string) {
	at, err := time.Parse(time.DateOnly, text)
	b = birthday{at.Year(), int(at.Month()), at.Day()}
	switch {
	case err != nil:
		return b, "no_such_day"
	case b.age(today) < 0:
		return b, "future"
	case b.age(today) > oldest:
		return b, "too_old"
	}
	return b, ""
}

// age is in whole years, on a day in its own zone; below 0 before birth. Who was born on 29 February is a
// year older on 1 March where there is no such day.
func (b birthday) age(today time.Time) int {
	y, m, d := today.Date()
	age := y - b.year
	if int(m)*100+d < b.md() {
		age--
	}
	return age
}

// md is month and day: 1231.
func (b birthday) md() int { return b.month*100 + b.day }

// today is the day of business.
func (s *Service) today() time.Time { return s.Now().In(s.Zone) }

// reasons are what people read of a birthday that can't be.
var reasons = map[string]string{
	"no_such_day": "应为存在的日期，如 1990-01-31 / a day that there was, such as 1990-01-31",
	"future":      "不能晚于今天 / not after today",
	"too_old":     "年份过早 / too long ago",
}
