package lifecycle

import "fmt"

// RiskSetting says how much each sign of risk weighs, and where the grades begin.
type RiskSetting struct {
	Factors  []RiskFactor `json:"factors"`
	HighAt   int64        `json:"high_at"`
	MediumAt int64        `json:"medium_at"`
}

// RiskFactor is the most points that one sign can bring.
type RiskFactor struct {
	Name   string `json:"name"`
	Points int64  `json:"points"`
}

// The grades of risk.
const (
	RiskHigh   = "high"
	RiskMedium = "medium"
	RiskLow    = "low"
)

// riskFactor is a sign that there may be. Its name is data.
type riskFactor struct {
	name   string
	zh, en string
	unit   string
	// of gives what was found and how grave it is, in percent.
	of func(p *person) (found, percent int64)
}

// riskFactors is the one table of signs of risk.
var riskFactors = []riskFactor{
	{"churn", "模型判断的流失概率", "chance of being gone already, by the model", "basis_points", func(p *person) (int64, int64) {
		if p.alive < 0 {
			return 0, 0
		}
		return 10_000 - p.alive, (10_000 - p.alive) / 100
	}},
	{"overdue", "超过自己的购买周期", "time since the last order, in percent of what is usual", "percent", func(p *person) (int64, int64) {
		found, _ := p.overdue()
		return found, slope(found, 100, 300)
	}},
	{"refunds", "近一年退款占比", "share refunded in a year, of two orders or more", "percent", func(p *person) (int64, int64) {
		found, orders := p.refunded(365)
		if orders < 2 {
			return found, 0
		}
		return found, slope(found, 10, 50)
	}},
	{"left", "删除了成员", "staff whom they removed; all of it counts when nobody follows them any more", "times", func(p *person) (int64, int64) {
		switch {
		case p.lost == 0:
			return 0, 0
		case p.follows == 0:
			return int64(p.lost), 100
		}
		return int64(p.lost), 40
	}},
	{"silent", "长期没有活动", "days since the last sign of life", "days", func(p *person) (int64, int64) {
		found := int64(max(0, p.today-p.seen()))
		return found, slope(found, 30, 180)
	}},
}

// slope is 0 up to from, 100 from to on, and straight between.
func slope(v, from, to int64) int64 {
	return max(0, min(100, (v-from)*100/(to-from)))
}

func defaultRisk() RiskSetting {
	return RiskSetting{
		Factors:  []RiskFactor{{"churn", 40}, {"overdue", 20}, {"refunds", 30}, {"left", 30}, {"silent", 20}},
		HighAt:   50,
		MediumAt: 25,
	}
}

// score adds up the signs, at most 100, and says which brought how much.
func (r RiskSetting) score(p *person) (points int64, grade string, parts []PartPoints) {
	for _, s := range r.Factors {
		for _, f := range riskFactors {
			if f.name != s.Name {
				continue
			}
			found, percent := f.of(p)
			got := s.Points * percent / 100
			points += got
			parts = append(parts, PartPoints{Name: f.name, Zh: f.zh, En: f.en, Unit: f.unit, Found: found, Points: got, Most: s.Points})
		}
	}
	points = min(100, points)
	switch {
	case points >= r.HighAt:
		return points, RiskHigh, parts
	case points >= r.MediumAt:
		return points, RiskMedium, parts
	}
	return points, RiskLow, parts
}

func (r RiskSetting) check() error {
	seen := map[string]bool{}
	for i, s := range r.Factors {
		known := false
		for _, f := range riskFactors {
			known = known || f.name == s.Name
		}
		if !known || seen[s.Name] || s.Points < 0 || s.Points > 100 {
			return ErrSetting.With(fmt.Sprintf("risk.factors[%d]", i), "known, once, 0 to 100 points")
		}
		seen[s.Name] = true
	}
	if r.MediumAt < 1 || r.HighAt <= r.MediumAt || r.HighAt > 100 {
		return ErrSetting.With("risk.high_at", "1 ≤ medium_at < high_at ≤ 100")
	}
	return nil
}
