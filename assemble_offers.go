package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"gorm.io/gorm"

	"zhiyin/service/coupon"
	"zhiyin/service/keyring"
	"zhiyin/service/loyalty"
	"zhiyin/service/loyalty/referral"
	"zhiyin/service/segment"
	"zhiyin/service/social/draw"
	"zhiyin/service/webhook"
)

// offers puts together what is given to customers and kept like money.
func (p *parts) offers() {
	p.coupons = coupon.New(coupon.Deps{
		DB: p.db, Events: p.events, Queue: p.queue, Now: p.now, Zone: p.zone, Persons: p.customers, Segments: segment.Membership{DB: p.db}, Vault: p.keys.Vault(keyring.CouponRuns),
		IDs: p.ids, Key: p.keys.Key(keyring.CouponCodes), Logger: p.log, Watchers: p.staff, Metrics: p.metrics,
	})
	p.customers.Owns(p.coupons.Mover())
	p.customers.Owns(coupon.GiftMover{})
	p.keys.Seals(keyring.CouponRuns, coupon.Seals()...)
	p.loyalty = loyalty.New(loyalty.Deps{
		DB: p.db, Events: p.events, Now: p.now, Zone: p.zone, Customers: p.customers, Coupons: giver{p.coupons}, Logger: p.log,
	})
	p.customers.Owns(p.loyalty.Mover())
	p.events.Feed("loyalty", p.loyalty.OnEvents)
	p.draws = draw.New(draw.Deps{
		DB: p.db, Now: p.now, Zone: p.zone, Vault: p.keys.Vault(keyring.DrawSeeds), Segments: drawSegments{p.segments, segment.Membership{DB: p.db}}, Purse: p.loyalty,
		Coupons: giver{p.coupons}, Logger: p.log,
	})
	p.keys.Seals(keyring.DrawSeeds, draw.Seals()...)
	pictures := webhook.Guard{}.Client()
	p.closers = append(p.closers, func() error { pictures.CloseIdleConnections(); return nil })
	p.referrals = referral.New(referral.Deps{
		DB: p.db, Events: p.events, Now: p.now, Segments: drawSegments{p.segments, segment.Membership{DB: p.db}}, Purse: p.loyalty, Coupons: giver{p.coupons},
		Media: p.acquisition, Accounts: p.accounts, MiniApp: func(a string) referral.MiniApp { return p.gateway.MiniApp(a) },
		Ways: p.acquisition, Picture: p.gateway.Picture,
		Pictures: pictures, Key: p.keys.Key(keyring.CouponCodes), Logger: p.log,
	})
	p.customers.Owns(p.referrals.Mover())
	p.events.Feed("referral", p.referrals.OnEvents, referral.Kinds...)
}

// giver gives coupons for points and as prizes.
type giver struct{ coupons *coupon.Service }

// GrantTx implements loyalty.Coupons.
func (g giver) GrantTx(tx *gorm.DB, in loyalty.Grant) (int64, error) {
	sum := sha256.Sum256([]byte(in.Key)) // whose keys are longer than those of coupons
	c, err := g.coupons.IssueTx(tx, coupon.IssueInput{
		BatchID: in.BatchID, CustomerID: in.CustomerID, Key: coupon.Key{Whose: in.Source, Name: hex.EncodeToString(sum[:16])}, Source: in.Source, SourceID: in.SourceID,
	})
	if err != nil {
		return 0, err
	}
	return c.ID, nil
}

// HasBatch implements loyalty.Coupons.
func (g giver) HasBatch(tx *gorm.DB, id int64) (bool, error) {
	_, err := g.coupons.Batch(tx.Statement.Context, id)
	if errors.Is(err, coupon.ErrNoBatch) {
		return false, nil
	}
	return err == nil, err
}

// drawSegments is what draws ask of segments.
type drawSegments struct {
	*segment.Service
	segment.Membership
}
