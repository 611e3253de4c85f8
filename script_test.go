package main

import (
	"strings"
	"testing"
	"time"

	"zhiyin/api/console"
	"zhiyin/simulator"
)

// TestV9_ScriptsFromThePlatform: names, remarks, tags, groups and channels that hold a script arrive by callback and by synchronising as they are, and the
// console answers them as data.
func TestV9_ScriptsFromThePlatform(t *testing.T) {
	const script = `<script>alert(9)</script>`
	h := newHome(t, setting{company: simulator.Company{Staff: 3, Customers: 5, Tags: 8, Groups: 1}})
	h.sim.post("/act/tag_create", object{"group": "<b>" + script, "names": []string{script}}, nil)
	h.synchronise(30 * time.Second)
	code := h.newCode(script, object{"source_name": script, "remark_pattern": "{{客户昵称}}"}, "staff0001")
	who := h.scan(code.State, object{"name": script})
	h.settled(10 * time.Second)
	h.sim.post("/act/edit", object{"userid": who.UserID, "external_userid": who.External, "remark": script, "description": script}, nil)
	chat := h.world().GroupList[0].ID
	h.sim.post("/act/group_change", object{"chat_id": chat, "name": script}, nil)
	h.settled(20 * time.Second)

	for path, want := range map[string]int{"/customers?channel_code_id=" + code.ID: 3, "/tag-groups?account_id=" + h.account: 2, "/channel-codes?account_id=" + h.account: 2, "/groups?account_id=" + h.account: 1} {
		eventually(t, 10*time.Second, path+" shows what was written", func() bool {
			status, answer := h.console.call("GET", path, nil, nil)
			n := strings.Count(answer, script) + strings.Count(answer, `\u003cscript\u003ealert(9)\u003c/script\u003e`)
			return status == 200 && n >= want
		})
	}
	if list := list[console.Customer](h.console, "/customers?channel_code_id="+code.ID); len(list) != 1 || list[0].Name != script || list[0].Relations[0].Remark != script {
		t.Errorf("%+v", list)
	}
}
