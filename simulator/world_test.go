package simulator

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

var demo = Company{Staff: 30, Customers: 2000, Tags: 60, Groups: 40}

func export(t *testing.T, s *Simulator) []byte {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.exportLocked()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSameSeedSameWorld(t *testing.T) {
	make := func(seed int64) []byte {
		s := New(Options{Seed: seed, Company: demo, Now: func() time.Time { return noon }})
		defer s.Close()
		return export(t, s)
	}
	if !bytes.Equal(make(7), make(7)) {
		t.Error("same seed, different worlds")
	}
	if bytes.Equal(make(7), make(8)) {
		t.Error("different seeds, same world")
	}
}

func TestTheDemoCompany(t *testing.T) {
	b := newBench(t, Options{Seed: 1, Company: demo})
	c := dig(b.ctl("GET", "/_sim/world", nil), "corps", 0).(m)
	if c["staff"] != 30.0 || c["customers"] != 2000.0 || c["tags"] != 60.0 || c["groups"] != 40.0 || c["relations"].(float64) < 2000 {
		t.Errorf("sizes %v", c)
	}
	unions, three := 0, 0
	for _, cu := range b.corp().Customers {
		if n := len(cu.Relations); n < 1 || n > 3 {
			t.Fatalf("customer with %d relations", n)
		} else if n == 3 {
			three++
		}
		if b.sim.world.People[cu.Person].UnionID != "" {
			unions++
		}
		if strings.Contains(cu.ID, " ") || len(cu.ID) != 32 {
			t.Fatalf("id %q", cu.ID)
		}
	}
	if unions < 1500 || unions == 2000 || three == 0 {
		t.Errorf("%d unionids, %d customers with three members", unions, three)
	}
	app := dig(c, "apps", 0).(m)
	if app["agentid"] != 1000002.0 || len(dig(app, "callback", "aes_key").(string)) != 43 {
		t.Errorf("app %v", app)
	}
}

func TestTenThousandCustomers(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	started := time.Now()
	s := New(Options{Company: Company{Staff: 100, Customers: 10_000, Tags: 60, Groups: 100}})
	took := time.Since(started)
	defer s.Close()
	runtime.GC()
	runtime.ReadMemStats(&after)
	mb := float64(after.HeapAlloc-before.HeapAlloc) / (1 << 20)
	t.Logf("%v, %.1f MB", took, mb)
	if mb > 60 || took > 3*time.Second { // the time is generous for a busy machine under -race
		t.Errorf("took %v and %.1f MB", took, mb)
	}
	runtime.KeepAlive(s)
}

func TestStateGoesOn(t *testing.T) {
	old := newBench(t, Options{Seed: 5, Company: Company{Staff: 3, Customers: 20, Tags: 5, Groups: 2}})
	old.way("s", "staff0001")
	code := old.act("scan", m{"state": "s"})["welcome_code"]
	old.want(0, old.upload("media/upload?type=image", "a.png", pngOf(t)))
	old.advance(time.Second)
	_, state := old.do("GET", "/_sim/state", nil)

	next := newBench(t, Options{})
	next.ctl("PUT", "/_sim/state", string(state))
	next.tok = old.tok // lives on
	if again := export(t, next.sim); !bytes.Equal(again, export(t, old.sim)) {
		t.Error("what was imported is not what was exported")
	}
	next.want(0, next.api("externalcontact/send_welcome_msg", hello(code)))
	a, b := old.ctl("POST", "/_sim/life", m{"steps": 60})["did"], next.ctl("POST", "/_sim/life", m{"steps": 60})["did"]
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("the lives differ:\n%v\n%v", a, b)
	}
	if x, y := old.act("scan", m{"state": "s"}), next.act("scan", m{"state": "s"}); x["external_userid"] != y["external_userid"] {
		t.Errorf("%v and %v", x, y)
	}
	for name, bad := range map[string]string{
		"not json": "{", "another version": `{"version":9}`, "no corp": `{"version":1,"corps":{}}`,
		"a customer without a person": strings.Replace(string(state), `"people":{"p`, `"people":{"q`, 1),
	} {
		if status, out := next.do("PUT", "/_sim/state", bad); status != 400 {
			t.Errorf("%s: status %d %s", name, status, out)
		}
	}
	next.want(0, next.api("getcallbackip", nil)) // a refused import left the world alone
}

