package journey

import (
	"encoding/json"
	"strconv"
	"strings"
)

func number(id int64) string { return strconv.FormatInt(id, 10) }

// said is what an event says, by property.
type said map[string]any

// readSaid reads a payload; numbers stay as they are written, so that ids and fen keep every digit.
func readSaid(payload string) said {
	dec := json.NewDecoder(strings.NewReader(payload))
	dec.UseNumber()
	var out said
	if dec.Decode(&out) != nil {
		return nil
	}
	return out
}

// text is one property as a text; empty when it is not said or no plain value.
func (s said) text(property string) string {
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

// fits tells whether an event of the kind is the one that is meant.
func (h *Happening) fits(kind string, what said) bool {
	if h == nil || h.Kind != kind {
		return false
	}
	for _, m := range h.Where {
		if !m.holds(what) {
			return false
		}
	}
	return true
}

// holds asks one filter. What is not said is not equal to anything, and neither less nor more.
func (m Match) holds(what said) bool {
	has := what.text(m.Property)
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
