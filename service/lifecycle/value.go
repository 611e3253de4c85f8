package lifecycle

import "fmt"

// ValueSetting says how the value of a customer is put together.
type ValueSetting struct {
	Parts []ValuePart `json:"parts"`
	// KeyAt is the score from which a customer is a key one. Others have potential when the parts that are not purchases
	// bring at least PotentialAt points: they don't spend much yet, but they are here.
	KeyAt       int64 `json:"key_at"`
	PotentialAt int64 `json:"potential_at"`
}

// ValuePart is the weight of one part, and how much of it earns all its points.
type ValuePart struct {
	Name   string   `json:"name"`
	Weight int64    `json:"weight"`
	Full   int64    `json:"full"`
	Days   int      `json:"days"`
	Kinds  []string `json:"kinds,omitempty"` // of events, for the parts that count them
}

// The grades.
const (
	GradeKey       = "key"
	GradePotential = "potential"
	GradeOrdinary  = "ordinary"
)

// valuePart is a part that there may be. Its name is data.
type valuePart struct {
	name     string
	zh, en   string
	unit     string
	purchase bool
	kinds    bool
	of       func(p *person, s ValuePart) int64
}

// valueParts is the one table of what makes a customer valuable.
var valueParts = []valuePart{
	{"spend", "消费金额", "paid and not refunded", "fen", true, false, func(p *person, s ValuePart) int64 {
		_, fen := p.bought(s.Days)
		return fen
	}},
	{"orders", "购买次数", "orders", "times", true, false, func(p *person, s ValuePart) int64 {
		n, _ := p.bought(s.Days)
		return n
	}},
	{"referrals", "推荐分享", "referrals and shares", "times", false, true, func(p *person, s ValuePart) int64 {
		n, _ := p.happened(s.Kinds, s.Days)
		return n
	}},
	{"reviews", "评价内容", "reviews and posts", "times", false, true, func(p *person, s ValuePart) int64 {
		n, _ := p.happened(s.Kinds, s.Days)
		return n
	}},
	{"participation", "参与互动", "days on which they took part in something", "days", false, true, func(p *person, s ValuePart) int64 {
		_, n := p.happened(s.Kinds, s.Days)
		return n
	}},
	{"relation", "关系紧密度", "staff who follow them, and groups they are in", "times", false, false, func(p *person, _ ValuePart) int64 {
		return int64(p.follows + p.groups)
	}},
}

func defaultValue() ValueSetting {
	return ValueSetting{
		Parts: []ValuePart{
			{Name: "spend", Weight: 30, Full: 500_000, Days: 365},
			{Name: "orders", Weight: 20, Full: 12, Days: 365},
			{Name: "referrals", Weight: 15, Full: 5, Days: 365, Kinds: []string{"content.shared", "referral.succeeded"}},
			{Name: "reviews", Weight: 10, Full: 5, Days: 365, Kinds: []string{"review.posted", "post.published", "comment.posted"}},
			{Name: "participation", Weight: 15, Full: 30, Days: 90},
			{Name: "relation", Weight: 10, Full: 4},
		},
		KeyAt: 550, PotentialAt: 150,
	}
}

// PartPoints says what one part brought.
type PartPoints struct {
	Name, Zh, En, Unit string
	Found, Full        int64
	Points, Most       int64
}

// score adds up the parts: each brings a share of its weight, of 1000 for all. It also says which brought how much.
func (v ValueSetting) score(p *person) (points int64, grade string, parts []PartPoints) {
	var weights, beyond int64
	for _, s := range v.Parts {
		weights += s.Weight
	}
	for _, s := range v.Parts {
		kind, ok := valuePartOf(s.Name)
		if !ok || weights == 0 {
			continue
		}
		found := max(0, kind.of(p, s))
		most := 1000 * s.Weight / weights
		got := most * min(found, s.Full) / s.Full
		points += got
		if !kind.purchase {
			beyond += got
		}
		parts = append(parts, PartPoints{kind.name, kind.zh, kind.en, kind.unit, found, s.Full, got, most})
	}
	switch {
	case points >= v.KeyAt:
		grade = GradeKey
	case beyond >= v.PotentialAt:
		grade = GradePotential
	default:
		grade = GradeOrdinary
	}
	return points, grade, parts
}

func valuePartOf(name string) (valuePart, bool) {
	for _, p := range valueParts {
		if p.name == name {
			return p, true
		}
	}
	return valuePart{}, false
}

func (v ValueSetting) check() error {
	seen := map[string]bool{}
	var weights int64
	for i, s := range v.Parts {
		at := fmt.Sprintf("value.parts[%d]", i)
		kind, ok := valuePartOf(s.Name)
		switch {
		case !ok || seen[s.Name]:
			return ErrSetting.With(at+".name", "no such part, or there twice")
		case s.Weight < 0 || s.Weight > 1000:
			return ErrSetting.With(at+".weight", "0 to 1000")
		case s.Full < 1 || s.Full > maxValue:
			return ErrSetting.With(at+".full", "at least 1")
		case s.Days < 0 || s.Days > 3650 || kind.kinds && (s.Days == 0 || s.Days > knownDays):
			return ErrSetting.With(at+".days", fmt.Sprintf("of events 1 to %d", knownDays))
		case len(s.Kinds) > maxKinds || len(s.Kinds) > 0 && !kind.kinds:
			return ErrSetting.With(at+".kinds", fmt.Sprintf("at most %d, of parts that count events", maxKinds))
		case s.Name == "referrals" && len(s.Kinds) == 0, s.Name == "reviews" && len(s.Kinds) == 0:
			return ErrSetting.With(at+".kinds", "say which events count")
		}
		if why := wrongKinds(s.Kinds); why != "" {
			return ErrSetting.With(at+".kinds", why)
		}
		seen[s.Name] = true
		weights += s.Weight
	}
	if weights == 0 {
		return ErrSetting.With("value.parts", "at least one has a weight")
	}
	if v.KeyAt < 1 || v.KeyAt > 1000 || v.PotentialAt < 1 || v.PotentialAt > 1000 {
		return ErrSetting.With("value.key_at", "1 to 1000")
	}
	return nil
}
