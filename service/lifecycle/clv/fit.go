package clv

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// Fit is how a model was found and how sure it is.
type Fit struct {
	Buyers        float64
	LogLikelihood float64
	// Errors are the standard errors of the logarithms of the parameters, in their order: about the share by which each
	// may be off. They follow from the curvature of the likelihood at its maximum.
	Errors    []float64
	Condition float64 // of that curvature: how unevenly the data speak of the parameters

	at          []float64     // the parameters' logarithms
	information *mat.SymDense // the curvature for all buyers
}

// Beyond these a parameter is as good as unknown.
const (
	maxError     = 1.5 // of a logarithm: a factor of 4.5 to either side
	maxCondition = 1e7
	maxGradient  = 1e-5 // of the mean over buyers
	farOut       = 12   // |ln parameter|: on its way to zero or infinity
)

// maximise minimises a mean of −ln L, which also gives its gradient, from several starts. It fails with *NotEnough when
// there is no maximum, or none that is worth the name.
func maximise(mean func(theta, grad []float64) float64, starts [][]float64, buyers float64) (*Fit, error) {
	problem := optimize.Problem{
		Func: func(theta []float64) float64 { return finite(mean(theta, nil)) },
		Grad: func(grad, theta []float64) { mean(theta, grad) },
	}
	best := math.Inf(1)
	var at []float64
	for _, start := range starts {
		settings := &optimize.Settings{GradientThreshold: 1e-8, MajorIterations: 300, Converger: &optimize.FunctionConverge{Absolute: 1e-14, Iterations: 20}}
		// A line search that can go no further says so as an error; whether it ended at a maximum is checked below.
		got, err := optimize.Minimize(problem, start, settings, &optimize.BFGS{})
		if got == nil || err != nil && len(got.X) == 0 {
			continue
		}
		if got.F < best {
			best, at = got.F, got.X
		}
	}
	if at == nil {
		return nil, &NotEnough{NoConvergence, math.Inf(1), maxGradient}
	}
	grad := make([]float64, len(at))
	mean(at, grad)
	for i, v := range at {
		if math.Abs(v) > farOut {
			return nil, &NotEnough{FlatMaximum, math.Exp(v), math.Exp(math.Copysign(farOut, v))}
		}
		if !(math.Abs(grad[i]) <= maxGradient) {
			return nil, &NotEnough{NoConvergence, math.Abs(grad[i]), maxGradient}
		}
	}
	fit := &Fit{Buyers: buyers, LogLikelihood: -best * buyers, at: at}
	return fit, fit.curvature(mean)
}

func finite(v float64) float64 {
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}

// curvature fills in the errors; a maximum that is flat in some direction fails.
func (f *Fit) curvature(mean func(theta, grad []float64) float64) error {
	n := len(f.at)
	h := mat.NewSymDense(n, nil)
	const step = 1e-4
	up, down := make([]float64, n), make([]float64, n)
	rows := mat.NewDense(n, n, nil)
	for i := range n {
		theta := append([]float64{}, f.at...)
		theta[i] += step
		mean(theta, up)
		theta[i] -= 2 * step
		mean(theta, down)
		for j := range n {
			rows.Set(i, j, (up[j]-down[j])/(2*step)*f.Buyers)
		}
	}
	for i := range n {
		for j := i; j < n; j++ {
			h.SetSym(i, j, (rows.At(i, j)+rows.At(j, i))/2)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(h) {
		return &NotEnough{FlatMaximum, math.Inf(1), maxError}
	}
	f.Condition = chol.Cond()
	var inverse mat.SymDense
	if err := chol.InverseTo(&inverse); err != nil || f.Condition > maxCondition {
		return &NotEnough{FlatMaximum, f.Condition, maxCondition}
	}
	for i := range n {
		e := math.Sqrt(inverse.At(i, i))
		if !(e <= maxError) {
			return &NotEnough{FlatMaximum, e, maxError}
		}
		f.Errors = append(f.Errors, e)
	}
	f.information = h
	return nil
}
