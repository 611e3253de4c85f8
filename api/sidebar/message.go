package sidebar

import (
	"context"
	"time"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
)

// SendPart is a part of a message as the page hands it to sendChatMessage.
type SendPart struct {
	Kind    string `json:"kind" enum:"image,video,file,link,miniapp"`
	MediaID string `json:"media_id,omitempty" doc:"the platform's handle; absent while the file is on its way to the platform"`
	Title   string `json:"title,omitempty"`
	Desc    string `json:"desc,omitempty"`
	URL     string `json:"url,omitempty"`
	Picture string `json:"picture_url,omitempty"`
	AppID   string `json:"app_id,omitempty"`
	Page    string `json:"page,omitempty"`
}

// ToSend is what a task asks to be sent.
type ToSend struct {
	Text  string     `json:"text"`
	Parts []SendPart `json:"parts" nullable:"false"`
}

// TaskContent gives what one of the viewer's tasks asks to be sent to the customer.
func (h *Handlers) TaskContent(ctx context.Context, in *console.IDPath) (*One[ToSend], error) {
	id, err := h.IDs.Row(model.KindTask, in.ID)
	if err != nil {
		return nil, err
	}
	c, err := h.Channels.TaskContentOf(ctx, console.ViewerOf(ctx), id)
	if err != nil {
		return nil, err
	}
	out := ToSend{Text: c.Text, Parts: []SendPart{}}
	handles, err := h.Channels.HandlesOf(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, a := range c.Attachments {
		out.Parts = append(out.Parts, SendPart{string(a.Kind), handles[a.MediaID], a.Title, a.Description, a.URL, a.PictureURL, a.AppID, a.Page})
	}
	return one(out), nil
}

// SentMessage is a message that a customer has been sent, or is about to be sent.
type SentMessage struct {
	ID      string    `json:"id"`
	Channel string    `json:"channel"`
	State   string    `json:"state"`
	Reason  string    `json:"reason,omitempty" doc:"why it was not sent, or not yet"`
	Text    string    `json:"text" doc:"as it reads now"`
	DueAt   time.Time `json:"due_at"`
}

// ListSentInput selects what a customer has been sent.
type ListSentInput struct {
	console.IDPath
	Before string `query:"before" maxLength:"26" doc:"id of the last one of the page before"`
}

const sentPage = 20

// ListSent lists what a customer has been sent, the newest first.
func (h *Handlers) ListSent(ctx context.Context, in *ListSentInput) (*console.Page[SentMessage], error) {
	id, err := h.IDs.Row(model.KindCustomer, in.ID)
	if err != nil {
		return nil, err
	}
	if err := h.Customers.Sees(ctx, console.ViewerOf(ctx), id); err != nil {
		return nil, err
	}
	before := int64(0)
	if in.Before != "" {
		if before, err = h.IDs.Row(model.KindDelivery, in.Before); err != nil {
			return nil, err
		}
	}
	rows, err := h.Channels.SentTo(ctx, id, before, sentPage)
	if err != nil {
		return nil, err
	}
	out := &console.Page[SentMessage]{}
	out.Body.Items = []SentMessage{}
	for i := range rows {
		d := &rows[i]
		out.Body.Items = append(out.Body.Items, SentMessage{
			h.IDs.Of(model.KindDelivery, d.ID), d.Channel, outreach.State(d.State).String(), d.Reason, textOf(&d.Content), d.DueAt,
		})
	}
	if len(rows) == sentPage {
		out.Body.NextCursor = h.IDs.Of(model.KindDelivery, rows[sentPage-1].ID)
	}
	return out, nil
}

// textOf is a message in one line.
func textOf(c *message.Content) string {
	switch {
	case c.Text != "":
		return c.Text
	case c.Subject != "":
		return c.Subject
	case c.Card != nil:
		return c.Card.Title
	case len(c.Attachments) > 0:
		return c.Attachments[0].Title
	}
	return ""
}
