package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/customer"
)

// Person is a customer in a pair.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Merge says that one customer turned out to be another.
type Merge struct {
	ID           string     `json:"id"`
	Kept         Person     `json:"kept" doc:"who stands"`
	Gone         Person     `json:"gone" doc:"who was merged into them"`
	Reason       string     `json:"reason" doc:"a rule's name; review: a person confirmed it; hand: a person did it"`
	IdentityKind string     `json:"identity_kind,omitempty" doc:"by which identity they were found"`
	Source       string     `json:"source"`
	Confidence   int        `json:"confidence" doc:"in basis points"`
	StaffID      string     `json:"staff_id,omitempty" doc:"who decided; absent: a rule"`
	MergedAt     time.Time  `json:"merged_at"`
	UndoneAt     *time.Time `json:"undone_at,omitempty"`
	UndoneBy     string     `json:"undone_by,omitempty"`
}

// MergeReview is a pair of customers who may be one person.
type MergeReview struct {
	ID           string     `json:"id"`
	One          Person     `json:"one" doc:"whoever stands for the first of them now"`
	Other        Person     `json:"other"`
	Reason       string     `json:"reason" doc:"the rule that wants a person to decide"`
	IdentityKind string     `json:"identity_kind,omitempty" doc:"by which identity they were found"`
	Source       string     `json:"source"`
	Confidence   int        `json:"confidence" doc:"in basis points"`
	Status       string     `json:"status" doc:"open, merged, rejected"`
	FoundAt      time.Time  `json:"found_at"`
	DecidedAt    *time.Time `json:"decided_at,omitempty"`
	DecidedBy    string     `json:"decided_by,omitempty"`
}

func (h *Handlers) person(p customer.Person) Person {
	return Person{h.IDs.Of(model.KindCustomer, p.ID), p.Name}
}

func (h *Handlers) merge(m *model.CustomerMerge, kept, gone Person) Merge {
	return Merge{
		ID: h.IDs.Of(model.KindMerge, m.ID), Kept: kept, Gone: gone, Reason: m.Reason, IdentityKind: m.IdentityKind, Source: m.Source, Confidence: m.Confidence,
		StaffID: h.IDs.Of(model.KindStaff, m.StaffID), MergedAt: m.MergedAt, UndoneAt: m.UndoneAt, UndoneBy: h.IDs.Of(model.KindStaff, m.UndoneBy),
	}
}

// ListMergesInput selects merges.
type ListMergesInput struct {
	PageQuery
	CustomerID string `query:"customer_id" maxLength:"26" doc:"in which this customer took part"`
}

// ListMerges lists merges, undone ones included, the latest first.
func (h *Handlers) ListMerges(ctx context.Context, in *ListMergesInput) (*Page[Merge], error) {
	r := h.reader()
	f := customer.PairFilter{CustomerID: r.optional(model.KindCustomer, in.CustomerID), Before: r.after(listMerge, in.Cursor), Limit: in.Limit}
	if r.err != nil {
		return nil, r.err
	}
	list, err := h.Customers.Merges(ctx, ViewerOf(ctx), f)
	if err != nil {
		return nil, err
	}
	var items []Merge
	for i := range list {
		items = append(items, h.merge(&list[i].CustomerMerge, h.person(list[i].Kept), h.person(list[i].Gone)))
	}
	return newPage(h, listMerge, items, lastOf(list, in.Limit, func(m customer.Merge) int64 { return m.ID }))
}

// MergeCustomersInput names two customers who are one person.
type MergeCustomersInput struct {
	Body struct {
		CustomerID string `json:"customer_id" minLength:"26" maxLength:"26" doc:"who stands"`
		OtherID    string `json:"other_id" minLength:"26" maxLength:"26" doc:"who is merged into them"`
	}
}

// MergeCustomers makes two customers one. It can be undone.
func (h *Handlers) MergeCustomers(ctx context.Context, in *MergeCustomersInput) (*One[Merge], error) {
	r := h.reader()
	id, other := r.row(model.KindCustomer, in.Body.CustomerID), r.row(model.KindCustomer, in.Body.OtherID)
	if r.err != nil {
		return nil, r.err
	}
	m, err := h.Customers.Merge(ctx, ViewerOf(ctx), id, other)
	return h.merged(m, err)
}

func (h *Handlers) merged(m *model.CustomerMerge, err error) (*One[Merge], error) {
	if err != nil {
		return nil, err
	}
	return one(h.merge(m, Person{ID: h.IDs.Of(model.KindCustomer, m.CustomerID)}, Person{ID: h.IDs.Of(model.KindCustomer, m.OtherID)})), nil
}

// UndoMerge gives back what a merge moved.
func (h *Handlers) UndoMerge(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindMerge, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Customers.UndoMerge(ctx, ViewerOf(ctx), id)
}

// ListMergeReviewsInput selects pairs.
type ListMergeReviewsInput struct {
	PageQuery
	Status string `query:"status" enum:"open,merged,rejected" default:"open"`
}

// ListMergeReviews lists pairs of customers who may be one person, the latest first.
func (h *Handlers) ListMergeReviews(ctx context.Context, in *ListMergeReviewsInput) (*Page[MergeReview], error) {
	r := h.reader()
	f := customer.PairFilter{Status: in.Status, Before: r.after(listMergeReview, in.Cursor), Limit: in.Limit}
	if r.err != nil {
		return nil, r.err
	}
	list, err := h.Customers.Reviews(ctx, ViewerOf(ctx), f)
	if err != nil {
		return nil, err
	}
	var items []MergeReview
	for _, x := range list {
		items = append(items, MergeReview{
			ID: h.IDs.Of(model.KindMergeReview, x.ID), One: h.person(x.One), Other: h.person(x.Other), Reason: x.Reason, IdentityKind: x.IdentityKind,
			Source: x.Source, Confidence: x.Confidence, Status: x.Status, FoundAt: x.FoundAt, DecidedAt: x.DecidedAt,
			DecidedBy: h.IDs.Of(model.KindStaff, x.DecidedBy),
		})
	}
	return newPage(h, listMergeReview, items, lastOf(list, in.Limit, func(x customer.Review) int64 { return x.ID }))
}

// ConfirmMergeInput says that a pair is one person.
type ConfirmMergeInput struct {
	IDPath
	Body struct {
		KeepID string `json:"keep_id,omitempty" maxLength:"26" doc:"who shall stand; absent: the one known longer"`
	}
}

// ConfirmMerge merges the customers of a pair.
func (h *Handlers) ConfirmMerge(ctx context.Context, in *ConfirmMergeInput) (*One[Merge], error) {
	r := h.reader()
	id, keep := r.row(model.KindMergeReview, in.ID), r.optional(model.KindCustomer, in.Body.KeepID)
	if r.err != nil {
		return nil, r.err
	}
	m, err := h.Customers.Confirm(ctx, ViewerOf(ctx), id, keep)
	return h.merged(m, err)
}

// RejectMerge says that the customers of a pair are two persons.
func (h *Handlers) RejectMerge(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindMergeReview, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Customers.Reject(ctx, ViewerOf(ctx), id)
}
