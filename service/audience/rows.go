package audience

import (
	"math"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/RoaringBitmap/roaring/v2"
)

// perBlock customers share one piece of memory: small enough to be rewritten when one of them changes, large enough
// that what is kept per piece does not count.
const perBlock = 128

// rows keeps any number of T per customer without pointers.
type rows[T comparable] struct {
	blocks []block[T]
	some   roaring.Bitmap // who has any
}

// block says where each customer's rows end in its list, in two bytes each unless there are very many.
type block[T comparable] struct {
	end  *[perBlock]uint16
	far  *[perBlock]uint32
	list []T
}

// of gives a customer's rows, not to be changed.
func (r *rows[T]) of(ord uint32) []T {
	at := int(ord / perBlock)
	if at >= len(r.blocks) {
		return nil
	}
	return r.blocks[at].of(int(ord % perBlock))
}

func (b *block[T]) of(i int) []T {
	switch {
	case b.end != nil && i > 0:
		return b.list[b.end[i-1]:b.end[i]]
	case b.end != nil:
		return b.list[:b.end[0]]
	case b.far != nil && i > 0:
		return b.list[b.far[i-1]:b.far[i]]
	case b.far != nil:
		return b.list[:b.far[0]]
	}
	return nil
}

// scan asks about the rows of one customer after the other, block by block.
func (r *rows[T]) scan(fits func(list []T) bool) scan {
	return func(first int, words []uint64) {
		for i, left := range words {
			if left == 0 {
				continue
			}
			at, base := (first+i)*64/perBlock, (first+i)*64%perBlock
			var b block[T] // of nobody
			if at < len(r.blocks) {
				b = r.blocks[at]
			}
			for ; left != 0; left &= left - 1 {
				n := bits.TrailingZeros64(left)
				if !fits(b.of(base + n)) {
					words[i] &^= 1 << n
				}
			}
		}
	}
}

// replace gives customers new rows. ords ascend; next says what each has from now on.
func (r *rows[T]) replace(ords []uint32, next func(ord uint32) []T) {
	for len(ords) > 0 {
		at := ords[0] / perBlock
		n := 1
		for n < len(ords) && ords[n]/perBlock == at {
			n++
		}
		r.rewrite(int(at), ords[:n], next)
		ords = ords[n:]
	}
}

// rewrite makes the block anew when anything in it is different.
func (r *rows[T]) rewrite(at int, ords []uint32, next func(ord uint32) []T) {
	var fresh [perBlock][]T
	var isNew [perBlock]bool
	changed := false
	for _, ord := range ords {
		i := ord % perBlock
		fresh[i], isNew[i] = next(ord), true
		if len(fresh[i]) > 0 {
			r.some.Add(ord)
		} else {
			r.some.Remove(ord)
		}
		changed = changed || !slices.Equal(fresh[i], r.of(ord))
	}
	if !changed {
		return
	}
	for len(r.blocks) <= at {
		r.blocks = append(r.blocks, block[T]{})
	}
	old := &r.blocks[at]
	size := 0
	for i := range fresh {
		if !isNew[i] {
			fresh[i] = old.of(i)
		}
		size += len(fresh[i])
	}
	*old = packed(&fresh, size)
}

func packed[T comparable](of *[perBlock][]T, size int) block[T] {
	b := block[T]{list: make([]T, 0, size)}
	if size > math.MaxUint16 {
		b.far = new([perBlock]uint32)
	} else {
		b.end = new([perBlock]uint16)
	}
	for i := range of {
		b.list = append(b.list, of[i]...)
		if b.far != nil {
			b.far[i] = uint32(len(b.list))
		} else {
			b.end[i] = uint16(len(b.list))
		}
	}
	return b
}

func (r *rows[T]) bytes() int {
	var t T
	n := int(r.some.GetSizeInBytes()) + cap(r.blocks)*int(unsafe.Sizeof(block[T]{}))
	for i := range r.blocks {
		n += cap(r.blocks[i].list) * int(unsafe.Sizeof(t))
		switch {
		case r.blocks[i].end != nil:
			n += 2 * perBlock
		case r.blocks[i].far != nil:
			n += 4 * perBlock
		}
	}
	return n
}
