package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/acquisition"
)

// WelcomeContent is what a welcome message says.
type WelcomeContent struct {
	Text        string       `json:"text" maxLength:"4000" doc:"with variables such as {{客户昵称}}"`
	Attachments []Attachment `json:"attachments,omitempty" maxItems:"9" nullable:"false"`
}

// Attachment is what a welcome message carries besides its text; which fields count depends on kind.
type Attachment struct {
	Kind        string `json:"kind" enum:"image,video,file,link,mini_program"`
	MediaID     string `json:"media_id,omitempty" doc:"a file of ours: the image, video or file itself, or a card's picture"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	URL         string `json:"url,omitempty"`
	PictureURL  string `json:"picture_url,omitempty"`
	AppID       string `json:"app_id,omitempty"`
	Page        string `json:"page,omitempty"`
}

func (w WelcomeContent) input(r *reader) acquisition.WelcomeContent {
	out := acquisition.WelcomeContent{Text: w.Text}
	for _, a := range w.Attachments {
		out.Attachments = append(out.Attachments, acquisition.Attachment{
			Kind: a.Kind, MediaID: r.optional(model.KindMedia, a.MediaID), Title: a.Title, Description: a.Description,
			URL: a.URL, PictureURL: a.PictureURL, AppID: a.AppID, Page: a.Page,
		})
	}
	return out
}

func (h *Handlers) welcomeContent(w *model.Welcome) (WelcomeContent, error) {
	c, err := acquisition.ContentOf(w)
	out := WelcomeContent{Text: c.Text, Attachments: []Attachment{}}
	for _, a := range c.Attachments {
		out.Attachments = append(out.Attachments, Attachment{
			a.Kind, h.IDs.Of(model.KindMedia, a.MediaID), a.Title, a.Description, a.URL, a.PictureURL, a.AppID, a.Page,
		})
	}
	return out, err
}

// Welcome is the welcome message of a staff member, a department, or everybody. That of a channel
// code is part of the code.
type Welcome struct {
	WelcomeContent
	ID        string    `json:"id"`
	AccountID string    `json:"account_id"`
	Scope     string    `json:"scope" enum:"staff,department,default"`
	ScopeID   string    `json:"scope_id,omitempty" doc:"the staff member or department"`
	Enabled   bool      `json:"enabled"`
	UpdatedAt time.Time `json:"updated_at"`
}

// scopeKinds says what a welcome's scope id names.
var scopeKinds = map[string]model.Kind{acquisition.ScopeStaff: model.KindStaff, acquisition.ScopeDepartment: model.KindDepartment}

func (h *Handlers) welcome(w *model.Welcome) (Welcome, error) {
	content, err := h.welcomeContent(w)
	out := Welcome{
		WelcomeContent: content, ID: h.IDs.Of(model.KindWelcome, w.ID), AccountID: h.IDs.Of(model.KindAccount, w.AccountID),
		Scope: w.Scope, Enabled: w.Enabled, UpdatedAt: w.UpdatedAt,
	}
	if kind, ok := scopeKinds[w.Scope]; ok {
		out.ScopeID = h.IDs.Of(kind, w.ScopeID)
	}
	return out, err
}

// AccountQuery names the account that a list is about.
type AccountQuery struct {
	AccountID string `query:"account_id" required:"true" minLength:"26" maxLength:"26"`
}

// ListWelcomes lists an account's welcome messages but those of channel codes.
func (h *Handlers) ListWelcomes(ctx context.Context, in *AccountQuery) (*Page[Welcome], error) {
	account, err := h.IDs.Row(model.KindAccount, in.AccountID)
	if err != nil {
		return nil, err
	}
	if err := inCorp(ctx, account); err != nil {
		return nil, err
	}
	rows, err := h.Acquisition.Welcomes(ctx, account)
	if err != nil {
		return nil, err
	}
	items := make([]Welcome, len(rows))
	for i := range rows {
		if items[i], err = h.welcome(&rows[i]); err != nil {
			return nil, err
		}
	}
	return whole(items), nil
}

// SaveWelcomeInput is a welcome message and whom it is for.
type SaveWelcomeInput struct {
	Body struct {
		WelcomeContent
		AccountID string `json:"account_id" minLength:"26" maxLength:"26"`
		Scope     string `json:"scope" enum:"staff,department,default"`
		ScopeID   string `json:"scope_id,omitempty" maxLength:"26" doc:"the staff member or department; absent for default"`
		Enabled   bool   `json:"enabled,omitempty" default:"true"`
	}
}

// SaveWelcome makes or replaces the one welcome message of a scope.
func (h *Handlers) SaveWelcome(ctx context.Context, in *SaveWelcomeInput) (*One[Welcome], error) {
	r, b := h.reader(), in.Body
	w := acquisition.WelcomeInput{AccountID: r.row(model.KindAccount, b.AccountID), Scope: b.Scope, Enabled: b.Enabled, WelcomeContent: b.input(r)}
	if kind, ok := scopeKinds[b.Scope]; ok {
		w.ScopeID = r.row(kind, b.ScopeID)
	}
	if r.err != nil {
		return nil, r.err
	}
	row, err := h.Acquisition.SaveWelcome(ctx, w)
	if err != nil {
		return nil, err
	}
	out, err := h.welcome(row)
	if err != nil {
		return nil, err
	}
	return one(out), nil
}

// DeleteWelcome removes a welcome message; the next wider one applies.
func (h *Handlers) DeleteWelcome(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindWelcome, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Acquisition.DeleteWelcome(ctx, id)
}
