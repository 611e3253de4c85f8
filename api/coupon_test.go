package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/service/apikey"
	"zhiyin/service/coupon"
	"zhiyin/service/vault"
	"zhiyin/service/vault/vaulttest"
)

// offers is a batch of each state that matters, coupons of the customer of sales, bulk work, and the ledger.
func offers(t testing.TB) []any {
	until := noon.AddDate(0, 1, 0)
	batch := func(id int64, state string) []any {
		return []any{
			&model.CouponBatch{
				ID: id, Name: "十元券", Kind: "amount_off", Terms: `{"off_fen":1000}`, State: state, Version: 1, Stock: 100, PerCustomer: 5, ValidUntil: &until,
				Rules: fmt.Sprintf(`{"not_products":[%d],"staff_daily":3}`, second), Claimable: true, Transferable: true,
				CreatedBy: operatorID, SubmittedBy: operatorID, CreatedAt: noon, UpdatedAt: noon,
			},
			&model.CouponCount{BatchID: id, State: state, Version: 1, Stock: 100, Issued: 2},
			&model.CouponBudget{BatchID: id},
		}
	}
	held := func(id int64, number int, state string) *model.Coupon {
		return &model.Coupon{
			ID: id, BatchID: couponBatchID, CustomerID: ownCustomer, ClaimerID: ownCustomer, Number: number, State: state, Version: 1, ValidFrom: noon, ValidUntil: until,
			Source: coupon.SourceStaff, StaffID: salesID, ChannelCodeID: codeID, CampaignID: runningID, JourneyID: journeyID, Step: "s1", CreatedAt: noon, MovedAt: noon,
		}
	}
	entry := func(id int64, state string) *model.CouponEntry {
		return &model.CouponEntry{CouponID: id, Version: 1, BatchID: couponBatchID, CustomerID: ownCustomer, Act: "issue", State: state, StaffID: salesID, At: noon}
	}
	sealed := vaulttest.New(t).Seal(base64.StdEncoding.EncodeToString([]byte("secret")), vault.Place{
		Table: "coupon_run", Column: "sealed_secret", Row: fmt.Sprintf("%d:%d", couponBatchID, noon.UnixMilli()),
	})
	run := func(id int64) *model.CouponRun {
		return &model.CouponRun{
			ID: id, Kind: coupon.RunCodes, BatchID: couponBatchID, StaffID: operatorID, State: coupon.RunRunning, SealedSecret: sealed, Total: 10, Done: 5, Changed: 5,
			Position: 5, CreatedAt: noon, UpdatedAt: noon,
		}
	}
	over := run(second) // whoever follows it is let go at once
	over.State, over.Done, over.Changed, over.Position, over.EndedAt = coupon.RunDone, 10, 10, 10, &noonRow
	findings := fmt.Sprintf(`[{"batch_id":%d,"coupon_id":%d,"what":"state","want":0,"got":1}]`, couponBatchID, couponID)
	rows := []any{
		held(couponID, 1, coupon.Usable), held(heldCouponID, 2, coupon.InReview), held(spareCouponID, 3, coupon.Usable), entry(couponID, coupon.Usable), entry(heldCouponID, coupon.InReview),
		run(codesRunID), over, &model.CouponGiver{BatchID: couponBatchID, StaffID: salesID, Day: "2026-11-22", Given: 2},
		&model.CouponGift{CouponID: couponID, BatchID: couponBatchID, CustomerID: ownCustomer, TakerID: careCustomer, State: "taken", CodeHash: []byte("a"), ExpiresAt: noon, EndedAt: &noonRow, CreatedAt: noon},
		&model.CouponGift{CouponID: couponID, BatchID: couponBatchID, CustomerID: careCustomer, TakerID: ownCustomer, State: "taken", CodeHash: []byte("b"), ExpiresAt: noon, EndedAt: &noonRow, CreatedAt: noon},
		&model.CouponBalance{ID: balanceID, StartedAt: noon, EndedAt: &noonRow, Batches: 3, Wrong: 1, Findings: findings},
		&model.CouponBalance{ID: second, StartedAt: noon, EndedAt: &noonRow, Findings: "[]"},
	}
	for id, state := range map[int64]string{couponBatchID: coupon.BatchActive, draftBatchID: coupon.BatchDraft, newDraftID: coupon.BatchDraft, waitingBatchID: coupon.BatchSubmitted} {
		rows = append(rows, batch(id, state)...)
	}
	return rows
}

