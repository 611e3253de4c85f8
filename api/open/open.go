package open

import (
	"context"

	"zhiyin/model"
	"zhiyin/service/apikey"
	"zhiyin/service/catalog"
	"zhiyin/service/coupon"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/journey"
)

// Handlers holds what the routes of other systems call.
type Handlers struct {
	IDs      model.PublicIDs
	Catalog  *catalog.Service
	Events   *event.Log
	Coupons  *coupon.Service
	Journeys *journey.Service
}

// Outcome says what became of one entry.
type Outcome struct {
	Number  string   `json:"number"`
	Result  string   `json:"result" enum:"created,updated,unchanged,stale,refused" doc:"unchanged: told before, just so; stale: a newer version is known"`
	Problem *Trouble `json:"problem,omitempty" doc:"why it was refused; send it again when that is mended"`
	Warning *Trouble `json:"warning,omitempty" doc:"it was taken, but"`
}

// Trouble is a stable code with a sentence in two languages.
type Trouble struct {
	Code   string        `json:"code" doc:"for programs"`
	Zh     string        `json:"zh"`
	En     string        `json:"en"`
	Fields []fault.Field `json:"fields,omitempty" doc:"what of the entry is wrong"`
}

// Batch is what became of the entries of a call, in their order.
type Batch struct {
	Body struct {
		Items []Outcome `json:"items" nullable:"false"`
	}
}

func batch(outcomes []catalog.Outcome, err error) (*Batch, error) {
	if err != nil {
		return nil, err
	}
	b := &Batch{}
	b.Body.Items = []Outcome{}
	for _, o := range outcomes {
		b.Body.Items = append(b.Body.Items, Outcome{o.Number, o.Result, trouble(o.Fault), trouble(o.Warning)})
	}
	return b, nil
}

// One is the answer that holds one thing.
type One[T any] struct{ Body T }

// CustomerQuery asks who is behind an identity. It travels in a body, because addresses end up in logs.
type CustomerQuery struct {
	Body struct{ Identity }
}

// Identity is a way to recognise a customer.
type Identity struct {
	Kind  string `json:"kind" enum:"unionid,openid,external_userid,phone,member_number,buyer"`
	Scope string `json:"scope,omitempty" maxLength:"64" doc:"the app id of an openid, the corp id of an external_userid, the shop of a member number or buyer"`
	Value string `json:"value" minLength:"1" maxLength:"128"`
}

// Customer is who is behind an identity, as far as the key may know.
type Customer struct {
	ID        string     `json:"id"`
	Profile   *Profile   `json:"profile,omitempty" doc:"needs customer.profile"`
	Tags      *[]string  `json:"tags,omitempty" doc:"needs customer.tags"`
	Trade     *Trade     `json:"trade,omitempty" doc:"needs customer.trade"`
	Lifecycle *Lifecycle `json:"lifecycle,omitempty" doc:"needs customer.lifecycle; absent until it is computed"`
}

// Profile is who a customer is.
type Profile struct {
	Name   string `json:"name"`
	Gender int    `json:"gender" doc:"0 unknown, 1 male, 2 female"`
	City   string `json:"city,omitempty"`
}

// Trade is what a customer bought in all.
type Trade struct {
	Orders      int64 `json:"orders"`
	PaidFen     int64 `json:"paid_fen"`
	RefundedFen int64 `json:"refunded_fen"`
}

// Lifecycle is where a customer stands.
type Lifecycle struct {
	Stage      string `json:"stage"`
	ValueGrade string `json:"value_grade"`
}

// FindCustomer tells who is behind an identity, with what the key may see.
func (h *Handlers) FindCustomer(ctx context.Context, in *CustomerQuery) (*One[Customer], error) {
	k, err := h.Catalog.Known(ctx, catalog.Buyer(in.Body.Identity))
	if err != nil {
		return nil, err
	}
	caller, out := callerOf(ctx), Customer{ID: h.IDs.Of(model.KindCustomer, k.ID)}
	if caller.May(apikey.MayReadProfile) {
		out.Profile = &Profile{k.Name, k.Gender, k.City}
	}
	if caller.May(apikey.MayReadTags) {
		tags := append([]string{}, k.Tags...)
		out.Tags = &tags
	}
	if caller.May(apikey.MayReadTrade) {
		out.Trade = &Trade{k.Trade.Orders, int64(k.Trade.PaidFen), int64(k.Trade.RefundedFen)}
	}
	if caller.May(apikey.MayReadLifecycle) && k.Lifecycle != nil {
		out.Lifecycle = &Lifecycle{k.Lifecycle.Stage, k.Lifecycle.ValueGrade}
	}
	return &One[Customer]{out}, nil
}
