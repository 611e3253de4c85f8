package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"zhiyin/api/console"
	"zhiyin/simulator"
)

// TestFlow is what the product is for: a customer scans a channel code, the platform's encrypted
// callback arrives, the customer is known, tagged, attributed and welcomed within seconds, and the
// operator sees it.
func TestFlow(t *testing.T) {
	for _, format := range []string{"xml", "json"} {
		t.Run(format, func(t *testing.T) { flow(t, format) })
	}
}

func flow(t *testing.T, format string) {
	h := newHome(t, setting{company: simulator.Company{Staff: 3, Customers: 5, Tags: 8, Groups: 1}})
	h.sim.post("/callback", object{"format": format}, nil)
	h.synchronise(30 * time.Second)

	// The operator makes a channel code through the console.
	group := list[console.TagGroup](h.console, "/tag-groups?account_id="+h.account)[0]
	code := h.newCode("门店海报", object{
		"source_name": "南山店", "remark_pattern": "{{客户昵称}}-{{渠道}}", "tag_ids": []string{group.Tags[0].ID, group.Tags[1].ID},
		"welcome": object{
			"text":        "{{客户昵称}}您好，我是{{员工姓名}}，感谢您从{{渠道}}来。",
			"attachments": []object{{"kind": "link", "title": "新人礼", "url": "https://example.com/gift"}},
		},
	}, "staff0001", "staff0002")
	if code.State == "" || len(code.State) > 30 {
		t.Fatalf("state %q", code.State)
	}

	// A customer scans it.
	began := time.Now()
	who := h.scan(code.State, object{"name": "林晓"})
	member := h.members()[who.UserID]

	// Within seconds he is welcomed, known, tagged and remarked, here and at the platform.
	var welcome simWelcome
	eventually(t, 5*time.Second, "the welcome has arrived", func() bool {
		list := h.welcomes().Welcomes
		welcome = list[len(list)-1]
		return welcome.SentReal != 0
	})
	t.Logf("welcomed after %d ms", welcome.SentReal-welcome.Real)
	if want := "林晓您好，我是" + member.Name + "，感谢您从南山店来。"; welcome.Text != want {
		t.Errorf("welcome says %q, want %q", welcome.Text, want)
	}
	platformTags := h.tagIDs(group.Name, group.Tags[0].Name, group.Tags[1].Name)
	var told simCustomer
	eventually(t, 10*time.Second, "the platform knows tags and remark", func() bool {
		told = h.simCustomer(who.External)
		r := told.Customer.Relations[0]
		return r.Remark != "" && sortedJoin(r.Tags) == sortedJoin(platformTags)
	})
	if got := told.Customer.Relations[0].Remark; got != "林晓-南山店" {
		t.Errorf("the platform's remark is %q", got)
	}
	t.Logf("all done after %s", time.Since(began).Round(time.Millisecond))
	h.settled(10 * time.Second)

	// The operator sees it: in the list, …
	items := list[console.Customer](h.console, "/customers?channel_code_id="+code.ID)
	if len(items) != 1 {
		t.Fatalf("the list shows %d customers, want 1", len(items))
	}
	found := items[0]
	if found.Name != "林晓" || found.FirstSource != "南山店" || len(found.Relations) != 1 {
		t.Fatalf("the list shows %+v", found)
	}
	r := found.Relations[0]
	if r.StaffID != member.ID || r.Status != "active" || r.ChannelCodeID != code.ID || r.Remark != "林晓-南山店" ||
		sortedJoin(r.TagIDs) != sortedJoin([]string{group.Tags[0].ID, group.Tags[1].ID}) {
		t.Errorf("the list shows the relation %+v", r)
	}
	if hits := list[console.Customer](h.console, "/customers?tag_id="+group.Tags[0].ID+"&name=%E6%9E%97&staff_id="+member.ID+"&status=active"); !slices.ContainsFunc(hits, func(c console.Customer) bool { return c.ID == found.ID }) {
		t.Error("the filters don't find the customer")
	}

	// … in the detail, …
	var detail console.CustomerDetail
	h.console.get("/customers/"+found.ID, &detail)
	identities := map[string]string{}
	for _, i := range detail.Identities {
		identities[i.Kind] = i.Value
	}
	if identities["external_userid"] != who.External || identities["unionid"] != who.UnionID {
		t.Errorf("identities are %v, want %s and unionid %q", identities, who.External, who.UnionID)
	}

	// … in the timeline, …
	kinds := map[string]int{}
	for _, e := range list[console.Event](h.console, "/customers/"+found.ID+"/events") {
		kinds[e.Kind]++
		if e.Kind == "customer.added" && (e.StaffID != member.ID || e.Source != "callback" || e.Payload["channel_code_id"] != code.ID) {
			t.Errorf("the fact that he came says %+v", e)
		}
	}
	if kinds["customer.added"] != 1 || kinds["customer.tag_changed"] != 1 {
		t.Errorf("the timeline tells of %v", kinds)
	}

	// … in the statistics, …
	if c := h.code(code.ID); c.Added != 1 || c.Today != 1 || c.Lost != 0 {
		t.Errorf("the code counts added %d, today %d, lost %d", c.Added, c.Today, c.Lost)
	}
	day := businessDay()
	var statistics console.ChannelCodeStatistics
	h.console.get("/channel-codes/"+code.ID+"/statistics?from="+day+"&to="+day, &statistics)
	if len(statistics.Days) != 1 || statistics.Days[0].Added != 1 || statistics.Days[0].Welcomes.Sent != 1 ||
		len(statistics.Staff) != 1 || statistics.Staff[0].StaffID != member.ID || statistics.Staff[0].Added != 1 {
		t.Errorf("the statistics are %+v", statistics)
	}

	// … and in the inbox, whose one message is done.
	inbox := list[console.InboxMessage](h.console, "/inbox")
	if len(inbox) != 1 || inbox[0].State != "done" || inbox[0].Kind != "change_external_contact.add_external_contact" || inbox[0].Stale {
		t.Fatalf("the inbox holds %+v", inbox)
	}
	var content console.InboxContent
	h.console.get("/inbox/"+inbox[0].ID, &content)
	if !strings.Contains(content.Body, who.External) {
		t.Error("the inbox doesn't show what the message said")
	}

	// All of it exactly once, and nothing is left over.
	if w := h.welcomes(); w.Sent != 1 || w.Welcomes[len(w.Welcomes)-1].Refused != 0 {
		t.Errorf("%d welcomes were sent, %d refused", w.Sent, w.Welcomes[0].Refused)
	}
	for api, want := range map[string]int{"externalcontact/send_welcome_msg": 1, "externalcontact/mark_tag": 1, "externalcontact/remark": 1, "externalcontact/add_contact_way": 1} {
		if n := len(h.calls(api)); n != want {
			t.Errorf("%s was called %d times, want %d", api, n, want)
		}
	}
	if n := len(h.deliveries("delivered")); n != 1 {
		t.Errorf("%d callbacks were delivered", n)
	}
	if dead := list[console.Work](h.console, "/work?state=dead"); len(dead) > 0 {
		t.Errorf("dead letters: %+v", dead)
	}
}

