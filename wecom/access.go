package wecom

import (
	"context"
	"net/url"
	"time"
)

// tokens lends the app's access token. WeCom repeats the same token while it lives (基础,
// gettoken); for mini-programs it is the stable token, whose predecessor goes on working for
// five minutes (小程序, getStableAccessToken).
func (g *Gateway) tokens(a *app) lender {
	return lender{app: a, name: "token", fetch: func(ctx context.Context) (string, time.Duration, error) {
		var out struct {
			Token string `json:"access_token"`
			Life  Number `json:"expires_in"`
		}
		name, r := "gettoken", request{query: url.Values{"corpid": {a.cred.CorpID}, "corpsecret": {placeholder}}}
		if a.host == weixin {
			name, r = "cgi-bin/stable_token", request{body: map[string]string{
				"grant_type": "client_credential", "appid": a.cred.AppID, "secret": a.cred.Secret.Reveal(),
			}}
		}
		if err := g.call(ctx, a, name, r, &out); err != nil {
			return "", 0, err
		}
		return lent(a, name, out.Token, out.Life)
	}}
}

// placeholder stands in URLs for what the transport puts in.
const placeholder = "x"

// lent refuses a life that cannot be true, lest every call fetch again.
func lent(a *app, api, value string, life Number) (string, time.Duration, error) {
	if value == "" || life <= 0 || life > 86_400 {
		return "", 0, &Error{API: api, Account: a.account, Class: ClassUnknown, Message: "the answer has no value or no usable life"}
	}
	return value, time.Duration(life) * time.Second, nil
}

// Ticket is a JS-SDK ticket with which pages are signed.
type Ticket struct{ Value Secret }

// JSTicket returns the corp's ticket for wx.config and ww.register. It is kept and shared by all
// replicas until it expires; the platform allows 400 fetches an hour.
// Platform documentation, JS-SDK 使用权限签名算法.
func (c *Corp) JSTicket(ctx context.Context) (*Ticket, error) {
	return c.ticket(ctx, "jsapi_ticket", "get_jsapi_ticket", nil)
}

// AgentTicket returns the app's ticket for agentConfig, kept in the same way; the platform allows
// 100 fetches an hour. Platform documentation, JS-SDK 使用权限签名算法.
func (c *Corp) AgentTicket(ctx context.Context) (*Ticket, error) {
	return c.ticket(ctx, "agent_ticket", "ticket/get", url.Values{"type": {"agent_config"}})
}

func (c *Corp) ticket(ctx context.Context, name, api string, query url.Values) (*Ticket, error) {
	a, err := c.g.corpApp(ctx, c.account)
	if err != nil {
		return nil, err
	}
	value, err := c.g.keeper.get(ctx, lender{app: a, name: name, fetch: func(ctx context.Context) (string, time.Duration, error) {
		var out struct {
			Ticket string `json:"ticket"`
			Life   Number `json:"expires_in"`
		}
		if err := c.g.call(ctx, a, api, request{query: query}, &out); err != nil {
			return "", 0, err
		}
		return lent(a, api, out.Ticket, out.Life)
	}})
	if err != nil {
		return nil, err
	}
	return &Ticket{Value: Secret(value)}, nil
}

// CallbackIPs lists the addresses that the platform's callbacks come from.
// Platform documentation, 获取企业微信回调IP段.
func (c *Corp) CallbackIPs(ctx context.Context) ([]string, error) {
	return c.addresses(ctx, "getcallbackip")
}

// APIDomainIPs lists the addresses of the platform's API hosts.
// Platform documentation, 获取企业微信接口IP段.
func (c *Corp) APIDomainIPs(ctx context.Context) ([]string, error) {
	return c.addresses(ctx, "get_api_domain_ip")
}

func (c *Corp) addresses(ctx context.Context, api string) ([]string, error) {
	var out struct {
		List []string `json:"ip_list"`
	}
	err := c.get(ctx, api, nil, &out)
	return out.List, err
}

// get makes a GET call for the account.
func (c *Corp) get(ctx context.Context, api string, query url.Values, out any) error {
	return c.call(ctx, api, request{query: query}, out)
}

// post makes a POST call with a JSON body for the account.
func (c *Corp) post(ctx context.Context, api string, body, out any) error {
	return c.call(ctx, api, request{body: body}, out)
}

func (c *Corp) call(ctx context.Context, api string, r request, out any) error {
	a, err := c.g.corpApp(ctx, c.account)
	if err != nil {
		return err
	}
	return c.g.call(ctx, a, api, r, out)
}

// doubt is the error of an answer that came but cannot be right.
func (c *Corp) doubt(api, text string) error {
	return &Error{API: api, Account: c.account, Class: ClassUnknown, Message: text, repeatable: endpointByName[api].repeatable}
}

// bad is the error of a call that would be refused, found before it is made.
func (c *Corp) bad(api, text string) error {
	return &Error{API: api, Account: c.account, Class: ClassBadInput, Message: text}
}
