package event

import (
	"encoding/binary"
	"sync"

	"zhiyin/model"
)

const (
	recentBits = 1 << 23 // of a generation: a megabyte
	recentKeep = 500_000 // keys in a generation: of the others one in five hundred seems to be there
)

// recentKeys remembers, about, the keys of what this replica recorded last: two generations of a
// Bloom filter. A client that got no answer sends its events again within minutes and mostly to the same
// replica, so those are asked for before they are inserted; asking for all would cost a third of
// the work of recording them. What it does not know the unique key does.
type recentKeys struct {
	mu         sync.Mutex
	young, old []uint64
	n          int
}

// add remembers recorded events.
func (r *recentKeys) add(rows []*model.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n >= recentKeep || r.young == nil {
		r.young, r.old, r.n = make([]uint64, recentBits/64), r.young, 0
	}
	for _, row := range rows {
		for i := range keySize / 4 {
			at := bitOf(row.DedupeKey, i)
			r.young[at/64] |= 1 << (at % 64)
		}
	}
	r.n += len(rows)
}

// mayHold tells whether an event may have been recorded lately.
func (r *recentKeys) mayHold(row *model.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return holdsAll(r.young, row.DedupeKey) || holdsAll(r.old, row.DedupeKey)
}

func holdsAll(bits []uint64, key []byte) bool {
	if bits == nil {
		return false
	}
	for i := range keySize / 4 {
		if at := bitOf(key, i); bits[at/64]&(1<<(at%64)) == 0 {
			return false
		}
	}
	return true
}

// bitOf is the ith bit that stands for a key. A key is a hash, so its parts are hashes.
func bitOf(key []byte, i int) uint32 { return binary.BigEndian.Uint32(key[4*i:]) % recentBits }
