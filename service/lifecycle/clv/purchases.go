package clv

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Purchases is a fitted BG/NBD model. While alive a buyer buys at a rate that differs between buyers as a gamma
// distribution (shape R, rate Alpha, in weeks); after each repeated purchase they drop out with a chance that differs as
// a beta distribution (A, B).
type Purchases struct {
	R, Alpha, A, B float64
	Fit            Fit
}

// FitPurchases finds the parameters of greatest likelihood. It fails with *NotEnough.
func FitPurchases(data Histories) (*Purchases, error) {
	l := newLikelihood(data)
	if err := l.enough(); err != nil {
		return nil, err
	}
	fit, err := maximise(l.mean, l.starts(), l.buyers)
	if err != nil {
		return nil, err
	}
	p := ofLogs(fit.at)
	return &Purchases{p[0], p[1], p[2], p[3], *fit}, nil
}

// likelihood is the data in the shape that makes evaluating them cheap: by Repeats, because those need the same gamma functions.
type likelihood struct {
	rows    []counted
	buyers  float64
	repeats float64 // who bought twice
	span    int
	rate    float64 // purchases a week
}

type counted struct {
	x       int
	last, t float64 // weeks
	n       float64
}

func newLikelihood(data Histories) *likelihood {
	l := &likelihood{}
	var bought, weeks float64
	for h, n := range data {
		if n <= 0 {
			continue
		}
		c := counted{h.Repeats, float64(h.Last) / perWeek, float64(h.Age) / perWeek, float64(n)}
		l.rows = append(l.rows, c)
		l.buyers += c.n
		l.span = max(l.span, h.Age)
		if c.x > 0 {
			l.repeats += c.n
		}
		bought, weeks = bought+float64(c.x)*c.n, weeks+c.t*c.n
	}
	l.rate = bought / weeks
	// In one order, or the sums of floats differ from run to run.
	slices.SortFunc(l.rows, func(a, b counted) int {
		if a.x != b.x {
			return a.x - b.x
		}
		if a.last != b.last {
			return sign(a.last - b.last)
		}
		return sign(a.t - b.t)
	})
	return l
}

func sign(d float64) int {
	switch {
	case d < 0:
		return -1
	case d > 0:
		return 1
	}
	return 0
}

func (l *likelihood) enough() error {
	switch {
	case l.buyers < MinBuyers:
		return &NotEnough{FewBuyers, l.buyers, MinBuyers}
	case l.repeats < MinRepeats:
		return &NotEnough{FewRepeats, l.repeats, MinRepeats}
	case l.span < MinSpanDays:
		return &NotEnough{ShortHistory, float64(l.span), MinSpanDays}
	}
	return nil
}

// starts are a few corners around the observed rate of buying.
func (l *likelihood) starts() [][]float64 {
	var out [][]float64
	for _, r := range []float64{0.3, 1.5} {
		for _, ab := range [][2]float64{{0.8, 2.4}, {0.3, 6}} {
			out = append(out, logs(r, r/l.rate, ab[0], ab[1]))
		}
	}
	return out
}

// mean is the mean of −ln L over buyers, and its gradient, with respect to the logarithms of the parameters.
func (l *likelihood) mean(theta, grad []float64) float64 {
	p := ofLogs(theta)
	sum := 0.0
	g := [4]float64{}
	var same shared
	for i, c := range l.rows {
		if i == 0 || c.x != l.rows[i-1].x {
			same = newShared(p, c.x)
		}
		value, slope := same.at(p, c)
		sum += c.n * value
		for k := range g {
			g[k] += c.n * slope[k]
		}
	}
	for k := range grad {
		grad[k] = -g[k] * p[k] / l.buyers
	}
	return -sum / l.buyers
}

// shared is the part of a buyer's likelihood that depends on x alone.
type shared struct {
	value float64
	slope [4]float64
	lnA   float64 // ln a − ln(b+x−1)
}

func newShared(p [4]float64, x int) (s shared) {
	r, alpha, a, b := p[0], p[1], p[2], p[3]
	n := float64(x)
	s.value = lgamma(r+n) - lgamma(r) + r*math.Log(alpha) + lgamma(a+b) - lgamma(a+b+n) + lgamma(b+n) - lgamma(b)
	both := mathext.Digamma(a+b) - mathext.Digamma(a+b+n)
	s.slope = [4]float64{
		mathext.Digamma(r+n) - mathext.Digamma(r) + math.Log(alpha), r / alpha, both, both + mathext.Digamma(b+n) - mathext.Digamma(b),
	}
	if x > 0 {
		s.lnA = math.Log(a) - math.Log(b+n-1)
	}
	return s
}

