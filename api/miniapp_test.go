package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zhiyin/api/miniapp"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/account"
	"zhiyin/service/privacy"
	"zhiyin/wecom"
)

// miniPlatform stands for the mini-program platform: a code names an openid, and of the phone button a
// number, behind whatever makes it another code.
type miniPlatform struct {
	mu     sync.Mutex
	phones int // how often a number was asked for
}

func (p *miniPlatform) CodeToSession(_ context.Context, code string) (*wecom.Session, error) {
	return &wecom.Session{OpenID: "o" + code, UnionID: "UnionCanary" + code, SessionKey: "SessionKeyCanary"}, nil
}

// CheckText finds what a text says of itself.
func (p *miniPlatform) CheckText(_ context.Context, _ string, _ wecom.ContentScene, text string) (*wecom.ContentVerdict, error) {
	switch {
	case strings.Contains(text, "违规"):
		return &wecom.ContentVerdict{Suggest: wecom.SuggestRisky, Label: 20006}, nil
	case strings.Contains(text, "待审"):
		return &wecom.ContentVerdict{Suggest: wecom.SuggestReview, Label: 10001}, nil
	}
	return &wecom.ContentVerdict{Suggest: wecom.SuggestPass, Label: 100}, nil
}

func (p *miniPlatform) CheckPicture(context.Context, string, wecom.ContentScene, string) (string, error) {
	return "trace", nil
}

func (p *miniPlatform) PhoneNumber(_ context.Context, code string) (*wecom.Phone, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phones++
	number := code[strings.Index(code, "-")+1:]
	return &wecom.Phone{Number: number, Pure: number, CountryCode: "86"}, nil
}

// miniCorp stands for WeCom: a code is a staff member of acme.
type miniCorp struct{}

func (miniCorp) CodeToSession(_ context.Context, code string) (*wecom.StaffSession, error) {
	userid, _, _ := strings.Cut(code, "-")
	return &wecom.StaffSession{CorpID: "ww0000000000000001", UserID: userid, SessionKey: "SessionKeyCanary"}, nil
}

const miniPrefix = "/api/miniapp"

// miniID is the account of the mini-program that newMini adds.
const miniID = base + 900

// mini is a company with a mini-program.
type mini struct{ *company }

func newMini(t testing.TB) mini { return newMiniWith(t, options{}) }

func newMiniWith(t testing.TB, o options) mini {
	t.Helper()
	c := newCompanyWith(t, o)
	modeltest.Create(t, c.db, &model.Account{ID: miniID, Kind: account.KindMiniApp, Name: "shop", Title: "小程序", PlatformID: "wx1", Enabled: true, CreatedAt: noon, UpdatedAt: noon})
	return mini{c}
}

// patient is call a minute later, so that no rate is met.
func (m mini) patient(method, path, token string, body any) *httptest.ResponseRecorder {
	m.t.Helper()
	m.clock.Advance(time.Minute)
	return m.call(method, path, token, body)
}

func (m mini) call(method, path, token string, body any) *httptest.ResponseRecorder {
	m.t.Helper()
	return m.do(request{method: method, path: miniPrefix + path, token: token, body: body})
}

// customer signs in somebody and gives their token.
func (m mini) customer(code string) string {
	m.t.Helper()
	rec := m.call("POST", "/sign-in", "", map[string]any{"account": "shop", "code": code})
	if rec.Code != 200 {
		m.t.Fatalf("sign in: %d %s", rec.Code, rec.Body)
	}
	return decode[struct{ Token string }](m.t, rec.Body.Bytes()).Token
}

// agree publishes a notice about a purpose and has the customer agree to it.
func (m mini) agree(token string, purposes ...string) {
	m.t.Helper()
	for _, p := range purposes {
		_, err := m.privacy.Publish(context.Background(), privacy.NoticeInput{Purpose: p, Version: 1, Title: "告知", Body: "正文"})
		if err != nil && !errors.Is(err, privacy.ErrNoticeTaken) {
			m.t.Fatal(err)
		}
		if rec := m.call("PUT", "/consents/"+p, token, map[string]any{"given": true, "version": 1}); rec.Code != 204 {
			m.t.Fatalf("agree to %s: %d %s", p, rec.Code, rec.Body)
		}
	}
}

