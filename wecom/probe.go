package wecom

import (
	"context"
	"net/url"
)

// Health is what Probe found.
type Health struct {
	Account string
	// Token is nil when an access token is there, else why not: ErrCredentials, ErrIPNotTrusted,
	// ErrBusy …
	Token error
	// Rights tell for each API that was tried whether it may be used; empty without a token.
	Rights []Right
}

// Right is whether the account may use one API.
type Right struct {
	API string
	// Err is nil when the platform answered the call; ErrNoPermission with code 48002 (the app has
	// not got this API), 60011 (nothing in its visible range) or 60020 (ErrIPNotTrusted: this
	// machine's address is not among the app's trusted ones).
	Err error
}

// Probe asks whether the account's credentials work and which of the APIs that the product needs
// they open. It only reads. What an earlier call has learnt about wrong credentials or rights in
// the last five minutes is repeated without asking again. The error is that of the account lookup.
func (g *Gateway) Probe(ctx context.Context, account string) (*Health, error) {
	cred, err := g.accounts(ctx, account)
	if err != nil {
		return nil, err
	}
	resolve := g.corpApp
	if cred.CorpID == "" {
		resolve = g.miniApp
	}
	h := &Health{Account: account}
	a, err := resolve(ctx, account)
	if err != nil {
		h.Token = err
		return h, nil
	}
	if _, h.Token = g.keeper.get(ctx, g.tokens(a)); h.Token != nil || a.host == weixin {
		return h, nil
	}
	for _, p := range probes {
		h.Rights = append(h.Rights, Right{API: p.api, Err: g.call(ctx, a, p.api, p.request, nil)})
	}
	return h, nil
}

// probes are cheap calls that change nothing, one for each right that an operator can forget.
var probes = []struct {
	api     string
	request request
}{
	{"get_api_domain_ip", request{}},
	{"department/list", request{}},
	{"user/list", request{query: url.Values{"department_id": {"1"}}}},
	{"externalcontact/get_follow_user_list", request{}},
	{"externalcontact/get_corp_tag_list", request{body: struct{}{}}},
	{"externalcontact/list_contact_way", request{body: map[string]int{"limit": 1}}},
	{"externalcontact/groupchat/list", request{body: map[string]int{"limit": 1}}},
	{"get_jsapi_ticket", request{}},
}
