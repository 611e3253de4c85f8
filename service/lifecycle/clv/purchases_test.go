package clv

import (
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"
)

// TestPublishedFormulas holds single buyers against what the publications print for r = 0.243, α = 4.414, a = 0.793,
// b = 2.426, and against the formulas worked out by hand.
func TestPublishedFormulas(t *testing.T) {
	// Fader, Hardie and Lee's spreadsheet: x = 2, t_x = 30.43, T = 38.86, 39 weeks ahead.
	if got := cdnow.Expected(History{2, 213, 272}, 273); math.Abs(got-1.226) > 0.0005 {
		t.Errorf("expected purchases %.4f, published 1.226", got)
	}
	// 1/(1 + a/(b+x−1) ((α+T)/(α+t_x))^(r+x)) = 1/(1 + 0.793/3.426 (43.271/34.843)^2.243)
	if got, want := cdnow.Alive(History{2, 213, 272}), 1/(1+0.793/3.426*math.Pow(43.27114/34.84257, 2.243)); math.Abs(got-want) > 1e-5 || math.Abs(got-0.7266) > 0.001 {
		t.Errorf("P(alive) %.5f, by hand %.5f", got, want)
	}
	if got := cdnow.Alive(History{0, 0, 272}); got != 1 {
		t.Errorf("P(alive) without a repeat is %v", got)
	}
	if got := cdnow.Expected(History{2, 213, 272}, 0); got != 0 {
		t.Errorf("%v purchases in no time", got)
	}
}

// byQuadrature is Expected by another way: the mean over the chance of dropping out, taken numerically at the quantiles
// of its distribution.
func byQuadrature(m *Purchases, h History, days int) float64 {
	x := float64(h.Repeats)
	k, w := m.R+x, float64(days)/7/(m.Alpha+float64(h.Age)/7)
	mean := func(p float64) float64 {
		if p < 1e-14 {
			return k * w
		}
		return -math.Expm1(-k*math.Log1p(p*w)) / p
	}
	// v = u² and 1 − u² would not do at both ends; s(u) flattens both.
	f := func(u float64) float64 {
		s := u * u * u * (u*(u*6-15) + 10)
		return mean(mathext.InvRegIncBeta(m.A, m.B+x, s)) * 30 * u * u * (u - 1) * (u - 1)
	}
	return m.Alive(h) * quad.Fixed(f, 0, 1, 400, quad.Legendre{}, 0)
}

func TestExpectedAgreesWithQuadrature(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	worst := 0.0
	for range 300 {
		m := &Purchases{
			R: math.Exp(rng.Float64()*4 - 2), Alpha: math.Exp(rng.Float64()*5 - 1), A: math.Exp(rng.Float64()*4 - 2), B: math.Exp(rng.Float64()*4 - 2),
		}
		if rng.IntN(10) == 0 {
			m.A = 1
		}
		h := History{Age: rng.IntN(1500)}
		if h.Age > 0 && rng.IntN(3) > 0 {
			h.Repeats = 1 + rng.IntN(1+rng.IntN(300))
			h.Last = rng.IntN(h.Age + 1)
		}
		days := 1 + rng.IntN(400)
		got, want := m.Expected(h, days), byQuadrature(m, h, days)
		off := math.Abs(got-want) / (want + 1e-9)
		if worst = max(worst, off); !(off < 2e-4) {
			t.Errorf("%+v %+v %d days: %.8g, by quadrature %.8g", *m, h, days, got, want)
		}
	}
	t.Logf("largest relative difference %.1e", worst)
}