// batchSettings is what an operator says of a batch, and more.
func batchSettings(more map[string]any) func(*company) map[string]any {
	return func(c *company) map[string]any {
		body := map[string]any{
			"name": "新客券", "kind": "percent_off", "terms": map[string]any{"off_bp": 1500, "cap_fen": 3000}, "stock": 50, "per_customer": 1, "valid_days": 7,
			"segment_id": c.ids.Of(model.KindSegment, segmentID), "rules": map[string]any{
				"category_ids": []string{c.ids.Of(model.KindProductCategory, categoryID)}, "hours": []any{map[string]any{"from": 600, "to": 1320}},
			},
		}
		for k, v := range more {
			body[k] = v
		}
		return body
	}
}

func init() {
	because := map[string]any{"reason": "客户投诉"}
	batch := func(row int64) call { return call{kind: model.KindCouponBatch, row: row} }
	body := func(k call, b func(*company) map[string]any) call { k.body = b; return k }
	one := func(row int64) call { return call{kind: model.KindCoupon, row: row} }
	for name, k := range map[string]call{
		"GET /coupon-kinds":                 {},
		"GET /coupon-batches":               {},
		"POST /coupon-batches":              {body: batchSettings(nil)},
		"GET /coupon-batches/{id}":          batch(couponBatchID),
		"PUT /coupon-batches/{id}":          body(batch(draftBatchID), batchSettings(map[string]any{"version": 1})),
		"POST /coupon-batches/{id}/submit":  batch(newDraftID),
		"POST /coupon-batches/{id}/approve": body(batch(waitingBatchID), with(map[string]any{"version": 1, "approve": true})),
		"PUT /coupon-batches/{id}/state":    body(batch(couponBatchID), with(map[string]any{"state": "paused"})),
		"GET /coupon-batches/{id}/report":   batch(couponBatchID),
		"POST /coupon-batches/{id}/codes":   body(batch(couponBatchID), with(map[string]any{"codes": []string{"WELCOME2026"}, "generic": true})),
		"GET /coupon-runs":                  {},
		"POST /coupon-runs": {body: func(c *company) map[string]any {
			return map[string]any{"batch_id": c.ids.Of(model.KindCouponBatch, couponBatchID), "codes": 100}
		}},
		"GET /coupon-runs/{id}":          {kind: model.KindCouponRun, row: codesRunID},
		"GET /coupon-runs/{id}/progress": {kind: model.KindCouponRun, row: second},
		"POST /coupon-runs/{id}/cancel":  {kind: model.KindCouponRun, row: codesRunID, want: 204},
		"GET /coupon-runs/{id}/codes":    {kind: model.KindCouponRun, row: codesRunID},
		"GET /coupons":                   {},
		"GET /coupons/{id}":              one(couponID),
		"POST /coupons/{id}/void":        body(one(couponID), with(because)),
		"POST /coupons/{id}/extend":      body(one(couponID), with(map[string]any{"reason": "补偿", "valid_until": "2027-03-01T00:00:00Z"})),
		"POST /coupons/{id}/transfer": body(one(couponID), func(c *company) map[string]any {
			return map[string]any{"reason": "送朋友", "customer_id": c.ids.Of(model.KindCustomer, careCustomer)}
		}),
		"POST /coupons/{id}/review":               body(one(heldCouponID), with(map[string]any{"good": true})),
		"GET /api/sidebar/coupon-offers":          {},
		"GET /api/sidebar/customers/{id}/coupons": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
		"POST /api/sidebar/customers/{id}/coupons": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, body: func(c *company) map[string]any {
			return map[string]any{"batch_id": c.ids.Of(model.KindCouponBatch, couponBatchID)}
		}},
		"POST /api/sidebar/passes/verify": {body: with(map[string]any{"pass": "notapass", "shop": "一店", "amount_fen": 5000}), want: 409},
		"POST /api/sidebar/passes/redeem": {body: with(map[string]any{"pass": "notapass", "shop": "一店", "amount_fen": 5000}), want: 409},
		"GET /coupon-entries":             {},
		"GET /coupon-gifts":               {},
		"GET /coupon-givers":              {query: "from=2026-11-01T00:00:00Z"},
		"GET /coupon-balances":            {},
		"POST /coupon-balances":           {},
	} {
		calls[name] = k
	}
}

