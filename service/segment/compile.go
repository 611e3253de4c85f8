package segment

import (
	"strings"
	"time"

	"zhiyin/model"
)

// Env is what a rule means now: the time that windows are seen from, and the words that rules use.
type Env struct {
	Now    time.Time
	Zone   *time.Location
	Known  *Vocabulary
	Minors bool // customers under 14 are not left out
	SQLite bool // a property in JSON is read with other functions there
}

// Query is a statement, or a part of one, with its parameters.
type Query struct {
	SQL  string
	Args []any
}

// Scope bounds the customers that are looked at; the zero scope is all of them.
type Scope struct {
	After, To int64 // ids above After, up to and including To; To 0: no end
	IDs       []int64
}

// compiler turns a rule into a condition on the table customer. Every condition is true or false, never
// NULL, so that NOT means what it says.
type compiler struct {
	*Env
	scope Scope
	err   error
}

// Where compiles a rule to a condition on the table customer. It takes nothing from the rule into the text: all
// values are parameters.
func (e *Env) Where(r *Rule, scope Scope) (Query, error) {
	c := &compiler{Env: e, scope: scope}
	parts := []Query{{"customer.merged_into = 0", nil}}
	if !e.Minors {
		parts = append(parts, Query{"customer.minor = 0", nil})
	}
	if s := c.scoped("customer.id"); s.SQL != "" {
		parts = append(parts, s)
	}
	if rule := c.rule(r); rule.SQL != always {
		parts = append(parts, rule)
	}
	return join(parts, " AND "), c.err
}

// Select compiles a rule to the one statement that gives the ids of those who fit, in their order.
func (e *Env) Select(r *Rule, scope Scope) (Query, error) {
	q, err := e.Where(r, scope)
	return Query{"SELECT customer.id FROM customer WHERE " + q.SQL + " ORDER BY customer.id", q.Args}, err
}

// Count compiles a rule to the one statement that counts those who fit.
func (e *Env) Count(r *Rule, scope Scope) (Query, error) {
	q, err := e.Where(r, scope)
	return Query{"SELECT COUNT(*) FROM customer WHERE " + q.SQL, q.Args}, err
}

const always = "1 = 1"

func (c *compiler) rule(r *Rule) Query {
	switch {
	case r.Is != nil:
		l, why := c.Known.leaf(r.Is)
		if why != "" {
			c.fail(r.Is.Field, why)
			return Query{always, nil}
		}
		return c.leaf(l)
	case r.Not != nil:
		return not(c.rule(r.Not))
	case r.Any != nil:
		return c.rules(r.Any, " OR ")
	}
	return c.rules(r.All, " AND ")
}

func (c *compiler) fail(path, why string) {
	if c.err == nil {
		c.err = ErrRule.With(path, why)
	}
}

func (c *compiler) rules(list []Rule, by string) Query {
	if len(list) == 0 {
		return Query{always, nil}
	}
	parts := make([]Query, len(list))
	for i := range list {
		parts[i] = c.rule(&list[i])
	}
	q := join(parts, by)
	if len(parts) > 1 {
		q.SQL = "(" + q.SQL + ")"
	}
	return q
}

func (c *compiler) leaf(l *leaf) Query {
	if op, ok := negated[l.Op]; ok {
		return not(c.ask(l, op))
	}
	return c.ask(l, l.Op)
}

// ask compiles a question that is not the opposite of another.
func (c *compiler) ask(l *leaf, op string) Query {
	src, where := c.source(l)
	switch {
	case l.kind == Share:
		return c.share(l)
	case l.kind == Anniversary:
		return c.anniversary(l, op)
	case l.kind == Happening:
		return c.happening(l, op, src, where)
	case op == "filled" && src.column != "":
		return c.in(src, append(where, filledIn(src, l.kind))...)
	case op == "filled":
		return c.in(src, where...)
	case l.kind == Reference || l.kind == Names:
		return c.set(l, op, src, append(where, c.window(src, l.Window)...))
	case l.kind == Moment || l.kind == Day:
		return c.in(src, append(where, c.window(src, l.Window)...)...)
	case src.sum != "":
		return c.amount(l, op, src, append(where, c.window(src, l.Window)...))
	}
	return c.in(src, append(where, c.compare(src.column, l.kind, op, c.stored(src, l)))...)
}

// source says which rows a leaf looks at, its window aside.
func (c *compiler) source(l *leaf) (src table, where []Query) {
	src = l.field.from
	switch l.field.Name {
	case "custom":
		src = table{name: "custom_value", customer: "custom_value.customer_id", column: "custom_value.value", key: "custom_value.value"}
		if l.kind == Decimal || l.kind == Day {
			src.column, src.at, src.days = "custom_value.number", "custom_value.number", true
		}
		where = append(where, Query{"custom_value.field_id = ?", []any{l.custom.ID}})
	case "event":
		src = c.eventSource(l)
		where = append(where, Query{src.name + ".kind = ?", []any{l.about}})
	default:
		src = orderSource(l, src)
	}
	for _, f := range l.Where {
		where = append(where, c.filter(l, src, f))
	}
	return src, where
}

// orderSource reads the lines where the products matter, and the kept sums where nothing does.
func orderSource(l *leaf, src table) table {
	if src.lines == "" {
		return src
	}
	byLine := src.sum == ""
	for _, f := range l.Where {
		byLine = byLine || l.field.property(f.Property).line
	}
	switch {
	case byLine:
		lines := linesOf("")
		lines.sum = src.lines
		return lines
	case src.total != "" && l.Window == nil && len(l.Where) == 0:
		return table{name: "customer_trade", customer: "customer_trade.customer_id", total: "customer_trade." + src.total, sum: src.sum}
	}
	src.total = ""
	return src
}