// miniCalls has a valid use of every route of the mini-program's face, by a customer who has agreed to all.
var miniCalls = map[string]struct {
	body map[string]any
	want int
}{
	"POST /sign-in":                       {map[string]any{"account": "shop", "code": "fresh"}, 200},
	"POST /wecom/sign-in":                 {map[string]any{"account": "acme", "code": "sales-2"}, 200},
	"POST /sign-out":                      {nil, 204},
	"GET /me":                             {nil, 200},
	"POST /me/phone":                      {map[string]any{"code": "13800138000"}, 200},
	"GET /me/profile":                     {nil, 200},
	"PUT /me/profile":                     {map[string]any{"nickname": "小明", "preferences": map[string]any{"hobby": []string{"茶"}}}, 200},
	"GET /consents":                       {nil, 200},
	"PUT /consents/{purpose}":             {map[string]any{"given": false}, 204},
	"GET /me/data":                        {nil, 200},
	"GET /me/messages":                    {nil, 200},
	"PUT /me/messages":                    {map[string]any{"messages": "fewer"}, 204},
	"POST /me/requests":                   {map[string]any{"kind": "export"}, 200},
	"DELETE /me/requests/{id}":            {nil, 404},
	"GET /draws":                          {nil, 200},
	"GET /draws/{id}":                     {nil, 404},
	"GET /draws/{id}/tries":               {nil, 404},
	"POST /draws/{id}/tries":              {map[string]any{"request_id": "request-1"}, 404},
	"GET /draws/{id}/proof":               {nil, 404},
	"GET /referrals":                      {nil, 200},
	"GET /referrals/{id}":                 {nil, 404},
	"POST /referrals/{id}/code":           {map[string]any{}, 404},
	"GET /referrals/{id}/friends":         {nil, 404},
	"GET /referrals/{id}/poster":          {nil, 404},
	"POST /referral-touches":              {map[string]any{"code": "0123456789abcdeg"}, 404},
	"GET /club":                           {nil, 200},
	"GET /club/tiers":                     {nil, 200},
	"GET /club/points":                    {nil, 200},
	"GET /club/check-ins":                 {nil, 200},
	"POST /club/check-ins":                {nil, 200},
	"GET /club/rewards":                   {nil, 200},
	"GET /club/redemptions":               {nil, 200},
	"POST /club/rewards/{id}/redemptions": {map[string]any{"request_id": "request-1"}, 404},
	"GET /coupon-offers":                  {nil, 200},
	"POST /coupon-offers/{id}/claim":      {map[string]any{"device": "d"}, 404},
	"POST /coupon-codes":                  {map[string]any{"code": "ABCD-EFGH"}, 404},
	"GET /coupons":                        {nil, 200},
	"GET /coupons/{id}":                   {nil, 404},
	"GET /coupons/{id}/pass":              {nil, 404},
	"POST /coupons/{id}/gifts":            {map[string]any{"minutes": 60}, 404},
	"GET /coupon-gifts":                   {nil, 200},
	"POST /coupon-gifts/{id}/withdraw":    {nil, 404},
	"POST /coupon-gifts/look":             {map[string]any{"code": "ABCD-EFGH"}, 404},
	"POST /coupon-gifts/take":             {map[string]any{"code": "ABCD-EFGH"}, 404},
	"POST /coupons/qualify":               {map[string]any{"lines": []any{map[string]any{"product": "A", "quantity": 1}}}, 200},
	"GET /messages":                       {nil, 200},
	"GET /messages/unread":                {nil, 200},
	"POST /messages/{id}/read":            {nil, 404},
	"POST /messages/{id}/follow":          {nil, 404},
	"DELETE /messages/{id}":               {nil, 404},
	"GET /subscribe-templates":            {nil, 200},
	"POST /subscriptions":                 {map[string]any{"request_id": "request-1", "answers": []any{map[string]any{"template_id": "template-1", "accepted": true}}}, 204},
	"POST /events":                        {map[string]any{"events": []any{map[string]any{"id": "1", "name": "page.viewed", "properties": map[string]any{"page": "home"}}}}, 200},
}

