package api

import (
	"fmt"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/service/apikey"
)

// TestCouponCentreThroughTheFace: what may be taken, what one has, and under which tab it stands as it is used and expires.
func TestCouponCentreThroughTheFace(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	type offer struct {
		ID    string
		Had   int64
		Limit bool
	}
	centre := func() offer {
		for _, o := range decode[struct{ Items []offer }](t, m.call("GET", "/coupon-offers", token, nil).Body.Bytes()).Items {
			if o.ID == m.ids.Of(model.KindCouponBatch, couponBatchID) {
				return o
			}
		}
		t.Fatal("the batch is not in the centre")
		return offer{}
	}
	if o := centre(); o.Had != 0 || o.Limit {
		t.Errorf("before %+v", o)
	}
	ids := make([]string, 2)
	for i := range ids {
		rec := m.call("POST", "/coupon-offers/"+centre().ID+"/claim", token, map[string]any{"device": "d"})
		if rec.Code != 200 {
			t.Fatalf("claim: %d %s", rec.Code, rec.Body)
		}
		ids[i] = decode[struct{ ID string }](t, rec.Body.Bytes()).ID
	}
	if o := centre(); o.Had != 2 {
		t.Errorf("after %+v", o)
	}
	tab := func(name string) (in []string) {
		for _, c := range decode[struct{ Items []struct{ ID string } }](t, m.patient("GET", "/coupons?state="+name, token, nil).Body.Bytes()).Items {
			in = append(in, c.ID)
		}
		return in
	}
	holds := func(when string, usable, used, expired int) {
		t.Helper()
		if a, b, c := tab("usable"), tab("used"), tab("expired"); len(a) != usable || len(b) != used || len(c) != expired {
			t.Errorf("%s: usable %v, used %v, expired %v", when, a, b, c)
		}
	}
	holds("at first", 2, 0, 0)
	p := m.partner(apikey.MayRedeemCoupons)
	pass := decode[struct{ Code string }](t, m.call("GET", "/coupons/"+ids[0]+"/pass", token, nil).Body.Bytes()).Code
	bill := map[string]any{"order": "T1", "shop": "一店", "lines": []any{map[string]any{"line": 1, "product": "A", "quantity": 2, "price_fen": 1500}}}
	if rec := m.do(p.signed("POST", "/coupons/redeem", map[string]any{"pass": pass, "bill": bill})); rec.Code != 200 {
		t.Fatalf("redeem: %d %s", rec.Code, rec.Body)
	}
	holds("after one was used", 1, 1, 0)
	if err := m.db.Model(&model.Coupon{}).Where("state = 'usable'").Updates(map[string]any{"state": "expired"}).Error; err != nil {
		t.Fatal(err)
	}
	holds("after the other expired", 0, 1, 1)
}

// TestShopsReserveAndRelease: a shop holds coupons for an order, uses what it holds, or lets it go; nobody else gets it meanwhile.
func TestShopsReserveAndRelease(t *testing.T) {
	m := newMini(t)
	_, id := m.shopper("c1")
	p := m.partner(apikey.MayRedeemCoupons, apikey.MayRefundCoupons)
	ask := func(order string) map[string]any {
		return map[string]any{
			"customer": map[string]any{"kind": "openid", "scope": "wx1", "value": "oc1"}, "coupons": []string{id}, "ttl_seconds": 60,
			"bill": map[string]any{"order": order, "lines": []any{map[string]any{"line": 1, "product": "A", "quantity": 2, "price_fen": 1500}}},
		}
	}
	reserve := func(order string) string {
		t.Helper()
		rec := m.do(p.signed("POST", "/coupons/reserve", ask(order)))
		use := decode[struct{ ID, State string }](t, rec.Body.Bytes())
		if rec.Code != 200 || use.State != "reserved" {
			t.Fatalf("reserve: %d %s", rec.Code, rec.Body)
		}
		return use.ID
	}
	first := reserve("R1")
	problemOf(t, "for another order meanwhile", m.do(p.signed("POST", "/coupons/reserve", ask("R2"))), 409, "coupon.refused")
	if rec := m.do(p.signed("POST", "/coupon-uses/"+first+"/release", map[string]any{})); rec.Code != 200 {
		t.Fatalf("release: %d %s", rec.Code, rec.Body)
	}
	second := reserve("R2")
	other := m.partner(apikey.MayRedeemCoupons)
	problemOf(t, "another system's", m.do(other.signed("POST", "/coupon-uses/"+second+"/redeem", map[string]any{})), 404, "coupon.no_use")
	rec := m.do(p.signed("POST", "/coupon-uses/"+second+"/redeem", map[string]any{}))
	if use := decode[struct{ State string }](t, rec.Body.Bytes()); rec.Code != 200 || use.State != "redeemed" {
		t.Errorf("redeem what is reserved: %d %s", rec.Code, rec.Body)
	}
	if rec := m.do(p.signed("POST", "/coupon-uses/"+second+"/roll-back", map[string]any{})); rec.Code != 200 {
		t.Errorf("roll back: %d %s", rec.Code, rec.Body)
	}
	third := reserve("R3")
	m.clock.Advance(61 * time.Second)
	problemOf(t, "after its time", m.do(p.signed("POST", "/coupon-uses/"+third+"/redeem", map[string]any{})), 409, "coupon.reservation_over")
}

