package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"zhiyin/api/console"
	"zhiyin/api/sidebar"
	"zhiyin/simulator"
)

// page is the sidebar's page in the browser of a member.
func (h *house) page() *client {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	p := newClient(h.t, "http://"+h.address+"/api/sidebar")
	p.http.Jar = jar
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p
}

// enter signs a member in as the page does: to the platform, and back with a code.
func (h *house) enter(userid string) *client {
	h.t.Helper()
	p := h.page()
	var begun struct {
		URL string `json:"url"`
	}
	p.post("/sign-in/begin", object{"account": testAccount, "page": "customer"}, &begun)
	res, err := p.http.Get(strings.Replace(begun.URL, "?", "?sim_user="+userid+"&", 1))
	if err != nil {
		h.t.Fatal(err)
	}
	res.Body.Close()
	back, err := res.Location()
	if err != nil || !strings.HasPrefix(back.String(), "http://"+h.address+"/sidebar/?") {
		h.t.Fatalf("the platform sends people to %v: %v", back, err)
	}
	p.post("/sign-in", object{"code": back.Query().Get("code"), "state": back.Query().Get("state")}, nil)
	return p
}

// TestSidebar goes the way of a page against the simulator, from opening it to the card, until the member leaves.
func TestSidebar(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 4, Customers: 12, Tags: 4}})
	h.synchronise(time.Minute)
	customer := h.simCustomers()[0].Customer
	userid := customer.Relations[0].UserID
	member := h.members()[userid]
	h.console.put("/staff/"+member.ID+"/roles", object{"roles": []string{"sales"}}, nil)

	p := h.enter(userid)
	var signed sidebar.Signatures
	p.post("/signatures", object{"url": "http://" + h.address + "/sidebar/?account=main"}, &signed)
	if signed.CorpID != h.corp.ID || signed.AgentID != h.corp.Apps[0].AgentID || signed.Config.Signature == "" || signed.Agent.Signature == "" {
		t.Errorf("signed: %+v", signed)
	}
	for range 20 {
		p.post("/signatures", object{"url": "http://" + h.address + "/sidebar/"}, nil)
	}
	if a, b := len(h.calls("get_jsapi_ticket")), len(h.calls("ticket/get")); a != 1 || b != 1 {
		t.Errorf("S-36: %d and %d fetches of tickets", a, b)
	}
	var card struct {
		ID       string `json:"id"`
		Sections struct {
			Who struct {
				Name       string `json:"name"`
				MyRelation string `json:"my_relation_id"`
			} `json:"who"`
		} `json:"sections"`
	}
	p.get("/customers/"+customer.ID, &card)
	if card.Sections.Who.Name == "" || card.Sections.Who.MyRelation == "" {
		t.Errorf("the card: %+v", card)
	}
	p.put("/relations/"+card.Sections.Who.MyRelation+"/note", object{"remark": "侧边栏"}, nil)
	eventually(t, 20*time.Second, "the platform has the remark", func() bool {
		for _, r := range h.simCustomer(customer.ID).Customer.Relations {
			if r.UserID == userid && r.Remark == "侧边栏" {
				return true
			}
		}
		return false
	})
	var found sidebar.Diagnosis
	p.get("/doctor?"+url.Values{"account": {testAccount}, "url": {"http://" + h.address + "/sidebar/"}, "customer": {customer.ID}}.Encode(), &found)
	if found.Failing != "" || len(found.Steps) != 7 {
		t.Errorf("the doctor: %+v", found)
	}
	h.sim.post("/act/staff_resign", object{"userid": userid}, nil)
	eventually(t, 20*time.Second, "S-38: who has left is out", func() bool {
		status, _ := p.call("GET", "/customers/"+customer.ID, nil, nil)
		return status == http.StatusUnauthorized
	})
}

// TestSendFromTheSidebar: what a member wants to send asks the governor as everything does; what may be sent waits under a task, and what
// must not says why.
func TestSendFromTheSidebar(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 2, Customers: 8, Tags: 2}})
	h.synchronise(time.Minute)
	var rules console.GovernorSetting
	h.console.get("/governor", &rules)
	rules.Caps, rules.Quiet = []console.Cap{}, []console.QuietHours{} // whatever the hour
	h.console.put("/governor", rules, nil)
	userid := h.simCustomers()[0].Customer.Relations[0].UserID
	h.console.put("/staff/"+h.members()[userid].ID+"/roles", object{"roles": []string{"sales"}}, nil)
	h.written("只给群发", "群发用", "mass")
	h.written("到店邀请", "您好，{{客户昵称|朋友}}，新品到店", "task")
	p := h.enter(userid)
	var mine []string
	for _, c := range h.simCustomers() {
		if c.Customer.Relations[0].UserID == userid {
			var card sidebar.Card
			p.get("/customers/"+c.Customer.ID+"?section=who", &card)
			mine = append(mine, card.ID)
		}
	}
	if len(mine) < 2 {
		t.Fatalf("%d customers", len(mine))
	}
	willing, unwilling := mine[0], mine[1]
	h.console.put("/customers/"+unwilling+"/contact", object{"choice": "none", "reason": "电话里说的"}, nil)

	var offered page[sidebar.Sendable]
	p.get("/sendable-messages", &offered)
	if len(offered.Items) != 1 || offered.Items[0].Name != "到店邀请" {
		t.Fatalf("may be sent: %+v", offered.Items)
	}
	ask := func(customer, request string) (s sidebar.Sending) {
		t.Helper()
		p.post("/customers/"+customer+"/sends", object{"message_id": offered.Items[0].ID, "request_id": request}, &s)
		eventually(t, 20*time.Second, "the governor has answered", func() bool {
			p.get("/sends/"+s.ID, &s)
			return s.State != "planned" && s.State != "claimed"
		})
		return s
	}
	if s := ask(unwilling, "request-1"); s.State != "suppressed" || s.Reason != "do_not_contact" || s.TaskID != "" {
		t.Errorf("to somebody who wants nothing: %+v", s)
	}
	sent := ask(willing, "request-2")
	if again := ask(willing, "request-2"); sent.State != "accepted" || sent.TaskID == "" || again.ID != sent.ID {
		t.Fatalf("to the other: %+v, again %+v", sent, again)
	}
	if s := ask(willing, "request-3"); s.State != "suppressed" || s.Reason != "duplicate" {
		t.Errorf("the same once more: %+v", s)
	}
	var content sidebar.ToSend
	p.get("/tasks/"+sent.TaskID+"/content", &content)
	if !strings.HasSuffix(content.Text, "新品到店") {
		t.Errorf("the content: %+v", content)
	}
	p.put("/tasks/"+sent.TaskID+"/status", object{"status": "done"}, nil)
	h.job("channel.tasks")
	eventually(t, 20*time.Second, "the ledger knows that it was sent", func() bool {
		p.get("/sends/"+sent.ID, &sent)
		return sent.State == "sent"
	})
}