// TestFormulasAgreeWithLives lets very many live and compares those of one history with what is said of them: who is
// alive still, and how often they bought afterwards.
func TestFormulasAgreeWithLives(t *testing.T) {
	m := &Purchases{R: 1.2, Alpha: 6, A: 0.8, B: 2.5}
	src := rand.NewPCG(11, 3)
	const age, ahead = 20 * 7, 13 * 7
	type tally struct{ n, alive, bought, p, e, bought2 float64 }
	groups := map[int]*tally{}
	for range 150_000 {
		l := live(m, src, age+ahead)
		h := History{Age: age}
		later := 0.0
		for _, at := range l.repeats {
			if at <= age {
				h.Repeats++
				h.Last = int(at + 0.5)
			} else {
				later++
			}
		}
		// Alive at the end of age: the drop-out comes with a purchase, so with the last one up to then.
		alive := later > 0 || l.alive
		g := groups[min(h.Repeats, 4)]
		if g == nil {
			g = &tally{}
			groups[min(h.Repeats, 4)] = g
		}
		g.n++
		g.bought += later
		g.bought2 += later * later
		g.e += m.Expected(h, ahead)
		g.p += m.Alive(h)
		if alive {
			g.alive++
		}
	}
	for x, g := range groups {
		e, p := g.e/g.n, g.p/g.n
		mean := g.bought / g.n
		if se := math.Sqrt((g.bought2/g.n - mean*mean) / g.n); math.Abs(mean-e) > 4*se {
			t.Errorf("x = %d: bought %.4f ± %.4f, expected %.4f", x, mean, se, e)
		}
		// Who dropped out with a purchase in the time ahead was alive before it, and bought. So alive is exact.
		if se := math.Sqrt(p*(1-p)/g.n) + 1e-9; math.Abs(g.alive/g.n-p) > 4*se {
			t.Errorf("x = %d: %.4f are alive, P(alive) %.4f ± %.4f", x, g.alive/g.n, p, se)
		}
	}
	if len(groups) < 5 {
		t.Errorf("only %d groups", len(groups))
	}
}

func TestGradientIsThatOfTheLikelihood(t *testing.T) {
	l := newLikelihood(sample(cdnow, 400, 5))
	theta := logs(0.5, 3, 1.2, 1.9)
	checkGradient(t, l.mean, theta)
	a := newAmounts(spenders(&Spend{P: 6, Q: 4, Gamma: 15}, []int{1, 2, 3, 5, 1, 7, 40}, 1))
	checkGradient(t, a.mean, logs(2, 3, 0.7))
}

func checkGradient(t *testing.T, f func(theta, grad []float64) float64, theta []float64) {
	t.Helper()
	grad := make([]float64, len(theta))
	f(theta, grad)
	for i := range theta {
		const step = 1e-5
		up, down := append([]float64{}, theta...), append([]float64{}, theta...)
		up[i] += step
		down[i] -= step
		if want := (f(up, nil) - f(down, nil)) / (2 * step); math.Abs(grad[i]-want) > 1e-7*(1+math.Abs(want)) {
			t.Errorf("slope %d: %v, numerically %v", i, grad[i], want)
		}
	}
}

// TestLikelihoodOfManyPurchases: hundreds of purchases are beyond a float when they are multiplied.
func TestLikelihoodOfManyPurchases(t *testing.T) {
	l := newLikelihood(Histories{{900, 1000, 1001}: 1, {0, 0, 3000}: 1})
	grad := make([]float64, 4)
	v := l.mean(logs(0.2, 4, 0.8, 2.4), grad)
	for _, g := range append(grad, v) {
		if math.IsNaN(g) || math.IsInf(g, 0) {
			t.Fatalf("%v, gradient %v", v, grad)
		}
	}
}

// TestReproducesCDNOW is the fit of data of the published size made from the published parameters. What its errors may
// be is not guessed: the curvature of the likelihood gives them, and that the curvature is right is shown by many samples,
// whose estimates must scatter as it says.
func TestReproducesCDNOW(t *testing.T) {
	first, err := FitPurchases(sample(cdnow, cdnowBuyers, 1))
	if err != nil {
		t.Fatal(err)
	}
	truth, got := logs(cdnow.R, cdnow.Alpha, cdnow.A, cdnow.B), logs(first.R, first.Alpha, first.A, first.B)
	for i, name := range []string{"r", "α", "a", "b"} {
		e := first.Fit.Errors[i]
		t.Logf("%s: %.3f, true %.3f, standard error %.3f", name, math.Exp(got[i]), math.Exp(truth[i]), e*math.Exp(truth[i]))
		if math.Abs(got[i]-truth[i]) > 3*e {
			t.Errorf("%s = %.4f is %.1f standard errors from %.4f", name, math.Exp(got[i]), math.Abs(got[i]-truth[i])/e, math.Exp(truth[i]))
		}
	}
	// Fader, Hardie and Lee report ln L = −9582.4 for their sample.
	if ll := first.Fit.LogLikelihood; ll > -8600 || ll < -10600 {
		t.Errorf("ln L = %.1f is not that of such a sample", ll)
	}
	const samples = 40
	distances := make([]float64, samples)
	scatter := make([][4]float64, samples)
	var wg sync.WaitGroup
	for i := range samples {
		wg.Go(func() {
			m, err := FitPurchases(sample(cdnow, cdnowBuyers, uint64(100+i)))
			if err != nil {
				t.Errorf("sample %d: %v", i, err)
				return
			}
			off := mat.NewVecDense(4, nil)
			for k, v := range logs(m.R, m.Alpha, m.A, m.B) {
				off.SetVec(k, v-truth[k])
				scatter[i][k] = (v - truth[k]) / m.Fit.Errors[k]
			}
			distances[i] = mat.Inner(off, m.Fit.information, off)
		})
	}
	wg.Wait()
	// Each distance is χ² of 4 degrees: mean 4, variance 8. The mean of 40 is within 4 ± 1.8 in all but 1 of 10,000.
	mean := 0.0
	for _, d := range distances {
		mean += d / samples
	}
	if mean < 2.2 || mean > 5.8 {
		t.Errorf("the estimates lie %.2f from the truth by their curvature, want 4 ± 1.8", mean)
	}
	for k, name := range []string{"r", "α", "a", "b"} {
		m, s := 0.0, 0.0
		for i := range scatter {
			m += scatter[i][k] / samples
			s += scatter[i][k] * scatter[i][k] / samples
		}
		t.Logf("%s: off by %.2f ± %.2f standard errors in %d samples", name, m, math.Sqrt(s-m*m), samples)
		if math.Abs(m) > 4/math.Sqrt(samples) || math.Sqrt(s) > 1.5 || math.Sqrt(s) < 0.6 {
			t.Errorf("%s: the errors are not those that the curvature says: mean %.2f, spread %.2f", name, m, math.Sqrt(s))
		}
	}
}

