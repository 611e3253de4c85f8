package seed

import "sort"

// line is a line of an order.
type line struct {
	product         int
	quantity        int64
	price, paid     int64
	refunded        int64
	category        int64
	lineNumber      int
	discountPercent int64
}

// order is what a customer bought at once.
type order struct {
	id                      int // from 1, over all customers
	status                  string
	placed, paidAt          int64
	completedAt             int64
	total, discount         int64
	paid, refunded          int64
	lines                   []line
	customer                int
	wasPaid, refundedInFull bool
}

// orders draws what a customer bought, in order of time.
func (w *world) orders(d *dice, customer int) []order {
	first, n := shareOf(w.bought, customer)
	if n == 0 {
		return nil
	}
	p := w.person(d, customer)
	r := w.of(d, streamOrders, customer)
	list := make([]order, n)
	for i := range list {
		list[i].placed = p.when(r)
	}
	sort.Slice(list, func(a, b int) bool { return list[a].placed < list[b].placed })
	for i := range list {
		o := &list[i]
		o.id, o.customer = first+i+1, customer
		off := int64(r.IntN(3)) * 5
		for k := range 1 + r.IntN(2)*(1+r.IntN(2)) {
			l := line{product: w.product.draw(r), quantity: int64(1 + r.IntN(2)*r.IntN(3)), lineNumber: k + 1, discountPercent: off}
			l.category, l.price = categoryOf(l.product), priceOf(l.product)
			l.paid = l.price * l.quantity * (100 - off) / 100
			o.total += l.price * l.quantity
			o.paid += l.paid
			o.lines = append(o.lines, l)
		}
		o.discount = o.total - o.paid
		o.end(w, r.IntN(100), r.Int64N(3*day))
	}
	return list
}

// end decides what became of it.
func (o *order) end(w *world, dice int, took int64) {
	const minute = 60_000
	o.status, o.paidAt = "completed", o.placed+5*minute
	switch {
	case dice < 5:
		o.status, o.paidAt = "cancelled", 0
	case dice < 8 && o.placed > w.until-7*day:
		o.status, o.paidAt = "placed", 0
	case o.placed > w.until-3*day:
		o.status = "paid"
	case o.placed > w.until-7*day:
		o.status = "shipped"
	}
	o.wasPaid = o.paidAt != 0
	if !o.wasPaid {
		o.paid = 0
		for i := range o.lines {
			o.lines[i].paid = 0
		}
		return
	}
	if o.status != "completed" {
		return
	}
	o.completedAt = o.paidAt + day + took
	if dice >= 95 {
		o.refundedInFull, o.refunded = true, o.paid
		for i := range o.lines {
			o.lines[i].refunded = o.lines[i].paid
		}
	}
}

func (o *order) changed() int64 { return max(o.placed, o.paidAt, o.completedAt) }

func (w *world) eachOrder(s *sheet, d *dice, f func(o *order)) {
	w.each(s, func(i int) {
		list := w.orders(d, i)
		for k := range list {
			f(&list[k])
		}
	})
}

func (w *world) writeOrders(s *sheet, d *dice) {
	w.eachOrder(s, d, func(o *order) {
		s.int(int64(o.id))
		s.text(number("SO", o.id), "seed")
		s.int(int64(o.customer))
		s.text("external_userid", corpID, externalUserID(o.customer), o.status)
		s.int(o.total, o.discount, o.paid, o.refunded)
		s.time(o.placed, o.paidAt, o.completedAt)
		s.int(o.changed())
		s.time(o.placed, o.changed())
		s.end()
	})
}

func (w *world) writeLines(s *sheet, d *dice) {
	id := int64(0)
	w.eachOrder(s, d, func(o *order) {
		for _, l := range o.lines {
			id++
			s.int(id, int64(o.id), int64(l.lineNumber), int64(o.customer), int64(l.product+1), l.category)
			s.text(number("商品", l.product+1))
			s.int(l.quantity, l.price, l.paid, l.refunded)
			s.time(o.paidAt)
			s.end()
		}
	})
}

func (w *world) writeRefunds(s *sheet, d *dice) {
	id := 0
	w.eachOrder(s, d, func(o *order) {
		if !o.refundedInFull {
			return
		}
		id++
		at := o.completedAt
		s.int(int64(id))
		s.text(number("RF", id), number("SO", o.id))
		s.int(int64(o.id), int64(o.customer), 0)
		s.text("refunded")
		s.int(o.refunded)
		s.time(at)
		s.int(at)
		s.time(at, at)
		s.end()
	})
}

// trade is the sum of the paid orders that are not cancelled.
type trade struct {
	orders, paid, refunded int64
	first, last            int64
}

func sum(orders []order) (t trade) {
	for i := range orders {
		o := &orders[i]
		if !o.wasPaid {
			continue
		}
		t.orders++
		t.paid += o.paid
		t.refunded += o.refunded
		if t.first == 0 || o.paidAt < t.first {
			t.first = o.paidAt
		}
		t.last = max(t.last, o.paidAt)
	}
	return t
}

func (w *world) writeTrades(s *sheet, d *dice) {
	id := int64(0)
	w.each(s, func(i int) {
		t := sum(w.orders(d, i))
		if t.orders == 0 {
			return
		}
		id++
		s.int(id, int64(i), t.orders, t.paid, t.refunded)
		s.time(t.first, t.last, t.last)
		s.end()
	})
}
