package draw

import (
	"context"

	"gonum.org/v1/gonum/stat/distuv"

	"zhiyin/model"
)

// The verdicts on how rolls fell. Names are data.
const (
	TooFew      = "too_few"      // too few tries to tell
	AsPublished = "as_published" // as the odds let expect
	Unusual     = "unusual"      // one in a hundred draws would be so uneven: look at the check of the seed
	FarOff      = "far_off"      // one in ten thousand
)

// Report is what became of a draw.
type Report struct {
	Tries     int64
	Customers int64
	PointsIn  int64 // what tries cost
	PointsOut int64 // that were won
	CostFen   model.Fen
	Prizes    []PrizeReport // in their order
	Nothing   int64         // rolls that hold no prize
	// ChiSquare is how far the rolls are from the published odds, of Freedom degrees; Chance is how often a fair draw is at least
	// so far, of a million; Verdict says it plainly.
	ChiSquare float64
	Freedom   int
	Chance    int
	Verdict   string
}

// PrizeReport is what became of one prize.
type PrizeReport struct {
	model.DrawPrize
	Hits int64 // rolls that its odds hold
	Won  int64
	Gone int64 // rolls that would have won it, had there been one left
	// CostFen is what those who won it cost: each as much as was said, and of coupons what they have saved until now.
	CostFen model.Fen
}

// Report tells what became of a draw. It fails with ErrNotFound.
func (s *Service) Report(ctx context.Context, id int64) (*Report, error) {
	db := s.DB.WithContext(ctx)
	d, err := get(db, id)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	if r.Tries, r.Customers, err = triedBy(db, id); err != nil {
		return nil, err
	}
	if r.PointsIn, r.PointsOut, err = pointsOf(db, id); err != nil {
		return nil, err
	}
	hits, won, err := fell(db, id)
	if err != nil {
		return nil, err
	}
	saved, err := savedByCoupons(db, id)
	if err != nil {
		return nil, err
	}
	seen, published := []int64{}, []int{}
	left := million
	for _, p := range d.Prizes {
		one := PrizeReport{DrawPrize: p, Hits: hits[p.Place], Won: won[p.Place], Gone: hits[p.Place] - won[p.Place]}
		one.CostFen = p.CostFen*model.Fen(one.Won) + saved[p.ID]
		r.Prizes = append(r.Prizes, one)
		r.CostFen += one.CostFen
		seen, published, left = append(seen, one.Hits), append(published, p.Odds), left-p.Odds
	}
	r.Nothing = hits[-1]
	r.ChiSquare, r.Freedom, r.Chance, r.Verdict = verdict(append(seen, r.Nothing), append(published, left))
	return r, nil
}

// leastExpected is how many rolls a part has to let expect, or it is counted together with others: below, chi-square says
// nothing.
const leastExpected = 5

// verdict holds how often rolls fell into parts against the odds of the parts, of a million.
func verdict(seen []int64, odds []int) (chi float64, freedom, chance int, plain string) {
	var all int64
	for _, n := range seen {
		all += n
	}
	var parts int
	var fewSeen, fewExpected float64
	add := func(n, expected float64) {
		chi += (n - expected) * (n - expected) / expected
		parts++
	}
	for i, n := range seen {
		expected := float64(all) * float64(odds[i]) / million
		switch {
		case expected >= leastExpected:
			add(float64(n), expected)
		default:
			fewSeen, fewExpected = fewSeen+float64(n), fewExpected+expected
		}
	}
	if fewExpected >= leastExpected {
		add(fewSeen, fewExpected)
	}
	if parts < 2 {
		return 0, 0, million, TooFew
	}
	freedom = parts - 1
	p := distuv.ChiSquared{K: float64(freedom)}.Survival(chi)
	switch {
	case p < 0.0001:
		plain = FarOff
	case p < 0.01:
		plain = Unusual
	default:
		plain = AsPublished
	}
	return chi, freedom, int(p * million), plain
}
