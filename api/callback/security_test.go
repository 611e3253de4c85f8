package callback_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"zhiyin/api/callback"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/account"
)

func clone(r request) request {
	r.query = maps.Clone(r.query)
	for k, v := range r.query {
		r.query[k] = append([]string(nil), v...)
	}
	return r
}

func TestS01_ForgedOrFlippedIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, good := range []request{w.push(message("wm1", "add_external_contact", noon)), w.check("1234567890")} {
		for name := range good.query {
			value := good.query.Get(name)
			for at := range value {
				r := clone(good)
				r.query.Set(name, flip(value, at))
				w.wantRefused(fmt.Sprintf("%s with %s flipped at %d", r.method, name, at), w.do(r))
			}
			r := clone(good)
			r.query.Del(name)
			w.wantRefused(good.method+" without "+name, w.do(r))
		}
	}
	push := w.push(message("wm1", "add_external_contact", noon))
	begin := strings.Index(push.body, "<Encrypt><![CDATA[") + len("<Encrypt><![CDATA[")
	for at := begin; at < strings.Index(push.body, "]]></Encrypt>"); at += 7 {
		r := push
		r.body = flip(push.body, at)
		w.wantRefused(fmt.Sprintf("body flipped at %d", at), w.do(r))
	}
	other := newKey(t, "othertoken", aesKey, corpID)
	w.wantRefused("another token", w.do(w.seal(other, other.Encrypt([]byte("<xml/>")))))
	w.wantRefused("the wrong account", w.do(func() request {
		r := clone(push)
		r.path = "/callback/wecom/shop"
		return r
	}()))
}

func TestS02_AnotherReceiverIsRefused(t *testing.T) {
	w := newWorld(t)
	other := newKey(t, token, aesKey, "wwother00000000001")
	w.wantRefused("another corp", w.do(w.seal(other, other.Encrypt([]byte(message("wm1", "add_external_contact", noon))))))
	longer := newKey(t, token, aesKey, corpID+"x")
	w.wantRefused("a longer receiver", w.do(w.seal(longer, longer.Encrypt([]byte("<xml/>")))))
}

// Correctly signed, so that decryption is reached; whatever is wrong there looks like a bad signature.
func TestS03_DecryptionFaultsLookLikeABadSignature(t *testing.T) {
	w := newWorld(t)
	good := w.key.Encrypt([]byte(message("wm1", "add_external_contact", noon)))
	raw, err := base64.StdEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	last := append([]byte(nil), raw...)
	last[len(last)-20] ^= 1 // the padding of the last block
	first := append([]byte(nil), raw...)
	first[2] ^= 0x80 // becomes the length field
	faults := map[string]string{
		"nothing":            "",
		"not base64":         "!!!!",
		"broken base64":      good[:len(good)-3],
		"half a block":       base64.StdEncoding.EncodeToString(raw[:len(raw)-16]),
		"one block":          base64.StdEncoding.EncodeToString(raw[:16]),
		"noise":              base64.StdEncoding.EncodeToString([]byte(strings.Repeat("0123456789abcdef", 8))),
		"padding":            base64.StdEncoding.EncodeToString(last),
		"length":             base64.StdEncoding.EncodeToString(first),
		"first block absent": base64.StdEncoding.EncodeToString(raw[32:]),
	}
	for what, sealed := range faults {
		w.wantRefused(what, w.do(w.seal(w.key, sealed)))
	}
}

func TestS04_MiniProgramTakesSafeModeOnly(t *testing.T) {
	w := newWorld(t)
	plain := request{method: http.MethodPost, path: "/callback/miniapp/shop", body: `{"MsgType":"event","Event":"user_enter_tempsession"}`}
	ts := w.timestamp()
	plain.query = url.Values{"timestamp": {ts}, "nonce": {"n"}, "signature": {w.appKey.Sign(ts, "n", "")}}
	w.wantRefused("plain mode", w.do(plain))
	plain.query.Set("encrypt_type", "raw")
	w.wantRefused("raw mode", w.do(plain))
	plain.query.Set("encrypt_type", "aes")
	w.wantRefused("plain body that claims to be sealed", w.do(plain))
	plain.query.Set("msg_signature", w.appKey.Sign(ts, "n", ""))
	w.wantRefused("plain body with a signature of nothing", w.do(plain))
	for _, without := range []string{"encrypt_type", "msg_signature"} {
		r := clone(w.miniPush("<xml/>"))
		r.query.Del(without)
		w.wantRefused("without "+without, w.do(r))
	}
	if rec := w.want(w.miniPush(`{"MsgType":"event","Event":"user_enter_tempsession"}`), 200); rec.Body.String() != "success" {
		t.Errorf("got %q", rec.Body)
	}
	w.wantRows(1)
}

