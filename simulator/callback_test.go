package simulator

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestCallbackIsSealedInBothFormats(t *testing.T) {
	for _, format := range []string{"xml", "json"} {
		t.Run(format, func(t *testing.T) {
			b := newBench(t, Options{})
			b.staff("ann")
			b.way("来源]]>1", "ann")
			l := b.listen(format)
			if r := b.ctl("POST", "/_sim/callback/verify", nil); r["ok"] != true {
				t.Fatalf("verification: %v", r)
			}
			scan := b.act("scan", m{"state": "来源]]>1"})
			f := l.await(1)[0].Fields
			for k, want := range map[string]any{
				"ToUserName": "wwsim0000000000001", "FromUserName": "sys", "MsgType": "event", "Event": "change_external_contact",
				"ChangeType": "add_external_contact", "UserID": "ann", "ExternalUserID": scan["external_userid"],
				"State": "来源]]>1", "WelcomeCode": scan["welcome_code"],
			} {
				if f[k] != want {
					t.Errorf("%s = %q, want %q", k, f[k], want)
				}
			}
		})
	}
}

func TestThreeTriesWithFreshNonce(t *testing.T) {
	b := newBench(t, Options{})
	b.ctl("PUT", "/_sim/config", m{"callback": m{"tries_ms": []int{0, 200, 600}}})
	b.staff("ann")
	l := b.listen("xml")
	l.answer = func(n int) int { return []int{500, 302, 200}[n] }
	b.befriended("ann")
	got := l.await(3)
	b.ctl("POST", "/_sim/callbacks/wait", nil)
	if len(l.heard()) != 3 {
		t.Fatalf("%d tries", len(l.heard()))
	}
	for i := range got {
		for j := range i {
			if got[i].Nonce == got[j].Nonce || got[i].Cipher == got[j].Cipher || got[i].Plain != got[j].Plain {
				t.Errorf("tries %d and %d: nonce or cipher text repeated, or another plaintext", j, i)
			}
		}
	}
	if d := got[1].At.Sub(got[0].At); d < 100*time.Millisecond {
		t.Errorf("second try after %v", d)
	}
	if d := got[2].At.Sub(got[0].At); d < 400*time.Millisecond {
		t.Errorf("third try after %v", d)
	}
	d := dig(b.ctl("GET", "/_sim/callbacks", nil), "deliveries", 0).(m)
	if d["status"] != "delivered" || len(d["tries"].([]any)) != 3 {
		t.Errorf("log %v", d)
	}
}

func TestGivenUpAfterThreeTries(t *testing.T) {
	b := newBench(t, Options{})
	b.ctl("PUT", "/_sim/config", m{"callback": m{"tries_ms": []int{0, 1, 2}, "timeout_ms": 30}})
	b.staff("ann")
	l := b.listen("xml")
	l.delay = 100 * time.Millisecond // slower than the platform waits
	b.befriended("ann")
	b.ctl("POST", "/_sim/callbacks/wait", nil)
	d := dig(b.ctl("GET", "/_sim/callbacks?status=failed", nil), "deliveries", 0).(m)
	if tries := d["tries"].([]any); len(tries) != 3 || dig(tries, 0, "error") == nil {
		t.Errorf("tries %v", tries)
	}
	l.await(3)
}

func TestChangesByAPIAreSilent(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	ext := b.befriended("ann")
	l := b.listen("xml")
	tags := b.addTags("g", "x", "y")
	b.want(0, b.api("externalcontact/mark_tag", m{"userid": "ann", "external_userid": ext, "add_tag": []any{dig(tags, 0, "id")}}))
	b.want(0, b.api("externalcontact/remark", m{"userid": "ann", "external_userid": ext, "remark": "x"}))
	b.want(0, b.api("externalcontact/edit_corp_tag", m{"id": dig(tags, 0, "id"), "name": "z"}))
	b.want(0, b.api("externalcontact/del_corp_tag", m{"tag_id": []any{dig(tags, 0, "id")}}))
	b.way("s", "ann")
	b.ctl("POST", "/_sim/callbacks/wait", nil)
	if got := l.heard(); len(got) != 0 {
		t.Fatalf("heard %v", got)
	}
	b.act("edit", m{"userid": "ann", "external_userid": ext, "remark": "y", "add_tag": []any{dig(tags, 1, "id")}})
	b.act("edit", m{"userid": "ann", "external_userid": ext, "remark_mobiles": []string{"1"}}) // phone only: silent too
	b.ctl("POST", "/_sim/callbacks/wait", nil)
	if got := l.heard(); len(got) != 1 || got[0].Fields["ChangeType"] != "edit_external_contact" {
		t.Fatalf("heard %v", got)
	}
}

