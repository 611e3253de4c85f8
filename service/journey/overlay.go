package journey

import (
	"fmt"
	"slices"
	"strings"

	"zhiyin/service/segment"
)

// group is customers for whom a rule says the same once it knows what the rehearsal has given and taken.
type group struct {
	rule      *segment.Rule
	customers []int64
}

// alike sorts customers by the tags, among those that a rule asks about, that the rehearsal has given them or taken from
// them, and makes the rule know these.
func (st *stage) alike(rule *segment.Rule, customers []int64) []*group {
	asked := tagsIn(rule)
	groups := map[string]*group{}
	var out []*group
	for _, id := range customers {
		var key strings.Builder
		for _, tag := range asked {
			if has, known := st.tags[id][tag]; known {
				fmt.Fprintf(&key, "%d=%t ", tag, has)
			}
		}
		g := groups[key.String()]
		if g == nil {
			g = &group{rule: rule}
			if key.Len() > 0 {
				known := knowing(*rule, st.tags[id])
				g.rule = &known
			}
			groups[key.String()] = g
			out = append(out, g)
		}
		g.customers = append(g.customers, id)
	}
	return out
}

func tagsIn(rule *segment.Rule) (out []int64) {
	rule.Each(func(_ string, c *segment.Condition) {
		if c.Field == "tag" {
			for _, v := range c.Values {
				out = append(out, v.Number)
			}
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}

var (
	always = segment.Rule{All: []segment.Rule{}}
	never  = segment.Rule{Not: &always}
)

// knowing is the rule for somebody of whom some tags are known: whether they bear them.
func knowing(r segment.Rule, tags map[int64]bool) segment.Rule {
	each := func(list []segment.Rule) []segment.Rule {
		if list == nil {
			return nil
		}
		out := make([]segment.Rule, len(list))
		for i := range list {
			out[i] = knowing(list[i], tags)
		}
		return out
	}
	switch {
	case r.Is != nil && r.Is.Field == "tag":
		return knowingTags(*r.Is, tags)
	case r.Not != nil:
		inner := knowing(*r.Not, tags)
		return segment.Rule{Not: &inner}
	}
	return segment.Rule{All: each(r.All), Any: each(r.Any), Is: r.Is}
}

func knowingTags(c segment.Condition, tags map[int64]bool) segment.Rule {
	var rest []segment.Value
	yes, no := false, false
	for _, v := range c.Values {
		has, known := tags[v.Number]
		yes, no = yes || known && has, no || known && !has
		if !known {
			rest = append(rest, v)
		}
	}
	left := c
	left.Values = rest
	switch {
	case c.Op == "any" && yes, c.Op == "all" && !no && rest == nil, c.Op == "none" && !yes && rest == nil:
		return always
	case c.Op == "any" && rest == nil, c.Op == "all" && no, c.Op == "none" && yes:
		return never
	}
	return segment.Rule{Is: &left}
}
