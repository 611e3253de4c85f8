package event

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Said is what an event says, by property.
type Said map[string]any

// ReadSaid reads a payload; numbers stay as they are written, so that ids and fen keep every digit.
func ReadSaid(payload string) Said {
	dec := json.NewDecoder(strings.NewReader(payload))
	dec.UseNumber()
	var out Said
	if dec.Decode(&out) != nil {
		return nil
	}
	return out
}

// Text is one property as a text; empty when it is not said or no plain value.
func (s Said) Text(property string) string {
	switch v := s[property].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// Match narrows events by what they say.
type Match struct {
	Property string
	Op       string // one of MatchOps
	Value    string // ids as row ids
}

// MatchOps are the questions about what an event says. Names are data.
var MatchOps = []string{"is", "is_not", "contains", "at_least", "at_most"}

// KnownOp tells whether there is such a question.
func KnownOp(op string) bool { return slices.Contains(MatchOps, op) }

// Holds asks one of an event. What is not said is not equal to anything, and neither less nor more.
func (m Match) Holds(what Said) bool {
	has := what.Text(m.Property)
	switch m.Op {
	case "is":
		return has != "" && (strings.EqualFold(has, m.Value) || sameNumber(has, m.Value))
	case "is_not":
		return !strings.EqualFold(has, m.Value) && !sameNumber(has, m.Value)
	case "contains":
		return has != "" && strings.Contains(strings.ToLower(has), strings.ToLower(m.Value))
	}
	a, errA := strconv.ParseFloat(has, 64)
	b, errB := strconv.ParseFloat(m.Value, 64)
	if errA != nil || errB != nil {
		return false
	}
	if m.Op == "at_least" {
		return a >= b
	}
	return a <= b
}

func sameNumber(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}
