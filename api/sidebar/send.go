package sidebar

import (
	"context"
	"time"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/channel"
	"zhiyin/service/outreach/message"
)

// Sendable is a message that staff may send by hand.
type Sendable struct {
	ID      string                 `json:"id"`
	Name    string                 `json:"name"`
	Topic   string                 `json:"topic,omitempty"`
	Content console.MessageContent `json:"content" doc:"variables are filled in when it is sent"`
}

// ListSendableInput selects messages.
type ListSendableInput struct {
	console.PageQuery
	Name string `query:"name" maxLength:"64" doc:"part of the name"`
}

// ListSendable lists the messages that are written for staff to send by hand, the newest first.
func (h *Handlers) ListSendable(ctx context.Context, in *ListSendableInput) (*console.Page[Sendable], error) {
	list, err := h.Handlers.ListMessages(ctx, &console.ListMessagesInput{PageQuery: in.PageQuery, Name: in.Name, Channel: channel.NameTask})
	if err != nil {
		return nil, err
	}
	out := &console.Page[Sendable]{}
	out.Body.NextCursor = list.Body.NextCursor
	out.Body.Items = []Sendable{}
	for _, m := range list.Body.Items {
		out.Body.Items = append(out.Body.Items, Sendable{m.ID, m.Name, m.Topic, m.Content})
	}
	return out, nil
}

// SendInput is a message that a member wants to send a customer.
type SendInput struct {
	console.IDPath
	Body struct {
		MessageID string `json:"message_id" minLength:"1" maxLength:"26"`
		RequestID string `json:"request_id" minLength:"8" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"repeat it and the first one is answered"`
	}
}

// Sending is what became of a message that a member wants to send.
type Sending struct {
	ID     string    `json:"id"`
	State  string    `json:"state" doc:"planned: asked again at due_at, at once when there is no reason yet; accepted: its content waits under the task; suppressed: it must not be sent; sent: the task is done"`
	Reason string    `json:"reason,omitempty" doc:"why it must not be sent, or not yet"`
	DueAt  time.Time `json:"due_at"`
	TaskID string    `json:"task_id,omitempty" doc:"once it may be sent"`
}

// Send asks whether the viewer may send a customer a message now. The answer is there within a moment: see GetSend.
func (h *Handlers) Send(ctx context.Context, in *SendInput) (*One[Sending], error) {
	viewer := console.ViewerOf(ctx)
	customer, err := h.IDs.Row(model.KindCustomer, in.ID)
	if err != nil {
		return nil, err
	}
	if err := h.Customers.Sees(ctx, viewer, customer); err != nil {
		return nil, err
	}
	id, err := h.IDs.Row(model.KindMessage, in.Body.MessageID)
	if err != nil {
		return nil, err
	}
	m, err := h.Messages.Get(ctx, id, 0)
	if err != nil {
		return nil, err
	}
	byHand, known := h.Outreach.Channel(channel.NameTask)
	if !known {
		return nil, message.ErrCantCarry
	}
	if err := h.Messages.Usable(ctx, m.Version.ID, channel.NameTask, byHand.Describe().Contents); err != nil {
		return nil, err
	}
	d, err := h.Outreach.WantByHand(ctx, outreach.ByHand{
		RequestID: in.Body.RequestID, StaffID: viewer.StaffID, AccountID: viewer.AccountID, CustomerID: customer, MessageID: m.Version.ID,
		Channel: channel.NameTask, Topic: m.Topic,
	})
	if err != nil {
		return nil, err
	}
	return h.sending(ctx, d)
}

// GetSend tells what became of a message that the viewer wants to send.
func (h *Handlers) GetSend(ctx context.Context, in *console.IDPath) (*One[Sending], error) {
	id, err := h.IDs.Row(model.KindDelivery, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := h.Outreach.ByHandOf(ctx, console.ViewerOf(ctx).StaffID, id)
	if err != nil {
		return nil, err
	}
	return h.sending(ctx, d)
}

func (h *Handlers) sending(ctx context.Context, d *outreach.Listed) (*One[Sending], error) {
	task, err := h.Channels.TaskOf(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	return one(Sending{
		ID: h.IDs.Of(model.KindDelivery, d.ID), State: outreach.State(d.State).String(), Reason: d.Reason, DueAt: d.DueAt, TaskID: h.IDs.Of(model.KindTask, task),
	}), nil
}
