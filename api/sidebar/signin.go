package sidebar

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
)

// ErrUnknownCorp is answered when a sign-in names no corp that people may use.
var ErrUnknownCorp = fault.New(fault.NotFound, "sidebar.unknown_corp", "没有这个企业账号，或已停用", "there is no such corp, or it is disabled")

// home is the page that people see who did not ask for another.
const home = "home"

// pages are the names of the sidebar's pages. What comes back from signing in is one of them and never an
// address, so that nobody is led elsewhere.
var pages = []string{home, "customer", "group", "tasks", "doctor"}

// BeginInput asks for the way to the platform's sign-in page.
type BeginInput struct {
	Browser string `cookie:"zhiyin-sidebar-begun" hidden:"true"`
	Bound   string `cookie:"__Host-zhiyin-sidebar-begun" hidden:"true"`
	Body    struct {
		Account string `json:"account" minLength:"1" maxLength:"32" pattern:"^[a-z0-9-]+$" doc:"企业账号的短名 · short name of the corp's account"`
		Page    string `json:"page,omitempty" maxLength:"2048" doc:"登录后打开的页面名；未知的名称一律为 home · the page to open afterwards, by its name; any other is home"`
	}
}

// BeginReply says where to go.
type BeginReply struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      struct {
		URL string `json:"url" doc:"跳转到该地址；随后带着 code 和 state 回到侧边栏页面 · go there; from there people come back to the sidebar's page with code and state"`
	}
}

// Begin begins a sign-in by WeCom.
func (h *Handlers) Begin(ctx context.Context, in *BeginInput) (*BeginReply, error) {
	acct, err := h.Accounts.ByName(ctx, in.Body.Account)
	if acct, err = usable(acct, err); err != nil {
		return nil, err
	}
	page := in.Body.Page
	if !slices.Contains(pages, page) {
		page = home
	}
	begun, err := h.Staff.Begin(ctx, staff.BeginInput{AccountID: acct.ID, Face: staff.FaceSidebar, Page: page, Browser: h.browser(in.Bound, in.Browser)})
	if err != nil {
		return nil, err
	}
	out := &BeginReply{SetCookie: h.cookie(browserCookie(h.Secure), begun.Browser, h.Now().Add(24*time.Hour))}
	out.Body.URL = h.signInPage(acct, begun.State)
	return out, nil
}

// browser is what binds the browser; over https only a cookie that is bound to the host counts.
func (h *Handlers) browser(bound, plain string) string {
	if h.Secure {
		return bound
	}
	return plain
}

// signInPage is the platform's page that asks nobody anything and sends people back.
// Platform documentation, 网页授权登录 · 构造网页授权链接.
func (h *Handlers) signInPage(acct *model.Account, state string) string {
	q := url.Values{
		"appid": {acct.PlatformID}, "redirect_uri": {h.PageURL}, "response_type": {"code"}, "scope": {"snsapi_base"}, "state": {state},
		"agentid": {strconv.FormatInt(acct.AgentID, 10)},
	}
	return strings.TrimSuffix(h.OpenURL, "/") + "/connect/oauth2/authorize?" + q.Encode() + "#wechat_redirect"
}

// usable is an account whose members may sign in.
func usable(acct *model.Account, err error) (*model.Account, error) {
	switch {
	case errors.Is(err, account.ErrNotFound):
		return nil, ErrUnknownCorp
	case err != nil:
		return nil, err
	case acct.Kind != account.KindWeCom || !acct.Enabled:
		return nil, ErrUnknownCorp
	}
	return acct, nil
}

// SignInInput is somebody who came back from the platform.
type SignInInput struct {
	Browser string `cookie:"zhiyin-sidebar-begun" hidden:"true"`
	Bound   string `cookie:"__Host-zhiyin-sidebar-begun" hidden:"true"`
	Body    struct {
		Code  string `json:"code" minLength:"1" maxLength:"512" doc:"回到页面时地址中的 code · of the address that the platform came back to"`
		State string `json:"state" minLength:"1" maxLength:"128" doc:"回到页面时地址中的 state · likewise"`
	}
}

// SignInReply holds the session twice: as a cookie for browsers, as a token for programs.
type SignInReply struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      struct {
		Token     string    `json:"token" doc:"for programs: Authorization: Bearer …"`
		Page      string    `json:"page" doc:"要打开的页面名 · the page to open, by its name"`
		Name      string    `json:"name"`
		Roles     []string  `json:"roles" nullable:"false"`
		ExpiresAt time.Time `json:"expires_at"`
	}
}

// SignIn begins the session of whoever the platform says has come back.
func (h *Handlers) SignIn(ctx context.Context, in *SignInInput) (*SignInReply, error) {
	token, v, page, err := h.Staff.Return(ctx, staff.ReturnInput{
		State: in.Body.State, Browser: h.browser(in.Bound, in.Browser), Code: in.Body.Code, Face: staff.FaceSidebar, UserAgent: console.OriginOf(ctx).UserAgent,
		Account: func(ctx context.Context, id int64) (*model.Account, error) {
			acct, err := h.Accounts.ByID(ctx, id)
			return usable(acct, err)
		},
	})
	if err != nil {
		return nil, err
	}
	out := &SignInReply{SetCookie: h.cookie(Cookie(h.Secure), token, v.ExpiresAt)}
	out.Body.Token, out.Body.Page, out.Body.Name, out.Body.Roles, out.Body.ExpiresAt = token, page, v.Name, append([]string{}, v.Roles...), v.ExpiresAt
	return out, nil
}

// SignOut ends the session that the request came with.
func (h *Handlers) SignOut(ctx context.Context, _ *struct{}) (*console.SignOutReply, error) {
	if err := h.Staff.SignOut(ctx, console.OriginOf(ctx).Token); err != nil {
		return nil, err
	}
	c := h.cookie(Cookie(h.Secure), "", time.Unix(1, 0))
	c.MaxAge = -1
	return &console.SignOutReply{SetCookie: c}, nil
}

func (h *Handlers) cookie(name, value string, until time.Time) http.Cookie {
	return http.Cookie{
		Name: name, Value: value, Path: "/", Expires: until, HttpOnly: true, Secure: h.Secure, SameSite: http.SameSiteStrictMode,
	}
}
