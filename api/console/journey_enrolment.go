package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/journey"
)

// Enrolment is one customer's run through a journey.
type Enrolment struct {
	ID         string           `json:"id"`
	JourneyID  string           `json:"journey_id"`
	Version    int              `json:"version"`
	CustomerID string           `json:"customer_id"`
	Key        string           `json:"key,omitempty" doc:"tells apart runs side by side"`
	Turn       int              `json:"turn" doc:"which of the customer's runs"`
	State      string           `json:"state" doc:"active, ended, held: in the hold-out, stuck"`
	Node       string           `json:"node"`
	ArrivedAt  time.Time        `json:"arrived_at"`
	DueAt      time.Time        `json:"due_at"`
	Reason     string           `json:"reason,omitempty" doc:"why it ended, or is stuck"`
	Cause      string           `json:"cause" doc:"what started it"`
	EnteredAt  time.Time        `json:"entered_at"`
	EndedAt    *time.Time       `json:"ended_at,omitempty"`
	GoalAt     *time.Time       `json:"goal_at,omitempty"`
	Visits     []EnrolmentVisit `json:"visits,omitempty" doc:"the steps that it has left behind; absent in lists"`
}

// EnrolmentVisit is a step that an enrolment has left behind.
type EnrolmentVisit struct {
	Node    string    `json:"node"`
	Outcome string    `json:"outcome"`
	At      time.Time `json:"at"`
}

func (h *Handlers) enrolment(e *model.Enrolment) Enrolment {
	return Enrolment{
		ID: h.IDs.Of(model.KindEnrolment, e.ID), JourneyID: h.IDs.Of(model.KindJourney, e.JourneyID), Version: e.Version, CustomerID: h.IDs.Of(model.KindCustomer, e.CustomerID),
		Key: e.EntryKey, Turn: e.Turn, State: e.State, Node: e.Node, ArrivedAt: e.ArrivedAt, DueAt: e.DueAt, Reason: e.Reason, Cause: e.Cause,
		EnteredAt: e.EnteredAt, EndedAt: e.EndedAt, GoalAt: e.GoalAt,
	}
}

// EnrolmentsInput selects enrolments.
type EnrolmentsInput struct {
	IDPath
	PageQuery
	CustomerID string `query:"customer_id" maxLength:"26"`
	State      string `query:"state" enum:"active,ended,held,stuck"`
	Node       string `query:"node" maxLength:"32"`
}

// JourneyEnrolments lists who goes or went through a journey, the newest first.
func (h *Handlers) JourneyEnrolments(ctx context.Context, in *EnrolmentsInput) (*Page[Enrolment], error) {
	r := h.reader()
	f := journey.EnrolmentFilter{
		JourneyID: r.row(model.KindJourney, in.ID), CustomerID: r.optional(model.KindCustomer, in.CustomerID), State: in.State, Node: in.Node,
		Before: r.after(listEnrolment, in.Cursor), Limit: in.Limit,
	}
	if r.err != nil {
		return nil, r.err
	}
	return h.enrolments(ctx, listEnrolment, f)
}

// CustomerEnrolmentsInput names a customer.
type CustomerEnrolmentsInput struct {
	IDPath
	PageQuery
}

// CustomerEnrolments lists the journeys of a customer, the newest first.
func (h *Handlers) CustomerEnrolments(ctx context.Context, in *CustomerEnrolmentsInput) (*Page[Enrolment], error) {
	r := h.reader()
	f := journey.EnrolmentFilter{CustomerID: r.row(model.KindCustomer, in.ID), Before: r.after(listCustomersRuns, in.Cursor), Limit: in.Limit}
	if r.err != nil {
		return nil, r.err
	}
	return h.enrolments(ctx, listCustomersRuns, f)
}

