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
	in, lost := q.window(c.Window), c.Field == "relation.lost"
	count := func(list []relationRow) (n int64) {
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
		return test{dear: ofRows, only: &q.relations.some, scan: q.relations.scan(func(list []relationRow) bool { return count(list) > 0 })}, !q.large && (op == "in" || op == "filled")
	}
	fits, ok := comparing(op, c.Values)
	if !ok || op == "filled" {
		return test{}, false
	}
	if c.Window == nil && len(filters) == 0 && op == "at_least" && c.Values[0].Number == 1 {
		return test{fit: &q.relations.some}, !q.large // whoever has any
	}
	if c.Window == nil && len(filters) == 0 {
		count = func(list []relationRow) int64 { return int64(len(list)) }
	}
	return test{dear: ofRows, only: &q.relations.some, otherwise: fits.holds(0), scan: q.relations.scan(func(list []relationRow) bool {
		if answer, sure := fits.foreseen(len(list)); sure {
			return answer
		}
		return fits.holds(count(list))
	})}, !q.large
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
		fits = func(r *relationRow) bool { return compare.holds(int64(r.way)) }
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
	in := q.window(c.Window)
	if c.Field == "group.count" {
		fits, ok := comparing(op, c.Values)
		if !ok || op == "filled" {
			return test{}, false
		}
		return test{dear: ofRows, only: &q.stays.some, otherwise: fits.holds(0), scan: q.stays.scan(func(list []stayRow) bool { return fits.holds(groupsOf(list, in)) })}, true
	}
	left := c.Field == "group.left"
	return test{dear: ofRows, only: &q.stays.some, scan: q.stays.scan(func(list []stayRow) bool {
		return slices.ContainsFunc(list, func(s stayRow) bool {
			if left {
				return in.holds(s.left)
			}
			return in.holds(s.joined)
		})
	})}, op == "in" || op == "filled"
}

// groupsOf counts the groups that somebody is in and joined in time; one that she is in twice counts once.
func groupsOf(stays []stayRow, in span) (n int64) {
	counts := func(s stayRow) bool { return s.left == null && in.holds(s.joined) }
	for i, s := range stays {
		if counts(s) && !slices.ContainsFunc(stays[:i], func(o stayRow) bool { return o.group == s.group && counts(o) }) {
			n++
		}
	}
	return n
}
