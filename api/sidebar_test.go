package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zhiyin/api/sidebar"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/wecom"
)

// sidebarPage is where people come back to.
const sidebarPage = "https://scrm.example.com/sidebar/"

const sidebarPrefix = "/api/sidebar"

// desk stands for WeCom as the sidebar sees it: a code is a member of whatever corp is asked, once; guests are none.
type desk struct {
	mu      sync.Mutex
	used    []string
	tickets error // why none are lent
}

func (d *desk) UserFromCode(_ context.Context, code string) (*wecom.User, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.Contains(d.used, code) {
		return nil, wecom.ErrLoginCode
	}
	d.used = append(d.used, code)
	userID, _, _ := strings.Cut(code, "-")
	if userID == "guest" {
		return &wecom.User{OpenID: "o1", ExternalUserID: "wm王小明"}, nil
	}
	return &wecom.User{UserID: userID}, nil
}

func (d *desk) JSTicket(context.Context) (*wecom.Ticket, error) {
	return &wecom.Ticket{Value: "TicketCanary-config"}, d.tickets
}

func (d *desk) AgentTicket(context.Context) (*wecom.Ticket, error) {
	return &wecom.Ticket{Value: "TicketCanary-agent"}, d.tickets
}

// browser is a page in WeCom, with its cookies.
type browser struct {
	*company
	cookies map[string]string
}

func (c *company) browser() *browser { return &browser{c, map[string]string{}} }

func (b *browser) call(method, path string, body any) *httptest.ResponseRecorder {
	b.t.Helper()
	var cookies []string
	for _, name := range slices.Sorted(maps.Keys(b.cookies)) {
		cookies = append(cookies, name+"="+b.cookies[name])
	}
	q := request{method: method, path: sidebarPrefix + path, body: body, header: http.Header{"Sec-Fetch-Site": {"same-origin"}}}
	if len(cookies) > 0 {
		q.header.Set("Cookie", strings.Join(cookies, "; "))
	}
	rec := b.do(q)
	for _, k := range rec.Result().Cookies() {
		if b.cookies[k.Name] = k.Value; k.MaxAge < 0 {
			delete(b.cookies, k.Name)
		}
	}
	return rec
}

// begin begins to sign in and gives the state that travels by way of WeCom.
func (b *browser) begin(page string) string {
	b.t.Helper()
	rec := b.call("POST", "/sign-in/begin", map[string]any{"account": "acme", "page": page})
	if rec.Code != 200 {
		b.t.Fatalf("begin: %d %s", rec.Code, rec.Body)
	}
	u := must(url.Parse(decode[struct{ URL string }](b.t, rec.Body.Bytes()).URL))(b.t)
	return u.Query().Get("state")
}

func (b *browser) back(state, code string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.call("POST", "/sign-in", map[string]any{"state": state, "code": code})
}

func (b *browser) enter(code string) *browser {
	b.t.Helper()
	if rec := b.back(b.begin("home"), code); rec.Code != 200 {
		b.t.Fatalf("sign in: %d %s", rec.Code, rec.Body)
	}
	return b
}