// eachMini runs f for every route of the face.
func (m mini) eachMini(f func(r Route, name, path string, body map[string]any, want int)) {
	m.t.Helper()
	tried := 0
	for _, r := range m.server.Routes() {
		short, ok := strings.CutPrefix(r.Path, miniPrefix)
		if !ok {
			continue
		}
		name := r.Method + " " + short
		k, known := miniCalls[name]
		if !known {
			m.t.Errorf("%s has no line in the table of calls", name)
			continue
		}
		tried++
		path := strings.NewReplacer("{purpose}", "marketing", "{id}", m.ids.Of(model.KindPrivacyRequest, wishID)).Replace(short)
		f(r, name, path, k.body, k.want)
	}
	if tried != len(miniCalls) {
		m.t.Errorf("%d of %d routes", tried, len(miniCalls))
	}
}

func TestS16_S28_S30_S32_MiniAppRoutesByWhoCalls(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	m.agree(token, privacy.Profile, privacy.Phone, privacy.Behaviour)
	stranger := m.customer("c2") // has agreed to nothing
	rec := m.call("POST", "/wecom/sign-in", "", map[string]any{"account": "acme", "code": "sales"})
	staffToken := decode[struct{ Token, Kind string }](t, rec.Body.Bytes())
	if staffToken.Kind != "staff" {
		t.Fatalf("staff: %d %s", rec.Code, rec.Body)
	}
	var ends []func()
	m.eachMini(func(r Route, name, path string, body map[string]any, want int) {
		send := func(token string) *httptest.ResponseRecorder {
			if body == nil {
				return m.call(r.Method, path, token, nil)
			}
			return m.call(r.Method, path, token, body)
		}
		if !r.Anyone {
			problemOf(t, name+" without a token", send(""), 401, "visit.sign_in_first")
			problemOf(t, name+" with an invented token", send("notatoken"), 401, "visit.ended")
			problemOf(t, name+" with a console session", send(m.tokens["admin"]), 401, "visit.ended")
			if r.Permission != "" {
				problemOf(t, name+" of a staff member", send(staffToken.Token), 403, "visit.customers_only")
			}
			if strings.HasPrefix(r.Permission, "consent:") {
				problemOf(t, "S-30 "+name+" without consent", send(stranger), 403, "privacy.consent_required")
			}
		}
		last := func() {
			rec := send(token)
			if rec.Code != want {
				t.Errorf("%s: got %d %s, want %d", name, rec.Code, head(rec.Body.String()), want)
			}
			for _, canary := range []string{"SessionKeyCanary", "UnionCanary", "oc1", "openid", "unionid", "13800138000", platformSecret} {
				if strings.Contains(rec.Body.String()+fmt.Sprint(rec.Header()), canary) {
					t.Errorf("%s: the answer holds %q: %s", name, canary, rec.Body)
				}
			}
			if found := rowIDsIn(rec.Body.String()); len(found) > 0 {
				t.Errorf("V-8 %s: the answer holds row ids %v", name, found)
			}
			if rec.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("S-32 %s may be cached", name)
			}
		}
		if name == "POST /sign-out" {
			ends = append(ends, last)
			return
		}
		last()
	})
	for _, end := range ends {
		end()
	}
	problemOf(t, "S-18 after signing out", m.call("GET", "/me", token, nil), 401, "visit.ended")
	if strings.Contains(m.logs.String(), "Canary") || strings.Contains(m.logs.String(), "13800138000") {
		t.Error("S-65: the log holds what is personal")
	}
}

func TestS17_IdentityFollowsFromTheTokenAlone(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	m.agree(token, privacy.Profile, privacy.Phone, privacy.Behaviour)
	m.eachMini(func(r Route, name, path string, body map[string]any, _ int) {
		for _, key := range []string{"openid", "customer_id", "phone", "unionid"} {
			problemOf(t, name+" with "+key+" in the query", m.patient(r.Method, path+"?"+key+"=1", token, body), 422, "")
			if body != nil {
				with := map[string]any{key: "1"}
				for k, v := range body {
					with[k] = v
				}
				problemOf(t, name+" with "+key+" in the body", m.patient(r.Method, path, token, with), 422, "")
			}
		}
		for _, header := range []string{"X-Openid", "X-WX-OPENID", "X-Customer-Id", "X-Phone"} {
			q := request{method: r.Method, path: miniPrefix + path, token: token, header: http.Header{http.CanonicalHeaderKey(header): {"1"}}}
			if body != nil {
				q.body = body
			}
			problemOf(t, name+" with "+header, m.do(q), 422, "visit.identity_not_taken")
		}
	})
	if m.platform.phones != 0 {
		t.Error("the platform was asked for a number")
	}
}

