package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/outreach"
)

// originKinds says what the ids of those who intend messages name. What is not listed is named by its source alone.
var originKinds = map[string]model.Kind{
	outreach.SourceCampaign: model.KindCampaign,
	outreach.SourceJourney:  model.KindJourney,
	outreach.SourceTask:     model.KindTask,
	outreach.SourceSidebar:  model.KindStaff,
	outreach.SourceConsole:  model.KindStaff,
}

// Delivery is one message that somebody intends for one customer, and what became of it.
type Delivery struct {
	ID          string     `json:"id"`
	Source      string     `json:"source" doc:"who intends it: campaign, journey, task, sidebar, console, system"`
	SourceID    string     `json:"source_id,omitempty"`
	Step        string     `json:"step,omitempty" doc:"step of a journey, variant of a campaign"`
	CustomerID  string     `json:"customer_id,omitempty"`
	GroupID     string     `json:"group_id,omitempty"`
	Channel     string     `json:"channel"`
	AccountID   string     `json:"account_id,omitempty"`
	StaffID     string     `json:"staff_id,omitempty" doc:"whose name it goes out in"`
	State       string     `json:"state"`
	Class       string     `json:"class,omitempty" doc:"of failures: busy, relation, input, permission, quota, refused, other"`
	Code        int        `json:"code,omitempty" doc:"the platform's"`
	Reason      string     `json:"reason,omitempty" doc:"why it was not sent, or not yet"`
	Attempts    int        `json:"attempts"`
	DueAt       time.Time  `json:"due_at"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	AcceptedAt  *time.Time `json:"accepted_at,omitempty"`
	ReadAt      *time.Time `json:"read_at,omitempty"`
	ClickedAt   *time.Time `json:"clicked_at,omitempty"`
	ConvertedAt *time.Time `json:"converted_at,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
}

func (h *Handlers) sent(d *outreach.Listed) Delivery {
	out := Delivery{
		ID: h.IDs.Of(model.KindDelivery, d.ID), Source: d.Source, Step: d.Step, CustomerID: h.IDs.Of(model.KindCustomer, d.CustomerID),
		GroupID: h.IDs.Of(model.KindGroup, d.GroupID), Channel: d.Lane.Channel, AccountID: h.IDs.Of(model.KindAccount, d.Lane.AccountID),
		StaffID: h.IDs.Of(model.KindStaff, d.Lane.StaffID), State: outreach.State(d.State).String(), Class: d.Class, Code: d.Code, Reason: d.Reason,
		Attempts: d.Attempts, DueAt: d.DueAt, ExpiresAt: d.ExpiresAt, AcceptedAt: d.AcceptedAt, ReadAt: d.ReadAt, ClickedAt: d.ClickedAt,
		ConvertedAt: d.ConvertedAt, CreatedAt: d.CreatedAt,
	}
	if kind, known := originKinds[d.Source]; known {
		out.SourceID = h.IDs.Of(kind, d.SourceID)
	}
	return out
}

// OriginQuery names who intends messages.
type OriginQuery struct {
	Source   string `query:"source" enum:"campaign,journey,task,sidebar,console,system" doc:"who intends them"`
	SourceID string `query:"source_id" doc:"which campaign, journey, …; absent: all of them"`
}

func (r *reader) origin(q OriginQuery) (source string, id int64) {
	if q.SourceID == "" {
		return q.Source, 0
	}
	// A source whose ids have no kind here gives none out either.
	return q.Source, r.row(originKinds[q.Source], q.SourceID)
}

// ListDeliveriesInput selects deliveries.
type ListDeliveriesInput struct {
	OriginQuery
	PageQuery
	Step       string   `query:"step" maxLength:"64"`
	Channel    string   `query:"channel" maxLength:"32"`
	StaffID    string   `query:"staff_id" doc:"whose name they go out in"`
	CustomerID string   `query:"customer_id"`
	State      []string `query:"state" maxItems:"13" enum:"planned,claimed,accepted,sent,delivered,read,clicked,converted,failed,suppressed,expired,cancelled,in_doubt"`
	Reason     string   `query:"reason" maxLength:"64"`
}

// ListDeliveries says who got a message, who did not, and why.
func (h *Handlers) ListDeliveries(ctx context.Context, in *ListDeliveriesInput) (*Page[Delivery], error) {
	r := h.reader()
	f := outreach.Filter{
		Step: in.Step, Channel: in.Channel, StaffID: r.optional(model.KindStaff, in.StaffID), CustomerID: r.optional(model.KindCustomer, in.CustomerID),
		Reason: in.Reason, Limit: in.Limit,
	}
	f.Source, f.SourceID = r.origin(in.OriginQuery)
	f.States = statesNamed(in.State)
	after, err := unseal[outreach.Cursor](h.Cursors, listDelivery, in.Cursor)
	r.fail(err)
	if r.err != nil {
		return nil, r.err
	}
	f.After = after
	return h.deliveries(ctx, listDelivery, f)
}

func statesNamed(names []string) (states []outreach.State) {
	for _, name := range names {
		if s, known := outreach.StateNamed(name); known {
			states = append(states, s)
		}
	}
	return states
}

