package lifecycle

import "slices"

// Boundaries cut what buyers did into five scores.
type Boundaries struct {
	Mode       string   `json:"mode"` // quintile or threshold
	WindowDays int      `json:"window_days"`
	Buyers     int64    `json:"buyers"`
	Recency    [4]int64 `json:"recency"`   // days since the last order, ascending: up to the first is a 5
	Frequency  [4]int64 `json:"frequency"` // orders, ascending: up to the first is a 1
	Monetary   [4]int64 `json:"monetary"`  // fen, likewise
}

// How boundaries are found.
const (
	Quintiles  = "quintile"
	Thresholds = "threshold"
)

// RFM is somebody's three scores, 1 to 5; 0: never bought.
type RFM struct{ Recency, Frequency, Monetary int }

// score gives the scores of a person, and the numbers behind them.
func (b Boundaries) score(p *person) (s RFM, days, orders, fen int64) {
	n := len(p.orders)
	if n == 0 {
		return s, 0, 0, 0
	}
	days = int64(p.today - p.orders[n-1].day)
	orders, fen = p.bought(b.WindowDays)
	return RFM{6 - rank(b.Recency, days), rank(b.Frequency, orders), rank(b.Monetary, fen)}, days, orders, fen
}

// rank is 1 for what is up to the first cut, and 5 for what is above the last. Equals have one rank.
func rank(cuts [4]int64, v int64) int {
	r := 1
	for _, c := range cuts {
		if v > c {
			r++
		}
	}
	return r
}

// tally counts how often each number occurs: of recency and frequency few do, whatever the number of buyers.
type tally struct {
	n      int64
	counts map[int64]int64
}

func (t *tally) add(v int64) {
	if t.counts == nil {
		t.counts = map[int64]int64{}
	}
	t.n++
	t.counts[v]++
}

// quintiles are the numbers at a fifth, two, three and four fifths of all, in order of size.
func (t *tally) quintiles() (cuts [4]int64) {
	values := make([]int64, 0, len(t.counts))
	for v := range t.counts {
		values = append(values, v)
	}
	slices.Sort(values)
	var below int64
	k := 0
	for _, v := range values {
		below += t.counts[v]
		for k < 4 && below*5 >= t.n*int64(k+1) {
			cuts[k] = v
			k++
		}
	}
	return cuts
}

// quintilesOf is the same for numbers that are nearly all different; it sorts them.
func quintilesOf(values []int64) (cuts [4]int64) {
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return cuts
	}
	for k := range cuts {
		cuts[k] = values[(n*(k+1)+4)/5-1]
	}
	return cuts
}
