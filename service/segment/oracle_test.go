package segment

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"zhiyin/model"
)

// The oracle says what a rule means, one customer and one row at a time, and shares nothing with the compiler but
// the rule itself.
type oracle struct {
	*world
	now    time.Time
	minors bool
}

func (o oracle) fits(r *Rule, c *model.Customer) bool {
	return c.MergedInto == 0 && (o.minors || !c.Minor) && o.rule(r, c)
}

func (o oracle) rule(r *Rule, c *model.Customer) bool {
	switch {
	case r.Is != nil:
		return o.leaf(r.Is, c)
	case r.Not != nil:
		return !o.rule(r.Not, c)
	case r.Any != nil:
		return slices.ContainsFunc(r.Any, func(r Rule) bool { return o.rule(&r, c) })
	}
	return !slices.ContainsFunc(r.All, func(r Rule) bool { return !o.rule(&r, c) })
}

// civil is a day as a count of days.
func civil(t time.Time) int {
	y, m, d := t.In(shanghai).Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (o oracle) in(w *Window, t time.Time) bool {
	if w == nil {
		return true
	}
	if w.LastHours != 0 {
		return !t.Before(o.now.Add(-time.Duration(w.LastHours) * time.Hour))
	}
	ago := civil(o.now) - civil(t)
	ty, tm, _ := t.In(shanghai).Date()
	ny, nm, _ := o.now.In(shanghai).Date()
	months := (ny*12 + int(nm)) - (ty*12 + int(tm))
	week := func(day int) int { return (day + 3) / 7 } // 1970-01-01 was a Thursday
	switch w.Period {
	case "this_week":
		return week(civil(t)) == week(civil(o.now))
	case "last_week":
		return week(civil(t)) == week(civil(o.now))-1
	case "this_month":
		return months == 0
	case "last_month":
		return months == 1
	case "next_month":
		return months == -1
	case "this_year":
		return ty == ny
	}
	switch {
	case w.LastDays != 0:
		return ago >= w.SkipDays && ago < w.LastDays
	case w.SkipDays != 0:
		return ago >= w.SkipDays
	case w.NextDays != 0:
		return ago <= 0 && -ago < w.NextDays
	}
	day := t.In(shanghai).Format(time.DateOnly)
	return (w.From == "" || day >= w.From) && (w.To == "" || day <= w.To)
}

func (o oracle) leaf(q *Condition, c *model.Customer) bool {
	if op, ok := negated[q.Op]; ok {
		p := *q
		p.Op = op
		return !o.leaf(&p, c)
	}
	kind, about, _ := strings.Cut(q.Field, ".")
	switch kind {
	case "custom":
		return o.customValue(q, about, c)
	case "event":
		return o.happening(q, about, c)
	case "share":
		n := ShareOf(about, c.ID)
		return n >= q.Values[0].Number && n < q.Values[1].Number
	}
	switch q.Field {
	case "name":
		return text(q, c.Name)
	case "gender":
		return text(q, []string{"", "male", "female"}[c.Gender]) || q.Op == "is" && c.Gender == 0 && has(q, "unknown")
	case "city":
		return text(q, c.City)
	case "corp_name":
		return text(q, c.CorpName)
	case "first_source":
		return text(q, c.FirstSource)
	case "first_seen":
		return q.Op == "filled" || o.in(q.Window, c.FirstSeenAt)
	case "birthday":
		return c.BirthMD > 0 && (q.Op == "filled" || o.yearly(q.Window, 0, c.BirthMD))
	case "first_seen_day":
		y, m, d := c.FirstSeenAt.In(shanghai).Date()
		return q.Op == "filled" || o.yearly(q.Window, y, int(m)*100+d)
	}
	if strings.HasPrefix(q.Field, "order.") {
		return o.trade(q, c)
	}
	if f, _ := fieldOf(q.Field); f.Group == "lifecycle" {
		return o.lifecycle(q, o.score(c))
	}
	if f, _ := fieldOf(q.Field); f.Group == "coupon" || f.Group == "club" {
		return o.hasOffers(q, c)
	}
	return o.related(q, c)
}

// yearly tries every day of the window.
func (o oracle) yearly(w *Window, born, md int) bool {
	for d := o.now.AddDate(-1, 0, -40); d.Before(o.now.AddDate(1, 0, 40)); d = d.AddDate(0, 0, 1) {
		y, m, day := d.In(shanghai).Date()
		this := int(m)*100 + day
		falls := this == md || md == 229 && this == 228 && y%4 != 0
		if falls && y > born && o.in(w, d) {
			return true
		}
	}
	return false
}

func has(q *Condition, s string) bool {
	return slices.ContainsFunc(q.Values, func(v Value) bool { return v.Text == s })
}

func text(q *Condition, s string) bool { return textIs(q.Op, q.Values, s) }

func textIs(op string, values []Value, s string) bool {
	if op == "filled" {
		return s != ""
	}
	return slices.ContainsFunc(values, func(v Value) bool {
		switch a, b := strings.ToLower(s), strings.ToLower(v.Text); op {
		case "contains":
			return strings.Contains(a, b)
		case "begins":
			return strings.HasPrefix(a, b)
		default:
			return a == b
		}
	})
}

func numeric(op string, v []Value, n int64) bool {
	switch op {
	case "at_least":
		return n >= v[0].Number
	case "at_most":
		return n <= v[0].Number
	case "equal":
		return n == v[0].Number
	}
	return v[0].Number <= n && n <= v[1].Number
}

func (o oracle) customValue(q *Condition, name string, c *model.Customer) bool {
	var mine []*model.CustomValue
	for _, v := range o.values {
		if v.CustomerID == c.ID && o.customs[v.FieldID-1].Name == name {
			mine = append(mine, v)
		}
	}
	if q.Op == "all" {
		return !slices.ContainsFunc(q.Values, func(want Value) bool {
			return !slices.ContainsFunc(mine, func(v *model.CustomValue) bool { return v.Value == want.Text })
		})
	}
	return slices.ContainsFunc(mine, func(v *model.CustomValue) bool {
		switch {
		case q.Op == "filled":
			return true
		case q.Op == "any":
			return has(q, v.Value)
		case name == "number":
			return numeric(q.Op, q.Values, *v.Number)
		case name == "date":
			n := int(*v.Number)
			return o.in(q.Window, time.Date(n/10000, time.Month(n/100%100), n%100, 12, 0, 0, 0, shanghai))
		}
		return text(q, v.Value)
	})
}

func (o oracle) happening(q *Condition, kind string, c *model.Customer) bool {
	var times []time.Time
	var n int64
	for _, e := range o.events {
		if e.CustomerID == c.ID && e.Kind == kind && o.eventFits(q.Where, e) {
			times = append(times, e.OccurredAt)
			if o.in(q.Window, e.OccurredAt) {
				n++
			}
		}
	}
	switch q.Op {
	case "did":
		return n > 0
	case "first":
		return len(times) > 0 && o.in(q.Window, slices.MinFunc(times, time.Time.Compare))
	case "last":
		return len(times) > 0 && o.in(q.Window, slices.MaxFunc(times, time.Time.Compare))
	}
	return numeric(q.Op, q.Values, n)
}

func (o oracle) eventFits(where []Filter, e *model.Event) bool {
	for _, f := range where {
		var data map[string]any
		if json.Unmarshal([]byte(e.Payload), &data) != nil {
			return false
		}
		op, opposite := negated[f.Op]
		if !opposite {
			op = f.Op
		}
		how, name, _ := strings.Cut(f.Property, ".")
		var ok bool
		switch how {
		case "item":
			ok = textIs(op, f.Values, e.Item)
		case "text":
			if s, is := data[name].(string); is {
				ok = textIs(op, f.Values, s)
			}
		case "number":
			if n, is := data[name].(float64); is {
				ok = numeric(op, f.Values, int64(n*10000))
			}
		}
		if ok == opposite {
			return false
		}
	}
	return true
}

func under(parents map[int64]int64, id, root int64) bool {
	for ; id != 0; id = parents[id] {
		if id == root {
			return true
		}
	}
	return false
}

// matches asks of one value of a row whether a reference's value means it.
func (o oracle) matches(kind model.Kind, want, got int64) bool {
	if tree := o.parents[kind]; tree != nil {
		return under(tree, got, want)
	}
	return want == got
}

func (o oracle) set(q *Condition, kind model.Kind, have []int64) bool {
	one := func(v Value) bool {
		return slices.ContainsFunc(have, func(id int64) bool { return o.matches(kind, v.Number, id) })
	}
	if q.Op == "all" {
		return !slices.ContainsFunc(q.Values, func(v Value) bool { return !one(v) })
	}
	return slices.ContainsFunc(q.Values, one)
}

func (o oracle) filters(where []Filter, get func(property string) (kind model.Kind, number int64, text string)) bool {
	for _, f := range where {
		op, opposite := negated[f.Op]
		if !opposite {
			op = f.Op
		}
		kind, number, s := get(f.Property)
		var ok bool
		switch {
		case op == "any":
			ok = slices.ContainsFunc(f.Values, func(v Value) bool { return o.matches(kind, v.Number, number) })
		case slices.Contains([]string{"shop", "status", "source", "channel", "step", "state", "way"}, f.Property):
			ok = textIs(op, f.Values, s)
		default:
			ok = numeric(op, f.Values, number)
		}
		if ok == opposite {
			return false
		}
	}
	return true
}

func (o oracle) trade(q *Condition, c *model.Customer) bool {
	byLine := q.Field == "order.pieces"
	for _, f := range q.Where {
		byLine = byLine || f.Property == "product" || f.Property == "category"
	}
	var count, sum, refunded, largest, pieces int64
	var times []time.Time
	var products, categories []int64
	seen := map[int64]bool{}
	for _, l := range o.lines {
		order := o.orders[l.OrderID-1]
		if l.CustomerID != c.ID || order.PaidAt == nil || order.Status == "cancelled" {
			continue
		}
		times = append(times, *order.PaidAt)
		if !o.in(q.Window, *order.PaidAt) {
			continue
		}
		products, categories = append(products, l.ProductID), append(categories, l.CategoryID)
		if !o.filters(q.Where, func(p string) (model.Kind, int64, string) {
			switch p {
			case "product":
				return model.KindProduct, l.ProductID, ""
			case "category":
				return model.KindProductCategory, l.CategoryID, ""
			case "amount":
				return 0, int64(order.PaidFen), ""
			}
			return 0, 0, order.Shop
		}) {
			continue
		}
		paid, back := l.PaidFen, l.RefundedFen
		if !seen[order.ID] {
			count++
		}
		if !byLine {
			paid, back = order.PaidFen, order.RefundedFen
			if seen[order.ID] {
				paid, back = 0, 0
			}
		}
		seen[order.ID] = true
		sum += int64(paid - back)
		refunded += int64(back)
		largest = max(largest, int64(paid))
		pieces += l.Quantity
	}
	switch q.Field {
	case "order.count":
		return numeric(q.Op, q.Values, count)
	case "order.sum":
		return numeric(q.Op, q.Values, sum)
	case "order.refunded":
		return numeric(q.Op, q.Values, refunded)
	case "order.largest":
		return numeric(q.Op, q.Values, largest)
	case "order.pieces":
		return numeric(q.Op, q.Values, pieces)
	case "order.product":
		return o.set(q, model.KindProduct, products)
	case "order.category":
		return o.set(q, model.KindProductCategory, categories)
	case "order.first":
		return len(times) > 0 && (q.Op == "filled" || o.in(q.Window, slices.MinFunc(times, time.Time.Compare)))
	case "order.last":
		return len(times) > 0 && (q.Op == "filled" || o.in(q.Window, slices.MaxFunc(times, time.Time.Compare)))
	}
	panic(q.Field)
}

func (o oracle) score(c *model.Customer) *model.CustomerLifecycle {
	for _, l := range o.lifecycles {
		if l.CustomerID == c.ID {
			return l
		}
	}
	return nil
}

func (o oracle) lifecycle(q *Condition, r *model.CustomerLifecycle) bool {
	if r == nil {
		return false
	}
	number := func(n int64, known bool) bool { return known && numeric(q.Op, q.Values, n) }
	switch q.Field {
	case "stage":
		return text(q, r.Stage)
	case "stage.since":
		return q.Op == "filled" || o.in(q.Window, r.StageSince)
	case "rfm.recency":
		return number(int64(r.Recency), true)
	case "rfm.frequency":
		return number(int64(r.Frequency), true)
	case "rfm.monetary":
		return number(int64(r.Monetary), true)
	case "value.score":
		return number(r.ValueScore, true)
	case "value.grade":
		return text(q, r.ValueGrade)
	case "risk.score":
		return number(int64(r.RiskScore), true)
	case "risk.grade":
		return text(q, r.RiskGrade)
	case "alive":
		return number(r.AliveBP, r.AliveBP >= 0)
	case "expected":
		return number(int64(r.ExpectedFen), r.ExpectedFen >= 0)
	}
	panic(q.Field)
}

func (o oracle) related(q *Condition, c *model.Customer) bool {
	var ids []int64
	var count int64
	var any bool
	note := func(id int64, at *time.Time) {
		if at != nil && (q.Op == "filled" || o.in(q.Window, *at)) {
			count, any, ids = count+1, true, append(ids, id)
		}
	}
	switch q.Field {
	case "identity":
		for _, i := range o.identities {
			if i.CustomerID == c.ID {
				ids = append(ids, int64(len(i.Kind)))
			}
		}
		p := *q
		p.Values = nil
		for _, v := range q.Values {
			p.Values = append(p.Values, Value{Number: int64(len(v.Text))})
		}
		return o.set(&p, 0, ids)
	case "tag":
		for _, t := range o.tags {
			if t.CustomerID == c.ID {
				ids = append(ids, t.TagID)
			}
		}
	case "segment":
		for _, m := range o.members {
			if m.CustomerID == c.ID && m.LeftAt == nil {
				ids = append(ids, m.SegmentID)
			}
		}
	case "message.got", "message.opened", "message.clicked", "message.converted":
		for _, d := range o.deliveries {
			if d.CustomerID == c.ID && d.State >= 10 && d.State <= 15 && o.messageFits(q.Where, d) {
				note(d.ID, map[string]*time.Time{"message.got": d.AcceptedAt, "message.opened": d.ReadAt, "message.clicked": d.ClickedAt, "message.converted": d.ConvertedAt}[q.Field])
			}
		}
	case "group", "group.count", "group.joined", "group.left":
		for _, m := range o.groups {
			if m.CustomerID != c.ID || m.LeftAt != nil && (q.Field == "group" || q.Field == "group.count") {
				continue
			}
			at := &m.JoinedAt
			if q.Field == "group.left" {
				at = m.LeftAt
			}
			note(m.GroupID, at)
		}
	default:
		for _, r := range o.relations {
			if r.CustomerID != c.ID || (q.Field == "staff" || q.Field == "department") && r.Status != "active" || !o.relationFits(q.Where, r) {
				continue
			}
			at, id := &r.AddedAt, r.StaffID
			if q.Field == "relation.lost" {
				at = r.LostAt
			}
			if q.Field == "channel_code" {
				id = r.ChannelCodeID
			}
			note(id, at)
		}
	}
	switch q.Field {
	case "relation.count", "group.count", "message.got", "message.opened", "message.clicked", "message.converted":
		return numeric(q.Op, q.Values, count)
	case "relation.added", "relation.lost", "group.joined", "group.left":
		return any
	case "department":
		return o.set(q, model.KindDepartment, ids) // staff n is in department n
	}
	return o.set(q, 0, ids)
}

func (o oracle) messageFits(where []Filter, d *model.Delivery) bool {
	return o.filters(where, func(p string) (model.Kind, int64, string) {
		switch p {
		case "journey", "campaign":
			if d.Source == p {
				return 0, d.SourceID, ""
			}
			return 0, 0, ""
		case "source":
			return 0, 0, d.Source
		case "channel":
			return 0, 0, []string{"", "red", "blue"}[d.LaneID]
		}
		return 0, 0, d.Step
	})
}

func (o oracle) relationFits(where []Filter, r *model.Relation) bool {
	return o.filters(where, func(p string) (model.Kind, int64, string) {
		switch p {
		case "staff":
			return 0, r.StaffID, ""
		case "channel_code":
			return 0, r.ChannelCodeID, ""
		case "add_way":
			return 0, int64(r.AddWay), ""
		}
		return 0, 0, r.Status
	})
}
