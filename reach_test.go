package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/simulator"
)

// simMass is what the simulator tells of mass messages.
type simMass struct {
	Messages int `json:"messages"`
	Mass     []struct {
		ID    string `json:"msgid"`
		Text  string `json:"text"`
		Tasks []struct {
			UserID  string `json:"userid"`
			Targets []struct {
				ID     string `json:"id"`
				Status int    `json:"status"`
			} `json:"targets"`
		} `json:"tasks"`
	} `json:"mass"`
}

// meant counts how often each customer is on the list of a mass message with a text, and in whose name.
func (h *house) meant(text string) (times map[string]int, senders map[string]string) {
	h.t.Helper()
	var out simMass
	h.sim.get("/mass", &out)
	times, senders = map[string]int{}, map[string]string{}
	for _, m := range out.Mass {
		if m.Text != text {
			continue
		}
		for _, task := range m.Tasks {
			for _, target := range task.Targets {
				times[target.ID]++
				senders[target.ID] = task.UserID
			}
		}
	}
	return times, senders
}

// everybody makes a segment of all customers with a relation, and waits until it is built.
func (h *house) everybody() string {
	h.t.Helper()
	var s console.Segment
	h.console.post("/segments", object{"name": "全部好友", "rule": object{"field": "relation.count", "op": "at_least", "values": []int{1}}}, &s)
	eventually(h.t, 5*time.Minute, "the segment is built", func() bool {
		var now console.Segment
		h.console.get("/segments/"+s.ID, &now)
		return now.Built && now.Building == nil
	})
	return s.ID
}

// written makes a message and gives its version.
func (h *house) written(name, text string, channels ...string) string {
	h.t.Helper()
	var m console.Message
	h.console.post("/messages", object{"name": name, "channels": channels, "content": object{"text": text}}, &m)
	return m.VersionID
}

// campaign makes a draft; more are further settings.
func (h *house) campaign(name, messageID string, audience object, more object) (c console.Campaign) {
	h.t.Helper()
	in := object{
		"name": name, "channel": "mass", "account_id": h.account, "audience": audience,
		"variants": []object{{"name": "A", "share_bp": 10_000, "message_id": messageID}},
	}
	maps.Copy(in, more)
	h.console.post("/campaigns", in, &c)
	return c
}

// sentBy lists all deliveries of a campaign.
func (h *house) sentBy(campaign string) (all []console.Delivery) {
	h.t.Helper()
	for next := ""; ; {
		var p page[console.Delivery]
		h.console.get("/deliveries?limit=200&source=campaign&source_id="+campaign+"&cursor="+next, &p)
		all = append(all, p.Items...)
		if next = p.Next; next == "" {
			return all
		}
	}
}

// states counts a campaign's deliveries by what became of them, with the reason where there is one.
func (h *house) states(campaign string) map[string]int {
	h.t.Helper()
	out := map[string]int{}
	for _, d := range h.sentBy(campaign) {
		out[said(d)]++
	}
	return out
}

func said(d console.Delivery) string {
	if d.Reason == "" {
		return d.State
	}
	return d.State + " " + d.Reason
}

// job runs a periodic job now and waits until it is done.
func (h *house) job(name string) {
	h.t.Helper()
	before := len(list[console.CronRun](h.console, "/cron-runs?limit=200&status=done&job="+name))
	h.console.post("/cron-jobs/"+name+"/run", nil, nil)
	eventually(h.t, 10*time.Second, name+" is done", func() bool {
		return len(list[console.CronRun](h.console, "/cron-runs?limit=200&status=done&job="+name)) > before
	})
}

// resultsRead lets the time come at which the results of mass messages are read, and has them read.
func (h *house) resultsRead() {
	h.t.Helper()
	if err := h.db().Model(&model.SenderTask{}).Where("poll_at IS NOT NULL").UpdateColumn("poll_at", time.Now().UTC().Add(-time.Minute)).Error; err != nil {
		h.t.Fatal(err)
	}
	h.job("channel.poll")
}

