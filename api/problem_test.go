package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"zhiyin/model"
)

// write is a route with a JSON body that the tests of bodies use.
const write = "/api/console/tag-groups"

func TestProblems(t *testing.T) {
	c := newCompany(t)
	admin := c.tokens["admin"]
	as := func(q request) request { q.token = admin; return q }
	text := http.Header{"Content-Type": {"text/plain"}}
	for _, tt := range []struct {
		name   string
		q      request
		status int
		code   string
		field  string // of the first field
	}{
		{"no such route", request{method: "GET", path: "/api/console/nothing"}, 404, "not_found", ""},
		{"a trailing slash", as(request{method: "GET", path: "/api/console/me/"}), 404, "not_found", ""},
		{"another method", request{method: "PATCH", path: "/api/console/me"}, 405, "method_not_allowed", ""},
		{"an invented method", request{method: "BREW", path: "/api/console/me"}, 405, "method_not_allowed", ""},
		{"no JSON", as(request{method: "POST", path: write, body: `{"name":`}), 400, "malformed", ""},
		{"two values", as(request{method: "POST", path: write, body: `{} {}`}), 400, "malformed", ""},
		{"no UTF-8", as(request{method: "POST", path: write, body: "{\"name\":\"\xff\"}"}), 400, "malformed", ""},
		{"no body", as(request{method: "POST", path: write}), 400, "malformed", ""},
		{"text", as(request{method: "POST", path: write, body: `{}`, header: text}), 415, "wrong_type", ""},
		{"no type", as(request{method: "POST", path: write, body: `{}`, header: http.Header{"Content-Type": nil}}), 415, "wrong_type", ""},
		{"JSON where a form belongs", as(request{method: "POST", path: "/api/console/media", body: `{}`}), 415, "wrong_type", ""},
		{"too large", as(request{method: "POST", path: write, body: `{"name":"` + strings.Repeat("a", 2<<20) + `"}`}), 413, "too_large", ""},
		{"a list", as(request{method: "POST", path: write, body: `[]`}), 422, "invalid", "body"},
		{"a missing field", as(request{method: "POST", path: write, body: `{}`}), 422, "invalid", "body"},
		{"a field too long", as(request{method: "PUT", path: "/api/console/tags/" + c.ids.Of(model.KindTag, tagA), body: map[string]any{"name": strings.Repeat("长", 65)}}), 422, "invalid", "body.name"},
		{"another spelling of a field", as(request{method: "PUT", path: "/api/console/tags/" + c.ids.Of(model.KindTag, tagA), body: `{"name":"a","Name":"` + strings.Repeat("长", 31) + `"}`}), 422, "invalid", "body.Name"},
		{"a number too large", as(request{method: "POST", path: "/api/console/accounts", body: strings.Replace(jsonOf(newAccount), `"agent_id":1`, `"agent_id":1e30`, 1)}), 422, "invalid", "body"},
		{"a page too large", as(request{method: "GET", path: "/api/console/customers?limit=201"}), 422, "invalid", "query.limit"},
		{"a page of nothing", as(request{method: "GET", path: "/api/console/customers?limit=0"}), 422, "invalid", "query.limit"},
		{"no number", as(request{method: "GET", path: "/api/console/customers?limit=abc"}), 422, "invalid", "query.limit"},
		{"no such status", as(request{method: "GET", path: "/api/console/customers?status=x"}), 422, "invalid", "query.status"},
		{"an unknown parameter", as(request{method: "GET", path: "/api/console/customers?sort=name"}), 422, "invalid", "query.sort"},
		{"a parameter that is no text", as(request{method: "GET", path: "/api/console/customers?name=%ff"}), 400, "malformed", ""},
		{"NUL", as(request{method: "GET", path: "/api/console/staff?search=a%00b"}), 400, "malformed", ""},
		{"a broken escape", as(request{method: "GET", path: "/api/console/staff?search=%zz"}), 400, "malformed", ""},
		{"a missing parameter", as(request{method: "GET", path: "/api/console/welcomes"}), 422, "invalid", "query.account_id"},
		{"a password too weak", as(request{method: "POST", path: "/api/console/staff", body: map[string]any{"login": "abc", "name": "a", "password": "short", "roles": []string{"sales"}}}), 422, "staff.weak_password", ""},
		{"somebody else's id", as(request{method: "GET", path: "/api/console/tasks?staff_id=" + c.ids.Of(model.KindTag, tagA)}), 404, "not_found", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := problemOf(t, tt.name, c.do(tt.q), tt.status, tt.code)
			if tt.field != "" && (len(p.Fields) == 0 || p.Fields[0].Name != tt.field || p.Fields[0].Reason == "") {
				t.Errorf("fields: got %+v, want %s first", p.Fields, tt.field)
			}
			if !hasHan(p.Title) {
				t.Errorf("the title is not Chinese: %q", p.Title)
			}
			q := tt.q
			q.header = tt.q.header.Clone()
			if q.header == nil {
				q.header = http.Header{}
			}
			q.header.Set("Accept-Language", "en-GB,en;q=0.9,zh;q=0.8")
			if p := problemOf(t, tt.name, c.do(q), tt.status, tt.code); hasHan(p.Title) {
				t.Errorf("the title is not English: %q", p.Title)
			}
		})
	}
	rec := c.do(request{method: "PATCH", path: "/api/console/me"})
	if allow := rec.Header().Get("Allow"); allow != "GET" {
		t.Errorf("405 without what is allowed: %q", allow)
	}
	if rec := c.do(request{method: "GET", path: "/api/console/me"}); rec.Header().Get("WWW-Authenticate") == "" {
		t.Error("401 without a challenge")
	}
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= 0x4e00 && r <= 0x9fff })
}

