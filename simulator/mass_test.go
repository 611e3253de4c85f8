package simulator

import (
	"fmt"
	"testing"
	"time"
)

// friends makes n customers of a member and returns their ids.
func (b *bench) friends(user string, n int) []any {
	b.t.Helper()
	var ids []any
	for range n {
		ids = append(ids, b.befriended(user))
	}
	return ids
}

func (b *bench) mass(body m) string {
	b.t.Helper()
	if body["text"] == nil {
		body["text"] = m{"content": "新品上架"}
	}
	id := b.want(0, b.api("externalcontact/add_msg_template", body))["msgid"].(string)
	b.advance(2 * time.Second)
	return id
}

func (b *bench) statuses(id, user string) string {
	b.t.Helper()
	text := ""
	for _, row := range b.want(0, b.api("externalcontact/get_groupmsg_send_result", m{"msgid": id, "userid": user}))["send_list"].([]any) {
		text += fmt.Sprint(dig(row, "status"))
	}
	return text
}

func TestMassMessageIsOnlyATask(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob")
	ids := b.friends("ann", 3)
	stranger := b.befriended("bob")
	r := b.want(0, b.api("externalcontact/add_msg_template", m{
		"sender": "ann", "external_userid": append(ids, stranger, "wmnobody", ids[0]), "text": m{"content": "新品上架"},
	}))
	id := r["msgid"].(string)
	if fmt.Sprint(r["fail_list"]) != fmt.Sprint([]any{stranger, "wmnobody", ids[0]}) {
		t.Errorf("fail_list %v", r["fail_list"])
	}
	b.want(41063, b.api("externalcontact/get_groupmsg_task", m{"msgid": id}))
	b.want(41063, b.api("externalcontact/get_groupmsg_send_result", m{"msgid": id, "userid": "ann"}))
	b.advance(2 * time.Second)
	tasks := b.want(0, b.api("externalcontact/get_groupmsg_task", m{"msgid": id}))["task_list"].([]any)
	if len(tasks) != 1 || dig(tasks, 0, "userid") != "ann" || dig(tasks, 0, "status") != 0.0 || dig(tasks, 0, "send_time") != nil {
		t.Errorf("tasks %v", tasks)
	}
	if got := b.statuses(id, "ann"); got != "000" {
		t.Errorf("before: %s", got)
	}
	b.act("customer_deletes", m{"userid": "ann", "external_userid": ids[1]})
	b.act("mass_confirm", m{"msgid": id, "userid": "ann"})
	if got := b.statuses(id, "ann"); got != "121" {
		t.Errorf("after: %s", got)
	}
	if tasks := b.want(0, b.api("externalcontact/get_groupmsg_task", m{"msgid": id}))["task_list"].([]any); dig(tasks, 0, "status") != 2.0 {
		t.Errorf("tasks %v", tasks)
	}
	b.want(41047, b.api("externalcontact/get_groupmsg_task", m{"msgid": "msgnone"}))
	b.want(41046, b.api("externalcontact/get_groupmsg_task", m{}))
}

func TestMassMessageWithoutSender(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob")
	ids := b.friends("ann", 2)
	b.advance(time.Minute)
	person := b.corp().Customers[ids[0].(string)].Person
	b.act("add", m{"userid": "bob", "person": person}) // who met him last sends
	id := b.mass(m{"external_userid": ids})
	tasks := b.want(0, b.api("externalcontact/get_groupmsg_task", m{"msgid": id}))["task_list"].([]any)
	if len(tasks) != 2 {
		t.Fatalf("tasks %v", tasks)
	}
	if b.statuses(id, "ann")+"/"+b.statuses(id, "bob") != "0/0" {
		t.Error("each member has one customer")
	}
	all := b.mass(m{"sender": "ann"})
	if b.statuses(all, "ann") != "00" {
		t.Error("a sender alone means all his customers")
	}
	tag := dig(b.addTags("g", "vip")[0], "id")
	b.want(0, b.api("externalcontact/mark_tag", m{"userid": "ann", "external_userid": ids[1], "add_tag": []any{tag}}))
	tagged := b.mass(m{"tag_filter": m{"group_list": []m{{"tag_list": []any{tag}}}}})
	if b.statuses(tagged, "ann") != "0" {
		t.Error("a tag filter selects")
	}
}

