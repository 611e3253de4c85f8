package console

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/model"
	"zhiyin/service/journey"
)

// Rehearsal is what a journey's draft would do.
type Rehearsal struct {
	ID        string           `json:"id"`
	JourneyID string           `json:"journey_id"`
	State     string           `json:"state" doc:"waiting, running, done, failed, cancelled"`
	Done      int64            `json:"done" doc:"customers looked at"`
	Total     int64            `json:"total"`
	Error     string           `json:"error,omitempty"`
	Result    *RehearsalResult `json:"result,omitempty" doc:"when it is done; absent in lists"`
	CreatedAt time.Time        `json:"created_at"`
	StartedAt *time.Time       `json:"started_at,omitempty"`
	EndedAt   *time.Time       `json:"ended_at,omitempty"`
}

// RehearsalResult is what a rehearsal found.
type RehearsalResult struct {
	From      time.Time                   `json:"from"`
	To        time.Time                   `json:"to"`
	Customers int64                       `json:"customers" doc:"who were looked at"`
	Entered   int64                       `json:"entered"`
	Held      int64                       `json:"held"`
	Goal      int64                       `json:"goal"`
	HeldGoal  int64                       `json:"held_goal"`
	StillIn   int64                       `json:"still_in"`
	Stuck     int64                       `json:"stuck"`
	Ended     map[string]int64            `json:"ended"`
	Nodes     []journey.NodeResult        `json:"nodes" nullable:"false"`
	Days      []journey.DayResult         `json:"days" nullable:"false"`
	Lost      map[string]map[string]int64 `json:"lost" doc:"messages that would not leave, by channel and reason"`
	Later     map[string]int64            `json:"later" doc:"how often one would leave later, by reason"`
	Staff     []RehearsalStaff            `json:"staff" nullable:"false"`
	Tasks     int64                       `json:"tasks"`
	Tags      int64                       `json:"tags"`
	Calls     int64                       `json:"calls"`
	Coupons   []RehearsalCoupons          `json:"coupons" nullable:"false"`
	Points    int64                       `json:"points" doc:"given"`
	Notes     []journey.Caveat            `json:"notes" nullable:"false" doc:"what it could not know"`
	Trail     []journey.Trace             `json:"trail,omitempty" doc:"of the one who was followed"`
}

// RehearsalStaff is what a staff member would have to do.
type RehearsalStaff struct {
	StaffID  string `json:"staff_id"`
	Messages int64  `json:"messages"`
	Taps     int64  `json:"taps" doc:"confirmations: messages of one step on one day are one"`
	Busiest  int64  `json:"busiest" doc:"taps on the busiest day"`
	Tasks    int64  `json:"tasks"`
}

// RehearsalCoupons is how many coupons of a batch would be given.
type RehearsalCoupons struct {
	BatchID string `json:"batch_id"`
	Given   int64  `json:"given"`
}

func (h *Handlers) rehearsal(r *model.JourneyRehearsal, found *journey.Result) Rehearsal {
	return Rehearsal{
		ID: h.IDs.Of(model.KindRehearsal, r.ID), JourneyID: h.IDs.Of(model.KindJourney, r.JourneyID), State: r.State, Done: r.Done, Total: r.Total, Error: r.Error,
		Result: h.rehearsalResult(found), CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, EndedAt: r.EndedAt,
	}
}

func (h *Handlers) rehearsalResult(r *journey.Result) *RehearsalResult {
	if r == nil {
		return nil
	}
	out := &RehearsalResult{
		From: r.From, To: r.To, Customers: r.Customers, Entered: r.Entered, Held: r.Held, Goal: r.Goal, HeldGoal: r.HeldGoal, StillIn: r.StillIn, Stuck: r.Stuck,
		Ended: r.Ended, Nodes: r.Nodes, Days: r.Days, Lost: r.Lost, Later: r.Later, Staff: []RehearsalStaff{}, Tasks: r.Tasks, Tags: r.Tags, Calls: r.Calls,
		Coupons: []RehearsalCoupons{}, Points: r.Points, Notes: r.Notes, Trail: r.Trail,
	}
	for _, s := range r.Staff {
		out.Staff = append(out.Staff, RehearsalStaff{h.IDs.Of(model.KindStaff, s.StaffID), s.Messages, s.Taps, s.Busiest, s.Tasks})
	}
	for _, c := range r.Coupons {
		out.Coupons = append(out.Coupons, RehearsalCoupons{h.IDs.Of(model.KindCouponBatch, c.BatchID), c.Given})
	}
	return out
}

// RehearsalQuestion is what a rehearsal shall look at.
type RehearsalQuestion struct {
	From      time.Time `json:"from" doc:"in the past, what customers did since then happens once more; in the future, only the clock starts things"`
	Days      int       `json:"days" minimum:"1" maximum:"92"`
	SegmentID string    `json:"segment_id,omitempty" maxLength:"26" doc:"who enters at the beginning, besides those whom the trigger has enter"`
}

