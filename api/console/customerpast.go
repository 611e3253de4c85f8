package console

import (
	"cmp"
	"context"
	"time"

	"zhiyin/api/problem"
	"zhiyin/model"
	"zhiyin/service/customer"
)

// GetCustomerInput asks for a customer, now or as of a time.
type GetCustomerInput struct {
	IDPath
	AsOf time.Time `query:"as_of" doc:"as the customer was known at this time"`
}

// GetCustomer gives one customer.
func (h *Handlers) GetCustomer(ctx context.Context, in *GetCustomerInput) (*One[CustomerDetail], error) {
	id, err := h.IDs.Row(model.KindCustomer, in.ID)
	if err != nil {
		return nil, err
	}
	if in.AsOf.IsZero() {
		return h.presentCustomer(ctx, id)
	}
	r := h.reader()
	if r.moments(map[string]time.Time{"query.as_of": in.AsOf}); r.err != nil {
		return nil, r.err
	}
	p, err := h.Customers.AsOf(ctx, ViewerOf(ctx), id, in.AsOf)
	if err != nil {
		return nil, err
	}
	return one(h.pastCustomer(p)), nil
}

// PastCustomer is what a view of the past says besides.
type PastCustomer struct {
	At     time.Time   `json:"at"`
	Stage  string      `json:"stage,omitempty" doc:"absent: not known"`
	Orders []PastOrder `json:"orders" nullable:"false" doc:"the last 50 placed by then, as they stood, the latest first"`
}

// PastOrder is how an order stood.
type PastOrder struct {
	Number      string    `json:"number"`
	Status      string    `json:"status" doc:"placed, paid, completed, cancelled"`
	PaidFen     int64     `json:"paid_fen"`
	RefundedFen int64     `json:"refunded_fen"`
	PlacedAt    time.Time `json:"placed_at"`
}

func (h *Handlers) pastCustomer(p *customer.Past) CustomerDetail {
	out := CustomerDetail{Customer: h.customer(&p.Customer), Identities: h.identities(p.Identities)}
	out.TagIDs = h.publicIDs(model.KindTag, p.TagIDs)
	for _, r := range p.Relations {
		out.Relations = append(out.Relations, Relation{
			ID: h.IDs.Of(model.KindRelation, r.ID), AccountID: h.IDs.Of(model.KindAccount, r.AccountID), StaffID: h.IDs.Of(model.KindStaff, r.StaffID),
			StaffName: r.StaffName, Status: r.Status, AddWay: r.AddWay, ChannelCodeID: h.IDs.Of(model.KindChannelCode, r.ChannelCodeID),
			AddedAt: r.AddedAt, LostAt: r.LostAt, TagIDs: []string{},
		})
	}
	t := p.Trade
	out.Orders, out.Trade = []Order{}, Trade{t.Orders, int64(t.PaidFen), int64(t.RefundedFen), t.FirstPaidAt, t.LastPaidAt}
	past := &PastCustomer{At: p.At, Stage: p.Stage, Orders: []PastOrder{}}
	for _, o := range p.Orders {
		past.Orders = append(past.Orders, PastOrder{o.Number, o.Status, int64(o.PaidFen), int64(o.RefundedFen), o.PlacedAt})
	}
	out.AsOf = past
	return out
}

func (h *Handlers) identities(list []customer.DetailIdentity) []Identity {
	out := make([]Identity, len(list))
	for i, x := range list {
		out[i] = Identity{x.Kind, x.Scope, x.Masked, x.Source, x.Confidence, cmp.Or(x.SeenAt, &x.CreatedAt)}
	}
	return out
}

// SearchCustomersInput asks by what must not stand in an address.
type SearchCustomersInput struct {
	Body struct {
		Phone        string `json:"phone,omitempty" maxLength:"64" doc:"in any form; either this or member_number"`
		MemberNumber string `json:"member_number,omitempty" maxLength:"128"`
	}
}

// SearchCustomers finds the customers that the viewer may see by phone or member number, the whole of it.
func (h *Handlers) SearchCustomers(ctx context.Context, in *SearchCustomersInput) (*Page[Customer], error) {
	if in.Body.Phone == "" && in.Body.MemberNumber == "" {
		return nil, problem.ErrInvalid.With("body", "phone 或 member_number / phone or member_number")
	}
	page, err := h.Customers.List(ctx, ViewerOf(ctx), customer.Filter{Phone: in.Body.Phone, MemberNumber: in.Body.MemberNumber})
	if err != nil {
		return nil, err
	}
	var items []Customer
	for _, it := range page.Items {
		items = append(items, h.listed(it))
	}
	return whole(items), nil
}
