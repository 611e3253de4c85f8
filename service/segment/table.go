package segment

// table says where a field is read: rows of other tables belong to a customer by their column customer.
type table struct {
	name     string // what stands after FROM
	customer string // the column that says whose a row is
	where    string // which rows count at all
	column   string // of tables with one row a customer: what is asked about
	key      string // of sets: what values are compared with
	at       string // when a row happened
	days     bool   // at is a day as yyyymmdd
	sum      string // what numbers are about: an aggregate over the rows
	lines    string // sum, read from the lines of orders
	total    string // sum over all time, as customer_trade keeps it
	numbered bool   // a choice is stored as its place in the list
}

func (t table) with(where string) table {
	if t.where != "" {
		where = t.where + " AND " + where
	}
	t.where = where
	return t
}

// customerColumn is a column of the customer itself.
func customerColumn(column string) table {
	return table{name: "customer", customer: "customer.id", column: "customer." + column, at: "customer." + column, numbered: column == "gender"}
}

// oneRow is a column of a table that has at most one row a customer.
func oneRow(name, column string) table {
	return table{name: name, customer: name + ".customer_id", column: name + "." + column, at: name + "." + column}
}

// setOf is what a customer has any number of.
func setOf(from, key string) table {
	return table{name: from, customer: firstWord(from) + ".customer_id", key: key}
}

// rowsOf are things that happened to a customer.
func rowsOf(name, at, sum string) table {
	return table{name: name, customer: name + ".customer_id", at: at, sum: sum}
}

// Orders count once they are paid, and as long as they are not cancelled.
const (
	countedOrders = "customer_order.paid_at IS NOT NULL AND customer_order.status <> 'cancelled'"
	orderLines    = "order_line JOIN customer_order ON customer_order.id = order_line.order_id"
)

func ordersOf(sum, lines, total string) table {
	t := rowsOf("customer_order", "customer_order.paid_at", sum).with(countedOrders)
	t.lines, t.total = lines, total
	return t
}

func linesOf(key string) table {
	t := table{name: orderLines, customer: "order_line.customer_id", key: key, at: "order_line.paid_at"}
	return t.with("order_line.paid_at IS NOT NULL AND " + countedOrders)
}

// keptIn is a number that a table keeps of each customer it knows; who is not in it has 0.
func keptIn(name, column string) table {
	t := oneRow(name, column)
	t.total, t.sum, t.column, t.at = t.column, "MAX("+t.column+")", "", ""
	return t
}

// usableCoupons are those that a customer holds and has not used; one that is reserved for an order is among them.
const usableCoupons = "coupon.state IN ('usable', 'reserved')"

// couponUses are coupons that were used on orders and did not come back.
func couponUses(sum string) table {
	t := table{name: "coupon_use JOIN coupon_use_part ON coupon_use_part.use_id = coupon_use.id", customer: "coupon_use.customer_id", at: "coupon_use.redeemed_at", sum: sum}
	return t.with("coupon_use.state = 'redeemed'")
}

// messages are deliveries that came as far as a time is kept of.
func messages(at string) table {
	t := table{name: "delivery JOIN delivery_lane ON delivery_lane.id = delivery.lane_id", customer: "delivery.customer_id", at: "delivery." + at, sum: "COUNT(*)"}
	return t.with("delivery." + at + " IS NOT NULL AND delivery.state BETWEEN 10 AND 15")
}

func firstWord(s string) string {
	for i := range s {
		if s[i] == ' ' {
			return s[:i]
		}
	}
	return s
}
