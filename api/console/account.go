package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/account"
)

// Account is a platform account as people may see it: credentials are written, never read.
type Account struct {
	ID               string     `json:"id"`
	Kind             string     `json:"kind" enum:"wecom,miniapp"`
	Name             string     `json:"name" doc:"short name in callback addresses"`
	Title            string     `json:"title"`
	PlatformID       string     `json:"platform_id" doc:"corp id or app id"`
	AgentID          int64      `json:"agent_id,omitempty"`
	Enabled          bool       `json:"enabled"`
	HasSecret        bool       `json:"has_secret"`
	HasCallbackKeys  bool       `json:"has_callback_keys"`
	OldCallbackUntil *time.Time `json:"old_callback_until,omitempty" doc:"the callback keys before the last rotation are accepted until then"`
	CreatedAt        time.Time  `json:"created_at"`
	UpdatedAt        time.Time  `json:"updated_at"`
}

func (h *Handlers) account(a *model.Account) Account {
	v := account.Masked(a)
	return Account{
		ID: h.IDs.Of(model.KindAccount, v.ID), Kind: v.Kind, Name: v.Name, Title: v.Title, PlatformID: v.PlatformID, AgentID: v.AgentID,
		Enabled: v.Enabled, HasSecret: v.HasSecret, HasCallbackKeys: v.HasCallbackKeys, OldCallbackUntil: v.OldCallbackUntil,
		CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
}

// ListAccounts lists the platform accounts.
func (h *Handlers) ListAccounts(ctx context.Context, _ *struct{}) (*Page[Account], error) {
	rows, err := h.Accounts.List(ctx)
	if err != nil {
		return nil, err
	}
	var items []Account
	for i := range rows {
		items = append(items, h.account(&rows[i]))
	}
	return whole(items), nil
}

// CreateAccountInput describes a new account.
type CreateAccountInput struct {
	Body struct {
		Kind           string `json:"kind" enum:"wecom,miniapp"`
		Name           string `json:"name" minLength:"1" maxLength:"32" pattern:"^[a-z0-9-]+$" doc:"short name in callback addresses; never changes"`
		Title          string `json:"title" minLength:"1" maxLength:"128"`
		PlatformID     string `json:"platform_id" minLength:"1" maxLength:"64" doc:"corp id or app id"`
		AgentID        int64  `json:"agent_id,omitempty" minimum:"0" doc:"WeCom only"`
		Secret         string `json:"secret" minLength:"1" maxLength:"256" writeOnly:"true"`
		CallbackToken  string `json:"callback_token,omitempty" maxLength:"32" writeOnly:"true"`
		CallbackAESKey string `json:"callback_aes_key,omitempty" maxLength:"43" writeOnly:"true" doc:"EncodingAESKey, 43 characters"`
	}
}

// CreateAccount registers a platform account.
func (h *Handlers) CreateAccount(ctx context.Context, in *CreateAccountInput) (*One[Account], error) {
	b := in.Body
	row, err := h.Accounts.Create(ctx, account.CreateInput{
		Kind: b.Kind, Name: b.Name, Title: b.Title, PlatformID: b.PlatformID, AgentID: b.AgentID, Secret: b.Secret,
		CallbackToken: b.CallbackToken, CallbackAESKey: b.CallbackAESKey,
	})
	if err != nil {
		return nil, err
	}
	return one(h.account(row)), nil
}

// UpdateAccountInput says what to change; what is absent stays.
type UpdateAccountInput struct {
	IDPath
	Body struct {
		Title      *string `json:"title,omitempty" minLength:"1" maxLength:"128"`
		PlatformID *string `json:"platform_id,omitempty" minLength:"1" maxLength:"64" doc:"only until the first members are synchronised"`
		AgentID    *int64  `json:"agent_id,omitempty" minimum:"0"`
		Secret     *string `json:"secret,omitempty" minLength:"1" maxLength:"256" writeOnly:"true"`
		Enabled    *bool   `json:"enabled,omitempty"`
	}
}

// UpdateAccount changes an account.
func (h *Handlers) UpdateAccount(ctx context.Context, in *UpdateAccountInput) (*One[Account], error) {
	id, err := h.IDs.Row(model.KindAccount, in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	err = h.Accounts.Update(ctx, id, account.UpdateInput{Title: b.Title, PlatformID: b.PlatformID, AgentID: b.AgentID, Secret: b.Secret, Enabled: b.Enabled})
	if err != nil {
		return nil, err
	}
	row, err := h.Accounts.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.account(row)), nil
}

// RotateKeysInput is a new pair of callback keys.
type RotateKeysInput struct {
	IDPath
	Body struct {
		CallbackToken  string `json:"callback_token" minLength:"1" maxLength:"32" writeOnly:"true"`
		CallbackAESKey string `json:"callback_aes_key" minLength:"43" maxLength:"43" writeOnly:"true"`
		OldValidHours  int    `json:"old_valid_hours,omitempty" minimum:"0" maximum:"720" default:"24" doc:"how long the present keys stay valid; 0 ends them at once"`
	}
}

// RotateCallbackKeys sets new callback keys; the present ones stay valid for a while.
func (h *Handlers) RotateCallbackKeys(ctx context.Context, in *RotateKeysInput) (*None, error) {
	id, err := h.IDs.Row(model.KindAccount, in.ID)
	if err != nil {
		return nil, err
	}
	valid := time.Duration(in.Body.OldValidHours) * time.Hour
	return &None{}, h.Accounts.RotateCallbackKeys(ctx, id, in.Body.CallbackToken, in.Body.CallbackAESKey, valid)
}
