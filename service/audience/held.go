package audience

import (
	"math"

	"github.com/RoaringBitmap/roaring/v2"
)

// held is what the index keeps of everybody: the fields of rules by the names that the registry of segments gives them.
// Where the meaning of a field is a condition on rows, only rows that meet it are kept.
type held struct {
	people people
	all    *roaring.Bitmap // those who stand for themselves
	minors *roaring.Bitmap

	ids     map[string]sets[int64]  // fields whose values are things: tag, staff, …
	texts   map[string]sets[string] // fields whose values are few texts: stage, city, …
	columns map[string]*column      // fields with one number

	relations rows[relationRow]
	stays     rows[stayRow]
	orders    rows[orderRow]
	lines     rows[lineRow]
	days      rows[dayRow]
	kinds     words[string] // of events
	items     words[string] // what events are about
	things    words[int64]  // staff and channel codes
	wares     words[goods]
	buyers    sets[uint32] // who has lines of a ware
	doers     sets[uint16] // who has days of a kind of event

	// large is set when an order or a relation was met with a number that the rows can't hold: then rows of these are not
	// answered for.
	large bool
}

// The rows behind fields that ask for windows and filters. Times are ms since 1970, null when there is none.
type (
	relationRow struct {
		added, lost stamp
		staff, code uint32 // numbers of things
		way         int16
		status      relationStatus
	}
	stayRow  struct{ group, joined, left int64 }
	orderRow struct {
		paidAt         stamp
		paid, refunded uint32 // fen
	}
	lineRow struct {
		paidAt stamp
		what   uint32 // number of the goods
	}
	dayRow struct {
		times uint32
		item  uint32
		kind  uint16
		day   uint16 // days since 1970 in the zone of the business
	}
)

// goods are a product and the category that it had when it was bought.
type goods struct{ product, category int64 }

// stamp is a time in ms in two halves, so that rows need no room for alignment.
type stamp struct {
	high int32
	low  uint32
}

func stampOf(ms int64) stamp { return stamp{int32(ms >> 32), uint32(ms)} }

func (s stamp) ms() int64 { return int64(s.high)<<32 | int64(s.low) }

type relationStatus uint8

// The statuses of relations, by their place here.
var relationStatuses = []string{"", "active", "half", "left", "removed"}

// idFields are the fields whose values are things that a customer has any number of.
var idFields = []string{"tag", "staff", "channel_code", "group", "segment", "coupon.batch"}

// newHeld holds nobody yet, with room for so many.
func newHeld(room int) *held {
	h := &held{all: roaring.New(), minors: roaring.New(), ids: map[string]sets[int64]{}, texts: map[string]sets[string]{}, columns: map[string]*column{},
		buyers: sets[uint32]{}, doers: sets[uint16]{}}
	for _, name := range idFields {
		h.ids[name] = sets[int64]{}
	}
	for _, name := range []string{"identity", "gender", "city", "first_source", "stage", "value.grade", "risk.grade"} {
		h.texts[name] = sets[string]{}
	}
	for _, name := range []string{
		"first_seen", "birthday", "trade.orders", "trade.paid", "order.refunded", "order.first", "order.last", "stage.since",
		"rfm.recency", "rfm.frequency", "rfm.monetary", "value.score", "risk.score", "alive", "expected", "coupon.usable", "points.balance", "tier", "tier.since",
	} {
		h.columns[name] = newColumn(room)
	}
	h.people.ids = make([]int64, 0, room)
	return h
}

// words numbers what stands in rows often. Past a limit all others are one.
type words[K comparable] struct {
	numbers map[K]uint32
	size    int
}

// The limits: of kinds because rows have two bytes for them, of the others for the memory that odd data could take.
const (
	maxKinds  = 1<<16 - 2
	maxItems  = 1 << 18
	maxThings = 1 << 20
	// otherWord is anything past the limit.
	otherWord = math.MaxUint32
)

// add numbers a word, from 1.
func (w *words[K]) add(word K, most int) uint32 {
	if n, ok := w.numbers[word]; ok {
		return n
	}
	if len(w.numbers) >= most {
		return otherWord
	}
	if w.numbers == nil {
		w.numbers = map[K]uint32{}
	}
	n := uint32(len(w.numbers) + 1)
	w.numbers[word] = n
	w.size += 48
	if text, ok := any(word).(string); ok {
		w.size += len(text)
	}
	return n
}

// of gives a word's number; 0, which is in no row, when it has none.
func (w *words[K]) of(word K) uint32 { return w.numbers[word] }

// full tells whether some words may be numbered as one.
func (w *words[K]) full(most int) bool { return len(w.numbers) >= most }

// bytes is the memory that all of it takes.
func (h *held) bytes() int {
	n := h.people.bytes() + int(h.all.GetSizeInBytes()) + h.kinds.size + h.items.size + h.things.size + h.wares.size + h.buyers.bytes() + h.doers.bytes() +
		h.relations.bytes() + h.stays.bytes() + h.orders.bytes() + h.lines.bytes() + h.days.bytes()
	for _, s := range h.ids {
		n += s.bytes()
	}
	for _, s := range h.texts {
		n += s.bytes()
	}
	for _, c := range h.columns {
		n += c.bytes()
	}
	return n
}
