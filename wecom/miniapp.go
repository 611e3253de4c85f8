package wecom

import (
	"context"
	"net/url"

	"github.com/silenceper/wechat/v2/miniprogram/auth"
	"github.com/silenceper/wechat/v2/miniprogram/config"
	sdk "github.com/silenceper/wechat/v2/miniprogram/context"
)

// Session is a customer's session of the mini-program.
type Session struct {
	OpenID     string
	UnionID    string // only when the mini-program is bound to an open-platform account
	SessionKey Secret // must not leave the server
}

// CodeToSession exchanges the code of wx.login, which works once and for five minutes. Not
// repeatable. It fails with ErrLoginCode (40029, 40163), code 40226 for an account that the
// platform holds to be risky, and ErrRateLimited (45011) for one customer's haste.
// Platform documentation, 小程序登录 · code2Session.
func (m *MiniApp) CodeToSession(ctx context.Context, code string) (*Session, error) {
	var out auth.ResCode2Session
	err := m.call(ctx, "sns/jscode2session", code, func(ctx context.Context, sdk *auth.Auth) (err error) {
		out, err = sdk.Code2SessionContext(ctx, url.QueryEscape(code)) // the SDK does not escape it
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Session{OpenID: out.OpenID, UnionID: out.UnionID, SessionKey: Secret(out.SessionKey)}, nil
}

// Phone is a customer's phone number.
type Phone struct {
	Number      string // with country code where it is not a Chinese number
	Pure        string // without country code
	CountryCode string
}

// PhoneNumber exchanges the code of the phone number button, which works once and for five minutes
// and is not the code of wx.login. Not repeatable; the platform charges for each success. It fails
// with ErrLoginCode. Platform documentation, 小程序 · 手机号快速验证.
func (m *MiniApp) PhoneNumber(ctx context.Context, code string) (*Phone, error) {
	const api = "wxa/business/getuserphonenumber"
	var out *auth.GetPhoneNumberResponse
	err := m.call(ctx, api, code, func(ctx context.Context, sdk *auth.Auth) (err error) {
		out, err = sdk.GetPhoneNumberContext(ctx, code)
		return err
	})
	if err != nil {
		return nil, err
	}
	if out.PhoneInfo.PhoneNumber == "" {
		return nil, &Error{API: api, Account: m.account, Class: ClassUnknown, Message: "the answer has no number"}
	}
	p := out.PhoneInfo
	return &Phone{Number: p.PhoneNumber, Pure: p.PurePhoneNumber, CountryCode: p.CountryCode}, nil
}

// call makes a call through the SDK. The SDK sees placeholders for secret and token.
func (m *MiniApp) call(ctx context.Context, api, code string, send func(context.Context, *auth.Auth) error) error {
	if code == "" {
		return &Error{API: api, Account: m.account, Class: ClassBadInput, Message: "no code"}
	}
	a, err := m.g.miniApp(ctx, m.account)
	if err != nil {
		return err
	}
	s := auth.NewAuth(&sdk.Context{
		Config:                   &config.Config{AppID: a.cred.AppID, AppSecret: placeholder},
		AccessTokenContextHandle: placeholderToken{},
	})
	return m.g.run(ctx, a, endpointByName[api], []string{code}, func(ctx context.Context) error { return send(ctx, s) })
}

// placeholderToken is the SDK's token: the transport puts in the real one.
type placeholderToken struct{}

// GetAccessToken implements the SDK's handle.
func (placeholderToken) GetAccessToken() (string, error) { return placeholder, nil }

// GetAccessTokenContext implements the SDK's handle.
func (placeholderToken) GetAccessTokenContext(context.Context) (string, error) {
	return placeholder, nil
}
