package main

import (
	"context"

	"zhiyin/service/journey"
)

// automate puts journeys together.
func (p *parts) automate() {
	p.journeys = journey.New(journey.Deps{
		DB: p.db, Events: p.events, Queue: p.queue, Now: p.now, Zone: p.zone, Customers: p.customers, Messages: p.outreach, Channels: p.outreach, Contents: p.messages,
		Tags: p.tags, Profiles: p.profiles, Tasks: p.staff, Governor: p.governor, Coupons: p.coupons, Points: p.loyalty, Logger: p.log,
		Forecast: func(ctx context.Context) (journey.Forecast, error) { return p.governor.Forecast(ctx) },
	})
	p.events.Feed("journey", p.journeys.OnEvents)
}
