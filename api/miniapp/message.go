package miniapp

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/outreach/channel"
	"zhiyin/service/outreach/message"
)

// Message is a message in the caller's inbox.
type Message struct {
	ID        string     `json:"id"`
	Subject   string     `json:"subject"`
	ReadAt    *time.Time `json:"read_at,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
}

// MessageLink is something in a message that can be opened.
type MessageLink struct {
	Kind  string `json:"kind" enum:"link,miniapp,image" doc:"image 只有说明 · of a picture only its title"`
	Title string `json:"title"`
	URL   string `json:"url,omitempty"`
	AppID string `json:"app_id,omitempty"`
	Page  string `json:"page,omitempty"`
}

// OpenMessage is a message with what it says.
type OpenMessage struct {
	Message
	Text  string        `json:"text"`
	Links []MessageLink `json:"links" nullable:"false"`
}

const messagePage = 20

// ListMessages lists the caller's inbox, the newest first.
func (h *Handlers) ListMessages(ctx context.Context, in *BeforeInput) (*Many[Message], error) {
	before := int64(0)
	if in.Before != "" {
		row, err := h.IDs.Row(model.KindLetter, in.Before)
		if err != nil {
			return nil, err
		}
		before = row
	}
	rows, err := h.Channels.Letters(ctx, visitorOf(ctx).CustomerID, before, messagePage)
	if err != nil {
		return nil, err
	}
	out := &Many[Message]{}
	out.Body.Items = []Message{}
	for i := range rows {
		out.Body.Items = append(out.Body.Items, h.message(&rows[i]))
	}
	if len(rows) == messagePage {
		out.Body.Next = h.IDs.Of(model.KindLetter, rows[messagePage-1].ID)
	}
	return out, nil
}

func (h *Handlers) message(l *model.Letter) Message {
	return Message{h.IDs.Of(model.KindLetter, l.ID), l.Subject, l.ReadAt, l.CreatedAt}
}

// Unread is how many messages the caller has not read.
type Unread struct {
	Count int64 `json:"count" doc:"最多数到 1000 · counted up to 1,000"`
}

// CountUnread counts the messages that the caller has not read.
func (h *Handlers) CountUnread(ctx context.Context, _ *struct{}) (*One[Unread], error) {
	n, err := h.Channels.UnreadLetters(ctx, visitorOf(ctx).CustomerID)
	return one(Unread{n}), err
}

// ReadMessage opens a message, which is read then.
func (h *Handlers) ReadMessage(ctx context.Context, in *IDPath) (*One[OpenMessage], error) {
	id, err := h.IDs.Row(model.KindLetter, in.ID)
	if err != nil {
		return nil, err
	}
	l, err := h.Channels.Letter(ctx, visitorOf(ctx).CustomerID, id)
	if err != nil {
		return nil, err
	}
	c, err := message.Decode(l.Content)
	if err != nil {
		return nil, err
	}
	out := OpenMessage{h.message(l), c.Text, []MessageLink{}}
	for _, a := range c.Attachments {
		out.Links = append(out.Links, MessageLink{string(a.Kind), a.Title, a.URL, a.AppID, a.Page})
	}
	if c.Card != nil {
		if out.Text == "" {
			out.Text = c.Card.Description
		}
		if c.Card.URL != "" {
			out.Links = append(out.Links, MessageLink{Kind: string(message.KindLink), Title: c.Card.Title, URL: c.Card.URL})
		}
	}
	return one(out), nil
}

// FollowMessage notes that the caller followed what a message says.
func (h *Handlers) FollowMessage(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindLetter, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Channels.LetterClicked(ctx, visitorOf(ctx).CustomerID, id)
}

// RemoveMessage takes a message out of the caller's inbox.
func (h *Handlers) RemoveMessage(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindLetter, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Channels.RemoveLetter(ctx, visitorOf(ctx).CustomerID, id)
}

// SubscribeTemplate is what the mini-program may ask consent to.
type SubscribeTemplate struct {
	TemplateID string `json:"template_id"`
	Title      string `json:"title"`
}

// ListSubscribeTemplates lists the templates that this mini-program may ask consent to.
func (h *Handlers) ListSubscribeTemplates(ctx context.Context, _ *struct{}) (*Many[SubscribeTemplate], error) {
	rows, err := h.Channels.Templates(ctx, visitorOf(ctx).AccountID)
	if err != nil {
		return nil, err
	}
	out := &Many[SubscribeTemplate]{}
	out.Body.Items = []SubscribeTemplate{}
	for _, t := range rows {
		out.Body.Items = append(out.Body.Items, SubscribeTemplate{t.TemplateID, t.Title})
	}
	return out, nil
}

// SubscribedInput is what the caller answered to a prompt.
type SubscribedInput struct {
	Body struct {
		RequestID string `json:"request_id" minLength:"8" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"同一次弹窗重复上报只记一次 · repeat it and the answers are counted once"`
		Answers   []struct {
			TemplateID string `json:"template_id" minLength:"1" maxLength:"64"`
			Accepted   bool   `json:"accepted"`
		} `json:"answers" minItems:"1" maxItems:"3" nullable:"false"`
	}
}

// TellSubscribed counts what the caller answered to wx.requestSubscribeMessage: each yes lets one message through.
func (h *Handlers) TellSubscribed(ctx context.Context, in *SubscribedInput) (*None, error) {
	v := visitorOf(ctx)
	var answers []channel.Answer
	for _, a := range in.Body.Answers {
		answers = append(answers, channel.Answer{TemplateID: a.TemplateID, Accepted: a.Accepted})
	}
	return &None{}, h.Channels.ConsentOf(ctx, v.AccountID, v.CustomerID, in.Body.RequestID, answers)
}
