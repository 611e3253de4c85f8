package audience

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"zhiyin/service/segment"
)

// test is a condition made ready: either the set of those who fit, or a scan.
type test struct {
	fit  *roaring.Bitmap
	scan scan
	// only bounds those who have to be scanned, if it is not nil: all others fit when otherwise is true.
	only      *roaring.Bitmap
	otherwise bool
	bits      []uint64 // fit or only in a row, once something is scanned
	// dear orders the tests of a conjunction: the cheap ones first leave few for the others.
	dear int
}

// What tests cost.
const (
	ofSets = iota
	ofColumn
	ofArithmetic
	ofRows
)

// negated are the questions that are the opposite of another one.
var negated = map[string]string{"is_not": "is", "not_in": "in", "none": "any", "did_not": "did", "empty": "filled"}

// question is a rule being asked at a time.
type question struct {
	*held
	env   *segment.Env
	staff map[int64][]int64 // by the departments that the rule names
}

// condition makes a leaf ready. ok is false when the index can't say what the statement would.
func (q *question) condition(c *segment.Condition) (t test, opposite, ok bool) {
	op := c.Op
	if of, is := negated[op]; is {
		op, opposite = of, true
	}
	t, ok = q.ask(c, op)
	return t, opposite, ok
}

func (q *question) ask(c *segment.Condition, op string) (test, bool) {
	field, about, _ := strings.Cut(c.Field, ".")
	switch {
	case field == "share" && len(c.Values) == 2:
		return q.share(c, about), true
	case field == "event":
		return q.happening(c, op, about)
	}
	switch c.Field {
	case "tag", "staff", "channel_code", "group", "segment", "department", "coupon.batch":
		return q.having(c, op)
	case "order.product", "order.category":
		return q.bought(c, op)
	case "identity", "gender", "stage", "value.grade", "risk.grade":
		return q.choice(c, op)
	case "city", "first_source":
		return q.text(c, op)
	case "first_seen", "order.first", "order.last", "stage.since", "tier.since":
		return q.moment(c, op)
	case "birthday", "first_seen_day":
		return q.anniversary(c, op)
	case "rfm.recency", "rfm.frequency", "rfm.monetary", "value.score", "risk.score", "alive", "expected":
		return q.number(c, op)
	case "coupon.usable", "points.balance", "tier":
		fits, ok := comparing(op, c.Values)
		if !ok || op == "filled" || len(c.Where) > 0 || c.Window != nil {
			return test{}, false
		}
		return q.keptNumber(c.Field, fits), true
	case "order.count", "order.sum", "order.refunded", "order.largest":
		return q.spent(c, op)
	case "relation.count", "relation.added", "relation.lost":
		return q.followed(c, op)
	case "group.count", "group.joined", "group.left":
		return q.stayed(c, op)
	}
	return test{}, false
}

// having compares the ids of what a customer has several of.
func (q *question) having(c *segment.Condition, op string) (test, bool) {
	if len(c.Where) > 0 || c.Window != nil {
		return test{}, false
	}
	idsOf := func(v segment.Value) []int64 { return []int64{v.Number} }
	name := c.Field
	if name == "department" {
		name = "staff"
		idsOf = func(v segment.Value) []int64 { return q.staff[v.Number] }
	}
	fits := make([]*roaring.Bitmap, len(c.Values))
	for i, v := range c.Values {
		var of []*roaring.Bitmap
		for _, id := range idsOf(v) {
			if b := q.ids[name][id]; b != nil {
				of = append(of, b)
			}
		}
		fits[i] = either(of)
	}
	return together(fits, op)
}

// together joins the bitmaps of a condition's values.
func together(fits []*roaring.Bitmap, op string) (test, bool) {
	switch op {
	case "any", "is":
		return test{fit: either(fits)}, true
	case "all":
		return test{fit: roaring.FastAnd(fits...)}, true
	}
	return test{}, false
}

// either is the union; of one bitmap itself, not to be changed.
func either(of []*roaring.Bitmap) *roaring.Bitmap {
	if len(of) == 1 {
		return of[0]
	}
	return roaring.FastOr(of...)
}

