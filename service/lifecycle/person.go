package lifecycle

import (
	"strings"
	"time"

	"zhiyin/model"
)

// person is what rules and scores know of one customer at one moment. Days are numbers of days of business since 1970.
type person struct {
	id       int64
	today    int
	met      int
	orders   []purchase // paid and not given back, the oldest first
	refunds  []purchase // those wholly or partly given back, by their own day; refunded says how much
	events   []counted
	follows  int // relations that stand
	lost     int // relations that the customer ended
	groups   int
	followed int // the day the latest relation began; 0: none

	before *model.CustomerLifecycle // where they stood; nil: nowhere yet

	alive    int64 // basis points, -1 not known
	expected int64 // fen, -1 not known
	score    int64 // value
}

// purchase is one paid order.
type purchase struct {
	day      int
	at       time.Time
	paid     int64
	refunded int64
}

func (p purchase) net() int64 { return max(0, p.paid-p.refunded) }

// whole tells whether all of it was given back: then nothing was bought.
func (p purchase) whole() bool { return p.refunded > 0 && p.refunded >= p.paid }

// counted is how often something happened on a day.
type counted struct {
	kind  string
	day   int
	times int64
}

// own tells whether customers do this themselves: facts about their relations and stages are no activity of theirs.
func (c counted) own() bool { return !strings.HasPrefix(c.kind, "customer.") }

// known is how far back events are read.
const knownDays = 400

// dayOf is the number of a moment's day of business.
func dayOf(at time.Time, zone *time.Location) int {
	y, m, d := at.In(zone).Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86_400)
}

// calendar is a number of days as yyyymmdd.
func calendar(day int) int {
	y, m, d := time.Unix(int64(day)*86_400, 0).UTC().Date()
	return y*10_000 + int(m)*100 + d
}

// number is a yyyymmdd as a number of days.
func number(yyyymmdd int) int {
	return int(time.Date(yyyymmdd/10_000, time.Month(yyyymmdd/100%100), yyyymmdd%100, 0, 0, 0, 0, time.UTC).Unix() / 86_400)
}

// within tells whether a day is one of the last so many, today among them; 0 days are all.
func (p *person) within(day, days int) bool { return days == 0 || day > p.today-days }

// bought sums up the orders of the last days.
func (p *person) bought(days int) (orders, fen int64) {
	for _, o := range p.orders {
		if p.within(o.day, days) {
			orders++
			fen += o.net()
		}
	}
	return orders, fen
}

// happened counts events of the kinds (none: all that customers do themselves), and the days that had any.
func (p *person) happened(kinds []string, days int) (times, active int64) {
	seen := map[int]bool{}
	for _, e := range p.events {
		if !p.within(e.day, days) || !meant(kinds, e) {
			continue
		}
		times += e.times
		if !seen[e.day] {
			seen[e.day] = true
			active++
		}
	}
	return times, active
}

func meant(kinds []string, e counted) bool {
	if len(kinds) == 0 {
		return e.own()
	}
	for _, k := range kinds {
		if k == e.kind {
			return true
		}
	}
	return false
}

// seen is the day of the last sign of life.
func (p *person) seen() int {
	last := max(p.met, p.followed)
	for _, e := range p.events {
		if e.own() {
			last = max(last, e.day)
		}
	}
	if n := len(p.orders); n > 0 {
		last = max(last, p.orders[n-1].day)
	}
	return last
}

// overdue is how long the last order is ago, in percent of what is usual between two orders of this customer.
func (p *person) overdue() (percent int64, ok bool) {
	n := len(p.orders)
	if n < 2 {
		return 0, false
	}
	first, last := p.orders[0].day, p.orders[n-1].day
	if last == first {
		return 0, false
	}
	repeats := 0
	for i := 1; i < n; i++ {
		if p.orders[i].day != p.orders[i-1].day {
			repeats++
		}
	}
	return int64(p.today-last) * 100 * int64(repeats) / int64(last-first), true
}

// returned is the day on which they last came back: with the first order after they had lapsed, or with one that followed
// so many days without any (0: that doesn't count).
func (p *person) returned(away int) (day int, ok bool) {
	for i, o := range p.orders {
		again := away > 0 && i > 0 && o.day-p.orders[i-1].day >= away
		if p.before != nil && p.before.LapsedAt != nil && o.at.After(*p.before.LapsedAt) {
			again = again || i == 0 || !p.orders[i-1].at.After(*p.before.LapsedAt)
		}
		if again {
			day, ok = o.day, true
		}
	}
	return day, ok
}

// refunded is how much of what was paid in the last days was given back, in percent, and of how many orders.
func (p *person) refunded(days int) (percent, orders int64) {
	var paid, back int64
	for _, o := range p.orders {
		if p.within(o.day, days) {
			paid += o.paid
		}
	}
	for _, r := range p.refunds {
		if p.within(r.day, days) {
			orders++
			back += r.refunded
			if r.whole() { // the others are among the orders
				paid += r.paid
			}
		}
	}
	if paid <= 0 {
		return 0, orders
	}
	return min(100, back*100/paid), orders
}
