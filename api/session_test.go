package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"zhiyin/api/console"
	"zhiyin/api/sidebar"
	"zhiyin/model"
	"zhiyin/service/staff"
)

const phrase = "a phrase nobody guesses"

// signIn signs the operator in with a password and gives the answer.
func (r *replica) signIn(q request) *httptest.ResponseRecorder {
	r.t.Helper()
	q.method, q.path = "POST", "/api/console/sign-in"
	if q.body == nil {
		q.body = map[string]any{"login": "operator", "password": phrase}
	}
	return r.do(q)
}

func newCompanyWithLogin(t testing.TB, o options) *company {
	t.Helper()
	c := newCompanyWith(t, o)
	if err := c.staff.SetLogin(context.Background(), operatorID, "operator", phrase); err != nil {
		t.Fatal(err)
	}
	return c
}

// me asks who is signed in.
func (r *replica) me(q request) int {
	q.method, q.path = "GET", "/api/console/me"
	return r.do(q).Code
}

func cookie(c *http.Cookie) http.Header { return http.Header{"Cookie": {c.Name + "=" + c.Value}} }

func TestSessionCookies(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		c := newCompanyWithLogin(t, options{secure: secure})
		planted := &http.Cookie{Name: console.Cookie(secure), Value: "planted"}
		rec := c.signIn(request{header: http.Header{"Cookie": {planted.String()}, "Content-Type": {"application/json"}}})
		cookies := rec.Result().Cookies()
		if rec.Code != 200 || len(cookies) != 1 {
			t.Fatalf("sign in: %d %s", rec.Code, rec.Body)
		}
		k := cookies[0]
		if !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" || k.Domain != "" || k.Secure != secure || strings.HasPrefix(k.Name, "__Host-") != secure {
			t.Errorf("secure %v: cookie %+v", secure, k)
		}
		if len(k.Value) < 32 || k.Value == planted.Value {
			t.Errorf("the session %q is not a new random one", k.Value)
		}
		if got := c.me(request{header: cookie(planted)}); got != 401 {
			t.Errorf("a planted session: %d", got)
		}
		again := c.signIn(request{}).Result().Cookies()[0]
		if again.Value == k.Value {
			t.Error("a second sign-in gave the first session")
		}
		if got := c.me(request{header: cookie(k)}); got != 200 {
			t.Errorf("signed in: %d", got)
		}
		out := c.do(request{method: "POST", path: "/api/console/sign-out", header: cookie(k)})
		if gone := out.Result().Cookies(); out.Code != 204 || len(gone) != 1 || gone[0].Value != "" || gone[0].MaxAge >= 0 {
			t.Errorf("sign out: %d %v", out.Code, gone)
		}
		if got := c.me(request{header: cookie(k)}); got != 401 {
			t.Errorf("signed out: %d", got)
		}
		if got := c.me(request{token: again.Value}); got != 200 {
			t.Errorf("the other session: %d", got)
		}
	}
}

// TestS41_OnlyOwnPagesMayChangeThings tries every unsafe route as a page of another site would.
func TestS41_OnlyOwnPagesMayChangeThings(t *testing.T) {
	c := newCompany(t)
	before := c.content()
	own := http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://example.com"}}
	foreign := []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}},
		{"Origin": {"http://example.com.evil.example"}}, {"Origin": {"http://example.com:8081"}},
	}
	session := &http.Cookie{Name: console.Cookie(false), Value: c.tokens["admin"]}
	beside := &http.Cookie{Name: sidebar.Cookie(false), Value: c.beside["admin"]}
	c.eachRoute(func(r Route, k call) {
		if r.Method == http.MethodGet {
			return
		}
		for _, origin := range foreign {
			q := c.requestOf(r, k)
			if q.header == nil {
				q.header = http.Header{}
			}
			for name, value := range origin {
				q.header[name] = value
			}
			q.header.Set("Cookie", session.String()+"; "+beside.String())
			problemOf(t, fmt.Sprint(r.name(), origin), c.do(q), 403, "auth.cross_site")
		}
	})
	if c.content() != before {
		t.Error("a request of another site has changed rows")
	}
	rename := request{method: "PUT", path: "/api/console/tags/" + c.ids.Of(model.KindTag, tagA), body: map[string]any{"name": "新名"}}
	rename.header = own
	rename.header.Set("Cookie", session.String())
	if rec := c.do(rename); rec.Code != 204 {
		t.Errorf("an own page: %d %s", rec.Code, rec.Body)
	}
	rename.header, rename.token = foreign[0], c.tokens["admin"]
	if rec := c.do(rename); rec.Code != 204 {
		t.Errorf("a program with a token: %d %s", rec.Code, rec.Body)
	}
	if got := c.me(request{header: http.Header{"Cookie": {session.String()}, "Sec-Fetch-Site": {"cross-site"}}}); got != 200 {
		t.Errorf("a link from elsewhere: %d", got)
	}
}

