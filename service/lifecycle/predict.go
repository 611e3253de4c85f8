package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/lifecycle/clv"
)

// horizon is how many days ahead the expected value looks, and how many the check holds back.
const horizon = 90

// Basis is what a night's scores are computed by.
type Basis struct {
	RFM  Boundaries `json:"rfm"`
	Card Card       `json:"card"`
}

// Card is what is known of the models: how they were fitted, and how well they do.
type Card struct {
	FittedAt time.Time `json:"fitted_at"`
	Day      int       `json:"day"`     // yyyymmdd: nothing later is known
	Buyers   int64     `json:"buyers"`  // of all customers
	Sampled  int       `json:"sampled"` // of them, to whom the models were fitted
	// A model that could not be fitted is nil, and its Lack says why.
	Purchases     *clv.Purchases `json:"purchases,omitempty"`
	PurchasesLack *Lack          `json:"purchases_lack,omitempty"`
	Spend         *clv.Spend     `json:"spend,omitempty"`
	SpendLack     *Lack          `json:"spend_lack,omitempty"`
	// Check is how models fitted to what was known 90 days before would have done since.
	Check     *clv.Check `json:"check,omitempty"`
	CheckLack *Lack      `json:"check_lack,omitempty"`
}

// Lack says why there is not enough for a model; see package clv for the reasons.
type Lack struct {
	Reason string  `json:"reason"`
	Have   float64 `json:"have"`
	Need   float64 `json:"need"`
}

func lackOf(err error) (*Lack, error) {
	var few *clv.NotEnough
	if !errors.As(err, &few) {
		return nil, err
	}
	return &Lack{few.Reason, finite(few.Have), finite(few.Need)}, nil
}

// finite is a number that JSON can hold.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.Abs(v) > 1e300 {
		return math.Copysign(1e300, v)
	}
	return v
}

// predict gives the chance that somebody is a customer still, and what they will spend, or -1 for what is not known.
//
// Who bought once has no chance of being gone in this model, which lets people drop out only after they bought again. That
// is a simplification and no knowledge, so it isn't told as such; how often they will buy is foretold all the same.
func (b *Basis) predict(p *person) (aliveBP, expectedFen int64) {
	aliveBP, expectedFen = -1, -1
	if b == nil || b.Card.Purchases == nil {
		return aliveBP, expectedFen
	}
	h, s, ok := past(p.orders, p.today)
	if !ok {
		return aliveBP, expectedFen
	}
	if h.Repeats > 0 {
		aliveBP = int64(math.Round(b.Card.Purchases.Alive(h) * 10_000))
	}
	if b.Card.Spend != nil {
		fen := math.Round(b.Card.Purchases.Expected(h, horizon) * b.Card.Spend.Mean(s))
		if fen >= 0 && fen < maxValue {
			expectedFen = int64(fen)
		}
	}
	return aliveBP, expectedFen
}

// past is what the models see of orders up to a day.
func past(orders []purchase, until int) (h clv.History, s clv.Spender, ok bool) {
	days := make([]int, len(orders))
	var fen int64
	for i, o := range orders {
		days[i] = o.day
		if o.day <= until {
			fen += o.net()
		}
	}
	h, ok = clv.Tally(days, until)
	if !ok {
		return h, s, false
	}
	n := h.Repeats + 1
	return h, clv.Spender{Purchases: n, Mean: float64(fen) / float64(n)}, true
}

// seenBuyer is what is kept of one buyer for fitting.
type seenBuyer struct {
	hash    uint64
	history clv.History
	spender clv.Spender
	held    bool     // bought before the part that is held back
	held90  clv.Case // what was known then, and what came
}

// survey gathers over all customers what boundaries and models are made of. Of the buyers it keeps a stable sample, so its
// size is bounded but for 8 bytes per buyer, which exact quintiles of amounts need.
type survey struct {
	today     int
	window    int
	recency   tally
	frequency tally
	monetary  []int64
	buyers    int64

	most  int
	limit uint64 // hashes up to it are kept
	kept  []seenBuyer
}