// TestCampaignEndToEnd goes the way of an operator: a message, a campaign over a segment, a second person's approval; the governor
// holds some back, each for a reason of its own; staff confirm at the platform; and the report says what happened, as the platform
// has it: nobody lost, nobody written to twice.
func TestCampaignEndToEnd(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 4, Customers: 40, Tags: 4}, env: []string{"ZHIYIN_CAMPAIGN__APPROVAL_ABOVE=10"}})
	h.sim.put("/config", object{"mass_dispatch_ms": 0}, nil)
	h.synchronise(30 * time.Second)

	// Customers whom something keeps from being written to.
	byExternal, externals := map[string]string{}, map[string]string{}
	for _, c := range list[console.Customer](h.console, "/customers?limit=200&status=active") {
		external := h.externalOf(c.ID)
		byExternal[external], externals[c.ID] = c.ID, external
	}
	ids := slices.Sorted(maps.Keys(externals))
	if len(ids) < 20 {
		t.Fatalf("%d customers", len(ids))
	}
	doNotContact, refuses, capped, asleep := ids[0], ids[1], ids[2], ids[3]
	var loners []string // who know one member only
	for _, c := range h.simCustomers() {
		if id := byExternal[c.Customer.ID]; len(c.Customer.Relations) == 1 && slices.Index(ids, id) > 3 {
			loners = append(loners, id)
		}
	}
	stranger, parted := loners[0], loners[1]
	h.console.put("/customers/"+doNotContact+"/contact", object{"choice": "none", "reason": "电话里说的"}, nil)
	h.console.post("/customers/"+refuses+"/consents", object{"purpose": "marketing", "given": false, "proof": "form 7"}, nil)
	h.console.post("/custom-fields", object{"name": "zone", "title": "时区", "kind": "text"}, nil)
	h.console.put("/customers/"+asleep+"/profile", object{"fields": object{"zone": []string{"Pacific/Kiritimati"}}}, nil)
	var rules console.GovernorSetting
	h.console.get("/governor", &rules)
	rules.Caps, rules.RepeatDays, rules.ZoneField = []console.Cap{{Channel: "mass", Window: "day", Most: 1}}, 0, "zone"
	there := time.Now().UTC().Add(14 * time.Hour) // the clock in Kiritimati
	minute := there.Hour()*60 + there.Minute()
	rules.Quiet = []console.QuietHours{{From: (minute + 1380) % 1440, To: (minute + 120) % 1440}} // from an hour ago to two hours from now
	h.console.put("/governor", rules, nil)

	// One is written to before, by another campaign.
	segment := h.everybody()
	first := h.campaign("先发的", h.written("先发的", "早上好", "mass"), object{"customer_ids": []string{capped}}, nil)
	h.console.post("/campaigns/"+first.ID+"/launch", nil, nil)
	eventually(t, 10*time.Second, "the first campaign has gone out", func() bool { return h.states(first.ID)["accepted"] == 1 })

	// The campaign: one person asks, another approves.
	const text = "新品到店，欢迎来看看"
	c := h.campaign("新品", h.written("新品", text, "mass"), object{"segment_ids": []string{segment}}, object{"keep_hours": 1})
	var estimate console.CampaignEstimate
	h.console.post("/campaigns/estimate", c.Definition, &estimate)
	if estimate.People != int64(len(ids)) || estimate.Unreachable != 0 {
		t.Errorf("estimated %+v, there are %d", estimate, len(ids))
	}
	h.console.post("/campaigns/"+c.ID+"/launch", nil, &c)
	if c.State != "asked" {
		t.Fatalf("it is %s", c.State)
	}
	if status, _ := h.console.call("POST", "/campaigns/"+c.ID+"/approve", object{"version": c.Version}, nil); status != 403 && status != 409 {
		t.Errorf("whoever asked approves: %d", status)
	}
	// Two have parted with the only member they know, and we have not heard of it.
	h.sim.post("/act/customer_deletes", h.parting(externals[stranger]), nil)
	h.sim.post("/act/staff_deletes", h.parting(externals[parted]), nil)
	h.second().post("/campaigns/"+c.ID+"/approve", object{"version": c.Version}, nil)
	eventually(t, 15*time.Second, "all that may leave has left", func() bool {
		s := h.states(c.ID)
		return s["planned"]+s["claimed"] == 0 && s["accepted"] > 0
	})

	// Members are asked for what was estimated.
	shares := map[string]int64{}
	for _, d := range h.sentBy(c.ID) {
		shares[d.StaffID]++
	}
	estimated := map[string]int64{}
	for _, s := range estimate.Staff {
		estimated[s.StaffID] = s.Customers
		if s.Taps != 1 {
			t.Errorf("estimated %d taps", s.Taps)
		}
	}
	if diff := differences(estimated, shares); len(diff) > 0 {
		t.Errorf("in whose name: %v", diff)
	}
	if n := len(h.calls("externalcontact/add_msg_template")); n != 1+len(estimated) {
		t.Errorf("%d calls for %d members and a campaign before", n, len(estimated))
	}

	// Who did not get it and why.
	for id, want := range map[string]string{
		doNotContact: "suppressed do_not_contact", refuses: "suppressed refused", capped: "suppressed cap", asleep: "suppressed quiet_hours",
	} {
		var got []string
		for _, d := range list[console.Delivery](h.console, "/deliveries?source=campaign&source_id="+c.ID+"&customer_id="+id) {
			got = append(got, said(d))
		}
		if len(got) != 1 || got[0] != want {
			t.Errorf("a customer is %v, want %s", got, want)
		}
	}
	why := list[console.Delivery](h.console, "/deliveries?source=campaign&source_id="+c.ID+"&state=suppressed&reason=cap")
	if len(why) != 1 || why[0].CustomerID != capped {
		t.Errorf("held back by caps: %+v", why)
	}

	// The platform has everybody else once.
	times, senders := h.meant(text)
	for id, external := range externals {
		want := 1
		if id == doNotContact || id == refuses || id == capped || id == asleep || id == parted {
			want = 0
		}
		if times[external] != want {
			t.Errorf("customer %s is on %d lists, want %d", external, times[external], want)
		}
	}
	for external := range times {
		if byExternal[external] == "" {
			t.Errorf("%s is written to, who is nobody we know", external)
		}
	}

	// Two members confirm, one of them leaves a customer off the list; the others don't.
	var skipped string
	confirmed := []string{senders[externals[stranger]]}
	for external, userid := range senders {
		if userid != confirmed[0] && len(confirmed) == 1 {
			confirmed, skipped = append(confirmed, userid), external
		}
	}
	for _, userid := range confirmed {
		h.sim.post("/act/mass_confirm", object{"userid": userid, "skip": []string{skipped}}, nil)
	}
	for range 4 { // results are read again some times: the platform's come in by and by
		h.resultsRead()
	}
	var all simMass
	h.sim.get("/mass", &all)
	want := map[string]int{"suppressed do_not_contact": 1, "suppressed refused": 1, "suppressed cap": 1, "suppressed quiet_hours": 1}
	for _, m := range all.Mass {
		for _, task := range m.Tasks {
			for _, target := range task.Targets {
				switch {
				case m.Text != text:
				case target.ID == skipped:
					want["failed not_selected"]++
				default:
					want[[]string{"accepted", "sent", "failed not_friend", "failed over_quota"}[target.Status]]++
				}
			}
		}
	}
	want["failed fail_list"] = 1
	if diff := differences(want, h.states(c.ID)); len(diff) > 0 {
		t.Errorf("who got it: %v", diff)
	}

	// The report says the same.
	run := list[console.CampaignRun](h.console, "/campaigns/"+c.ID+"/runs")[0]
	var report console.CampaignReport
	h.console.get("/campaigns/"+c.ID+"/runs/"+run.ID+"/report", &report)
	counted := map[string]int64{}
	for s, n := range want {
		var state string
		fmt.Sscan(s, &state)
		counted[state] += int64(n)
	}
	if want["failed not_friend"] == 0 || want["failed not_selected"] != 1 || want["sent"] == 0 || want["accepted"] == 0 {
		t.Errorf("at the platform: %v", want)
	}
	if len(report.Arms) != 1 || report.Arms[0].Members != int64(len(ids)) || run.Planned != int64(len(ids)) {
		t.Fatalf("the report says %+v of %+v", report, run)
	}
	if diff := differences(counted, report.Arms[0].States); len(diff) > 0 {
		t.Errorf("the report: %v", diff)
	}
	if dead := list[console.Work](h.console, "/work?state=dead"); len(dead) > 0 {
		t.Errorf("dead letters: %+v", dead)
	}
}

