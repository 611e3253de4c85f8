package clv

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// cdnow is the published fit, of the size of its sample.
var cdnow = &Purchases{R: 0.243, Alpha: 4.414, A: 0.793, B: 2.426}

const (
	cdnowBuyers = 2357
	cdnowDays   = 39 * 7
	cdnowFirst  = 12 * 7 // all began to buy within so many days
)

// life is one simulated buyer: the days after the first purchase on which they bought again.
type life struct {
	repeats []float64
	alive   bool // still, at the end
}

// live lets somebody live as the model has it, for so many days after the first purchase.
func live(m *Purchases, src rand.Source, days float64) (l life) {
	rng := rand.New(src)
	rate := distuv.Gamma{Alpha: m.R, Beta: m.Alpha * 7, Src: src}.Rand() // a day
	drop := distuv.Beta{Alpha: m.A, Beta: m.B, Src: src}.Rand()
	l.alive = true
	for at := 0.0; ; {
		if rate <= 0 {
			return l
		}
		at += rng.ExpFloat64() / rate
		if at > days {
			return l
		}
		l.repeats = append(l.repeats, at)
		if rng.Float64() < drop {
			l.alive = false
			return l
		}
	}
}

// sample is a population like CDNOW's. Purchases are not rounded to days, because the published sample has several of
// one day too; only what is told of them is.
func sample(m *Purchases, buyers int, seed uint64) Histories {
	src := rand.NewPCG(seed, 1)
	rng := rand.New(src)
	out := Histories{}
	for range buyers {
		age := cdnowDays - int(rng.Float64()*cdnowFirst)
		l := live(m, src, float64(age))
		h := History{Repeats: len(l.repeats), Age: age}
		if n := len(l.repeats); n > 0 {
			h.Last = int(l.repeats[n-1] + 0.5)
		}
		out[h]++
	}
	return out
}

// spenders lets people buy as Gamma-Gamma has it, each as often as given.
func spenders(m *Spend, counts []int, seed uint64) []Spender {
	src := rand.NewPCG(seed, 2)
	out := make([]Spender, len(counts))
	for i, n := range counts {
		nu := distuv.Gamma{Alpha: m.Q, Beta: m.Gamma, Src: src}.Rand()
		sum := distuv.Gamma{Alpha: m.P * float64(n), Beta: nu, Src: src}.Rand()
		out[i] = Spender{n, sum / float64(n)}
	}
	return out
}
