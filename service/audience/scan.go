package audience

import (
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"
)

// Where sets do not answer, everybody who is left is looked at, piece by piece: a piece goes through all conditions while
// it is at hand, as bits in a row, of which each condition takes away those who do not fit.

// scan takes away who does not fit: bit i of words[k] is the customer 64*(first+k)+i.
type scan func(first int, words []uint64)

// pieceWords is how many words a piece has: 16,384 customers, so that a million make enough pieces for all cores.
const pieceWords = 256

type piece [pieceWords]uint64

// scanned gives those of within who fit, out of so many customers.
func scanned(within *roaring.Bitmap, p *plan, customers int) *roaring.Bitmap {
	n := (customers + 63) / 64
	p.prepare(n)
	words := inARow(within, n)
	pieces := (n + pieceWords - 1) / pieceWords
	var next atomic.Int64
	work := func() {
		for {
			at := int(next.Add(1)-1) * pieceWords
			if at >= n {
				return
			}
			p.keep(at, words[at:min(at+pieceWords, n)])
		}
	}
	var others sync.WaitGroup
	if within.GetCardinality() > alone {
		for range min(runtime.GOMAXPROCS(0), pieces) - 1 {
			others.Go(work)
		}
	}
	work()
	others.Wait()
	return roaring.FromDense(words, false)
}

// alone is up to how many customers one goroutine looks at without help.
const alone = 1 << 14

// inARow gives a set as so many words.
func inARow(set *roaring.Bitmap, n int) []uint64 {
	words := make([]uint64, n)
	set.WriteDenseTo(words)
	return words
}

// prepare writes the sets of all tests as bits in a row.
func (p *plan) prepare(n int) {
	switch {
	case p.test == nil:
	case p.test.fit != nil:
		p.test.bits = inARow(p.test.fit, n)
	case p.test.only != nil:
		p.test.bits = inARow(p.test.only, n)
	}
	if p.not != nil {
		p.not.prepare(n)
	}
	for _, list := range [][]plan{p.all, p.any} {
		for i := range list {
			list[i].prepare(n)
		}
	}
}

// keep takes away who does not fit.
func (p *plan) keep(first int, words []uint64) {
	switch {
	case p.test != nil:
		p.test.keep(first, words)
	case p.not != nil:
		var room piece
		fit := room[:copy(room[:], words)]
		p.not.keep(first, fit)
		for i := range fit {
			words[i] &^= fit[i]
		}
	case p.any != nil:
		p.keepAny(first, words)
	default:
		for i := range p.all {
			if i > 0 && nobody(words) {
				return
			}
			p.all[i].keep(first, words)
		}
	}
}

// keepAny asks of each only those who fit none before.
func (p *plan) keepAny(first int, words []uint64) {
	var room, sum piece
	left, fit := words, sum[:len(words)]
	for i := range p.any {
		got := room[:copy(room[:], left)]
		p.any[i].keep(first, got)
		for k := range got {
			fit[k] |= got[k]
			left[k] &^= got[k]
		}
	}
	copy(words, fit)
}

func nobody(words []uint64) bool {
	for _, w := range words {
		if w != 0 {
			return false
		}
	}
	return true
}

func (t *test) keep(first int, words []uint64) {
	var set []uint64
	if t.bits != nil {
		set = t.bits[first : first+len(words)]
	}
	switch {
	case t.fit != nil:
		for i := range words {
			words[i] &= set[i]
		}
	case t.only == nil:
		t.scan(first, words)
	case !t.otherwise:
		for i := range words {
			words[i] &= set[i]
		}
		t.scan(first, words)
	default:
		var others piece
		for i := range words {
			others[i] = words[i] &^ set[i]
			words[i] &= set[i]
		}
		t.scan(first, words)
		for i := range words {
			words[i] |= others[i]
		}
	}
}

// asking is the scan that asks about one after the other.
func asking(fits func(ord uint32) bool) scan {
	return func(first int, words []uint64) {
		for i, left := range words {
			for base := uint32(first+i) * 64; left != 0; left &= left - 1 {
				n := bits.TrailingZeros64(left)
				if !fits(base + uint32(n)) {
					words[i] &^= 1 << n
				}
			}
		}
	}
}
