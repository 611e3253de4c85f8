package audience

import "slices"

// people numbers customers densely, in the order in which they were met: an ordinal is the place in every bitmap and
// column, and is never used for another customer.
type people struct {
	ids    []int64          // by ordinal
	sorted int              // so many of them are in ascending order: all, as a rule
	late   map[int64]uint32 // the others
}

func (p *people) ordinal(id int64) (uint32, bool) {
	if at, ok := slices.BinarySearch(p.ids[:p.sorted], id); ok {
		return uint32(at), true
	}
	at, ok := p.late[id]
	return at, ok
}

// add gives the customer's ordinal, a new one if need be.
func (p *people) add(id int64) uint32 {
	if at, ok := p.ordinal(id); ok {
		return at
	}
	at := uint32(len(p.ids))
	p.ids = append(p.ids, id)
	if p.sorted == int(at) && (at == 0 || p.ids[at-1] < id) {
		p.sorted++
		return at
	}
	if p.late == nil {
		p.late = map[int64]uint32{}
	}
	p.late[id] = at
	return at
}

func (p *people) bytes() int { return 8*cap(p.ids) + 40*len(p.late) }

// between lists the customers with ids in a range, ascending.
func (p *people) between(from, to int64) (ids []int64) {
	lo, _ := slices.BinarySearch(p.ids[:p.sorted], from)
	hi := lo
	for hi < p.sorted && p.ids[hi] <= to {
		hi++
	}
	ids = slices.Clone(p.ids[lo:hi])
	for id := range p.late {
		if id >= from && id <= to {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
