// Package clv predicts, from what buyers did so far, who is still a customer, how often they will buy and for how much:
// the BG/NBD model of purchases (Fader, Hardie and Lee 2005) and the Gamma-Gamma model of their amounts (Fader and
// Hardie 2013). It knows no database and no clock. See docs/lifecycle.md for the formulas.
package clv

import "fmt"

// History is a buyer's past as BG/NBD sees it, in days. Several purchases of one day are one.
type History struct {
	Repeats int // purchases after the first
	Last    int // from the first purchase to the last; 0 without repeats
	Age     int // from the first purchase to the end of what is known
}

// Histories counts buyers of the same history: what a fit costs depends on how many differ.
type Histories map[History]int64

// Spender is what Gamma-Gamma sees of a buyer.
type Spender struct {
	Purchases int     // with the first
	Mean      float64 // of an amount, above zero
}

// perWeek: parameters are told in weeks, as in the publications.
const perWeek = 7

// Why there is not enough to fit a model.
const (
	FewBuyers     = "few_buyers"
	FewRepeats    = "few_repeats" // too few bought twice
	ShortHistory  = "short_history"
	FlatMaximum   = "flat_maximum" // the data say next to nothing about some parameter
	NoConvergence = "no_convergence"
)

// The least that is worth fitting. With fewer a maximum may exist but means nothing: of buyers like CDNOW's, 300 tell b to
// within a factor of 2, and 100 to within one of 4.
const (
	MinBuyers   = 300
	MinRepeats  = 60
	MinSpanDays = 84
)

// NotEnough says that the data don't bear a model, and why.
type NotEnough struct {
	Reason     string
	Have, Need float64
}

// Error names the reason and the numbers.
func (e *NotEnough) Error() string {
	return fmt.Sprintf("clv: not enough data: %s (have %.4g, need %.4g)", e.Reason, e.Have, e.Need)
}

// Tally makes a History of the days on which somebody bought, as ascending day numbers, and of the last day that is
// known. It is false when nothing was bought up to then.
func Tally(days []int, until int) (h History, bought bool) {
	for i, d := range days {
		if d > until {
			break
		}
		switch {
		case i == 0:
			h.Age = until - d
		case d != days[i-1]:
			h.Repeats++
			h.Last = d - days[0]
		}
		bought = true
	}
	return h, bought
}
