package work

import (
	"sync"
	"sync/atomic"
	"time"
)

// slots shares a worker's concurrency between the lanes. Urgent works may use all of it; a quarter is
// kept free for them. Of the rest normal works leave one for bulk, so that bulk creeps on however
// busy the others are, and bulk works take half at most, so that normal ones need not wait for them. What
// comes in their wake takes half at most too, and what bulk works leave.
// While urgent works wait, all others together take an eighth: they would hold up the urgent ones not
// here but in the database.
// A work whose end is being written needs no slot, so that a commit that hangs holds up no other
// work; there may be four times as many of those before nothing more is claimed.
type slots struct {
	mu    sync.Mutex
	total int
	most  map[int]int // per lane
	used  map[int]int
	// pressed: urgent works were left for want of slots.
	pressed bool
	ending  int
	freed   []chan struct{} // who wants to know
}

func newSlots(total int, freed ...chan struct{}) *slots {
	rest := total - max(1, total/4)
	return &slots{
		total: total,
		most:  map[int]int{LaneUrgent: total, LaneNormal: max(1, rest-1), LaneBulk: max(1, total/2), LaneWake: max(1, total/2)},
		used:  map[int]int{},
		freed: freed,
	}
}

// reserve takes up to want slots for a lane and tells how many it got.
func (s *slots) reserve(lane, want int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	unurgent := s.used[LaneNormal] + s.used[LaneBulk] + s.used[LaneWake]
	n := min(want, s.total-unurgent-s.used[LaneUrgent], s.most[lane]-s.used[lane])
	if lane != LaneUrgent {
		n = min(n, s.total-max(1, s.total/4)-unurgent)
		if s.pressed {
			n = min(n, max(1, s.total/8)-unurgent)
		}
	}
	n = max(0, min(n, 4*s.total-s.ending))
	s.used[lane] += n
	return n
}

// press says whether urgent works wait.
func (s *slots) press(waiting bool) {
	s.mu.Lock()
	over := s.pressed && !waiting
	s.pressed = waiting
	s.mu.Unlock()
	if over {
		s.tell()
	}
}

func (s *slots) giveBack(lane, n int) {
	if n == 0 {
		return
	}
	s.mu.Lock()
	s.used[lane] -= n
	s.mu.Unlock()
	s.tell()
}

// ends counts works whose end is being written.
func (s *slots) ends(n int) {
	s.mu.Lock()
	s.ending += n
	s.mu.Unlock()
	if n < 0 {
		s.tell()
	}
}

func (s *slots) tell() {
	for _, c := range s.freed {
		poke(c)
	}
}

// pace is how quick the handlers of a lane have been lately. One claim for many quick works costs the
// database a fraction of many claims for one each, so a slot may get several that take no time.
type pace struct{ nanos atomic.Int64 }

const (
	chunkTime = 20 * time.Millisecond // what a slot may be given at once
	chunkMost = 8
)

// note follows a slower handler at once and quicker ones slowly.
func (p *pace) note(took time.Duration) {
	was := time.Duration(p.nanos.Load())
	if took < was {
		took = was - (was-took)/16
	}
	p.nanos.Store(int64(took)) // a lost update of two at once does not matter
}

// perSlot is how many works a slot may be given at once: 1 before anything is known.
func (p *pace) perSlot() int {
	usual := time.Duration(p.nanos.Load())
	if usual == 0 {
		return 1
	}
	return int(max(1, min(chunkTime/usual, chunkMost)))
}
