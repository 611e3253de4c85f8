package governor

import (
	"slices"
	"time"

	"zhiyin/service/privacy"
)

// rules is a setting made ready for deciding. Not for concurrent use.
type rules struct {
	*Setting
	zone   *time.Location // of the business
	shares map[sourceKey]int
	quotas map[string]bool // channels that have one
	known  map[lane]*limits
}

type sourceKey struct {
	source string
	id     int64
}

// lane is what decides which limits are for a message.
type lane struct{ channel, topic string }

// limits are those for the messages of a lane.
type limits struct {
	caps  []*Cap
	quiet *Quiet
	quota bool
}

func newRules(s *Setting, zone *time.Location, quotas map[string]bool) *rules {
	return &rules{Setting: s, zone: zone, quotas: quotas, shares: map[sourceKey]int{}, known: map[lane]*limits{}}
}

// limitsOf finds what is for the messages of a channel about a topic.
func (r *rules) limitsOf(channel, topic string) *limits {
	key := lane{channel, topic}
	l := r.known[key]
	if l != nil {
		return l
	}
	l = &limits{quota: r.quotas[channel]}
	for i := range r.Caps {
		c := &r.Caps[i]
		if r.counts(c, channel, topic) {
			l.caps = append(l.caps, c)
		}
	}
	for i := range r.Quiet {
		q := &r.Quiet[i]
		if q.Channel == channel || q.Channel == "" && l.quiet == nil && !r.silent(channel) {
			l.quiet = q
		}
	}
	r.known[key] = l
	return l
}

func (r *rules) silent(channel string) bool { return slices.Contains(r.Silent, channel) }

// counts tells whether a message of a channel about a topic counts for a cap.
func (r *rules) counts(c *Cap, channel, topic string) bool {
	if c.Topic != "" && c.Topic != topic {
		return false
	}
	return c.Channel == channel || c.Channel == "" && !r.silent(channel)
}

// remembers tells whether a message has to be marked in its customer's book, because something is counted by it.
func (r *rules) remembers(a *Ask) bool {
	if a.CustomerID == 0 || a.Transactional {
		return false
	}
	l := r.limitsOf(a.Channel, a.Topic)
	return len(l.caps) > 0 || l.quota || r.RepeatDays > 0 && a.Content != [32]byte{}
}

// keep is how long a mark may count.
func (r *rules) keep() time.Duration {
	days := max(r.RepeatDays, 7)
	for _, c := range r.Caps {
		switch c.Window {
		case WindowDay:
			days = max(days, 3)
		case WindowWeek:
			days = max(days, 15)
		case WindowMonth:
			days = max(days, 63)
		case WindowRolling:
			days = max(days, 2*c.Hours/24+1)
		}
	}
	if len(r.quotas) > 0 {
		days = max(days, 32)
	}
	return time.Duration(days) * 24 * time.Hour
}

// halved is a cap for somebody who wants fewer messages: half of it, and of one, one in twice the time.
func (c *Cap) halved(fewer bool) (most int, doubled bool) {
	switch {
	case !fewer:
		return c.Most, false
	case c.Most == 1:
		return 1, true
	}
	return c.Most / 2, false
}

// window is the stretch of time that a cap looks at from a moment. Until is, of a rolling window, as long as what is sent at t counts.
func (r *rules) window(c *Cap, p *person, t time.Time, doubled bool) span {
	if c.Window != WindowRolling {
		return calendar(c.Window, t, r.home(p), doubled)
	}
	length := time.Duration(c.Hours) * time.Hour
	if doubled {
		length *= 2
	}
	// What was sent exactly so long ago counts no more, and marks are whole milliseconds.
	return span{t.Add(-length + time.Millisecond), t.Add(length)}
}

// home is the zone in which a customer lives.
func (r *rules) home(p *person) *time.Location {
	if p.zone != nil {
		return p.zone
	}
	return r.zone
}

// person is what is known of one customer.
type person struct {
	wish   *privacy.Wish // nil: there is nothing to say
	zone   *time.Location
	marks  []mark // the oldest first
	quotas map[string]Quota
	rivals []rival
}

// rival is a message that is planned and more important than others.
type rival struct {
	channel, topic string
	priority       int
	due            time.Time
}
