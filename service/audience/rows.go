package audience

import (
	"slices"
	"unsafe"
)

// perBlock customers share one piece of memory: small enough to be rewritten when one of them changes, large enough
// that what is kept per piece does not count.
const perBlock = 128

// rows keeps any number of T per customer without pointers.
type rows[T comparable] struct{ blocks []block[T] }

type block[T comparable] struct {
	end  *[perBlock]uint32 // where each customer's rows end in list
	list []T
}

// of gives a customer's rows, not to be changed.
func (r *rows[T]) of(ord uint32) []T {
	at := int(ord / perBlock)
	if at >= len(r.blocks) || r.blocks[at].end == nil {
		return nil
	}
	return r.blocks[at].of(int(ord % perBlock))
}

func (b *block[T]) of(i int) []T {
	from := uint32(0)
	if i > 0 {
		from = b.end[i-1]
	}
	return b.list[from:b.end[i]]
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
		if !isNew[i] && old.end != nil {
			fresh[i] = old.of(i)
		}
		size += len(fresh[i])
	}
	b := block[T]{end: new([perBlock]uint32), list: make([]T, 0, size)}
	for i := range fresh {
		b.list = append(b.list, fresh[i]...)
		b.end[i] = uint32(len(b.list))
	}
	*old = b
}

func (r *rows[T]) bytes() int {
	var t T
	n := cap(r.blocks) * int(unsafe.Sizeof(block[T]{}))
	for i := range r.blocks {
		n += cap(r.blocks[i].list) * int(unsafe.Sizeof(t))
		if r.blocks[i].end != nil {
			n += 4 * perBlock
		}
	}
	return n
}
