package event

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxProperties     = 30  // that a kind defines
	maxTextProperty   = 512 // characters
	maxSafeInteger    = 1<<53 - 1
	maxPropertyNumber = 1e15
)

var (
	kindName     = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)
	propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

const maxName = 64

func validKindName(name string) bool { return len(name) <= maxName && kindName.MatchString(name) }

// check says what is wrong with a kind's definition.
func (k *Kind) check() error {
	if !validKindName(k.Name) {
		return ErrDefinition.With("name", "a…z, 0…9, _ and . between words, at most 64")
	}
	for field, text := range map[string]string{"zh": k.Zh, "en": k.En} {
		if text == "" || utf8.RuneCountInString(text) > maxName || !printable(text) {
			return ErrDefinition.With(field, "1 … 64 characters")
		}
	}
	if !knownClass(k.Class) {
		return ErrDefinition.With("class", "unknown")
	}
	if len(k.Properties) > maxProperties {
		return ErrDefinition.With("properties", "at most "+strconv.Itoa(maxProperties))
	}
	for i, p := range k.Properties {
		if err := k.checkProperty(p); err != nil {
			return err
		}
		if slices.ContainsFunc(k.Properties[:i], func(q Property) bool { return q.Name == p.Name }) {
			return ErrDefinition.With("properties", p.Name+" twice")
		}
	}
	if p, found := k.Property(k.Item); k.Item != "" && (!found || p.Type == Boolean || p.Type == Time) {
		return ErrDefinition.With("item", "a property that is a text or a number")
	}
	if p, found := k.Property(k.Value); k.Value != "" && (!found || p.Type != Integer && p.Type != Money) {
		return ErrDefinition.With("value", "a property that is an integer or money")
	}
	return nil
}

func (k *Kind) checkProperty(p Property) error {
	if len(p.Name) > maxName || !propertyName.MatchString(p.Name) {
		return ErrDefinition.With("properties", "names: a…z, 0…9 and _, at most 64")
	}
	if p.Zh == "" || p.En == "" || utf8.RuneCountInString(p.Zh) > maxName || utf8.RuneCountInString(p.En) > maxName || !printable(p.Zh+p.En) {
		return ErrDefinition.With("properties", p.Name+": titles of 1 … 64 characters")
	}
	if !slices.Contains([]PropertyType{Text, Integer, Number, Boolean, Time, Money}, p.Type) && (p.Type != RowID || k.Custom) {
		return ErrDefinition.With("properties", p.Name+": unknown type")
	}
	return nil
}

// printable refuses control characters and those that turn the direction of what follows them.
func printable(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return false
		}
	}
	return true
}

// holds tells whether a JSON value is one of the type.
func (t PropertyType) holds(raw json.RawMessage) bool {
	switch t {
	case Text:
		s, ok := textOf(raw)
		return ok && utf8.RuneCountInString(s) <= maxTextProperty && printable(s)
	case Integer, Money:
		n, err := strconv.ParseInt(string(raw), 10, 64)
		return err == nil && n >= -maxSafeInteger && n <= maxSafeInteger
	case Number:
		n, err := strconv.ParseFloat(string(raw), 64)
		return err == nil && raw[0] != '"' && n >= -maxPropertyNumber && n <= maxPropertyNumber
	case Boolean:
		return string(raw) == "true" || string(raw) == "false"
	case Time:
		s, ok := textOf(raw)
		if !ok {
			return false
		}
		_, err := time.Parse(time.RFC3339, s)
		return err == nil
	default:
		return false
	}
}

// textOf is a JSON string's text. Most hold nothing that is escaped.
func textOf(raw json.RawMessage) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	if !slices.Contains(inner, '\\') && utf8.Valid(inner) {
		return string(inner), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}