func TestV7_S20_S25_MiniAppRefusesUnknownFields(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	m.agree(token, privacy.Profile, privacy.Phone, privacy.Behaviour)
	m.eachMini(func(r Route, name, path string, body map[string]any, _ int) {
		if body == nil {
			return
		}
		for _, key := range []string{"corp_id", "owner", "role", "points", "price", "discount", "status", "id", "created_at", "minor", "encryptedData", "iv", "session_key", "__proto__"} {
			with := map[string]any{key: 1}
			for k, v := range body {
				with[k] = v
			}
			problemOf(t, name+" with "+key, m.patient(r.Method, path, token, with), 422, "invalid")
		}
	})
}

func TestS21_NobodyReachesAnothersThings(t *testing.T) {
	m := newMini(t)
	mine, other := m.customer("c1"), m.customer("c2")
	rec := m.call("POST", "/me/requests", mine, map[string]any{"kind": "erase"})
	id := decode[struct{ ID string }](t, rec.Body.Bytes()).ID
	for what, bad := range map[string]string{
		"another's": id, "a number": "1", "invented": strings.Repeat("a", 26), "of another kind": m.ids.Of(model.KindCustomer, ownCustomer), "none there": m.ids.Of(model.KindPrivacyRequest, 1<<41),
	} {
		problemOf(t, what, m.call("DELETE", "/me/requests/"+bad, other, nil), 404, "")
	}
	if rec := m.call("GET", "/me/data", other, nil); strings.Contains(rec.Body.String(), id) {
		t.Error("another's request is listed")
	}
	if rec := m.call("DELETE", "/me/requests/"+id, mine, nil); rec.Code != 204 {
		t.Errorf("one's own: %d %s", rec.Code, rec.Body)
	}
}

// TestS21_S63_OneCustomersCallsTouchNobodyElse makes every call there is as one customer: no answer holds
// anything of another one, and no row of another one changes.
func TestS21_S63_OneCustomersCallsTouchNobodyElse(t *testing.T) {
	m := newMini(t)
	mine, other := m.customer("c1"), m.customer("c2")
	for _, token := range []string{mine, other} {
		m.agree(token, privacy.Profile, privacy.Phone, privacy.Behaviour)
	}
	if rec := m.call("PUT", "/me/profile", other, map[string]any{"nickname": "OtherCanary", "city": "OtherCanary"}); rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	rec := m.call("POST", "/me/requests", other, map[string]any{"kind": "erase"})
	wish := decode[struct{ ID string }](t, rec.Body.Bytes()).ID
	var identity model.Identity
	if err := m.db.Take(&identity, "kind = 'openid' AND value = 'oc2'").Error; err != nil {
		t.Fatal(err)
	}
	before := m.rowsOf(identity.CustomerID)
	foreign := []string{"OtherCanary", wish, "王小明", "李小红", "赵小刚", m.ids.Of(model.KindCustomer, identity.CustomerID), m.ids.Of(model.KindCustomer, ownCustomer)}
	m.eachMini(func(r Route, name, path string, body map[string]any, _ int) {
		if name == "POST /sign-out" {
			return
		}
		var rec *httptest.ResponseRecorder
		if path = strings.Replace(path, m.ids.Of(model.KindPrivacyRequest, wishID), wish, 1); body == nil {
			rec = m.patient(r.Method, path, mine, nil)
		} else {
			rec = m.patient(r.Method, path, mine, body)
		}
		for _, f := range foreign {
			if strings.Contains(rec.Body.String(), f) {
				t.Errorf("%s holds %s: %s", name, f, head(rec.Body.String()))
			}
		}
	})
	if m.rowsOf(identity.CustomerID) != before {
		t.Error("rows of another customer have changed")
	}
}

