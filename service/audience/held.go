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
	things    words[int64]  // row ids that stand in rows

	// large is set when an order was met whose amounts the rows can't hold: then orders are not answered for.
	large bool
}

// The rows behind fields that ask for windows and filters. Times are ms since 1970, null when there is none.
type (
	relationRow struct {
		added, lost int64
		staff, code uint32 // numbers of things
		way         int32
		status      relationStatus
	}
	stayRow  struct{ group, joined, left int64 }
	orderRow struct {
		paidAt         int64
		paid, refunded uint32 // fen
	}
	lineRow struct {
		paidAt            int64
		product, category uint32 // numbers of things
	}
	dayRow struct {
		times uint32
		item  uint32
		kind  uint16
		day   uint16 // days since 1970 in the zone of the business
	}
)

type relationStatus uint8

// The statuses of relations, by their place here.
var relationStatuses = []string{"", "active", "half", "left", "removed"}

func newHeld() *held {
	h := &held{all: roaring.New(), minors: roaring.New(), ids: map[string]sets[int64]{}, texts: map[string]sets[string]{}, columns: map[string]*column{}}
	for _, name := range []string{"tag", "staff", "channel_code", "group", "segment"} {
		h.ids[name] = sets[int64]{}
	}
	for _, name := range []string{"identity", "gender", "city", "first_source", "stage", "value.grade"} {
		h.texts[name] = sets[string]{}
	}
	for _, name := range []string{
		"first_seen", "birthday", "trade.orders", "trade.paid", "order.refunded", "order.first", "order.last", "stage.since",
		"rfm.recency", "rfm.frequency", "rfm.monetary", "value.score", "alive", "expected",
	} {
		h.columns[name] = &column{}
	}
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
	n := h.people.bytes() + int(h.all.GetSizeInBytes()) + h.kinds.size + h.items.size + h.things.size +
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
