package miniapp

import (
	"context"
	"encoding/hex"
	"strconv"
	"time"

	"zhiyin/model"
	"zhiyin/service/social/draw"
)

// Draw is a lucky draw.
type Draw struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Note        string      `json:"note"`
	Style       string      `json:"style" doc:"wheel, scratch, envelope"`
	Until       time.Time   `json:"until"`
	Price       int64       `json:"price" doc:"每次所需积分 · points a try"`
	NeedCheckIn bool        `json:"need_check_in"`
	Left        int64       `json:"left" doc:"今天还能抽几次，-1 为不限 · tries left today, -1: any number"`
	Prizes      []DrawPrize `json:"prizes" nullable:"false"`
	Commitment  string      `json:"commitment" doc:"种子的 SHA-256，开始时公布 · SHA-256 of the seed, published from the start"`
	Seed        string      `json:"seed,omitempty" doc:"结束后公布 · published after the end"`
}

// DrawPrize is what a try may win.
type DrawPrize struct {
	Name string `json:"name"`
	Kind string `json:"kind" doc:"gift, coupon, points"`
	Odds int    `json:"odds" doc:"百万分之几 · of a million"`
	Gone bool   `json:"gone" doc:"已抽完 · none is left"`
}

func (h *Handlers) draw(ctx context.Context, d *draw.Draw) (Draw, error) {
	left, err := h.Draws.Left(ctx, visitorOf(ctx).CustomerID, d)
	out := Draw{
		h.IDs.Of(model.KindDraw, d.ID), d.Name, d.Note, d.Style, d.Until, d.Price, d.NeedCheckIn, left, []DrawPrize{}, hex.EncodeToString(d.Commitment), hex.EncodeToString(d.Seed),
	}
	for _, p := range d.Prizes {
		out.Prizes = append(out.Prizes, DrawPrize{p.Name, p.Kind, p.Odds, p.Stock > 0 && p.Taken >= p.Stock})
	}
	return out, err
}

// ListDraws lists the draws that are open now, without their prizes.
func (h *Handlers) ListDraws(ctx context.Context, _ *struct{}) (*Many[Draw], error) {
	rows, err := h.Draws.List(ctx, true, 0, 50)
	if err != nil {
		return nil, err
	}
	out := &Many[Draw]{}
	out.Body.Items = []Draw{}
	for _, row := range rows {
		d, err := h.draw(ctx, &draw.Draw{LuckyDraw: row})
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, d)
	}
	return out, nil
}

// IDInput names a thing.
type IDInput struct {
	ID string `path:"id"`
}

