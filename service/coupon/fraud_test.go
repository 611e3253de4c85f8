package coupon

import (
	"fmt"
	"testing"
	"time"

	"zhiyin/model"
)

// TestSignsOfFraud: what makes an issue suspicious holds it for a person: many from one address within minutes, a device that
// comes again, and customers who claim, use, and have their money back again and again.
func TestSignsOfFraud(t *testing.T) {
	h := newHouse(t)
	watched := func(at int) *model.CouponBatch {
		return h.batch(func(in *BatchInput) { in.ReviewAt, in.PerCustomer = at, 0 })
	}
	from := func(b *model.CouponBatch, customer int64, device, address string) *model.Coupon {
		t.Helper()
		return must(h.Issue(t.Context(), IssueInput{BatchID: b.ID, CustomerID: customer, Source: SourceClaim, Device: device, Address: address, Key: h.key("customer")}))
	}
	t.Run("velocity of an address", func(t *testing.T) {
		a, other := watched(30), watched(30)
		for i := range int64(20) { // of two batches together
			if c := from([]*model.CouponBatch{a, other}[i%2], 100+i, "", "10.0.0.1"); c.State != Usable {
				t.Fatalf("coupon %d is %s, score %d", i+1, c.State, c.Score)
			}
		}
		if c := from(a, 121, "", "10.0.0.1"); c.State != InReview || c.Score != 30 {
			t.Errorf("the next from there is %s, score %d", c.State, c.Score)
		}
		if c := from(a, 122, "", "10.0.0.2"); c.State != Usable {
			t.Errorf("from elsewhere it is %s", c.State)
		}
		h.clock.Advance(burstWindow + time.Millisecond)
		if c := from(a, 123, "", "10.0.0.1"); c.State != Usable {
			t.Errorf("later it is %s, score %d", c.State, c.Score)
		}
	})
	t.Run("velocity of a customer", func(t *testing.T) {
		plain, b := h.batch(func(in *BatchInput) { in.PerCustomer = 0 }), watched(30)
		for i := range 20 {
			if c := from([]*model.CouponBatch{plain, b}[i%2], 150, "", ""); c.State != Usable {
				t.Fatalf("coupon %d is %s, score %d", i+1, c.State, c.Score)
			}
		}
		if c := from(b, 150, "", ""); c.State != InReview || c.Score != 30 {
			t.Errorf("the next is %s, score %d", c.State, c.Score)
		}
		given := must(h.Issue(t.Context(), IssueInput{BatchID: b.ID, CustomerID: 150, Source: SourceConsole, Key: h.key("console")}))
		if given.State != Usable {
			t.Errorf("what somebody else is given is %s", given.State)
		}
		h.clock.Advance(burstWindow + time.Millisecond)
		if c := from(b, 150, "", ""); c.State != Usable {
			t.Errorf("later it is %s, score %d", c.State, c.Score)
		}
	})
	t.Run("velocity of a device", func(t *testing.T) {
		var list []*model.CouponBatch
		for range 21 {
			list = append(list, watched(30))
		}
		for i, b := range list[:20] {
			if c := from(b, int64(160+i), "tablet", ""); c.State != Usable {
				t.Fatalf("coupon %d is %s, score %d", i+1, c.State, c.Score)
			}
		}
		if c := from(list[20], 180, "tablet", ""); c.State != InReview || c.Score != 30 {
			t.Errorf("the next is %s, score %d", c.State, c.Score)
		}
		h.clock.Advance(burstWindow + time.Millisecond)
		if c := from(list[20], 181, "tablet", ""); c.Score != 40 { // device_again alone
			t.Errorf("later it is %s, score %d", c.State, c.Score)
		}
	})
	t.Run("a device again and again", func(t *testing.T) {
		b := watched(80)
		for i, want := range []string{Usable, Usable, Usable, InReview} {
			if c := from(b, 200+int64(i), "phone", ""); c.State != want {
				t.Errorf("coupon %d of the device is %s, score %d", i+1, c.State, c.Score)
			}
		}
	})
	t.Run("claim and refund", func(t *testing.T) {
		plain, b := h.batch(func(in *BatchInput) { in.PerCustomer = 0 }), watched(50)
		for i := range 3 {
			if c := from(b, 7, "", ""); c.State != Usable {
				t.Errorf("after %d refunds it is %s, score %d", i, c.State, c.Score)
			}
			u := must(h.redeem(7, bill(fmt.Sprint("loop", i), 5000), from(plain, 7, "", "").ID))
			must(h.RollBack(t.Context(), RollBackInput{Key: h.key("key:1"), UseID: u.ID}))
		}
		held := from(b, 7, "", "")
		if held.State != InReview || held.Score != 50 {
			t.Errorf("after three refunds it is %s, score %d", held.State, held.Score)
		}
		if _, err := h.redeem(7, bill("loop-x", 5000), held.ID); err == nil {
			t.Error("it was used before a person decided")
		}
		if c := from(b, 8, "", ""); c.State != Usable {
			t.Errorf("somebody else's is %s", c.State)
		}
		h.clock.Advance(returnWindow + time.Hour)
	})
	h.reconciles()
}
