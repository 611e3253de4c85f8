package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

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
