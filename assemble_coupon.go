package main

import (
	"zhiyin/service/coupon"
	"zhiyin/service/keyring"
	"zhiyin/service/segment"
)

// offers puts together what is given to customers and kept like money.
func (p *parts) offers() {
	p.coupons = coupon.New(coupon.Deps{
		DB: p.db, Events: p.events, Queue: p.queue, Now: p.now, Zone: p.zone, Persons: p.customers, Segments: segment.Membership{DB: p.db}, Vault: p.keys.Vault(keyring.CouponRuns),
		IDs: p.ids, Key: p.keys.Key(keyring.CouponCodes), Logger: p.log,
	})
	p.customers.Owns(p.coupons.Mover())
	p.keys.Seals(keyring.CouponRuns, coupon.Seals()...)
}
