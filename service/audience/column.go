package audience

import (
	"math"
	"unsafe"
)

// null stands for a value that there is not.
const null = math.MinInt64

// column keeps one number per customer, in as few bytes as the largest needs; times are ms since 1970.
type column struct{ cells }

// cells are numbers of one width.
type cells interface {
	of(ord uint32) int64
	// set refuses a number that is too large.
	set(ord uint32, v int64) bool
	wider() cells
	bytes() int
	// scan keeps those whose number is in the span, and those who have none if unknown is true.
	scan(fits span, unknown bool) scan
}

// newColumn makes room for so many customers when the first number comes.
func newColumn(room int) *column { return &column{&width[int8]{room: room}} }

func (c *column) put(ord uint32, v int64) {
	for !c.set(ord, v) {
		c.cells = c.wider()
	}
}

type width[T int8 | int16 | int32 | int64] struct {
	list []T
	room int
}

// none is the smallest number of the width, which stands for null.
func none[T int8 | int16 | int32 | int64]() T { return T(-1) << (unsafe.Sizeof(T(0))*8 - 1) }

func (w *width[T]) of(ord uint32) int64 {
	if int(ord) >= len(w.list) || w.list[ord] == none[T]() {
		return null
	}
	return int64(w.list[ord])
}

func (w *width[T]) set(ord uint32, v int64) bool {
	cell := T(v)
	switch {
	case v == null:
		cell = none[T]()
	case int64(cell) != v || cell == none[T]():
		return false
	}
	if w.list == nil {
		w.list = make([]T, 0, w.room)
	}
	for len(w.list) <= int(ord) {
		w.list = append(w.list, none[T]())
	}
	w.list[ord] = cell
	return true
}

func (w *width[T]) scan(fits span, unknown bool) scan {
	lowest := int64(none[T]()) // stands for null
	lo, hi := max(fits.lo, lowest+1), min(fits.hi, -lowest-1)
	empty := lo > hi
	list := w.list
	return func(first int, words []uint64) {
		for i, word := range words {
			if word == 0 {
				continue
			}
			from := min((first+i)*64, len(list))
			cells := list[from:min(from+64, len(list))]
			var fit, missing uint64
			if len(cells) < 64 {
				missing = ^uint64(0) << len(cells)
			}
			if !empty {
				reach := uint64(hi - lo)
				for k, v := range cells { // without branches: whether somebody fits is not foreseeable
					fit |= bitIf(uint64(int64(v)-lo) <= reach) << k
				}
			}
			if unknown {
				fit |= missing
				for k, v := range cells {
					fit |= bitIf(int64(v) == lowest) << k
				}
			}
			words[i] = word & fit
		}
	}
}

func bitIf(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}

func (w *width[T]) wider() cells {
	switch unsafe.Sizeof(T(0)) {
	case 1:
		return widened[int16](w)
	case 2:
		return widened[int32](w)
	}
	return widened[int64](w)
}

func widened[To, From int8 | int16 | int32 | int64](from *width[From]) cells {
	to := &width[To]{room: from.room}
	if from.list != nil {
		to.list = make([]To, len(from.list), max(from.room, len(from.list)))
	}
	for i, v := range from.list {
		to.list[i] = To(v)
		if v == none[From]() {
			to.list[i] = none[To]()
		}
	}
	return to
}

func (w *width[T]) bytes() int { return cap(w.list) * int(unsafe.Sizeof(T(0))) }
