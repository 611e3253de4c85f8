package lifecycle

import (
	"math/rand/v2"
	"slices"
	"testing"

	"zhiyin/service/lifecycle/clv"
)

// naive gives the cuts by walking through all numbers in order.
func naive(values []int64) (cuts [4]int64) {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return cuts
	}
	for k := 1; k <= 4; k++ {
		for i := range v {
			if (i+1)*5 >= len(v)*k { // the first at or beyond k fifths
				cuts[k-1] = v[i]
				break
			}
		}
	}
	return cuts
}

func TestQuintilesAgreeWithWalkingThroughAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for n := range 400 {
		values := make([]int64, n)
		spread := 1 + rng.Int64N(300)
		var counted tally
		for i := range values {
			values[i] = rng.Int64N(spread)
			counted.add(values[i])
		}
		want := naive(values)
		if got := counted.quintiles(); got != want {
			t.Fatalf("counted, of %v: %v, want %v", values, got, want)
		}
		if got := quintilesOf(slices.Clone(values)); got != want {
			t.Fatalf("sorted, of %v: %v, want %v", values, got, want)
		}
	}
}

func TestQuintilesAreFifths(t *testing.T) {
	var values []int64
	for i := range int64(1000) {
		values = append(values, i)
	}
	cuts := quintilesOf(values)
	var sizes [6]int
	for v := range int64(1000) {
		sizes[rank(cuts, v)]++
	}
	if sizes != [6]int{0, 200, 200, 200, 200, 200} {
		t.Errorf("the fifths of 1000 different numbers have %v", sizes)
	}
}

