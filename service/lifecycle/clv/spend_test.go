package clv

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// counts are how often people bought, most of them once.
func counts(n int, seed uint64) []int {
	rng := rand.New(rand.NewPCG(seed, 3))
	out := make([]int, n)
	for i := range out {
		out[i] = 1 + int(rng.ExpFloat64()*1.5)
	}
	return out
}

// TestSpendPublished holds single buyers against the note's parameters p = 6.25, q = 3.74, γ = 15.44.
func TestSpendPublished(t *testing.T) {
	m := &Spend{P: 6.25, Q: 3.74, Gamma: 15.44}
	for _, tt := range []struct {
		s    Spender
		want float64
	}{
		{Spender{0, 0}, 35.22},     // pγ/(q−1)
		{Spender{2, 22.35}, 24.66}, // the first buyer of the sample
		{Spender{1, 11.77}, 18.91}, // the second who bought again
		{Spender{1000, 50}, 49.99}, // 6.25·(15.44+50000)/6252.74: much is known
	} {
		if got := m.Mean(tt.s); math.Abs(got-tt.want) > 0.01 {
			t.Errorf("%+v: %.3f, want %.2f", tt.s, got, tt.want)
		}
	}
	if got := (&Spend{P: 1, Q: 0.5, Gamma: 1}).Mean(Spender{}); !math.IsInf(got, 1) {
		t.Errorf("a mean that doesn't exist is %v", got)
	}
}

func TestSpendIsRecovered(t *testing.T) {
	truth := &Spend{P: 6.25, Q: 3.74, Gamma: 1544} // in fen, which must not matter
	data := spenders(truth, counts(4000, 1), 8)
	m, err := FitSpend(data)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range [][2]float64{{m.P, truth.P}, {m.Q, truth.Q}, {m.Gamma, truth.Gamma}} {
		e := m.Fit.Errors[i]
		t.Logf("%.3f, true %.3f, standard error %.3f", v[0], v[1], e*v[1])
		if math.Abs(math.Log(v[0]/v[1])) > 3*e {
			t.Errorf("parameter %d is %.4f, more than 3 standard errors (%.3f) from %.4f", i, v[0], e*v[1], v[1])
		}
	}
	if !m.Independent() || math.Abs(m.Correlation) > 0.1 {
		t.Errorf("independent data have the correlation %.3f", m.Correlation)
	}
}

func TestSpendSaysThatAmountsDependOnHowOften(t *testing.T) {
	data := spenders(&Spend{P: 6, Q: 4, Gamma: 15}, counts(2000, 2), 9)
	for i := range data {
		data[i].Mean *= float64(data[i].Purchases)
	}
	m, err := FitSpend(data)
	if err != nil {
		t.Fatal(err)
	}
	if m.Independent() {
		t.Errorf("the correlation %.3f goes unnoticed", m.Correlation)
	}
}

func TestSpendNotEnough(t *testing.T) {
	alike := func(n, purchases int, mean float64) (out []Spender) {
		for range n {
			out = append(out, Spender{purchases, mean})
		}
		return out
	}
	for name, tt := range map[string]struct {
		data   []Spender
		reason string
	}{
		"nobody":                      {nil, FewBuyers},
		"gifts are no amounts":        {alike(1000, 3, 0), FewBuyers},
		"all bought once":             {spenders(&Spend{P: 6, Q: 4, Gamma: 15}, make1s(2000), 3), FewRepeats},
		"always for the same amount":  {alike(1000, 3, 99), ""},
		"one less than those it asks": {alike(MinBuyers-1, 2, 99), FewBuyers},
	} {
		m, err := FitSpend(tt.data)
		var few *NotEnough
		if !errors.As(err, &few) || few.Reason != tt.reason && tt.reason != "" {
			t.Errorf("%s: %+v, %v", name, m, err)
			continue
		}
		t.Log(name, few)
	}
}

func make1s(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// TestExamineForetellsWhatComes fits on the past of simulated lives and looks at their future.
func TestExamineForetellsWhatComes(t *testing.T) {
	src := rand.NewPCG(21, 4)
	rng := rand.New(src)
	const days = 90
	past := Histories{}
	var cases []Case
	for range 6000 {
		age := 100 + rng.IntN(300)
		l := live(cdnow, src, float64(age+days))
		c := Case{History: History{Age: age}}
		for _, at := range l.repeats {
			if at <= float64(age) {
				c.History.Repeats++
				c.History.Last = int(at + 0.5)
			} else {
				c.Bought++
			}
		}
		past[c.History]++
		cases = append(cases, c)
	}
	m, err := FitPurchases(past)
	if err != nil {
		t.Fatal(err)
	}
	check := Examine(m, nil, cases, days)
	t.Logf("%+v", check)
	if off := check.Predicted/check.Actual - 1; math.Abs(off) > 0.12 {
		t.Errorf("foretold %.0f purchases, %.0f came", check.Predicted, check.Actual)
	}
	if check.MeanError > check.NaiveError {
		t.Errorf("the model (%.3f) is worse than going on as before (%.3f)", check.MeanError, check.NaiveError)
	}
	if len(check.Groups) != checkGroups || check.Buyers != 6000 || check.PredictedAmount != 0 {
		t.Errorf("%+v", check)
	}
	var sum float64
	for _, g := range check.Groups {
		sum += g.Actual * float64(g.Buyers)
	}
	if math.Abs(sum-check.Actual) > 1e-6 {
		t.Errorf("the groups have %.1f purchases of %.1f", sum, check.Actual)
	}
	spend := &Spend{P: 6, Q: 4, Gamma: 15}
	for i := range cases {
		cases[i].Spender, cases[i].Amount = Spender{1, 30}, 30*float64(cases[i].Bought)
	}
	if c := Examine(m, spend, cases, days); math.Abs(c.ActualAmount-30*c.Actual) > 1e-6 || math.Abs(c.PredictedAmount-spend.Mean(Spender{1, 30})*c.Predicted) > 1e-6 {
		t.Errorf("amounts %+v", c)
	}
}
