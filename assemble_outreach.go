package main

import (
	"context"
	"strings"

	"zhiyin/service/campaign"
	"zhiyin/service/keyring"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/channel"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/outreach/message"
	"zhiyin/service/webhook"
)

// reach puts together what speaks to customers: what is said, who may hear it, the ledger, and the ways there are.
func (p *parts) reach() {
	p.governor = governor.New(governor.Deps{DB: p.db, Now: p.now, Zone: p.zone, Wishes: p.privacy, Logger: p.log})
	p.messages = message.New(message.Deps{DB: p.db, Now: p.now, Media: p.acquisition, Wishes: p.privacy, Stages: p.stageTitles})
	p.outreach = outreach.New(outreach.Deps{
		DB: p.db, Events: p.events, Now: p.now, Governor: p.governor, Contents: p.messages, Redis: p.redis, KeyPrefix: p.cfg.Redis.KeyPrefix, Logger: p.log,
		Metrics: p.metrics,
	})
	p.customers.Owns(p.outreach.Mover())
	p.channels = channel.New(channel.Deps{
		DB: p.db, Now: p.now, Zone: p.zone, Accounts: p.accounts, Messages: p.messages, Ledger: p.outreach, Media: p.acquisition, Tasks: p.staff,
		Persons: p.customers, Addresses: p.profiles, Vault: p.vault, Guard: webhook.Guard{AllowPrivate: p.cfg.Webhook.AllowPrivate},
		OpenURL: p.cfg.Server.PublicURL, ShortLinks: strings.TrimSuffix(p.cfg.Server.PublicURL, "/") + campaign.LinkPath, IDs: p.ids, Logger: p.log,
		Corp: func(a string) channel.Corp { return p.gateway.Corp(a) }, MiniApp: func(a string) channel.MiniApp { return p.gateway.MiniApp(a) },
	})
	p.keys.Seals(keyring.PersonalData, channel.Seals()...)
	for _, c := range p.channels.Channels() {
		p.outreach.Register(c)
	}
	p.governor.UseQuotas(channel.NameMass, p.channels.MassQuotas())
}

// pushes puts campaigns together, which may give coupons.
func (p *parts) pushes() {
	p.campaigns = campaign.New(campaign.Deps{
		DB: p.db, Queue: p.queue, Now: p.now, Zone: p.zone, Ledger: p.outreach, Messages: p.messages, TakeBack: p.channels.CancelTasks, Kinds: p.events.Kinds,
		Coupons: p.coupons, ApprovalAbove: p.cfg.Campaign.ApprovalAbove, Logger: p.log,
	})
	p.outreach.Gives(campaign.Source, p.campaigns)
}

// stageTitles are what people call the stages of the lifecycle, by their names.
func (p *parts) stageTitles(ctx context.Context) (map[string]string, error) {
	setting, err := p.lifecycle.Setting(ctx)
	if err != nil {
		return nil, err
	}
	titles := make(map[string]string, len(setting.Stages))
	for _, s := range setting.Stages {
		titles[s.Name] = s.Title
	}
	return titles, nil
}
