package coupon

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func TestIssue(t *testing.T) {
	tests := []struct {
		name    string
		batch   func(*BatchInput)
		at      time.Time // zero: noon
		claims  []int64   // customers, one after another
		wantErr error     // of the last one
		issued  int64
	}{
		{"in stock", nil, time.Time{}, []int64{7}, nil, 1},
		{"sold out", func(in *BatchInput) { in.Stock = 1 }, time.Time{}, []int64{7, 8}, ErrSoldOut, 1},
		{"any number", func(in *BatchInput) { in.Stock, in.BudgetCount = 0, 5 }, time.Time{}, []int64{7, 8}, nil, 2},
		{"one each", nil, time.Time{}, []int64{7, 7}, ErrLimit, 1},
		{"two each", func(in *BatchInput) { in.PerCustomer = 2 }, time.Time{}, []int64{7, 7}, nil, 2},
		{"one each a day", func(in *BatchInput) { in.PerCustomer, in.PerDay = 5, 1 }, time.Time{}, []int64{7, 7}, ErrDayLimit, 1},
		{"not in the coupon centre", func(in *BatchInput) { in.Claimable = false }, time.Time{}, []int64{7}, ErrClosed, 0},
		{"begins exactly now", func(in *BatchInput) { in.ClaimFrom = &noon }, noon, []int64{7}, nil, 1},
		{"begins in a moment", func(in *BatchInput) { in.ClaimFrom = &noon }, noon.Add(-time.Millisecond), []int64{7}, ErrClosed, 0},
		{"ends exactly now", func(in *BatchInput) { in.ClaimUntil = &noon }, noon, []int64{7}, ErrClosed, 0},
		{"ends in a moment", func(in *BatchInput) { in.ClaimUntil = &noon }, noon.Add(-time.Millisecond), []int64{7}, nil, 1},
		{"expired as a whole", func(in *BatchInput) { in.ValidUntil = &noon }, noon, []int64{7}, ErrClosed, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			if tt.batch == nil {
				tt.batch = func(*BatchInput) {}
			}
			b := h.batch(tt.batch)
			if !tt.at.IsZero() {
				h.clock.Advance(tt.at.Sub(noon))
			}
			var err error
			for _, who := range tt.claims {
				_, err = h.claim(b.ID, who)
			}
			if !errors.Is(err, tt.wantErr) {
				t.Errorf("last claim: got error %v, want %v", err, tt.wantErr)
			}
			if n := h.count(b.ID).Issued; n != tt.issued || modeltest.Count[model.CouponEntry](t, h.db) != tt.issued {
				t.Errorf("got %d issued, want %d", n, tt.issued)
			}
		})
	}
}

func TestValidityAfterReceipt(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.ValidUntil, in.ValidDays = nil, 3 })
	c := h.has(b.ID, 7)
	if want := time.Date(2026, 11, 29, 0, 0, 0, 0, shanghai); !c.ValidUntil.Equal(want) {
		t.Errorf("received on the 25th for three days, good until %v, want %v", c.ValidUntil, want)
	}
	h.wantFacts("coupon.issued")
}

// TestS22_KeysOfClaims: a repeated key is answered as before, another body is refused.
func TestS22_KeysOfClaims(t *testing.T) {
	h := newHouse(t)
	a, b := h.batch(), h.batch()
	in := IssueInput{BatchID: a.ID, CustomerID: 7, Source: SourceClaim, Key: Key{"customer:7", "the-same-key"}}
	first := must(h.Issue(t.Context(), in))
	again := must(h.Issue(t.Context(), in))
	if first.ID != again.ID || h.count(a.ID).Issued != 1 {
		t.Errorf("coupons %d and %d, issued %d", first.ID, again.ID, h.count(a.ID).Issued)
	}
	other := in
	other.BatchID = b.ID
	if _, err := h.Issue(t.Context(), other); !errors.Is(err, ErrOther) {
		t.Errorf("another body under the key: %v", err)
	}
	theirs := in
	theirs.Key.Whose, theirs.CustomerID = "customer:8", 8
	if c, err := h.Issue(t.Context(), theirs); err != nil || c.ID == first.ID {
		t.Errorf("another customer's same key: %v", err)
	}
	for _, name := range []string{"", "short", "with space in it", string(make([]byte, 65))} {
		in.Key.Name = name
		if _, err := h.Issue(t.Context(), in); !errors.Is(err, ErrKey) {
			t.Errorf("key %q: %v", name, err)
		}
	}
	release, err := h.flight.take(Key{"customer:9", "in-flight-1"})
	if err != nil {
		t.Fatal(err)
	}
	in.Key, in.CustomerID = Key{"customer:9", "in-flight-1"}, 9
	if _, err := h.Issue(t.Context(), in); !errors.Is(err, ErrInFlight) {
		t.Errorf("while in flight: %v", err)
	}
	release()
	if _, err := h.Issue(t.Context(), in); err != nil {
		t.Errorf("after the flight: %v", err)
	}
}