// TestV7_S51_UnknownFieldsAreRefused replays each valid write with one more field, by many names.
func TestV7_S51_UnknownFieldsAreRefused(t *testing.T) {
	c := newCompany(t)
	before := c.content()
	bodies := 0
	c.eachRoute(func(r Route, k call) {
		if k.body == nil || r.Anyone {
			return
		}
		bodies++
		valid := k.body(c)
		for _, name := range []string{"corp_id", "account_id", "owner", "staff_id", "role", "is_admin", "status", "id", "created_at", "updated_at", "Enabled"} {
			if _, own := valid[name]; own || r.name() == "POST /inbox/replay" && name == "account_id" {
				continue
			}
			body := map[string]any{name: "1"}
			for k, v := range valid {
				body[k] = v
			}
			q := c.requestOf(r, k)
			q.body, q.token = body, c.tokenOf(r, "admin")
			problemOf(t, r.name()+" with "+name, c.do(q), 422, "invalid")
		}
	})
	if bodies < 20 {
		t.Errorf("only %d routes have bodies", bodies)
	}
	body, header := form(t, map[string]string{"account_id": c.ids.Of(model.KindAccount, acme), "kind": "image", "id": "1"}, smallPicture())
	p := problemOf(t, "an upload", c.do(request{method: "POST", path: "/api/console/media", token: c.tokens["admin"], body: body, header: header}), 422, "invalid")
	if len(p.Fields) != 1 || p.Fields[0].Name != "form.id" {
		t.Errorf("an upload with one more field: %+v", p.Fields)
	}
	if after := c.content(); after != before {
		t.Error("a refused write has changed rows")
	}
}

