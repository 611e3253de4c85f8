package draw

import (
	"fmt"
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/loyalty"
)

// TestReport: tries, wins by prize, what they cost and what tries took, held against what was done.
func TestReport(t *testing.T) {
	h := newHouse(t)
	d := definition()
	d.Price = 3
	d.Prizes = []PrizeInput{
		{Name: "手机", Kind: Gift, Odds: 400_000, Stock: 2, CostFen: 500_000}, {Name: "10 积分", Kind: Points, Points: 10, Odds: 300_000}, {Name: "券", Kind: Coupon, BatchID: 7, Odds: 200_000},
	}
	row := h.active(d)
	const customers, tries = 4, 60
	for id := int64(1); id <= customers; id++ {
		h.must(model.InTx(t.Context(), h.DB, func(tx *gorm.DB) error {
			_, err := h.points.EarnTx(tx, loyalty.Earning{CustomerID: id, Points: 1000, Detail: loyalty.Detail{Key: fmt.Sprint("a", id)}})
			return err
		}))
	}
	hits, wonCoupons := map[int]int64{}, []int64{}
	for i := range int64(tries) {
		x, err := h.Try(t.Context(), 1+i%customers, row.ID, fmt.Sprint("request-", i))
		h.must(err)
		hits[x.Place]++
		if x.CouponID != 0 {
			wonCoupons = append(wonCoupons, x.CouponID)
		}
	}
	if len(wonCoupons) == 0 {
		t.Fatal("nobody has won a coupon")
	}
	modeltest.Create(t, h.DB, &model.CouponUse{ID: 1, CustomerID: 1, State: "redeemed", OrderNumber: "o1", Bill: "{}", CreatedAt: noon, UpdatedAt: noon},
		&model.CouponUsePart{UseID: 1, CouponID: wonCoupons[0], BatchID: 7, Place: 1, OffFen: 1000, ReturnedFen: 300, Split: "[]"})
	r, err := h.Report(t.Context(), row.ID)
	h.must(err)
	phone, points, voucher := r.Prizes[0], r.Prizes[1], r.Prizes[2]
	if r.Tries != tries || r.Customers != customers || r.PointsIn != 3*tries || r.PointsOut != 10*hits[1] || r.Nothing != hits[-1] {
		t.Errorf("report %+v of rolls %v", r, hits)
	}
	if phone.Hits != hits[0] || phone.Won != 2 || phone.Gone != hits[0]-2 || phone.CostFen != 1_000_000 || points.Won != hits[1] || points.CostFen != 0 ||
		voucher.Won != hits[2] || voucher.CostFen != 700 || r.CostFen != 1_000_700 {
		t.Errorf("prizes %+v of rolls %v", r.Prizes, hits)
	}
	// The seed is another one each time, so one run in a hundred is unusual.
	chi, freedom, chance, plain := verdict([]int64{hits[0], hits[1], hits[2], hits[-1]}, []int{400_000, 300_000, 200_000, 100_000})
	if r.ChiSquare != chi || r.Freedom != 3 || freedom != 3 || r.Chance != chance || r.Verdict != plain {
		t.Errorf("chi-square %.2f of %d, chance %d: %s; want %.2f: %s", r.ChiSquare, r.Freedom, r.Chance, r.Verdict, chi, plain)
	}
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		name    string
		seen    []int64
		odds    []int
		freedom int
		want    string
	}{
		{"nobody tried", []int64{0, 0}, []int{500_000, 500_000}, 0, TooFew},
		{"nine tries", []int64{9, 0}, []int{500_000, 500_000}, 0, TooFew},
		{"even", []int64{480, 520}, []int{500_000, 500_000}, 1, AsPublished},
		{"one in a hundred: 6.63", []int64{459, 541}, []int{500_000, 500_000}, 1, Unusual}, // 6.72
		{"just within it", []int64{460, 540}, []int{500_000, 500_000}, 1, AsPublished},     // 6.40
		{"one in ten thousand: 15.14", []int64{438, 562}, []int{500_000, 500_000}, 1, FarOff},
		{"rare prizes count together", []int64{3, 4, 993}, []int{3_000, 4_000, 993_000}, 1, AsPublished},
		{"a prize that nobody wins", []int64{0, 1000}, []int{50_000, 950_000}, 1, FarOff},
		{"a prize too rare to tell", []int64{4, 996}, []int{1_000, 999_000}, 0, TooFew},
	} {
		chi, freedom, _, got := verdict(tt.seen, tt.odds)
		if got != tt.want || freedom != tt.freedom {
			t.Errorf("%s: chi-square %.2f of %d is %s, want %s of %d", tt.name, chi, freedom, got, tt.want, tt.freedom)
		}
	}
}