func (h *Handlers) asked(q *RehearsalQuestion, customer string) (a journey.Asked, err error) {
	r := h.reader()
	r.moments(map[string]time.Time{"from": q.From})
	a = journey.Asked{From: q.From, Days: q.Days, SegmentID: r.optional(model.KindSegment, q.SegmentID), CustomerID: r.optional(model.KindCustomer, customer)}
	return a, r.err
}

// AskRehearsalInput asks what a journey's draft would do.
type AskRehearsalInput struct {
	IDPath
	Body RehearsalQuestion
}

// AskRehearsal has the draft rehearsed on all customers, in the background.
func (h *Handlers) AskRehearsal(ctx context.Context, in *AskRehearsalInput) (*One[Rehearsal], error) {
	id, err := h.IDs.Row(model.KindJourney, in.ID)
	if err != nil {
		return nil, err
	}
	a, err := h.asked(&in.Body, "")
	if err != nil {
		return nil, err
	}
	row, err := h.Journeys.AskRehearsal(ctx, id, a, ViewerOf(ctx).StaffID)
	if err != nil {
		return nil, err
	}
	return one(h.rehearsal(row, nil)), nil
}

// RehearsalsInput asks for a page of rehearsals.
type RehearsalsInput struct {
	IDPath
	PageQuery
}

// ListRehearsals lists a journey's rehearsals, the newest first.
func (h *Handlers) ListRehearsals(ctx context.Context, in *RehearsalsInput) (*Page[Rehearsal], error) {
	r := h.reader()
	id, before := r.row(model.KindJourney, in.ID), r.after(listRehearsal, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Journeys.Rehearsals(ctx, id, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []Rehearsal
	for i := range rows {
		items = append(items, h.rehearsal(&rows[i], nil))
	}
	return newPage(h, listRehearsal, items, lastOf(rows, in.Limit, func(r model.JourneyRehearsal) int64 { return r.ID }))
}

// GetRehearsal shows how far a rehearsal is, and what it found.
func (h *Handlers) GetRehearsal(ctx context.Context, in *IDPath) (*One[Rehearsal], error) {
	id, err := h.IDs.Row(model.KindRehearsal, in.ID)
	if err != nil {
		return nil, err
	}
	row, found, err := h.Journeys.Rehearsal(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.rehearsal(row, found)), nil
}

// FollowRehearsal tells, as server-sent events named progress, how far a rehearsal has come: at once, then whenever something has changed,
// until it has ended or the request does. The last one says what it found.
func (h *Handlers) FollowRehearsal(ctx context.Context, in *IDPath) (func(ctx context.Context, send Send) error, error) {
	id, err := h.IDs.Row(model.KindRehearsal, in.ID)
	if err != nil {
		return nil, err
	}
	look := func(ctx context.Context) (*Rehearsal, error) {
		row, found, err := h.Journeys.Rehearsal(ctx, id)
		if err != nil {
			return nil, err
		}
		r := h.rehearsal(row, found)
		return &r, nil
	}
	now, err := look(ctx)
	if err != nil {
		return nil, err
	}
	return follow(now, look, (*Rehearsal).same, (*Rehearsal).over), nil
}

func (r *Rehearsal) same(o *Rehearsal) bool {
	return r.State == o.State && r.Done == o.Done && r.Total == o.Total
}

func (r *Rehearsal) over() bool {
	return r.State == journey.RehearsalDone || r.State == journey.RehearsalFailed || r.State == journey.RehearsalCancelled
}

// CancelRehearsal stops a rehearsal that waits or runs.
func (h *Handlers) CancelRehearsal(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindRehearsal, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Journeys.CancelRehearsal(ctx, id)
}

// StepThroughInput is a definition, and who goes through it.
type StepThroughInput struct {
	IDPath
	Body struct {
		RehearsalQuestion
		Definition json.RawMessage `json:"definition" doc:"it need not be saved"`
		CustomerID string          `json:"customer_id" minLength:"26" maxLength:"26"`
	}
}

// StepThrough follows one customer through a definition, step by step, at once.
func (h *Handlers) StepThrough(ctx context.Context, in *StepThroughInput) (*One[RehearsalResult], error) {
	id, err := h.IDs.Row(model.KindJourney, in.ID)
	if err != nil {
		return nil, err
	}
	a, err := h.asked(&in.Body.RehearsalQuestion, in.Body.CustomerID)
	if err != nil {
		return nil, err
	}
	d, err := h.Journeys.Read(ctx, in.Body.Definition, h.IDs)
	if err != nil {
		return nil, err
	}
	found, err := h.Journeys.Follow(ctx, ViewerOf(ctx), id, d, a)
	if err != nil {
		return nil, err
	}
	return one(*h.rehearsalResult(found)), nil
}
