package simulator

import (
	"fmt"
	"strings"
	"testing"
)

func TestGroups(t *testing.T) {
	b := newBench(t, Options{Company: Company{Staff: 4, Customers: 60, Groups: 7}})
	ids, cursor := []string{}, ""
	for {
		r := b.want(0, b.api("externalcontact/groupchat/list", m{"limit": 3, "cursor": cursor}))
		for _, g := range r["group_chat_list"].([]any) {
			ids = append(ids, dig(g, "chat_id").(string))
		}
		if cursor = r["next_cursor"].(string); cursor == "" {
			break
		}
	}
	if len(ids) != 7 {
		t.Fatalf("listed %v", ids)
	}
	g := b.want(0, b.api("externalcontact/groupchat/get", m{"chat_id": ids[0], "need_name": 1}))["group_chat"].(m)
	members := g["member_list"].([]any)
	if len(members) < 2 || dig(members, 0, "userid") != g["owner"] || dig(members, 1, "name") == "" {
		t.Errorf("got %v", g)
	}
	if g := b.api("externalcontact/groupchat/get", m{"chat_id": ids[0]})["group_chat"]; dig(g, "member_list", 1, "name") != nil {
		t.Error("names without need_name")
	}
	b.want(40058, b.api("externalcontact/groupchat/list", m{}))
	b.want(40058, b.api("externalcontact/groupchat/list", m{"limit": 1001}))
	b.want(86003, b.api("externalcontact/groupchat/get", m{"chat_id": "wrnone"}))
	owned := b.want(0, b.api("externalcontact/groupchat/list", m{"limit": 100, "owner_filter": m{"userid_list": []string{"staff0001"}}}))
	if n := len(owned["group_chat_list"].([]any)); n != 2 {
		t.Errorf("staff0001 owns %d", n)
	}
	b.act("staff_resign", m{"userid": "staff0001"})
	left := b.want(0, b.api("externalcontact/groupchat/list", m{"limit": 100, "status_filter": 1}))
	if n := len(left["group_chat_list"].([]any)); n != 2 {
		t.Errorf("%d groups of an owner who left", n)
	}
}

func TestGroupEvents(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob")
	l := b.listen("xml")
	ext := b.befriended("ann")
	chat := b.act("group_create", m{"owner": "ann", "name": "群", "external_userids": []string{ext}})
	id := chat["chat_id"].(string)
	version := chat["version"].(string)
	b.act("group_join", m{"chat_id": id, "n": 2})
	joined := b.api("externalcontact/groupchat/get", m{"chat_id": id})["group_chat"].(m)
	someone := dig(joined, "member_list", 2, "userid").(string)
	b.act("group_leave", m{"chat_id": id, "ids": []string{someone}, "removed": true})
	b.act("group_change", m{"chat_id": id, "name": "新名"})
	b.act("group_change", m{"chat_id": id, "owner": "bob"})
	b.act("group_dismiss", m{"chat_id": id})
	b.ctl("POST", "/_sim/callbacks/wait", nil)
	by := map[string]map[string]string{}
	for _, h := range l.await(7) {
		by[h.Fields["ChangeType"]+h.Fields["UpdateDetail"]] = h.Fields
	}
	join := by["updateadd_member"]
	if join["JoinScene"] != "3" || join["MemChangeCnt"] != "2" || join["LastMemVer"] != version || join["CurMemVer"] != joined["member_version"] ||
		strings.Count(join["MemChangeList"], "<Item>") != 2 || !strings.Contains(join["MemChangeList"], someone) {
		t.Errorf("join event %v", join)
	}
	if gone := by["updatedel_member"]; gone["QuitScene"] != "1" || gone["MemChangeCnt"] != "1" {
		t.Errorf("leave event %v", gone)
	}
	for _, k := range []string{"create", "updatechange_name", "updatechange_owner", "dismiss"} {
		if by[k]["ChatId"] != id {
			t.Errorf("event %s: %v", k, by[k])
		}
	}
	b.want(86003, b.api("externalcontact/groupchat/get", m{"chat_id": id}))
}

func TestMessages(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("Ann", "bob")
	send := func(body m) m {
		body["agentid"] = firstAgent
		return b.api("message/send", body)
	}
	text := m{"content": "待办"}
	r := b.want(0, send(m{"touser": "Ann|GHOST", "msgtype": "text", "text": text}))
	if r["invaliduser"] != "ghost" {
		t.Errorf("invaliduser %v", r["invaliduser"])
	}
	b.want(81013, send(m{"touser": "ghost", "msgtype": "text", "text": text}))
	b.want(44004, send(m{"touser": "ann", "msgtype": "text", "text": m{"content": ""}}))
	b.want(301002, b.api("message/send", m{"touser": "ann", "msgtype": "text", "text": text, "agentid": 7}))
	b.want(0, b.api("message/send", m{"touser": "ann", "msgtype": "text", "text": text, "agentid": fmt.Sprint(firstAgent)}))
	b.want(0, send(m{"touser": "@all", "msgtype": "textcard", "textcard": m{"title": "t", "description": "d", "url": "https://x"}}))
	for range 3 { // repeats are dropped without a word
		b.want(0, send(m{"touser": "bob", "msgtype": "text", "text": m{"content": "same"}, "enable_duplicate_check": 1}))
	}
	if got := b.ctl("GET", "/_sim/messages", nil)["messages"].([]any); len(got) != 4 {
		t.Errorf("%d messages arrived, want 4", len(got))
	}
	for range 40 {
		b.want(0, send(m{"touser": "bob", "msgtype": "text", "text": text}))
	}
	n := 0
	for _, x := range b.ctl("GET", "/_sim/messages", nil)["messages"].([]any) {
		if fmt.Sprint(dig(x, "to")) == "[bob]" {
			n++
		}
	}
	if n != 29 { // the card to everybody was the thirtieth
		t.Errorf("%d messages to bob in a minute, want 29 besides the card", n)
	}
}