func TestLifeOnATimer(t *testing.T) {
	b := newBench(t, Options{Seed: 2, Company: Company{Staff: 3, Customers: 20, Tags: 5, Groups: 2}})
	before := b.sim.world.Next
	b.ctl("POST", "/_sim/life", m{"on": true, "per_minute": 60_000})
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		b.sim.mu.Lock()
		grown := b.sim.world.Next > before+20
		b.sim.mu.Unlock()
		if grown {
			b.ctl("POST", "/_sim/life", m{"on": false})
			if r := b.ctl("GET", "/_sim/life", nil); r["on"] != false {
				t.Errorf("still on: %v", r)
			}
			return
		}
	}
	t.Error("nothing happened")
}

func TestLimits(t *testing.T) {
	b := newBench(t, Options{})
	b.ctl("PUT", "/_sim/config", m{"limits": m{"*": []m{
		{"per": "corp", "seconds": 60, "max": 3, "block_seconds": 60}, {"per": "corp", "seconds": 3600, "max": 7, "block_seconds": 3600},
	}}})
	ip := func() m { return b.api("getcallbackip", nil) }
	for range 3 {
		b.want(0, ip())
	}
	b.want(45009, ip())
	b.want(0, b.api("department/list", nil)) // each API has its own budget
	b.advance(59 * time.Second)
	b.want(45009, ip()) // blocked, though another minute has begun
	b.advance(time.Second)
	for range 3 {
		b.want(0, ip())
	}
	b.advance(time.Minute)
	b.want(0, ip()) // the seventh within the hour
	b.want(45009, ip())
	b.advance(10 * time.Minute)
	b.want(45009, ip())
	b.advance(50 * time.Minute)
	b.want(0, ip())
}

func TestConcurrencyLimit(t *testing.T) {
	b := newBench(t, Options{})
	b.ctl("PUT", "/_sim/config", m{"latency_ms": 500, "concurrency": m{"department/list": 2}})
	var wg sync.WaitGroup
	codes := make(chan int, 5)
	for range 5 {
		wg.Go(func() { codes <- int(b.api("department/list", nil)["errcode"].(float64)) })
	}
	wg.Wait()
	close(codes)
	got := map[int]int{}
	for c := range codes {
		got[c]++
	}
	if got[0] != 2 || got[45033] != 3 {
		t.Errorf("answers %v", got)
	}
	b.want(0, b.api("department/list", nil))
	if peak := b.ctl("GET", "/_sim/ledger?count=1", nil)["max_in_flight"].(float64); peak < 5 {
		t.Errorf("max_in_flight %v", peak)
	}
}

func TestStrictAndLenient(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	ext := b.befriended("ann")
	unknown := m{"userid": "ann", "external_userid": ext, "remark": "x", "remrk": "y"}
	long := m{"userid": "ann", "external_userid": ext, "remark": strings.Repeat("长", 21)}
	b.want(0, b.api("externalcontact/remark", unknown))
	b.want(0, b.api("externalcontact/remark", long))
	b.ctl("PUT", "/_sim/config", m{"strict": true})
	b.want(40058, b.api("externalcontact/remark", unknown))
	b.want(40058, b.api("externalcontact/remark", long))
	long["remark"] = strings.Repeat("长", 20)
	b.want(0, b.api("externalcontact/remark", long))
	b.want(47001, b.api("externalcontact/remark", "{"))
	b.want(40058, b.api("externalcontact/remark", `{"userid":7}`))
	b.want(43002, b.raw("GET", "/qyapi/cgi-bin/externalcontact/remark?access_token="+b.tok, nil))
	b.want(43001, b.raw("POST", "/qyapi/cgi-bin/externalcontact/list?access_token="+b.tok, m{}))
	b.want(40066, b.api("externalcontact/dance", m{}))
}

func TestSomeEmptyListsAreAbsent(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	b.ctl("PUT", "/_sim/config", m{"absent_lists_percent": 10})
	absent, present := 0, 0
	for i := range 400 {
		r := b.want(0, b.api("externalcontact/groupchat/list", m{"limit": i%1000 + 1}))
		_, list := r["group_chat_list"]
		_, cursor := r["next_cursor"]
		if list != cursor {
			t.Fatalf("got %v", r)
		}
		if list {
			present++
		} else {
			absent++
		}
		if again := b.api("externalcontact/groupchat/list", m{"limit": i%1000 + 1}); len(again) != len(r) {
			t.Fatal("the same request was answered in another shape")
		}
	}
	if absent < 20 || absent > 80 {
		t.Errorf("absent in %d of 400", absent)
	}
}

