package governor

import (
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"zhiyin/service/fault"
)

// What callers may act on.
var (
	// ErrSetting names the wrong inputs in its fields.
	ErrSetting = fault.New(fault.Invalid, "governor.setting", "触达闸设置有误", "the governor's settings are wrong")
	ErrStale   = fault.New(fault.Conflict, "governor.stale", "设置已被他人修改，请刷新", "somebody else has changed the settings")
	ErrNone    = fault.New(fault.NotFound, "governor.no_revision", "没有这个版本的设置", "there is no such revision of the settings")
)

// Setting is all that operators decide about contacts.
type Setting struct {
	Revision int64   `json:"-"` // raised by every change; 0: as it comes with the product
	Caps     []Cap   `json:"caps"`
	Quiet    []Quiet `json:"quiet"`
	// Silent are channels that disturb nobody, such as the inbox: neither caps nor quiet hours are for them.
	Silent []string `json:"silent"`
	Topics []Topic  `json:"topics"`
	// RepeatDays is for how many days the same content is not said to the same customer again; 0: no matter.
	RepeatDays int     `json:"repeat_days"`
	Holdout    Holdout `json:"holdout"`
	// AheadHours is how far ahead what is planned with a higher priority keeps its slot; 0: not at all.
	AheadHours int `json:"ahead_hours"`
	// ZoneField is the custom field that says in which time zone a customer lives, such as Asia/Urumqi; empty: all live in
	// that of the business.
	ZoneField string `json:"zone_field"`
}

// The windows of caps. Names are data.
const (
	WindowDay     = "day"   // the calendar's day where the customer lives
	WindowWeek    = "week"  // from Monday
	WindowMonth   = "month" // the calendar's
	WindowRolling = "rolling"
)

// Cap bounds how many messages one customer gets within a window of time.
type Cap struct {
	Channel string `json:"channel,omitempty"` // empty: all that are not silent
	Topic   string `json:"topic,omitempty"`   // empty: all
	Window  string `json:"window"`
	Hours   int    `json:"hours,omitempty"` // of a rolling window
	Most    int    `json:"most"`            // halved for those who want fewer: of one, one in twice the time
}

// Quiet is a time of the day at which nobody is disturbed, by the clock where the customer lives.
type Quiet struct {
	Channel string `json:"channel,omitempty"` // empty: all that have none of their own
	From    int    `json:"from"`              // minute of the day, inclusive
	To      int    `json:"to"`                // exclusive; before From: on the next day
	Drop    bool   `json:"drop"`              // what comes then is dropped, not put off
}

// Topic is what customers may want more or less of.
type Topic struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// Holdout is the lasting group of customers who hear nothing, to measure by them what messages do.
type Holdout struct {
	Share int `json:"share"` // basis points; a larger share keeps everybody who was in
	Draw  int `json:"draw"`  // another number draws another group
	// Exempt are sources that write to them all the same.
	Exempt []string `json:"exempt"`
}

func defaultSetting() *Setting {
	return &Setting{
		Caps: []Cap{
			{Window: WindowDay, Most: 2},
			{Window: WindowRolling, Hours: 7 * 24, Most: 6},
			{Topic: "promotion", Window: WindowDay, Most: 1},
		},
		Quiet:  []Quiet{{From: 22 * 60, To: 8 * 60}},
		Silent: []string{"inbox"},
		Topics: []Topic{
			{"promotion", "促销优惠 · offers"}, {"news", "上新资讯 · news"}, {"care", "关怀提醒 · care and reminders"}, {"survey", "调研邀请 · surveys"},
		},
		RepeatDays: 3, AheadHours: 24,
		Holdout: Holdout{Exempt: []string{"console", "sidebar"}},
	}
}

const (
	mostCaps     = 50
	mostWindow   = 92 * 24 // hours
	mostRepeat   = 90      // days
	mostOfCap    = 1000
	minutesOfDay = 24 * 60
)

var plainName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`)

// check finds everything that is wrong.
func (s *Setting) check() error {
	f := ErrSetting
	wrong := func(bad bool, field, reason string) {
		if bad {
			f = f.With(field, reason)
		}
	}
	topics := map[string]bool{"": true}
	wrong(len(s.Topics) > 30, "topics", "at most 30")
	for i, t := range s.Topics {
		field := fmt.Sprintf("topics[%d]", i)
		wrong(!plainName.MatchString(t.Name), field+".name", "a to z, digits and _, at most 31")
		wrong(topics[t.Name], field+".name", "is there twice")
		wrong(t.Title == "" || utf8.RuneCountInString(t.Title) > 64, field+".title", "1 to 64 characters")
		topics[t.Name] = true
	}
	wrong(len(s.Caps) > mostCaps, "caps", fmt.Sprintf("at most %d", mostCaps))
	for i, c := range s.Caps {
		field := fmt.Sprintf("caps[%d]", i)
		rolling := c.Window == WindowRolling
		wrong(c.Channel != "" && !plainName.MatchString(c.Channel), field+".channel", "no name of a channel")
		wrong(!topics[c.Topic], field+".topic", "no such topic")
		wrong(!slices.Contains([]string{WindowDay, WindowWeek, WindowMonth, WindowRolling}, c.Window), field+".window", "day, week, month, rolling")
		wrong(rolling && (c.Hours < 1 || c.Hours > mostWindow), field+".hours", fmt.Sprintf("1 to %d", mostWindow))
		wrong(!rolling && c.Hours != 0, field+".hours", "only of a rolling window")
		wrong(c.Most < 1 || c.Most > mostOfCap, field+".most", fmt.Sprintf("1 to %d", mostOfCap))
	}
	quiet := map[string]bool{}
	for i, q := range s.Quiet {
		field := fmt.Sprintf("quiet[%d]", i)
		wrong(q.Channel != "" && !plainName.MatchString(q.Channel), field+".channel", "no name of a channel")
		wrong(quiet[q.Channel], field+".channel", "is there twice")
		wrong(q.From < 0 || q.From >= minutesOfDay || q.To < 0 || q.To >= minutesOfDay || q.From == q.To, field, "two different minutes of the day")
		quiet[q.Channel] = true
	}
	wrong(len(s.Quiet) > mostCaps, "quiet", fmt.Sprintf("at most %d", mostCaps))
	wrong(s.RepeatDays < 0 || s.RepeatDays > mostRepeat, "repeat_days", fmt.Sprintf("0 to %d", mostRepeat))
	wrong(s.AheadHours < 0 || s.AheadHours > 7*24, "ahead_hours", "0 to 168")
	wrong(s.Holdout.Share < 0 || s.Holdout.Share > 5000, "holdout.share", "0 to 5000")
	wrong(s.Holdout.Draw < 0, "holdout.draw", "not below zero")
	for field, list := range map[string][]string{"silent": s.Silent, "holdout.exempt": s.Holdout.Exempt} {
		wrong(len(list) > 30 || slices.ContainsFunc(list, func(n string) bool { return !plainName.MatchString(n) }), field, "at most 30 names")
	}
	wrong(s.ZoneField != "" && len(s.ZoneField) > 40, "zone_field", "the name of a custom field")
	if len(f.Fields) == 0 {
		return nil
	}
	return f
}