// shopper is a customer of the mini-program with a coupon from the centre.
func (m mini) shopper(code string) (token, couponPublic string) {
	m.t.Helper()
	token = m.customer(code)
	rec := m.call("POST", "/coupon-offers/"+m.ids.Of(model.KindCouponBatch, couponBatchID)+"/claim", token, map[string]any{"device": "d-" + code})
	if rec.Code != 200 {
		m.t.Fatalf("claim: %d %s", rec.Code, rec.Body)
	}
	return token, decode[struct{ ID string }](m.t, rec.Body.Bytes()).ID
}

// TestS21_CouponsOfOthersAreNotFound: reading, showing and using somebody else's.
func TestS21_CouponsOfOthersAreNotFound(t *testing.T) {
	m := newMini(t)
	mine, id := m.shopper("c1")
	other, _ := m.shopper("c2")
	for _, path := range []string{"/coupons/" + id, "/coupons/" + id + "/pass"} {
		problemOf(t, "another's "+path, m.call("GET", path, other, nil), 404, "coupon.not_found")
		if rec := m.call("GET", path, mine, nil); rec.Code != 200 {
			t.Errorf("one's own %s: %d %s", path, rec.Code, rec.Body)
		}
	}
	rec := m.call("GET", "/coupons", other, nil)
	if strings.Contains(rec.Body.String(), id) {
		t.Error("another's coupon is listed")
	}
}

// TestS22_IdempotencyKeysThroughTheFace: needed, remembered, bound to what was asked.
func TestS22_IdempotencyKeysThroughTheFace(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	path := miniPrefix + "/coupon-offers/" + m.ids.Of(model.KindCouponBatch, couponBatchID) + "/claim"
	claim := func(key string, body map[string]any) request {
		return request{method: "POST", path: path, token: token, body: body, header: http.Header{"Idempotency-Key": {key}}}
	}
	problemOf(t, "without a key", m.do(claim("", map[string]any{})), 422, "invalid")
	first, again := m.do(claim("key-of-mine-1", map[string]any{})), m.do(claim("key-of-mine-1", map[string]any{}))
	if first.Code != 200 || first.Body.String() != again.Body.String() {
		t.Errorf("%d %s, and again %d %s", first.Code, first.Body, again.Code, again.Body)
	}
	code := request{method: "POST", path: miniPrefix + "/coupon-codes", token: token, body: map[string]any{"code": "ABCDEFGH"}, header: http.Header{"Idempotency-Key": {"key-of-mine-1"}}}
	problemOf(t, "another request under it", m.do(code), 422, "coupon.key_reused")
}

// TestS24_WrongCodesThroughTheFace: ten of them within ten minutes, then none is looked at.
func TestS24_WrongCodesThroughTheFace(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	for i := range 10 {
		problemOf(t, "a wrong code", m.patient("POST", "/coupon-codes", token, map[string]any{"code": fmt.Sprintf("WRONG-CODE-%d", i)}), 404, "coupon.code")
		m.clock.Advance(-30 * time.Second)
	}
	problemOf(t, "one more", m.patient("POST", "/coupon-codes", token, map[string]any{"code": "WRONG-CODE-X"}), 429, "coupon.guesses")
}

