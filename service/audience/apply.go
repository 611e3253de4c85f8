package audience

import (
	"iter"
	"math"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
)

// apply makes the index say of the customers asked about what was read of them. Those of whom nothing was read have
// been merged or erased: they vanish.
func (h *held) apply(asked []int64, r *reading) {
	changed := roaring.New()
	idOf := map[uint32]int64{}
	for _, p := range r.persons {
		ord := h.people.add(p.id)
		h.all.Add(ord)
		idOf[ord] = p.id
	}
	for _, id := range asked {
		ord, known := h.people.ordinal(id)
		if !known {
			continue
		}
		changed.Add(ord)
		if _, lives := idOf[ord]; !lives {
			h.all.Remove(ord)
		}
	}
	for ord := range idOf {
		changed.Add(ord)
	}
	if changed.IsEmpty() {
		return
	}
	b := &applied{held: h, reading: r, changed: changed, ords: changed.ToArray(), idOf: idOf}
	b.sets()
	b.columns()
	b.rows()
}

// applied is one application.
type applied struct {
	*held
	*reading
	changed *roaring.Bitmap
	ords    []uint32
	idOf    map[uint32]int64 // of those who are there
}

func (b *applied) sets() {
	for name, o := range b.reading.ids {
		b.held.ids[name].replace(b.changed, membersOf(b, o))
	}
	b.held.texts["identity"].replace(b.changed, membersOf(b, b.reading.texts["identity"]))
	texts := map[string][]member[string]{}
	add := func(name string, id int64, value string) {
		if ord, ok := b.people.ordinal(id); ok && value != "" {
			texts[name] = append(texts[name], member[string]{ord, value})
		}
	}
	minors := roaring.New()
	for _, p := range b.reading.persons {
		add("gender", p.id, genderOf(p.gender))
		add("city", p.id, p.city)
		add("first_source", p.id, p.source)
		if ord, ok := b.people.ordinal(p.id); ok && p.minor {
			minors.Add(ord)
		}
	}
	for i, id := range b.cycles.who {
		if b.lives(id) {
			add("stage", id, b.cycles.what[i].stage)
			add("value.grade", id, b.cycles.what[i].grade)
			add("risk.grade", id, b.cycles.what[i].risk)
		}
	}
	for _, name := range []string{"gender", "city", "first_source", "stage", "value.grade", "risk.grade"} {
		b.held.texts[name].replace(b.changed, texts[name])
	}
	b.minors.AndNot(b.changed)
	b.minors.Or(minors)
}

// lives tells whether the customer is among those that stand for themselves.
func (b *applied) lives(id int64) bool {
	ord, ok := b.people.ordinal(id)
	if !ok {
		return false
	}
	_, ok = b.idOf[ord]
	return ok
}

func membersOf[K comparable](b *applied, o *owned[K]) []member[K] {
	out := make([]member[K], 0, len(o.who))
	for i, id := range o.who {
		if ord, ok := b.people.ordinal(id); ok && b.idOf[ord] == id {
			out = append(out, member[K]{ord, o.what[i]})
		}
	}
	return out
}

var genders = []string{"unknown", "male", "female"}

func genderOf(n int64) string {
	if n < 0 || int(n) >= len(genders) {
		return ""
	}
	return genders[n]
}

func (b *applied) columns() {
	values := map[string]int64{}
	for _, ord := range b.ords {
		clear(values)
		id, lives := b.idOf[ord]
		if lives {
			b.valuesOf(id, values)
		}
		for name, c := range b.held.columns {
			v, ok := values[name]
			if !ok {
				v = null
			}
			c.put(ord, v)
		}
	}
}