func TestS33_S34_S35_SidebarSignIn(t *testing.T) {
	for _, secure := range []bool{false, true} {
		c := newCompanyWith(t, options{secure: secure})
		b := c.browser()
		rec := b.call("POST", "/sign-in/begin", map[string]any{"account": "acme", "page": "customer"})
		address := decode[struct{ URL string }](t, rec.Body.Bytes()).URL
		u := must(url.Parse(address))(t)
		q := u.Query()
		if !strings.HasPrefix(address, "https://open.weixin.qq.com/connect/oauth2/authorize?") || u.Fragment != "wechat_redirect" || q.Get("appid") != "ww0000000000000001" ||
			q.Get("redirect_uri") != sidebarPage || q.Get("scope") != "snsapi_base" || q.Get("agentid") != "1000002" || q.Get("response_type") != "code" || len(q.Get("state")) < 32 {
			t.Errorf("the way to sign in: %s", address)
		}
		out := b.back(q.Get("state"), "sales-1")
		reply := decode[struct {
			Token, Page, Name string
			Roles             []string
		}](t, out.Body.Bytes())
		if out.Code != 200 || reply.Page != "customer" || reply.Name != "成员sales" || fmt.Sprint(reply.Roles) != "[sales]" {
			t.Fatalf("sign in: %d %s", out.Code, out.Body)
		}
		for _, k := range append(rec.Result().Cookies(), out.Result().Cookies()...) {
			if !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" || k.Domain != "" || k.Secure != secure || strings.HasPrefix(k.Name, "__Host-") != secure {
				t.Errorf("S-41 secure %v: cookie %+v", secure, k)
			}
		}
		if got := b.call("GET", "/me", nil); got.Code != 200 {
			t.Errorf("signed in: %d", got.Code)
		}
		problemOf(t, "S-33 once more", b.back(q.Get("state"), "sales-2"), 403, "auth.state")
		if got := b.call("POST", "/sign-out", nil); got.Code != 204 || b.cookies[sidebar.Cookie(secure)] != "" {
			t.Errorf("sign out: %d %v", got.Code, b.cookies)
		}
		problemOf(t, "signed out", b.call("GET", "/me", nil), 401, "auth.sign_in_first")
	}
	c := newCompany(t)
	mine, other := c.browser(), c.browser()
	state := mine.begin("home")
	other.begin("home")
	problemOf(t, "S-33 in another browser", other.back(state, "sales-1"), 403, "auth.state")
	problemOf(t, "S-33 an invented state", mine.back("abcdef", "sales-1"), 403, "auth.state")
	if rec := mine.back(state, "sales-1"); rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	before := mine.cookies[sidebar.Cookie(false)]
	if mine.enter("sales-3"); mine.cookies[sidebar.Cookie(false)] == before {
		t.Error("S-33: the session id is not renewed")
	}
	late := mine.begin("home")
	c.clock.Advance(5 * time.Minute)
	problemOf(t, "S-33 five minutes later", mine.back(late, "sales-4"), 403, "auth.state")
	problemOf(t, "S-34 a used code", mine.back(mine.begin("home"), "sales-1"), 401, "auth.code")
	problemOf(t, "S-34 somebody else", mine.back(mine.begin("home"), "guest"), 403, "auth.not_member")
	problemOf(t, "S-34 a member of the other corp", mine.back(mine.begin("home"), "rival-1"), 403, "auth.not_synced")
	for _, page := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "javascript:alert(1)", "customer/../../x", "Customer", "", "zzz"} {
		rec := mine.back(mine.begin(page), "sales-"+page+"x")
		if got := decode[struct{ Page string }](t, rec.Body.Bytes()).Page; rec.Code != 200 || got != "home" {
			t.Errorf("S-35 %q leads to %q: %d", page, got, rec.Code)
		}
	}
	for _, name := range []string{"nobody", "shop"} {
		problemOf(t, "no corp", mine.call("POST", "/sign-in/begin", map[string]any{"account": name}), 404, "sidebar.unknown_corp")
	}
}

// TestASessionIsGoodWhereItSignedIn: neither face takes the other's.
func TestASessionIsGoodWhereItSignedIn(t *testing.T) {
	c := newCompany(t)
	problemOf(t, "the sidebar's in the console", c.do(request{method: "GET", path: "/api/console/me", token: c.beside["sales"]}), 401, "auth.session_ended")
	problemOf(t, "the console's in the sidebar", c.do(request{method: "GET", path: "/api/sidebar/me", token: c.tokens["sales"]}), 401, "auth.session_ended")
}

