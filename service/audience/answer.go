package audience

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"

	"zhiyin/service/segment"
)

// candidates is the most that a statement is asked to look at one by one.
const candidates = 2000

// Count implements segment.Audience.
func (x *Index) Count(ctx context.Context, env *segment.Env, rule *segment.Rule) (n int64, by segment.By, err error) {
	fit, by, err := x.find(ctx, env, rule)
	if fit != nil {
		n = int64(fit.GetCardinality())
	}
	return n, by, err
}

// IDs implements segment.Audience.
func (x *Index) IDs(ctx context.Context, env *segment.Env, rule *segment.Rule) (ids []int64, by segment.By, err error) {
	fit, by, err := x.find(ctx, env, rule)
	if fit == nil {
		return nil, by, err
	}
	return x.idsOf(fit), by, nil
}

func (x *Index) find(ctx context.Context, env *segment.Env, rule *segment.Rule) (*roaring.Bitmap, segment.By, error) {
	began := x.now()
	fit, by, err := x.search(ctx, env, rule)
	if err != nil {
		fit, by = nil, segment.BySQL
	}
	x.metrics.answered(by, x.now().Sub(began))
	return fit, by, err
}

func (x *Index) search(ctx context.Context, env *segment.Env, rule *segment.Rule) (*roaring.Bitmap, segment.By, error) {
	if !x.Fresh() {
		return nil, segment.BySQL, nil
	}
	staff, err := x.staffOf(ctx, env, rule)
	if err != nil {
		return nil, segment.BySQL, err
	}
	fit, rest := x.narrowed(env, rule, staff)
	switch {
	case fit == nil:
		return nil, segment.BySQL, nil
	case len(rest) == 0 || fit.IsEmpty():
		return fit, segment.ByIndex, nil
	case fit.GetCardinality() > candidates:
		return nil, segment.BySQL, nil
	}
	fit, err = x.look(ctx, env, fit, rest)
	return fit, segment.ByBoth, err
}

// narrowed answers the conjuncts that the index holds; rest are the others. fit is nil when it holds none.
func (x *Index) narrowed(env *segment.Env, rule *segment.Rule, staff map[int64][]int64) (fit *roaring.Bitmap, rest []segment.Rule) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	q := &question{held: x.held, env: env, staff: staff}
	within := q.all
	if !env.Minors {
		within = roaring.AndNot(q.all, q.minors)
	}
	p, ok := q.plan(rule)
	if !ok {
		if p, rest = q.conjuncts(rule); len(p.all) == 0 {
			return nil, rest
		}
	}
	return p.narrow(within).Clone(), rest
}

// look asks the database about the candidates.
func (x *Index) look(ctx context.Context, env *segment.Env, fit *roaring.Bitmap, rest []segment.Rule) (*roaring.Bitmap, error) {
	of, err := env.Select(&segment.Rule{All: rest}, segment.Scope{IDs: x.idsOf(fit)})
	if err != nil {
		return nil, err
	}
	var ids []int64
	if err := x.db.WithContext(ctx).Raw(of.SQL, of.Args...).Scan(&ids).Error; err != nil {
		return nil, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := roaring.New()
	for _, id := range ids {
		if ord, ok := x.held.people.ordinal(id); ok {
			out.Add(ord)
		}
	}
	return out, nil
}

func (x *Index) idsOf(fit *roaring.Bitmap) []int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	ids := make([]int64, 0, fit.GetCardinality())
	known := x.held.people.ids
	fit.Iterate(func(ord uint32) bool {
		ids = append(ids, known[ord])
		return true
	})
	if x.held.people.sorted < len(known) {
		slices.Sort(ids)
	}
	return ids
}

// staffOf reads who belongs to the departments that a rule names: the index does not follow the organisation.
func (x *Index) staffOf(ctx context.Context, env *segment.Env, rule *segment.Rule) (map[int64][]int64, error) {
	staff := map[int64][]int64{}
	var err error
	rule.Each(func(_ string, c *segment.Condition) {
		for _, v := range c.Values {
			if c.Field == "department" && err == nil {
				staff[v.Number], err = staffIn(ctx, x.db, env.Known.Departments(v.Number))
			}
		}
	})
	return staff, err
}

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
	slices.SortStableFunc(out, func(a, b plan) int { return cmp.Compare(a.dear(), b.dear()) })
	return out, true
}

// conjuncts splits a conjunction into what the index holds and what it does not.
func (q *question) conjuncts(r *segment.Rule) (held plan, rest []segment.Rule) {
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
	held.all, _ = q.plans(list)
	return held, rest
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

// narrow gives those of within who fit. It changes neither within nor the index.
func (p *plan) narrow(within *roaring.Bitmap) *roaring.Bitmap {
	switch {
	case p.test != nil:
		return p.test.narrow(within)
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

func (t *test) narrow(within *roaring.Bitmap) *roaring.Bitmap {
	if t.fit != nil {
		return roaring.And(within, t.fit)
	}
	asked := within
	if t.only != nil {
		asked = roaring.And(within, t.only)
	}
	fit := t.filter(asked)
	if t.only != nil && t.otherwise {
		fit.Or(roaring.AndNot(within, t.only))
	}
	return fit
}

// filter asks each of them.
func (t *test) filter(within *roaring.Bitmap) *roaring.Bitmap {
	if within.IsEmpty() {
		return roaring.New()
	}
	// Bits in a row are the quickest to write, whatever comes out.
	words := make([]uint64, within.Maximum()/64+1)
	ords := within.ToArray()
	var parts sync.WaitGroup
	for len(ords) > 0 {
		n := min(part, len(ords))
		for n < len(ords) && ords[n]/64 == ords[n-1]/64 {
			n++ // a word belongs to one part
		}
		of := ords[:n]
		if ords = ords[n:]; len(ords) == 0 {
			t.ask(of, words)
			break
		}
		parts.Go(func() { t.ask(of, words) })
	}
	parts.Wait()
	return roaring.FromDense(words, false)
}

// part is how many customers one goroutine asks about.
const part = 1 << 17

func (t *test) ask(ords []uint32, words []uint64) {
	for _, ord := range ords {
		if t.each(ord) {
			words[ord/64] |= 1 << (ord % 64)
		}
	}
}
