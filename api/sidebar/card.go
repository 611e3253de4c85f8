package sidebar

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"zhiyin/api/console"
	"zhiyin/api/problem"
	"zhiyin/model"
	"zhiyin/service/customer"
	"zhiyin/service/staff"
)

// section is a part of the customer card.
type section struct {
	name       string // stable: pages show sections by it
	permission string // who lacks it gets the card without the section
	doc        string
	kind       reflect.Type
	read       func(h *Handlers, ctx context.Context, s *subject) (any, error)
}

// part makes a section whose content is a T.
func part[T any](name, permission, doc string, read func(h *Handlers, ctx context.Context, s *subject) (T, error)) section {
	return section{name, permission, doc, reflect.TypeFor[T](), func(h *Handlers, ctx context.Context, s *subject) (any, error) { return read(h, ctx, s) }}
}

// subject is whom a card is about, and for whom it is made.
type subject struct {
	viewer *staff.Viewer
	*customer.Detail
}

// path names the customer to handlers of the console.
func (h *Handlers) path(s *subject) console.IDPath {
	return console.IDPath{ID: h.IDs.Of(model.KindCustomer, s.ID)}
}

// CardInput asks for the card of a customer.
type CardInput struct {
	ID       string   `path:"id" doc:"public id, or the external_userid that the JS-SDK's getCurExternalContact told"`
	Sections []string `query:"section" maxItems:"30" doc:"only these; none: all"`
}

// Card is what a member needs to know of a customer beside a chat.
type Card struct {
	ID       string   `json:"id"`
	Sections Sections `json:"sections" doc:"those that the viewer may see, by their names"`
}

// Sections are parts of a card by their names.
type Sections map[string]any

// Schema describes every section there is.
func (Sections) Schema(r huma.Registry) *huma.Schema {
	out := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: false}
	for _, s := range sections {
		of := r.Schema(s.kind, true, "Card"+s.name)
		out.Properties[s.name] = &huma.Schema{Description: s.doc, AnyOf: []*huma.Schema{of}}
	}
	return out
}

// GetCard gives the card of a customer that the viewer may see.
func (h *Handlers) GetCard(ctx context.Context, in *CardInput) (*One[Card], error) {
	viewer := console.ViewerOf(ctx)
	chosen, err := choose(sections, viewer, in.Sections)
	if err != nil {
		return nil, err
	}
	id, err := h.customerOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := h.Customers.Detail(ctx, viewer, id)
	if err != nil {
		return nil, err
	}
	card := Card{h.IDs.Of(model.KindCustomer, d.ID), Sections{}}
	for _, s := range chosen {
		if card.Sections[s.name], err = s.read(h, ctx, &subject{viewer, d}); err != nil {
			return nil, fmt.Errorf("section %s: %w", s.name, err)
		}
	}
	return one(card), nil
}

// choose gives the sections of these names (none: all) that the viewer may see, or fails when a name is none.
func choose(all []section, v *staff.Viewer, names []string) (out []section, err error) {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(s section) bool { return s.name == name }) {
			return nil, problem.ErrInvalid.With("query.section", "没有这个部分 / there is no such section")
		}
	}
	for _, s := range all {
		if (len(names) == 0 || slices.Contains(names, s.name)) && v.May(s.permission) {
			out = append(out, s)
		}
	}
	return out, nil
}

// maxExternalUserID is how long the platform's ids of customers are at most, in bytes.
const maxExternalUserID = 64

// customerOf is the row of a customer named in either way. What the page says is not trusted: an
// external_userid is looked up in the corp of whoever is signed in, and whether they may see the customer
// is asked of everyone.
func (h *Handlers) customerOf(ctx context.Context, id string) (int64, error) {
	if row, err := h.IDs.Row(model.KindCustomer, id); err == nil {
		return row, nil
	}
	if len(id) > maxExternalUserID {
		return 0, customer.ErrNotFound
	}
	acct, err := h.corpOf(ctx)
	if err != nil {
		return 0, err
	}
	c, err := h.Customers.ByIdentity(ctx, customer.KindExternalUserID, acct.PlatformID, id)
	if err != nil {
		return 0, err
	}
	return c.ID, nil
}
