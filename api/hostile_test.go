package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"zhiyin/model"
	"zhiyin/service/privacy"
)

// script is what a page would run if a text were taken for part of it.
const script = `<img src=x onerror=alert(9)>`

// outsiders are the columns whose texts customers, the platform or shops write, by table.
var outsiders = map[string][]string{
	"customer": {"name", "city", "corp_name", "first_source"}, "relation": {"remark", "description", "state", "remark_corp_name"}, "tag": {"name"}, "tag_group": {"name"},
	"channel_code": {"name", "source_name"}, "customer_touch": {"campaign", "link", "referrer"}, "customer_note": {"body"}, "product": {"name"}, "customer_order": {"shop"},
	"visit": {"user_agent"}, "staff": {"name", "alias", "position"}, "task": {"title"}, "segment": {"name"}, "journey": {"name"}, "campaign": {"name"}, "coupon_batch": {"name"},
}

// TestV9_StoredScriptsAreOnlyData: whatever stands in the texts of outsiders, what staff are answered is data which no browser takes for a page.
// That such texts arrive as they are, by callback, is TestV9_ScriptsFromThePlatform of the whole house.
func TestV9_StoredScriptsAreOnlyData(t *testing.T) {
	c := newCompany(t)
	for table, columns := range outsiders {
		var ids []int64
		if err := c.db.Table(table).Pluck("id", &ids).Error; err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			for _, column := range columns {
				// With the id, because some names have to differ.
				if err := c.db.Exec("UPDATE "+table+" SET "+column+" = ? WHERE id = ?", fmt.Sprint(script, id), id).Error; err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	harmless := []string{"application/json", "application/problem+json", "application/openapi+json", "text/csv", "text/event-stream", "image/png", "image/jpeg",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
	shown := 0
	c.eachRoute(func(r Route, k call) {
		if r.Method != http.MethodGet {
			return
		}
		q := c.requestOf(r, k)
		q.token = c.tokenOf(r, "admin")
		rec := c.do(q)
		h := rec.Header()
		kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
		if rec.Code != 200 || !slices.Contains(harmless, kind) || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'self'") {
			t.Errorf("%s: %d %v", r.name(), rec.Code, h)
		}
		if strings.HasPrefix(kind, "text/csv") && !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s is shown, and not saved: %v", r.name(), h)
		}
		for name, values := range h {
			if strings.Contains(strings.Join(values, ""), "onerror") {
				t.Errorf("%s: the header %s holds a stored text", r.name(), name)
			}
		}
		if strings.Contains(rec.Body.String(), "onerror") {
			shown++
		}
	})
	t.Logf("%d routes show such texts", shown)
	if shown < 25 {
		t.Errorf("only %d routes show such texts", shown)
	}
}

// TestV9_ScriptsFromTheMiniProgram: what arrives with a sign-in, its headers and its events is kept as it is, and staff are shown it as data.
func TestV9_ScriptsFromTheMiniProgram(t *testing.T) {
	m := newMini(t)
	rec := m.do(request{method: "POST", path: miniPrefix + "/sign-in", header: http.Header{"User-Agent": {script}, "Referer": {"https://" + script}}, body: map[string]any{
		"account": "shop", "code": "hostile", "from": map[string]any{"campaign": script, "link": script, "referrer": script},
	}})
	if rec.Code != 200 {
		t.Fatalf("sign in: %d %s", rec.Code, rec.Body)
	}
	token := decode[struct{ Token string }](t, rec.Body.Bytes()).Token
	m.agree(token, privacy.Profile)
	if rec := m.call("PUT", "/me/profile", token, map[string]any{"nickname": script, "city": script}); rec.Code != 200 {
		t.Fatalf("profile: %d %s", rec.Code, rec.Body)
	}
	var identity model.Identity
	if err := m.db.Take(&identity, "kind = 'openid' AND value LIKE '%hostile'").Error; err != nil {
		t.Fatal(err)
	}
	shown := ""
	for _, part := range []string{"", "/profile", "/events", "/tags", "/consents"} {
		rec := m.do(request{method: "GET", path: "/api/console/customers/" + m.ids.Of(model.KindCustomer, identity.CustomerID) + part, token: m.tokens["admin"]})
		if rec.Code != 200 || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") || rec.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", part, rec.Code, rec.Header())
		}
		shown += rec.Body.String()
	}
	if n := strings.Count(shown, "onerror"); n < 4 {
		t.Errorf("staff are shown %d such texts: %s", n, shown)
	}
	var touch model.CustomerTouch
	if err := m.db.Take(&touch, "customer_id = ? AND place = 'first'", identity.CustomerID).Error; err != nil || touch.Link != script || touch.Referrer != script || touch.Campaign != script {
		t.Errorf("%+v, %v", touch, err)
	}
	var visit model.Visit
	if err := m.db.Take(&visit, "customer_id = ?", identity.CustomerID).Error; err != nil || visit.UserAgent != script {
		t.Errorf("%+v, %v", visit, err)
	}
}
