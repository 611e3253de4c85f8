package audience

import (
	"iter"

	"github.com/RoaringBitmap/roaring/v2"
)

// sets keeps for every value who has it.
type sets[K comparable] map[K]*roaring.Bitmap

// member says that somebody has a value.
type member[K comparable] struct {
	ord   uint32
	value K
}

// replace gives the changed customers new values: exactly those of the members.
func (s sets[K]) replace(changed *roaring.Bitmap, members []member[K]) {
	for value, bitmap := range s {
		if bitmap.Intersects(changed) {
			bitmap.AndNot(changed)
			if bitmap.IsEmpty() {
				delete(s, value)
			}
		}
	}
	ords := map[K][]uint32{}
	for _, m := range members {
		ords[m.value] = append(ords[m.value], m.ord)
	}
	for value, list := range ords {
		bitmap := s[value]
		if bitmap == nil {
			bitmap = roaring.New()
			s[value] = bitmap
		}
		bitmap.AddMany(list)
	}
}

// move takes a customer out of the sets of some values and puts her into those of others.
func (s sets[K]) move(ord uint32, from, to iter.Seq[K]) {
	for value := range from {
		if bitmap := s[value]; bitmap != nil {
			bitmap.Remove(ord)
		}
	}
	for value := range to {
		if s[value] == nil {
			s[value] = roaring.New()
		}
		s[value].Add(ord)
	}
}

// optimise stores each bitmap in the smallest form.
func (s sets[K]) optimise() {
	for _, bitmap := range s {
		bitmap.RunOptimize()
	}
}

func (s sets[K]) bytes() int {
	n := 0
	for _, bitmap := range s {
		n += int(bitmap.GetSizeInBytes()) + 64
	}
	return n
}
