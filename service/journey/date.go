package journey

import (
	"fmt"
	"slices"
	"time"

	"github.com/robfig/cron/v3"
	"gorm.io/gorm"
)

// source is where dates of customers come from that start journeys. Its name is data: never rename one.
type source struct {
	Name, Zh, En string
	// who gives the next customers, above a row id, who have their date on a day.
	who func(tx *gorm.DB, p Params, day time.Time, after int64, limit int) ([]int64, error)
	// tell adds what they may say, and the key of their run; nil: nothing.
	tell func(tx *gorm.DB, p Params, day time.Time, in []candidate) error
}

// sources is the one table of such dates.
var sources = []source{
	{Name: "birthday", Zh: "生日", En: "the birthday", who: func(tx *gorm.DB, _ Params, day time.Time, after int64, limit int) ([]int64, error) {
		return bornOn(tx, monthDays(day), after, limit)
	}},
	{Name: "field", Zh: "自定义日期字段", En: "a custom field that is a date", who: func(tx *gorm.DB, p Params, day time.Time, after int64, limit int) ([]int64, error) {
		if p.flag("yearly") {
			return answeredYearly(tx, p.text("field"), monthDays(day), dayNumber(day), after, limit)
		}
		return answeredDay(tx, p.text("field"), dayNumber(day), after, limit)
	}},
	{Name: "coupon_expiry", Zh: "优惠券到期日", En: "the last day of a coupon", who: func(tx *gorm.DB, p Params, day time.Time, after int64, limit int) ([]int64, error) {
		from, to := couponDay(p, day)
		return couponsUntil(tx, from, to, after, limit)
	}, tell: tellCoupons},
}

var dateFields = []Field{
	{Name: "of", Zh: "什么日期", En: "which date", Type: Choosing, Required: true, Choices: sourceChoices()},
	{Name: "field", Zh: "自定义字段", En: "custom field", Type: Property, Most: 64},
	{Name: "yearly", Zh: "每年", En: "every year", Type: Flag},
	{Name: "before", Zh: "提前几天", En: "days before", Type: Number, Most: 366},
	{Name: "after", Zh: "推后几天", En: "days after", Type: Number, Most: 366},
	{Name: "at", Zh: "时刻", En: "time of day", Type: Clock},
}

func sourceChoices() (out []Choice) {
	for _, s := range sources {
		out = append(out, Choice{s.Name, s.Zh, s.En})
	}
	return out
}

// onDate gives those whose date is so many days off that it is their turn.
func onDate(tx *gorm.DB, p Params, at time.Time, zone *time.Location, after int64, limit int) ([]int64, error) {
	s, day, err := dated(p, at, zone)
	if err != nil {
		return nil, err
	}
	return s.who(tx, p, day, after, limit)
}

// tellDate lets those whom a date has enter say what it is the date of.
func tellDate(tx *gorm.DB, p Params, at time.Time, zone *time.Location, in []candidate) error {
	s, day, err := dated(p, at, zone)
	if err != nil || s.tell == nil || len(in) == 0 {
		return err
	}
	return s.tell(tx, p, day, in)
}

// dated is the source that a trigger names, and the day it looks at.
func dated(p Params, at time.Time, zone *time.Location) (*source, time.Time, error) {
	i := slices.IndexFunc(sources, func(s source) bool { return s.Name == p.text("of") })
	if i < 0 {
		return nil, at, fmt.Errorf("no dates named %q", p.text("of"))
	}
	return &sources[i], at.In(zone).AddDate(0, 0, int(p.number("before")-p.number("after"))), nil
}

// dateDue gives the time of day on every day.
func dateDue(p Params, after, to time.Time, zone *time.Location) (out []time.Time) {
	clock := param[clockTime](p, "at")
	for day := after.In(zone); ; day = day.AddDate(0, 0, 1) {
		at := clock.on(day, zone)
		if at.After(to) {
			return out
		}
		if at.After(after) {
			out = append(out, at)
		}
	}
}

// cronDue gives the moments of a schedule.
func cronDue(p Params, after, to time.Time, zone *time.Location) (out []time.Time) {
	schedule, err := cron.ParseStandard(p.text("cron"))
	if err != nil {
		return nil // it was read when it was saved
	}
	for at := schedule.Next(after.In(zone)); !at.IsZero() && !at.After(to) && len(out) < 1000; at = schedule.Next(at) {
		out = append(out, at.UTC())
	}
	return out
}

// inSegment gives the members of a segment.
func inSegment(tx *gorm.DB, p Params, _ time.Time, _ *time.Location, after int64, limit int) ([]int64, error) {
	return membersAfter(tx, p.number("segment"), after, limit)
}

// monthDays gives a day as mmdd. Those born on 29 February have their day on the 28th in years that have no 29th.
func monthDays(day time.Time) []int {
	md := int(day.Month())*100 + day.Day()
	if md == 228 && day.AddDate(0, 0, 1).Month() == time.March {
		return []int{228, 229}
	}
	return []int{md}
}

// dayNumber is a day as 20061231.
func dayNumber(day time.Time) int {
	y, m, d := day.Date()
	return y*10_000 + int(m)*100 + d
}