func TestS05_OversizedIsTooLarge(t *testing.T) {
	w := newWorld(t)
	big := w.push(strings.Repeat("x", 50<<10))
	if len(big.body) <= 64<<10 {
		t.Fatal("not big enough")
	}
	w.want(big, http.StatusRequestEntityTooLarge)
	req := httptest.NewRequest(http.MethodPost, big.path+"?"+big.query.Encode(), streamed(big.body))
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	if rec.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("without a length: got %d", rec.Code)
	}
	fits := w.push("<xml><a>" + strings.Repeat("x", 40<<10) + "</a></xml>")
	w.want(fits, http.StatusOK)
	if n := w.accounts.asked.Load(); n != 1 {
		t.Errorf("keys were asked for %d times; an oversized body is refused before that", n)
	}
}

// wantMalformed sends bodies that are no envelopes, all signed as well as they can be.
func wantMalformed(t *testing.T, bodies map[string]string) {
	t.Helper()
	w := newWorld(t)
	good := w.push(message("wm1", "add_external_contact", noon))
	for what, body := range bodies {
		r := good
		r.body = strings.ReplaceAll(body, "GOOD", strings.TrimSuffix(strings.TrimPrefix(good.body, "<xml>\n"), "\n</xml>"))
		began := time.Now()
		if rec := w.do(r); rec.Code != http.StatusBadRequest || rec.Body.Len() != 0 {
			t.Errorf("%s: got %d %q, want 400", what, rec.Code, rec.Body)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %s", what, took)
		}
	}
	w.wantRows(0)
	if n := w.accounts.asked.Load(); n != 0 {
		t.Errorf("keys were asked for %d times: crypto was reached", n)
	}
}

func TestV18_DeepNestingIsRefusedBeforeCrypto(t *testing.T) {
	wantMalformed(t, map[string]string{
		"64 KB of <a>":        strings.Repeat("<a>", 21_000),
		"nested any":          strings.Repeat("<any>", 5000) + strings.Repeat("</any>", 5000),
		"nested in a field":   "<xml>GOOD" + strings.Repeat("<b>", 9) + strings.Repeat("</b>", 9) + "</xml>",
		"nested JSON objects": strings.Repeat(`{"a":`, 10_000),
		"nested JSON arrays":  `{"a":` + strings.Repeat("[", 60_000),
	})
	w := newWorld(t)
	w.want(request{method: http.MethodPost, path: "/callback/wecom/acme", body: strings.Repeat("<a>", 350_000)}, http.StatusRequestEntityTooLarge)
	if v := runtime.Version(); strings.HasPrefix(v, "go1.26") && v < "go1.26.6" && len(v) == len("go1.26.6") || v == "go1.26" {
		t.Errorf("built with %s, whose encoding/xml can be exhausted; need 1.26.6", v)
	}
}

func TestV29_EnvelopeIsStrict(t *testing.T) {
	wantMalformed(t, map[string]string{
		"DOCTYPE":                 "<!DOCTYPE xml>\n<xml>GOOD</xml>",
		"external entity":         `<!DOCTYPE xml [<!ENTITY x SYSTEM "http://127.0.0.1:1/x">]><xml>GOOD<a>&x;</a></xml>`,
		"entity bomb":             `<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><xml>GOOD<c>&b;</c></xml>`,
		"unknown entity":          "<xml>GOOD<a>&nbsp;</a></xml>",
		"Encrypt twice":           "<xml>GOOD<Encrypt>x</Encrypt></xml>",
		"encrypt in another case": "<xml>GOOD<encrypt>x</encrypt></xml>",
		"ToUserName twice":        "<xml>GOOD<ToUserName>x</ToUserName></xml>",
		"namespace":               `<xml xmlns="urn:x">GOOD</xml>`,
		"prefixed element":        `<xml>GOOD<z:Encrypt xmlns:z="urn:x">x</z:Encrypt></xml>`,
		"attribute":               `<xml a="b">GOOD</xml>`,
		"processing instruction":  "<?php echo ?><xml>GOOD</xml>",
		"comment":                 "<xml><!-- x -->GOOD</xml>",
		"text after the root":     "<xml>GOOD</xml>x",
		"second root":             "<xml>GOOD</xml><xml/>",
		"text between":            "<xml>x GOOD</xml>",
		"byte order mark":         "\ufeff<xml>GOOD</xml>",
		"not UTF-8":               "<xml>GOOD<a>\xff</a></xml>",
		"cut off":                 "<xml>GOOD",
		"empty":                   "",
		"JSON with a key twice":   `{"encrypt":"x","ENCRYPT":"y"}`,
		"JSON with more after":    `{"encrypt":"x"}{}`,
		"neither XML nor JSON":    "encrypt=x",
	})
}

