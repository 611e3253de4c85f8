package audience

import (
	"cmp"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"zhiyin/service/segment"
)

// plan is a rule made ready; exactly one of its parts is set.
type plan struct {
	all, any []plan
	not      *plan
	test     *test
}

// plan makes a rule ready; ok is false when some of it is not held.
func (q *question) plan(r *segment.Rule) (plan, bool) {
	switch {
	case r.Is != nil:
		t, opposite, ok := q.condition(r.Is)
		if opposite {
			return plan{not: &plan{test: &t}}, ok
		}
		return plan{test: &t}, ok
	case r.Not != nil:
		p, ok := q.plan(r.Not)
		return plan{not: &p}, ok
	case r.Any != nil:
		list, ok := q.plans(r.Any)
		return plan{any: list}, ok
	}
	list, ok := q.plans(r.All)
	return plan{all: list}, ok
}

func (q *question) plans(rules []segment.Rule) ([]plan, bool) {
	out := make([]plan, len(rules))
	for i := range rules {
		var ok bool
		if out[i], ok = q.plan(&rules[i]); !ok {
			return nil, false
		}
	}
	return byCost(out), true
}

// byCost puts what costs least first.
func byCost(list []plan) []plan {
	slices.SortStableFunc(list, func(a, b plan) int { return cmp.Compare(a.dear(), b.dear()) })
	return list
}

// conjuncts splits a conjunction into what the index holds and what it does not.
func (q *question) conjuncts(r *segment.Rule) (of plan, rest []segment.Rule) {
	parts := []segment.Rule{*r}
	if r.Is == nil && r.Not == nil && r.Any == nil {
		parts = r.All
	}
	var list []segment.Rule
	for i := range parts {
		if _, ok := q.plan(&parts[i]); ok {
			list = append(list, parts[i])
		} else {
			rest = append(rest, parts[i])
		}
	}
	of.all, _ = q.plans(list)
	return of, rest
}

func (p *plan) dear() (most int) {
	switch {
	case p.test != nil:
		return p.test.dear
	case p.not != nil:
		return p.not.dear()
	}
	for _, list := range [][]plan{p.all, p.any} {
		for i := range list {
			most = max(most, list[i].dear())
		}
	}
	return most
}

// among gives those of within who fit, out of so many customers. It changes neither within nor the index. What sets alone
// answer comes first: it leaves few to look at one by one.
func (p *plan) among(within *roaring.Bitmap, customers int) *roaring.Bitmap {
	parts := []plan{*p}
	if p.test == nil && p.not == nil && p.any == nil {
		parts = p.all
	}
	for len(parts) > 0 && parts[0].dear() == ofSets {
		within = parts[0].narrow(within)
		parts = parts[1:]
	}
	if len(parts) == 0 || within.IsEmpty() {
		return within
	}
	return scanned(within, &plan{all: parts}, customers)
}

// narrow gives those of within who fit, where sets alone answer.
func (p *plan) narrow(within *roaring.Bitmap) *roaring.Bitmap {
	switch {
	case p.test != nil:
		return roaring.And(within, p.test.fit)
	case p.not != nil:
		return roaring.AndNot(within, p.not.narrow(within))
	case p.any != nil:
		fit, left := roaring.New(), within
		for i := range p.any {
			got := p.any[i].narrow(left)
			fit.Or(got)
			left = roaring.AndNot(left, got)
		}
		return fit
	}
	for i := range p.all {
		within = p.all[i].narrow(within)
	}
	return within
}
