package audience

import (
	"context"
	"slices"

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
	if fit = p.among(within, len(q.people.ids)); fit == q.all {
		fit = fit.Clone()
	}
	return fit, rest
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
	var ords [1024]uint32
	for next := fit.ManyIterator(); ; {
		n := next.NextMany(ords[:])
		if n == 0 {
			break
		}
		for _, ord := range ords[:n] {
			ids = append(ids, known[ord])
		}
	}
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