// content is a digest of all rows but sessions, whose use is noted.
func (c *company) content() string {
	c.t.Helper()
	h := sha256.New()
	for _, row := range model.Rows() {
		if _, ok := row.(*model.Session); ok {
			continue
		}
		rows := reflect.New(reflect.SliceOf(reflect.TypeOf(row)))
		if err := c.db.Order("1").Find(rows.Interface()).Error; err != nil {
			c.t.Fatal(err)
		}
		fmt.Fprintf(h, "%T %s\n", row, jsonOf(rows.Interface()))
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func TestUploadedFilesLeaveNothingBehind(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	c := newCompany(t)
	large := append(smallPicture(), bytes.Repeat([]byte{0}, 12<<20)...)
	for _, tt := range []struct {
		name   string
		fields map[string]string
		file   []byte
		status int
	}{
		{"refused by its size", map[string]string{"account_id": c.ids.Of(model.KindAccount, acme), "kind": "image"}, large, 413},
		{"refused by its form", map[string]string{"kind": "image"}, large, 422},
		{"refused unread", map[string]string{"kind": "image"}, append(large, large...), 413},
		{"taken", map[string]string{"account_id": c.ids.Of(model.KindAccount, acme), "kind": "file"}, large, 200},
	} {
		body, header := form(t, tt.fields, tt.file)
		rec := c.do(request{method: "POST", path: "/api/console/media", token: c.tokens["admin"], body: body, header: header})
		if rec.Code != tt.status {
			t.Errorf("%s: got %d %s", tt.name, rec.Code, head(rec.Body.String()))
		}
		if left := must(os.ReadDir(temp))(t); len(left) != 0 {
			t.Errorf("%s: %d temporary files stay", tt.name, len(left))
		}
	}
	rec := c.do(request{method: "GET", path: "/api/console/media/" + c.ids.Of(model.KindMedia, mediaID) + "/content", token: c.tokens["admin"]})
	if rec.Header().Get("Content-Disposition") != "attachment" || !bytes.Equal(rec.Body.Bytes(), smallPicture()) {
		t.Errorf("a download: %v", rec.Header())
	}
}

// TestS68_APanicAnswersWithoutDetail plants routes that panic before and after they answer.
func TestS68_APanicAnswersWithoutDetail(t *testing.T) {
	c := newCompany(t)
	c.server.engine.GET("/early", func(*gin.Context) { panic("PanicCanary") })
	c.server.engine.GET("/late", func(g *gin.Context) {
		g.String(200, "half of an answ")
		panic("PanicCanary")
	})
	server := httptest.NewServer(c.handler)
	defer server.Close()
	rec := c.do(request{method: "GET", path: "/early"})
	problemOf(t, "a panic", rec, 500, "internal")
	if body := rec.Body.String(); strings.Contains(body, "PanicCanary") || strings.Contains(body, ".go") {
		t.Errorf("the answer speaks of the panic: %s", body)
	}
	if answer, err := http.Get(server.URL + "/late"); err == nil {
		defer answer.Body.Close()
		if b, err := io.ReadAll(answer.Body); err == nil {
			t.Errorf("half an answer came as a whole one: %q", b)
		}
	}
	if n := strings.Count(c.logs.String(), `msg="panic in a handler"`); n != 2 {
		t.Errorf("%d log lines speak of the panics", n)
	}
	if n := c.counter("zhiyin_http_panics_total"); n != 2 {
		t.Errorf("%v panics counted", n)
	}
	if rec := c.do(request{method: "GET", path: "/healthz"}); rec.Code != 200 {
		t.Errorf("afterwards: %d", rec.Code)
	}
}

// counter is the value of a counter without labels.
func (r *replica) counter(name string) float64 {
	r.t.Helper()
	for _, family := range must(r.metrics.Gather())(r.t) {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	r.t.Fatalf("no metric %s", name)
	return 0
}

// TestFaultsOfOursAreNotExplained has the database complain and looks for its words.
func TestFaultsOfOursAreNotExplained(t *testing.T) {
	c := newCompany(t)
	complaint := errors.New("Error 1146 (42S02): Table 'zhiyin.tag_group' doesn't exist: SELECT * FROM /var/lib WHERE FaultCanary")
	err := c.db.Callback().Query().Before("gorm:query").Register("complain", func(tx *gorm.DB) {
		if strings.Contains(fmt.Sprintf("%T", tx.Statement.Dest), "TagGroup") {
			_ = tx.AddError(complaint)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	rec := c.do(request{method: "GET", path: "/api/console/tag-groups", token: c.tokens["admin"]})
	problemOf(t, "a complaint of the database", rec, 500, "internal")
	for _, word := range []string{"tag_group", "Table", "SELECT", "Error", "/", "FaultCanary"} {
		if strings.Contains(rec.Body.String(), word) {
			t.Errorf("the answer holds %q: %s", word, rec.Body)
		}
	}
	if !strings.Contains(c.logs.String(), "FaultCanary") {
		t.Error("the log does not say what was wrong")
	}
	if err := model.Close(c.db); err != nil {
		t.Fatal(err)
	}
	rec = c.do(request{method: "GET", path: "/api/console/me", token: c.tokens["admin"]})
	if rec.Code < 500 || strings.Contains(rec.Body.String(), "sql") {
		t.Errorf("a closed database: %d %s", rec.Code, rec.Body)
	}
}

func TestReadinessSaysWhatButNotWhy(t *testing.T) {
	t.Parallel()
	c := newCompanyWith(t, options{ready: []Check{
		{Name: "database", Vital: true, Ask: func(context.Context) error { return nil }},
		{Name: "redis", Ask: func(context.Context) error { return errors.New("dial 10.0.0.7: WhyCanary") }},
	}})
	rec := c.do(request{method: "GET", path: "/readyz"})
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), `"redis":"degraded"`) || strings.Contains(rec.Body.String(), "WhyCanary") {
		t.Errorf("degraded: %d %s", rec.Code, rec.Body)
	}
	c = newCompanyWith(t, options{ready: []Check{
		{Name: "database", Vital: true, Ask: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
	}})
	began := time.Now()
	rec = c.do(request{method: "GET", path: "/readyz"})
	if rec.Code != 503 || !strings.Contains(rec.Body.String(), `"database":"failed"`) || rec.Header().Get("Retry-After") == "" || time.Since(began) > 5*checkTime {
		t.Errorf("a check that hangs: %d %s after %s", rec.Code, rec.Body, time.Since(began))
	}
}
