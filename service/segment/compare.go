package segment

import "strings"

func join(parts []Query, by string) Query {
	if len(parts) == 0 {
		return Query{always, nil}
	}
	var sql strings.Builder
	var args []any
	for i, p := range parts {
		if i > 0 {
			sql.WriteString(by)
		}
		sql.WriteString(p.SQL)
		args = append(args, p.Args...)
	}
	return Query{sql.String(), args}
}

func paren(q Query) Query { return Query{"(" + q.SQL + ")", q.Args} }

func not(q Query) Query { return Query{"NOT (" + q.SQL + ")", q.Args} }

// oneOf is column IN (?, …).
func oneOf[T any](column string, values []T) Query {
	if len(values) == 1 {
		return Query{column + " = ?", []any{values[0]}}
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	return Query{column + " IN (?" + strings.Repeat(", ?", len(values)-1) + ")", args}
}

func texts(values []Value) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.Text
	}
	return out
}

// stored gives a leaf's values as its column holds them.
func (c *compiler) stored(src table, l *leaf) []Value {
	if !src.numbered {
		return l.Values
	}
	out := make([]Value, len(l.Values))
	for i, v := range l.Values {
		out[i] = Value{Number: int64(choiceOf(l.choices, v.Text))}
	}
	return out
}

// compare is a condition on a column that is not NULL in the rows looked at.
func (c *compiler) compare(column string, kind Type, op string, values []Value) Query {
	switch {
	case kind == Number || kind == Money || kind == Decimal:
		return number(column, op, values)
	case op == "contains":
		return c.likes(column, values, "%")
	case op == "begins":
		return c.likes(column, values, "")
	case len(values) > 0 && values[0].Text == "": // choices that are stored as numbers
		return oneOf(column, numbersOf(values))
	}
	return oneOf(column, texts(values))
}

func numbersOf(values []Value) []int64 {
	out := make([]int64, len(values))
	for i, v := range values {
		out[i] = v.Number
	}
	return out
}

func number(column, op string, values []Value) Query {
	switch op {
	case "at_least":
		return Query{column + " >= ?", []any{values[0].Number}}
	case "at_most":
		return Query{column + " <= ?", []any{values[0].Number}}
	case "between":
		return Query{"(" + column + " >= ? AND " + column + " <= ?)", []any{values[0].Number, values[1].Number}}
	}
	return Query{column + " = ?", []any{values[0].Number}}
}

// holds tells whether a number fits.
func holds(n int64, op string, values []Value) bool {
	switch op {
	case "at_least":
		return n >= values[0].Number
	case "at_most":
		return n <= values[0].Number
	case "between":
		return n >= values[0].Number && n <= values[1].Number
	}
	return n == values[0].Number
}

func (c *compiler) likes(column string, values []Value, before string) Query {
	parts := make([]Query, len(values))
	for i, v := range values {
		parts[i] = Query{column + " LIKE ? ESCAPE '!'", []any{before + like.Replace(v.Text) + "%"}}
	}
	return paren(join(parts, " OR "))
}

// like escapes what LIKE takes as a pattern; the sign of escape is '!'.
var like = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// filledIn says that something is known in a column.
func filledIn(src table, kind Type) Query {
	switch {
	case src.numbered:
		return Query{src.column + " <> 0", nil}
	case kind == Text || kind == Choices || kind == Names:
		return Query{src.column + " <> ''", nil}
	}
	return Query{src.column + " IS NOT NULL", nil}
}

// amount compares an aggregate over a customer's rows; who has none has 0.
func (c *compiler) amount(l *leaf, op string, src table, where []Query) Query {
	ofNobody := holds(0, op, l.Values)
	test := func(column string) Query {
		q := number(column, op, l.Values)
		if ofNobody {
			return not(q)
		}
		return q
	}
	var q Query
	switch {
	case src.total != "":
		q = c.in(src, append(where, test(src.total))...)
	case strings.HasPrefix(src.sum, "COUNT(") && anyRow(op, l.Values):
		q = c.in(src, where...)
	default:
		rows, having := c.rows(src, where), test(src.sum)
		q = Query{"customer.id IN (SELECT " + src.customer + rows.SQL + " GROUP BY " + src.customer + " HAVING " + having.SQL + ")", append(rows.Args, having.Args...)}
	}
	if ofNobody {
		return not(q)
	}
	return q
}

// anyRow tells whether all that matters of a count is whether there is anything to count.
func anyRow(op string, values []Value) bool {
	return op == "at_least" && values[0].Number == 1 || (op == "at_most" || op == "equal") && values[0].Number == 0
}
