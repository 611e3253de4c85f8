package audience

import (
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"zhiyin/service/segment"
)

// Conditions on rows: what happened in a window, narrowed by filters.

// amount compares a sum over the rows that count; who has none has 0.
func amount[T comparable](r *rows[T], op string, values []segment.Value, counts func(*T) bool, sum func(so int64, row *T) int64) (test, bool) {
	fits, ok := comparing(op, values)
	return test{dear: ofRows, each: func(ord uint32) bool {
		var so int64
		list := r.of(ord)
		for i := range list {
			if counts(&list[i]) {
				so = sum(so, &list[i])
			}
		}
		return fits(so)
	}}, ok && op != "filled"
}

// anyOf asks whether any row counts.
func anyOf[T comparable](r *rows[T], counts func(*T) bool) test {
	return test{dear: ofRows, each: func(ord uint32) bool {
		list := r.of(ord)
		for i := range list {
			if counts(&list[i]) {
				return true
			}
		}
		return false
	}}
}

func count[T any](so int64, _ *T) int64 { return so + 1 }

// spent is about the orders that count.
func (q *question) spent(c *segment.Condition, op string) (test, bool) {
	if c.Window == nil && len(c.Where) == 0 {
		if t, ok := q.spentInAll(c, op); ok {
			return t, ok
		}
	}
	if q.large {
		return test{}, false
	}
	in := q.stretch(c.Window)
	filters := []func(int64) bool{}
	for _, f := range c.Where {
		fits, ok := comparing(f.Op, f.Values)
		if f.Property != "amount" || !ok {
			return test{}, false
		}
		filters = append(filters, fits)
	}
	counts := func(o *orderRow) bool {
		for _, fits := range filters {
			if !fits(int64(o.paid)) {
				return false
			}
		}
		return in.holds(o.paidAt)
	}
	sums := map[string]func(int64, *orderRow) int64{
		"order.count":    count[orderRow],
		"order.sum":      func(so int64, o *orderRow) int64 { return so + int64(o.paid) - int64(o.refunded) },
		"order.refunded": func(so int64, o *orderRow) int64 { return so + int64(o.refunded) },
		"order.largest":  func(so int64, o *orderRow) int64 { return max(so, int64(o.paid)) },
	}
	return amount(&q.orders, op, c.Values, counts, sums[c.Field])
}

// spentInAll asks the kept sums.
func (q *question) spentInAll(c *segment.Condition, op string) (test, bool) {
	name, kept := map[string]string{"order.count": "trade.orders", "order.sum": "trade.paid", "order.refunded": "order.refunded"}[c.Field]
	fits, ok := comparing(op, c.Values)
	column := q.columns[name]
	return test{dear: ofColumn, each: func(ord uint32) bool {
		v := column.of(ord)
		if v == null {
			v = 0
		}
		return fits(v)
	}}, kept && ok && op != "filled"
}

// bought compares products or categories, those below included.
func (q *question) bought(c *segment.Condition, op string) (test, bool) {
	if len(c.Where) > 0 || op != "any" && op != "all" || q.things.full(maxThings) {
		return test{}, false
	}
	of := func(l *lineRow) uint32 { return l.product }
	if c.Field == "order.category" {
		of = func(l *lineRow) uint32 { return l.category }
	}
	wanted := make([]map[uint32]bool, len(c.Values))
	for i, v := range c.Values {
		ids := []int64{v.Number}
		if c.Field == "order.category" {
			ids = q.env.Known.Categories(v.Number)
		}
		wanted[i] = q.numbersOf(ids)
	}
	in := q.stretch(c.Window)
	if op == "any" {
		union := wanted[0]
		for _, w := range wanted[1:] {
			for id := range w {
				union[id] = true
			}
		}
		return anyOf(&q.lines, func(l *lineRow) bool { return union[of(l)] && in.holds(l.paidAt) }), true
	}
	each := make([]test, len(wanted))
	for i, w := range wanted {
		each[i] = anyOf(&q.lines, func(l *lineRow) bool { return w[of(l)] && in.holds(l.paidAt) })
	}
	return test{dear: ofRows, each: func(ord uint32) bool {
		for i := range each {
			if !each[i].each(ord) {
				return false
			}
		}
		return true
	}}, true
}

// followed is about relations.
func (q *question) followed(c *segment.Condition, op string) (test, bool) {
	filters := []func(*relationRow) bool{}
	for _, f := range c.Where {
		fits, ok := q.relationFilter(f)
		if !ok {
			return test{}, false
		}
		filters = append(filters, fits)
	}
	in := q.stretch(c.Window)
	at := func(r *relationRow) int64 { return r.added }
	if c.Field == "relation.lost" {
		at = func(r *relationRow) int64 { return r.lost }
	}
	counts := func(r *relationRow) bool {
		for _, fits := range filters {
			if !fits(r) {
				return false
			}
		}
		return in.holds(at(r))
	}
	if c.Field == "relation.count" {
		return amount(&q.relations, op, c.Values, counts, count[relationRow])
	}
	return anyOf(&q.relations, counts), op == "in" || op == "filled" && c.Window == nil
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
		if !ok || op == "filled" {
			return nil, false
		}
		fits = func(r *relationRow) bool { return compare(int64(r.way)) }
	case q.things.full(maxThings):
		return nil, false
	case f.Property == "staff" && op == "any":
		staff := q.numbersOf(idsIn(f.Values))
		fits = func(r *relationRow) bool { return staff[r.staff] }
	case f.Property == "channel_code" && op == "any":
		codes := q.numbersOf(idsIn(f.Values))
		fits = func(r *relationRow) bool { return codes[r.code] }
	case f.Property == "status" && op == "is":
		fits = func(r *relationRow) bool {
			for _, v := range f.Values {
				if v.Text == relationStatuses[r.status] {
					return true
				}
			}
			return false
		}
	default:
		return nil, false
	}
	if opposite {
		return func(r *relationRow) bool { return !fits(r) }, true
	}
	return fits, true
}