func (h *Handlers) deliveries(ctx context.Context, name string, f outreach.Filter) (*Page[Delivery], error) {
	list, err := h.Outreach.List(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []Delivery
	var end outreach.Cursor
	for i := range list {
		items = append(items, h.sent(&list[i]))
		if i == f.Limit-1 {
			end = list[i].At()
		}
	}
	return newPage(h, name, items, end)
}

// CustomerDeliveriesInput names a customer.
type CustomerDeliveriesInput struct {
	IDPath
	PageQuery
}

// CustomerDeliveries lists what a customer has been sent or is to be sent, the newest first.
func (h *Handlers) CustomerDeliveries(ctx context.Context, in *CustomerDeliveriesInput) (*Page[Delivery], error) {
	r := h.reader()
	id := r.row(model.KindCustomer, in.ID)
	after, err := unseal[outreach.Cursor](h.Cursors, listSent, in.Cursor)
	r.fail(err)
	if r.err != nil {
		return nil, r.err
	}
	if err := h.Customers.Sees(ctx, ViewerOf(ctx), id); err != nil {
		return nil, err
	}
	return h.deliveries(ctx, listSent, outreach.Filter{CustomerID: id, After: after, Limit: in.Limit})
}

// GetDelivery gives one delivery.
func (h *Handlers) GetDelivery(ctx context.Context, in *IDPath) (*One[Delivery], error) {
	id, err := h.IDs.Row(model.KindDelivery, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := h.Outreach.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.sent(d)), nil
}

// DecideDeliveryInput is what somebody has found out.
type DecideDeliveryInput struct {
	IDPath
	Body struct {
		Sent bool `json:"sent" doc:"true: the customer has it; false: it is sent again"`
	}
}

// DecideDelivery says what became of a delivery in doubt.
func (h *Handlers) DecideDelivery(ctx context.Context, in *DecideDeliveryInput) (*None, error) {
	id, err := h.IDs.Row(model.KindDelivery, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Outreach.Decide(ctx, id, in.Body.Sent)
}

// RetryDeliveriesInput names who intends messages.
type RetryDeliveriesInput struct {
	Body struct {
		Source   string `json:"source" enum:"campaign,journey,task,sidebar,console,system"`
		SourceID string `json:"source_id" minLength:"1"`
	}
}

// Retried is how many failed deliveries are planned again.
type Retried struct {
	Planned int64 `json:"planned"`
}

// RetryDeliveries plans failed deliveries again where another attempt makes sense.
func (h *Handlers) RetryDeliveries(ctx context.Context, in *RetryDeliveriesInput) (*One[Retried], error) {
	r := h.reader()
	source, id := r.origin(OriginQuery{in.Body.Source, in.Body.SourceID})
	if r.err != nil {
		return nil, r.err
	}
	n, err := h.Outreach.RetryFailed(ctx, source, id)
	if err != nil {
		return nil, err
	}
	return one(Retried{n}), nil
}

// DeliveryPause is why some deliveries don't leave.
type DeliveryPause struct {
	ID        string     `json:"id"`
	Reason    string     `json:"reason"`
	PausedBy  string     `json:"paused_by,omitempty" doc:"absent: the sender itself, because of failures"`
	Until     *time.Time `json:"until,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	PausedOf
}

// PausedOf is what is paused: a source, a channel's account, or a part of a source.
type PausedOf struct {
	Source    string `json:"source,omitempty"`
	SourceID  string `json:"source_id,omitempty"`
	Channel   string `json:"channel,omitempty"`
	AccountID string `json:"account_id,omitempty"`
	StaffID   string `json:"staff_id,omitempty"`
	Step      string `json:"step,omitempty"`
}

// ListDeliveryPauses lists what is paused and why.
func (h *Handlers) ListDeliveryPauses(ctx context.Context, _ *struct{}) (*Page[DeliveryPause], error) {
	list, err := h.Outreach.Pauses(ctx)
	if err != nil {
		return nil, err
	}
	var items []DeliveryPause
	for _, p := range list {
		of := PausedOf{
			Source: p.Source, Channel: p.Channel, AccountID: h.IDs.Of(model.KindAccount, p.AccountID),
			StaffID: h.IDs.Of(model.KindStaff, p.StaffID), Step: p.Step,
		}
		if kind, known := originKinds[p.Source]; known {
			of.SourceID = h.IDs.Of(kind, p.SourceID)
		}
		items = append(items, DeliveryPause{
			ID: h.IDs.Of(model.KindDeliveryPause, p.ID), Reason: p.Reason, PausedBy: h.IDs.Of(model.KindStaff, p.PausedBy), Until: p.Until,
			CreatedAt: p.CreatedAt, PausedOf: of,
		})
	}
	return whole(items), nil
}

// ResumeDeliveries ends a pause.
func (h *Handlers) ResumeDeliveries(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindDeliveryPause, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Outreach.EndPause(ctx, id)
}

// Channel is one way to reach customers.
type Channel struct {
	Name     string   `json:"name"`
	Zh       string   `json:"zh"`
	En       string   `json:"en"`
	Contents []string `json:"contents" nullable:"false" doc:"kinds of content it can carry"`
	Senders  bool     `json:"senders" doc:"goes out in a staff member's name"`
	Reports  []string `json:"reports" nullable:"false" doc:"states it can tell of after accepted"`
}

// ListChannels lists the ways to reach customers.
func (h *Handlers) ListChannels(context.Context, *struct{}) (*Page[Channel], error) {
	var items []Channel
	for _, d := range h.Outreach.Channels() {
		c := Channel{Name: d.Name, Zh: d.Zh, En: d.En, Contents: []string{}, Senders: d.Senders, Reports: []string{}}
		for _, k := range d.Contents {
			c.Contents = append(c.Contents, string(k))
		}
		for _, s := range d.Reports {
			c.Reports = append(c.Reports, s.String())
		}
		items = append(items, c)
	}
	return whole(items), nil
}
