package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/coupon"
	"zhiyin/service/event"
	"zhiyin/service/loyalty"
	"zhiyin/service/segment"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
)

// TestPointsBuyCoupons: a reward gives a real coupon in the transaction that spends the points, once, and neither happens
// without the other.
func TestPointsBuyCoupons(t *testing.T) {
	db, fake := modeltest.DB(t), clock.NewFake(time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC))
	log := slog.New(slog.DiscardHandler)
	queue := work.New(db, fake.Now)
	events := event.New(queue, fake.Now, event.Options{DB: db, Logger: log})
	ids, err := model.NewPublicIDs(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	coupons := coupon.New(coupon.Deps{
		DB: db, Events: events, Queue: queue, Now: fake.Now, Zone: time.UTC, Segments: segment.Membership{DB: db}, Vault: vaulttest.New(t), IDs: ids,
		Key: make([]byte, 32), Logger: log,
	})
	club := loyalty.New(loyalty.Deps{DB: db, Events: events, Now: fake.Now, Zone: time.UTC, Coupons: giver{coupons}, Logger: log})
	modeltest.Create(t, db, &model.Customer{ID: 1, FirstSeenAt: fake.Now()})
	until := fake.Now().AddDate(0, 1, 0)
	b, err := coupons.CreateBatch(t.Context(), 1, coupon.BatchInput{Name: "十元券", Kind: "amount_off", Terms: json.RawMessage(`{"off_fen":1000}`), Stock: 1, PerCustomer: 5, ValidUntil: &until})
	if err == nil {
		b, err = coupons.Submit(t.Context(), 1, b.ID)
	}
	if err != nil || b.State != coupon.BatchActive {
		t.Fatalf("got %+v, %v", b, err)
	}
	if _, err := club.SaveReward(t.Context(), 1, 0, 0, loyalty.RewardInput{Name: "券", Kind: loyalty.Coupon, BatchID: b.ID + 1, Price: 30, Enabled: true}); !errors.Is(err, loyalty.ErrInvalid) {
		t.Errorf("a batch that is none: %v", err)
	}
	r, err := club.SaveReward(t.Context(), 1, 0, 0, loyalty.RewardInput{Name: "券", Kind: loyalty.Coupon, BatchID: b.ID, Price: 30, Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	err = model.InTx(t.Context(), db, func(tx *gorm.DB) error {
		_, err := club.EarnTx(tx, loyalty.Earning{CustomerID: 1, Points: 100, Detail: loyalty.Detail{Key: "a", Source: "test"}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := club.Redeem(t.Context(), 1, r.ID, "request-1")
		if err != nil || got.CouponID == 0 {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if n := modeltest.Count[model.Coupon](t, db, "customer_id = 1 AND source = 'points'"); n != 1 {
		t.Errorf("%d coupons of one reward", n)
	}
	if _, err := club.Redeem(t.Context(), 1, r.ID, "request-2"); !errors.Is(err, coupon.ErrSoldOut) {
		t.Errorf("the batch has one: %v", err)
	}
	a, err := club.Account(t.Context(), nil, 1)
	if err != nil || a.Balance != 70 {
		t.Errorf("%d points are left, %v", a.Balance, err)
	}
}
