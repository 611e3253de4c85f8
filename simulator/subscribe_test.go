package simulator

import (
	"encoding/json"
	"strings"
	"testing"
)

func (b *bench) miniToken() string {
	b.t.Helper()
	mini := b.sim.world.MiniApps["wxsim0000000000001"]
	return b.raw("POST", "/weixin/cgi-bin/stable_token", m{"grant_type": "client_credential", "appid": mini.AppID, "secret": mini.Secret})["access_token"].(string)
}

func TestSubscribeMessage(t *testing.T) {
	b := newBench(t, Options{})
	tok := b.miniToken()
	list := b.want(0, b.raw("GET", "/weixin/wxaapi/newtmpl/gettemplate?access_token="+tok, nil))["data"].([]any)
	tmpl := dig(list, 0, "priTmplId").(string)
	if len(list) != 3 || !strings.Contains(dig(list, 0, "content").(string), "{{thing1.DATA}}") {
		t.Fatalf("templates %v", list)
	}
	openid := dig(b.act("person", m{}), "openids", "wxsim0000000000001").(string)
	good := m{"thing1": m{"value": "满100减20"}, "time2": m{"value": "2026-03-08 12:00"}, "thing3": m{"value": "请尽快使用"}}
	send := func(change m) m {
		body := m{"touser": openid, "template_id": tmpl, "page": "pages/coupon", "data": good}
		for k, v := range change {
			body[k] = v
		}
		return b.raw("POST", "/weixin/cgi-bin/message/subscribe/send?access_token="+tok, body)
	}
	b.want(43101, send(nil))
	b.want(40003, send(m{"touser": "onobody"}))
	b.want(40037, send(m{"template_id": "x"}))
	b.act("subscribe", m{"openid": openid, "accept": []string{tmpl}})
	b.act("subscribe", m{"openid": openid, "accept": []string{tmpl}, "reject": []string{dig(list, 1, "priTmplId").(string)}})
	for name, data := range map[string]m{
		"too long":    {"thing1": m{"value": strings.Repeat("长", 21)}, "time2": good["time2"], "thing3": good["thing3"]},
		"no time":     {"thing1": good["thing1"], "time2": m{"value": "soon"}, "thing3": good["thing3"]},
		"empty":       {"thing1": m{"value": ""}, "time2": good["time2"], "thing3": good["thing3"]},
		"absent":      {"thing1": good["thing1"]},
		"too many":    {"thing1": good["thing1"], "time2": good["time2"], "thing3": good["thing3"], "thing9": good["thing1"]},
		"line breaks": {"thing1": m{"value": "a\nb"}, "time2": good["time2"], "thing3": good["thing3"]},
	} {
		if r := send(m{"data": data}); r["errcode"] != 47003.0 {
			t.Errorf("%s: %v", name, r)
		}
	}
	b.want(0, send(nil))
	b.want(0, send(nil))
	b.want(43101, send(nil)) // two consents, two messages
	b.act("subscribe", m{"openid": openid, "accept": []string{tmpl}})
	b.act("subscribe", m{"openid": openid, "reject": []string{tmpl}, "setting": true})
	b.want(43101, send(nil))
	if r := b.ctl("GET", "/_sim/subscribed", nil); len(r["messages"].([]any)) != 2 || dig(r, "messages", 0, "data", "thing1") != "满100减20" {
		t.Errorf("received %v", r["messages"])
	}
}

// Consents and sends are told to the mini-program's server, in the platform's two shapes.
func TestSubscribeEvents(t *testing.T) {
	items := []field{text("TemplateId", "t1"), text("SubscribeStatusString", "accept")}
	xmlApp, jsonApp := &miniApp{}, &miniApp{Push: callbackSpec{Format: "json"}}
	x := render(xmlApp.subscribeEvent("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", items, items), "xml")
	if strings.Count(x, "<List>") != 2 || !strings.Contains(x, "<SubscribeMsgPopupEvent><List><TemplateId>") {
		t.Errorf("xml %s", x)
	}
	var one, two struct{ List any }
	if err := json.Unmarshal([]byte(render(jsonApp.subscribeEvent("e", "", items), "json")), &one); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(render(jsonApp.subscribeEvent("e", "", items, items), "json")), &two); err != nil {
		t.Fatal(err)
	}
	if dig(one.List, "TemplateId") != "t1" || len(two.List.([]any)) != 2 {
		t.Errorf("one %v, two %v", one.List, two.List)
	}
}