func TestS36_PagesAreSigned(t *testing.T) {
	c := newCompany(t)
	b := c.browser().enter("sales-1")
	rec := b.call("POST", "/signatures", map[string]any{"url": sidebarPage + "?code=a&state=b"})
	got := decode[sidebar.Signatures](t, rec.Body.Bytes())
	if rec.Code != 200 || got.CorpID != "ww0000000000000001" || got.AgentID != 1000002 || len(got.Config.Signature) != 40 || got.Config.Timestamp != noon.Unix() ||
		got.Config.Signature == got.Agent.Signature || got.Config.Nonce == "" || got.Config.Nonce == got.Agent.Nonce {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	for _, address := range []string{
		"https://evil.example/sidebar/", "http://scrm.example.com/sidebar/", "https://scrm.example.com:8443/sidebar/", "https://scrm.example.com.evil.example/", sidebarPage + "#/customer",
		sidebarPage + "#", "https://user@scrm.example.com/", "//scrm.example.com/sidebar/", "https:scrm.example.com", `https://scrm.example.com\@evil.example/`, "javascript:alert(1)",
	} {
		problemOf(t, address, b.call("POST", "/signatures", map[string]any{"url": address}), 403, "sidebar.foreign_page")
	}
	problemOf(t, "nobody signed in", c.browser().call("POST", "/signatures", map[string]any{"url": sidebarPage}), 401, "auth.sign_in_first")
	if strings.Contains(rec.Body.String()+fmt.Sprint(rec.Header())+c.logs.String(), "TicketCanary") {
		t.Error("a ticket is returned or logged")
	}
	c.desk.tickets = &wecom.Error{API: "ticket/get", Class: wecom.ClassRate, RetryAfter: time.Minute}
	held := b.call("POST", "/signatures", map[string]any{"url": sidebarPage})
	problemOf(t, "no ticket", held, 503, "sidebar.no_ticket")
	if held.Header().Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", held.Header().Get("Retry-After"))
	}
}

func TestS37_TheCardIsForWhoMaySeeTheCustomer(t *testing.T) {
	c := newCompany(t)
	// The company's own fixtures scope external ids by another word than the corp's id.
	for i, id := range []int64{ownCustomer, careCustomer, rivalCustomer} {
		corp := "ww0000000000000001"
		if id == rivalCustomer {
			corp = "ww0000000000000002"
		}
		modeltest.Create(t, c.db, &model.Identity{CustomerID: id, Kind: "external_userid", Scope: corp, Value: fmt.Sprintf("wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%d", i), Source: "wecom", CreatedAt: noon})
	}
	card := func(code, id string) *httptest.ResponseRecorder {
		return c.browser().enter(code).call("GET", "/customers/"+id, nil)
	}
	byID, byExternal := card("sales-1", c.ids.Of(model.KindCustomer, ownCustomer)), card("sales-2", "wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0")
	if byID.Code != 200 || byID.Body.String() != byExternal.Body.String() {
		t.Fatalf("%d %s; %d %s", byID.Code, byID.Body, byExternal.Code, byExternal.Body)
	}
	for name, rec := range map[string]*httptest.ResponseRecorder{
		"of service": card("sales-3", "wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1"), "of the other corp": card("sales-4", "wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2"),
		"of service, by id": card("sales-5", c.ids.Of(model.KindCustomer, careCustomer)), "of nobody": card("sales-6", "wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAA9"),
		"not one": card("sales-7", "wm%27%20or%201=1--"), "too long": card("sales-8", strings.Repeat("w", 65)),
		"of sales, to service": card("service-1", "wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0"),
	} {
		problemOf(t, name, rec, 404, "customer.not_found")
	}
	if rec := card("manager-1", "wmAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0"); rec.Code != 200 {
		t.Errorf("the manager of sales: %d %s", rec.Code, rec.Body)
	}
}

func TestTheCardTellsWhatOneNeeds(t *testing.T) {
	c := newCompany(t)
	b := c.browser().enter("sales-1")
	path := "/customers/" + c.ids.Of(model.KindCustomer, ownCustomer)
	rec := b.call("GET", path, nil)
	got := decode[struct {
		ID       string
		Sections struct {
			Who struct {
				Name       string
				MyRelation string `json:"my_relation_id"`
				Relations  []struct{ ID string }
				Identities []struct{ Kind, Value string }
			}
			Tags    []struct{ Name, Group, Source string }
			Profile struct {
				HasPhone bool `json:"has_phone"`
				Fields   []struct{ Name string }
			}
			Standing struct {
				Stage, Title string
				ValueGrade   string `json:"value_grade"`
			}
			Trade struct {
				LastOrders []struct{ Number string } `json:"last_orders"`
			}
			Club struct {
				Points, Frozen, Level int64
				Coupons               int64 `json:"coupons"`
			}
			Events []struct{ Kind string }
			Tasks  []struct{ ID, Title string }
			Notes  []struct{ Body string }
		}
	}](t, rec.Body.Bytes())
	s := got.Sections
	if rec.Code != 200 || s.Who.Name != "王小明" || s.Who.MyRelation != c.ids.Of(model.KindRelation, ownRelation) || len(s.Who.Relations) != 1 || len(s.Who.Identities) != 2 ||
		len(s.Tags) != 1 || s.Tags[0].Name != "露营" || s.Tags[0].Group != "兴趣" || !s.Profile.HasPhone || len(s.Profile.Fields) != 2 || s.Standing.Stage != "active" || s.Standing.Title != "活跃" ||
		s.Standing.ValueGrade != "potential" || len(s.Trade.LastOrders) != 1 || s.Trade.LastOrders[0].Number != "N1" || s.Club.Points != 70 || s.Club.Coupons != 2 || len(s.Events) != 10 || len(s.Tasks) != 1 || len(s.Notes) != 2 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if strings.Contains(rec.Body.String(), "13800138000") || !strings.Contains(rec.Body.String(), "138****8000") {
		t.Error("the phone number is not masked")
	}
	some := decode[struct{ Sections map[string]any }](t, b.call("GET", path+"?section=tags,notes", nil).Body.Bytes())
	if len(some.Sections) != 2 || some.Sections["tags"] == nil || some.Sections["notes"] == nil {
		t.Errorf("asked for two: %v", some.Sections)
	}
}

