package audience

import (
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"zhiyin/service/segment"
)

// happening is about the daily counts of one kind of event.
func (q *question) happening(c *segment.Condition, op, kind string) (test, bool) {
	if c.Window != nil && c.Window.LastHours != 0 || q.kinds.full(maxKinds) {
		return test{}, false
	}
	d := days{kind: uint16(q.kinds.of(kind)), end: math.MaxUint16}
	for _, f := range c.Where {
		filter, ok := q.itemFilter(f)
		if !ok {
			return test{}, false
		}
		d.items = append(d.items, filter)
	}
	lo, hi := c.Window.DayBounds(q.env.Now, q.env.Zone)
	if lo != 0 {
		d.first = dayNumber(int64(lo))
	}
	if hi != 0 {
		d.end = dayNumber(int64(hi))
	}
	only := q.doers[d.kind]
	if only == nil {
		only = roaring.New()
	}
	switch {
	case op == "did" && c.Window == nil && len(c.Where) == 0:
		return test{fit: only}, true
	case op == "did":
		return test{dear: ofRows, only: only, scan: q.days.scan(d.any)}, true
	case op == "first" || op == "last":
		return test{dear: ofRows, only: only, scan: q.days.scan(func(list []dayRow) bool { return d.extreme(list, op == "first") })}, true
	}
	fits, ok := comparing(op, c.Values)
	if !ok {
		return test{}, false
	}
	return test{dear: ofRows, only: only, otherwise: fits.holds(0), scan: q.days.scan(func(list []dayRow) bool { return fits.holds(d.times(list)) })}, true
}

// days says which daily counts a condition looks at.
type days struct {
	kind       uint16
	first, end uint16
	items      []itemFilter
}

func (d *days) any(list []dayRow) bool {
	for i := range list {
		if r := &list[i]; r.kind == d.kind && r.day >= d.first && r.day < d.end && d.about(r.item) {
			return true
		}
	}
	return false
}

func (d *days) times(list []dayRow) (n int64) {
	for i := range list {
		if r := &list[i]; r.kind == d.kind && r.day >= d.first && r.day < d.end && d.about(r.item) {
			n += int64(r.times)
		}
	}
	return n
}

// extreme tells whether the first or the last day of all is in the window.
func (d *days) extreme(list []dayRow, first bool) bool {
	found, at := false, uint16(0)
	for i := range list {
		if r := &list[i]; r.kind == d.kind && d.about(r.item) && (!found || first && r.day < at || !first && r.day > at) {
			found, at = true, r.day
		}
	}
	return found && at >= d.first && at < d.end
}

func (d *days) about(item uint32) bool {
	for i := range d.items {
		if slices.Contains(d.items[i].numbers, item) == d.items[i].opposite {
			return false
		}
	}
	return true
}

// itemFilter asks for some items, or for all others.
type itemFilter struct {
	numbers  []uint32
	opposite bool
}

// itemFilter makes a filter ready. Texts are compared byte by byte, as the column does.
func (q *question) itemFilter(f segment.Filter) (out itemFilter, ok bool) {
	if f.Property != "item" || q.items.full(maxItems) || f.Op != "is" && f.Op != "is_not" {
		return out, false
	}
	for _, v := range f.Values {
		out.numbers = append(out.numbers, q.items.of(v.Text))
	}
	out.opposite = f.Op == "is_not"
	return out, true
}
