package audience

import (
	"slices"

	"zhiyin/service/segment"
)

// followed is about relations.
func (q *question) followed(c *segment.Condition, op string) (test, bool) {
	var filters []func(*relationRow) bool
	for _, f := range c.Where {
		fits, ok := q.relationFilter(f)
		if !ok {
			return test{}, false
		}
		filters = append(filters, fits)
	}
	in, lost := q.stretch(c.Window), c.Field == "relation.lost"
	count := func(ord uint32) (n int64) {
		list := q.relations.of(ord)
		for i := range list {
			r := &list[i]
			at := r.added
			if lost {
				at = r.lost
			}
			if in.holds(at.ms()) && every(filters, r) {
				n++
			}
		}
		return n
	}
	if c.Field != "relation.count" {
		return test{dear: ofRows, only: &q.relations.some, each: func(ord uint32) bool { return count(ord) > 0 }}, !q.large && (op == "in" || op == "filled")
	}
	fits, ok := comparing(op, c.Values)
	if !ok || op == "filled" {
		return test{}, false
	}
	if c.Window == nil && len(filters) == 0 && op == "at_least" && c.Values[0].Number == 1 {
		return test{fit: &q.relations.some}, !q.large // whoever has any
	}
	if c.Window == nil && len(filters) == 0 {
		count = func(ord uint32) int64 { return int64(len(q.relations.of(ord))) }
	}
	return test{dear: ofRows, only: &q.relations.some, otherwise: fits(0), each: func(ord uint32) bool {
		if answer, sure := foreseen(op, fits, len(q.relations.of(ord))); sure {
			return answer
		}
		return fits(count(ord))
	}}, !q.large
}

func every(filters []func(*relationRow) bool, r *relationRow) bool {
	for _, fits := range filters {
		if !fits(r) {
			return false
		}
	}
	return true
}

func (q *question) relationFilter(f segment.Filter) (func(*relationRow) bool, bool) {
	op, opposite := f.Op, false
	if of, is := negated[op]; is {
		op, opposite = of, true
	}
	var fits func(*relationRow) bool
	switch {
	case f.Property == "add_way":
		compare, ok := comparing(op, f.Values)
		if !ok {
			return nil, false
		}
		fits = func(r *relationRow) bool { return compare(int64(r.way)) }
	case f.Property == "status" && op == "is":
		wanted := make([]bool, len(relationStatuses))
		for _, v := range f.Values {
			wanted[max(0, slices.Index(relationStatuses, v.Text))] = true
		}
		fits = func(r *relationRow) bool { return wanted[r.status] }
	case op != "any" || q.things.full(maxThings):
		return nil, false
	case f.Property == "staff":
		wanted := q.numbersOf(f.Values)
		fits = func(r *relationRow) bool { return slices.Contains(wanted, r.staff) }
	case f.Property == "channel_code":
		wanted := q.numbersOf(f.Values)
		fits = func(r *relationRow) bool { return slices.Contains(wanted, r.code) }
	default:
		return nil, false
	}
	if opposite {
		return func(r *relationRow) bool { return !fits(r) }, true
	}
	return fits, true
}

// numbersOf gives the numbers under which things stand in rows; of what is in none, 0, which is in none either.
func (q *question) numbersOf(values []segment.Value) []uint32 {
	numbers := make([]uint32, len(values))
	for i, v := range values {
		numbers[i] = q.things.of(v.Number)
	}
	return numbers
}

// stayed is about groups.
func (q *question) stayed(c *segment.Condition, op string) (test, bool) {
	if len(c.Where) > 0 {
		return test{}, false
	}
	in := q.stretch(c.Window)
	if c.Field == "group.count" {
		fits, ok := comparing(op, c.Values)
		if !ok || op == "filled" {
			return test{}, false
		}
		return test{dear: ofRows, only: &q.stays.some, otherwise: fits(0), each: func(ord uint32) bool { return fits(groupsOf(q.stays.of(ord), in)) }}, true
	}
	left := c.Field == "group.left"
	return test{dear: ofRows, only: &q.stays.some, each: func(ord uint32) bool {
		return slices.ContainsFunc(q.stays.of(ord), func(s stayRow) bool {
			if left {
				return in.holds(s.left)
			}
			return in.holds(s.joined)
		})
	}}, op == "in" || op == "filled"
}

// groupsOf counts the groups that somebody is in and joined in time; one that she is in twice counts once.
func groupsOf(stays []stayRow, in stretch) (n int64) {
	counts := func(s stayRow) bool { return s.left == null && in.holds(s.joined) }
	for i, s := range stays {
		if counts(s) && !slices.ContainsFunc(stays[:i], func(o stayRow) bool { return o.group == s.group && counts(o) }) {
			n++
		}
	}
	return n
}
