package api

import (
	"net/http"
	"testing"

	"zhiyin/model"
)

// TestSidebarShowsCouponsAndPoints: beside a chat one sees what a customer holds and how their points moved, and gives a
// coupon, once for a key; of a customer whom one does not follow one sees nothing.
func TestSidebarShowsCouponsAndPoints(t *testing.T) {
	c := newCompany(t)
	b := c.browser().enter("sales-1")
	path := "/customers/" + c.ids.Of(model.KindCustomer, ownCustomer)
	account := decode[struct{ Balance, Earned, Soon int64 }](t, b.call("GET", path+"/points", nil).Body.Bytes())
	if account.Balance != 70 || account.Earned != 100 {
		t.Errorf("account %+v", account)
	}
	entries := decode[struct {
		Items []struct{ Kind, Reason string }
	}](t, b.call("GET", path+"/points/entries?limit=1", nil).Body.Bytes()).Items
	if len(entries) != 1 || entries[0].Kind != "spend" || entries[0].Reason != "杯子" {
		t.Errorf("entries %+v", entries)
	}
	type held struct {
		ID, State, Source, Step string
		Campaign                string `json:"campaign_id"`
		Journey                 string `json:"journey_id"`
		Code                    string `json:"channel_code_id"`
		Staff                   string `json:"staff_id"`
	}
	list := decode[struct{ Items []held }](t, b.call("GET", path+"/coupons?state=usable", nil).Body.Bytes()).Items
	if len(list) != 2 || list[0].Step != "s1" || list[0].Campaign != c.ids.Of(model.KindCampaign, runningID) || list[0].Journey != c.ids.Of(model.KindJourney, journeyID) ||
		list[0].Code != c.ids.Of(model.KindChannelCode, codeID) || list[0].Staff != c.ids.Of(model.KindStaff, salesID) {
		t.Errorf("coupons %+v", list)
	}
	give := func() held {
		rec := c.do(request{
			method: "POST", path: "/api/sidebar" + path + "/coupons", token: c.beside["sales"], header: http.Header{"Idempotency-Key": {"give-once-1"}},
			body: map[string]any{"batch_id": c.ids.Of(model.KindCouponBatch, couponBatchID)},
		})
		if rec.Code != 200 {
			t.Fatalf("give: %d %s", rec.Code, rec.Body)
		}
		return decode[held](t, rec.Body.Bytes())
	}
	if one, again := give(), give(); one.ID != again.ID || one.Source != "staff" || one.Staff != c.ids.Of(model.KindStaff, salesID) {
		t.Errorf("given %+v, and again %+v", one, again)
	}
	if n := len(decode[struct{ Items []held }](t, b.call("GET", path+"/coupons?state=usable", nil).Body.Bytes()).Items); n != 3 {
		t.Errorf("%d coupons after one was given", n)
	}
	other := "/customers/" + c.ids.Of(model.KindCustomer, careCustomer)
	for path, code := range map[string]string{"/points": "loyalty.not_found", "/points/entries": "loyalty.not_found", "/coupons": "customer.not_found"} {
		problemOf(t, "somebody else's "+path, b.call("GET", other+path, nil), 404, code)
	}
}