func TestLedgerJudges(t *testing.T) {
	b := newBench(t, Options{})
	b.ctl("DELETE", "/_sim/ledger", nil)
	b.staff("ann")
	b.addTags("g", "x")
	b.want(40071, b.api("externalcontact/add_corp_tag", m{"group_name": "g", "tag": []m{{"name": "x"}}}))
	b.want(40014, b.as("old", "externalcontact/add_corp_tag", m{}))
	r := b.ctl("GET", "/_sim/ledger?api=externalcontact/*", nil)
	if r["matched"] != 3.0 || dig(r, "effects", "externalcontact/add_corp_tag") != 1.0 || dig(r, "by_errcode", "40071") != 1.0 {
		t.Errorf("ledger %v", r)
	}
	if dig(r, "entries", 0, "body", "group_name") != "g" || dig(r, "entries", 0, "corp") != "wwsim0000000000001" || dig(r, "entries", 0, "agentid") != 1000002.0 {
		t.Errorf("entry %v", dig(r, "entries", 0))
	}
	b.token(firstAgent)
	app := b.sim.world.MiniApps["wxsim0000000000001"]
	b.raw("POST", "/weixin/cgi-bin/stable_token", m{"grant_type": "client_credential", "appid": app.AppID, "secret": app.Secret})
	_, all := b.do("GET", "/_sim/ledger", nil)
	for _, secret := range []string{b.tok, app.Secret, b.corp().Apps[firstAgent].Secret} {
		if bytes.Contains(all, []byte(secret)) {
			t.Error("a secret is in the ledger")
		}
	}
	b.ctl("PUT", "/_sim/config", m{"ledger_max": 10})
	for range 200 {
		b.api("getcallbackip", nil)
	}
	r = b.ctl("GET", "/_sim/ledger", nil)
	if n := len(r["entries"].([]any)); n > 80 || dig(r, "by_api", "getcallbackip") != 200.0 {
		t.Errorf("%d entries kept, counts %v", n, r["by_api"])
	}
}