// TestWhatIsDoneInTheSidebarSaysSo: a change tells where it was made.
func TestWhatIsDoneInTheSidebarSaysSo(t *testing.T) {
	c := newCompany(t)
	b := c.browser().enter("sales-1")
	path := "/customers/" + c.ids.Of(model.KindCustomer, ownCustomer)
	problemOf(t, "a section that there is not", b.call("GET", path+"?section=secrets", nil), 422, "invalid")
	for _, rec := range []*httptest.ResponseRecorder{
		b.call("PUT", path+"/profile", map[string]any{"city": "杭州"}), b.call("POST", path+"/notes", map[string]any{"body": "喜欢茶"}),
		b.call("POST", "/customers/tags", map[string]any{"customer_ids": []string{c.ids.Of(model.KindCustomer, ownCustomer)}, "add": []string{c.ids.Of(model.KindTag, tagA)}}),
	} {
		if rec.Code >= 300 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	}
	for _, kind := range []string{event.KindProfileChanged, event.KindNoted} {
		if n := modeltest.Count[model.Event](t, c.db, "kind = ? AND source = 'sidebar' AND staff_id = ?", kind, salesID); n != 1 {
			t.Errorf("%s: %d facts say so", kind, n)
		}
	}
	if n := modeltest.Count[model.TagGrant](t, c.db, "customer_id = ? AND tag_id = ? AND source = 'sidebar' AND source_id = ?", ownCustomer, tagA, salesID); n != 1 {
		t.Errorf("%d grants of the tag say so", n)
	}
	if n := modeltest.Count[model.Event](t, c.db, "kind = ? AND source = 'sidebar'", event.KindTagChanged); n == 0 {
		t.Error("no fact about the tag says so")
	}
	got := decode[struct {
		Items []struct{ City string }
	}](t, c.do(request{method: "GET", path: "/api/console/customers", token: c.tokens["sales"]}).Body.Bytes())
	if len(got.Items) != 1 || got.Items[0].City != "杭州" {
		t.Errorf("the list of customers: %+v", got)
	}
}

// TestS38_S39_WhoIsOutIsOutAtOnce: on every replica, with the next request.
func TestS38_S39_WhoIsOutIsOutAtOnce(t *testing.T) {
	gone := noon
	for name, tt := range map[string]struct {
		change func(c *company) error
		status int
	}{
		"deleted at the platform": {func(c *company) error {
			return c.db.Model(&model.Staff{}).Where("id = ?", salesID).Update("gone_at", &gone).Error
		}, 401},
		"disabled at the platform": {func(c *company) error {
			return c.db.Model(&model.Staff{}).Where("id = ?", salesID).Update("platform_status", 2).Error
		}, 401},
		"disabled here": {func(c *company) error { return c.staff.Disable(context.Background(), salesID) }, 401},
		"given other roles": {func(c *company) error {
			return c.staff.SetRoles(context.Background(), salesID, []string{staff.RoleService})
		}, 401},
		"without a role": {func(c *company) error { return c.db.Delete(&model.StaffRole{}, "staff_id = ?", salesID).Error }, 403},
		"no longer following": {func(c *company) error {
			return c.db.Model(&model.Relation{}).Where("id = ?", ownRelation).Update("status", "removed").Error
		}, 404},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t)
			other := newReplica(t, c.dsn, options{})
			ask := request{method: "GET", path: "/api/sidebar/customers/" + c.ids.Of(model.KindCustomer, ownCustomer), token: c.beside["sales"]}
			if a, b := c.do(ask).Code, other.do(ask).Code; a != 200 || b != 200 {
				t.Fatalf("before: %d, %d", a, b)
			}
			if err := tt.change(c); err != nil {
				t.Fatal(err)
			}
			if a, b := c.do(ask).Code, other.do(ask).Code; a != tt.status || b != tt.status {
				t.Errorf("afterwards: %d, %d, want %d", a, b, tt.status)
			}
		})
	}
}

