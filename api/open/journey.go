package open

import (
	"context"

	"zhiyin/model"
	"zhiyin/service/catalog"
)

// StartJourneyInput says who shall enter which journey.
type StartJourneyInput struct {
	Body struct {
		JourneyID string            `json:"journey_id" minLength:"26" maxLength:"26" doc:"of a journey that the API starts"`
		Customer  Identity          `json:"customer"`
		Key       string            `json:"key,omitempty" maxLength:"64" doc:"tells apart runs that a customer makes side by side, such as an order number"`
		Values    map[string]string `json:"values,omitempty" maxProperties:"20" doc:"for its messages; together at most 1000 bytes"`
	}
}

// StartedJourney tells whether the customer entered.
type StartedJourney struct {
	Entered bool `json:"entered" doc:"false: the entry rules say no, such as a second time"`
}

// StartJourney has a customer enter a journey. Repeating it is safe as far as the journey's entry rules are.
func (h *Handlers) StartJourney(ctx context.Context, in *StartJourneyInput) (*One[StartedJourney], error) {
	id, err := h.IDs.Row(model.KindJourney, in.Body.JourneyID)
	if err != nil {
		return nil, err
	}
	customer, err := h.Catalog.CustomerBehind(ctx, catalog.Buyer(in.Body.Customer))
	if err != nil {
		return nil, err
	}
	entered, err := h.Journeys.Start(ctx, id, customer, in.Body.Key, in.Body.Values)
	if err != nil {
		return nil, err
	}
	return &One[StartedJourney]{StartedJourney{entered}}, nil
}