func TestLogin(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	noRedirect := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	visit := func(path, user string) *url.URL {
		q := url.Values{"appid": {"wwsim0000000000001"}, "redirect_uri": {"https://crm.example.com/in?a=1"}, "state": {"S1"}, "agentid": {"1000002"}}
		if user != "" {
			q.Set("sim_user", user)
		}
		res, err := noRedirect.Get(b.url + path + "?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		to, _ := res.Location()
		return to
	}
	for _, path := range []string{"/open/connect/oauth2/authorize", "/login/wwlogin/sso/login", "/wwopen/sso/qrConnect"} {
		if to := visit(path, ""); to != nil {
			t.Errorf("%s redirected without a choice", path)
		}
		to := visit(path, "ann")
		if to == nil || to.Host != "crm.example.com" || to.Query().Get("state") != "S1" || to.Query().Get("a") != "1" {
			t.Fatalf("%s went to %v", path, to)
		}
		info := "auth/getuserinfo?code=" + to.Query().Get("code")
		if r := b.want(0, b.api(info, nil)); r["userid"] != "ann" {
			t.Errorf("got %v", r)
		}
		b.want(40029, b.api(info, nil)) // once
	}
	b.ctl("POST", "/_sim/apps", m{"agentid": firstAgent, "trusted_domains": []string{"example.org"}})
	if to := visit("/open/connect/oauth2/authorize", "ann"); to != nil {
		t.Errorf("an untrusted domain was redirected to: %v", to)
	}

	late := b.act("oauth", m{"userid": "ann"})["code"].(string)
	b.advance(301 * time.Second)
	b.want(42003, b.api("auth/getuserinfo?code="+late, nil))
	old := b.act("oauth", m{"userid": "ann"})["code"].(string)
	if r := b.want(0, b.api("user/getuserinfo?code="+old, nil)); r["UserId"] != "ann" {
		t.Errorf("alias answered %v", r)
	}
	private := b.act("oauth", m{"userid": "ann", "scope": "snsapi_privateinfo"})["code"].(string)
	ticket := b.want(0, b.api("auth/getuserinfo?code="+private, nil))["user_ticket"]
	b.want(0, b.api("auth/getuserdetail", m{"user_ticket": ticket}))
	b.want(84015, b.api("auth/getuserdetail", m{"user_ticket": "x"}))
	ext := b.act("add", m{"userid": "ann"})
	guest := b.act("oauth", m{"person": ext["person"]})["code"].(string)
	if r := b.want(0, b.api("auth/getuserinfo?code="+guest, nil)); r["external_userid"] != ext["external_userid"] || r["openid"] == "" {
		t.Errorf("guest %v", r)
	}
}

func TestMiniProgramLogin(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	app := b.sim.world.MiniApps["wxsim0000000000001"]
	session := func(code any, secret string) m {
		return b.raw("GET", fmt.Sprintf("/weixin/sns/jscode2session?appid=%s&secret=%s&js_code=%v&grant_type=authorization_code", app.AppID, secret, code), nil)
	}
	who := b.act("person", m{"phone": "13800000000"})
	person := dig(who, "person", "id")
	login := func() m { return b.act("login", m{"person": person}) }
	first := login()
	r := session(first["code"], app.Secret)
	if r["openid"] != first["openid"] || dig(who, "openids", app.AppID) != r["openid"] || r["session_key"] == "" {
		t.Errorf("got %v", r)
	}
	if _, ok := r["errcode"]; ok {
		t.Error("errcode on success, which this call leaves out")
	}
	b.want(40163, session(first["code"], app.Secret))
	b.want(40029, session("nonsense", app.Secret))
	b.want(40125, session(login()["code"], "x"))
	if again := session(login()["code"], app.Secret); again["openid"] != r["openid"] || again["session_key"] == r["session_key"] {
		t.Errorf("second login %v", again)
	}
	late := login()
	b.advance(301 * time.Second)
	b.want(40029, session(late["code"], app.Secret))

	tok := b.raw("GET", "/weixin/cgi-bin/token?grant_type=client_credential&appid="+app.AppID+"&secret="+app.Secret, nil)["access_token"].(string)
	phone := func(code any) m {
		return b.raw("POST", "/weixin/wxa/business/getuserphonenumber?access_token="+tok, m{"code": code})
	}
	button := b.act("phone", m{"person": person})["code"]
	if r := b.want(0, phone(button)); dig(r, "phone_info", "purePhoneNumber") != "13800000000" || dig(r, "phone_info", "watermark", "appid") != app.AppID {
		t.Errorf("got %v", r)
	}
	b.want(40029, phone(button))
	b.want(40029, phone(login()["code"])) // a login code is no phone code

	qy := b.act("qylogin", m{"userid": "ann"})["code"]
	call := fmt.Sprintf("miniprogram/jscode2session?js_code=%v&grant_type=authorization_code", qy)
	if r := b.want(0, b.api(call, nil)); r["userid"] != "ann" || r["corpid"] != "wwsim0000000000001" {
		t.Errorf("got %v", r)
	}
	b.want(40029, b.api(call, nil))
	b.ctl("PUT", "/_sim/config", m{"logins_per_minute": 1})
	session(login()["code"], app.Secret)
	b.want(45011, session(login()["code"], app.Secret))
}

func TestListing(t *testing.T) {
	b := newBench(t, Options{})
	r := b.ctl("GET", "/_sim/", nil)
	if len(r["platform"].([]any)) != len(endpointList()) || len(r["control"].([]any)) < 40 {
		t.Errorf("listing %v", r)
	}
	var names []string
	for _, e := range endpointList() {
		names = append(names, e.api)
	}
	if len(routeTable()) != len(names) {
		t.Errorf("an endpoint is listed twice: %v", names)
	}
}

func TestBulkAtARate(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	b.way("s", "ann")
	started := time.Now()
	r := b.ctl("POST", "/_sim/act/scan/bulk", m{"states": []string{"s"}, "n": 20, "rate": 100})
	if d := time.Since(started); len(r["external_userids"].([]any)) != 20 || d < 180*time.Millisecond {
		t.Errorf("%d in %v", len(r["external_userids"].([]any)), d)
	}
	b.ctl("POST", "/_sim/act/scan/bulk", m{"states": []string{"s"}, "n": 1000, "rate": 1, "async": true})
	if err := b.sim.Close(); err != nil { // ends it early
		t.Error(err)
	}
}

func TestSeveralCorps(t *testing.T) {
	b := newBench(t, Options{})
	other := b.ctl("POST", "/_sim/corps", m{"name": "分公司", "company": m{"staff": 2, "customers": 5}})
	id := other["id"].(string)
	if id != "wwsim0000000000002" {
		t.Errorf("id %s", id)
	}
	tok := b.raw("GET", tokenPath+id+"&corpsecret="+dig(other, "apps", 0, "secret").(string), nil)["access_token"].(string)
	users := b.want(0, b.as(tok, "externalcontact/get_follow_user_list", nil))["follow_user"].([]any)
	if len(users) != 2 {
		t.Errorf("users %v", users)
	}
	b.want(60111, b.api("user/get?userid=staff0001", nil)) // nobody of that name here
	mini := b.ctl("POST", "/_sim/miniapps", m{"corp": id, "unbound": true})
	if mini["appid"] != "wxsim0000000000002" {
		t.Errorf("mini-program %v", mini)
	}
}
