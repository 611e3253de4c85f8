package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/webhook"
)

// Webhook is where facts are sent to. Its secret is shown once, when it is made.
type Webhook struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Address      string     `json:"address" doc:"the URL without its query, which may hold a secret"`
	Kinds        []string   `json:"kinds" nullable:"false" doc:"of facts that are sent"`
	Enabled      bool       `json:"enabled"`
	FailingSince *time.Time `json:"failing_since,omitempty" doc:"nothing has reached it since"`
	SuspendedAt  *time.Time `json:"suspended_at,omitempty" doc:"suspended for failing too long; switch it on to go on"`
	OldUntil     *time.Time `json:"old_until,omitempty" doc:"until when the secret before signs too"`
	CreatedAt    time.Time  `json:"created_at"`
}

func (h *Handlers) webhook(w *webhook.Webhook) Webhook {
	return Webhook{
		ID: h.IDs.Of(model.KindWebhook, w.ID), Name: w.Name, Address: w.Address, Kinds: w.Kinds, Enabled: w.Enabled, FailingSince: w.FailingSince,
		SuspendedAt: w.SuspendedAt, OldUntil: w.OldUntil, CreatedAt: w.CreatedAt,
	}
}

// NewWebhook is a webhook with the secret that signs what is sent.
type NewWebhook struct {
	Webhook
	Secret string `json:"secret" doc:"keep it now: nobody can show it again"`
}

// ListWebhooks lists all webhooks, the newest first.
func (h *Handlers) ListWebhooks(ctx context.Context, _ *struct{}) (*Page[Webhook], error) {
	list, err := h.Webhooks.List(ctx)
	if err != nil {
		return nil, err
	}
	var items []Webhook
	for i := range list {
		items = append(items, h.webhook(&list[i]))
	}
	return whole(items), nil
}

// ListWebhookKinds lists what webhooks may be told.
func (h *Handlers) ListWebhookKinds(context.Context, *struct{}) (*Page[Choice], error) {
	var items []Choice
	for _, k := range webhook.Kinds() {
		items = append(items, Choice(k))
	}
	return whole(items), nil
}

// CreateWebhookInput is a new webhook.
type CreateWebhookInput struct {
	Body struct {
		Name    string   `json:"name" minLength:"1" maxLength:"64"`
		URL     string   `json:"url" minLength:"1" maxLength:"1024" doc:"https, a public host, port 443 or 8443"`
		Kinds   []string `json:"kinds" maxItems:"50" nullable:"false"`
		Enabled *bool    `json:"enabled,omitempty" doc:"absent: yes"`
	}
}

// CreateWebhook makes a webhook and shows its secret this once.
func (h *Handlers) CreateWebhook(ctx context.Context, in *CreateWebhookInput) (*One[NewWebhook], error) {
	w, secret, err := h.Webhooks.Create(ctx, ViewerOf(ctx).StaffID, webhook.Input{
		Name: &in.Body.Name, URL: &in.Body.URL, Kinds: in.Body.Kinds, Enabled: in.Body.Enabled,
	})
	if err != nil {
		return nil, err
	}
	return one(NewWebhook{h.webhook(w), secret}), nil
}

// UpdateWebhookInput is what to change; absent fields stay.
type UpdateWebhookInput struct {
	IDPath
	Body struct {
		Name    *string  `json:"name,omitempty" minLength:"1" maxLength:"64"`
		URL     *string  `json:"url,omitempty" minLength:"1" maxLength:"1024"`
		Kinds   []string `json:"kinds,omitempty" maxItems:"50"`
		Enabled *bool    `json:"enabled,omitempty" doc:"true ends a suspension, and what was held is sent"`
	}
}

// UpdateWebhook changes a webhook, or switches it off or on.
func (h *Handlers) UpdateWebhook(ctx context.Context, in *UpdateWebhookInput) (*One[Webhook], error) {
	id, err := h.IDs.Row(model.KindWebhook, in.ID)
	if err != nil {
		return nil, err
	}
	w, err := h.Webhooks.Update(ctx, id, webhook.Input{Name: in.Body.Name, URL: in.Body.URL, Kinds: in.Body.Kinds, Enabled: in.Body.Enabled})
	if err != nil {
		return nil, err
	}
	return one(h.webhook(w)), nil
}

// DeleteWebhook ends a webhook for good.
func (h *Handlers) DeleteWebhook(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindWebhook, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Webhooks.Delete(ctx, id)
}