// TestIssueTxIsPartOfTheCallersChange: what the caller takes back is not issued.
func TestIssueTxIsPartOfTheCallersChange(t *testing.T) {
	h := newHouse(t)
	b := h.batch()
	in := IssueInput{BatchID: b.ID, CustomerID: 7, Source: SourceJourney, SourceID: 3, JourneyID: 2, Step: "s1", Key: Key{"journey", "enrolment:3:s1"}}
	changedMind := errors.New("changed my mind")
	err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
		if _, err := h.IssueTx(tx, in); err != nil {
			t.Error(err)
		}
		return changedMind
	})
	if !errors.Is(err, changedMind) || h.count(b.ID).Issued != 0 {
		t.Errorf("%v, issued %d", err, h.count(b.ID).Issued)
	}
	for range 2 {
		err = model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
			c, err := h.IssueTx(tx, in)
			if err == nil && (c.JourneyID != 2 || c.Step != "s1" || c.SourceID != 3) {
				t.Errorf("its source is lost: %+v", c)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := h.count(b.ID).Issued; n != 1 {
		t.Errorf("issued %d", n)
	}
}

// TestLedgerOfAGroup: whether or not a group's first entries can be made of the coupons alone, each says what its request said.
func TestLedgerOfAGroup(t *testing.T) {
	for name, reasons := range map[string][]string{"alike": {"made up for a delay", "made up for a delay"}, "each its own": {"a delay", "a mistake"}} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			b := h.batch()
			var ins []IssueInput
			for i, reason := range reasons {
				ins = append(ins, IssueInput{BatchID: b.ID, CustomerID: int64(7 + i), StaffID: int64(3 + i), Source: SourceConsole, Reason: reason, Key: h.key("console")})
			}
			var outs []issued
			err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) (err error) {
				outs, err = h.issueGathered(tx, ins)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for i, in := range ins {
				var e model.CouponEntry
				if err := h.db.Take(&e, "coupon_id = ?", outs[i].coupon.ID).Error; err != nil {
					t.Fatal(err)
				}
				e.ID = 0
				e.At = e.At.UTC()
				want := model.CouponEntry{
					CouponID: outs[i].coupon.ID, Version: 1, BatchID: b.ID, CustomerID: in.CustomerID, Act: actIssue, State: Usable, StaffID: in.StaffID, Reason: in.Reason, At: noon,
				}
				if e != want {
					t.Errorf("entry %+v, want %+v", e, want)
				}
			}
		})
	}
}

func TestStaffAllowance(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.Rules.StaffDaily, in.Rules.Staff = 2, []int64{5} })
	give := func(staff, customer int64) error {
		_, err := h.Issue(t.Context(), IssueInput{BatchID: b.ID, CustomerID: customer, StaffID: staff, Source: SourceStaff, Key: h.key("staff")})
		return err
	}
	for i, want := range []error{nil, nil, ErrAllowance} {
		if err := give(5, int64(10+i)); !errors.Is(err, want) {
			t.Errorf("giving number %d: %v", i+1, err)
		}
	}
	if err := give(6, 20); !errors.Is(err, ErrMayNot) {
		t.Errorf("somebody else: %v", err)
	}
	h.clock.Advance(24 * time.Hour)
	if err := give(5, 21); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