func TestNotEnough(t *testing.T) {
	once := Histories{{0, 0, 100}: 500, {0, 0, 200}: 500}
	tests := []struct {
		name   string
		data   Histories
		reason string
	}{
		{"nobody", Histories{}, FewBuyers},
		{"one less than needed", Histories{{1, 50, 100}: MinBuyers - 1}, FewBuyers},
		{"all bought once", once, FewRepeats},
		{"all bought on one day", Histories{{0, 0, 0}: 1000}, FewRepeats},
		{"too few repeats", Histories{{0, 0, 100}: 500, {1, 5, 100}: MinRepeats - 1}, FewRepeats},
		{"too short", Histories{{0, 0, 83}: 500, {1, 5, 80}: 500}, ShortHistory},
		{"all alike", Histories{{1, 50, 100}: 5000}, ""},
		{"all as often as can be", Histories{{10, 100, 100}: 5000}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := FitPurchases(tt.data)
			var few *NotEnough
			if !errors.As(err, &few) {
				t.Fatalf("got %+v, %v", m, err)
			}
			if few.Reason != tt.reason && tt.reason != "" {
				t.Errorf("the reason is %s, want %s", few.Reason, tt.reason)
			}
			t.Log(few)
		})
	}
}

// TestWithoutDropOut: when nobody drops out the parameters of dropping out have no maximum, and that is said instead of a number.
func TestWithoutDropOut(t *testing.T) {
	m, err := FitPurchases(sample(&Purchases{R: 2, Alpha: 4, A: 1e-6, B: 10}, 3000, 4))
	var few *NotEnough
	if !errors.As(err, &few) || few.Reason != FlatMaximum {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestTally(t *testing.T) {
	tests := []struct {
		name   string
		days   []int
		until  int
		want   History
		bought bool
	}{
		{"never", nil, 10, History{}, false},
		{"not yet", []int{11}, 10, History{}, false},
		{"on the last day", []int{10}, 10, History{}, true},
		{"twice on one day", []int{3, 3}, 10, History{0, 0, 7}, true},
		{"again", []int{3, 3, 5, 9, 9}, 10, History{2, 6, 7}, true},
		{"what comes later is not known", []int{3, 5, 11, 12}, 10, History{1, 2, 7}, true},
	}
	for _, tt := range tests {
		if got, bought := Tally(tt.days, tt.until); got != tt.want || bought != tt.bought {
			t.Errorf("%s: %+v %v, want %+v %v", tt.name, got, bought, tt.want, tt.bought)
		}
	}
}

// TestFitOfManyIsQuick is no measurement: it is far above what a fit of 100,000 takes, so that only another order of growth is found.
func TestFitOfManyIsQuick(t *testing.T) {
	data := sample(cdnow, 100_000, 9)
	began := time.Now()
	m, err := FitPurchases(data)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("%d different histories of 100,000 buyers: %v; %+v", len(data), took, *m)
	if took > 60*time.Second {
		t.Errorf("took %v", took)
	}
}
