package wecom

import (
	"context"
	"net/url"
)

// User is who has signed in: a staff member (UserID) or somebody else (OpenID).
type User struct {
	UserID         string `json:"userid"`
	Ticket         Secret `json:"-"` // for private details the member agreed to; 30 minutes
	OpenID         string `json:"openid"`
	ExternalUserID string `json:"external_userid"`
}

// UserFromCode tells who came back from the sign-in page with this code, which works once and for
// five minutes. Not repeatable. It fails with ErrLoginCode.
// Platform documentation, 身份验证 · 获取访问用户身份.
func (c *Corp) UserFromCode(ctx context.Context, code string) (*User, error) {
	const api = "auth/getuserinfo"
	if code == "" {
		return nil, c.bad(api, "no code")
	}
	var out struct {
		User
		Ticket string `json:"user_ticket"`
	}
	if err := c.call(ctx, api, request{query: url.Values{"code": {code}}, hide: []string{code}}, &out); err != nil {
		return nil, err
	}
	if out.UserID == "" && out.OpenID == "" {
		return nil, c.doubt(api, "the answer names nobody")
	}
	out.User.Ticket = Secret(out.Ticket)
	return &out.User, nil
}

// StaffSession is a staff member's session of a mini-program opened inside WeCom.
type StaffSession struct {
	CorpID     string
	UserID     string
	SessionKey Secret // must not leave the server
}

// CodeToSession exchanges the code of wx.qy.login, which works once and for five minutes. Not
// repeatable. It fails with ErrLoginCode. Platform documentation, 小程序 · code2Session.
func (c *Corp) CodeToSession(ctx context.Context, code string) (*StaffSession, error) {
	const api = "miniprogram/jscode2session"
	if code == "" {
		return nil, c.bad(api, "no code")
	}
	var out struct {
		CorpID     string `json:"corpid"`
		UserID     string `json:"userid"`
		SessionKey string `json:"session_key"`
	}
	query := url.Values{"js_code": {code}, "grant_type": {"authorization_code"}}
	if err := c.call(ctx, api, request{query: query, hide: []string{code}}, &out); err != nil {
		return nil, err
	}
	return &StaffSession{CorpID: out.CorpID, UserID: out.UserID, SessionKey: Secret(out.SessionKey)}, nil
}