func (b *applied) valuesOf(id int64, v map[string]int64) {
	if at, ok := slices.BinarySearchFunc(b.reading.persons, id, func(p personRead, id int64) int { return int(min(1, max(-1, p.id-id))) }); ok {
		p := b.reading.persons[at]
		v["first_seen"], v["birthday"] = p.firstSeen, p.birth
	}
	for _, t := range b.trades.of(id) {
		v["trade.orders"], v["trade.paid"], v["order.refunded"] = t.orders, t.paid-t.refunded, t.refunded
		v["order.first"], v["order.last"] = t.first, t.last
	}
	for _, c := range b.cycles.of(id) {
		v["stage.since"] = c.since
		v["rfm.recency"], v["rfm.frequency"], v["rfm.monetary"], v["value.score"], v["risk.score"] = c.recency, c.frequency, c.monetary, c.score, c.riskScore
		if c.alive >= 0 {
			v["alive"] = c.alive
		}
		if c.expected >= 0 {
			v["expected"] = c.expected
		}
	}
	b.club.valuesOf(id, v)
}

func (b *applied) rows() {
	put(b, &b.held.relations, b.relationsOf)
	put(b, &b.held.stays, b.reading.stays.of)
	put(b, &b.held.orders, b.ordersOf)
	put(b, &b.held.lines, b.linesOf, func(ord uint32, was, is []lineRow) { b.buyers.move(ord, waresIn(was), waresIn(is)) })
	put(b, &b.held.days, b.daysOf, func(ord uint32, was, is []dayRow) { b.doers.move(ord, kindsIn(was), kindsIn(is)) })
}

// put gives the changed customers new rows; those who are gone have none. moved are told of both.
func put[T comparable](b *applied, r *rows[T], of func(id int64) []T, moved ...func(ord uint32, was, is []T)) {
	r.replace(b.ords, func(ord uint32) (is []T) {
		if id, lives := b.idOf[ord]; lives {
			is = of(id)
		}
		for _, f := range moved {
			f(ord, r.of(ord), is)
		}
		return is
	})
}

func waresIn(list []lineRow) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i := range list {
			if !yield(list[i].what) {
				return
			}
		}
	}
}

func kindsIn(list []dayRow) iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for i := range list {
			if !yield(list[i].kind) {
				return
			}
		}
	}
}

func (b *applied) relationsOf(id int64) []relationRow {
	read := b.reading.relations.of(id)
	out := make([]relationRow, len(read))
	for i, r := range read {
		b.large = b.large || int64(int16(r.way)) != r.way
		out[i] = relationRow{stampOf(r.added), stampOf(r.lost), b.things.add(r.staff, maxThings), b.things.add(r.code, maxThings), int16(r.way), r.status}
	}
	return out
}

func (b *applied) linesOf(id int64) []lineRow {
	read := b.reading.lines.of(id)
	out := make([]lineRow, len(read))
	for i, l := range read {
		out[i] = lineRow{stampOf(l.paidAt), b.wares.add(goods{l.product, l.category}, maxThings)}
	}
	return out
}

func (b *applied) ordersOf(id int64) []orderRow {
	read := b.reading.orders.of(id)
	out := make([]orderRow, len(read))
	for i, o := range read {
		if o.paid < 0 || o.refunded < 0 || o.paid > math.MaxUint32 || o.refunded > math.MaxUint32 {
			b.large = true
		}
		out[i] = orderRow{stampOf(o.paidAt), uint32(o.paid), uint32(o.refunded)}
	}
	return out
}

func (b *applied) daysOf(id int64) []dayRow {
	read := b.reading.days.of(id)
	out := make([]dayRow, len(read))
	for i, d := range read {
		out[i] = dayRow{uint32(min(d.times, math.MaxUint32)), b.items.add(d.item, maxItems), uint16(b.kinds.add(d.kind, maxKinds)), dayNumber(d.day)}
	}
	return out
}

// dayNumber turns yyyymmdd into days since 1970.
func dayNumber(yyyymmdd int64) uint16 {
	y, m, d := int(yyyymmdd/10_000), time.Month(yyyymmdd/100%100), int(yyyymmdd%100)
	return uint16(max(0, min(math.MaxUint16, time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()/86_400)))
}