func newSurvey(today, window, most int) *survey {
	return &survey{today: today, window: window, most: most, limit: math.MaxUint64}
}

// add looks at one customer.
func (s *survey) add(p *person) {
	n := len(p.orders)
	h, spender, ok := past(p.orders, s.today)
	if !ok {
		return
	}
	s.buyers++
	orders, fen := p.bought(s.window)
	s.recency.add(int64(s.today - p.orders[n-1].day))
	s.frequency.add(orders)
	s.monetary = append(s.monetary, fen)
	if hash := scatter(uint64(p.id)); hash <= s.limit {
		s.keep(p, hash, h, spender)
	}
}

func (s *survey) keep(p *person, hash uint64, h clv.History, spender clv.Spender) {
	b := seenBuyer{hash: hash, history: h, spender: spender}
	then := s.today - horizon
	if b.held90.History, b.held90.Spender, b.held = past(p.orders, then); b.held {
		b.held90.Bought = h.Repeats - b.held90.History.Repeats
		for _, o := range p.orders {
			if o.day > then {
				b.held90.Amount += float64(o.net())
			}
		}
	}
	s.kept = append(s.kept, b)
	for len(s.kept) > s.most {
		s.limit /= 2
		fewer := s.kept[:0]
		for _, k := range s.kept {
			if k.hash <= s.limit {
				fewer = append(fewer, k)
			}
		}
		s.kept = fewer
	}
}

// scatter is SplitMix64: the same customers are in every night's sample, and they are like the others.
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (s *survey) boundaries(r RFMSetting) Boundaries {
	b := Boundaries{Mode: r.Mode, WindowDays: r.WindowDays, Buyers: s.buyers, Recency: r.Recency, Frequency: r.Frequency, Monetary: r.Monetary}
	if r.Mode == Quintiles {
		b.Recency, b.Frequency, b.Monetary = s.recency.quintiles(), s.frequency.quintiles(), quintilesOf(s.monetary)
	}
	return b
}

// fit fits the models, to all that is known, and to what was known 90 days ago for the check.
func (s *survey) fit(now time.Time) (Card, error) {
	c := Card{FittedAt: now, Day: calendar(s.today), Buyers: s.buyers, Sampled: len(s.kept)}
	histories, heldHistories := clv.Histories{}, clv.Histories{}
	var spenders, heldSpenders []clv.Spender
	var cases []clv.Case
	for _, b := range s.kept {
		histories[b.history]++
		spenders = append(spenders, b.spender)
		if b.held {
			heldHistories[b.held90.History]++
			heldSpenders = append(heldSpenders, b.held90.Spender)
			cases = append(cases, b.held90)
		}
	}
	var err error
	if c.Purchases, c.PurchasesLack, err = fitted(clv.FitPurchases(histories)); err != nil {
		return c, err
	}
	if c.Spend, c.SpendLack, err = fitted(clv.FitSpend(spenders)); err != nil {
		return c, err
	}
	then, lack, err := fitted(clv.FitPurchases(heldHistories))
	if err != nil {
		return c, err
	}
	if then == nil {
		c.CheckLack = lack
		return c, nil
	}
	spend, _, err := fitted(clv.FitSpend(heldSpenders))
	if err != nil {
		return c, err
	}
	check := clv.Examine(then, spend, cases, horizon)
	c.Check = &check
	return c, nil
}

// fitted turns a lack of data into an outcome.
func fitted[M any](m *M, err error) (*M, *Lack, error) {
	if err == nil {
		return m, nil, nil
	}
	lack, err := lackOf(err)
	return nil, lack, err
}

func latestBasis(tx *gorm.DB) (*Basis, error) {
	row, err := latestBasisRow(tx)
	if err != nil || row == nil {
		return nil, err
	}
	return readBasis(row)
}

func readBasis(row *model.LifecycleBasis) (*Basis, error) {
	b := &Basis{}
	if err := json.Unmarshal([]byte(row.Body), b); err != nil {
		return nil, fmt.Errorf("read the basis of scores %d: %w", row.ID, err)
	}
	return b, nil
}
