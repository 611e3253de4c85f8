package journey

import (
	"encoding/json"
	"fmt"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/coupon"
	"zhiyin/service/customer"
	"zhiyin/service/loyalty"
	"zhiyin/service/segment"
	"zhiyin/service/vault/vaulttest"
)

// TestAStepGivesCoupons: each gets one as long as there are any, and a rehearsal says so beforehand.
func TestAStepGivesCoupons(t *testing.T) {
	h := newHouse(t, 5)
	coupons := coupon.New(coupon.Deps{
		DB: h.db, Events: h.Events, Queue: h.Queue, Now: h.clock.Now, Zone: shanghai, Persons: h.Customers.(*customer.Service), Segments: segment.Membership{DB: h.db},
		Vault: vaulttest.New(t), Key: []byte("0123456789abcdef0123456789abcdef"),
	})
	until := noon.AddDate(0, 1, 0)
	b, err := coupons.CreateBatch(t.Context(), 1, coupon.BatchInput{Name: "十元券", Kind: "amount_off", Terms: json.RawMessage(`{"off_fen":1000}`), Stock: 3, PerCustomer: 1, ValidUntil: &until})
	if err == nil {
		b, err = coupons.Submit(t.Context(), 1, b.ID)
	}
	if err != nil || b.State != coupon.BatchActive {
		t.Fatalf("got %+v, %v", b, err)
	}
	all := h.list(1, 2, 3, 4, 5)
	text := journey(fmt.Sprintf(`{"kind":"segment_entered","with":{"segment":"%d","whom":"now"}}`, all), "",
		fmt.Sprintf(`{"id":"gift","step":"coupon","with":{"batch":"%d"},"next":{"issued":"tell","refused":"sorry"}}`, b.ID), message("tell", "end"), message("sorry", "end"), theEnd)
	if problems, err := h.Check(t.Context(), h.read(text)); err != nil || len(problems) != 1 || problems[0].Place != "nodes[0].step" {
		t.Errorf("in a house without coupons: %v, %v", problems, err)
	}
	h.Coupons = coupons
	row, err := h.Create(t.Context(), Input{Name: "送券", Definition: h.read(text)})
	if err != nil {
		t.Fatal(err)
	}
	r := h.rehearse(row.ID, Asked{From: noon, Days: 1})
	if len(r.Coupons) != 1 || r.Coupons[0].Given != 3 || r.Nodes[0].Outcomes[Refused] != 2 {
		t.Errorf("rehearsed: %+v", r)
	}
	if n := modeltest.Count[model.Coupon](t, h.db); n != 0 {
		t.Fatalf("the rehearsal gave %d coupons", n)
	}
	if _, err := h.Activate(t.Context(), row.ID, 1, 0); err != nil {
		t.Fatal(err)
	}
	h.settle()
	if n := modeltest.Count[model.Coupon](t, h.db, "journey_id = ? AND step = 'gift'", row.ID); n != 3 {
		t.Errorf("%d coupons, want 3", n)
	}
	if n := modeltest.Count[model.Delivery](t, h.db, "step = 'sorry'"); n != 2 {
		t.Errorf("%d are told that there is none, want 2", n)
	}
}

// TestAStepGivesPoints: everybody gets them once, and a rehearsal says beforehand how many.
func TestAStepGivesPoints(t *testing.T) {
	h := newHouse(t, 3)
	club := loyalty.New(loyalty.Deps{DB: h.db, Events: h.Events, Now: h.clock.Now, Zone: shanghai})
	all := h.list(1, 2, 3)
	text := journey(fmt.Sprintf(`{"kind":"segment_entered","with":{"segment":"%d","whom":"now"}}`, all), "",
		`{"id":"gift","step":"points","with":{"points":20,"days":30,"reason":"新客礼"},"next":{"next":"end"}}`, theEnd)
	if problems, err := h.Check(t.Context(), h.read(text)); err != nil || len(problems) != 1 || problems[0].Place != "nodes[0].step" {
		t.Errorf("in a house without points: %v, %v", problems, err)
	}
	h.Points = club
	row, err := h.Create(t.Context(), Input{Name: "送积分", Definition: h.read(text)})
	if err != nil {
		t.Fatal(err)
	}
	if r := h.rehearse(row.ID, Asked{From: noon, Days: 1}); r.Points != 60 || modeltest.Count[model.PointsEntry](t, h.db) != 0 {
		t.Errorf("rehearsed: %d points", r.Points)
	}
	if _, err := h.Activate(t.Context(), row.ID, 1, 0); err != nil {
		t.Fatal(err)
	}
	h.settle()
	for customer := range int64(3) {
		if a, err := club.Account(t.Context(), nil, customer+1); err != nil || a.Balance != 20 {
			t.Errorf("customer %d has %d points, %v", customer+1, a.Balance, err)
		}
	}
}