// TestS25_PricesOfClientsAreRefused: what a client says things cost is not taken.
func TestS25_PricesOfClientsAreRefused(t *testing.T) {
	m := newMini(t)
	token, id := m.shopper("c1")
	line := map[string]any{"product": "A", "quantity": 3}
	rec := m.call("POST", "/coupons/qualify", token, map[string]any{"lines": []any{line}})
	q := decode[struct {
		Total int64    `json:"total_fen"`
		Off   int64    `json:"off_fen"`
		Best  []string `json:"best"`
	}](t, rec.Body.Bytes())
	if rec.Code != 200 || q.Total != 1500 || q.Off != 1000 || len(q.Best) != 1 || q.Best[0] != id {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	for _, key := range []string{"price_fen", "price", "discount", "off_fen"} {
		forged := map[string]any{"product": "A", "quantity": 3, key: 1}
		problemOf(t, "a line with "+key, m.call("POST", "/coupons/qualify", token, map[string]any{"lines": []any{forged}}), 422, "invalid")
		problemOf(t, "a cart with "+key, m.call("POST", "/coupons/qualify", token, map[string]any{"lines": []any{line}, key: 1}), 422, "invalid")
	}
	problemOf(t, "what is not sold", m.call("POST", "/coupons/qualify", token, map[string]any{"lines": []any{map[string]any{"product": "Z", "quantity": 1}}}), 422, "coupon.bill")
}

// TestTillRedeemsAPass: what a customer shows is redeemed by another system, once, and taken back when it is refunded.
func TestTillRedeemsAPass(t *testing.T) {
	m := newMini(t)
	token, id := m.shopper("c1")
	p := m.partner(apikey.MayValidateCoupons, apikey.MayRedeemCoupons, apikey.MayRefundCoupons)
	show := func() string {
		return decode[struct{ Code string }](t, m.call("GET", "/coupons/"+id+"/pass", token, nil).Body.Bytes()).Code
	}
	stale := show()
	m.clock.Advance(40 * time.Second)
	bill := map[string]any{"order": "T1", "shop": "杭州一店", "lines": []any{map[string]any{"line": 1, "product": "A", "quantity": 2, "price_fen": 1500}}}
	problemOf(t, "a screenshot", m.do(p.signed("POST", "/coupons/redeem", map[string]any{"pass": stale, "bill": bill})), 409, "coupon.pass")
	rec := m.do(p.signed("POST", "/coupons/validate", map[string]any{"pass": show(), "bill": bill}))
	if pay := decode[struct {
		Pay int64 `json:"pay_fen"`
	}](t, rec.Body.Bytes()).Pay; pay != 2000 {
		t.Errorf("to pay %d: %s", pay, rec.Body)
	}
	rec = m.do(p.signed("POST", "/coupons/redeem", map[string]any{"pass": show(), "bill": bill}))
	use := decode[struct{ ID, State string }](t, rec.Body.Bytes())
	if rec.Code != 200 || use.State != "redeemed" {
		t.Fatalf("redeem: %d %s", rec.Code, rec.Body)
	}
	problemOf(t, "shown once more", m.call("GET", "/coupons/"+id+"/pass", token, nil), 409, "coupon.state")
	other := m.partner(apikey.MayRefundCoupons)
	problemOf(t, "another system's refund", m.do(other.signed("POST", "/coupon-uses/"+use.ID+"/roll-back", map[string]any{})), 404, "coupon.no_use")
	rec = m.do(p.signed("POST", "/coupon-uses/"+use.ID+"/roll-back", map[string]any{"lines": []any{map[string]any{"line": 1, "quantity": 1}}}))
	if off := decode[struct {
		Off int64 `json:"off_fen"`
	}](t, rec.Body.Bytes()).Off; off != 500 {
		t.Errorf("one of two pieces: %s", rec.Body)
	}
	if rec = m.do(p.signed("POST", "/coupon-uses/"+use.ID+"/roll-back", map[string]any{})); rec.Code != 200 {
		t.Errorf("the rest: %d %s", rec.Code, rec.Body)
	}
	show() // usable again
}

// TestS52_WhoSubmittedABatchDoesNotApproveIt through the console.
func TestS52_WhoSubmittedABatchDoesNotApproveIt(t *testing.T) {
	c := newCompany(t)
	path := "/api/console/coupon-batches/" + c.ids.Of(model.KindCouponBatch, waitingBatchID) + "/approve"
	approve := func(role string) request {
		return request{method: "POST", path: path, token: c.tokens[role], body: map[string]any{"version": 1, "approve": true}}
	}
	problemOf(t, "the operator who submitted it", c.do(approve("operator")), 403, "coupon.second_person")
	if rec := c.do(approve("admin")); rec.Code != 200 {
		t.Errorf("somebody else: %d %s", rec.Code, rec.Body)
	}
}

// TestStaffRedeemInTheShop: what a customer shows is verified and redeemed by staff, once, with the shop recorded.
func TestStaffRedeemInTheShop(t *testing.T) {
	m := newMini(t)
	token, id := m.shopper("c1")
	b := m.browser().enter("service-1")
	pass := decode[struct{ Code string }](t, m.call("GET", "/coupons/"+id+"/pass", token, nil).Body.Bytes()).Code
	sale := map[string]any{"pass": pass, "shop": "杭州一店", "amount_fen": 4000, "lines": []any{map[string]any{"product": "A", "quantity": 2}}}
	rec := b.call("POST", "/passes/verify", sale)
	if got := decode[struct {
		Pay int64 `json:"pay_fen"`
	}](t, rec.Body.Bytes()); rec.Code != 200 || got.Pay != 4000 {
		t.Errorf("verify: %d %s", rec.Code, rec.Body)
	}
	if rec = b.call("POST", "/passes/redeem", sale); rec.Code != 200 {
		t.Fatalf("redeem: %d %s", rec.Code, rec.Body)
	}
	var use model.CouponUse
	if err := m.db.Where("shop = ?", "杭州一店").Take(&use).Error; err != nil || use.State != "redeemed" || use.StaffID != serviceID {
		t.Errorf("use %+v, %v", use, err)
	}
	problemOf(t, "once more", b.call("POST", "/passes/redeem", sale), 409, "coupon.refused")
}

// TestCustomersGiveCouponsAway: one gives a coupon by a code, another takes it, and neither sees more of the other.
func TestCustomersGiveCouponsAway(t *testing.T) {
	m := newMini(t)
	giver, id := m.shopper("c1")
	taker := m.customer("c2")
	problemOf(t, "somebody else's", m.call("POST", "/coupons/"+id+"/gifts", taker, map[string]any{}), 404, "coupon.not_found")
	type gift struct {
		ID, State, Code string
		Coupon          struct{ Name string }
	}
	rec := m.call("POST", "/coupons/"+id+"/gifts", giver, map[string]any{"minutes": 60})
	g := decode[gift](t, rec.Body.Bytes())
	if rec.Code != 200 || g.State != "open" || g.Code == "" || g.Coupon.Name != "十元券" {
		t.Fatalf("give: %d %s", rec.Code, rec.Body)
	}
	code := map[string]any{"code": g.Code}
	look := func(token string) bool {
		rec := m.call("POST", "/coupon-gifts/look", token, code)
		if rec.Code != 200 {
			t.Errorf("look: %d %s", rec.Code, rec.Body)
		}
		return decode[struct{ Own bool }](t, rec.Body.Bytes()).Own
	}
	if !look(giver) || look(taker) {
		t.Error("whose it is")
	}
	problemOf(t, "one's own", m.call("POST", "/coupon-gifts/take", giver, code), 409, "coupon.gift_own")
	problemOf(t, "withdrawn by another", m.call("POST", "/coupon-gifts/"+g.ID+"/withdraw", taker, nil), 404, "coupon.no_gift")
	if rec = m.call("POST", "/coupon-gifts/take", taker, code); rec.Code != 200 || decode[gift](t, rec.Body.Bytes()).ID != id {
		t.Fatalf("take: %d %s", rec.Code, rec.Body)
	}
	problemOf(t, "the giver's no more", m.call("GET", "/coupons/"+id, giver, nil), 404, "coupon.not_found")
	if rec = m.call("GET", "/coupons/"+id+"/pass", taker, nil); rec.Code != 200 {
		t.Errorf("shown by the taker: %d %s", rec.Code, rec.Body)
	}
	list := decode[struct{ Items []gift }](t, m.call("GET", "/coupon-gifts", giver, nil).Body.Bytes()).Items
	if len(list) != 1 || list[0].State != "taken" || list[0].Code != "" {
		t.Errorf("gifts %+v", list)
	}
	// Taken back, it is one's own again.
	rec = m.call("POST", "/coupons/"+id+"/gifts", taker, map[string]any{})
	again := decode[gift](t, rec.Body.Bytes())
	if rec = m.call("POST", "/coupon-gifts/"+again.ID+"/withdraw", taker, nil); rec.Code != 200 {
		t.Errorf("withdraw: %d %s", rec.Code, rec.Body)
	}
	problemOf(t, "what was taken back", m.call("POST", "/coupon-gifts/take", giver, map[string]any{"code": again.Code}), 409, "coupon.gift_over")
	seen := m.do(request{method: "GET", path: "/api/console/coupon-gifts?coupon_id=" + id, token: m.tokens["operator"]}).Body.String()
	if strings.Count(seen, "giver_id") != 2 || strings.Contains(seen, normal(again.Code)) || strings.Contains(seen, again.Code) {
		t.Errorf("the console sees %s", seen)
	}
}

func normal(code string) string { return strings.ReplaceAll(code, "-", "") }