func TestS40_RevealsAreCounted(t *testing.T) {
	c := newCompany(t)
	b := c.browser().enter("sales-1")
	path := "/customers/" + c.ids.Of(model.KindCustomer, ownCustomer) + "/reveal"
	rec := b.call("POST", path, map[string]any{"what": "phone", "purpose": "预约回访"})
	got := decode[struct {
		Values []string
		Left   int
	}](t, rec.Body.Bytes())
	if rec.Code != 200 || fmt.Sprint(got.Values) != "[13800138000]" || got.Left != 49 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	problemOf(t, "without a purpose", b.call("POST", path, map[string]any{"what": "phone", "purpose": ""}), 422, "")
	problemOf(t, "of others", b.call("POST", "/customers/"+c.ids.Of(model.KindCustomer, careCustomer)+"/reveal", map[string]any{"what": "phone", "purpose": "预约回访"}), 404, "customer.not_found")
	problemOf(t, "nothing there", b.call("POST", path, map[string]any{"what": "birthday", "purpose": "预约回访"}), 404, "profile.nothing_to_reveal")
	for range 49 {
		if rec := b.call("POST", path, map[string]any{"what": "phone", "purpose": "预约回访"}); rec.Code != 200 {
			t.Fatalf("within the quota: %d %s", rec.Code, rec.Body)
		}
	}
	over := b.call("POST", path, map[string]any{"what": "phone", "purpose": "预约回访"})
	problemOf(t, "over the quota", over, 429, "profile.reveal_quota")
	if over.Header().Get("Retry-After") == "" {
		t.Error("no word on when to try again")
	}
	if n := modeltest.Count[model.Reveal](t, c.db, "staff_id = ? AND customer_id = ?", salesID, ownCustomer); n != 50 {
		t.Errorf("%d reveals are kept", n)
	}
	if strings.Contains(c.logs.String(), "13800138000") {
		t.Error("the log holds the number")
	}
}

func TestRemindersThroughTheSidebar(t *testing.T) {
	c := newCompany(t)
	b := c.browser().enter("sales-1")
	body := map[string]any{"customer_id": c.ids.Of(model.KindCustomer, ownCustomer), "title": "回电", "due_at": noon.Add(time.Hour), "request_id": "request-1"}
	first, again := b.call("POST", "/reminders", body), b.call("POST", "/reminders", body)
	if first.Code != 200 || first.Body.String() != again.Body.String() {
		t.Fatalf("%d %s; %s", first.Code, first.Body, again.Body)
	}
	id := decode[struct{ ID string }](t, first.Body.Bytes()).ID
	list := func(query string) (titles []string) {
		for _, i := range decode[struct{ Items []struct{ Title string } }](t, b.call("GET", "/tasks"+query, nil).Body.Bytes()).Items {
			titles = append(titles, i.Title)
		}
		return titles
	}
	if got := fmt.Sprint(list("")); got != "[打个招呼 回电]" {
		t.Errorf("tasks: %s", got)
	}
	if rec := b.call("PUT", "/tasks/"+id+"/due", map[string]any{"due_at": noon.Add(48 * time.Hour)}); rec.Code != 204 {
		t.Fatalf("postpone: %d %s", rec.Code, rec.Body)
	}
	if got := fmt.Sprint(list("?today=true")); got != "[打个招呼]" {
		t.Errorf("today: %s", got)
	}
	problemOf(t, "into the past", b.call("PUT", "/tasks/"+id+"/due", map[string]any{"due_at": noon}), 422, "staff.invalid")
	problemOf(t, "of others", b.call("PUT", "/tasks/"+c.ids.Of(model.KindTask, careTask)+"/due", map[string]any{"due_at": noon.Add(time.Hour)}), 404, "staff.task_not_found")
	if rec := b.call("PUT", "/tasks/"+id+"/status", map[string]any{"status": "done"}); rec.Code != 204 {
		t.Fatalf("finish: %d %s", rec.Code, rec.Body)
	}
	if got := fmt.Sprint(list("?status=done")); got != "[回电]" {
		t.Errorf("done: %s", got)
	}
	body["customer_id"], body["request_id"] = c.ids.Of(model.KindCustomer, careCustomer), "request-2"
	problemOf(t, "about another's customer", b.call("POST", "/reminders", body), 404, "customer.not_found")
}