func TestS06_AcknowledgedOnlyAfterTheCommit(t *testing.T) {
	dsn := modeltest.DSN(t)
	w, other := newReplica(t, dsn), modeltest.Open(t, dsn)
	for i := range 20 {
		w.want(w.push(message(fmt.Sprintf("wm%d", i), "add_external_contact", noon)), http.StatusOK)
		if got := modeltest.Count[model.Inbox](t, other); got != int64(i+1) {
			t.Fatalf("acknowledged %d, stored %d", i+1, got)
		}
	}
	w.accounts.err = errors.New("connection refused")
	rec := w.want(w.push("<xml/>"), http.StatusServiceUnavailable)
	if rec.Header().Get("Retry-After") == "" || rec.Body.Len() != 0 {
		t.Errorf("keys not readable: got %v %q", rec.Header(), rec.Body)
	}
	w.accounts.err = nil
	model.Close(w.db)
	if rec := w.want(w.push("<xml/>"), http.StatusServiceUnavailable); rec.Header().Get("Retry-After") == "" {
		t.Errorf("store down: got %v", rec.Header())
	}
}

func TestS07_DuplicatesAreAcknowledgedAndStoredOnce(t *testing.T) {
	w := newWorld(t)
	m := message("wm1", "add_external_contact", noon)
	same := w.push(m)
	w.want(same, http.StatusOK)
	w.want(same, http.StatusOK) // the very same bytes
	w.clock.Advance(time.Second)
	w.want(w.push(m), http.StatusOK) // tried again: another timestamp, nonce and cipher text
	w.wantRows(1)
	w.want(w.push(message("wm2", "add_external_contact", noon)), http.StatusOK) // same sender and second
	w.wantRows(2)
	// The same text for another receiver is another message.
	w.want(w.miniPush(m), http.StatusOK)
	w.wantRows(3)
}

func TestS08_StaleIsStoredAndFlagged(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after time.Duration
		stale bool
	}{{"at the limit", 10 * time.Minute, false}, {"past it", 10*time.Minute + time.Second, true}, {"hours late", 5 * time.Hour, true}, {"from the future", -11 * time.Minute, true}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			r := w.push(message("wm1", "add_external_contact", noon))
			w.clock.Advance(tt.after)
			w.want(r, http.StatusOK)
			var row model.Inbox
			if err := w.db.Take(&row).Error; err != nil || row.Stale != tt.stale || row.State != "new" {
				t.Errorf("got %+v, %v", row, err)
			}
		})
	}
}

func TestS09_EchoIsExact(t *testing.T) {
	w := newWorld(t)
	for _, echo := range []string{"1616140317555161061", "a b+c/é", "\"quoted\"\n"} {
		rec := w.want(w.check(echo), http.StatusOK)
		h := rec.Header()
		if rec.Body.String() != echo || h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("got %q %v, want %q", rec.Body, h, echo)
		}
	}
	good := w.check("12345")
	for name := range good.query {
		query := good.query.Encode() + "&" + name + "=" + url.QueryEscape(good.query.Get(name))
		if rec := w.doRaw(good, query); rec.Code != http.StatusBadRequest || rec.Body.Len() != 0 {
			t.Errorf("%s twice: got %d %q", name, rec.Code, rec.Body)
		}
		if rec := w.doRaw(good, query+"&"+name+"2=x"); rec.Code != http.StatusBadRequest {
			t.Errorf("%s twice and something else: got %d", name, rec.Code)
		}
	}
	for _, query := range []string{"timestamp=%zz", "nonce=" + strings.Repeat("x", 2000), strings.Repeat("a=b&", 40), strings.Repeat("x", 5000)} {
		if rec := w.doRaw(good, query); rec.Code != http.StatusBadRequest {
			t.Errorf("%.30s: got %d", query, rec.Code)
		}
	}
	w.wantRows(0)
}