// tagIDs are the platform's ids of tags of a group.
func (h *house) tagIDs(group string, names ...string) (ids []string) {
	h.t.Helper()
	for _, g := range h.world().TagGroups {
		for _, tag := range g.Tags {
			if g.Name == group && slices.Contains(names, tag.Name) {
				ids = append(ids, tag.ID)
			}
		}
	}
	if len(ids) != len(names) {
		h.t.Fatalf("the platform has %d of the tags %v", len(ids), names)
	}
	return ids
}

func businessDay() string {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return time.Now().In(zone).Format(time.DateOnly)
}

// settled waits until every callback has been acted upon and no work but the clock's is left.
func (h *house) settled(within time.Duration) {
	h.t.Helper()
	within *= min(slack, 4)
	end := time.Now().Add(within)
	h.waitCallbacks(within)
	var left string
	for {
		if left = h.unfinished(); left == "" {
			return
		}
		if time.Now().After(end) {
			h.t.Fatalf("not settled within %s: %s", within, left)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// unfinished names something that is still to be done, or is empty.
func (h *house) unfinished() string {
	h.t.Helper()
	for _, state := range []string{"new", "routed"} {
		if rows := list[console.InboxMessage](h.console, "/inbox?limit=1&state="+state); len(rows) > 0 {
			return "a message is " + state
		}
	}
	for _, s := range list[console.WorkCount](h.console, "/work/stats") {
		if (s.State == "ready" || s.State == "leased") && !strings.HasPrefix(s.Kind, "cron:") {
			return s.Kind + " is " + s.State
		}
	}
	return ""
}