// rowsOf is every row about a customer.
func (m mini) rowsOf(customerID int64) string {
	m.t.Helper()
	var all strings.Builder
	for _, row := range model.Rows() {
		column := "id"
		if _, isCustomer := row.(*model.Customer); !isCustomer {
			if _, about := reflect.TypeOf(row).Elem().FieldByName("CustomerID"); !about {
				continue
			}
			column = "customer_id"
		}
		rows := reflect.New(reflect.SliceOf(reflect.TypeOf(row)))
		if err := m.db.Where(column+" = ?", customerID).Order("1").Find(rows.Interface()).Error; err != nil {
			m.t.Fatal(err)
		}
		fmt.Fprintf(&all, "%T %s\n", row, jsonOf(rows.Interface()))
	}
	return all.String()
}

func TestS29_StrangersBodiesAreRefused(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	m.agree(token, privacy.Profile)
	put := func(body string, header http.Header) *httptest.ResponseRecorder {
		return m.do(request{method: "PUT", path: miniPrefix + "/me/profile", token: token, body: body, header: header})
	}
	for what, body := range map[string]string{
		"NUL": `{"nickname":"a\u0000b"}`, "an override": "{\"nickname\":\"a\u202eb\"}", "an escaped override": `{"nickname":"a\u202eb"}`, "an isolate": `{"city":"\u2066x"}`,
		"half a pair": `{"nickname":"\ud800"}`, "deep": `{"preferences":` + strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 21), "a control sign in a key": `{"preferences":{"a\u0007":[]}}`,
		"a number too large": `{"gender":1e99}`, "a text for a number": `{"gender":"1"}`, "too long": `{"nickname":"` + strings.Repeat("长", 33) + `"}`,
		"another spelling": `{"Nickname":"x"}`, "an impossible birthday": `{"birthday":"2025-02-30"}`, "somebody's address": `{"avatar":"https://evil.example/x.png"}`,
		"a question that is not asked": `{"preferences":{"id_card":["1"]}}`,
	} {
		problemOf(t, what, put(body, nil), 422, "")
	}
	problemOf(t, "no JSON", put("nickname=x", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}), 415, "wrong_type")
	problemOf(t, "half of it", put(`{"nickname":`, nil), 400, "malformed")
	// V-9: what is dangerous elsewhere is only text here.
	for _, text := range []string{`<script>alert(1)</script>`, `'; DROP TABLE customer --`, `{{constructor}}`} {
		rec := m.call("PUT", "/me/profile", token, map[string]any{"nickname": text})
		if got := decode[struct{ Nickname string }](t, rec.Body.Bytes()).Nickname; rec.Code != 200 || got != text || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
			t.Errorf("%q: %d %s", text, rec.Code, rec.Body)
		}
	}
	rec := m.call("PUT", "/me/profile", token, `{"nickname":"e\u0301"}`)
	if got := decode[struct{ Nickname string }](t, rec.Body.Bytes()).Nickname; got != "é" {
		t.Errorf("not composed: %q", got)
	}
}

func TestS27_RatesAreHeld(t *testing.T) {
	m := newMini(t)
	for name, r := range miniapp.Rates {
		if name != "" {
			if _, ok := miniCalls[strings.Replace(name, miniPrefix, "", 1)]; !ok {
				t.Errorf("%s is no route", name)
			}
		}
		if r.Caller == 0 && r.Address == 0 {
			t.Errorf("%s has no rate", name)
		}
	}
	a, b := m.customer("c1"), m.customer("c2")
	try := func(token, ip string) *httptest.ResponseRecorder {
		return m.do(request{method: "POST", path: miniPrefix + "/me/requests", token: token, body: map[string]any{"kind": "export"}, remote: ip + ":1"})
	}
	for range miniapp.Rates["POST /api/miniapp/me/requests"].Caller {
		if rec := try(a, "192.0.2.7"); rec.Code != 200 {
			t.Fatalf("within the rate: %d %s", rec.Code, rec.Body)
		}
	}
	over := try(a, "192.0.2.8")
	problemOf(t, "over the rate, from another address", over, 429, "visit.too_often")
	if after := over.Header().Get("Retry-After"); after != "60" {
		t.Errorf("Retry-After %q", after)
	}
	if rec := try(b, "192.0.2.7"); rec.Code != 200 {
		t.Errorf("another customer: %d", rec.Code)
	}
	m.clock.Advance(time.Minute)
	if rec := try(a, "192.0.2.7"); rec.Code != 200 {
		t.Errorf("a minute later: %d", rec.Code)
	}
	var rec *httptest.ResponseRecorder
	for range miniapp.Rates["POST /api/miniapp/wecom/sign-in"].Address + 1 {
		rec = m.do(request{method: "POST", path: miniPrefix + "/wecom/sign-in", body: map[string]any{"account": "acme", "code": "x"}, remote: "192.0.2.9:1"})
	}
	problemOf(t, "too many from one address", rec, 429, "visit.too_often")
}

