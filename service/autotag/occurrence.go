package autotag

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	ahocorasick "github.com/petar-dambovaliev/aho-corasick"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"zhiyin/model"
)

// normal is a text as keywords are looked for in it: full and half width are one, and so are upper and lower case.
func normal(text string) string {
	return cases.Fold().String(norm.NFKC.String(strings.TrimSpace(text)))
}

// net finds the keywords of all rules in one pass through a text.
type net struct {
	key     string // which rules in which versions
	machine ahocorasick.AhoCorasick
	words   []string
	rules   [][]int64 // by word
}

// newNet knots the keywords of rules.
func newNet(key string, rules []*rule) *net {
	n := &net{key: key}
	at := map[string]int{}
	for _, r := range rules {
		if r.occurrence == nil {
			continue
		}
		for _, k := range r.occurrence.Keywords {
			word := normal(k)
			i, ok := at[word]
			if !ok {
				i = len(n.words)
				at[word] = i
				n.words, n.rules = append(n.words, word), append(n.rules, nil)
			}
			n.rules[i] = append(n.rules[i], r.ID)
		}
	}
	if len(n.words) > 0 {
		builder := ahocorasick.NewAhoCorasickBuilder(ahocorasick.Opts{MatchKind: ahocorasick.StandardMatch, DFA: false})
		n.machine = builder.Build(n.words)
	}
	return n
}

// caught gives for each rule a keyword of it that a text holds.
func (n *net) caught(text string) map[int64]string {
	out := map[int64]string{}
	if len(n.words) == 0 || text == "" {
		return out
	}
	text = normal(text)
	iter := n.machine.IterOverlapping(text)
	for m := iter.Next(); m != nil; m = iter.Next() {
		for _, id := range n.rules[m.Pattern()] {
			if _, ok := out[id]; !ok {
				out[id] = n.words[m.Pattern()]
			}
		}
	}
	return out
}

// happening is an event as occurrences look at it.
type happening struct {
	model.Event
	said   map[string]any
	caught map[string]map[int64]string // keywords by property; "" is every text
	net    *net
}

func (n *net) happening(e model.Event) *happening {
	h := &happening{Event: e, caught: map[string]map[int64]string{}, net: n}
	if json.Unmarshal([]byte(e.Payload), &h.said) != nil {
		h.said = nil
	}
	return h
}

// meets tells whether an event is what a rule waits for, and why.
func (h *happening) meets(r *rule) (why string, ok bool) {
	o := r.occurrence
	if h.CustomerID == 0 || !slices.Contains(o.Kinds, h.Kind) {
		return "", false
	}
	for _, m := range o.Where {
		if !m.holds(h.said[m.Property]) {
			return "", false
		}
	}
	if len(o.Keywords) == 0 {
		return h.Kind, true
	}
	caught, ok := h.caught[o.Property]
	if !ok {
		caught = h.net.caught(h.text(o.Property))
		h.caught[o.Property] = caught
	}
	word, ok := caught[r.ID]
	return h.Kind + ": " + word, ok
}

// text is what one property says, or all of them that are texts, kept apart by lines.
func (h *happening) text(property string) string {
	if property != "" {
		t, _ := h.said[property].(string)
		return t
	}
	var all []string
	for _, v := range h.said {
		if t, ok := v.(string); ok {
			all = append(all, t)
		}
	}
	return strings.Join(all, "\n")
}

// holds compares what an event says with what is wanted. What it doesn't say is not anything.
func (m Match) holds(said any) bool {
	if said == nil {
		return m.Op == "is_not"
	}
	text, number, isNumber := plain(said)
	switch m.Op {
	case "is", "is_not":
		wanted, err := strconv.ParseFloat(m.Value, 64)
		same := normal(text) == normal(m.Value) || isNumber && err == nil && number == wanted
		return same == (m.Op == "is")
	case "contains":
		return strings.Contains(normal(text), normal(m.Value))
	}
	wanted, err := strconv.ParseFloat(m.Value, 64)
	if err != nil || !isNumber {
		return false
	}
	return m.Op == "at_least" && number >= wanted || m.Op == "at_most" && number <= wanted
}

// plain is a value of JSON as text, and as a number if it is one.
func plain(v any) (text string, number float64, isNumber bool) {
	switch v := v.(type) {
	case string:
		return v, 0, false
	case bool:
		return strconv.FormatBool(v), 0, false
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), v, true
	}
	return "", 0, false
}
