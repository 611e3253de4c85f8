package sidebar

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/wecom"
)

// What keeps a page from using the JS-SDK.
var (
	ErrForeignPage = fault.New(fault.Forbidden, "sidebar.foreign_page", "该页面不在允许签名的域名内", "this page is not of an origin whose pages may be signed")
	ErrNoTicket    = fault.New(fault.Unavailable, "sidebar.no_ticket", "暂时无法取得企业微信的签名票据，请稍后再试", "WeCom does not lend a ticket for signatures now; try again in a moment")
)

// SignPageInput names the page that wants to use the JS-SDK.
type SignPageInput struct {
	Body struct {
		URL string `json:"url" minLength:"8" maxLength:"2048" doc:"当前页面地址，不含 # 及其后部分 · the page's address, without # and what follows"`
	}
}

// PageSignature is what the JS-SDK takes.
type PageSignature struct {
	Timestamp int64  `json:"timestamp"`
	Nonce     string `json:"nonce" doc:"nonceStr"`
	Signature string `json:"signature"`
}

// Signatures are for wx.config or ww.register, and for agentConfig.
type Signatures struct {
	CorpID  string        `json:"corp_id"`
	AgentID int64         `json:"agent_id"`
	Config  PageSignature `json:"config" doc:"wx.config, ww.register: getConfigSignature"`
	Agent   PageSignature `json:"agent" doc:"agentConfig: getAgentConfigSignature"`
}

// SignPage signs a page of the house's own, for the corp of whoever is signed in.
func (h *Handlers) SignPage(ctx context.Context, in *SignPageInput) (*One[Signatures], error) {
	if !h.ours(in.Body.URL) {
		return nil, ErrForeignPage
	}
	acct, err := h.corpOf(ctx)
	if err != nil {
		return nil, err
	}
	corp := h.Corp(acct.Name)
	config, err := corp.JSTicket(ctx)
	if err != nil {
		return nil, noTicket(err)
	}
	agent, err := corp.AgentTicket(ctx)
	if err != nil {
		return nil, noTicket(err)
	}
	return one(Signatures{acct.PlatformID, acct.AgentID, h.sign(config, in.Body.URL), h.sign(agent, in.Body.URL)}), nil
}

func (h *Handlers) sign(t *wecom.Ticket, address string) PageSignature {
	return PageSignature(t.SignPage(address, h.Now()))
}

// corpOf is the account of whoever is signed in.
func (h *Handlers) corpOf(ctx context.Context) (*model.Account, error) {
	acct, err := h.Accounts.ByID(ctx, console.ViewerOf(ctx).AccountID)
	return usable(acct, err)
}

// ours tells whether an address is of a page that may be signed.
func (h *Handlers) ours(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.User == nil && u.Opaque == "" && !strings.Contains(address, "#") && slices.Contains(h.Origins, u.Scheme+"://"+u.Host)
}

// noTicket is what people are told; the gateway has logged what the platform said.
func noTicket(err error) error {
	var e *wecom.Error
	if !errors.As(err, &e) {
		return err
	}
	return ErrNoTicket.After(e.RetryAfter)
}