func TestS19_PhoneTriesThroughTheFace(t *testing.T) {
	m := newMini(t)
	first, second := m.customer("c1"), m.customer("c2")
	m.agree(first, privacy.Phone)
	m.agree(second, privacy.Phone)
	bind := func(token, code string) *httptest.ResponseRecorder {
		return m.call("POST", "/me/phone", token, map[string]any{"code": code})
	}
	if rec := bind(first, "13800138000"); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"phone":"138****8000","state":"bound"`) {
		t.Errorf("bound: %d %s", rec.Code, rec.Body)
	}
	problemOf(t, "a used code", bind(first, "13800138000"), 409, "visit.code_used")
	problemOf(t, "somebody else's code", bind(second, "13800138000"), 409, "visit.code_used")
	if rec := bind(second, "again-13800138000"); rec.Code != 200 || !strings.Contains(rec.Body.String(), "in_review") {
		t.Errorf("another's number: %d %s", rec.Code, rec.Body)
	}
	bind(second, "13900139000")
	bind(second, "13700137000")
	problemOf(t, "a fourth try", bind(second, "13600136000"), 429, "visit.too_many")
}

func TestP1_P3_ConsentsThroughTheFace(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	state := func() map[string]struct{ Allowed, Ask bool } {
		t.Helper()
		out := map[string]struct{ Allowed, Ask bool }{}
		for _, c := range decode[struct {
			Consents []struct {
				Purpose      string
				Allowed, Ask bool
			}
		}](t, m.call("GET", "/consents", token, nil).Body.Bytes()).Consents {
			out[c.Purpose] = struct{ Allowed, Ask bool }{c.Allowed, c.Ask}
		}
		return out
	}
	if s := state(); len(s) != len(privacy.Purposes()) || s["profile"].Allowed || !s["profile"].Ask || !s["marketing"].Allowed || s["phone"].Ask {
		t.Errorf("at first: %v", s)
	}
	problemOf(t, "a version that is not", m.call("PUT", "/consents/profile", token, map[string]any{"given": true, "version": 7}), 409, "privacy.notice_changed")
	problemOf(t, "no notice", m.call("PUT", "/consents/phone", token, map[string]any{"given": true, "version": 1}), 409, "privacy.no_notice")
	problemOf(t, "no purpose", m.call("PUT", "/consents/anything", token, map[string]any{"given": true}), 422, "privacy.unknown_purpose")
	m.agree(token, privacy.Profile)
	for _, given := range []bool{false, true} { // both take one call
		body := map[string]any{"given": given}
		if given {
			body["version"] = 1
		}
		if rec := m.call("PUT", "/consents/profile", token, body); rec.Code != 204 || state()["profile"].Allowed != given {
			t.Errorf("given %v: %d, %v", given, rec.Code, state()["profile"])
		}
	}
	// What the customer said is what operators see, with its proof.
	var visit model.Visit
	if err := m.db.Where("customer_id <> 0").Take(&visit).Error; err != nil {
		t.Fatal(err)
	}
	rec := m.do(request{method: "GET", path: "/api/console/customers/" + m.ids.Of(model.KindCustomer, visit.CustomerID) + "/consents", token: m.tokens["auditor"]})
	if strings.Count(rec.Body.String(), `"channel":"miniapp"`) != 3 || !strings.Contains(rec.Body.String(), `"proof":"request `) {
		t.Errorf("the ledger: %s", rec.Body)
	}
}

