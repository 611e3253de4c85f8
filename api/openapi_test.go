package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// openAPI is the part of the document that tests read.
type openAPI struct {
	OpenAPI    string `json:"openapi"`
	Info       struct{ Title, Version string }
	Paths      map[string]map[string]operation
	Components struct {
		Schemas         map[string]json.RawMessage
		SecuritySchemes map[string]json.RawMessage `json:"securitySchemes"`
	}
}

type operation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Security    []map[string][]string
	Parameters  []struct {
		Name, In string
		Required bool
		Schema   struct {
			Maximum float64
		}
	}
	Responses map[string]struct {
		Content map[string]json.RawMessage
	}
}

func (c *company) openAPI() openAPI { return c.openAPIOf("/openapi.json") }

func (c *company) openAPIOf(path string) openAPI {
	c.t.Helper()
	rec := c.do(request{method: "GET", path: path})
	if rec.Code != 200 {
		c.t.Fatalf("%s: %d", path, rec.Code)
	}
	return decode[openAPI](c.t, rec.Body.Bytes())
}

var reference = regexp.MustCompile(`"\$ref":"([^"]+)"`)

// documents are those of the faces, with the prefix of the routes they describe.
var documents = map[string]string{"/openapi.json": "/api/console/", "/openapi/miniapp.json": "/api/miniapp/", "/openapi/sidebar.json": "/api/sidebar/"}

func TestOpenAPIDocument(t *testing.T) {
	c := newCompany(t)
	for path, prefix := range documents {
		t.Run(prefix, func(t *testing.T) { c.checkDocument(t, path, prefix) })
	}
}

func (c *company) checkDocument(t *testing.T, path, prefix string) {
	d := c.openAPIOf(path)
	routes := 0
	for _, r := range c.server.Routes() {
		if strings.HasPrefix(r.Path, prefix) {
			routes++
		}
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1") || d.Info.Title == "" || d.Info.Version == "" {
		t.Errorf("openapi %q, %+v", d.OpenAPI, d.Info)
	}
	ids, operations := map[string]string{}, 0
	for path, methods := range d.Paths {
		for method, op := range methods {
			operations++
			name := method + " " + path
			if was, twice := ids[op.OperationID]; twice || op.OperationID == "" {
				t.Errorf("%s and %s have the operation id %q", name, was, op.OperationID)
			}
			ids[op.OperationID] = name
			checkOperation(t, d, path, name, op)
		}
	}
	if operations != routes || routes == 0 {
		t.Errorf("%d operations, %d routes", operations, routes)
	}
	raw := c.do(request{method: "GET", path: path}).Body.String()
	for _, m := range reference.FindAllStringSubmatch(raw, -1) {
		schema, ok := strings.CutPrefix(m[1], "#/components/schemas/")
		if !ok || d.Components.Schemas[schema] == nil {
			t.Errorf("%s leads nowhere", m[1])
		}
	}
	for _, secret := range []string{"secret", "password", "callback_token"} {
		if strings.Contains(raw, `"`+secret+`"`) && !strings.Contains(raw, "writeOnly") {
			t.Errorf("%s is not write-only", secret)
		}
	}
}

func checkOperation(t *testing.T, d openAPI, path, name string, op operation) {
	t.Helper()
	if open := strings.Contains(path, "/sign-in") || strings.HasSuffix(path, "/doctor"); open == (len(op.Security) > 0) {
		t.Errorf("%s: security %v", name, op.Security)
	}
	for _, s := range op.Security {
		for scheme := range s {
			if d.Components.SecuritySchemes[scheme] == nil {
				t.Errorf("%s: no security scheme %s", name, scheme)
			}
		}
	}
	if !hasHan(op.Summary) || !strings.Contains(op.Summary, " · ") {
		t.Errorf("%s: the summary %q is not in both languages", name, op.Summary)
	}
	declared := map[string]bool{}
	for _, p := range op.Parameters {
		declared[p.In+" "+p.Name] = true
		if p.Name == "limit" && p.Schema.Maximum != 200 {
			t.Errorf("%s: pages of up to %v", name, p.Schema.Maximum)
		}
	}
	for _, m := range braces.FindAllStringSubmatch(path, -1) {
		if !declared["path "+m[1]] {
			t.Errorf("%s: %s is not declared", name, m[1])
		}
	}
	for status, r := range op.Responses {
		if status >= "400" && r.Content["application/problem+json"] == nil {
			t.Errorf("%s: %s is no problem document", name, status)
		}
	}
	if op.Responses["422"].Content == nil || len(op.Security) > 0 && (op.Responses["401"].Content == nil || op.Responses["403"].Content == nil) {
		t.Errorf("%s: refusals are not documented", name)
	}
}

var asset = regexp.MustCompile(`(?:src|href)="([^"]+)"`)

// TestDocsPageNeedsNothingFromElsewhere holds that all of the page is in the binary, and that its
// scripts are such as the content policy allows.
func TestDocsPageNeedsNothingFromElsewhere(t *testing.T) {
	c := newCompany(t)
	for _, path := range []string{"/docs", "/docs/", "/docs/miniapp", "/docs/sidebar"} {
		page := c.do(request{method: "GET", path: path})
		html := page.Body.String()
		if page.Code != 200 || !strings.HasPrefix(page.Header().Get("Content-Type"), "text/html") {
			t.Fatalf("%s: %d %v", path, page.Code, page.Header())
		}
		if regexp.MustCompile(`<script[^>]*>\s*[^<\s]`).MatchString(html) || regexp.MustCompile(`\son\w+=`).MatchString(html) {
			t.Errorf("the page has a script inside, which the content policy refuses: %s", html)
		}
		assets := asset.FindAllStringSubmatch(html, -1)
		if len(assets) < 4 {
			t.Errorf("only %d assets", len(assets))
		}
		for _, a := range assets {
			rec := c.do(request{method: "GET", path: a[1]})
			if !strings.HasPrefix(a[1], "/docs/") || rec.Code != 200 || rec.Body.Len() == 0 {
				t.Errorf("%s: %d", a[1], rec.Code)
			}
		}
	}
	for _, path := range []string{"/docs/nothing", "/docs/../../etc/passwd", "/docs/%2e%2e/%2e%2e/etc/passwd"} {
		problemOf(t, path, c.do(request{method: "GET", path: path}), 404, "not_found")
	}
}

func TestS59_SecurityHeadersStandOnEveryAnswer(t *testing.T) {
	c := newCompany(t)
	for path, status := range map[string]int{
		"/healthz": 200, "/docs": 200, "/openapi.json": 200, "/nothing": 404, "/api/console/me": 401, "/docs/swagger-ui.css": 200, "/callback/wecom/x": 403,
	} {
		rec := c.do(request{method: "GET", path: path})
		if rec.Code != status {
			t.Errorf("%s: %d", path, rec.Code)
		}
		h := rec.Header()
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: no %s in %q", path, want, policy)
			}
		}
		if strings.Contains(policy, "script-src") || strings.Contains(policy, "unsafe-eval") {
			t.Errorf("%s: %q", path, policy)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Strict-Transport-Security": "max-age=31536000",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		if h.Get("Access-Control-Allow-Origin") != "" || h.Get("Server") != "" || h.Get("X-Request-Id") == "" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestS60_NothingInternalIsServed(t *testing.T) {
	c := newCompany(t)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars", "/_sim/", "/schemas/", "/.env", "/config.yaml", "/api/console", "/swagger"} {
		rec := c.do(request{method: http.MethodGet, path: path, token: c.tokens["admin"]})
		problemOf(t, path, rec, 404, "not_found")
	}
}