func TestMassMessageRefusals(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	b.befriended("ann")
	many := make([]string, 10_001)
	hi := m{"content": "hi"}
	for code, body := range map[int]m{
		40058: {"external_userid": many, "text": hi},
		41048: {"sender": "ann", "external_userid": []string{"wmnobody"}, "text": hi},
		60111: {"sender": "nobody", "text": hi},
		41064: {"sender": "ann", "attachments": make([]m, 10)},
		40007: {"sender": "ann", "attachments": []m{{"msgtype": "image", "image": m{"media_id": "x"}}}},
	} {
		b.want(code, b.api("externalcontact/add_msg_template", body))
	}
	b.want(40058, b.api("externalcontact/add_msg_template", m{"text": hi}))
	b.want(40058, b.api("externalcontact/add_msg_template", m{"chat_type": "group", "text": hi}))
}

func TestMassQuota(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	ids := b.friends("ann", 2)
	b.act("mass_personal", m{"external_userid": ids[:1], "times": 30})
	for n, want := range []string{"11", "31"} { // March has 31 days: one is left for the first
		id := b.mass(m{"sender": "ann", "external_userid": ids})
		b.act("mass_confirm", m{"msgid": id})
		if got := b.statuses(id, "ann"); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	b.ctl("POST", "/_sim/clock", m{"set": "2026-04-01T04:00:00Z"})
	b.tok = b.token(firstAgent)
	id := b.mass(m{"sender": "ann", "external_userid": ids})
	b.act("mass_confirm", m{"msgid": id})
	if got := b.statuses(id, "ann"); got != "11" {
		t.Errorf("next month: %s", got)
	}
	b.ctl("PUT", "/_sim/config", m{"mass_rule": "day"})
	for _, want := range []string{"11", "33"} {
		id := b.mass(m{"sender": "ann", "external_userid": ids})
		b.act("mass_confirm", m{"msgid": id})
		if got := b.statuses(id, "ann"); got != want {
			t.Errorf("one a day: %s, want %s", got, want)
		}
	}
}

func TestMassRemindAndCancel(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	ids := b.friends("ann", 1)
	id := b.mass(m{"sender": "ann", "external_userid": ids})
	remind := func(want int) {
		t.Helper()
		b.want(want, b.api("externalcontact/remind_groupmsg_send", m{"msgid": id}))
	}
	remind(0)
	remind(0)
	remind(0)
	remind(41094)
	b.advance(24 * time.Hour)
	b.tok = b.token(firstAgent)
	remind(0)
	b.want(0, b.api("externalcontact/cancel_groupmsg_send", m{"msgid": id}))
	b.want(41093, b.api("externalcontact/cancel_groupmsg_send", m{"msgid": id}))
	remind(41093)
	if r := b.act("mass_confirm", m{}); r["confirmed"] != 0.0 {
		t.Error("a cancelled message was sent")
	}
}

func TestMassListPagesAndGroups(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob")
	ids := b.friends("ann", 1)
	mine := b.act("group_create", m{"owner": "ann", "name": "一群"})["chat_id"]
	other := b.act("group_create", m{"owner": "bob", "name": "二群"})["chat_id"]
	r := b.want(0, b.api("externalcontact/add_msg_template", m{"chat_type": "group", "sender": "ann", "chat_id_list": []any{mine, other}, "text": m{"content": "群里好"}}))
	if fmt.Sprint(r["fail_list"]) != fmt.Sprint([]any{other}) {
		t.Errorf("fail_list %v", r["fail_list"])
	}
	list := func(body m) m {
		body["start_time"], body["end_time"] = noon.Unix(), noon.Add(time.Hour).Unix()
		return b.want(0, b.api("externalcontact/get_groupmsg_list_v2", body))
	}
	if got := list(m{"chat_type": "group"})["group_msg_list"].([]any); len(got) != 0 {
		t.Error("a message that is being dispatched is listed")
	}
	for range 3 {
		b.mass(m{"sender": "ann", "external_userid": ids})
	}
	if got := list(m{"chat_type": "group"})["group_msg_list"].([]any); len(got) != 1 || dig(got, 0, "text", "content") != "群里好" {
		t.Errorf("groups: %v", got)
	}
	if got := b.statuses(r["msgid"].(string), "ann"); got != "" {
		t.Error("groups appear before they are sent to")
	}
	b.act("mass_confirm", m{"msgid": r["msgid"]})
	if got := b.statuses(r["msgid"].(string), "ann"); got != "1" {
		t.Errorf("group: %s", got)
	}
	first := list(m{"chat_type": "single", "limit": 2})
	rest := list(m{"chat_type": "single", "limit": 2, "cursor": first["next_cursor"]})
	if len(first["group_msg_list"].([]any)) != 2 || len(rest["group_msg_list"].([]any)) != 1 || rest["next_cursor"] != "" {
		t.Errorf("pages %v, %v", first, rest)
	}
	b.want(40058, b.api("externalcontact/get_groupmsg_list_v2", m{"chat_type": "single", "start_time": 1, "end_time": 2 + 31*day}))
}

func TestMembersConfirmByThemselves(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob")
	b.act("staff_update", m{"userid": "bob", "never_confirms": true})
	b.ctl("PUT", "/_sim/config", m{"mass_confirm_seconds": 600})
	a := b.mass(m{"sender": "ann", "external_userid": b.friends("ann", 1)})
	n := b.mass(m{"sender": "bob", "external_userid": b.friends("bob", 1)})
	if b.statuses(a, "ann") != "0" {
		t.Error("too early")
	}
	b.advance(10 * time.Minute)
	if got := b.statuses(a, "ann") + b.statuses(n, "bob"); got != "10" {
		t.Errorf("got %s", got)
	}
	if r := b.ctl("GET", "/_sim/mass?count=1", nil); r["sent"] != 1.0 || r["unsent"] != 1.0 {
		t.Errorf("counts %v", r)
	}
}

func TestMoments(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob")
	ids := b.friends("ann", 2)
	picture := b.want(0, b.upload("media/upload_attachment?media_type=image&attachment_type=1", "a.png", pngOf(t)))
	if _, ok := picture["created_at"].(float64); !ok {
		t.Errorf("created_at is %T, the platform says a number here", picture["created_at"])
	}
	plain := b.want(0, b.upload("media/upload?type=image", "a.png", pngOf(t)))["media_id"]
	image := func(id any) m { return m{"msgtype": "image", "image": m{"media_id": id}} }
	b.want(40007, b.api("externalcontact/add_moment_task", m{"attachments": []m{image(plain)}}))
	b.want(40058, b.api("externalcontact/add_moment_task", m{}))
	job := b.want(0, b.api("externalcontact/add_moment_task", m{
		"text": m{"content": "今日上新"}, "attachments": []m{image(picture["media_id"])},
		"visible_range": m{"sender_list": m{"user_list": []string{"ann", "nobody"}}},
	}))["jobid"].(string)
	ask := func() m { return b.want(0, b.api("externalcontact/get_moment_task_result?jobid="+job, nil)) }
	if r := ask(); r["status"] != 1.0 || r["result"] != nil {
		t.Errorf("at once: %v", r)
	}
	b.advance(2 * time.Second)
	r := ask()
	id := dig(r, "result", "moment_id").(string)
	if r["status"] != 3.0 || dig(r, "result", "invalid_sender_list", "user_list", 0) != "nobody" {
		t.Errorf("result %v", r)
	}
	tasks := func() any {
		return dig(b.want(0, b.api("externalcontact/get_moment_task", m{"moment_id": id})), "task_list", 0, "publish_status")
	}
	shown := func() int {
		return len(b.want(0, b.api("externalcontact/get_moment_send_result", m{"moment_id": id, "userid": "ann"}))["customer_list"].([]any))
	}
	if tasks() != 0.0 || shown() != 0 {
		t.Error("published by nobody")
	}
	if got := b.want(0, b.api("externalcontact/get_moment_customer_list", m{"moment_id": id, "userid": "ann"}))["customer_list"].([]any); len(got) != len(ids) {
		t.Errorf("%d may see it", len(got))
	}
	b.act("moment_publish", m{"moment_id": id})
	if tasks() != 1.0 || shown() != 2 {
		t.Error("not published")
	}
	list := b.want(0, b.api("externalcontact/get_moment_list", m{"start_time": noon.Unix(), "end_time": noon.Unix() + 60}))["moment_list"].([]any)
	if len(list) != 1 || dig(list, 0, "text", "content") != "今日上新" || len(dig(list, 0, "image").([]any)) != 1 {
		t.Errorf("list %v", list)
	}
	b.want(0, b.api("externalcontact/cancel_moment_task", m{"moment_id": id}))
	b.want(41089, b.api("externalcontact/cancel_moment_task", m{"moment_id": id}))
	b.want(41060, b.api("externalcontact/get_moment_task", m{"moment_id": "momnone"}))
	made := 0
	for range 10 {
		if b.api("externalcontact/add_moment_task", m{"text": m{"content": "x"}})["errcode"] == 0.0 {
			made++
		}
	}
	if made != 7 { // ten a minute, and the refused ones above count too
		t.Errorf("%d more made within the minute", made)
	}
}