func TestMyData(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	type data struct {
		Stored []struct {
			Name  string
			Times int
		}
		Messages          string
		PersonalTargeting bool `json:"personal_targeting"`
		Requests          []struct{ Kind, State string }
	}
	read := func() data { return decode[data](t, m.call("GET", "/me/data", token, nil).Body.Bytes()) }
	if d := read(); d.Messages != "all" || !d.PersonalTargeting || len(d.Requests) != 0 || len(d.Stored) < 8 || d.Stored[0].Name != "identity" || d.Stored[0].Times != 2 {
		t.Errorf("at first: %+v", d)
	}
	m.call("PUT", "/me/messages", token, map[string]any{"messages": "none"})
	m.call("PUT", "/consents/targeting", token, map[string]any{"given": false})
	m.call("POST", "/me/requests", token, map[string]any{"kind": "erase"})
	m.call("POST", "/me/requests", token, map[string]any{"kind": "erase"})
	if d := read(); d.Messages != "none" || d.PersonalTargeting || len(d.Requests) != 1 || d.Requests[0].State != "recorded" {
		t.Errorf("afterwards: %+v", d)
	}
	problemOf(t, "S-51 a kind that is not offered", m.call("POST", "/me/requests", token, map[string]any{"kind": "erase_phone"}), 422, "invalid")
}

// TestChoices: how much a customer wants to hear about a topic or by a channel is theirs to say, and kept apart.
func TestChoices(t *testing.T) {
	m := newMini(t)
	token := m.customer("c1")
	for _, body := range []map[string]any{
		{"messages": "fewer"}, {"messages": "none", "topic": "promotion"}, {"messages": "none", "channel": "sms"},
	} {
		if rec := m.call("PUT", "/me/messages", token, body); rec.Code != 204 {
			t.Fatalf("%v: %d %s", body, rec.Code, rec.Body)
		}
	}
	type choice struct{ Topic, Channel, Messages string }
	got := decode[struct {
		Messages string
		Choices  []choice
	}](t, m.call("GET", "/me/messages", token, nil).Body.Bytes())
	if got.Messages != "fewer" || !slices.Contains(got.Choices, choice{"promotion", "", "none"}) || !slices.Contains(got.Choices, choice{"", "sms", "none"}) || !slices.Contains(got.Choices, choice{"news", "", "all"}) {
		t.Errorf("got %+v", got)
	}
	problemOf(t, "S-51 no such topic", m.call("PUT", "/me/messages", token, map[string]any{"messages": "none", "topic": "weather"}), 422, "privacy.invalid")
	problemOf(t, "S-51 both", m.call("PUT", "/me/messages", token, map[string]any{"messages": "none", "topic": "news", "channel": "sms"}), 422, "privacy.invalid")
	problemOf(t, "S-51 no such channel", m.call("PUT", "/me/messages", token, map[string]any{"messages": "none", "channel": "pigeon"}), 422, "invalid")
}

func TestS48_BirthdaysAndSealedFieldsAreMaskedByRole(t *testing.T) {
	c := newCompany(t)
	path := "/api/console/customers/" + c.ids.Of(model.KindCustomer, ownCustomer) + "/profile"
	rec := c.do(request{method: "PUT", path: path, token: c.tokens["sales"], body: map[string]any{"birthday": "1990-05-06", "fields": map[string]any{"id_card": []string{"110101199005061234"}}}})
	if rec.Code != 204 {
		t.Fatalf("edit: %d %s", rec.Code, rec.Body)
	}
	for role, full := range map[string]bool{"admin": true, "operator": true, "sales": false, "manager": false, "auditor": false} {
		body := c.do(request{method: "GET", path: path, token: c.tokens[role]}).Body.String()
		if strings.Contains(body, "1990-05-06") != full || strings.Contains(body, "110101199005061234") != full || !strings.Contains(body, "-05-06") {
			t.Errorf("%s sees %s", role, body)
		}
	}
}