// GetDraw gives a draw with its prizes; a draft is nobody's business.
func (h *Handlers) GetDraw(ctx context.Context, in *IDInput) (*One[Draw], error) {
	d, err := h.started(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out, err := h.draw(ctx, d)
	if err != nil {
		return nil, err
	}
	return one(out), nil
}

func (h *Handlers) started(ctx context.Context, id string) (*draw.Draw, error) {
	row, err := h.IDs.Row(model.KindDraw, id)
	if err != nil {
		return nil, err
	}
	d, err := h.Draws.Get(ctx, row)
	if err == nil && d.State == draw.StateDraft {
		err = draw.ErrNotFound
	}
	return d, err
}

// DrawTry is a try of the caller.
type DrawTry struct {
	Number    int64     `json:"number"`
	Prize     string    `json:"prize,omitempty" doc:"没有中奖为空 · absent: nothing was won"`
	Place     int       `json:"place" doc:"奖品序号，-1 为未中 · place of the prize, from 0; -1: none"`
	Won       bool      `json:"won"`
	State     string    `json:"state" doc:"nothing, done, to_hand_over, handed_over"`
	CreatedAt time.Time `json:"created_at"`
}

func drawTry(d *draw.Draw, t *model.DrawTry) DrawTry {
	out := DrawTry{Number: t.Number, Place: -1, Won: t.Won, State: t.State, CreatedAt: t.CreatedAt}
	if t.Won && t.Place < len(d.Prizes) {
		out.Prize, out.Place = d.Prizes[t.Place].Name, t.Place
	}
	return out
}

// TryDrawInput is what the caller brings to the roll.
type TryDrawInput struct {
	IDInput
	Body struct {
		RequestID string `json:"request_id" minLength:"8" maxLength:"48" pattern:"^[A-Za-z0-9_-]+$" doc:"参与计算结果；重复提交返回第一次的结果 · part of the roll; repeat it and the first try is returned"`
	}
}

// TryDraw has the caller try their luck.
func (h *Handlers) TryDraw(ctx context.Context, in *TryDrawInput) (*One[DrawTry], error) {
	d, err := h.started(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	t, err := h.Draws.Try(ctx, visitorOf(ctx).CustomerID, d.ID, in.Body.RequestID)
	if err != nil {
		return nil, err
	}
	return one(drawTry(d, t)), nil
}

// ListDrawTries lists the caller's last tries of a draw, newest first.
func (h *Handlers) ListDrawTries(ctx context.Context, in *IDInput) (*Many[DrawTry], error) {
	d, err := h.started(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	rows, err := h.Draws.Tries(ctx, draw.TryFilter{DrawID: d.ID, CustomerID: visitorOf(ctx).CustomerID, Limit: 100})
	if err != nil {
		return nil, err
	}
	out := &Many[DrawTry]{}
	out.Body.Items = []DrawTry{}
	for i := range rows {
		out.Body.Items = append(out.Body.Items, drawTry(d, &rows[i]))
	}
	return out, nil
}

// DrawProof is what it takes to work out all tries anew, once the draw has ended.
type DrawProof struct {
	Commitment string        `json:"commitment"`
	Seed       string        `json:"seed" doc:"十六进制；结束前为空 · in hexadecimal; empty before the end"`
	Tries      []ProvenTry   `json:"tries" nullable:"false"`
	Prizes     []ProvenPrize `json:"prizes" nullable:"false"`
	Next       int64         `json:"next,omitempty" doc:"下一页的 after · what to ask for next; absent after the last"`
}

// ProvenTry is a try without whose it was.
type ProvenTry struct {
	Number int64  `json:"number"`
	Nonce  string `json:"nonce" doc:"抽奖者提交的编号 · what the customer brought"`
	Roll   int    `json:"roll"`
	Place  int    `json:"place"`
	Won    bool   `json:"won"`
}

// ProvenPrize is what decides about a roll.
type ProvenPrize struct {
	Name  string `json:"name"`
	Odds  int    `json:"odds"`
	Stock int64  `json:"stock" doc:"0 为不限 · 0: any number"`
}

// DrawProofInput asks for a page of a draw's tries.
type DrawProofInput struct {
	IDInput
	After string `query:"after" maxLength:"18" pattern:"^[0-9]*$" doc:"上一页返回的 next · next of the page before"`
}

const proofPage = 500

// ProveDraw gives everything from which anybody can work out a draw that has ended.
func (h *Handlers) ProveDraw(ctx context.Context, in *DrawProofInput) (*One[DrawProof], error) {
	started, err := h.started(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	after, _ := strconv.ParseInt(in.After, 10, 64) // nothing but digits, or empty
	d, tries, err := h.Draws.Proof(ctx, started.ID, after, proofPage)
	if err != nil {
		return nil, err
	}
	out := DrawProof{Commitment: hex.EncodeToString(d.Commitment), Seed: hex.EncodeToString(d.Seed), Tries: []ProvenTry{}, Prizes: []ProvenPrize{}}
	for _, p := range d.Prizes {
		out.Prizes = append(out.Prizes, ProvenPrize{p.Name, p.Odds, p.Stock})
	}
	if d.State != draw.StateEnded { // nonces are their customers' until then
		return one(out), nil
	}
	for _, t := range tries {
		out.Tries = append(out.Tries, ProvenTry{t.Number, t.Nonce, t.Roll, t.Place, t.Won})
	}
	if len(tries) == proofPage {
		out.Next = tries[proofPage-1].Number
	}
	return one(out), nil
}
