package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestControlRefusesMistakes(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/_sim/act/scan", `{"state":"nothing"}`},
		{"POST", "/_sim/act/scan", `{"stat":"typing error"}`},
		{"POST", "/_sim/act/confirm", `{"userid":"ann","external_userid":"wmx"}`},
		{"POST", "/_sim/act/staff_create", `{"userid":"ann"}`},
		{"POST", "/_sim/act/staff_update", `{"userid":"ghost"}`},
		{"POST", "/_sim/act/department_delete", `{"id":1}`},
		{"POST", "/_sim/act/department_update", `{"id":1,"parent":1}`},
		{"POST", "/_sim/act/tag_rename", `{"id":"x","name":"y"}`},
		{"POST", "/_sim/act/group_create", `{"owner":"ghost"}`},
		{"POST", "/_sim/act/login", `{"appid":"wxnone"}`},
		{"POST", "/_sim/clock", `{"advance":"soon"}`},
		{"POST", "/_sim/clock", `{}`},
		{"PUT", "/_sim/config", `{"callback":{"concurrency":0}}`},
		{"PUT", "/_sim/config", `{"no_such_number":1}`},
		{"POST", "/_sim/callback", `{"url":"not absolute"}`},
		{"POST", "/_sim/callback", `{"url":"http://x","aes_key":"short"}`},
		{"POST", "/_sim/callback", `{"agentid":7}`},
		{"POST", "/_sim/apps", `{"agentid":1000002,"callback":{"url":"http://x","aes_key":"short"}}`},
		{"POST", "/_sim/corps", `{"id":"wwsim0000000000001"}`},
		{"GET", "/_sim/welcomes?corp=wwnone", ``},
	} {
		if status, out := b.do(tt.method, tt.path, tt.body); status != 400 || !strings.Contains(string(out), `"error"`) {
			t.Errorf("%s %s %s: status %d %s", tt.method, tt.path, tt.body, status, out)
		}
	}
	b.want(0, b.api("getcallbackip", nil))
}

func TestClock(t *testing.T) {
	b := newBench(t, Options{})
	b.ctl("POST", "/_sim/clock", m{"set": "2027-01-01T00:00:00Z"})
	b.ctl("POST", "/_sim/clock", m{"advance": "-24h"})
	if r := b.ctl("GET", "/_sim/clock", nil); r["now"] != "2026-12-31T00:00:00Z" {
		t.Errorf("clock %v", r)
	}
}

func TestEventSwitchesAndRights(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	l := b.listen("xml")
	count := func() int {
		b.ctl("POST", "/_sim/callbacks/wait", nil)
		return len(l.heard())
	}
	b.ctl("POST", "/_sim/callback", m{"events": []string{"change_external_tag"}})
	b.befriended("ann")
	if n := count(); n != 0 {
		t.Errorf("%d events that are switched off", n)
	}
	b.act("tag_create", m{"group": "g", "names": []string{"a"}})
	if n := count(); n != 2 {
		t.Errorf("%d events, want group and tag", n)
	}
	b.ctl("POST", "/_sim/callback", m{"events": []string{}})
	b.ctl("POST", "/_sim/apps", m{"agentid": firstAgent, "rights": []string{"contacts"}})
	b.befriended("ann")
	if n := count(); n != 2 {
		t.Error("an app without the right to customers was told about one")
	}
	b.act("staff_update", m{"userid": "ann", "name": "安"})
	if n := count(); n != 3 {
		t.Error("an app with the right to contacts was not told")
	}
}

func TestHeldEventIsReleased(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	l := b.listen("xml")
	b.act("add", m{"userid": "ann", "callback": m{"reorder": true}})
	if time.Sleep(50 * time.Millisecond); len(l.heard()) != 0 {
		t.Fatal("not held back")
	}
	l.await(1) // nothing followed; two seconds later it goes on its way
}

