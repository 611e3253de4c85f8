package segment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"zhiyin/model"
)

// Decode reads a rule from JSON, strictly: what is unknown, too deep, too many, of another type or not an id of its
// kind is refused with ErrRule, which names the place.
func Decode(raw []byte, refs Refs, v *Vocabulary) (*Rule, error) {
	if len(raw) > MaxBytes {
		return nil, ErrRule.With("rule", fmt.Sprintf("at most %d bytes", MaxBytes))
	}
	if !utf8.Valid(raw) {
		return nil, ErrRule.With("rule", "not UTF-8")
	}
	d := decoder{refs: refs, known: v}
	r := d.rule("rule", raw, 1)
	if d.err != nil {
		return nil, d.err
	}
	return &r, nil
}

// decoder reads a tree and keeps the first mistake.
type decoder struct {
	refs  Refs
	known *Vocabulary
	nodes int
	err   error
}

func (d *decoder) fail(path, why string) {
	if d.err == nil {
		d.err = ErrRule.With(path, why)
	}
}

// object reads an object that has none but these keys.
func (d *decoder) object(path string, raw []byte, keys ...string) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil || m == nil {
		d.fail(path, "an object")
		return nil
	}
next:
	for k := range m {
		for _, known := range keys {
			if k == known {
				continue next
			}
		}
		d.fail(path, "has an unknown key; known are "+strings.Join(keys, ", "))
	}
	return m
}

func (d *decoder) list(path string, raw []byte, most int) []json.RawMessage {
	var l []json.RawMessage
	if err := json.Unmarshal(raw, &l); err != nil || l == nil {
		d.fail(path, "a list")
	}
	if len(l) > most {
		d.fail(path, fmt.Sprintf("at most %d entries", most))
		return nil
	}
	return l
}

func (d *decoder) text(path string, raw []byte) string {
	var s string
	if len(raw) > 0 && json.Unmarshal(raw, &s) != nil {
		d.fail(path, "a text")
	}
	return s
}

func (d *decoder) rule(path string, raw []byte, depth int) (r Rule) {
	d.nodes++
	switch {
	case d.err != nil:
		return r
	case depth > MaxDepth:
		d.fail(path, fmt.Sprintf("deeper than %d", MaxDepth))
		return r
	case d.nodes > MaxNodes:
		d.fail(path, fmt.Sprintf("more than %d nodes", MaxNodes))
		return r
	}
	m := d.object(path, raw, "all", "any", "not", "field", "op", "values", "window", "where")
	shapes := 0
	for _, k := range []string{"all", "any", "not", "field"} {
		if m[k] != nil {
			shapes++
		}
	}
	if shapes != 1 || m["field"] == nil && len(m) > 1 {
		d.fail(path, "exactly one of all, any, not, field")
		return r
	}
	switch {
	case m["all"] != nil:
		r.All = d.rules(path+".all", m["all"], depth)
	case m["any"] != nil:
		r.Any = d.rules(path+".any", m["any"], depth)
		if len(r.Any) == 0 {
			d.fail(path+".any", "at least one entry")
		}
	case m["not"] != nil:
		inner := d.rule(path+".not", m["not"], depth+1)
		r.Not = &inner
	default:
		r.Is = d.condition(path, m)
	}
	return r
}

func (d *decoder) rules(path string, raw []byte, depth int) []Rule {
	list := d.list(path, raw, MaxNodes)
	out := make([]Rule, len(list))
	for i := range list {
		out[i] = d.rule(fmt.Sprintf("%s[%d]", path, i), list[i], depth+1)
	}
	return out
}

func (d *decoder) condition(path string, m map[string]json.RawMessage) *Condition {
	c := &Condition{Field: d.text(path+".field", m["field"]), Op: d.text(path+".op", m["op"])}
	l, why := d.known.leaf(c)
	if why != "" {
		d.fail(path+".field", why)
		return c
	}
	c.kind = l.kind
	op := l.kind.op(c.Op)
	if op == nil {
		d.fail(path+".op", "none of "+names(l.kind.Ops(), func(o Op) string { return o.Name }))
		return c
	}
	c.Values = d.values(path+".values", m["values"], *op, valuesOf(l.kind, op.Name), l.field.Ref, l.choices)
	d.inOrder(path+".values", c.Op, c.Values)
	c.Window = d.window(path+".window", m["window"], op, l)
	if raw := m["where"]; raw != nil {
		for i, f := range d.list(path+".where", raw, 10) {
			c.Where = append(c.Where, d.filter(fmt.Sprintf("%s.where[%d]", path, i), f, l))
		}
	}
	return c
}

func (d *decoder) inOrder(path, op string, values []Value) {
	if op == "between" && len(values) == 2 && values[0].Number > values[1].Number {
		d.fail(path, "the smaller first")
	}
}

