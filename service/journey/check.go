package journey

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// Check tells all that keeps a definition from being used, each with its place; nothing when it can be.
func (s *Service) Check(ctx context.Context, d *Definition) ([]Problem, error) {
	return s.checkTx(s.DB.WithContext(ctx), d)
}

func (s *Service) checkTx(tx *gorm.DB, d *Definition) ([]Problem, error) {
	out := d.check()
	for i, n := range d.Nodes {
		if n.of != nil && n.of.wired != nil && !n.of.wired(s) {
			out = append(out, Problem{fmt.Sprintf("nodes[%d].step", i), "系统没有启用这种步骤", "this house has no such step"})
		}
	}
	gone, err := s.gone(tx, d.names)
	if err != nil {
		return nil, err
	}
	for _, r := range gone {
		out = append(out, Problem{r.place, "引用的内容不存在", "names something that does not exist"})
	}
	return out, nil
}

// gone gives the references to rows that are not there.
func (s *Service) gone(tx *gorm.DB, names []reference) (out []reference, err error) {
	for kind, table := range refKinds {
		var ids []int64
		for _, r := range names {
			if r.kind == kind {
				ids = append(ids, r.id)
			}
		}
		if len(ids) == 0 {
			continue
		}
		present, err := presentIn(tx, table, ids)
		if err != nil {
			return nil, err
		}
		for _, r := range names {
			if r.kind == kind && !present[r.id] {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// check looks at the definition alone: what is wrong with its parts, and whether they make a graph that comes to an end.
func (d *Definition) check() []Problem {
	c := &checker{d: d, list: slices.Clone(d.problems)}
	c.parts()
	c.edges()
	if len(c.list) == 0 {
		c.reached()
		c.circles()
	}
	return c.list
}

type checker struct {
	d    *Definition
	list []Problem
}

func (c *checker) fail(place, zh, en string) { c.list = append(c.list, Problem{place, zh, en}) }

func (c *checker) parts() {
	d := c.d
	if d.Trigger.of != nil {
		c.required("trigger.with", d.Trigger.of.Fields, d.Trigger.With)
	}
	switch {
	case !slices.Contains([]string{Once, AfterExit, AfterDays}, d.Entry.Again):
		c.fail("entry.again", "once、after_exit、after_days", "once, after_exit, after_days")
	case d.Entry.Again == AfterDays && (d.Entry.Days < 1 || d.Entry.Days > 3650):
		c.fail("entry.days", "1 到 3650 天", "1 to 3650 days")
	}
	if d.Entry.Most < 0 || d.Entry.MostADay < 0 {
		c.fail("entry.most", "不小于 0", "not below 0")
	}
	if h := param[*Happening](d.Trigger.With, "event"); d.Entry.Key != "" && h == nil {
		c.fail("entry.key", "只有事件触发可以按属性区分", "only runs that an event starts can be told apart by what it says")
	} else if d.Entry.Key != "" && (len(d.Entry.Key) > 64 || !propertyName.MatchString(d.Entry.Key)) {
		c.fail("entry.key", "属性名", "the name of a property")
	}
	if h := d.starter(); h != nil && h.Key != "" {
		c.fail("trigger.with.event.key", "开始旅程的事件用 entry.key 区分", "runs are told apart by entry.key")
	}
	for i, x := range d.Exits {
		c.keyed(fmt.Sprintf("exits[%d]", i), x)
	}
	if d.Goal != nil {
		c.keyed("goal.when", d.Goal.Sign)
	}
	if d.Holdout < 0 || d.Holdout > 5000 {
		c.fail("holdout", "0 到 5000 基点", "0 to 5000 basis points")
	}
	for i, n := range d.Nodes {
		if n.of == nil {
			continue
		}
		place := fmt.Sprintf("nodes[%d].with", i)
		c.required(place, n.of.Fields, n.With)
		if n.of.sign != nil {
			if s := n.of.sign(n.With); s != nil {
				c.keyed(place+".when", *s)
			}
		}
		if n.of.check != nil {
			if field, zh, en := n.of.check(n.With); field != "" {
				c.fail(place+"."+field, zh, en)
			}
		}
	}
}

// keyed finds signs that concern the run of a key where runs have none.
func (c *checker) keyed(place string, s Sign) {
	if s.Event != nil && s.Event.Key != "" && c.d.Entry.Key == "" && (c.d.Trigger.of == nil || !c.d.Trigger.of.called) {
		c.fail(place+".event.key", "旅程没有按属性区分（entry.key）", "runs have no key to go by (entry.key)")
	}
}

func (c *checker) required(place string, fields []Field, p Params) {
	for _, f := range fields {
		if _, set := p[f.Name]; f.Required && !set && !c.said(place+"."+f.Name) {
			c.fail(place+"."+f.Name, "必填："+f.Zh, "required: "+f.En)
		}
	}
}

// said tells whether something at a place has been complained of.
func (c *checker) said(place string) bool {
	return slices.ContainsFunc(c.list, func(p Problem) bool { return strings.HasPrefix(p.Place, place) })
}

func (c *checker) edges() {
	d := c.d
	if len(d.Nodes) == 0 {
		c.fail("nodes", "至少要有一个节点", "there must be a node")
	} else if d.byID[d.Start] == nil {
		c.fail("start", "没有这个节点："+d.Start, "no such node: "+d.Start)
	}
	for i, n := range d.Nodes {
		outcomes := n.outcomes()
		for _, o := range outcomes {
			place := fmt.Sprintf("nodes[%d].next.%s", i, o)
			to, set := n.Next[o]
			switch {
			case !set:
				c.fail(place, "这个出口没有去处", "this outcome leads nowhere")
			case d.byID[to] == nil:
				c.fail(place, "没有这个节点："+to, "no such node: "+to)
			}
		}
		for o := range n.Next {
			if n.of != nil && !slices.Contains(outcomes, o) {
				c.fail(fmt.Sprintf("nodes[%d].next.%s", i, o), "这个步骤没有这个出口", "the step has no such outcome")
			}
		}
	}
}

// reached finds the nodes that nobody gets to.
func (c *checker) reached() {
	seen := map[string]bool{}
	for todo := []string{c.d.Start}; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n := c.d.byID[id]; !seen[id] {
			seen[id] = true
			for _, o := range n.outcomes() {
				todo = append(todo, n.Next[o])
			}
		}
	}
	for i, n := range c.d.Nodes {
		if !seen[n.ID] {
			c.fail(fmt.Sprintf("nodes[%d]", i), "从起点走不到这个节点："+n.ID, "nobody gets to this node: "+n.ID)
		}
	}
}

// circles finds the ways that lead back without any time passing. A circle with a wait of an hour or more in it is a
// routine, and allowed; one without would run for ever at once.
func (c *checker) circles() {
	state := map[string]int{} // 1: on the way, 2: done
	var visit func(id string, way []string)
	visit = func(id string, way []string) {
		n := c.d.byID[id]
		if state[id] == 2 || n.of.passes(n.With) {
			return
		}
		if state[id] == 1 {
			way = append(way[slices.Index(way, id):], id)
			i := slices.Index(c.d.Nodes, n)
			c.fail(fmt.Sprintf("nodes[%d]", i), "循环里没有至少一小时的等待："+strings.Join(way, " → "), "a circle without a wait of at least an hour: "+strings.Join(way, " → "))
			return
		}
		state[id] = 1
		for _, o := range n.outcomes() {
			visit(n.Next[o], append(slices.Clone(way), id))
		}
		state[id] = 2
	}
	for _, n := range c.d.Nodes {
		visit(n.ID, nil)
	}
}
