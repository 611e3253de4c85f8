package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/apikey"
)

// APIKey is what another system signs its requests with. Its secret is shown once, when it is made.
type APIKey struct {
	ID          string     `json:"id"`
	KeyID       string     `json:"key_id" doc:"what requests name themselves by"`
	Name        string     `json:"name"`
	Permissions []string   `json:"permissions" nullable:"false"`
	Networks    []string   `json:"networks" nullable:"false" doc:"where requests may come from; empty: from anywhere"`
	PerMinute   int        `json:"per_minute" doc:"how many requests a minute"`
	OldUntil    *time.Time `json:"old_until,omitempty" doc:"until when the secret before is valid too"`
	RevokedAt   *time.Time `json:"revoked_at,omitempty"`
	LastUsedAt  *time.Time `json:"last_used_at,omitempty" doc:"to the minute"`
	CreatedAt   time.Time  `json:"created_at"`
}

func (h *Handlers) apiKey(k *apikey.Key) APIKey {
	return APIKey{
		ID: h.IDs.Of(model.KindAPIKey, k.ID), KeyID: k.KeyID, Name: k.Name, Permissions: k.Permissions, Networks: k.Networks, PerMinute: k.PerMinute,
		OldUntil: k.OldUntil, RevokedAt: k.RevokedAt, LastUsedAt: k.LastUsedAt, CreatedAt: k.CreatedAt,
	}
}

// NewAPIKey is a key with its secret.
type NewAPIKey struct {
	APIKey
	Secret string `json:"secret" doc:"keep it now: nobody can show it again"`
}

// ListAPIKeys lists all keys, the newest first.
func (h *Handlers) ListAPIKeys(ctx context.Context, _ *struct{}) (*Page[APIKey], error) {
	keys, err := h.APIKeys.List(ctx)
	if err != nil {
		return nil, err
	}
	var items []APIKey
	for i := range keys {
		items = append(items, h.apiKey(&keys[i]))
	}
	return whole(items), nil
}

// Choice is one of several things that may be chosen.
type Choice struct {
	Name string `json:"name"`
	Zh   string `json:"zh"`
	En   string `json:"en"`
}

// ListAPIKeyPermissions lists what keys may be allowed.
func (h *Handlers) ListAPIKeyPermissions(context.Context, *struct{}) (*Page[Choice], error) {
	var items []Choice
	for _, p := range apikey.Permissions() {
		items = append(items, Choice(p))
	}
	return whole(items), nil
}

// CreateAPIKeyInput is a new key.
type CreateAPIKeyInput struct {
	Body struct {
		Name        string   `json:"name" minLength:"1" maxLength:"64"`
		Permissions []string `json:"permissions" maxItems:"20" nullable:"false"`
		Networks    []string `json:"networks,omitempty" maxItems:"50" doc:"addresses or networks; absent: from anywhere"`
		PerMinute   *int     `json:"per_minute,omitempty" minimum:"1" maximum:"6000"`
	}
}

// CreateAPIKey makes a key and shows its secret this once.
func (h *Handlers) CreateAPIKey(ctx context.Context, in *CreateAPIKeyInput) (*One[NewAPIKey], error) {
	k, secret, err := h.APIKeys.Create(ctx, ViewerOf(ctx).StaffID, apikey.Input{
		Name: &in.Body.Name, Permissions: in.Body.Permissions, Networks: in.Body.Networks, PerMinute: in.Body.PerMinute,
	})
	if err != nil {
		return nil, err
	}
	return one(NewAPIKey{h.apiKey(k), secret}), nil
}

// UpdateAPIKeyInput is what to change; absent fields stay.
type UpdateAPIKeyInput struct {
	IDPath
	Body struct {
		Name        *string  `json:"name,omitempty" minLength:"1" maxLength:"64"`
		Permissions []string `json:"permissions,omitempty" maxItems:"20"`
		Networks    []string `json:"networks,omitempty" maxItems:"50" doc:"empty: from anywhere"`
		PerMinute   *int     `json:"per_minute,omitempty" minimum:"1" maximum:"6000"`
	}
}

// UpdateAPIKey changes a key.
func (h *Handlers) UpdateAPIKey(ctx context.Context, in *UpdateAPIKeyInput) (*One[APIKey], error) {
	id, err := h.IDs.Row(model.KindAPIKey, in.ID)
	if err != nil {
		return nil, err
	}
	k, err := h.APIKeys.Update(ctx, id, apikey.Input{
		Name: in.Body.Name, Permissions: in.Body.Permissions, Networks: in.Body.Networks, PerMinute: in.Body.PerMinute,
	})
	if err != nil {
		return nil, err
	}
	return one(h.apiKey(k)), nil
}

// RotateInput says how long the secret before stays valid.
type RotateInput struct {
	IDPath
	Body struct {
		OldValidHours int `json:"old_valid_hours" minimum:"0" maximum:"720" doc:"how long the secret before stays valid"`
	}
}

func (in *RotateInput) overlap() time.Duration {
	return time.Duration(in.Body.OldValidHours) * time.Hour
}

// RotateAPIKey gives a key a new secret and shows it this once.
func (h *Handlers) RotateAPIKey(ctx context.Context, in *RotateInput) (*One[NewAPIKey], error) {
	id, err := h.IDs.Row(model.KindAPIKey, in.ID)
	if err != nil {
		return nil, err
	}
	k, secret, err := h.APIKeys.Rotate(ctx, id, in.overlap())
	if err != nil {
		return nil, err
	}
	return one(NewAPIKey{h.apiKey(k), secret}), nil
}

// RevokeAPIKey ends a key for good.
func (h *Handlers) RevokeAPIKey(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindAPIKey, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.APIKeys.Revoke(ctx, id)
}
