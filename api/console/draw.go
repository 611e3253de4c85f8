package console

import (
	"context"
	"encoding/hex"
	"time"

	"zhiyin/model"
	"zhiyin/service/social/draw"
)

// Draw is a lucky draw.
type Draw struct {
	ID         string      `json:"id"`
	State      string      `json:"state" doc:"draft, active, paused, ended"`
	Version    int64       `json:"version"`
	Definition DrawBody    `json:"definition"`
	Tries      int64       `json:"tries"`
	Taken      []DrawTaken `json:"taken" nullable:"false" doc:"how many of each prize are gone"`
	Commitment string      `json:"commitment,omitempty" doc:"SHA-256 of the seed, in hexadecimal; published from the start"`
	Seed       string      `json:"seed,omitempty" doc:"in hexadecimal; published when the draw has ended"`
	UpdatedAt  time.Time   `json:"updated_at"`
}

// DrawTaken is how many of a prize are gone.
type DrawTaken struct {
	Name  string `json:"name"`
	Taken int64  `json:"taken"`
}

// DrawBody is what people say a draw is.
type DrawBody struct {
	Name        string      `json:"name" minLength:"1" maxLength:"64"`
	Note        string      `json:"note,omitempty" maxLength:"255"`
	Style       string      `json:"style" enum:"wheel,scratch,envelope" doc:"how it is shown; changes nothing else"`
	From        time.Time   `json:"from"`
	Until       time.Time   `json:"until"`
	SegmentID   string      `json:"segment_id,omitempty" maxLength:"26" doc:"who may try; absent: everybody"`
	NeedCheckIn bool        `json:"need_check_in,omitempty" doc:"only who checked in today"`
	PaidDays    int         `json:"paid_days,omitempty" minimum:"0" maximum:"3650" doc:"only who paid within so many days; 0: not asked"`
	Price       int64       `json:"price,omitempty" minimum:"0" doc:"points a try"`
	PerDay      int64       `json:"per_day,omitempty" minimum:"0" doc:"tries of one customer; 0: any number"`
	PerCustomer int64       `json:"per_customer,omitempty" minimum:"0" doc:"in all; 0: any number"`
	Prizes      []DrawPrize `json:"prizes" minItems:"1" maxItems:"12" nullable:"false"`
}

// DrawPrize is what a try may win.
type DrawPrize struct {
	Name    string `json:"name" minLength:"1" maxLength:"64"`
	Kind    string `json:"kind" enum:"gift,coupon,points"`
	BatchID string `json:"batch_id,omitempty" maxLength:"26" doc:"of coupons"`
	Points  int64  `json:"points,omitempty" minimum:"0"`
	Odds    int    `json:"odds" minimum:"1" maximum:"1000000" doc:"of a million; what all leave is nothing"`
	Stock   int64  `json:"stock,omitempty" minimum:"0" doc:"0: any number"`
	CostFen int64  `json:"cost_fen,omitempty" minimum:"0" maximum:"1000000000" doc:"what each costs the house, for the report; what coupons save is added"`
}

func (h *Handlers) draw(d *draw.Draw) Draw {
	out := Draw{
		ID: h.IDs.Of(model.KindDraw, d.ID), State: d.State, Version: d.Version, Tries: d.Tries, Taken: []DrawTaken{},
		Commitment: hex.EncodeToString(d.Commitment), Seed: hex.EncodeToString(d.Seed), UpdatedAt: d.UpdatedAt,
		Definition: DrawBody{
			d.Name, d.Note, d.Style, d.From, d.Until, h.IDs.Of(model.KindSegment, d.SegmentID), d.NeedCheckIn, d.PaidDays, d.Price, d.PerDay, d.PerCustomer, nil,
		},
	}
	for _, p := range d.Prizes {
		out.Definition.Prizes = append(out.Definition.Prizes, DrawPrize{p.Name, p.Kind, h.IDs.Of(model.KindCouponBatch, p.BatchID), p.Points, p.Odds, p.Stock, int64(p.CostFen)})
		out.Taken = append(out.Taken, DrawTaken{p.Name, p.Taken})
	}
	return out
}