// parting is the end of a customer's only relation, of which no callback tells.
func (h *house) parting(external string) object {
	r := h.simCustomer(external).Customer.Relations[0]
	return object{"external_userid": external, "userid": r.UserID, "callback": object{"drop": true}}
}

// second is another administrator, signed in.
func (h *house) second() *client {
	h.t.Helper()
	h.console.post("/staff", object{"login": "second", "name": "副手", "password": testPassword, "roles": []string{"admin"}}, nil)
	return h.signInAs("second", testPassword)
}

func (h *house) signInAs(login, password string) *client {
	h.t.Helper()
	c := newClient(h.t, "http://"+h.address+"/api/console")
	var reply struct {
		Token string `json:"token"`
	}
	c.post("/sign-in", object{"login": login, "password": password}, &reply)
	c.token = reply.Token
	return c
}

// TestTestSend: whoever writes a message may have it sent to themselves, and sees it arrive in WeCom; nobody else does.
func TestTestSend(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 3, Customers: 3, Tags: 4}})
	h.synchronise(30 * time.Second)
	version := h.written("到店提醒", "{{客户昵称|朋友}}，周六见", "mass", "app")
	if status, answer := h.console.call("POST", "/message-versions/"+version+"/test", nil, nil); status != 409 {
		t.Errorf("the administrator is no member of the company: %d %s", status, answer)
	}
	member := h.members()["staff0002"]
	h.console.put("/staff/"+member.ID+"/roles", object{"roles": []string{"admin"}}, nil)
	h.console.put("/staff/"+member.ID+"/login", object{"login": "member", "password": testPassword}, nil)
	h.signInAs("member", testPassword).post("/message-versions/"+version+"/test", nil, nil)
	var got struct {
		Messages []struct {
			To   []string `json:"to"`
			Text struct {
				Content string `json:"content"`
			} `json:"text"`
		} `json:"messages"`
	}
	eventually(t, 10*time.Second, "the test has arrived", func() bool {
		h.sim.get("/messages", &got)
		return len(got.Messages) > 0
	})
	m := got.Messages[0]
	if len(got.Messages) != 1 || len(m.To) != 1 || m.To[0] != "staff0002" || !strings.HasSuffix(m.Text.Content, "，周六见") || m.Text.Content[0] == '{' {
		t.Errorf("arrived: %+v", got.Messages)
	}
	if n := len(h.calls("externalcontact/add_msg_template")); n != 0 {
		t.Errorf("%d mass messages", n)
	}
}