// at adds the part in which the buyer is alive still, and the one in which the last purchase was the end of it, as
// exponents: for many purchases neither is within the reach of a float.
func (s shared) at(p [4]float64, c counted) (value float64, slope [4]float64) {
	r, alpha, a, b := p[0], p[1], p[2], p[3]
	k := r + float64(c.x)
	lnT := math.Log(alpha + c.t)
	alive, gone := -k*lnT, math.Inf(-1)
	lnLast := 0.0
	if c.x > 0 {
		lnLast = math.Log(alpha + c.last)
		gone = s.lnA - k*lnLast
	}
	either := logSumExp(alive, gone)
	wAlive, wGone := math.Exp(alive-either), math.Exp(gone-either)
	slope = s.slope
	slope[0] -= wAlive*lnT + wGone*lnLast
	slope[1] -= k * (wAlive/(alpha+c.t) + wGone/(alpha+c.last))
	if c.x > 0 {
		slope[2] += wGone / a
		slope[3] -= wGone / (b + float64(c.x) - 1)
	}
	return s.value + either, slope
}

// Alive is the probability that a buyer has not dropped out. Without a repeated purchase it is 1: the model lets nobody
// drop out before, so it says nothing about those.
func (m *Purchases) Alive(h History) float64 {
	if h.Repeats == 0 {
		return 1
	}
	last, t := float64(h.Last)/perWeek, float64(h.Age)/perWeek
	x := float64(h.Repeats)
	odds := math.Log(m.A) - math.Log(m.B+x-1) + (m.R+x)*(math.Log(m.Alpha+t)-math.Log(m.Alpha+last))
	return 1 / (1 + math.Exp(odds))
}

// Expected is how often a buyer will buy in the next days.
//
// Given that somebody is alive, their rate is Gamma(r+x, α+T) and their chance of dropping out Beta(a, b+x); the mean
// over the rate is (1 − (1 + pt/(α+T))^−(r+x)) / p, and its mean over p the hypergeometric function of the paper. Here
// that is in the form which Pfaff's transformation gives it: no power of it grows with x.
func (m *Purchases) Expected(h History, days int) float64 {
	if days <= 0 {
		return 0
	}
	at := m.A
	if d := at - 1; math.Abs(d) < 1e-5 { // 0/0 there; the curve is smooth, so two neighbours stand for it
		return m.Alive(h) * (m.ifAlive(h, days, 1-1e-4) + m.ifAlive(h, days, 1+1e-4)) / 2
	}
	return m.Alive(h) * m.ifAlive(h, days, at)
}

func (m *Purchases) ifAlive(h History, days int, a float64) float64 {
	x := float64(h.Repeats)
	k, c := m.R+x, a+m.B+x-1
	if math.Abs(c) < 1e-5 {
		c = math.Copysign(1e-5, c)
	}
	w := float64(days) / perWeek / (m.Alpha + float64(h.Age)/perWeek)
	z := w / (1 + w)
	return c / (a - 1) * (1 - math.Pow(1+w, 1-a)*hypergeometric(c-k, a-1, c, z))
}

// hypergeometric is 2F1 for 0 ≤ z < 1 by its series.
func hypergeometric(a, b, c, z float64) float64 {
	sum, term := 1.0, 1.0
	for j := 0.0; j < 1e6; j++ {
		term *= (a + j) * (b + j) / ((c + j) * (j + 1)) * z
		sum += term
		if math.Abs(term) <= 1e-14*math.Abs(sum) && j > -a && j > -b && j > -c {
			break
		}
	}
	return sum
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

func logSumExp(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	return a + math.Log1p(math.Exp(b-a))
}

func logs(p ...float64) []float64 {
	out := make([]float64, len(p))
	for i, v := range p {
		out[i] = math.Log(v)
	}
	return out
}

func ofLogs(theta []float64) (p [4]float64) {
	for i, v := range theta {
		p[i] = math.Exp(v)
	}
	return p
}