// filter is a condition on one row.
func (c *compiler) filter(l *leaf, src table, f Filter) Query {
	p := l.field.property(f.Property)
	op, opposite := negated[f.Op]
	if !opposite {
		op = f.Op
	}
	column := p.column
	if l.field.Name == "event" {
		column = firstWord(src.name) + ".item"
	}
	var q Query
	switch {
	case p.Prefix:
		q = c.payload(src, p, strings.TrimPrefix(f.Property, p.Name+"."), op, f.Values)
	case p.Type == Reference:
		q = oneOf(column, c.below(p.Ref, f.Values))
	default:
		q = c.compare(column, p.Type, op, f.Values)
	}
	if opposite {
		return not(q)
	}
	return q
}

// payload is a condition on a property of an event; an event that lacks it, or has it of another type, does not fit.
func (c *compiler) payload(src table, p *Property, name, op string, values []Value) Query {
	path := `$."` + name + `"`
	j := model.JSONProperty(c.SQLite, firstWord(src.name)+".payload")
	of, known := j.Text, j.IsText
	if p.Type == Decimal {
		of, known = j.Number, j.IsNumber
	}
	q := c.compare(of, p.Type, op, values)
	n := strings.Count(q.SQL, of)
	args := make([]any, 0, len(q.Args)+n+1)
	args = append(args, path)
	// Each mention of the property takes its path before the value that it is compared with.
	for _, a := range q.Args {
		if n > 0 {
			args = append(args, path)
			n--
		}
		args = append(args, a)
	}
	return Query{"(CASE WHEN " + known + " THEN " + q.SQL + " ELSE 1 = 0 END)", args}
}

// in says that a customer has a row that fits.
func (c *compiler) in(src table, where ...Query) Query {
	if src.customer == "customer.id" {
		return paren(join(where, " AND "))
	}
	q := c.rows(src, where)
	return Query{"customer.id IN (SELECT " + src.customer + q.SQL + ")", q.Args}
}

// rows is FROM and WHERE.
func (c *compiler) rows(src table, where []Query) Query {
	parts := make([]Query, 0, len(where)+2)
	if src.where != "" {
		parts = append(parts, Query{src.where, nil})
	}
	parts = append(parts, where...)
	if s := c.scoped(src.customer); s.SQL != "" {
		parts = append(parts, s)
	}
	q := join(parts, " AND ")
	return Query{" FROM " + src.name + " WHERE " + q.SQL, q.Args}
}

// scoped bounds a column of customer ids.
func (c *compiler) scoped(column string) Query {
	s := c.scope
	switch {
	case len(s.IDs) == 1:
		return Query{column + " = ?", []any{s.IDs[0]}}
	case len(s.IDs) > 0:
		return oneOf(column, s.IDs)
	case s.To != 0:
		return Query{column + " > ? AND " + column + " <= ?", []any{s.After, s.To}}
	case s.After != 0:
		return Query{column + " > ?", []any{s.After}}
	}
	return Query{}
}

// set compares what a customer has several of.
func (c *compiler) set(l *leaf, op string, src table, where []Query) Query {
	if op == "any" {
		return c.in(src, append(where, c.keys(l, src, l.Values))...)
	}
	each := make([]Query, len(l.Values))
	for i := range l.Values {
		each[i] = c.in(src, append(where[:len(where):len(where)], c.keys(l, src, l.Values[i:i+1]))...)
	}
	return paren(join(each, " AND "))
}

func (c *compiler) keys(l *leaf, src table, values []Value) Query {
	if l.kind == Names {
		return oneOf(src.key, texts(values))
	}
	return oneOf(src.key, c.below(l.field.Ref, values))
}

// below adds to departments and categories those that are below them.
func (c *compiler) below(ref model.Kind, values []Value) []int64 {
	var tree map[int64][]int64
	switch ref {
	case model.KindDepartment:
		tree = c.Known.departments
	case model.KindProductCategory:
		tree = c.Known.categories
	}
	var ids []int64
	for _, v := range values {
		if under := tree[v.Number]; len(under) > 0 {
			ids = append(ids, under...)
		} else {
			ids = append(ids, v.Number)
		}
	}
	return ids
}

// window bounds the time of rows.
func (c *compiler) window(src table, w *Window) (out []Query) {
	if w == nil {
		return nil
	}
	ends := c.ends(src, w)
	return span(src.at, ends[0], ends[1])
}

// ends gives both ends of a window as a table's column has them; nil is no bound.
func (c *compiler) ends(src table, w *Window) (ends [2]any) {
	if src.days {
		lo, hi := w.DayBounds(c.Now, c.Zone)
		for i, day := range [2]int{lo, hi} {
			if day != 0 {
				ends[i] = day
			}
		}
		return ends
	}
	lo, hi := w.Bounds(c.Now, c.Zone)
	for i, t := range [2]time.Time{lo, hi} {
		if !t.IsZero() {
			ends[i] = t
		}
	}
	return ends
}

// span is from lo up to, not including, hi.
func span(column string, lo, hi any) (out []Query) {
	if lo != nil {
		out = append(out, Query{column + " >= ?", []any{lo}})
	}
	if hi != nil {
		out = append(out, Query{column + " < ?", []any{hi}})
	}
	return out
}