func TestTheDoctorNamesTheFailingStep(t *testing.T) {
	c := newCompany(t)
	signed := c.browser().enter("sales-1")
	roleless := c.browser().enter("manager-1")
	if err := c.db.Delete(&model.StaffRole{}, "staff_id = ?", managerID).Error; err != nil {
		t.Fatal(err)
	}
	full := func(more map[string]string) string {
		q := url.Values{"account": {"acme"}, "url": {sidebarPage}, "customer": {c.ids.Of(model.KindCustomer, ownCustomer)}}
		for k, v := range more {
			q.Set(k, v)
		}
		return "/doctor?" + q.Encode()
	}
	for _, tt := range []struct {
		failing string
		who     *browser
		query   map[string]string
		tickets error
		detail  string
	}{
		{"", signed, nil, nil, ""},
		{"account", signed, map[string]string{"account": "nobody"}, nil, ""},
		{"page", signed, map[string]string{"url": "https://other.example/x?y"}, nil, "https://other.example"},
		{"session", c.browser(), nil, nil, ""},
		{"session", signed, map[string]string{"account": "rival"}, nil, ""},
		{"role", roleless, nil, nil, ""},
		{"config_ticket", signed, nil, &wecom.Error{Class: wecom.ClassPermission, Code: 60020}, "60020"},
		{"customer", signed, map[string]string{"customer": c.ids.Of(model.KindCustomer, careCustomer)}, nil, ""},
		{"customer", signed, map[string]string{"customer": "wmnobody"}, nil, ""},
	} {
		c.desk.tickets = tt.tickets
		rec := tt.who.call("GET", full(tt.query), nil)
		got := decode[sidebar.Diagnosis](t, rec.Body.Bytes())
		if rec.Code != 200 || got.Failing != tt.failing || len(got.Steps) != 7 {
			t.Errorf("want %q: %d %s", tt.failing, rec.Code, rec.Body)
			continue
		}
		after := false
		for _, s := range got.Steps {
			want := "ok"
			switch {
			case after:
				want = "skipped"
			case s.Name == tt.failing:
				want, after = "failed", true
				if s.Zh == "" || s.En == "" || s.Detail != tt.detail {
					t.Errorf("%s: says %+v", tt.failing, s)
				}
			}
			if s.State != want {
				t.Errorf("%q: %s is %s, want %s", tt.failing, s.Name, s.State, want)
			}
		}
	}
}

func TestSidebarRatesAreHeld(t *testing.T) {
	c := newCompany(t)
	known := map[string]bool{"": true}
	for _, r := range c.server.Routes() {
		known[r.Method+" "+r.Path] = true
	}
	for name := range sidebar.Rates {
		if !known[name] {
			t.Errorf("%q is no route", name)
		}
	}
	b := c.browser().enter("sales-1")
	most := sidebar.Rates["POST /api/sidebar/signatures"].Caller
	for range most {
		if rec := b.call("POST", "/signatures", map[string]any{"url": sidebarPage}); rec.Code != 200 {
			t.Fatalf("within the rate: %d", rec.Code)
		}
	}
	problemOf(t, "over the rate", b.call("POST", "/signatures", map[string]any{"url": sidebarPage}), 429, "sidebar.too_often")
	c.clock.Advance(time.Minute)
	if rec := b.call("POST", "/signatures", map[string]any{"url": sidebarPage}); rec.Code != 200 {
		t.Errorf("a minute later: %d", rec.Code)
	}
}
