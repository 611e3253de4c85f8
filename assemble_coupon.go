package main

import (
	"zhiyin/service/coupon"
	"zhiyin/service/segment"
	"zhiyin/service/vault"
)

// offers puts together what is given to customers and kept like money.
func (p *parts) offers() error {
	key, err := p.key("coupon codes")
	if err != nil {
		return err
	}
	secrets, err := p.key("coupon secrets")
	if err != nil {
		return err
	}
	sealing, err := vault.New(secrets)
	if err != nil {
		return err
	}
	p.coupons = coupon.New(coupon.Deps{
		DB: p.db, Events: p.events, Queue: p.queue, Now: p.now, Zone: p.zone, Persons: p.customers, Segments: segment.Membership{DB: p.db}, Vault: sealing,
		IDs: p.ids, Key: key, Logger: p.log,
	})
	p.customers.Owns(p.coupons.Mover())
	return nil
}
