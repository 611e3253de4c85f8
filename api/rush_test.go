package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/apikey"
)

// TestF18_RedisGoesInTheMiddleOfARush: customers claim and a till redeems through the whole of the server while Redis is wiped, and
// while it goes away for good: all are answered, the stock is given to the last one and not beyond, and whoever repeats is answered as before.
func TestF18_RedisGoesInTheMiddleOfARush(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, DialerRetries: 1})
	defer client.Close()
	m := newMiniWith(t, options{redis: client})
	till := m.partner(apikey.MayRedeemCoupons)
	const left, customers, each = 20, 9, 4
	// Two that the company's rows have were issued before.
	if err := m.db.Model(&model.CouponCount{}).Where("batch_id = ?", couponBatchID).UpdateColumn("stock", 2+left).Error; err != nil {
		t.Fatal(err)
	}
	tokens := make([]string, customers)
	for i := range tokens {
		tokens[i] = m.customer(fmt.Sprint("c", i))
	}
	path := miniPrefix + "/coupon-offers/" + m.ids.Of(model.KindCouponBatch, couponBatchID) + "/claim"
	claim := func(i int) *httptest.ResponseRecorder {
		return m.do(request{method: "POST", path: path, token: tokens[i%customers], body: map[string]any{}, header: http.Header{"Idempotency-Key": {fmt.Sprintf("in-the-rush-%d", i)}}})
	}
	redeem := till.call("POST /coupons/redeem")
	redeem.header.Set("Idempotency-Key", "in-the-rush")
	var answered atomic.Int64
	var won [customers * each]string
	var used string
	var wg sync.WaitGroup
	answer := func() {
		switch answered.Add(1) {
		case 8:
			server.FlushAll()
		case 16:
			server.Close()
		}
	}
	for i := range won {
		wg.Go(func() {
			defer answer()
			switch rec := claim(i); rec.Code {
			case 200:
				won[i] = rec.Body.String()
			case 409:
				problemOf(t, "a claim", rec, 409, "coupon.sold_out")
			default:
				t.Errorf("a claim: %d %s", rec.Code, rec.Body)
			}
		})
	}
	wg.Go(func() {
		defer answer()
		rec := m.do(redeem)
		if used = rec.Body.String(); rec.Code != 200 {
			t.Errorf("a redemption: %d %s", rec.Code, used)
		}
	})
	wg.Wait()
	n := 0
	for i, body := range won {
		if body != "" {
			n++
		}
		wg.Go(func() {
			rec := claim(i)
			if body != "" && (rec.Code != 200 || rec.Body.String() != body) {
				t.Errorf("repeated without Redis: %d %s, before %s", rec.Code, rec.Body, body)
			} else if body == "" && rec.Code != 409 {
				t.Errorf("repeated after it was sold out: %d %s", rec.Code, rec.Body)
			}
		})
	}
	wg.Wait()
	again := till.call("POST /coupons/redeem") // signed anew
	again.header.Set("Idempotency-Key", "in-the-rush")
	if rec := m.do(again); rec.Code != 200 || rec.Body.String() != used {
		t.Errorf("the redemption repeated without Redis: %d %s, before %s", rec.Code, rec.Body, used)
	}
	if got := modeltest.Count[model.Coupon](t, m.db, "source = 'claim'"); n != left || got != left {
		t.Errorf("%d claims were granted, there are %d coupons, want %d", n, got, left)
	}
	if got := modeltest.Count[model.CouponEntry](t, m.db, "act = 'redeem'"); got != 1 {
		t.Errorf("%d redemptions", got)
	}
}

// TestS22_InFlightThroughTheFace: of two requests under one key that come at once, one is told that the other is under way.
func TestS22_InFlightThroughTheFace(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	path := miniPrefix + "/coupon-offers/" + m.ids.Of(model.KindCouponBatch, couponBatchID) + "/claim"
	answers := make(chan *httptest.ResponseRecorder)
	var first *httptest.ResponseRecorder
	err := model.InTx(t.Context(), m.db, func(tx *gorm.DB) error { // holds the batch, so that a claim has to wait
		if err := model.ForUpdate(tx).Take(&model.CouponCount{}, "batch_id = ?", couponBatchID).Error; err != nil {
			return err
		}
		for range 2 {
			go func() {
				answers <- m.do(request{method: "POST", path: path, token: token, body: map[string]any{}, header: http.Header{"Idempotency-Key": {"at-the-same-time"}}})
			}()
		}
		first = <-answers
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	problemOf(t, "the quicker answer", first, 409, "coupon.in_flight")
	if rec := <-answers; rec.Code != 200 {
		t.Errorf("the other: %d %s", rec.Code, rec.Body)
	}
}
