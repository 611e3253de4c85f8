package simulator

import (
	"bytes"
	"fmt"
	"image/png"
	"strings"
	"testing"
	"time"
)

func TestContactWayRules(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob", "idle")
	b.act("staff_update", m{"userid": "idle", "status": 4})
	var crowd []string
	for i := range 101 {
		crowd = append(crowd, fmt.Sprintf("m%03d", i))
	}
	b.staff(crowd...)
	tests := []struct {
		name string
		body m
		code int
	}{
		{"single", m{"type": 1, "scene": 2, "user": []string{"ann"}}, 0},
		{"multi", m{"type": 2, "scene": 2, "user": []string{"ann", "bob"}}, 0},
		{"single with two", m{"type": 1, "scene": 2, "user": []string{"ann", "bob"}}, 40058},
		{"multi with nobody", m{"type": 2, "scene": 2}, 40058},
		{"bad type", m{"type": 3, "scene": 2, "user": []string{"ann"}}, 41039},
		{"bad scene", m{"type": 1, "scene": 0, "user": []string{"ann"}}, 41040},
		{"bad style", m{"type": 1, "scene": 1, "style": 9, "user": []string{"ann"}}, 41042},
		{"inactive member", m{"type": 1, "scene": 2, "user": []string{"idle"}}, 41054},
		{"unknown member", m{"type": 1, "scene": 2, "user": []string{"ghost"}}, 41054},
		{"unknown department", m{"type": 2, "scene": 2, "party": []int{77}}, 60123},
		{"state of 30", m{"type": 1, "scene": 2, "user": []string{"ann"}, "state": strings.Repeat("状", 30)}, 0},
		{"state of 31", m{"type": 1, "scene": 2, "user": []string{"ann"}, "state": strings.Repeat("状", 31)}, 40058},
		{"100 members", m{"type": 2, "scene": 2, "user": crowd[:100]}, 0},
		{"101 members", m{"type": 2, "scene": 2, "user": crowd}, 41041},
		{"101 by department", m{"type": 2, "scene": 2, "party": []int{1}}, 41041},
		{"conclusions without temp", m{"type": 1, "scene": 2, "user": []string{"ann"}, "conclusions": m{"text": m{"content": "bye"}}}, 40058},
		{"empty siblings as the SDK sends them", m{"type": 1, "scene": 2, "user": []string{"ann"}, "is_temp": false, "expires_in": 0, "unionid": "",
			"conclusions": m{"text": m{"content": ""}, "image": m{"media_id": ""}, "link": m{"title": ""}, "miniprogram": m{"title": ""}}}, 0},
		{"temp", m{"type": 1, "scene": 2, "user": []string{"ann"}, "is_temp": true, "conclusions": m{"text": m{"content": "bye"}}}, 0},
		{"temp of 15 days", m{"type": 1, "scene": 2, "user": []string{"ann"}, "is_temp": true, "expires_in": 15 * 86400}, 40058},
		{"temp multi", m{"type": 2, "scene": 2, "user": []string{"ann"}, "is_temp": true}, 40058},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { b.want(tt.code, b.api("externalcontact/add_contact_way", tt.body)) })
	}
}

func TestContactWayLife(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob")
	made := b.want(0, b.api("externalcontact/add_contact_way", m{"type": 2, "scene": 2, "user": []string{"ann"}, "state": "s1", "remark": "门店"}))
	id := made["config_id"].(string)
	if len(id) != 32 {
		t.Errorf("config_id %q", id)
	}
	get := func() m {
		return b.want(0, b.api("externalcontact/get_contact_way", m{"config_id": id}))["contact_way"].(m)
	}
	if w := get(); w["skip_verify"] != true || w["mark_source"] != true || w["state"] != "s1" || w["qr_code"] != made["qr_code"] {
		t.Errorf("got %v", w)
	}
	status, image := b.do("GET", strings.TrimPrefix(made["qr_code"].(string), b.url), nil)
	if cfg, err := png.DecodeConfig(bytes.NewReader(image)); status != 200 || err != nil || cfg.Width != 300 {
		t.Errorf("qr_code: status %d, %v, %v", status, cfg, err)
	}

	b.want(0, b.api("externalcontact/update_contact_way", m{"config_id": id, "user": []string{"bob"}}))
	if w := get(); fmt.Sprint(w["user"]) != "[bob]" || w["remark"] != "门店" {
		t.Errorf("after update %v", w)
	}
	b.want(40058, b.api("externalcontact/update_contact_way", m{"config_id": id, "type": 1}))
	b.want(40058, b.api("externalcontact/update_contact_way", m{"config_id": id, "scene": 1}))
	b.want(40058, b.api("externalcontact/update_contact_way", m{"config_id": id, "is_temp": true}))
	b.want(41054, b.api("externalcontact/update_contact_way", m{"config_id": id, "user": []string{"ghost"}}))
	if w := get(); fmt.Sprint(w["user"]) != "[bob]" {
		t.Errorf("a refused update changed %v", w)
	}
	b.want(41044, b.api("externalcontact/get_contact_way", m{"config_id": "x"}))
	b.want(0, b.api("externalcontact/del_contact_way", m{"config_id": id}))
	b.want(41044, b.api("externalcontact/del_contact_way", m{"config_id": id}))
}

func TestContactWayListAndExpiry(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	for range 5 {
		b.way("", "ann")
	}
	temp := b.want(0, b.api("externalcontact/add_contact_way", m{"type": 1, "scene": 2, "user": []string{"ann"}, "is_temp": true, "expires_in": 60}))
	n, cursor := 0, ""
	for {
		r := b.want(0, b.api("externalcontact/list_contact_way", m{"limit": 2, "cursor": cursor}))
		n += len(r["contact_way"].([]any))
		if cursor = r["next_cursor"].(string); cursor == "" {
			break
		}
	}
	if n != 5 {
		t.Errorf("listed %d, want the 5 permanent ones", n)
	}
	b.advance(time.Minute)
	b.want(41044, b.api("externalcontact/update_contact_way", m{"config_id": temp["config_id"], "remark": "x"}))
	if status, out := b.do("POST", "/_sim/act/scan", m{"config_id": temp["config_id"]}); status != 400 {
		t.Errorf("an expired way was scanned: %s", out)
	}
	b.ctl("PUT", "/_sim/config", m{"max_contact_ways": 6})
	b.want(41045, b.api("externalcontact/add_contact_way", m{"type": 1, "scene": 2, "user": []string{"ann"}}))
	b.advance(91 * 24 * time.Hour)
	b.tok = b.token(firstAgent)
	if old := b.want(0, b.api("externalcontact/list_contact_way", m{}))["contact_way"].([]any); len(old) != 0 {
		t.Errorf("older than 90 days: %v", old)
	}
}

func TestExclusiveWayKeepsTheMember(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("a1", "a2", "a3", "a4")
	r := b.want(0, b.api("externalcontact/add_contact_way", m{"type": 2, "scene": 2, "user": []string{"a1", "a2", "a3", "a4"}, "is_exclusive": true}))
	first := b.act("scan", m{"config_id": r["config_id"]})
	for range 8 {
		again := b.act("scan", m{"config_id": r["config_id"], "person": first["person"]})
		if again["userid"] != first["userid"] || again["already"] != true {
			t.Fatalf("again %v, first %v", again, first)
		}
	}
}
