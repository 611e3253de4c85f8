package console

import (
	"context"
	"net/http"
	"time"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// SignInInput is who wants in.
type SignInInput struct {
	Body struct {
		Login    string `json:"login" minLength:"1" maxLength:"128" doc:"登录名 · login"`
		Password string `json:"password" minLength:"1" maxLength:"256" doc:"密码 · password"`
	}
}

// Me is who is signed in and what they may do.
type Me struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Roles       []string  `json:"roles" nullable:"false"`
	Permissions []string  `json:"permissions" nullable:"false"`
	ExpiresAt   time.Time `json:"expires_at" doc:"when the session ends at the latest"`
}

// SignInReply holds the session twice: as a cookie for browsers, as a token for programs.
type SignInReply struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      struct {
		Token string `json:"token" doc:"for programs: Authorization: Bearer …"`
		Me    Me     `json:"me"`
	}
}

// SignIn begins a session.
func (h *Handlers) SignIn(ctx context.Context, in *SignInInput) (*SignInReply, error) {
	o := OriginOf(ctx)
	token, v, err := h.Staff.SignIn(ctx, staff.SignInInput{Login: in.Body.Login, Password: in.Body.Password, IP: o.IP, UserAgent: o.UserAgent})
	if err != nil {
		return nil, err
	}
	out := &SignInReply{SetCookie: h.cookie(token, v.ExpiresAt)}
	out.Body.Token, out.Body.Me = token, h.me(v)
	return out, nil
}

// SignOutReply takes the cookie away.
type SignOutReply struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

// SignOut ends the session that the request came with.
func (h *Handlers) SignOut(ctx context.Context, _ *struct{}) (*SignOutReply, error) {
	if err := h.Staff.SignOut(ctx, OriginOf(ctx).Token); err != nil {
		return nil, err
	}
	c := h.cookie("", time.Unix(1, 0))
	c.MaxAge = -1
	return &SignOutReply{c}, nil
}

func (h *Handlers) cookie(token string, until time.Time) http.Cookie {
	return http.Cookie{
		Name: Cookie(h.Secure), Value: token, Path: "/", Expires: until,
		HttpOnly: true, Secure: h.Secure, SameSite: http.SameSiteStrictMode,
	}
}

// Me tells who is signed in.
func (h *Handlers) Me(ctx context.Context, _ *struct{}) (*One[Me], error) {
	return one(h.me(ViewerOf(ctx))), nil
}

func (h *Handlers) me(v *staff.Viewer) Me {
	return Me{
		ID: h.IDs.Of(model.KindStaff, v.StaffID), Name: v.Name, Roles: append([]string{}, v.Roles...),
		Permissions: v.Permissions(), ExpiresAt: v.ExpiresAt,
	}
}

// Session is one signed-in device.
type Session struct {
	ID        string    `json:"id"`
	UserAgent string    `json:"user_agent"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Current   bool      `json:"current" doc:"the one this request came with"`
}

// ListSessions lists where the viewer is signed in.
func (h *Handlers) ListSessions(ctx context.Context, _ *struct{}) (*Page[Session], error) {
	v := ViewerOf(ctx)
	rows, err := h.Staff.Sessions(ctx, v.StaffID)
	if err != nil {
		return nil, err
	}
	var items []Session
	for _, r := range rows {
		items = append(items, Session{h.IDs.Of(model.KindSession, r.ID), r.UserAgent, r.CreatedAt, r.SeenAt, r.ExpiresAt, r.ID == v.SessionID})
	}
	return whole(items), nil
}

// RevokeSession ends one of the viewer's sessions.
func (h *Handlers) RevokeSession(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindSession, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Staff.Revoke(ctx, ViewerOf(ctx).StaffID, id)
}

// SetPasswordInput is a new password beside the present one.
type SetPasswordInput struct {
	Body struct {
		Current string `json:"current" minLength:"1" maxLength:"256"`
		New     string `json:"new" minLength:"1" maxLength:"256" doc:"at least 12 characters"`
	}
}

// SetPassword changes the viewer's own password; every session ends, this one too.
func (h *Handlers) SetPassword(ctx context.Context, in *SetPasswordInput) (*None, error) {
	o, v := OriginOf(ctx), ViewerOf(ctx)
	return &None{}, h.Staff.ChangePassword(ctx, v.StaffID, in.Body.Current, in.Body.New, o.IP)
}