func TestEveryEventOfActs(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	b.way("s", "ann")
	l := b.listen("xml")
	half := b.act("scan", m{"state": "s", "half": true})
	ext := half["external_userid"]
	b.act("confirm", m{"userid": "ann", "external_userid": ext})
	b.act("customer_deletes", m{"userid": "ann", "external_userid": ext})
	b.act("scan", m{"state": "s", "person": half["person"]}) // comes back
	b.act("staff_deletes", m{"userid": "ann", "external_userid": ext, "source": "DELETE_BY_TRANSFER"})
	g := b.act("tag_create", m{"group": "g", "names": []string{"a", "b"}})
	b.act("tag_rename", m{"id": dig(g, "tags", 0, "id"), "name": "c"})
	b.act("tag_shuffle", m{"group_id": g["id"]})
	b.act("tag_delete", m{"ids": []any{dig(g, "tags", 0, "id"), dig(g, "tags", 1, "id")}})
	d := b.act("department_create", m{"name": "新"})
	b.act("department_update", m{"id": d["id"], "name": "更新"})
	b.act("staff_create", m{"userid": "eve", "departments": []any{d["id"]}})
	b.act("staff_update", m{"userid": "eve", "departments": []int{1}})
	b.act("department_delete", m{"id": d["id"]})
	b.act("staff_resign", m{"userid": "eve"})
	b.ctl("POST", "/_sim/callbacks/wait", nil)
	var got []string
	for _, h := range l.heard() {
		got = append(got, strings.TrimSuffix(h.Fields["ChangeType"]+" "+h.Fields["TagType"], " "))
		if h.Fields["ChangeType"] == "del_external_contact" && h.Fields["Source"] != "DELETE_BY_TRANSFER" {
			t.Errorf("no Source in %v", h.Fields)
		}
		if h.Fields["ChangeType"] == "add_external_contact" && h.Fields["ExternalUserID"] != ext {
			t.Errorf("another customer in %v", h.Fields)
		}
	}
	want := []string{
		"add_half_external_contact", "add_external_contact", "del_follow_user", "add_external_contact", "del_external_contact",
		"create tag_group", "create tag", "create tag", "update tag", "shuffle", "delete tag", "delete tag", "delete tag_group",
		"create_party", "update_party", "create_user", "update_user", "delete_party", "delete_user",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("heard %v\nwant  %v", got, want)
	}
}

func TestDeliveryRules(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	l := b.listen("xml")
	add := func(how m) string {
		b.t.Helper()
		return b.act("add", m{"userid": "ann", "callback": how})["external_userid"].(string)
	}
	settle := func() (ids []string) {
		b.ctl("POST", "/_sim/callbacks/wait", nil)
		for _, h := range l.heard() {
			ids = append(ids, h.Fields["ExternalUserID"])
		}
		l.mu.Lock()
		l.got = nil
		l.mu.Unlock()
		return ids
	}
	b.ctl("PUT", "/_sim/config", m{"callback": m{"concurrency": 1}}) // so that order can be seen
	if add(m{"drop": true}); len(settle()) != 0 {
		t.Error("a dropped event arrived")
	}
	x := add(m{"duplicate": 2})
	if got := settle(); !slices.Equal(got, []string{x, x, x}) {
		t.Errorf("duplicate: %v", got)
	}
	first, second := add(m{"reorder": true}), add(nil)
	if got := settle(); !slices.Equal(got, []string{second, first}) {
		t.Errorf("reorder: %v", got)
	}
	slow, quick := add(m{"delay_ms": 300}), add(nil)
	if got := settle(); !slices.Equal(got, []string{quick, slow}) {
		t.Errorf("delay: %v", got)
	}
	b.ctl("POST", "/_sim/callback/rules", m{"event": "change_external_*", "change_type": "add_*", "times": 1, "drop": true})
	add(nil)
	kept := add(nil)
	if got := settle(); !slices.Equal(got, []string{kept}) {
		t.Errorf("rule: %v", got)
	}
}

func TestRawCallback(t *testing.T) {
	b := newBench(t, Options{})
	l := b.listen("xml")
	plain := "<xml><Event>x</Event></xml>"
	post := func(body m) []any {
		body["plain"], body["seal_only"] = plain, true
		return b.ctl("POST", "/_sim/callback/raw", body)["results"].([]any)
	}
	opens := func(r any) error {
		u, _ := http.NewRequest("POST", dig(r, "url").(string), nil)
		q := u.URL.Query()
		text := dig(r, "body").(string)
		_, after, _ := strings.Cut(text, "<Encrypt><![CDATA[")
		cipherText, _, _ := strings.Cut(after, "]]>")
		got, err := l.open(q, cipherText)
		if err == nil && got != plain {
			err = fmt.Errorf("plain %q", got)
		}
		return err
	}
	if err := opens(post(m{})[0]); err != nil {
		t.Error(err)
	}
	for name, body := range map[string]m{
		"flipped signature": {"flip": "signature"}, "flipped cipher": {"flip": "cipher"}, "flipped nonce": {"flip": "nonce"},
		"flipped timestamp": {"flip": "timestamp"}, "wrong receiver": {"wrong_receiver": "wwother"},
	} {
		if err := opens(post(body)[0]); err == nil {
			t.Errorf("%s opens", name)
		}
	}
	if r := post(m{"skew": "-1h"})[0]; dig(r, "timestamp") != fmt.Sprint(noon.Add(-time.Hour).Unix()) || opens(r) != nil {
		t.Errorf("stale: %v", r)
	}
	if rs := post(m{"times": 2, "same_bytes": true}); dig(rs, 0, "body") != dig(rs, 1, "body") || dig(rs, 0, "url") != dig(rs, 1, "url") {
		t.Error("not the same bytes")
	}
	if rs := post(m{"times": 2}); dig(rs, 0, "body") == dig(rs, 1, "body") {
		t.Error("sealed anew, yet the same bytes")
	}
	r := b.ctl("POST", "/_sim/callback/raw", m{"plain": plain, "times": 3, "at_once": true})["results"].([]any)
	if len(l.await(3)) != 3 || dig(r, 2, "status") != 200.0 {
		t.Errorf("sent %v", r)
	}
}

