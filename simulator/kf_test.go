package simulator

import (
	"strings"
	"testing"
	"time"
)

func TestKfWindow(t *testing.T) {
	b := newBench(t, Options{})
	kf := dig(b.want(0, b.api("kf/account/list", m{"offset": 0, "limit": 100})), "account_list", 0, "open_kfid").(string)
	wrote := b.act("kf_text", m{"text": "有货吗"})
	to, person := wrote["external_userid"], wrote["person"]
	send := func(id string) m {
		return b.api("kf/send_msg", m{"touser": to, "open_kfid": kf, "msgid": id, "msgtype": "text", "text": m{"content": "有的"}})
	}
	b.want(95000, b.api("kf/send_msg", m{"touser": "wmnobody", "open_kfid": kf, "msgtype": "text", "text": m{"content": "x"}}))
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		b.want(0, send(id))
	}
	b.want(0, send("a")) // known: said again, sent once
	b.want(95001, send("f"))
	b.act("kf_text", m{"person": person})
	b.want(0, send("f"))
	b.advance(48*time.Hour + time.Second)
	b.tok = b.token(firstAgent)
	b.want(95002, send("g"))
	b.want(40058, send(strings.Repeat("x", 33)))
	b.want(95004, b.api("kf/send_msg", m{"touser": to, "open_kfid": "wkno", "msgtype": "text", "text": m{"content": "x"}}))
	b.ctl("PUT", "/_sim/config", m{"kf_repeat_errcode": 95011})
	b.want(95011, send("a"))
	sent := 0
	for _, msg := range dig(b.ctl("GET", "/_sim/kf", nil), "accounts", kf, "messages").([]any) {
		if dig(msg, "origin") == 0.0 {
			sent++
		}
	}
	if sent != 6 {
		t.Errorf("%d messages reached the customer, want 6", sent)
	}
}

func TestKfSync(t *testing.T) {
	b := newBench(t, Options{})
	l := b.listen("xml")
	wrote := b.act("kf_text", m{"text": "在吗", "refuses": true})
	kf := wrote["open_kfid"].(string)
	call := l.await(1)[0].Fields
	if call["Event"] != "kf_msg_or_event" || call["OpenKfId"] != kf || call["Token"] == "" {
		t.Fatalf("callback %v", call)
	}
	sync := func(cursor, token any, limit int) m {
		return b.api("kf/sync_msg", m{"open_kfid": kf, "cursor": cursor, "token": token, "limit": limit})
	}
	b.want(95007, sync("", "nonsense", 0))
	r := b.want(0, sync("", call["Token"], 0))
	if dig(r, "msg_list", 0, "text", "content") != "在吗" || dig(r, "msg_list", 0, "origin") != 3.0 || r["has_more"] != 0.0 {
		t.Errorf("first page %v", r)
	}
	// What the API sends is not listed; that it did not arrive is. A page may be empty and not the last.
	b.want(0, b.api("kf/send_msg", m{"touser": wrote["external_userid"], "open_kfid": kf, "msgid": "x1", "msgtype": "text", "text": m{"content": "在"}}))
	page := b.want(0, sync(r["next_cursor"], "", 1))
	if len(page["msg_list"].([]any)) != 0 || page["has_more"] != 1.0 {
		t.Errorf("empty page %v", page)
	}
	page = b.want(0, sync(page["next_cursor"], "", 1))
	if dig(page, "msg_list", 0, "event", "fail_msgid") != "x1" || dig(page, "msg_list", 0, "event", "fail_type") != 10.0 {
		t.Errorf("failure %v", page)
	}
	b.advance(11 * time.Minute)
	b.want(95007, sync("", call["Token"], 0))
}

func TestTemplateCards(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	send := func(card m) m {
		return b.api("message/send", m{"touser": "ann", "agentid": firstAgent, "msgtype": "template_card", "template_card": card, "enable_duplicate_check": 1})
	}
	notice := m{"card_type": "text_notice", "main_title": m{"title": "待发消息", "desc": "3 位客户"}, "card_action": m{"type": 1, "url": "https://example.com"}}
	b.want(0, send(notice))
	b.want(0, send(notice)) // a repeat is dropped
	if got := b.ctl("GET", "/_sim/messages", nil)["messages"].([]any); len(got) != 1 {
		t.Errorf("%d messages", len(got))
	}
	b.want(40058, send(m{"card_type": "text_notice", "main_title": m{"title": "x"}}))
	b.want(40058, send(m{"card_type": "hologram", "main_title": m{"title": "x"}}))
	buttons := m{"card_type": "button_interaction", "task_id": "t-1", "main_title": m{"title": "审批"}, "button_list": []m{{"text": "同意", "key": "yes"}}}
	if r := b.want(0, send(buttons)); r["response_code"] == nil {
		t.Error("no response_code")
	}
	buttons["main_title"] = m{"title": "另一个"}
	b.want(40058, send(buttons)) // the task id has been used
}
