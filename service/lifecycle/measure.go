package lifecycle

import "slices"

// measure is a number that rules may ask about. Its name is data: stored in rules, never renamed.
type measure struct {
	name   string
	zh, en string
	unit   string // days, times, fen, percent, basis_points, points
	window bool   // takes "days": of the last so many; 0 is all
	kinds  bool   // takes "kinds" of events
	// of gives the number, or false when there is none: then no condition about it holds.
	of func(p *person, c Condition) (int64, bool)
}

// measures is the one table of what rules may ask about.
var measures = []measure{
	{"days_since_met", "认识天数", "days since we met", "days", false, false, func(p *person, _ Condition) (int64, bool) {
		return int64(p.today - p.met), true
	}},
	{"days_since_seen", "距最近活动天数", "days since the last sign of life", "days", false, false, func(p *person, _ Condition) (int64, bool) {
		return int64(max(0, p.today-p.seen())), true
	}},
	{"days_since_order", "距最近下单天数", "days since the last order", "days", false, false, func(p *person, _ Condition) (int64, bool) {
		n := len(p.orders)
		if n == 0 {
			return 0, false
		}
		return int64(p.today - p.orders[n-1].day), true
	}},
	{"days_since_return", "距回购天数", "days since they came back: bought after they had lapsed, or after so many days without an order", "days", true, false,
		func(p *person, c Condition) (int64, bool) {
			day, ok := p.returned(c.Days)
			return int64(p.today - day), ok
		}},
	{"overdue_percent", "超期程度", "time since the last order, in percent of what is usual between two of theirs", "percent", false, false,
		func(p *person, _ Condition) (int64, bool) { return p.overdue() }},
	{"orders", "订单数", "paid orders", "times", true, false, func(p *person, c Condition) (int64, bool) {
		n, _ := p.bought(c.Days)
		return n, true
	}},
	{"amount_fen", "消费金额", "paid and not refunded", "fen", true, false, func(p *person, c Condition) (int64, bool) {
		_, fen := p.bought(c.Days)
		return fen, true
	}},
	{"events", "行为次数", "events of these kinds", "times", true, true, func(p *person, c Condition) (int64, bool) {
		n, _ := p.happened(c.Kinds, c.Days)
		return n, true
	}},
	{"active_days", "活跃天数", "days with an event of these kinds", "days", true, true, func(p *person, c Condition) (int64, bool) {
		_, n := p.happened(c.Kinds, c.Days)
		return n, true
	}},
	{"followers", "跟进成员数", "staff who follow them", "times", false, false, func(p *person, _ Condition) (int64, bool) {
		return int64(p.follows), true
	}},
	{"lost_relations", "删除成员次数", "staff whom they removed", "times", false, false, func(p *person, _ Condition) (int64, bool) {
		return int64(p.lost), true
	}},
	{"groups", "所在客户群数", "customer groups they are in", "times", false, false, func(p *person, _ Condition) (int64, bool) {
		return int64(p.groups), true
	}},
	{"alive_bp", "仍活跃概率", "probability of being still a customer; none for those who bought less than twice", "basis_points", false, false,
		func(p *person, _ Condition) (int64, bool) { return p.alive, p.alive >= 0 }},
	{"expected_fen", "未来90天预期消费", "expected to be spent in the next 90 days", "fen", false, false,
		func(p *person, _ Condition) (int64, bool) { return p.expected, p.expected >= 0 }},
	{"value_score", "价值分", "value score", "points", false, false, func(p *person, _ Condition) (int64, bool) {
		return p.score, true
	}},
}

func measureOf(name string) (measure, bool) {
	i := slices.IndexFunc(measures, func(m measure) bool { return m.name == name })
	if i < 0 {
		return measure{}, false
	}
	return measures[i], true
}

// Measure is one of what rules may ask about, as the console's form wants it.
type Measure struct {
	Name, Zh, En, Unit string
	Days, Kinds        bool // whether it takes them
}

// Measures lists what rules may ask about.
func Measures() []Measure {
	out := make([]Measure, len(measures))
	for i, m := range measures {
		out[i] = Measure{m.name, m.zh, m.en, m.unit, m.window, m.kinds}
	}
	return out
}