// ListDraws lists draws, newest first, without their prizes.
func (h *Handlers) ListDraws(ctx context.Context, in *PageQuery) (*Page[Draw], error) {
	r := h.reader()
	before := r.after(listDraw, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Draws.List(ctx, false, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []Draw
	for _, row := range rows {
		items = append(items, h.draw(&draw.Draw{LuckyDraw: row}))
	}
	return newPage(h, listDraw, items, lastOf(rows, in.Limit, func(d model.LuckyDraw) int64 { return d.ID }))
}

// GetDraw gives a draw.
func (h *Handlers) GetDraw(ctx context.Context, in *IDPath) (*One[Draw], error) {
	id, err := h.IDs.Row(model.KindDraw, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := h.Draws.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.draw(d)), nil
}

// CreateDrawInput is a new draw.
type CreateDrawInput struct{ Body DrawBody }

// CreateDraw makes a draft.
func (h *Handlers) CreateDraw(ctx context.Context, in *CreateDrawInput) (*One[Draw], error) {
	return h.saveDraw(ctx, 0, 0, &in.Body)
}

// UpdateDrawInput replaces what a draft says.
type UpdateDrawInput struct {
	IDPath
	Body struct {
		Version    int64    `json:"version" minimum:"1"`
		Definition DrawBody `json:"definition"`
	}
}

// UpdateDraw replaces what a draft says.
func (h *Handlers) UpdateDraw(ctx context.Context, in *UpdateDrawInput) (*One[Draw], error) {
	id, err := h.IDs.Row(model.KindDraw, in.ID)
	if err != nil {
		return nil, err
	}
	return h.saveDraw(ctx, id, in.Body.Version, &in.Body.Definition)
}

func (h *Handlers) saveDraw(ctx context.Context, id, version int64, b *DrawBody) (*One[Draw], error) {
	r := h.reader()
	d := draw.Definition{
		Name: b.Name, Note: b.Note, Style: b.Style, From: b.From, Until: b.Until, SegmentID: r.optional(model.KindSegment, b.SegmentID), NeedCheckIn: b.NeedCheckIn,
		PaidDays: b.PaidDays, Price: b.Price, PerDay: b.PerDay, PerCustomer: b.PerCustomer,
	}
	for _, p := range b.Prizes {
		d.Prizes = append(d.Prizes, draw.PrizeInput{Name: p.Name, Kind: p.Kind, BatchID: r.optional(model.KindCouponBatch, p.BatchID), Points: p.Points, Odds: p.Odds, Stock: p.Stock, CostFen: model.Fen(p.CostFen)})
	}
	r.moments(map[string]time.Time{"from": b.From, "until": b.Until})
	if r.err != nil {
		return nil, r.err
	}
	row, err := h.Draws.Save(ctx, ViewerOf(ctx).StaffID, id, version, d)
	if err != nil {
		return nil, err
	}
	return one(h.draw(row)), nil
}

// SetDrawStateInput says what becomes of a draw.
type SetDrawStateInput struct {
	IDPath
	Body struct {
		State string `json:"state" enum:"active,paused,ended" doc:"ended: for good, and the seed is published"`
	}
}

// SetDrawState starts, pauses, resumes or ends a draw.
func (h *Handlers) SetDrawState(ctx context.Context, in *SetDrawStateInput) (*None, error) {
	id, err := h.IDs.Row(model.KindDraw, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Draws.SetState(ctx, ViewerOf(ctx).StaffID, id, in.Body.State)
}

// DrawTry is one try.
type DrawTry struct {
	ID         string    `json:"id"`
	Number     int64     `json:"number"`
	CustomerID string    `json:"customer_id"`
	Roll       int       `json:"roll" doc:"0 to 999999"`
	Place      int       `json:"place" doc:"of the prize whose odds hold the roll, from 0; -1: none"`
	Won        bool      `json:"won" doc:"false with a place: the prize was gone"`
	State      string    `json:"state" doc:"nothing, done, to_hand_over, handed_over"`
	Note       string    `json:"note,omitempty"`
	StaffID    string    `json:"staff_id,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
}

// ListDrawTriesInput selects tries.
type ListDrawTriesInput struct {
	IDPath
	PageQuery
	State string `query:"state" enum:"nothing,done,to_hand_over,handed_over"`
}

// ListDrawTries lists the tries of a draw, newest first.
func (h *Handlers) ListDrawTries(ctx context.Context, in *ListDrawTriesInput) (*Page[DrawTry], error) {
	r := h.reader()
	f := draw.TryFilter{DrawID: r.row(model.KindDraw, in.ID), State: in.State, Before: r.after(listDrawTry, in.Cursor), Limit: in.Limit}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Draws.Tries(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []DrawTry
	for _, t := range rows {
		items = append(items, DrawTry{
			h.IDs.Of(model.KindDrawTry, t.ID), t.Number, h.IDs.Of(model.KindCustomer, t.CustomerID), t.Roll, t.Place, t.Won, t.State, t.Note,
			h.IDs.Of(model.KindStaff, t.StaffID), t.CreatedAt,
		})
	}
	return newPage(h, listDrawTry, items, lastOf(rows, in.Limit, func(t model.DrawTry) int64 { return t.ID }))
}

// HandOverInput says how a gift was handed over.
type HandOverInput struct {
	IDPath
	Body struct {
		Note string `json:"note,omitempty" maxLength:"255"`
	}
}

// HandOverDrawPrize notes that what was won was handed over.
func (h *Handlers) HandOverDrawPrize(ctx context.Context, in *HandOverInput) (*None, error) {
	id, err := h.IDs.Row(model.KindDrawTry, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Draws.HandOver(ctx, ViewerOf(ctx).StaffID, id, in.Body.Note)
}

// DrawCheck says whether all tries follow from the seed.
type DrawCheck struct {
	Tries int64 `json:"tries"`
	Wrong int64 `json:"wrong" doc:"number of the first try that is not what it must be; 0: all are"`
}

// CheckDraw works out all tries of a draw that has ended anew.
func (h *Handlers) CheckDraw(ctx context.Context, in *IDPath) (*One[DrawCheck], error) {
	id, err := h.IDs.Row(model.KindDraw, in.ID)
	if err != nil {
		return nil, err
	}
	tries, wrong, err := h.Draws.Check(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(DrawCheck{tries, wrong}), nil
}