func TestBurstIsBounded(t *testing.T) {
	b := newBench(t, Options{})
	b.ctl("PUT", "/_sim/config", m{"callback": m{"concurrency": 20}})
	b.staff("ann")
	b.way("s", "ann")
	var now, peak, total atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n := now.Add(1)
		for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
		}
		time.Sleep(2 * time.Millisecond)
		now.Add(-1)
		total.Add(1)
	}))
	defer server.Close()
	b.ctl("POST", "/_sim/callback", m{"url": server.URL})
	b.ctl("POST", "/_sim/act/scan/bulk", m{"states": []string{"s"}, "n": 1000})
	b.ctl("POST", "/_sim/callbacks/wait", nil)
	stats := b.ctl("GET", "/_sim/callbacks/stats", nil)
	if total.Load() != 1000 || stats["delivered"] != 1000.0 || peak.Load() > 20 || peak.Load() < 2 {
		t.Errorf("%d arrived, peak %d, stats %v", total.Load(), peak.Load(), stats)
	}
}

func TestInvisibleMemberIsNotTold(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob")
	l := b.listen("xml")
	b.ctl("POST", "/_sim/apps", m{"agentid": firstAgent, "visible_users": []string{"bob"}})
	b.befriended("ann")
	b.befriended("bob")
	b.ctl("POST", "/_sim/callbacks/wait", nil)
	if got := l.heard(); len(got) != 1 || got[0].Fields["UserID"] != "bob" {
		t.Errorf("heard %v", got)
	}
}

func TestMiniProgramPush(t *testing.T) {
	b := newBench(t, Options{})
	app := b.sim.world.MiniApps["wxsim0000000000001"]
	var plain, outerTo atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("signature") != sign(app.Push.Token, q.Get("timestamp"), q.Get("nonce")) {
			rw.WriteHeader(403)
			return
		}
		if r.Method == "GET" {
			_, _ = io.WriteString(rw, q.Get("echostr"))
			return
		}
		body, _ := io.ReadAll(r.Body)
		f := flat(string(body))
		outerTo.Store(f["ToUserName"])
		if f["Encrypt"] == "" {
			plain.Store(string(body))
			return
		}
		text, receiver, err := unseal(app.Push.AESKey, f["Encrypt"])
		if err != nil || receiver != app.AppID || q.Get("encrypt_type") != "aes" ||
			q.Get("msg_signature") != sign(app.Push.Token, q.Get("timestamp"), q.Get("nonce"), f["Encrypt"]) {
			rw.WriteHeader(403)
			return
		}
		plain.Store(text)
	}))
	defer server.Close()
	for name, set := range map[string]m{
		"sealed json": {"format": "json", "plain": false}, "sealed xml": {"format": "xml", "plain": false}, "plain json": {"format": "json", "plain": true},
	} {
		set["appid"], set["url"] = app.AppID, server.URL
		b.ctl("POST", "/_sim/callback", set)
		if r := b.ctl("POST", "/_sim/callback/verify", m{"appid": app.AppID}); r["ok"] != true {
			t.Errorf("%s: verification %v", name, r)
		}
		who := b.act("enter_session", m{"appid": app.AppID, "session_from": name})
		b.ctl("POST", "/_sim/callbacks/wait", nil)
		f := flat(plain.Load().(string))
		if f["Event"] != "user_enter_tempsession" || f["SessionFrom"] != name || f["FromUserName"] != who["openid"] || outerTo.Load() != app.Original {
			t.Errorf("%s: got %v", name, f)
		}
		b.act("authorization", m{"appid": app.AppID, "person": who["person"], "revoke_info": "8"})
		b.ctl("POST", "/_sim/callbacks/wait", nil)
		f = flat(plain.Load().(string))
		if f["Event"] != "user_authorization_revoke" || f["OpenID"] != who["openid"] || f["AppID"] != app.AppID || f["RevokeInfo"] != "8" {
			t.Errorf("%s: got %v", name, f)
		}
	}
}
