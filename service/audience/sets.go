package audience

import "github.com/RoaringBitmap/roaring/v2"

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