func TestRFMScores(t *testing.T) {
	b := Boundaries{WindowDays: 100, Recency: [4]int64{10, 20, 30, 40}, Frequency: [4]int64{1, 2, 3, 4}, Monetary: [4]int64{5000, 10_000, 15_000, 20_000}}
	for _, tt := range []struct {
		name string
		p    *person
		want RFM
	}{
		{"never bought", someone(5), RFM{}},
		{"today", someone(5, 0), RFM{5, 1, 1}},
		{"up to the first boundary", someone(50, 10), RFM{5, 1, 1}},
		{"a day later", someone(50, 11), RFM{4, 1, 1}},
		{"beyond the last", someone(50, 41), RFM{1, 1, 1}},
		{"often", someone(50, 1, 2, 3, 4, 5), RFM{5, 5, 5}},
		{"often, but before the window", someone(500, 1, 100, 101, 102, 103), RFM{5, 1, 1}},
		{"all before the window", someone(500, 200), RFM{1, 1, 1}},
	} {
		if got, _, _, _ := b.score(tt.p); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestValueLooksBeyondPurchases(t *testing.T) {
	v := defaultValue()
	buyer := someone(300, 5, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220)
	for i := range buyer.orders {
		buyer.orders[i].paid = 60_000
	}
	fan := someone(300, 20).active(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	fan.events = append(fan.events, counted{"content.shared", today - 3, 4}, counted{"review.posted", today - 2, 3})
	fan.groups = 2
	for _, tt := range []struct {
		name  string
		p     *person
		grade string
	}{
		{"a stranger", someone(5), GradeOrdinary},
		{"buys much, and nothing else", buyer, GradeOrdinary},
		{"buys much and belongs", buyer.with(func(*person) {}), GradeOrdinary},
		{"buys little and speaks of us", fan, GradePotential},
	} {
		points, grade, parts := v.score(tt.p)
		var sum, most int64
		for _, p := range parts {
			sum += p.Points
			most += p.Most
			if p.Points < 0 || p.Points > p.Most || p.Zh == "" || p.En == "" {
				t.Errorf("%s: %+v", tt.name, p)
			}
		}
		if sum != points || most != 1000 || grade != tt.grade {
			t.Errorf("%s: %d points (the parts have %d of %d), grade %s, want %s: %+v", tt.name, points, sum, most, grade, tt.grade, parts)
		}
	}
	both := someone(300, 5, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220)
	for i := range both.orders {
		both.orders[i].paid = 60_000
	}
	both.follows = 2
	if points, grade, _ := v.score(both); grade != GradeKey {
		t.Errorf("buys much and is close: %s with %d", grade, points)
	}
	if points, _, _ := v.score(someone(300, 400)); points > 30 {
		t.Errorf("an order of more than a year ago brings %d points", points)
	}
}

func TestRisk(t *testing.T) {
	r := defaultRisk()
	refunding := someone(100, 10, 20)
	refunding.refunds = []purchase{{day: today - 30, paid: 9000, refunded: 9000}, {day: today - 40, paid: 9000, refunded: 9000}}
	for _, tt := range []struct {
		name  string
		p     *person
		grade string
	}{
		{"just met", someone(0), RiskLow},
		{"buys as always", someone(300, 60, 40, 20), RiskLow},
		{"gives back more than half", refunding, RiskMedium},
		{"left and silent", someone(200).with(func(p *person) { p.follows, p.lost = 0, 1 }), RiskHigh},
		{"gone by the model, and overdue", someone(300, 150, 140, 130).with(func(p *person) { p.alive = 500 }), RiskHigh},
		{"overdue alone", someone(100, 72, 62, 52), RiskLow},
	} {
		points, grade, parts := r.score(tt.p)
		var sum int64
		for _, p := range parts {
			sum += p.Points
		}
		if min(100, sum) != points || grade != tt.grade || len(parts) != len(riskFactors) {
			t.Errorf("%s: %d points (the signs have %d), %s, want %s: %+v", tt.name, points, sum, grade, tt.grade, parts)
		}
	}
	if _, grade, _ := r.score(someone(50, 40).with(func(p *person) {
		p.refunds = []purchase{{day: today - 40, paid: 5000, refunded: 5000}}
	})); grade != RiskLow {
		t.Errorf("one refund makes a risk: %s", grade)
	}
}

func TestRefundsAreNoPurchases(t *testing.T) {
	p := &person{today: today}
	p.order(orderFact{PaidAt: moment(today - 9), PaidFen: 100, RefundedFen: 100}, shanghai)
	p.order(orderFact{PaidAt: moment(today - 8), PaidFen: 100, RefundedFen: 40}, shanghai)
	p.order(orderFact{PaidAt: moment(today - 7), PaidFen: 0}, shanghai)
	if n, fen := p.bought(0); n != 2 || fen != 60 {
		t.Errorf("%d orders of %d fen, want 2 of 60", n, fen)
	}
	if percent, orders := p.refunded(365); percent != 70 || orders != 2 {
		t.Errorf("%d %% of %d orders given back, want 70 of 2", percent, orders)
	}
}

// TestPredictionsSayWhatTheyDontKnow: buyers of one order have no chance of being gone, those of none have nothing.
func TestPredictionsSayWhatTheyDontKnow(t *testing.T) {
	b := &Basis{Card: Card{
		Purchases: &clv.Purchases{R: 0.243, Alpha: 4.414, A: 0.793, B: 2.426}, Spend: &clv.Spend{P: 6.25, Q: 3.74, Gamma: 1544},
	}}
	if alive, fen := (*Basis)(nil).predict(someone(5, 1)); alive != -1 || fen != -1 {
		t.Errorf("without a model: %d, %d", alive, fen)
	}
	if alive, fen := b.predict(someone(5)); alive != -1 || fen != -1 {
		t.Errorf("of one who never bought: %d, %d", alive, fen)
	}
	if alive, fen := b.predict(someone(90, 30, 30)); alive != -1 || fen <= 0 {
		t.Errorf("of one who bought on one day: %d, %d", alive, fen)
	}
	alive, fen := b.predict(someone(90, 80, 60, 30))
	h := clv.History{Repeats: 2, Last: 50, Age: 80}
	if want := int64(b.Card.Purchases.Alive(h)*10_000 + 0.5); alive != want {
		t.Errorf("alive %d, want %d", alive, want)
	}
	if want := int64(b.Card.Purchases.Expected(h, 90)*b.Card.Spend.Mean(clv.Spender{Purchases: 3, Mean: 5000}) + 0.5); fen != want {
		t.Errorf("expected %d, want %d", fen, want)
	}
	b.Card.Spend = nil
	if alive, fen := b.predict(someone(90, 80, 60, 30)); alive < 0 || fen != -1 {
		t.Errorf("without amounts: %d, %d", alive, fen)
	}
}

// TestSampleIsStableAndBounded: the sample doesn't depend on the order of customers, and never grows beyond its bound.
func TestSampleIsStableAndBounded(t *testing.T) {
	ids := rand.New(rand.NewPCG(1, 1)).Perm(5000)
	var first map[uint64]bool
	for _, order := range [][]int{ids, slices.Sorted(slices.Values(ids))} {
		v := newSurvey(today, 365, 300)
		for _, id := range order {
			p := someone(50, 10)
			p.id = int64(id)
			v.add(p)
			if len(v.kept) > 300 {
				t.Fatalf("%d are kept", len(v.kept))
			}
		}
		kept := map[uint64]bool{}
		for _, k := range v.kept {
			kept[k.hash] = true
		}
		if v.buyers != 5000 || len(kept) < 100 {
			t.Errorf("%d buyers, %d kept", v.buyers, len(kept))
		}
		if first == nil {
			first = kept
		}
		for h := range kept {
			if !first[h] {
				t.Fatal("another order of customers gives another sample")
			}
		}
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	if err := defaultSetting().check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(s *Setting){
		"an unknown mode":         func(s *Setting) { s.RFM.Mode = "decile" },
		"descending boundaries":   func(s *Setting) { s.RFM.Recency = [4]int64{4, 3, 2, 1} },
		"negative boundaries":     func(s *Setting) { s.RFM.Monetary[0] = -1 },
		"an endless window":       func(s *Setting) { s.RFM.WindowDays = 5000 },
		"an unknown part":         func(s *Setting) { s.Value.Parts[0].Name = "charm" },
		"a part twice":            func(s *Setting) { s.Value.Parts[0].Name = s.Value.Parts[1].Name },
		"a part that needs none":  func(s *Setting) { s.Value.Parts[0].Full = 0 },
		"a negative weight":       func(s *Setting) { s.Value.Parts[0].Weight = -5 },
		"no weight at all":        func(s *Setting) { s.Value.Parts = s.Value.Parts[:1]; s.Value.Parts[0].Weight = 0 },
		"reviews of no kind":      func(s *Setting) { s.Value.Parts[3].Kinds = nil },
		"an unreachable grade":    func(s *Setting) { s.Value.KeyAt = 1001 },
		"an unknown factor":       func(s *Setting) { s.Risk.Factors[0].Name = "mood" },
		"medium above high":       func(s *Setting) { s.Risk.MediumAt = s.Risk.HighAt },
		"more than all the risk":  func(s *Setting) { s.Risk.Factors[0].Points = 101 },
		"kinds of what has none":  func(s *Setting) { s.Value.Parts[0].Kinds = []string{"share"} },
		"a kind that is a phrase": func(s *Setting) { s.Value.Parts[2].Kinds = []string{"did share; DROP"} },
	} {
		s := defaultSetting()
		spoil(s)
		if err := s.check(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
