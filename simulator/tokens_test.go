package simulator

import (
	"testing"
	"time"
)

const tokenPath = "/qyapi/cgi-bin/gettoken?corpid="

func TestTokenLife(t *testing.T) {
	b := newBench(t, Options{})
	if again := b.token(firstAgent); again != b.tok {
		t.Error("a second gettoken within the life gave another token")
	}
	b.advance(7199 * time.Second)
	b.want(0, b.api("getcallbackip", nil))
	r := b.raw("GET", tokenPath+"wwsim0000000000001&corpsecret="+b.corp().Apps[firstAgent].Secret, nil)
	if r["expires_in"].(float64) != 1 {
		t.Errorf("expires_in %v one second before the end", r["expires_in"])
	}
	b.advance(time.Second)
	b.want(42001, b.api("getcallbackip", nil))
	if fresh := b.token(firstAgent); fresh == b.tok {
		t.Error("the expired token was handed out again")
	}
	b.want(41001, b.raw("GET", "/qyapi/cgi-bin/getcallbackip", nil))
	b.want(40014, b.as("nonsense", "getcallbackip", nil))
}

func TestTokenRevokedEarly(t *testing.T) {
	b := newBench(t, Options{})
	for _, code := range []int{40014, 42001} {
		b.tok = b.token(firstAgent)
		if n := b.ctl("POST", "/_sim/tokens/revoke", m{"agentid": firstAgent, "errcode": code})["revoked"]; n.(float64) != 1 {
			t.Fatalf("revoked %v tokens", n)
		}
		b.want(code, b.api("getcallbackip", nil))
	}
	b.want(0, b.as(b.token(firstAgent), "getcallbackip", nil))
}

func TestTokenFaults(t *testing.T) {
	b := newBench(t, Options{})
	other := b.ctl("POST", "/_sim/corps", m{"name": "另一家"})
	secret := b.corp().Apps[firstAgent].Secret
	for name, tt := range map[string]struct {
		query string
		code  int
	}{
		"no corpid":                {"&corpsecret=x", 41002},
		"no secret":                {"wwsim0000000000001", 41004},
		"unknown corp":             {"wwnobody&corpsecret=x", 40013},
		"wrong secret":             {"wwsim0000000000001&corpsecret=x", 40001},
		"secret of another corp":   {other["id"].(string) + "&corpsecret=" + secret, 40091},
		"tokens are per app":       {"wwsim0000000000001&corpsecret=" + secret, 0},
		"a ticket is not a secret": {"wwsim0000000000001&corpsecret=" + b.tok, 40001},
	} {
		t.Run(name, func(t *testing.T) { b.want(tt.code, b.raw("GET", tokenPath+tt.query, nil)) })
	}
	ticket := b.want(0, b.api("get_jsapi_ticket", nil))["ticket"].(string)
	b.want(40014, b.as(ticket, "getcallbackip", nil))
}

func TestTooManyBadTokenCallsFreeze(t *testing.T) {
	b := newBench(t, Options{})
	b.ctl("PUT", "/_sim/config", m{"bad_token_calls_per_hour": 3})
	for range 4 {
		b.want(40001, b.raw("GET", tokenPath+"wwsim0000000000001&corpsecret=x", nil))
	}
	good := tokenPath + "wwsim0000000000001&corpsecret=" + b.corp().Apps[firstAgent].Secret
	b.want(45009, b.raw("GET", good, nil))
	b.advance(time.Hour)
	b.want(0, b.raw("GET", good, nil))
}

func TestTickets(t *testing.T) {
	b := newBench(t, Options{})
	one := b.want(0, b.api("get_jsapi_ticket", nil))["ticket"]
	if again := b.want(0, b.api("get_jsapi_ticket", nil))["ticket"]; again != one {
		t.Error("the ticket changed within its life")
	}
	if agent := b.want(0, b.api("ticket/get?type=agent_config", nil))["ticket"]; agent == one {
		t.Error("corp and agent ticket are the same")
	}
	b.want(91040, b.api("ticket/get?type=x", nil))
	for range 97 {
		b.want(0, b.api("get_jsapi_ticket", nil))
	}
	b.want(0, b.api("get_jsapi_ticket", nil)) // the hundredth
	b.want(45009, b.api("get_jsapi_ticket", nil))
}

func TestMiniProgramTokens(t *testing.T) {
	b := newBench(t, Options{})
	app := b.sim.world.MiniApps["wxsim0000000000001"]
	plain := func() string {
		return b.raw("GET", "/weixin/cgi-bin/token?grant_type=client_credential&appid="+app.AppID+"&secret="+app.Secret, nil)["access_token"].(string)
	}
	stable := func(force bool) m {
		return b.raw("POST", "/weixin/cgi-bin/stable_token", m{"grant_type": "client_credential", "appid": app.AppID, "secret": app.Secret, "force_refresh": force})
	}
	use := func(token string) m {
		return b.raw("POST", "/weixin/wxa/business/getuserphonenumber?access_token="+token, m{"code": "x"})
	}
	first, second := plain(), plain()
	if first == second {
		t.Error("cgi-bin/token gave the same token twice")
	}
	b.want(40029, use(first)) // authenticated: the code is what is wrong
	b.advance(5 * time.Minute)
	b.want(42001, use(first))
	b.want(40029, use(second))

	one := stable(false)["access_token"].(string)
	if stable(false)["access_token"] != one {
		t.Error("stable_token changed within its life")
	}
	b.advance(7200*time.Second - 4*time.Minute)
	two := stable(false)["access_token"].(string)
	if two == one {
		t.Error("stable_token did not renew in the last five minutes")
	}
	b.want(40029, use(one))
	b.want(40029, use(two))
	three := stable(true)["access_token"].(string)
	b.want(40001, use(two))
	b.want(40029, use(three))
	b.want(45011, stable(true)) // less than 30 s after the last
	b.want(40125, b.raw("GET", "/weixin/cgi-bin/token?grant_type=client_credential&appid="+app.AppID+"&secret=x", nil))
	b.want(40001, use(b.tok)) // a WeCom token is none here
}