// What was recorded on its way to us is signed in the same way as the check of the address.
func TestS09_EchoIsNoWayToDecryptMessages(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{message("wm1", "add_external_contact", noon), `{"MsgType":"event"}`, ""} {
		w.wantRefused("a recorded message", w.do(w.check(text)))
	}
	late := w.check("12345")
	w.clock.Advance(11 * time.Minute)
	w.wantRefused("a recorded check", w.do(late))
}

func TestS09_MiniProgramEcho(t *testing.T) {
	w := newWorld(t)
	r := request{method: http.MethodGet, path: "/callback/miniapp/shop"}
	ts := w.timestamp()
	r.query = url.Values{"timestamp": {ts}, "nonce": {"n"}, "signature": {w.appKey.Sign(ts, "n", "")}, "echostr": {"<b>7</b>"}}
	rec := w.want(r, http.StatusOK)
	if rec.Body.String() != "<b>7</b>" || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/plain") || rec.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %q %v", rec.Body, rec.Header())
	}
	for name := range r.query {
		bad := clone(r)
		bad.query.Set(name, flip(bad.query.Get(name), 0))
		if name != "echostr" { // the platform's signature does not cover it
			w.wantRefused(name, w.do(bad))
		}
		bad.query.Del(name)
		w.wantRefused("without "+name, w.do(bad))
	}
}

func TestS10_TwoKeySetsDuringRotation(t *testing.T) {
	const newToken, newAESKey = "newtoken", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
	cutOff := noon.Add(time.Hour)
	rotations := map[string]account.KeySet{
		"both":        {Token: newToken, AESKey: newAESKey},
		"AES key":     {Token: token, AESKey: newAESKey},
		"only token":  {Token: newToken, AESKey: aesKey},
		"nothing new": {Token: token, AESKey: aesKey},
	}
	for name, present := range rotations {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.accounts.sets = []account.KeySet{present, {Token: token, AESKey: aesKey, ValidUntil: cutOff}}
			key := newKey(t, present.Token.Reveal(), present.AESKey.Reveal(), corpID)
			w.want(w.seal(key, key.Encrypt([]byte(message("wm1", "add_external_contact", noon)))), http.StatusOK)
			w.want(w.push(message("wm2", "add_external_contact", noon)), http.StatusOK)
			w.want(w.check("12345"), http.StatusOK)
			w.clock.Advance(time.Hour)
			want := http.StatusForbidden
			if name == "nothing new" {
				want = http.StatusOK
			}
			w.want(w.push(message("wm3", "add_external_contact", noon)), want)
			w.want(w.check("12345"), want)
			w.want(w.seal(key, key.Encrypt([]byte(message("wm4", "add_external_contact", noon)))), http.StatusOK)
		})
	}
}

func TestS11_SendersAddress(t *testing.T) {
	list, fail := []string{"101.226.103.0/25", "58.60.1.7", "10.1.*.*", "2001:db8::/32"}, error(nil)
	fetch := func(context.Context) ([]string, error) { return list, fail }
	for _, tt := range []struct {
		mode, from string
		status     int
	}{
		{callback.IPOff, "9.9.9.9:1", 200}, {callback.IPLog, "9.9.9.9:1", 200},
		{callback.IPEnforce, "9.9.9.9:1", 403}, {callback.IPEnforce, "101.226.103.200:1", 403}, {callback.IPEnforce, "58.60.1.8:1", 403},
		{callback.IPEnforce, "101.226.103.5:1", 200}, {callback.IPEnforce, "58.60.1.7:1", 200}, {callback.IPEnforce, "10.1.2.3:1", 200},
		{callback.IPEnforce, "[2001:db8::1]:1", 200}, {callback.IPEnforce, "[::ffff:58.60.1.7]:1", 200},
	} {
		ips, err := callback.NewIPs(tt.mode, fetch)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, func(d *callback.Deps) { d.IPs = ips })
		r := w.push(message("wm1", "add_external_contact", noon))
		r.remote = tt.from
		w.want(r, 200) // nothing is enforced before a list is there
		if err := ips.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.want(r, tt.status)
		fail = errors.New("platform away")
		if err := ips.Refresh(t.Context()); err == nil && tt.mode != callback.IPOff {
			t.Error("a failed refresh is not told")
		}
		w.want(r, tt.status) // the last list goes on counting
		fail = nil
		mini := w.miniPush("<xml/>") // the list is WeCom's
		mini.remote = tt.from
		w.want(mini, 200)
	}
	if _, err := callback.NewIPs("sometimes", fetch); err == nil {
		t.Error("an unknown mode is accepted")
	}
}

