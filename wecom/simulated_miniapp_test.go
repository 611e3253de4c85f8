package wecom_test

import (
	"testing"
	"time"

	"zhiyin/wecom"
)

func TestSimulatedMiniApp(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	login := p.act("login", object{})
	session := must[*wecom.Session](t)(p.mini.CodeToSession(ctx, login["code"].(string)))
	if session.OpenID != login["openid"] || session.SessionKey == "" || session.UnionID != login["unionid"] {
		t.Errorf("session: %+v, want %v", session, login)
	}
	_, err := p.mini.CodeToSession(ctx, login["code"].(string))
	refused(t, "a used code", err, wecom.ErrLoginCode)
	_, err = p.mini.CodeToSession(ctx, "a+b/c %&=")
	refused(t, "an unknown code", err, wecom.ErrLoginCode)
	_, err = p.mini.CodeToSession(ctx, "")
	refused(t, "no code", err, wecom.ErrBadInput)

	button := p.act("phone", object{"phone": "13800001111"})
	phone := must[*wecom.Phone](t)(p.mini.PhoneNumber(ctx, button["code"].(string)))
	if phone.Pure != "13800001111" || phone.CountryCode != "86" || phone.Number == "" {
		t.Errorf("phone: %+v", phone)
	}
	_, err = p.mini.PhoneNumber(ctx, button["code"].(string))
	refused(t, "a used code", err, wecom.ErrLoginCode)

	old := p.act("login", object{})["code"].(string)
	p.advance(10 * time.Minute)
	_, err = p.mini.CodeToSession(ctx, old)
	refused(t, "an old code", err, wecom.ErrLoginCode)
}

func TestSimulatedMiniAppTokenDies(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	for _, code := range []int{0, 42001, 40014} {
		must[*wecom.Phone](t)(p.mini.PhoneNumber(ctx, p.act("phone", object{})["code"].(string)))
		p.control("POST", "/_sim/tokens/revoke", object{"appid": p.cred["mini"].AppID, "errcode": code}, nil)
		must[*wecom.Phone](t)(p.mini.PhoneNumber(ctx, p.act("phone", object{})["code"].(string)))
	}
}