func TestAudience(t *testing.T) {
	h := newHouse(t)
	modeltest.Create(t, h.db, &model.Segment{ID: 3, Name: "VIP"}, &model.SegmentMember{SegmentID: 3, CustomerID: 7, Stay: 1, EnteredAt: noon})
	b := h.batch(func(in *BatchInput) { in.SegmentID = 3 })
	h.has(b.ID, 7)
	if _, err := h.claim(b.ID, 8); !errors.Is(err, ErrAudience) {
		t.Errorf("who is not in it: %v", err)
	}
}

// TestSoldOutIsForgottenWhenTheStockRises holds what is remembered in memory against what rows say.
func TestSoldOutIsForgottenWhenTheStockRises(t *testing.T) {
	h := newHouse(t)
	other := open(t, h.db, h.clock) // a second replica
	b := h.batch(func(in *BatchInput) { in.Stock = 1 })
	first := IssueInput{BatchID: b.ID, CustomerID: 7, Source: SourceClaim, Key: Key{"customer:7", "first-key"}}
	must(h.Issue(t.Context(), first))
	for _, r := range []*house{h, other} {
		if _, err := r.claim(b.ID, 8); !errors.Is(err, ErrSoldOut) {
			t.Fatal(err)
		}
	}
	if _, err := h.Issue(t.Context(), first); err != nil {
		t.Errorf("who has one asks again while it is sold out: %v", err)
	}
	changed := first
	changed.Source = SourceStaff // what a claim is credited to is no part of what was asked
	if _, err := h.Issue(t.Context(), changed); !errors.Is(err, ErrOther) {
		t.Errorf("another body under the key while it is sold out: %v", err)
	}
	in := tenOff()
	in.Stock = 3
	must(h.UpdateBatch(t.Context(), 1, b.ID, b.Version, in))
	h.has(b.ID, 8)
	h.clock.Advance(soldOutFor)
	other.has(b.ID, 9)
}

// TestV23_LimitsRaced: many ask at once through two replicas; stock, limit of each customer and of each day hold.
func TestV23_LimitsRaced(t *testing.T) {
	h := newHouse(t)
	replicas := []*house{h, open(t, h.db, h.clock)}
	b := h.batch(func(in *BatchInput) { in.Stock, in.PerCustomer, in.PerDay = 30, 3, 2 })
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			_, err := replicas[i%2].claim(b.ID, int64(1+i%40))
			if err != nil && !errors.Is(err, ErrSoldOut) && !errors.Is(err, ErrLimit) && !errors.Is(err, ErrDayLimit) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var most struct{ N int64 }
	if err := h.db.Raw("SELECT COALESCE(MAX(n), 0) AS n FROM (SELECT COUNT(*) AS n FROM coupon GROUP BY customer_id) AS c").Scan(&most).Error; err != nil {
		t.Fatal(err)
	}
	if n := modeltest.Count[model.Coupon](t, h.db); n != 30 || h.count(b.ID).Issued != 30 || most.N > 2 {
		t.Errorf("%d coupons, %d counted, %d of one customer on one day", n, h.count(b.ID).Issued, most.N)
	}
}

// TestDevices: one device takes one, whoever holds it; signs of fraud hold an issue back.
func TestDevices(t *testing.T) {
	h := newHouse(t)
	one := h.batch(func(in *BatchInput) { in.PerDevice = 1 })
	from := func(b *model.CouponBatch, customer int64, device string) (*model.Coupon, error) {
		return h.Issue(t.Context(), IssueInput{BatchID: b.ID, CustomerID: customer, Source: SourceClaim, Device: device, Address: "10.1.1.1", Key: h.key("customer")})
	}
	must(from(one, 7, "phone"))
	if _, err := from(one, 8, "phone"); !errors.Is(err, ErrDevice) {
		t.Errorf("the same device: %v", err)
	}
	must(from(one, 9, "other phone"))
	watched := h.batch(func(in *BatchInput) { in.ReviewAt = 40 })
	for i, want := range []string{Usable, InReview} {
		if c := must(from(watched, int64(7+i), "phone")); c.State != want {
			t.Errorf("coupon %d of the device is %s, score %d", i+1, c.State, c.Score)
		}
	}
	var raw []model.CouponOrigin
	if err := h.db.Find(&raw).Error; err != nil || len(raw) == 0 {
		t.Fatal(err)
	}
	if s := fmt.Sprint(raw); len(raw[0].Device) != hashSize || s == "" {
		t.Error("devices are kept as they are")
	}
}