func TestS12_UnknownEventsAreAcknowledgedAndStored(t *testing.T) {
	w := newWorld(t)
	bodies := []string{
		"<xml><MsgType>event</MsgType><Event>made_up</Event></xml>", "<xml><MsgType>hologram</MsgType></xml>", "<xml/>", "{}", "not a document",
		"<xml><Event>a</Event><ChangeType>b</ChangeType><ChangeType>c</ChangeType></xml>", `{"Event":{"a":1}}`, "\xff\xfe", "<!DOCTYPE x><xml/>",
	}
	for _, b := range bodies {
		w.want(w.push(b), http.StatusOK)
	}
	w.wantRows(int64(len(bodies)))
}

func TestS13_FieldsAreData(t *testing.T) {
	w := newWorld(t)
	hostile := []string{
		strings.Repeat("長", 5000), "'); DROP TABLE inbox; --", "<script>alert(1)</script>", "${jndi:ldap://x}", "a\tb\nc", "🤖\u202e", `\'; \"`, "%s%n?",
	}
	for _, h := range hostile {
		m := "<xml><MsgType>event</MsgType><Event><![CDATA[" + h + "]]></Event><ChangeType><![CDATA[" + h + "]]></ChangeType><State><![CDATA[" + h + "]]></State></xml>"
		w.want(w.push(m), http.StatusOK)
		var row model.Inbox
		if err := w.db.Order("id DESC").Take(&row).Error; err != nil {
			t.Fatal(err)
		}
		if string(row.Body) != m {
			t.Errorf("%.20q: the body is not stored as it came", h)
		}
		if row.Kind != "unreadable" {
			t.Errorf("%.20q became the kind %q", h, row.Kind)
		}
	}
}

func TestS14_BodiesAndKeysAreNotLogged(t *testing.T) {
	w := newWorld(t)
	const canary = "wmCANARY00000000000000000000000001"
	m := message(canary, "add_external_contact", noon)
	good := w.push(m)
	w.want(good, 200)
	bad := clone(good)
	bad.query.Set("msg_signature", "0")
	w.want(bad, 403)
	bad.body = "<xml>" + canary
	w.want(bad, 400)
	w.accounts.err = errors.New("away")
	w.want(good, 503)
	w.accounts.err = nil
	model.Close(w.db)
	w.want(w.push(m), 503)
	if w.logs.Len() == 0 {
		t.Error("nothing was logged at all")
	}
	for _, secret := range []string{canary, token, aesKey, good.query.Get("msg_signature"), good.query.Get("nonce"), "zhangsan", good.body[80:120]} {
		if strings.Contains(w.logs.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, w.logs)
		}
	}
}

func TestS15_OnlyGetAndPost(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/callback/wecom/acme", "/callback/miniapp/shop", "/callback/wecom/nobody"} {
		for _, method := range []string{"PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"} {
			rec := w.do(request{method: method, path: path, header: http.Header{"Origin": {"https://evil.example"}, "Cookie": {"zhiyin=1"}}})
			if rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != "GET, POST" || rec.Body.Len() != 0 {
				t.Errorf("%s %s: got %d %v", method, path, rec.Code, rec.Header())
			}
			for name := range rec.Header() {
				if strings.HasPrefix(name, "Access-Control") || name == "Set-Cookie" {
					t.Errorf("%s %s answers %s", method, path, name)
				}
			}
		}
	}
	if w.accounts.asked.Load() != 0 {
		t.Error("accounts were asked")
	}
}

// An account that does not exist answers exactly as one that does.
func TestAccountsCannotBeEnumerated(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"nobody", "shop", "acme", strings.Repeat("x", 300), "%2e%2e", "a%00b"} {
		for _, r := range []request{w.push("<xml/>"), w.check("12345")} {
			r.path = "/callback/wecom/" + name
			r.query.Set("nonce", "guessed")
			w.wantRefused(name, w.do(r))
		}
	}
}