func TestS39_S46_WhatOneReplicaEndsIsOverOnAll(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(c *company, token string) *httptest.ResponseRecorder{
		"sign-out": func(c *company, token string) *httptest.ResponseRecorder {
			return c.do(request{method: "POST", path: "/api/console/sign-out", token: token})
		},
		"another role": func(c *company, _ string) *httptest.ResponseRecorder {
			return c.staffCall("roles", map[string]any{"roles": []string{"auditor"}})
		},
		"another password": func(c *company, _ string) *httptest.ResponseRecorder {
			return c.staffCall("login", map[string]any{"login": "operator", "password": phrase + "2"})
		},
		"disabled": func(c *company, _ string) *httptest.ResponseRecorder {
			return c.staffCall("enabled", map[string]any{"enabled": false})
		},
		"revoked": func(c *company, token string) *httptest.ResponseRecorder {
			list := c.do(request{method: "GET", path: "/api/console/me/sessions", token: token})
			page := decode[struct {
				Items []struct {
					ID      string
					Current bool
				}
			}](c.t, list.Body.Bytes())
			for _, s := range page.Items {
				if s.Current {
					return c.do(request{method: "DELETE", path: "/api/console/me/sessions/" + s.ID, token: token})
				}
			}
			return list
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t)
			other := newReplica(t, c.dsn, options{})
			token := c.session(operatorID)
			if a, b := c.me(request{token: token}), other.me(request{token: token}); a != 200 || b != 200 {
				t.Fatalf("before: %d, %d", a, b)
			}
			if rec := end(c, token); rec.Code/100 != 2 {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			if a, b := c.me(request{token: token}), other.me(request{token: token}); a != 401 || b != 401 {
				t.Errorf("afterwards: %d, %d", a, b)
			}
		})
	}
}

func (c *company) staffCall(what string, body map[string]any) *httptest.ResponseRecorder {
	return c.do(request{method: "PUT", path: "/api/console/staff/" + c.ids.Of(model.KindStaff, operatorID) + "/" + what, token: c.tokens["admin"], body: body})
}

// TestS39_RightsAreReadForEveryRequest takes a role away behind the server's back.
func TestS39_RightsAreReadForEveryRequest(t *testing.T) {
	c := newCompany(t)
	ask := request{method: "GET", path: "/api/console/customers", token: c.tokens["auditor"]}
	if rec := c.do(ask); rec.Code != 200 {
		t.Fatalf("before: %d", rec.Code)
	}
	if err := c.db.Delete(&model.StaffRole{}, "staff_id = ?", auditorID).Error; err != nil {
		t.Fatal(err)
	}
	problemOf(t, "without a role", c.do(ask), 403, "auth.forbidden")
}

func TestV13_NobodyLearnsWhichLoginsExist(t *testing.T) {
	t.Parallel()
	c := newCompanyWithLogin(t, options{})
	body := func(login, password string) request {
		return request{body: map[string]any{"login": login, "password": password}}
	}
	wrong := problemOf(t, "a wrong password", c.signIn(body("operator", "not the phrase")), 401, "auth.wrong_login")
	unknown := problemOf(t, "an unknown login", c.signIn(body("nobody", phrase)), 401, "auth.wrong_login")
	if err := c.staff.Disable(context.Background(), operatorID); err != nil {
		t.Fatal(err)
	}
	disabled := problemOf(t, "somebody disabled", c.signIn(body("operator", phrase)), 401, "auth.wrong_login")
	if wrong.Title != unknown.Title || wrong.Title != disabled.Title {
		t.Errorf("different answers: %v, %v, %v", wrong, unknown, disabled)
	}
}

// TestV19_S67_ForwardingHeaders holds whom the limits of sign-in count against.
func TestV19_S67_ForwardingHeaders(t *testing.T) {
	t.Parallel()
	try := func(c *company, remote, header, address string) int {
		return c.signIn(request{
			remote: remote, header: http.Header{header: {address}},
			body: map[string]any{"login": "somebody", "password": "wrong"},
		}).Code
	}
	t.Run("of strangers", func(t *testing.T) {
		c := newCompanyWith(t, options{proxies: []string{"10.0.0.1"}})
		for i := range 5 {
			header := []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded"}[i%3]
			if got := try(c, "203.0.113.5:1000", header, fmt.Sprintf("198.51.100.%d", i)); got != 401 {
				t.Fatalf("attempt %d: %d", i, got)
			}
		}
		if got := try(c, "203.0.113.5:1000", "X-Forwarded-For", "198.51.100.77"); got != 429 {
			t.Errorf("after five faults, under a new invented address: %d", got)
		}
	})
	t.Run("of a trusted proxy", func(t *testing.T) {
		c := newCompanyWith(t, options{proxies: []string{"10.0.0.1"}})
		for i := range 5 {
			try(c, "10.0.0.1:1000", "X-Forwarded-For", fmt.Sprintf("1.2.3.%d, 198.51.100.1", i)) // what the client invents stands before
		}
		if got := try(c, "10.0.0.1:1000", "X-Forwarded-For", "198.51.100.1"); got != 429 {
			t.Errorf("the same client: %d", got)
		}
		if got := try(c, "10.0.0.1:1000", "X-Forwarded-For", "198.51.100.2"); got != 401 {
			t.Errorf("another client: %d", got)
		}
	})
}

func TestS45_TooManyFaultsAreHeldBack(t *testing.T) {
	t.Parallel()
	c := newCompanyWithLogin(t, options{})
	for range 5 {
		c.signIn(request{body: map[string]any{"login": "operator", "password": "wrong"}})
	}
	rec := c.signIn(request{})
	problemOf(t, "the right password after five faults", rec, 429, staff.ErrTooMany.Code)
	if rec.Header().Get("Retry-After") == "" || rec.Header().Get("Retry-After") == "0" {
		t.Error("429 does not say when to try again")
	}
}
