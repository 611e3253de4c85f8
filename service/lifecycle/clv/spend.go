package clv

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat"
)

// Spend is a fitted Gamma-Gamma model. The amounts of one buyer's purchases are gamma distributed (shape P) around a
// mean of their own, and those means differ between buyers (Q and Gamma, in the unit of the amounts).
type Spend struct {
	P, Q, Gamma float64
	// Correlation is that of how often and for how much people buy, among those who bought twice. The model takes the two
	// as independent; see Independent.
	Correlation float64
	Fit         Fit
}

// dependent is the correlation from which on expected values are biased too much to be trusted unseen.
const dependent = 0.3

// Independent tells whether the data agree with what the model takes for granted.
func (m *Spend) Independent() bool { return math.Abs(m.Correlation) < dependent }

// FitSpend finds the parameters of greatest likelihood. Those whose mean is not above zero are left out. It fails with *NotEnough.
func FitSpend(data []Spender) (*Spend, error) {
	a := newAmounts(data)
	switch {
	case a.buyers < MinBuyers:
		return nil, &NotEnough{FewBuyers, a.buyers, MinBuyers}
	case a.repeats < MinRepeats:
		return nil, &NotEnough{FewRepeats, a.repeats, MinRepeats}
	}
	var starts [][]float64
	for _, p := range []float64{1, 6} {
		for _, q := range []float64{2, 4} {
			starts = append(starts, logs(p, q, (q-1)/p))
		}
	}
	fit, err := maximise(a.mean, starts, a.buyers)
	if err != nil {
		return nil, err
	}
	p := ofLogs(fit.at)
	m := &Spend{P: p[0], Q: p[1], Gamma: p[2] * a.unit, Fit: *fit, Correlation: a.correlation()}
	return m, nil
}

// Mean is what a purchase of this buyer is expected to cost. Without purchases it is that of everybody, which is only
// finite when Q > 1.
func (m *Spend) Mean(s Spender) float64 {
	n := float64(s.Purchases)
	if d := m.P*n + m.Q - 1; d > 0 {
		return m.P * (m.Gamma + s.Mean*n) / d
	}
	return math.Inf(1)
}

// amounts are mean amounts by number of purchases, in the unit of their own mean.
type amounts struct {
	counts  []int
	means   map[int][]float64
	unit    float64
	buyers  float64
	repeats float64
}

func newAmounts(data []Spender) *amounts {
	a := &amounts{means: map[int][]float64{}}
	for _, s := range data {
		if s.Purchases <= 0 || !(s.Mean > 0) || math.IsInf(s.Mean, 0) {
			continue
		}
		if a.means[s.Purchases] == nil {
			a.counts = append(a.counts, s.Purchases)
		}
		a.means[s.Purchases] = append(a.means[s.Purchases], s.Mean)
		a.unit += s.Mean
		a.buyers++
		if s.Purchases > 1 {
			a.repeats++
		}
	}
	slices.Sort(a.counts)
	a.unit /= a.buyers
	for _, n := range a.counts {
		for i := range a.means[n] {
			a.means[n][i] /= a.unit
		}
	}
	return a
}

// mean is the mean of −ln L over buyers, and its gradient, with respect to the logarithms of p, q and γ.
func (a *amounts) mean(theta, grad []float64) float64 {
	t := ofLogs(theta)
	p, q, gamma := t[0], t[1], t[2]
	sum := 0.0
	g := [3]float64{}
	for _, count := range a.counts {
		n, who := float64(count), float64(len(a.means[count]))
		var lnM, lnS, inverse float64
		for _, m := range a.means[count] {
			s := gamma + n*m
			lnM += math.Log(m)
			lnS += math.Log(s)
			inverse += 1 / s
		}
		k := p*n + q
		sum += who*(lgamma(k)-lgamma(p*n)-lgamma(q)+q*math.Log(gamma)+p*n*math.Log(n)) + (p*n-1)*lnM - k*lnS
		psi := mathext.Digamma(k)
		g[0] += n * (who*(psi-mathext.Digamma(p*n)+math.Log(n)) + lnM - lnS)
		g[1] += who*(psi-mathext.Digamma(q)+math.Log(gamma)) - lnS
		g[2] += who*q/gamma - k*inverse
	}
	for i := range grad {
		grad[i] = -g[i] * t[i] / a.buyers
	}
	return -sum / a.buyers
}

func (a *amounts) correlation() float64 {
	var often, much []float64
	for _, n := range a.counts {
		if n < 2 {
			continue
		}
		for _, m := range a.means[n] {
			often, much = append(often, float64(n)), append(much, m)
		}
	}
	c := stat.Correlation(often, much, nil)
	if math.IsNaN(c) { // all bought equally often, or for the same amount
		return 0
	}
	return c
}