func TestGroupPageIsFull(t *testing.T) {
	b := newBench(t, Options{Company: Company{Staff: 1, Groups: 5}})
	r := b.want(0, b.api("externalcontact/groupchat/list", m{"limit": 5}))
	if n := len(r["group_chat_list"].([]any)); n != 5 || r["next_cursor"] != "" {
		t.Errorf("%d groups, cursor %v", n, r["next_cursor"])
	}
	r = b.want(0, b.api("externalcontact/groupchat/list", m{"limit": 4}))
	if n := len(r["group_chat_list"].([]any)); n != 4 || r["next_cursor"] == "" {
		t.Errorf("%d groups, cursor %v", n, r["next_cursor"])
	}
}

func TestCheckSession(t *testing.T) {
	b := newBench(t, Options{})
	app := b.sim.world.MiniApps["wxsim0000000000001"]
	login := b.act("login", m{})
	q := url.Values{"appid": {app.AppID}, "secret": {app.Secret}, "js_code": {login["code"].(string)}, "grant_type": {"authorization_code"}}
	s := b.raw("GET", "/weixin/sns/jscode2session?"+q.Encode(), nil)
	tok := b.raw("GET", "/weixin/cgi-bin/token?grant_type=client_credential&appid="+app.AppID+"&secret="+app.Secret, nil)["access_token"]
	check := func(signature string) m {
		return b.raw("GET", fmt.Sprintf("/weixin/wxa/checksession?access_token=%v&openid=%v&sig_method=hmac_sha256&signature=%s", tok, s["openid"], signature), nil)
	}
	mac := hmac.New(sha256.New, []byte(s["session_key"].(string)))
	b.want(0, check(hex.EncodeToString(mac.Sum(nil))))
	b.want(87009, check("0"))
}

func TestWorldIsReadable(t *testing.T) {
	b := newBench(t, Options{Company: Company{Staff: 3, Customers: 10, Tags: 4, Groups: 1}})
	full := b.ctl("GET", "/_sim/world?full=1", nil)
	if len(dig(full, "corps", 0, "staff_list").([]any)) != 3 || len(dig(full, "corps", 0, "tag_groups").([]any)) != 1 {
		t.Errorf("world %v", full)
	}
	rows := b.ctl("GET", "/_sim/customers?userid=staff0001", nil)["customers"].([]any)
	for _, row := range rows {
		relations := dig(row, "customer", "relations").([]any)
		if !slices.ContainsFunc(relations, func(r any) bool { return dig(r, "userid") == "staff0001" }) {
			t.Errorf("row %v", row)
		}
	}
	avatar := dig(b.api("externalcontact/get?external_userid="+dig(b.ctl("GET", "/_sim/customers", nil), "customers", 0, "customer", "external_userid").(string), nil), "external_contact", "avatar").(string)
	if status, out := b.do("GET", strings.TrimPrefix(avatar, b.url), nil); status != 200 || !strings.HasPrefix(string(out), "<svg") {
		t.Errorf("avatar: status %d %.80s", status, out)
	}
	if users := b.want(0, b.api("user/simplelist?department_id=2", nil))["userlist"].([]any); len(users) != 1 {
		t.Errorf("simplelist %v", users)
	}
}

func TestPictureByURLMustBeOurs(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	b.way("s", "ann")
	code := b.act("scan", m{"state": "s"})["welcome_code"]
	send := func(address string) m {
		return b.api("externalcontact/send_welcome_msg", m{"welcome_code": code, "attachments": []m{{"msgtype": "image", "image": m{"pic_url": address}}}})
	}
	b.want(40058, send("https://elsewhere.example/a.png"))
	b.want(0, send(b.want(0, b.upload("media/uploadimg?x=1", "a.png", pngOf(t)))["url"].(string)))
}

// Platform calls per second, for whoever relies on the simulator under load.
func BenchmarkCustomerBatch(b *testing.B) {
	s := New(Options{Company: Company{Staff: 100, Customers: 10_000, Tags: 60}})
	defer s.Close()
	c := &call{s: s, w: s.world, now: noon, corp: s.world.Corps["wwsim0000000000001"], e: &endpoint{}, r: &requestStub}
	c.app = c.corp.Apps[firstAgent]
	for b.Loop() {
		v, err := customerBatch(c, &batchRequest{Users: []string{"staff0001", "staff0002"}, Limit: 100})
		if err != nil {
			b.Fatal(err)
		}
		_ = c.encode(v, nil)
	}
}

var requestStub = http.Request{Host: "sim", URL: &url.URL{}}
