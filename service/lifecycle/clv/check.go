package clv

import "math"

// Case is a buyer whose future is known: what came before a day, and what after it.
type Case struct {
	History History
	Spender Spender
	Bought  int     // purchases in the days after
	Amount  float64 // all of them together
}

// Check compares what a model foretold with what came.
type Check struct {
	Days   int // of the time foretold
	Buyers int
	// Purchases and amounts of all of them; amounts are 0 without a model of them.
	Predicted, Actual             float64
	PredictedAmount, ActualAmount float64
	// MeanError is by how many purchases the model was off per buyer; NaiveError is the same for the guess that everybody
	// goes on as often as before.
	MeanError, NaiveError float64
	Groups                []CheckGroup
}

// CheckGroup is the part of those who had bought again so many times.
type CheckGroup struct {
	Repeats           int // the last group also has those with more
	Buyers            int
	Predicted, Actual float64 // purchases per buyer
}

// checkGroups: 0, 1, … 6, and 7 and more, as the publications show it.
const checkGroups = 8

// Examine foretells days for each case and compares. spend may be nil.
func Examine(p *Purchases, spend *Spend, cases []Case, days int) Check {
	c := Check{Days: days, Buyers: len(cases)}
	groups := make([]CheckGroup, checkGroups)
	for _, one := range cases {
		want := p.Expected(one.History, days)
		got := float64(one.Bought)
		c.Predicted += want
		c.Actual += got
		c.MeanError += math.Abs(want - got)
		naive := 0.0
		if one.History.Age > 0 {
			naive = float64(one.History.Repeats) / float64(one.History.Age) * float64(days)
		}
		c.NaiveError += math.Abs(naive - got)
		if spend != nil {
			c.PredictedAmount += want * spend.Mean(one.Spender)
			c.ActualAmount += one.Amount
		}
		g := &groups[min(one.History.Repeats, checkGroups-1)]
		g.Buyers++
		g.Predicted += want
		g.Actual += got
	}
	if len(cases) > 0 {
		c.MeanError /= float64(len(cases))
		c.NaiveError /= float64(len(cases))
	}
	for i, g := range groups {
		if g.Buyers > 0 {
			c.Groups = append(c.Groups, CheckGroup{i, g.Buyers, g.Predicted / float64(g.Buyers), g.Actual / float64(g.Buyers)})
		}
	}
	return c
}
