package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"zhiyin/model"
)

// untyped are the routes that are not in the table of permissions: nobody needs to be signed in.
var untyped = map[string]bool{
	"GET /healthz": true, "GET /readyz": true, "GET /docs": true, "GET /docs/*file": true, "GET /s/:code": true, "GET /s/:code/:delivery": true,
	"GET /openapi/open.json": true, "GET /openapi/open.yaml": true, "GET /openapi/open-3.0.json": true, "GET /openapi/open-3.0.yaml": true,
	"GET /openapi.json": true, "GET /openapi.yaml": true, "GET /openapi-3.0.json": true, "GET /openapi-3.0.yaml": true,
	"GET /openapi/sidebar.json": true, "GET /openapi/sidebar.yaml": true, "GET /openapi/sidebar-3.0.json": true, "GET /openapi/sidebar-3.0.yaml": true,
	"GET /openapi/miniapp.json": true, "GET /openapi/miniapp.yaml": true, "GET /openapi/miniapp-3.0.json": true, "GET /openapi/miniapp-3.0.yaml": true,
}

var braces = regexp.MustCompile(`\{(\w+)\}`)

func TestS47_EveryRouteOfTheRouterIsInTheTable(t *testing.T) {
	r := newCompany(t)
	known := map[string]bool{}
	for _, route := range r.server.Routes() {
		known[route.Method+" "+braces.ReplaceAllString(route.Path, ":$1")] = true
		if !route.forStaff() {
			continue
		}
		if !route.Anyone && route.Permission == "" && !signedInOnly[route.name()] {
			t.Errorf("%s needs a permission", route.name())
		}
		if route.Anyone && !openToAll[route.name()] {
			t.Errorf("%s is open to everybody", route.name())
		}
	}
	for _, route := range r.server.engine.Routes() {
		name := route.Method + " " + route.Path
		if !known[name] && !untyped[name] && !strings.HasPrefix(route.Path, "/callback/") {
			t.Errorf("%s is neither in the table of permissions nor known to be open", name)
		}
	}
}

// openToAll are the routes by which people sign in, or find out why they can't.
var openToAll = map[string]bool{
	"POST /sign-in": true, "POST /api/sidebar/sign-in/begin": true, "POST /api/sidebar/sign-in": true, "GET /api/sidebar/doctor": true,
}

// signedInOnly are the routes about oneself, and those for pages whoever looks at them.
var signedInOnly = map[string]bool{
	"POST /api/sidebar/sign-out": true, "GET /api/sidebar/me": true, "POST /api/sidebar/signatures": true,
	"POST /sign-out": true, "GET /me": true, "PUT /me/password": true, "GET /me/sessions": true, "DELETE /me/sessions/{id}": true,
}

func TestS47_G13_RouteRoleMatrix(t *testing.T) {
	c := newCompany(t)
	cells := 0
	c.eachRoute(func(r Route, k call) {
		q := c.requestOf(r, k)
		if !r.Anyone {
			problemOf(t, r.name()+" without a session", c.do(q), 401, "auth.sign_in_first")
			q.token = "notasession"
			problemOf(t, r.name()+" with an invented session", c.do(q), 401, "auth.session_ended")
		}
		for _, role := range append([]string{""}, roleNames...) {
			cells++
			q.token = c.sessionOf(r.face(), rowOf(role)) // a session of its own, because some calls end it
			rec := c.do(q)
			switch {
			case !r.Anyone && !holds(role, r.Permission):
				problemOf(t, r.name()+" as "+role, rec, 403, "auth.forbidden")
			case rec.Code >= 500 || rec.Code == 403 && !r.Anyone || rec.Code == 401 && !r.Anyone:
				t.Errorf("%s as %q: got %d %s", r.name(), role, rec.Code, head(rec.Body.String()))
			}
		}
	})
	t.Logf("%d cells", cells)
}

func rowOf(role string) int64 {
	for i, r := range roleNames {
		if r == role {
			return adminID + int64(i)
		}
	}
	return newcomerID
}

// TestS47_WhatRolesMustNotDo holds the table of permissions itself against what is meant.
func TestS47_WhatRolesMustNotDo(t *testing.T) {
	c := newCompany(t)
	administrative := []string{"POST /accounts", "PUT /accounts/{id}", "PUT /accounts/{id}/callback-keys", "POST /staff", "PUT /staff/{id}/roles", "POST /role-requests/{id}/decide", "PUT /staff/{id}/login", "PUT /staff/{id}/enabled",
		"POST /api-keys", "PUT /api-keys/{id}", "POST /api-keys/{id}/rotate", "DELETE /api-keys/{id}", "POST /webhooks", "PUT /webhooks/{id}", "DELETE /webhooks/{id}",
		"POST /webhooks/{id}/rotate", "POST /webhooks/{id}/test", "POST /webhook-deliveries/{id}/redeliver"}
	c.eachRoute(func(r Route, k call) {
		name := strings.Replace(r.name(), " /api/sidebar/", " /", 1) // what holds in the console holds in the sidebar
		forbidden := map[string]bool{
			"auditor":  r.Method != http.MethodGet && r.name() != "POST /customers/search" || r.name() == "GET /inbox/{id}",
			"operator": slices.Contains(administrative, r.name()),
		}
		for _, role := range []string{"sales", "service"} {
			forbidden[role] = !regexp.MustCompile(`/(customers|relations|tasks|orders|refunds|notes|reminders|sends|me|passes)(/|$)|^GET /(coupon-offers|sendable-messages|tag-groups|products|product-categories|custom-fields)$`).MatchString(name)
		}
		for role, no := range forbidden {
			if no && !r.Anyone && r.Permission != "" && holds(role, r.Permission) {
				t.Errorf("%s may %s", role, r.name())
			}
		}
	})
}

