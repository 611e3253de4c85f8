package autotag

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/segment"
)

// Occurrence is what must happen for a rule to act: an event of one of these kinds, of which all of Where holds and,
// when there are Keywords, whose text holds one of them.
type Occurrence struct {
	Kinds    []string `json:"kinds"`
	Where    []Match  `json:"where,omitempty"`
	Keywords []string `json:"keywords,omitempty"`
	// Property is the one in which keywords are looked for; empty: in every text of the event.
	Property string `json:"property,omitempty"`
}

// Match compares one property of an event.
type Match struct {
	Property string `json:"property"`
	Op       string `json:"op"` // is, is_not, contains, at_least, at_most
	Value    string `json:"value"`
}

var matchOps = []string{"is", "is_not", "contains", "at_least", "at_most"}

// The bounds of an occurrence.
const (
	maxKinds    = 20
	maxMatches  = 10
	maxKeywords = 500
	maxText     = 64 // characters of a keyword or a value
)

// rule is a row, ready to be asked.
type rule struct {
	model.TagRule
	condition  *segment.Rule // nil: everybody
	occurrence *Occurrence   // nil: fitting is enough
	tags       []int64
	facts      map[string]bool
}

// standing tells whether the rule follows a condition, rather than waiting for something to happen.
func (r *rule) standing() bool { return r.occurrence == nil }

// ruleOf reads a row, or finds it in memory.
func (s *Service) ruleOf(tx *gorm.DB, row *model.TagRule) (*rule, error) {
	s.mu.Lock()
	r := s.known[row.ID]
	s.mu.Unlock()
	if r != nil && r.Version == row.Version {
		now := *r
		now.TagRule = *row
		return &now, nil
	}
	r = &rule{TagRule: *row}
	if err := json.Unmarshal([]byte(row.TagIDs), &r.tags); err != nil {
		return nil, fmt.Errorf("read tags of rule %d: %w", row.ID, err)
	}
	if row.OccurrenceJSON != "" {
		r.occurrence = &Occurrence{}
		if err := json.Unmarshal([]byte(row.OccurrenceJSON), r.occurrence); err != nil {
			return nil, fmt.Errorf("read occurrence of rule %d: %w", row.ID, err)
		}
	}
	if row.ConditionJSON != "" {
		e, err := s.env(tx, false)
		if err != nil {
			return nil, err
		}
		if r.condition, err = segment.Decode([]byte(row.ConditionJSON), segment.RowIDs, e.Known); err != nil {
			return nil, err
		}
		r.facts = r.condition.Facts()
	}
	s.mu.Lock()
	s.known[row.ID] = r
	s.mu.Unlock()
	return r, nil
}

// Definition is what a rule says.
type Definition struct {
	Name       string
	Condition  *segment.Rule // nil: everybody; then something must happen
	Occurrence *Occurrence   // nil: fitting the condition is enough
	TagIDs     []int64       // at most 20
	ExpireDays int           // 0: never
	TakeBack   bool          // when the condition no longer holds; only without an occurrence
	Enabled    bool
}

// check refuses what can't be read or done, and tidies the rest.
func (d *Definition) check() error {
	d.Name = strings.TrimSpace(d.Name)
	if n := utf8.RuneCountInString(d.Name); n == 0 || n > 64 || !readable(d.Name) {
		return ErrName
	}
	slices.Sort(d.TagIDs)
	d.TagIDs = slices.Compact(d.TagIDs)
	switch {
	case len(d.TagIDs) == 0 || len(d.TagIDs) > 20:
		return ErrRule.With("tag_ids", "1 … 20")
	case d.ExpireDays < 0 || d.ExpireDays > 3650:
		return ErrRule.With("expire_days", "0 … 3650")
	case d.Condition == nil && d.Occurrence == nil:
		return ErrRule.With("condition", "条件和事件至少要有一个 / a condition, an occurrence, or both")
	case d.TakeBack && d.Occurrence != nil:
		return ErrRule.With("take_back", "由事件触发的规则请用有效天数 / what happens can't cease to hold; let it expire")
	case d.Occurrence != nil:
		return d.Occurrence.check()
	}
	return nil
}

func (o *Occurrence) check() error {
	texts := slices.Concat(o.Kinds, o.Keywords, []string{"x" + o.Property})
	for _, m := range o.Where {
		if m.Property == "" || !slices.Contains(matchOps, m.Op) {
			return ErrRule.With("occurrence.where", "property, op, value")
		}
		texts = append(texts, m.Property, "x"+m.Value)
	}
	for _, t := range texts {
		if n := utf8.RuneCountInString(t); n == 0 || n > maxText+1 || !readable(t) {
			return ErrRule.With("occurrence", "每项 1 到 64 个字 / 1 … 64 characters each")
		}
	}
	for _, k := range o.Keywords {
		if normal(k) == "" {
			return ErrRule.With("occurrence.keywords", "没有可以查找的字 / nothing to look for")
		}
	}
	if len(o.Kinds) == 0 || len(o.Kinds) > maxKinds || len(o.Where) > maxMatches || len(o.Keywords) > maxKeywords {
		return ErrRule.With("occurrence", "1 … 20 kinds, 10 filters, 500 keywords")
	}
	return nil
}

// readable tells whether a text holds no control characters and none that turn the direction of writing.
func readable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) })
}