func (d *decoder) window(path string, raw []byte, op *Op, l *leaf) *Window {
	allowed := op.Window == Always || op.Window == Maybe && l.field.Windowed
	if raw == nil {
		if op.Window == Always {
			d.fail(path, "is needed")
		}
		return nil
	}
	if !allowed {
		d.fail(path, "makes no sense here")
		return nil
	}
	d.object(path, raw, "last_days", "skip_days", "next_days", "last_hours", "period", "from", "to")
	var w Window
	if err := json.Unmarshal(raw, &w); err != nil {
		d.fail(path, "numbers of days and hours are whole, days are texts")
		return nil
	}
	if why := w.check(); why != "" {
		d.fail(path, why)
	}
	if w.LastHours != 0 && l.kind == Day {
		d.fail(path, "days have no hours")
	}
	if l.kind == Anniversary && !w.yearly() {
		d.fail(path, "with both ends, and less than a year")
	}
	return &w
}

func (d *decoder) filter(path string, raw []byte, l *leaf) (f Filter) {
	m := d.object(path, raw, "property", "op", "values")
	f.Property, f.Op = d.text(path+".property", m["property"]), d.text(path+".op", m["op"])
	p := l.field.property(f.Property)
	if p == nil {
		d.fail(path+".property", "none of "+names(l.field.Where, func(p Property) string { return p.Name }))
		return f
	}
	if _, name, _ := strings.Cut(f.Property, "."); p.Prefix && !propertyName.MatchString(name) {
		d.fail(path+".property", "the name of a property after the point")
		return f
	}
	op := p.op(f.Op)
	if op == nil {
		d.fail(path+".op", "none of "+names(p.Ops(), func(o Op) string { return o.Name }))
		return f
	}
	f.Values = d.values(path+".values", m["values"], *op, p.Type, p.Ref, p.Choices)
	d.inOrder(path+".values", f.Op, f.Values)
	return f
}

// Ops lists the questions that a filter about the property takes.
func (p *Property) Ops() (out []Op) {
	for _, o := range p.Type.Ops() {
		switch o.Name {
		case "all", "empty", "filled": // a row has one value, and always has it
		default:
			out = append(out, o)
		}
	}
	return out
}

func (p *Property) op(name string) *Op {
	for _, o := range p.Ops() {
		if o.Name == name {
			return &o
		}
	}
	return nil
}

func (d *decoder) values(path string, raw []byte, op Op, t Type, ref model.Kind, choices []Choice) []Value {
	if raw == nil && op.Max == 0 || d.err != nil {
		return nil
	}
	if raw == nil {
		d.fail(path, "is needed")
		return nil
	}
	list := d.list(path, raw, op.Max)
	if len(list) < op.Min {
		d.fail(path, fmt.Sprintf("at least %d", op.Min))
	}
	var out []Value
	for i, v := range list {
		out = append(out, d.value(fmt.Sprintf("%s[%d]", path, i), v, t, ref, choices))
	}
	return out
}

func (d *decoder) value(path string, raw []byte, t Type, ref model.Kind, choices []Choice) (v Value) {
	switch t {
	case Text, Choices, Names:
		v.Text = d.text(path, raw)
		if !legible(v.Text) {
			d.fail(path, "1 … 255 characters")
		} else if choices != nil && choiceOf(choices, v.Text) < 0 {
			d.fail(path, "not one of the choices")
		}
	case Reference:
		row, err := d.refs.Row(ref, d.text(path, raw))
		if err != nil {
			d.fail(path, "no such id")
		}
		v.Number = row
	case Number, Money:
		n, err := strconv.ParseInt(string(bytes.TrimSpace(raw)), 10, 64)
		if err != nil || n < -maxNumber || n > maxNumber {
			d.fail(path, "a whole number")
		}
		v.Number = n
	case Decimal:
		n, ok := parseDecimal(string(bytes.TrimSpace(raw)))
		if !ok {
			d.fail(path, "a number with at most four digits after the point")
		}
		v.Number = n
	}
	return v
}

const maxNumber = 1e14

// legible tells whether a text can be somebody's: neither empty, nor endless, nor with signs that can't be seen.
func legible(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= 255 && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

var decimalNumber = regexp.MustCompile(`^-?(0|[1-9]\d{0,13})(\.\d{1,4})?$`)

// parseDecimal gives ten-thousandths.
func parseDecimal(s string) (int64, bool) {
	if !decimalNumber.MatchString(s) {
		return 0, false
	}
	whole, part, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole+(part + "0000")[:4], 10, 64)
	return n, err == nil
}

func formatDecimal(n int64) json.Number {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	s := fmt.Sprintf("%s%d.%04d", sign, n/10000, n%10000)
	return json.Number(strings.TrimRight(strings.TrimRight(s, "0"), "."))
}

func writeValues(values []Value, t Type, ref model.Kind, refs Refs) []any {
	var out []any
	for _, v := range values {
		switch t {
		case Reference:
			out = append(out, refs.Of(ref, v.Number))
		case Number, Money:
			out = append(out, v.Number)
		case Decimal:
			out = append(out, formatDecimal(v.Number))
		default:
			out = append(out, v.Text)
		}
	}
	return out
}

func names[T any](list []T, name func(T) string) string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = name(e)
	}
	return strings.Join(out, ", ")
}

var (
	eventKind    = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,63}$`)
	propertyName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
	shareSalt    = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
)
