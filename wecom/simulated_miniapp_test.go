package wecom_test

import (
	"bytes"
	"image"
	_ "image/jpeg"
	"strings"
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

func TestSimulatedMiniAppCode(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	picture := must[[]byte](t)(p.mini.Code(ctx, wecom.CodePicture{Scene: "r=0123456789abcdef", Page: "pages/invite", Width: 430}))
	if c, kind, err := image.DecodeConfig(bytes.NewReader(picture)); err != nil || kind != "jpeg" || c.Width == 0 {
		t.Errorf("%d bytes, %s, %v", len(picture), kind, err)
	}
	for name, c := range map[string]wecom.CodePicture{
		"no scene": {}, "a long scene": {Scene: strings.Repeat("a", 33)}, "spaces": {Scene: "a b"}, "Chinese": {Scene: "码"}, "percents": {Scene: "a%20"},
		"a page with a slash": {Scene: "a", Page: "/pages/i"}, "a page with a query": {Scene: "a", Page: "pages/i?x=1"}, "too small": {Scene: "a", Width: 100},
		"a page that the platform refuses": {Scene: "a", Page: "pages//i"},
	} {
		_, err := p.mini.Code(ctx, c)
		refused(t, name, err, wecom.ErrBadInput)
	}
	// Tokens that died are replaced here too, where answers are pictures.
	p.control("POST", "/_sim/tokens/revoke", object{"appid": p.cred["mini"].AppID, "errcode": 42001}, nil)
	must[[]byte](t)(p.mini.Code(ctx, wecom.CodePicture{Scene: "r=0123456789abcdef"}))
}

func TestSimulatedContentChecks(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	login := p.act("login", object{})
	openid := must[*wecom.Session](t)(p.mini.CodeToSession(ctx, login["code"].(string))).OpenID
	for text, want := range map[string]wecom.ContentVerdict{
		"你好": {Suggest: wecom.SuggestPass, Label: 100}, "违规": {Suggest: wecom.SuggestRisky, Label: 20006}, "待审": {Suggest: wecom.SuggestReview, Label: 10001},
		strings.Repeat("长", wecom.MaxCheckedText): {Suggest: wecom.SuggestPass, Label: 100},
	} {
		if got := must[*wecom.ContentVerdict](t)(p.mini.CheckText(ctx, openid, wecom.SceneProfile, text)); *got != want {
			t.Errorf("%.20s: %+v, want %+v", text, got, want)
		}
	}
	if trace := must[string](t)(p.mini.CheckPicture(ctx, openid, wecom.SceneProfile, "https://wx.qlogo.cn/a")); trace == "" {
		t.Error("no trace")
	}
	for name, text := range map[string]string{"empty": "", "too long": strings.Repeat("长", wecom.MaxCheckedText+1)} {
		_, err := p.mini.CheckText(ctx, openid, wecom.SceneProfile, text)
		refused(t, name, err, wecom.ErrBadInput)
	}
	_, err := p.mini.CheckText(ctx, "onobody", wecom.SceneProfile, "你好")
	refused(t, "nobody", err, wecom.ErrBadInput)
	_, err = p.mini.CheckPicture(ctx, openid, wecom.SceneProfile, "ftp://x/y")
	refused(t, "no address", err, wecom.ErrBadInput)

	// An answer without a verdict is none.
	p.control("POST", "/_sim/faults", object{"api": "weixin/wxa/msg_sec_check", "kind": "silent_drop", "times": 3}, nil)
	if v, err := p.mini.CheckText(ctx, openid, wecom.SceneProfile, "违规"); err == nil {
		t.Errorf("an empty answer became %+v", v)
	}
	p.control("DELETE", "/_sim/faults", nil, nil)
	p.advance(2*time.Hour + time.Minute)
	_, err = p.mini.CheckText(ctx, openid, wecom.SceneProfile, "你好")
	refused(t, "somebody who was here too long ago", err, wecom.ErrVisitTooOld)
}