// RotateWebhook gives a webhook a new secret and shows it this once.
func (h *Handlers) RotateWebhook(ctx context.Context, in *RotateInput) (*One[NewWebhook], error) {
	id, err := h.IDs.Row(model.KindWebhook, in.ID)
	if err != nil {
		return nil, err
	}
	w, secret, err := h.Webhooks.Rotate(ctx, id, in.overlap())
	if err != nil {
		return nil, err
	}
	return one(NewWebhook{h.webhook(w), secret}), nil
}

// WebhookDelivery is one fact sent, or to be sent, to one webhook.
type WebhookDelivery struct {
	ID         string     `json:"id" doc:"the receiver is told it with every try"`
	EventID    string     `json:"event_id,omitempty" doc:"absent of a test"`
	Kind       string     `json:"kind"`
	State      string     `json:"state" doc:"pending, delivered, failed, held"`
	Attempts   int        `json:"attempts"`
	LastStatus int        `json:"last_status,omitempty" doc:"of HTTP; absent: no answer"`
	CreatedAt  time.Time  `json:"created_at"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
}

func (h *Handlers) delivery(d *model.WebhookDelivery) WebhookDelivery {
	return WebhookDelivery{
		ID: h.IDs.Of(model.KindWebhookDelivery, d.ID), EventID: h.IDs.Of(model.KindEvent, d.EventID), Kind: d.Kind, State: d.State, Attempts: d.Attempts,
		LastStatus: d.LastStatus, CreatedAt: d.CreatedAt, EndedAt: d.EndedAt,
	}
}

// TestWebhook sends a message that says nothing.
func (h *Handlers) TestWebhook(ctx context.Context, in *IDPath) (*One[WebhookDelivery], error) {
	id, err := h.IDs.Row(model.KindWebhook, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := h.Webhooks.Test(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.delivery(d)), nil
}

// ListWebhookDeliveriesInput selects deliveries of a webhook.
type ListWebhookDeliveriesInput struct {
	IDPath
	PageQuery
	State string `query:"state" enum:"pending,delivered,failed,held"`
}

// ListWebhookDeliveries lists what was or is to be sent, the newest first.
func (h *Handlers) ListWebhookDeliveries(ctx context.Context, in *ListWebhookDeliveriesInput) (*Page[WebhookDelivery], error) {
	r := h.reader()
	id, after := r.row(model.KindWebhook, in.ID), r.after(listWebhookSent, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Webhooks.Deliveries(ctx, id, in.State, after, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []WebhookDelivery
	for i := range rows {
		items = append(items, h.delivery(&rows[i]))
	}
	return newPage(h, listWebhookSent, items, lastOf(rows, in.Limit, func(d model.WebhookDelivery) int64 { return d.ID }))
}

// WebhookTry is one try at a delivery.
type WebhookTry struct {
	Number    int       `json:"number"`
	StartedAt time.Time `json:"started_at"`
	TookMs    int64     `json:"took_ms"`
	Outcome   string    `json:"outcome" doc:"delivered, refused, timeout, unreachable, blocked"`
	Status    int       `json:"status,omitempty" doc:"of HTTP"`
	Response  string    `json:"response,omitempty" doc:"how the answer of a refusal began"`
}

// WebhookDeliveryDetail is a delivery with every try at it.
type WebhookDeliveryDetail struct {
	WebhookDelivery
	Tries []WebhookTry `json:"tries" nullable:"false"`
}

// GetWebhookDelivery gives a delivery with every try at it.
func (h *Handlers) GetWebhookDelivery(ctx context.Context, in *IDPath) (*One[WebhookDeliveryDetail], error) {
	id, err := h.IDs.Row(model.KindWebhookDelivery, in.ID)
	if err != nil {
		return nil, err
	}
	l, err := h.Webhooks.Log(ctx, id)
	if err != nil {
		return nil, err
	}
	out := WebhookDeliveryDetail{h.delivery(&l.WebhookDelivery), []WebhookTry{}}
	for _, t := range l.Tries {
		out.Tries = append(out.Tries, WebhookTry{t.Number, t.StartedAt, t.TookMs, t.Outcome, t.Status, t.Response})
	}
	return one(out), nil
}

// RedeliverWebhook sends a delivery that has ended once more.
func (h *Handlers) RedeliverWebhook(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindWebhookDelivery, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Webhooks.Redeliver(ctx, id)
}
