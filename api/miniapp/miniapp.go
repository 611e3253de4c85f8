// Package miniapp is what the mini-program calls, on behalf of one customer: the one whom the token
// names. No id of a customer is ever taken from a request.
package miniapp

import (
	"context"

	"zhiyin/model"
	"zhiyin/service/coupon"
	"zhiyin/service/event"
	"zhiyin/service/loyalty"
	"zhiyin/service/loyalty/referral"
	"zhiyin/service/outreach/channel"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/privacy"
	"zhiyin/service/profile"
	"zhiyin/service/social/draw"
	"zhiyin/service/visit"
)

// Handlers holds the services that the mini-program's routes call.
type Handlers struct {
	IDs       model.PublicIDs
	Visits    *visit.Service
	Profiles  *profile.Service
	Privacy   *privacy.Service
	Events    *event.Log
	Loyalty   *loyalty.Service
	Coupons   *coupon.Service
	Governor  *governor.Governor
	Channels  *channel.Service
	Draws     *draw.Service
	Referrals *referral.Service
}

// None is the answer that holds nothing but its status.
type None struct{}

// One is the answer that holds one thing.
type One[T any] struct{ Body T }

func one[T any](v T) *One[T] { return &One[T]{v} }

// origin is where a request comes from.
type origin struct{ ip, userAgent, token string }

type originKey struct{}

func originOf(ctx context.Context) origin {
	o, _ := ctx.Value(originKey{}).(origin)
	return o
}

type visitorKey struct{}

// visitorOf is who calls; the door has let nobody else through.
func visitorOf(ctx context.Context) *visit.Visitor {
	v, _ := ctx.Value(visitorKey{}).(*visit.Visitor)
	return v
}
