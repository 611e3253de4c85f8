package console

import (
	"context"

	"zhiyin/model"
	"zhiyin/service/profile"
)

// CustomField is a question about customers that the operators thought of.
type CustomField struct {
	ID       string   `json:"id"`
	Name     string   `json:"name" doc:"by which programs and rules know it; it never changes"`
	Title    string   `json:"title"`
	Kind     string   `json:"kind" enum:"text,number,date,choice,choices"`
	Choices  []string `json:"choices" nullable:"false"`
	Required bool     `json:"required" doc:"counts towards completeness"`
	Sealed   bool     `json:"sealed" doc:"kept encrypted; rules can't ask for it"`
	Asked    bool     `json:"asked" doc:"customers see it in the mini-program and answer it themselves"`
	Position int64    `json:"position" doc:"smaller first"`
}

func (h *Handlers) customField(f *model.CustomField) CustomField {
	return CustomField{h.IDs.Of(model.KindCustomField, f.ID), f.Name, f.Title, f.Kind, texts(profile.Choices(f)), f.Required, f.Sealed, f.Asked, f.Position}
}

// texts is never null in JSON.
func texts(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// ListCustomFields lists the custom fields there are, in their order.
func (h *Handlers) ListCustomFields(ctx context.Context, _ *struct{}) (*Page[CustomField], error) {
	fields, err := h.Profiles.Fields(ctx)
	if err != nil {
		return nil, err
	}
	var items []CustomField
	for _, f := range fields {
		items = append(items, h.customField(f))
	}
	return whole(items), nil
}

// CreateCustomFieldInput is a new custom field.
type CreateCustomFieldInput struct {
	Body struct {
		Name     string   `json:"name" pattern:"^[a-z][a-z0-9_]{0,39}$"`
		Title    string   `json:"title" minLength:"1" maxLength:"64"`
		Kind     string   `json:"kind" enum:"text,number,date,choice,choices"`
		Choices  []string `json:"choices,omitempty" maxItems:"200" nullable:"false" doc:"for choice and choices"`
		Required bool     `json:"required,omitempty" doc:"counts towards completeness"`
		Sealed   bool     `json:"sealed,omitempty" doc:"kept encrypted; never changes"`
		Asked    bool     `json:"asked,omitempty" doc:"customers answer it themselves"`
		Position int64    `json:"position,omitempty" minimum:"0" maximum:"1000000" doc:"smaller first"`
	}
}

// CreateCustomField defines a custom field.
func (h *Handlers) CreateCustomField(ctx context.Context, in *CreateCustomFieldInput) (*One[CustomField], error) {
	b := in.Body
	f, err := h.Profiles.CreateField(ctx, profile.FieldInput{
		Name: b.Name, Title: b.Title, Kind: b.Kind, Choices: b.Choices, Required: b.Required, Sealed: b.Sealed, Asked: b.Asked, Position: b.Position,
	})
	if err != nil {
		return nil, err
	}
	return one(h.customField(f)), nil
}

// UpdateCustomFieldInput says what to change of a custom field; what is absent stays.
type UpdateCustomFieldInput struct {
	IDPath
	Body struct {
		Title    *string  `json:"title,omitempty" minLength:"1" maxLength:"64"`
		Choices  []string `json:"choices,omitempty" maxItems:"200" nullable:"false" doc:"customers keep what they have answered"`
		Required *bool    `json:"required,omitempty"`
		Asked    *bool    `json:"asked,omitempty"`
		Position *int64   `json:"position,omitempty" minimum:"0" maximum:"1000000"`
	}
}

// UpdateCustomField changes a custom field.
func (h *Handlers) UpdateCustomField(ctx context.Context, in *UpdateCustomFieldInput) (*One[CustomField], error) {
	id, err := h.IDs.Row(model.KindCustomField, in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	f, err := h.Profiles.UpdateField(ctx, id, profile.FieldChange{Title: b.Title, Choices: b.Choices, Required: b.Required, Asked: b.Asked, Position: b.Position})
	if err != nil {
		return nil, err
	}
	return one(h.customField(f)), nil
}

// DeleteCustomField ends a custom field; its values are deleted soon after.
func (h *Handlers) DeleteCustomField(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindCustomField, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Profiles.DeleteField(ctx, id)
}
