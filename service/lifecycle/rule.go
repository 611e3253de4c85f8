package lifecycle

import (
	"fmt"
	"regexp"
)

// Rule says who fits a stage: those whom any of its sets takes. Without sets it takes everybody.
type Rule struct {
	Any []Set `json:"any"`
}

// Set takes those of whom all its conditions hold.
type Set struct {
	All []Condition `json:"all"`
}

// Condition compares one measure with a number.
type Condition struct {
	Measure string   `json:"measure"`
	Op      string   `json:"op"` // AtLeast or AtMost
	Value   int64    `json:"value"`
	Days    int      `json:"days,omitempty"`
	Kinds   []string `json:"kinds,omitempty"`
}

// The comparisons.
const (
	AtLeast = ">="
	AtMost  = "<="
)

// Limits of a rule.
const (
	maxSets       = 6
	maxConditions = 8
	maxKinds      = 20
	maxValue      = 1_000_000_000_000
)

// Outcome is one condition, what was found, and whether it holds.
type Outcome struct {
	Condition
	Found int64
	Known bool // there is such a number
	Holds bool
}

func (c Condition) try(p *person) Outcome {
	m, ok := measureOf(c.Measure)
	if !ok {
		return Outcome{Condition: c}
	}
	found, known := m.of(p, c)
	holds := known && (c.Op == AtLeast && found >= c.Value || c.Op == AtMost && found <= c.Value)
	return Outcome{c, found, known, holds}
}

func (r Rule) holds(p *person) bool {
	if len(r.Any) == 0 {
		return true
	}
	for _, s := range r.Any {
		if s.holds(p) {
			return true
		}
	}
	return false
}

func (s Set) holds(p *person) bool {
	for _, c := range s.All {
		if !c.try(p).Holds {
			return false
		}
	}
	return true
}

// outcomes tries every condition, for those who want to know why.
func (r Rule) outcomes(p *person) [][]Outcome {
	out := make([][]Outcome, len(r.Any))
	for i, s := range r.Any {
		for _, c := range s.All {
			out[i] = append(out[i], c.try(p))
		}
	}
	return out
}

var kindName = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,63}$`)

// check refuses what no measure understands; at names the place.
func (r Rule) check(at string) error {
	if len(r.Any) > maxSets {
		return ErrSetting.With(at, fmt.Sprintf("at most %d alternatives", maxSets))
	}
	for i, s := range r.Any {
		if len(s.All) == 0 || len(s.All) > maxConditions {
			return ErrSetting.With(fmt.Sprintf("%s.any[%d]", at, i), fmt.Sprintf("1 to %d conditions", maxConditions))
		}
		for j, c := range s.All {
			if why := c.wrong(); why != "" {
				return ErrSetting.With(fmt.Sprintf("%s.any[%d].all[%d]", at, i, j), why)
			}
		}
	}
	return nil
}

func (c Condition) wrong() string {
	m, ok := measureOf(c.Measure)
	switch {
	case !ok:
		return "no such measure"
	case c.Op != AtLeast && c.Op != AtMost:
		return "op is >= or <="
	case c.Value < 0 || c.Value > maxValue:
		return "value is out of range"
	case c.Days != 0 && !m.window:
		return "this measure takes no days"
	case c.Days < 0 || c.Days > 3650 || m.kinds && (c.Days == 0 || c.Days > knownDays):
		return fmt.Sprintf("days is out of range; of events 1 to %d", knownDays)
	case len(c.Kinds) > 0 && !m.kinds:
		return "this measure takes no kinds"
	case len(c.Kinds) > maxKinds:
		return fmt.Sprintf("at most %d kinds", maxKinds)
	}
	return wrongKinds(c.Kinds)
}

func wrongKinds(kinds []string) string {
	for _, k := range kinds {
		if !kindName.MatchString(k) {
			return "no kind of event is called so"
		}
	}
	return ""
}
