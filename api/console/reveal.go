package console

import (
	"context"
	"fmt"
	"time"

	"zhiyin/model"
	"zhiyin/service/profile"
)

// KeptReveal says that somebody was shown in full what is masked.
type KeptReveal struct {
	StaffID    string    `json:"staff_id"`
	StaffName  string    `json:"staff_name"`
	CustomerID string    `json:"customer_id"`
	What       string    `json:"what" doc:"phone, birthday, or field. and a custom field's name"`
	Purpose    string    `json:"purpose" doc:"in their own words"`
	Ordinal    int       `json:"ordinal" doc:"of theirs on that day, from 1"`
	At         time.Time `json:"at"`
}

// ListRevealsInput selects reveals.
type ListRevealsInput struct {
	PageQuery
	StaffID    string    `query:"staff_id" maxLength:"26"`
	CustomerID string    `query:"customer_id" maxLength:"26"`
	From       time.Time `query:"from"`
	To         time.Time `query:"to" doc:"before"`
}

// ListReveals lists who was shown what of whom, when and why, the newest first.
func (h *Handlers) ListReveals(ctx context.Context, in *ListRevealsInput) (*Page[KeptReveal], error) {
	r := h.reader()
	r.moments(map[string]time.Time{"from": in.From, "to": in.To})
	f := profile.RevealFilter{
		StaffID: r.optional(model.KindStaff, in.StaffID), CustomerID: r.optional(model.KindCustomer, in.CustomerID), From: in.From, To: in.To,
		Before: r.after(listReveal, in.Cursor), Limit: in.Limit,
	}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Profiles.Reveals(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []KeptReveal
	for _, k := range rows {
		items = append(items, KeptReveal{
			h.IDs.Of(model.KindStaff, k.StaffID), k.StaffName, h.IDs.Of(model.KindCustomer, k.CustomerID), k.What, k.Purpose, k.Ordinal, k.RevealedAt,
		})
	}
	return newPage(h, listReveal, items, lastOf(rows, in.Limit, func(k profile.KeptReveal) int64 { return k.ID }))
}

// RevealDay is what one staff member was shown on one day.
type RevealDay struct {
	Day       string `json:"day"`
	StaffID   string `json:"staff_id"`
	StaffName string `json:"staff_name"`
	Reveals   int    `json:"reveals"`
	Usual     int    `json:"usual" doc:"a day, on the days of the month before on which they were shown anything"`
	Unusual   bool   `json:"unusual" doc:"more than three times as usual and more than ten, or forty"`
}

// CountRevealsInput says of which days.
type CountRevealsInput struct {
	From    string `query:"from" format:"date" required:"true"`
	To      string `query:"to" format:"date" required:"true" doc:"included; at most 92 days"`
	Unusual bool   `query:"unusual" doc:"only what is unusual"`
}

// CountReveals tells how much each staff member was shown on each day, and whether that is unusual.
func (h *Handlers) CountReveals(ctx context.Context, in *CountRevealsInput) (*Page[RevealDay], error) {
	from, err := time.Parse(time.DateOnly, in.From)
	if err != nil {
		return nil, profile.ErrInvalid.With("from", "yyyy-mm-dd")
	}
	to, err := time.Parse(time.DateOnly, in.To)
	if err != nil {
		return nil, profile.ErrInvalid.With("to", "yyyy-mm-dd")
	}
	rows, err := h.Profiles.RevealDays(ctx, from, to)
	if err != nil {
		return nil, err
	}
	var items []RevealDay
	for _, d := range rows {
		if d.Unusual || !in.Unusual {
			day := fmt.Sprintf("%04d-%02d-%02d", d.Day/10000, d.Day/100%100, d.Day%100)
			items = append(items, RevealDay{day, h.IDs.Of(model.KindStaff, d.StaffID), d.StaffName, d.Reveals, d.Usual, d.Unusual})
		}
	}
	return whole(items), nil
}
