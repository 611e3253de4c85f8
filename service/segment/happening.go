package segment

// eventSource is the daily counts where whole days are asked about and nothing but the item, else the events.
func (c *compiler) eventSource(l *leaf) table {
	daily := l.Window.dayAligned()
	for _, f := range l.Where {
		daily = daily && !l.field.property(f.Property).Prefix
	}
	if daily {
		return table{name: "event_day", customer: "event_day.customer_id", at: "event_day.day", days: true, sum: "SUM(event_day.times)"}
	}
	return table{name: "event", customer: "event.customer_id", at: "event.occurred_at", sum: "COUNT(*)"}
}

// happening asks how often something happened, or when for the first or the last time.
func (c *compiler) happening(l *leaf, op string, src table, where []Query) Query {
	switch op {
	case "first", "last":
		return c.extreme(l, op, src, where)
	}
	where = append(where, c.window(src, l.Window)...)
	if op == "did" || anyRow(op, l.Values) {
		q := c.in(src, where...)
		if op == "at_most" {
			return not(q)
		}
		return q
	}
	return c.amount(l, op, src, where)
}

// extreme says that the first or the last of a customer's rows is in the window.
func (c *compiler) extreme(l *leaf, op string, src table, where []Query) Query {
	of := extremeOf(op, src)
	if op == "last" && src.days {
		// Of those who did it in the window or later, the others can be left out before they are counted.
		if day, _ := l.Window.DayBounds(c.Now, c.Zone); day != 0 {
			where = append(where, Query{src.at + " >= ?", []any{day}})
		}
	}
	rows := c.rows(src, where)
	ends := c.ends(table{}, l.Window)
	having := join(span(of, ends[0], ends[1]), " AND ")
	return Query{"customer.id IN (SELECT " + src.customer + rows.SQL + " GROUP BY " + src.customer + " HAVING " + having.SQL + ")", append(rows.Args, having.Args...)}
}

func extremeOf(op string, src table) string {
	switch {
	case src.days && op == "first":
		return "MIN(event_day.first_at)"
	case src.days:
		return "MAX(event_day.last_at)"
	case op == "first":
		return "MIN(event.occurred_at)"
	}
	return "MAX(event.occurred_at)"
}