// numbersOf gives the numbers under which things stand in rows.
func (q *question) numbersOf(ids []int64) map[uint32]bool {
	numbers := map[uint32]bool{}
	for _, id := range ids {
		if n := q.things.of(id); n != 0 {
			numbers[n] = true
		}
	}
	return numbers
}

func idsIn(values []segment.Value) []int64 {
	ids := make([]int64, len(values))
	for i, v := range values {
		ids[i] = v.Number
	}
	return ids
}

// stayed is about groups.
func (q *question) stayed(c *segment.Condition, op string) (test, bool) {
	if len(c.Where) > 0 {
		return test{}, false
	}
	in := q.stretch(c.Window)
	switch c.Field {
	case "group.joined":
		return anyOf(&q.stays, func(s *stayRow) bool { return in.holds(s.joined) }), op == "in" || op == "filled"
	case "group.left":
		return anyOf(&q.stays, func(s *stayRow) bool { return in.holds(s.left) }), op == "in" || op == "filled"
	}
	fits, ok := comparing(op, c.Values)
	return test{dear: ofRows, each: func(ord uint32) bool {
		var n int64
		list := q.stays.of(ord)
		for i := range list {
			if counted := list[i].left == null && in.holds(list[i].joined); !counted {
				continue
			}
			again := false // a group that somebody is in twice counts once
			for k := range i {
				again = again || list[k].group == list[i].group && list[k].left == null && in.holds(list[k].joined)
			}
			if !again {
				n++
			}
		}
		return fits(n)
	}}, ok && op != "filled"
}

// happening is about the daily counts of one kind of event.
func (q *question) happening(c *segment.Condition, op, kind string) (test, bool) {
	if c.Window != nil && c.Window.LastHours != 0 || q.kinds.full(maxKinds) {
		return test{}, false
	}
	items := []func(uint32) bool{}
	for _, f := range c.Where {
		fits, ok := q.itemFilter(f)
		if !ok {
			return test{}, false
		}
		items = append(items, fits)
	}
	number := q.kinds.of(kind)
	lo, hi := dayBounds(c.Window.DayBounds(q.env.Now, q.env.Zone))
	of := func(d *dayRow) bool {
		if uint32(d.kind) != number {
			return false
		}
		for _, fits := range items {
			if !fits(d.item) {
				return false
			}
		}
		return true
	}
	in := func(d *dayRow) bool { return of(d) && d.day >= lo && d.day < hi }
	switch op {
	case "did":
		return anyOf(&q.days, in), true
	case "first", "last":
		return extreme(&q.days, of, op == "first", lo, hi), true
	}
	return amount(&q.days, op, c.Values, in, func(so int64, d *dayRow) int64 { return so + int64(d.times) })
}

func dayBounds(lo, hi int) (uint16, uint16) {
	first, end := uint16(0), uint16(1<<16-1)
	if lo != 0 {
		first = dayNumber(int64(lo))
	}
	if hi != 0 {
		end = dayNumber(int64(hi))
	}
	return first, end
}

// extreme says that the first or the last day is in the window.
func extreme(r *rows[dayRow], of func(*dayRow) bool, first bool, lo, hi uint16) test {
	return test{dear: ofRows, each: func(ord uint32) bool {
		found, at := false, uint16(0)
		list := r.of(ord)
		for i := range list {
			if d := &list[i]; of(d) && (!found || first && d.day < at || !first && d.day > at) {
				found, at = true, d.day
			}
		}
		return found && at >= lo && at < hi
	}}
}

// itemFilter compares what events were about. Texts are compared byte by byte, as the column does.
func (q *question) itemFilter(f segment.Filter) (func(uint32) bool, bool) {
	if f.Property != "item" || q.items.full(maxItems) {
		return nil, false
	}
	op, opposite := f.Op, false
	if of, is := negated[op]; is {
		op, opposite = of, true
	}
	if op != "is" {
		return nil, false
	}
	numbers := map[uint32]bool{}
	for _, v := range f.Values {
		numbers[q.items.of(v.Text)] = true
	}
	return func(n uint32) bool { return numbers[n] != opposite }, true
}

// text compares texts as the database does, as far as that is the same everywhere: Chinese and ASCII, whose letters
// are equal in both cases.
func (q *question) text(c *segment.Condition, op string) (test, bool) {
	set := q.texts[c.Field]
	if op == "filled" {
		return test{fit: others(set, "")}, true
	}
	matches := map[string]func(value, part string) bool{
		"is": func(value, part string) bool { return value == part }, "contains": strings.Contains, "begins": strings.HasPrefix,
	}[op]
	if matches == nil {
		return test{}, false
	}
	var parts []string
	for _, v := range c.Values {
		if !plain(v.Text) {
			return test{}, false
		}
		parts = append(parts, strings.ToLower(v.Text))
	}
	var of []*roaring.Bitmap
	for value, b := range set {
		if !plain(value) {
			return test{}, false
		}
		value = strings.ToLower(value)
		for _, part := range parts {
			if matches(value, part) {
				of = append(of, b)
				break
			}
		}
	}
	return test{fit: either(of)}, true
}

// plain tells whether every database compares the text alike.
func plain(s string) bool {
	for _, r := range s {
		if (r < ' ' || r > '~') && (r < 0x4e00 || r > 0x9fa5) {
			return false
		}
	}
	return strings.TrimSpace(s) == s
}