// TestClubAndDrawThroughTheFace: a customer checks in, sees account, history and tiers, spends points on a gift, and tries a
// draw whose seed is promised before and told after.
func TestClubAndDrawThroughTheFace(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	var visitor model.Customer
	if err := m.db.Order("id DESC").Take(&visitor).Error; err != nil {
		t.Fatal(err)
	}
	staff := func(method, path string, body any, want int) []byte {
		t.Helper()
		rec := m.do(request{method: method, path: "/api/console" + path, token: m.tokens["admin"], body: body})
		if rec.Code != want {
			t.Fatalf("%s %s: %d %s", method, path, rec.Code, rec.Body)
		}
		return rec.Body.Bytes()
	}
	staff("PUT", "/club-setting", map[string]any{
		"version": 0, "check_in": []int{4}, "check_in_valid_days": 30, "tier_window_days": 365, "tier_keep_days": 365, "tier_grace_days": 7,
		"tiers": []any{map[string]any{"name": "银卡", "threshold_fen": 10000, "multiplier_bp": 12000}},
	}, 204)
	ok := func(method, path string, body any) []byte {
		t.Helper()
		rec := m.patient(method, path, token, body)
		if rec.Code != 200 {
			t.Fatalf("%s %s: %d %s", method, path, rec.Code, rec.Body)
		}
		return rec.Body.Bytes()
	}
	if in := decode[struct{ Points, Streak int64 }](t, ok("POST", "/club/check-ins", nil)); in.Points != 4 || in.Streak != 1 {
		t.Errorf("checked in %+v", in)
	}
	problemOf(t, "a second time", m.patient("POST", "/club/check-ins", token, nil), 409, "loyalty.checked_in")
	staff("POST", "/customers/"+m.ids.Of(model.KindCustomer, visitor.ID)+"/points/corrections", map[string]any{"points": 100, "reason": "补偿", "request_id": "request-1"}, 200)
	club := func() (points int64, next string) {
		c := decode[struct {
			Points int64
			Next   struct{ Name string }
		}](t, ok("GET", "/club", nil))
		return c.Points, c.Next.Name
	}
	if points, next := club(); points != 104 || next != "银卡" {
		t.Errorf("%d points, next %s", points, next)
	}
	if all := decode[struct{ Items []struct{ Name string } }](t, ok("GET", "/club/tiers", nil)).Items; len(all) != 1 {
		t.Errorf("tiers %v", all)
	}
	ok("POST", "/club/rewards/"+m.ids.Of(model.KindReward, giftID)+"/redemptions", map[string]any{"request_id": "request-2"})
	if list := decode[struct{ Items []struct{ State string } }](t, ok("GET", "/club/redemptions", nil)).Items; len(list) != 1 || list[0].State != "to_hand_over" {
		t.Errorf("redemptions %v", list)
	}
	// A draw: two tries a day at ten points each, and what is won for sure is five of them.
	d := decode[struct{ ID string }](t, staff("POST", "/draws", map[string]any{
		"name": "大转盘", "style": "wheel", "from": noon, "until": noon.AddDate(0, 0, 1), "per_day": 2, "price": 10, "need_check_in": true,
		"prizes": []any{map[string]any{"name": "5 积分", "kind": "points", "points": 5, "odds": 1_000_000}},
	}, 200))
	staff("PUT", "/draws/"+d.ID+"/state", map[string]any{"state": "active"}, 204)
	shown := decode[struct{ Commitment, Seed string }](t, ok("GET", "/draws/"+d.ID, nil))
	if len(shown.Commitment) != 64 || shown.Seed != "" {
		t.Errorf("before its end %+v", shown)
	}
	for i := range 2 {
		ok("POST", "/draws/"+d.ID+"/tries", map[string]any{"request_id": fmt.Sprint("my-try-", i)})
	}
	problemOf(t, "a third", m.patient("POST", "/draws/"+d.ID+"/tries", token, map[string]any{"request_id": "my-try-2"}), 409, "draw.day_limit")
	if points, _ := club(); points != 104-30-2*10+2*5 {
		t.Errorf("%d points in the end", points)
	}
	staff("PUT", "/draws/"+d.ID+"/state", map[string]any{"state": "ended"}, 204)
	proof := decode[struct {
		Seed  string
		Tries []struct{ Nonce string }
	}](t, ok("GET", "/draws/"+d.ID+"/proof", nil))
	if len(proof.Seed) != 64 || len(proof.Tries) != 2 {
		t.Errorf("proof %+v", proof)
	}
	if c := decode[struct{ Tries, Wrong int64 }](t, staff("GET", "/draws/"+d.ID+"/check", nil, 200)); c.Tries != 2 || c.Wrong != 0 {
		t.Errorf("check %+v", c)
	}
	if list := decode[struct{ Items []struct{ Kind string } }](t, ok("GET", "/club/points", nil)).Items; len(list) != 7 {
		t.Errorf("history %v", list) // check-in, correction, gift, two tries, two prizes
	}
}
