package api

import (
	"strings"
	"testing"
)

// TestS26_CustomersOwnWords goes through both faces: refused at once, held, seen by staff, and let go by a person.
func TestS26_CustomersOwnWords(t *testing.T) {
	m := newMini(t)
	token := m.customer("anna")
	m.agree(token, "profile")
	rec := m.patient("PUT", "/me/profile", token, map[string]any{"nickname": "小明", "city": "杭州"})
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), `"held":[]`) {
		t.Errorf("words that pass: %d %s", rec.Code, rec.Body)
	}
	rec = m.patient("PUT", "/me/profile", token, map[string]any{"nickname": "违规", "preferences": map[string]any{"hobby": []string{"违规爱好"}}})
	problemOf(t, "risky words", rec, 422, "moderation.risky")
	for _, field := range []string{`"nickname"`, `"preferences.hobby"`} {
		if !strings.Contains(rec.Body.String(), field) {
			t.Errorf("%s is not named: %s", field, rec.Body)
		}
	}
	rec = m.patient("PUT", "/me/profile", token, map[string]any{"nickname": "待审", "avatar": "https://wx.qlogo.cn/1"})
	if text := rec.Body.String(); rec.Code != 200 || !strings.Contains(text, `"nickname":"待审"`) ||
		!strings.Contains(text, `{"field":"nickname","state":"waiting"}`) || !strings.Contains(text, `{"field":"avatar","state":"waiting"}`) {
		t.Errorf("one's own profile: %d %s", rec.Code, text)
	}

	console := func(method, path string, body any) map[string]any {
		t.Helper()
		rec := m.do(request{method: method, path: "/api/console" + path, token: m.session(operatorID), body: body})
		if rec.Code >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, rec.Code, rec.Body)
		}
		if rec.Body.Len() == 0 {
			return nil
		}
		return decode[map[string]any](t, rec.Body.Bytes())
	}
	var held map[string]any
	for _, it := range console("GET", "/content-checks", nil)["items"].([]any) {
		if it := it.(map[string]any); it["content"] == "待审" {
			held = it
		}
	}
	if held == nil || held["field"] != "name" || held["state"] != "review" || held["reason"] != "unsure" {
		t.Fatalf("to decide: %v", held)
	}
	profile := "/customers/" + held["customer_id"].(string) + "/profile"
	if marks := console("GET", profile, nil)["held"].([]any); len(marks) != 2 {
		t.Errorf("staff see the marks %v", marks)
	}
	decision := "/content-checks/" + held["id"].(string) + "/decision"
	problemOf(t, "of another version", m.do(request{method: "PUT", path: "/api/console" + decision, token: m.session(operatorID), body: map[string]any{"version": "00", "pass": true}}),
		409, "moderation.changed")
	console("PUT", decision, map[string]any{"version": held["version"], "pass": false, "note": "不雅"})
	if rec := m.patient("GET", "/me/profile", token, nil); !strings.Contains(rec.Body.String(), `{"field":"nickname","state":"refused"}`) {
		t.Errorf("after a refusal: %s", rec.Body)
	}
	problemOf(t, "the same again", m.patient("PUT", "/me/profile", token, map[string]any{"nickname": "待审"}), 422, "moderation.risky")
}