// TestEveryCallWorks holds that the calls of the table are valid, or what is tested with them would
// be refused for another reason.
func TestEveryCallWorks(t *testing.T) {
	c := newCompany(t)
	var writes []func()
	c.eachRoute(func(r Route, k call) {
		try := func() {
			q := c.requestOf(r, k)
			q.token = c.sessionOf(r.face(), adminID)
			if rec := c.do(q); rec.Code != k.status() {
				t.Errorf("%s: got %d %s, want %d", r.name(), rec.Code, head(rec.Body.String()), k.status())
			}
		}
		switch r.Method {
		case http.MethodGet:
			try()
		case http.MethodDelete:
			writes = append(writes, try)
		default:
			writes = append([]func(){try}, writes...)
		}
	})
	for _, try := range writes {
		try()
	}
}

func TestV8_InventedIDsAreNotFound(t *testing.T) {
	c := newCompany(t)
	c.eachRoute(func(r Route, k call) {
		if k.kind == 0 {
			return
		}
		other := model.KindCustomer
		if k.kind == other {
			other = model.KindStaff
		}
		for what, id := range map[string]string{
			"absent": c.ids.Of(k.kind, 1<<41), "of another kind": c.ids.Of(other, k.row), "sequential": "1", "no id": "zzz",
			"long": strings.Repeat("a", 3000), "an injection": "1%27%20or%201=1--", "a row id": "81726354013",
		} {
			q := c.requestOf(r, k)
			q.path, q.token = c.requestFor(r, k, id).path, c.tokenOf(r, "admin")
			problemOf(t, r.name()+" with an id that is "+what, c.do(q), 404, "")
		}
	})
}

func TestListsShowOnlyTheViewersScope(t *testing.T) {
	c := newCompany(t)
	for _, tt := range []struct {
		path, role string
		rows       []int64
		kind       model.Kind
	}{
		{"/customers", "sales", []int64{ownCustomer}, model.KindCustomer},
		{"/customers", "service", []int64{careCustomer}, model.KindCustomer},
		{"/customers", "manager", []int64{ownCustomer}, model.KindCustomer},
		{"/customers", "auditor", []int64{ownCustomer, careCustomer, rivalCustomer, twinOther, twinOne, twinKept, twinB, twinA}, model.KindCustomer},
		{"/customers?staff_id={service}", "sales", nil, model.KindCustomer},
		{"/customers?account_id={rival}", "operator", []int64{rivalCustomer}, model.KindCustomer},
		{"/customers?department_id={salesDept}", "operator", []int64{ownCustomer}, model.KindCustomer},
		{"/customers?department_id={salesDept}&staff_id={service}", "operator", nil, model.KindCustomer},
		{"/customers?department_id={salesDept}&staff_id={sales}", "operator", []int64{ownCustomer}, model.KindCustomer},
		{"/groups", "manager", []int64{ownGroup}, model.KindGroup},
		{"/groups", "auditor", []int64{rivalGroup, careGroup, ownGroup}, model.KindGroup},
		{"/tasks", "sales", []int64{ownTask}, model.KindTask},
		{"/tasks", "service", []int64{careTask}, model.KindTask},
		{"/tasks?staff_id={service}", "sales", nil, model.KindTask},
		{"/tasks", "manager", []int64{ownTask}, model.KindTask},
	} {
		path := strings.NewReplacer("{service}", c.ids.Of(model.KindStaff, serviceID), "{sales}", c.ids.Of(model.KindStaff, salesID),
			"{rival}", c.ids.Of(model.KindAccount, rival), "{salesDept}", c.ids.Of(model.KindDepartment, salesDept)).Replace(tt.path)
		rec := c.do(request{method: "GET", path: "/api/console" + path, token: c.tokens[tt.role]})
		page := decode[struct {
			Items []struct{ ID string } `json:"items"`
		}](t, rec.Body.Bytes())
		var want, got []string
		for _, row := range tt.rows {
			want = append(want, c.ids.Of(tt.kind, row))
		}
		for _, i := range page.Items {
			got = append(got, i.ID)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s as %s: got %d %v, want %v", tt.path, tt.role, rec.Code, got, want)
		}
	}
}
