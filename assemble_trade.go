package main

import (
	"slices"

	"zhiyin/api/console"
	"zhiyin/service/apikey"
	"zhiyin/service/catalog"
	"zhiyin/service/event"
	"zhiyin/service/keyring"
	"zhiyin/service/webhook"
)

// trade puts together what shop systems speak with: the catalogue and orders, keys, webhooks.
func (p *parts) trade() error {
	secrets := p.keys.Vault(keyring.OtherSystems)
	p.catalog = catalog.New(p.db, p.events, p.queue, p.now, p.customers, p.staff)
	p.customers.Owns(p.catalog.Mover())
	p.customers.Rekeyed(p.catalog.RekeyTx)
	p.events.Subscribe("catalog", p.catalog.OnIdentified, event.KindCustomerIdentified, event.KindCustomerMerged)
	p.apiKeys = apikey.New(p.db, p.now, secrets, p.redis, p.cfg.Redis.KeyPrefix+"api_key:")
	p.webhooks = webhook.New(webhook.Deps{
		DB: p.db, Events: p.events, Queue: p.queue, Now: p.now, Vault: secrets, IDs: p.ids, AllowPrivate: p.cfg.Webhook.AllowPrivate,
		Public: func(payload string) map[string]any { return console.PublicPayload(p.ids, payload) },
	})
	p.closers = append(p.closers, p.webhooks.Close)
	p.keys.Seals(keyring.OtherSystems, slices.Concat(apikey.Seals(), webhook.Seals())...)
	return nil
}
