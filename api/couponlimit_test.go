package api

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"testing"
	"time"

	"zhiyin/model"
)

// TestS23_LimitsThroughTheFace: stock, per customer, per day, per device and the time to claim, each by the clock and the
// rows of the database, each with its own answer. (That they hold in a rush is TestV23_LimitsRaced.)
func TestS23_LimitsThroughTheFace(t *testing.T) {
	m := newMini(t)
	past, soon := noon.Add(-time.Hour), noon.AddDate(0, 0, 1)
	path := "/coupon-offers/" + m.ids.Of(model.KindCouponBatch, couponBatchID) + "/claim"
	claim := func(token string) *httptest.ResponseRecorder {
		return m.patient("POST", path, token, map[string]any{"device": "d"})
	}
	for i, tt := range []struct {
		name   string
		set    map[string]any // of the batch
		before int            // claims of the same customer that succeed
		code   string         // of the problem with the next
	}{
		{"as many as one may have", map[string]any{"per_customer": 2}, 2, "coupon.limit"},
		{"as many as one may have a day", map[string]any{"per_day": 2}, 2, "coupon.day_limit"},
		{"the time is over", map[string]any{"claim_until": &past}, 0, "coupon.closed"},
		{"the time has not come", map[string]any{"claim_from": &soon}, 0, "coupon.closed"},
		{"no stock is left", map[string]any{"stock": 8}, 2, "coupon.sold_out"}, // two were issued at first, four here
	} {
		set := map[string]any{"version": i + 2, "stock": 100, "per_customer": 5, "per_day": 0, "claim_from": nil, "claim_until": nil}
		maps.Copy(set, tt.set)
		err := m.db.Model(&model.CouponBatch{ID: couponBatchID}).UpdateColumns(set).Error
		if err == nil {
			err = m.db.Model(&model.CouponCount{}).Where("batch_id = ?", couponBatchID).UpdateColumns(map[string]any{"version": i + 2, "stock": set["stock"]}).Error
		}
		if err != nil {
			t.Fatal(err)
		}
		token := m.customer(fmt.Sprint("limited-", i))
		for range tt.before {
			if rec := claim(token); rec.Code != 200 {
				t.Fatalf("%s: within it: %d %s", tt.name, rec.Code, rec.Body)
			}
		}
		problemOf(t, tt.name, claim(token), 409, tt.code)
	}
	problemOf(t, "and for everybody else", claim(m.customer("late")), 409, "coupon.sold_out")
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