func (h *Handlers) enrolments(ctx context.Context, list string, f journey.EnrolmentFilter) (*Page[Enrolment], error) {
	rows, err := h.Journeys.Enrolments(ctx, ViewerOf(ctx), f)
	if err != nil {
		return nil, err
	}
	var items []Enrolment
	for i := range rows {
		items = append(items, h.enrolment(&rows[i]))
	}
	return newPage(h, list, items, lastOf(rows, f.Limit, func(e model.Enrolment) int64 { return e.ID }))
}

// GetEnrolment shows an enrolment with the steps that it has left behind.
func (h *Handlers) GetEnrolment(ctx context.Context, in *IDPath) (*One[Enrolment], error) {
	id, err := h.IDs.Row(model.KindEnrolment, in.ID)
	if err != nil {
		return nil, err
	}
	row, visits, err := h.Journeys.Visits(ctx, ViewerOf(ctx), id)
	if err != nil {
		return nil, err
	}
	out := h.enrolment(row)
	for _, v := range visits {
		out.Visits = append(out.Visits, EnrolmentVisit{v.Node, v.Outcome, v.At})
	}
	return one(out), nil
}

// DecideEnrolmentInput says what shall become of an enrolment.
type DecideEnrolmentInput struct {
	IDPath
	Body struct {
		Action string `json:"action" enum:"retry,skip,exit" doc:"retry and skip: of one that is stuck"`
	}
}

// DecideEnrolment has a stuck step tried again or skipped, or takes a customer out.
func (h *Handlers) DecideEnrolment(ctx context.Context, in *DecideEnrolmentInput) (*None, error) {
	id, err := h.IDs.Row(model.KindEnrolment, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Journeys.Decide(ctx, ViewerOf(ctx), id, in.Body.Action)
}

// JourneyFunnel is how customers went through a version.
type JourneyFunnel struct {
	Version    int              `json:"version"`
	Entered    int64            `json:"entered"`
	Held       int64            `json:"held" doc:"in the hold-out"`
	Running    int64            `json:"running"`
	Stuck      int64            `json:"stuck"`
	Ended      map[string]int64 `json:"ended" doc:"by reason"`
	Goal       int64            `json:"goal" doc:"reached within the window"`
	HeldGoal   int64            `json:"held_goal"`
	GoalPoints *int64           `json:"goal_points,omitempty" doc:"the share that reached the goal, in basis points"`
	HeldPoints *int64           `json:"held_points,omitempty" doc:"the same of the hold-out"`
	Uplift     *int64           `json:"uplift,omitempty" doc:"how much more that is, in basis points; a small hold-out says little"`
	Nodes      []FunnelNode     `json:"nodes" nullable:"false"`
}

// FunnelNode is how customers went through a node.
type FunnelNode struct {
	ID       string           `json:"id"`
	Title    string           `json:"title"`
	Step     string           `json:"step"`
	Arrived  int64            `json:"arrived"`
	Here     int64            `json:"here" doc:"now"`
	Outcomes map[string]int64 `json:"outcomes"`
}

// FunnelInput names a version.
type FunnelInput struct {
	IDPath
	Version int `query:"version" minimum:"0" doc:"0: the one that customers enter"`
}

// GetJourneyFunnel counts how customers went through a version of a journey, and how many reached its goal.
func (h *Handlers) GetJourneyFunnel(ctx context.Context, in *FunnelInput) (*One[JourneyFunnel], error) {
	id, err := h.IDs.Row(model.KindJourney, in.ID)
	if err != nil {
		return nil, err
	}
	f, err := h.Journeys.Funnel(ctx, id, in.Version)
	if err != nil {
		return nil, err
	}
	out := JourneyFunnel{
		Version: f.Version, Entered: f.Entered, Held: f.Held, Running: f.Running, Stuck: f.Stuck, Ended: f.Ended, Goal: f.Goal, HeldGoal: f.HeldGoal,
		GoalPoints: f.GoalPoints, HeldPoints: f.HeldPoints, Uplift: f.Uplift, Nodes: []FunnelNode{},
	}
	for _, n := range f.Nodes {
		out.Nodes = append(out.Nodes, FunnelNode(n))
	}
	return one(out), nil
}
