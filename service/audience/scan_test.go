package audience

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
)

// crowd is more customers than one piece holds.
const crowd = 2*64*pieceWords + 77

// asked is a test, and its meaning for one customer.
type asked struct {
	test
	fits func(ord uint32) bool
}

// someone is a random set; the denser, the more likely everybody is in it.
func someone(rnd *rand.Rand, percent int) *roaring.Bitmap {
	set := roaring.New()
	for ord := range uint32(crowd) {
		if rnd.IntN(100) < percent {
			set.Add(ord)
		}
	}
	return set
}

// crowdTests asks about random sets, columns of every width and rows, with and without a bound.
func crowdTests(rnd *rand.Rand) (all []asked) {
	for _, percent := range []int{1, 50, 99} {
		set := someone(rnd, percent)
		all = append(all, asked{test{fit: set}, set.Contains})
	}
	for _, largest := range []int64{100, 30_000, math.MaxInt32, math.MaxInt64} {
		numbers := make([]int64, crowd)
		c := newColumn(0)
		for ord := range numbers {
			numbers[ord] = null
			if rnd.IntN(5) > 0 {
				numbers[ord] = rnd.Int64N(largest) * (rnd.Int64N(3) - 1)
			}
			if ord < crowd-100 { // of the last ones nothing was ever said
				c.put(uint32(ord), numbers[ord])
			} else {
				numbers[ord] = null
			}
		}
		for _, s := range []span{known, {0, 0}, {-largest / 2, largest / 2}, {1, known.hi}, {known.lo, -1}, {largest, known.hi}, {5, 4}} {
			for _, unknown := range []bool{false, true} {
				all = append(all, asked{test{dear: ofColumn, scan: c.scan(s, unknown)}, func(ord uint32) bool {
					return numbers[ord] != null && s.holds(numbers[ord]) || numbers[ord] == null && unknown
				}})
			}
		}
	}
	lists := make([][]int64, crowd)
	var r rows[int64]
	for ord := range lists {
		for range rnd.IntN(20) - 15 {
			lists[ord] = append(lists[ord], rnd.Int64N(10))
		}
	}
	most := uint32(crowd - 300)
	for ord := range most {
		r.replace([]uint32{ord}, func(ord uint32) []int64 { return lists[ord] })
	}
	has := func(list []int64) bool { return slices.Contains(list, 3) }
	of := func(ord uint32) []int64 {
		if ord < most {
			return lists[ord]
		}
		return nil
	}
	hasNot := func(list []int64) bool { return !has(list) }
	return append(all,
		asked{test{dear: ofRows, scan: r.scan(has)}, func(ord uint32) bool { return has(of(ord)) }},
		asked{test{dear: ofRows, scan: r.scan(has), only: &r.some}, func(ord uint32) bool { return has(of(ord)) }},
		asked{test{dear: ofRows, scan: r.scan(hasNot), only: &r.some, otherwise: true}, func(ord uint32) bool { return hasNot(of(ord)) }},
		asked{test{dear: ofArithmetic, scan: asking(func(ord uint32) bool { return ord%7 < 5 })}, func(ord uint32) bool { return ord%7 < 5 }})
}

// crowdPlan makes a random plan with its meaning for one customer.
func crowdPlan(rnd *rand.Rand, tests []asked, depth int) (plan, func(ord uint32) bool) {
	if depth == 0 || rnd.IntN(4) == 0 {
		a := tests[rnd.IntN(len(tests))]
		return plan{test: &a.test}, a.fits
	}
	var list []plan
	var means []func(ord uint32) bool
	for range 1 + rnd.IntN(3) {
		p, fits := crowdPlan(rnd, tests, depth-1)
		list, means = append(list, p), append(means, fits)
	}
	switch rnd.IntN(3) {
	case 0:
		return plan{not: &list[0]}, func(ord uint32) bool { return !means[0](ord) }
	case 1:
		return plan{any: byCost(list)}, func(ord uint32) bool {
			return slices.ContainsFunc(means, func(fits func(uint32) bool) bool { return fits(ord) })
		}
	}
	return plan{all: byCost(list)}, func(ord uint32) bool {
		return !slices.ContainsFunc(means, func(fits func(uint32) bool) bool { return !fits(ord) })
	}
}

// TestScansMeanEachCustomer: a plan that looks at a crowd piece by piece finds whom its conditions, asked of one customer
// after the other, find.
func TestScansMeanEachCustomer(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 8))
	tests := crowdTests(rnd)
	plans := make([]plan, 0, len(tests)+60)
	means := make([]func(uint32) bool, 0, cap(plans))
	for i := range tests {
		plans, means = append(plans, plan{test: &tests[i].test}), append(means, tests[i].fits)
	}
	for range 60 {
		p, fits := crowdPlan(rnd, tests, 3)
		plans, means = append(plans, p), append(means, fits)
	}
	for i, within := range []*roaring.Bitmap{someone(rnd, 100), someone(rnd, 70), someone(rnd, 1)} {
		before := within.Clone()
		for n := range plans {
			want := roaring.New()
			within.Iterate(func(ord uint32) bool {
				if means[n](ord) {
					want.Add(ord)
				}
				return true
			})
			if got := plans[n].among(within, crowd); !got.Equals(want) {
				t.Errorf("plan %d among %d: %d fit, want %d", n, i, got.GetCardinality(), want.GetCardinality())
			}
		}
		if !within.Equals(before) {
			t.Error("those who were asked about are others afterwards")
		}
	}
}
