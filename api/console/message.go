package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/outreach/message"
)

// MessageAttachment goes with a text. Which fields count depends on kind.
type MessageAttachment struct {
	Kind        string `json:"kind" enum:"image,video,file,link,miniapp"`
	MediaID     string `json:"media_id,omitempty" maxLength:"26" doc:"of a mini-program card the picture on it"`
	Title       string `json:"title,omitempty" maxLength:"200"`
	Description string `json:"description,omitempty" maxLength:"1000"`
	URL         string `json:"url,omitempty" maxLength:"2048"`
	PictureURL  string `json:"picture_url,omitempty" maxLength:"2048"`
	AppID       string `json:"app_id,omitempty" maxLength:"64"`
	Page        string `json:"page,omitempty" maxLength:"1024"`
}

// MessageField is a line of a card, or a keyword of a subscribe message.
type MessageField struct {
	Name  string `json:"name" maxLength:"64"`
	Value string `json:"value" maxLength:"200"`
}

// MessageCard is a card for staff, or in the inbox.
type MessageCard struct {
	Title       string         `json:"title" maxLength:"200"`
	Description string         `json:"description,omitempty" maxLength:"1000"`
	URL         string         `json:"url,omitempty" maxLength:"2048"`
	Button      string         `json:"button,omitempty" maxLength:"32"`
	Fields      []MessageField `json:"fields,omitempty" maxItems:"10"`
}

// MessageSubscription is a subscribe message of a mini-program.
type MessageSubscription struct {
	TemplateID string         `json:"template_id" maxLength:"64"`
	Page       string         `json:"page,omitempty" maxLength:"1024"`
	Data       []MessageField `json:"data" maxItems:"5" nullable:"false"`
}

// MessageContent is what a message says; each channel takes what it can carry. Texts may name variables, with a fallback behind a bar.
type MessageContent struct {
	Subject     string               `json:"subject,omitempty" maxLength:"400"`
	Text        string               `json:"text,omitempty" maxLength:"60000" doc:"with variables: {{客户昵称|朋友}}"`
	Attachments []MessageAttachment  `json:"attachments,omitempty" maxItems:"9"`
	Card        *MessageCard         `json:"card,omitempty"`
	Subscribe   *MessageSubscription `json:"subscribe,omitempty"`
}

func (h *Handlers) messageContent(c *message.Content) MessageContent {
	out := MessageContent{Subject: c.Subject, Text: c.Text}
	for _, a := range c.Attachments {
		out.Attachments = append(out.Attachments, MessageAttachment{
			string(a.Kind), h.IDs.Of(model.KindMedia, a.MediaID), a.Title, a.Description, a.URL, a.PictureURL, a.AppID, a.Page,
		})
	}
	if k := c.Card; k != nil {
		out.Card = &MessageCard{k.Title, k.Description, k.URL, k.Button, messageFields(k.Fields)}
	}
	if s := c.Subscribe; s != nil {
		out.Subscribe = &MessageSubscription{s.TemplateID, s.Page, messageFields(s.Data)}
	}
	return out
}

func messageFields(fields []message.Field) []MessageField {
	out := []MessageField{}
	for _, f := range fields {
		out = append(out, MessageField(f))
	}
	return out
}

func innerFields(fields []MessageField) (out []message.Field) {
	for _, f := range fields {
		out = append(out, message.Field(f))
	}
	return out
}

func (h *Handlers) innerContent(c MessageContent) (message.Content, error) {
	r := h.reader()
	out := message.Content{Subject: c.Subject, Text: c.Text}
	for _, a := range c.Attachments {
		out.Attachments = append(out.Attachments, message.Attachment{
			Kind: message.Kind(a.Kind), MediaID: r.optional(model.KindMedia, a.MediaID), Title: a.Title, Description: a.Description, URL: a.URL,
			PictureURL: a.PictureURL, AppID: a.AppID, Page: a.Page,
		})
	}
	if k := c.Card; k != nil {
		out.Card = &message.Card{Title: k.Title, Description: k.Description, URL: k.URL, Button: k.Button, Fields: innerFields(k.Fields)}
	}
	if s := c.Subscribe; s != nil {
		out.Subscribe = &message.Subscription{TemplateID: s.TemplateID, Page: s.Page, Data: innerFields(s.Data)}
	}
	return out, r.err
}

// MessageDraft is a message as somebody writes it.
type MessageDraft struct {
	Name     string         `json:"name" minLength:"1" maxLength:"64"`
	Topic    string         `json:"topic,omitempty" maxLength:"31" doc:"for caps and customers' choices"`
	Channels []string       `json:"channels" minItems:"1" maxItems:"20" nullable:"false" doc:"that it is written for: mass, group_mass, moment, app, task, subscribe, kf, inbox, sms, email"`
	Content  MessageContent `json:"content"`
}

func (h *Handlers) draft(ctx context.Context, d MessageDraft) (message.Input, error) {
	c, err := h.innerContent(d.Content)
	return message.Input{Name: d.Name, Topic: d.Topic, Channels: d.Channels, Content: c, StaffID: ViewerOf(ctx).StaffID}, err
}

// MessageFinding is something that must not be said, or linked, without a second person's consent.
type MessageFinding struct {
	Kind  string `json:"kind" enum:"absolute,word,link" doc:"absolute claim, sensitive word, address that is not on the list"`
	Field string `json:"field"`
	Text  string `json:"text"`
}

