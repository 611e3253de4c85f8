package segment

// anniversary asks whether a day that comes back every year is in the window.
func (c *compiler) anniversary(l *leaf, op string) Query {
	column := l.field.from.column
	if l.field.Name == "birthday" {
		if op == "filled" {
			return Query{column + " > 0", nil}
		}
		return ranges(l.Window.monthDays(c.Now, c.Zone), func(from, to int) Query { return monthDayRange(column, from, to) })
	}
	if op == "filled" {
		return Query{always, nil}
	}
	return ranges(l.Window.origins(c.Now, c.Zone), func(from, to int) Query { return c.dayRange(column, from, to) })
}

func monthDayRange(column string, from, to int) Query {
	return Query{"(" + column + " >= ? AND " + column + " <= ?)", []any{from, to}}
}

func (c *compiler) dayRange(column string, from, to int) Query {
	return Query{"(" + column + " >= ? AND " + column + " < ?)", []any{startOf(dayOf(from), c.Zone), startOf(dayOf(to).AddDate(0, 0, 1), c.Zone)}}
}

// ranges asks for any of some days, which ascend, runs of them taken together.
func ranges(days []int, one func(from, to int) Query) Query {
	var parts []Query
	for _, r := range runs(days) {
		parts = append(parts, one(r[0], r[1]))
	}
	if len(parts) == 0 {
		return Query{"1 = 0", nil}
	}
	return paren(join(parts, " OR "))
}
