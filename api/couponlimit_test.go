package api

import (
	"testing"
	"time"

	"zhiyin/model"
)

// TestS23_LimitsThroughTheFace: stock, per customer, per day, per device and the time to claim, each by the clock and the
// rows of the database, each with its own answer. (That they hold in a rush is TestV23_LimitsRaced.)
func TestS23_LimitsThroughTheFace(t *testing.T) {
	past, soon := noon.Add(-time.Hour), noon.AddDate(0, 0, 1)
	for name, tt := range map[string]struct {
		set  map[string]any // of the batch
		code string         // of the problem that the third claim meets: two go before it, by the same customer from the same device
		who  string         // makes it; empty: the same customer
	}{
		"no stock is left":              {map[string]any{"stock": 4}, "coupon.sold_out", "c2"}, // two were issued before
		"as many as one may have":       {map[string]any{"per_customer": 2}, "coupon.limit", ""},
		"as many as one may have a day": {map[string]any{"per_day": 2}, "coupon.day_limit", ""},
		"another customer's may go on":  {map[string]any{"per_day": 2, "per_customer": 2}, "", "c2"},
		"the time is over":              {map[string]any{"claim_until": &past}, "coupon.closed", ""},
		"the time has not come":         {map[string]any{"claim_from": &soon}, "coupon.closed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMini(t)
			set := tt.set
			set["version"] = 2
			count := map[string]any{"version": 2}
			if n, ok := set["stock"]; ok {
				count["stock"] = n
			}
			if err := m.db.Model(&model.CouponBatch{ID: couponBatchID}).UpdateColumns(set).Error; err != nil {
				t.Fatal(err)
			}
			if err := m.db.Model(&model.CouponCount{}).Where("batch_id = ?", couponBatchID).UpdateColumns(count).Error; err != nil {
				t.Fatal(err)
			}
			path := "/coupon-offers/" + m.ids.Of(model.KindCouponBatch, couponBatchID) + "/claim"
			first := m.customer("c1")
			for range 2 {
				if tt.code == "coupon.closed" {
					break
				}
				if rec := m.patient("POST", path, first, map[string]any{"device": "d"}); rec.Code != 200 {
					t.Fatalf("within the limit: %d %s", rec.Code, rec.Body)
				}
			}
			third := first
			if tt.who != "" {
				third = m.customer(tt.who)
			}
			rec := m.patient("POST", path, third, map[string]any{"device": "d"})
			if tt.code == "" {
				if rec.Code != 200 {
					t.Errorf("%d %s", rec.Code, rec.Body)
				}
				return
			}
			problemOf(t, "the third", rec, 409, tt.code)
		})
	}
}

// TestS31_ShownCodesExpireAndServeOnePurpose: what a customer shows as a picture is good for a minute, for what it was made,
// and while the coupon is theirs. It is refused as a conflict, not as forbidden: who shows it may well redeem coupons.
func TestS31_ShownCodesExpireAndServeOnePurpose(t *testing.T) {
	m := newMini(t)
	token, id := m.shopper("c1")
	till := m.browser().enter("service-1")
	show := func() string {
		return decode[struct{ Code string }](t, m.call("GET", "/coupons/"+id+"/pass", token, nil).Body.Bytes()).Code
	}
	sale := func(pass string) map[string]any {
		return map[string]any{"pass": pass, "shop": "杭州一店", "amount_fen": 5000}
	}
	pass := show()
	problemOf(t, "as a code that makes a coupon", m.patient("POST", "/coupon-codes", token, map[string]any{"code": pass}), 404, "coupon.code")
	pass = show()
	problemOf(t, "as a gift", m.patient("POST", "/coupon-gifts/take", m.customer("c2"), map[string]any{"code": pass}), 404, "coupon.code")
	pass = show()
	if rec := till.call("POST", "/passes/verify", sale(pass)); rec.Code != 200 {
		t.Fatalf("shown in time: %d %s", rec.Code, rec.Body)
	}
	m.clock.Advance(36 * time.Second)
	problemOf(t, "too late", till.call("POST", "/passes/verify", sale(pass)), 409, "coupon.pass")
	problemOf(t, "made up", till.call("POST", "/passes/verify", sale(pass[:len(pass)-1]+"A")), 409, "coupon.pass")
}
