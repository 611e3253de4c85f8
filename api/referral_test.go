package api

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
)

// TestInvitationsInTheMiniApp is an invitation as two customers and an operator meet it.
func TestInvitationsInTheMiniApp(t *testing.T) {
	m := newMini(t)
	operator := m.session(operatorID)
	console := func(method, path string, body any) map[string]any {
		t.Helper()
		rec := m.do(request{method: method, path: "/api/console" + path, token: operator, body: body})
		if rec.Code/100 != 2 {
			t.Fatalf("%s %s: %d %s", method, path, rec.Code, rec.Body)
		}
		if rec.Code == 204 {
			return nil
		}
		return decode[map[string]any](t, rec.Body.Bytes())
	}
	made := console("POST", "/referrals", map[string]any{
		"name": "老带新", "from": noon, "until": noon.AddDate(0, 0, 30), "ask": "sign_in", "cool_off_days": 0, "link": "https://shop.example.com/i/{code}", "budget": map[string]any{},
		"steps": []any{map[string]any{"friends": 1, "kind": "points", "name": "30 积分", "points": 30}},
	})
	id := made["id"].(string)
	if text := jsonOf(made["warnings"]); !strings.Contains(text, "inducing_shares") || !strings.Contains(text, "no_ceiling") || !hasHan(text) {
		t.Errorf("warned of %s", text)
	}
	state := "/api/console/referrals/" + id + "/state"
	problemOf(t, "published unread", m.do(request{method: "PUT", path: state, token: operator, body: map[string]any{"state": "active"}}), 409, "referral.warnings_unread")
	inviter := m.customer("inviter")
	if rec := m.call("GET", "/referrals/"+id, inviter, nil); rec.Code != 404 {
		t.Errorf("a draft: %d %s", rec.Code, rec.Body)
	}
	console("PUT", "/referrals/"+id+"/state", map[string]any{"state": "active", "acknowledged": true})
	if by := console("GET", "/referrals/"+id, nil)["acknowledged_by"]; by != m.ids.Of(model.KindStaff, operatorID) {
		t.Errorf("acknowledged by %v", by)
	}

	type mine struct {
		Code, Link, Scene string
		Counted, Waiting  int
		Steps             []struct{ State string }
	}
	rec := m.call("POST", "/referrals/"+id+"/code", inviter, map[string]any{"device": "d1"})
	my := decode[mine](t, rec.Body.Bytes())
	if rec.Code != 200 || len(my.Code) != 16 || my.Link != "https://shop.example.com/i/"+my.Code || my.Scene != "r="+my.Code {
		t.Fatalf("my code: %d %s", rec.Code, rec.Body)
	}
	rec = m.call("GET", "/referrals/"+id+"/poster", inviter, nil)
	if _, err := png.Decode(bytes.NewReader(rec.Body.Bytes())); err != nil || rec.Header().Get("Content-Type") != "image/png" || rec.Header().Get("ETag") == "" {
		t.Errorf("the poster: %d %v %v", rec.Code, rec.Header(), err)
	}

	problemOf(t, "my own code", m.call("POST", "/referral-touches", inviter, map[string]any{"code": my.Code}), 409, "referral.self")
	problemOf(t, "no code", m.call("POST", "/referral-touches", inviter, map[string]any{"code": "' OR 1=1 --"}), 404, "referral.code")
	friend := m.customer("friend")
	rec = m.call("POST", "/referral-touches", friend, map[string]any{"code": my.Code, "device": "d2"})
	if got := decode[map[string]any](t, rec.Body.Bytes()); rec.Code != 200 || got["state"] != "waiting" || got["referral_id"] != id {
		t.Errorf("the touch: %d %s", rec.Code, rec.Body)
	}
	rec = m.call("GET", "/referrals/"+id+"/friends", inviter, nil)
	if text := rec.Body.String(); rec.Code != 200 || !strings.Contains(text, `"state":"waiting"`) || strings.Contains(text, `"id"`) || strings.Contains(text, "customer") {
		t.Errorf("friends: %d %s", rec.Code, text)
	}
	if rec := m.call("GET", "/referrals/"+id+"/friends", friend, nil); !strings.Contains(rec.Body.String(), `"items":[]`) {
		t.Errorf("somebody else's friends: %s", rec.Body)
	}

	m.clock.Advance(time.Minute)
	if err := m.referrals.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	my = decode[mine](t, m.call("GET", "/referrals/"+id, inviter, nil).Body.Bytes())
	if my.Counted != 1 || len(my.Steps) != 1 || my.Steps[0].State != "given" {
		t.Errorf("I have %+v", my)
	}
	if points := decode[map[string]any](t, m.call("GET", "/club", inviter, nil).Body.Bytes())["points"]; points != 30.0 {
		t.Errorf("%v points", points)
	}
	report := console("GET", "/referrals/"+id+"/report", nil)
	if report["counted"] != 1.0 || report["inviters"] != 1.0 || report["k_factor_bp"] != 10000.0 || jsonOf(report["levels"]) != "[1,0,0,0,0]" {
		t.Errorf("report %v", report)
	}
	edges := console("GET", "/referrals/"+id+"/edges?state=counted", nil)["items"].([]any)
	if len(edges) != 1 {
		t.Fatalf("edges %v", edges)
	}
	console("PUT", "/referral-edges/"+edges[0].(map[string]any)["id"].(string)+"/decision", map[string]any{"counts": false, "note": "刷单"})
	if got := console("GET", "/referrals/"+id+"/edges", nil)["items"].([]any)[0].(map[string]any); got["state"] != "refused" || got["reason"] != "person" || got["note"] != "刷单" {
		t.Errorf("decided %v", got)
	}
	problemOf(t, "other rules for what is out", m.do(request{method: "PUT", path: "/api/console/referrals/" + id, token: operator, body: map[string]any{
		"version": 1, "definition": with(referralBody)(m.company),
	}}), 409, "referral.fixed")
}

// TestCodesCannotBeTried: after a few wrong codes in a minute there is no answer at all.
func TestCodesCannotBeTried(t *testing.T) {
	m := newMini(t)
	token := m.customer("guesser")
	last := 0
	for range 20 {
		last = m.call("POST", "/referral-touches", token, map[string]any{"code": "0123456789abcdeg"}).Code
	}
	if last != 429 {
		t.Errorf("the twentieth guess: %d", last)
	}
}
