package segment

import "time"

// Crossings compiles, for a rule whose windows move, statements that give the customers for whom the passing of time
// from one moment to a later one may have changed the answer: those with a row that came into a window or dropped out
// of it. Each reads a narrow range of an index, so it costs what it changes and not what there is; customers may be
// named several times, and 0 may be among them.
func (e *Env) Crossings(r *Rule, from, to time.Time) (out []Query, err error) {
	before, after := *e, *e
	before.Now, after.Now = from, to
	for _, cond := range r.conditions() {
		l, why := e.Known.leaf(cond)
		if why != "" {
			return nil, ErrRule.With(cond.Field, why)
		}
		if l.Window.moves() {
			out = append(out, (&compiler{Env: &after}).crossing(&compiler{Env: &before}, l)...)
		}
	}
	return out, nil
}

// Timed tells whether time alone may change the answer.
func (r *Rule) Timed() bool {
	for _, c := range r.conditions() {
		if c.Window.moves() {
			return true
		}
	}
	return false
}

func (c *compiler) crossing(before *compiler, l *leaf) (out []Query) {
	if l.kind == Anniversary {
		return c.dates(before, l)
	}
	src, where := c.source(l)
	then, now := before.ends(src, l.Window), c.ends(src, l.Window)
	for end := range then {
		if then[end] == nil || now[end] == nil || then[end] == now[end] {
			continue
		}
		rows := c.rows(src, append(where[:len(where):len(where)], Query{src.at + " >= ? AND " + src.at + " < ?", []any{then[end], now[end]}}))
		out = append(out, Query{"SELECT " + src.customer + rows.SQL, rows.Args})
	}
	return out
}

// dates gives those whose yearly day is in one of the two windows and not in the other.
func (c *compiler) dates(before *compiler, l *leaf) []Query {
	of, column := (*Window).origins, l.field.from.column
	one := func(from, to int) Query { return c.dayRange(column, from, to) }
	if l.field.Name == "birthday" {
		of, one = (*Window).monthDays, func(from, to int) Query { return monthDayRange(column, from, to) }
	}
	changed := inOne(of(l.Window, before.Now, c.Zone), of(l.Window, c.Now, c.Zone))
	if len(changed) == 0 {
		return nil
	}
	q := ranges(changed, one)
	return []Query{{"SELECT customer.id FROM customer WHERE " + q.SQL, q.Args}}
}

// inOne gives the numbers that are in one of two ascending lists and not in the other.
func inOne(a, b []int) (out []int) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case a[0] > b[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}