// choice compares with texts from a list, which are stored as they stand in rules.
func (q *question) choice(c *segment.Condition, op string) (test, bool) {
	set := q.texts[c.Field]
	if op == "filled" {
		return test{fit: others(set, "", "unknown")}, true
	}
	fits := make([]*roaring.Bitmap, len(c.Values))
	for i, v := range c.Values {
		if fits[i] = set[v.Text]; fits[i] == nil {
			fits[i] = roaring.New()
		}
	}
	return together(fits, op)
}

// others is who has any value but these.
func others(set sets[string], but ...string) *roaring.Bitmap {
	var of []*roaring.Bitmap
	for value, b := range set {
		if !slices.Contains(but, value) {
			of = append(of, b)
		}
	}
	return either(of)
}

// column asks one number of each; who has none does not fit.
func (q *question) column(name string, fits span) test {
	return test{dear: ofColumn, scan: q.columns[name].scan(fits, false)}
}

func (q *question) number(c *segment.Condition, op string) (test, bool) {
	fits, ok := comparing(op, c.Values)
	return q.column(c.Field, fits), ok && c.Window == nil && len(c.Where) == 0
}

// span is the numbers from lo to hi, both included. What is not known is in none.
type span struct{ lo, hi int64 }

func (s span) holds(n int64) bool { return n >= s.lo && n <= s.hi }

// known is every number.
var known = span{null + 1, math.MaxInt64}

// comparing is a comparison of numbers.
func comparing(op string, v []segment.Value) (span, bool) {
	switch {
	case op == "filled":
		return known, true
	case op == "equal" && len(v) == 1:
		return span{v[0].Number, v[0].Number}, true
	case op == "at_least" && len(v) == 1:
		return span{v[0].Number, known.hi}, true
	case op == "at_most" && len(v) == 1:
		return span{known.lo, v[0].Number}, true
	case op == "between" && len(v) == 2:
		return span{v[0].Number, v[1].Number}, true
	}
	return span{}, false
}

// foreseen tells what a comparison says of a number from 0 to most, if that does not depend on which it is: how many
// rows somebody has is known without looking at them.
func (s span) foreseen(most int) (answer, sure bool) {
	return s.holds(0), s.lo > int64(most) || s.hi < 0 || s.lo <= 0 && int64(most) <= s.hi
}

// window is a window in ms. Every time is inside when there is no window.
func (q *question) window(w *segment.Window) span {
	s := known
	if w == nil {
		return s
	}
	lo, hi := w.Bounds(q.env.Now, q.env.Zone)
	if !lo.IsZero() {
		s.lo = ceilMilli(lo)
	}
	if !hi.IsZero() {
		s.hi = ceilMilli(hi) - 1
	}
	return s
}

// ceilMilli is the first whole millisecond that is not before t: columns hold whole ones.
func ceilMilli(t time.Time) int64 { return t.Add(time.Millisecond - time.Nanosecond).UnixMilli() }

func (q *question) moment(c *segment.Condition, op string) (test, bool) {
	switch {
	case op == "filled":
		return q.column(c.Field, known), true
	case op == "in" && len(c.Where) == 0:
		return q.column(c.Field, q.window(c.Window)), true
	}
	return test{}, false
}

// anniversary asks about days that come back every year.
func (q *question) anniversary(c *segment.Condition, op string) (test, bool) {
	switch {
	case c.Field == "first_seen_day":
		return test{}, false
	case op == "filled":
		return q.column("birthday", span{1, known.hi}), true
	case op == "in":
		var in [1232]bool // by mmdd
		for _, md := range c.Window.MonthDays(q.env.Now, q.env.Zone) {
			in[md] = true
		}
		birthdays := q.columns["birthday"]
		return test{dear: ofColumn, scan: asking(func(ord uint32) bool {
			md := birthdays.of(ord)
			return md >= 0 && md < int64(len(in)) && in[md]
		})}, true
	}
	return test{}, false
}

// share is arithmetic on the id.
func (q *question) share(c *segment.Condition, salt string) test {
	lo, hi := c.Values[0].Number, c.Values[1].Number
	ids := q.people.ids
	of := segment.ShareIn(salt)
	return test{dear: ofArithmetic, scan: asking(func(ord uint32) bool {
		part := of(ids[ord])
		return part >= lo && part < hi
	})}
}
