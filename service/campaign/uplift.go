package campaign

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Comparison is how the share of converted in one arm differs from another's. An interval that holds no effect at all, or
// arms in which hardly anybody converted, are too small to tell.
type Comparison struct {
	// Extra is how many more of 1,000 converted, and Low and High what it may be in 19 cases of 20.
	Extra, Low, High float64
	Verdict          Verdict
}

// Verdict says what a comparison shows. Names are data.
type Verdict string

// The verdicts.
const (
	More     Verdict = "more"
	Less     Verdict = "less"
	TooSmall Verdict = "too_small" // 样本太小，无法判断 · too small to tell
)

const (
	// leastMembers and leastConverted are what both arms need together before anything is said: below them intervals of
	// any kind are guesses.
	leastMembers   = 30
	leastConverted = 5
)

// compare holds an arm against another by Newcombe's interval of the difference of two shares (hybrid score, 1998,
// method 10), which stays honest for small shares. Where several arms are held against the same one, among says how many,
// and the interval is as wide as Bonferroni asks, so that the more is tried the less is found by chance.
func compare(arm, base Arm, among int) Comparison {
	if arm.Members == 0 || base.Members == 0 {
		return Comparison{Verdict: TooSmall}
	}
	z := distuv.UnitNormal.Quantile(1 - 0.05/2/float64(max(among, 1)))
	p1, l1, u1 := wilson(arm, z)
	p2, l2, u2 := wilson(base, z)
	d := p1 - p2
	c := Comparison{
		Extra: 1000 * d, Low: 1000 * (d - math.Hypot(p1-l1, u2-p2)), High: 1000 * (d + math.Hypot(u1-p1, p2-l2)),
		Verdict: TooSmall,
	}
	switch {
	case min(arm.Members, base.Members) < leastMembers || arm.Converted+base.Converted < leastConverted:
	case c.Low > 0:
		c.Verdict = More
	case c.High < 0:
		c.Verdict = Less
	}
	return c
}

// wilson is a share and the interval in which the true one lies.
func wilson(a Arm, z float64) (share, low, high float64) {
	n, p := float64(a.Members), float64(a.Converted)/float64(a.Members)
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n)) / (1 + z*z/n)
	return p, middle - half, middle + half
}
