// Package console is what the operators' console calls. A handler decodes, calls a service and
// encodes; who may call it stands in the table of routes, and whose data they see is an argument of
// the service.
package console

import (
	"context"

	"zhiyin/job"
	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/acquisition"
	"zhiyin/service/activity"
	"zhiyin/service/apikey"
	"zhiyin/service/autotag"
	"zhiyin/service/campaign"
	"zhiyin/service/catalog"
	"zhiyin/service/coupon"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/group"
	"zhiyin/service/intake"
	"zhiyin/service/journey"
	"zhiyin/service/lifecycle"
	"zhiyin/service/loyalty"
	"zhiyin/service/loyalty/referral"
	"zhiyin/service/moderation"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/channel"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/outreach/message"
	"zhiyin/service/privacy"
	"zhiyin/service/profile"
	"zhiyin/service/segment"
	"zhiyin/service/social/draw"
	"zhiyin/service/staff"
	"zhiyin/service/tag"
	"zhiyin/service/transfer"
	"zhiyin/service/webhook"
	"zhiyin/service/work"
)

// Handlers holds the services that the console's routes call.
type Handlers struct {
	APIKeys     *apikey.Service
	Accounts    *account.Service
	Activity    *activity.Service
	Acquisition *acquisition.Service
	AutoTags    *autotag.Service
	Campaigns   *campaign.Service
	Catalog     *catalog.Service
	Channels    *channel.Service
	Coupons     *coupon.Service
	Cursors     Cursors
	Customers   *customer.Service
	Draws       *draw.Service
	Events      *event.Log
	Governor    *governor.Governor
	Groups      *group.Service
	IDs         model.PublicIDs
	Intake      *intake.Service
	Journeys    *journey.Service
	Lifecycle   *lifecycle.Service
	Loyalty     *loyalty.Service
	Messages    *message.Service
	Moderation  *moderation.Service
	Outreach    *outreach.Service
	Privacy     *privacy.Service
	Profiles    *profile.Service
	Queue       *work.Queue
	Referrals   *referral.Service
	Scheduler   *job.Scheduler
	Secure      bool // the public address is https
	Segments    *segment.Service
	Staff       *staff.Service
	Tags        *tag.Service
	Transfers   *transfer.Service
	Webhooks    *webhook.Service
}

// None is the answer that holds nothing but its status.
type None struct{}

// IDPath is the id in an address.
type IDPath struct {
	ID string `path:"id" doc:"public id"`
}

// PageQuery asks for a page of a list.
type PageQuery struct {
	Cursor string `query:"cursor" doc:"next_cursor of the page before; empty for the first page" maxLength:"512"`
	Limit  int    `query:"limit" doc:"entries a page" minimum:"1" maximum:"200" default:"50"`
}

// Page is one page of a list.
type Page[T any] struct {
	Body struct {
		Items      []T    `json:"items" doc:"entries of this page" nullable:"false"`
		NextCursor string `json:"next_cursor,omitempty" doc:"absent when nothing follows"`
	}
}

// One is the answer that holds one thing.
type One[T any] struct{ Body T }

func one[T any](v T) *One[T] { return &One[T]{v} }

// Origin is where a request comes from.
type Origin struct {
	IP, UserAgent, Token string
}

type originKey struct{}

// OriginOf is where the request comes from, as the door has seen it.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