func messageFindings(list []message.Finding) []MessageFinding {
	out := []MessageFinding{}
	for _, f := range list {
		out = append(out, MessageFinding(f))
	}
	return out
}

// Message is a message with one of its versions.
type Message struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	Topic     string           `json:"topic,omitempty"`
	Version   int              `json:"version"`
	VersionID string           `json:"version_id" doc:"what campaigns and journeys name; it never changes what it says"`
	Channels  []string         `json:"channels" nullable:"false"`
	Content   MessageContent   `json:"content"`
	Personal  bool             `json:"personal" doc:"differs from one recipient to another"`
	Findings  []MessageFinding `json:"findings" nullable:"false" doc:"as of when it was written or accepted"`
	WrittenBy string           `json:"written_by,omitempty"`
	// AcceptedBy is the second person.
	AcceptedBy string     `json:"accepted_by,omitempty"`
	AcceptedAt *time.Time `json:"accepted_at,omitempty"`
	WrittenAt  time.Time  `json:"written_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
}

func (h *Handlers) message(w *message.Written) Message {
	return Message{
		ID: h.IDs.Of(model.KindMessage, w.Message.ID), Name: w.Name, Topic: w.Topic, Version: w.Version.Version,
		VersionID: h.IDs.Of(model.KindMessageVersion, w.Version.ID), Channels: texts(w.Channels), Content: h.messageContent(&w.Content),
		Personal: w.Version.Personal, Findings: messageFindings(w.Findings), WrittenBy: h.IDs.Of(model.KindStaff, w.Version.StaffID),
		AcceptedBy: h.IDs.Of(model.KindStaff, w.Version.AcceptedBy), AcceptedAt: w.Version.AcceptedAt, WrittenAt: w.Version.CreatedAt, UpdatedAt: w.UpdatedAt,
	}
}

// ListMessagesInput selects messages.
type ListMessagesInput struct {
	PageQuery
	Name    string `query:"name" maxLength:"64" doc:"part of the name"`
	Channel string `query:"channel" maxLength:"31" doc:"that they are written for"`
}

// ListMessages lists messages with their newest versions, the newest message first.
func (h *Handlers) ListMessages(ctx context.Context, in *ListMessagesInput) (*Page[Message], error) {
	r := h.reader()
	after := r.after(listMessage, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Messages.List(ctx, message.Filter{Name: in.Name, Channel: in.Channel, After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	var items []Message
	for _, w := range rows {
		items = append(items, h.message(w))
	}
	return newPage(h, listMessage, items, lastOf(rows, in.Limit, func(w *message.Written) int64 { return w.Message.ID }))
}

// CreateMessageInput is a new message.
type CreateMessageInput struct{ Body MessageDraft }

// CreateMessage makes a message.
func (h *Handlers) CreateMessage(ctx context.Context, in *CreateMessageInput) (*One[Message], error) {
	d, err := h.draft(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	return h.oneMessage(h.Messages.Create(ctx, d))
}

func (h *Handlers) oneMessage(w *message.Written, err error) (*One[Message], error) {
	if err != nil {
		return nil, err
	}
	return one(h.message(w)), nil
}

// GetMessageInput names a message and perhaps a version.
type GetMessageInput struct {
	IDPath
	Version int `query:"version" minimum:"0" maximum:"1000000" doc:"0: the newest"`
}

// GetMessage gives a message with a version.
func (h *Handlers) GetMessage(ctx context.Context, in *GetMessageInput) (*One[Message], error) {
	id, err := h.IDs.Row(model.KindMessage, in.ID)
	if err != nil {
		return nil, err
	}
	return h.oneMessage(h.Messages.Get(ctx, id, in.Version))
}

// EditMessageInput is what a message is to say.
type EditMessageInput struct {
	IDPath
	Body struct {
		MessageDraft
		Version int `json:"version" minimum:"1" maximum:"1000000" doc:"the newest, as it was read; another's change is not overwritten"`
	}
}

// EditMessage changes a message; what it says becomes its next version.
func (h *Handlers) EditMessage(ctx context.Context, in *EditMessageInput) (*One[Message], error) {
	id, err := h.IDs.Row(model.KindMessage, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := h.draft(ctx, in.Body.MessageDraft)
	if err != nil {
		return nil, err
	}
	return h.oneMessage(h.Messages.Edit(ctx, id, in.Body.Version, d))
}

// DeleteMessage takes a message out of the lists; what is planned with it stays.
func (h *Handlers) DeleteMessage(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindMessage, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Messages.Delete(ctx, id)
}

// MessageVersions are the versions of a message.
type MessageVersions struct {
	Versions []Message `json:"versions" nullable:"false" doc:"newest first, at most 200"`
}

// ListMessageVersions lists what a message has said.
func (h *Handlers) ListMessageVersions(ctx context.Context, in *IDPath) (*One[MessageVersions], error) {
	id, err := h.IDs.Row(model.KindMessage, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := h.Messages.Versions(ctx, id)
	out := MessageVersions{[]Message{}}
	for _, w := range list {
		out.Versions = append(out.Versions, h.message(w))
	}
	return one(out), err
}
