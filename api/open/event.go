package open

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/service/catalog"
	"zhiyin/service/event"
)

// sourceOpen says that an event was told by another system.
const sourceOpen = "open"

// EventsInput is what one customer did.
type EventsInput struct {
	Body struct {
		Customer Identity  `json:"customer"`
		SentAt   time.Time `json:"sent_at,omitempty" doc:"what your clock says now; times are put right by how far it is off"`
		Events   []Event   `json:"events" minItems:"1" maxItems:"100" nullable:"false"`
	}
}

// Event is one thing that a customer did.
type Event struct {
	ID         string         `json:"id" maxLength:"64" doc:"your own: the same id of the same customer is recorded once"`
	Name       string         `json:"name" maxLength:"64" doc:"of a kind"`
	At         time.Time      `json:"at" doc:"at most 7 days ago"`
	Properties map[string]any `json:"properties,omitempty"`
}

// EventOutcome is what became of an event.
type EventOutcome struct {
	ID      string   `json:"id"`
	Result  string   `json:"result" doc:"accepted, duplicate, aside: kept until somebody defines it, rejected"`
	Reason  string   `json:"reason,omitempty"`
	Ignored []string `json:"ignored,omitempty" doc:"properties that the kind does not define"`
}

// EventBatch is what became of the events of a call, in their order.
type EventBatch struct {
	Body struct {
		Items []EventOutcome `json:"items" nullable:"false"`
	}
}

// RecordEvents records what a customer did.
func (h *Handlers) RecordEvents(ctx context.Context, in *EventsInput) (*EventBatch, error) {
	customer, err := h.Catalog.CustomerBehind(ctx, catalog.Buyer(in.Body.Customer))
	if err != nil {
		return nil, err
	}
	t := event.TrackInput{CustomerID: customer, Source: sourceOpen, SentAt: in.Body.SentAt}
	for _, e := range in.Body.Events {
		var properties json.RawMessage
		if len(e.Properties) > 0 {
			if properties, err = json.Marshal(e.Properties); err != nil {
				return nil, err
			}
		}
		t.Events = append(t.Events, event.Tracked{ID: e.ID, Name: e.Name, At: e.At, Properties: properties})
	}
	outcomes, err := h.Events.Track(ctx, t)
	if err != nil {
		return nil, err
	}
	b := &EventBatch{}
	for _, o := range outcomes {
		b.Body.Items = append(b.Body.Items, EventOutcome{o.ID, string(o.Result), o.Reason, o.Ignored})
	}
	return b, nil
}
