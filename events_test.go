package main

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/simulator"
)

// TestTagsBothWays: what the admin changes at the platform shows here, what the operator changes here
// shows there, and what staff put on a customer and what the operator puts on it both stay.
func TestTagsBothWays(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 3, Customers: 10, Tags: 8}})
	db := h.db()
	h.synchronise(30 * time.Second)

	// There, then here.
	h.sim.post("/act/tag_create", object{"group": "意向", "names": []string{"高", "中"}}, nil)
	h.sim.post("/act/tag_rename", object{"id": h.tagIDs("意向", "中")[0], "name": "一般"}, nil)
	h.settled(10 * time.Second)
	h.checkMirrored(db)

	// Here, then there.
	var made console.TagGroup
	h.console.post("/tag-groups", object{"account_id": h.account, "name": "从哪里来", "tags": []string{"线上", "线下"}}, &made)
	h.settled(10 * time.Second)
	h.console.put("/tags/"+made.Tags[0].ID, object{"name": "网上"}, nil)
	h.settled(10 * time.Second)
	h.console.remove("/tags/" + made.Tags[1].ID)
	h.settled(10 * time.Second)
	h.tagIDs("从哪里来", "网上")
	h.checkMirrored(db)

	// On one customer, from both sides at once.
	c := list[console.Customer](h.console, "/customers?status=active&limit=1")[0]
	r := c.Relations[0]
	var row model.Relation
	if err := db.Take(&row, "status = 'active' AND customer_id = (SELECT customer_id FROM relation WHERE external_userid = ? LIMIT 1)", h.externalOf(c.ID)).Error; err != nil {
		t.Fatal(err)
	}
	high := h.tagIDs("意向", "高")[0]
	h.sim.post("/act/edit", object{"userid": h.userOf(r.StaffID), "external_userid": row.ExternalUserID, "add_tag": []string{high}}, nil)
	h.console.post("/relations/tags", object{"relation_ids": []string{r.ID}, "add": []string{made.Tags[0].ID}}, nil)
	h.settled(20 * time.Second)
	h.checkMirrored(db)
	told := h.simCustomer(row.ExternalUserID).Customer.Relations
	i := slices.IndexFunc(told, func(s simRelation) bool { return strings.EqualFold(s.UserID, h.userOf(r.StaffID)) })
	for _, want := range []string{high, h.tagIDs("从哪里来", "网上")[0]} {
		if !slices.Contains(told[i].Tags, want) {
			t.Errorf("the platform has %v, not %s", told[i].Tags, want)
		}
	}
	// A wish that comes back as news is no news: nothing goes round in circles.
	marks := len(h.calls("externalcontact/mark_tag"))
	h.synchronise(30 * time.Second)
	h.settled(10 * time.Second)
	if n := len(h.calls("externalcontact/mark_tag")); n != marks {
		t.Errorf("%d more calls to mark tags", n-marks)
	}
}

func (h *house) externalOf(customer string) string {
	h.t.Helper()
	var d console.CustomerDetail
	h.console.get("/customers/"+customer, &d)
	for _, i := range d.Identities {
		if i.Kind == "external_userid" {
			return i.Value
		}
	}
	h.t.Fatal("the customer has no external_userid")
	return ""
}

func (h *house) userOf(staff string) string {
	h.t.Helper()
	for id, m := range h.members() {
		if m.ID == staff {
			return id
		}
	}
	h.t.Fatalf("no member %s", staff)
	return ""
}

// TestChannelCodeStaffLeaves: who resigns is taken out of the channel codes; one that has nobody left
// says so, and the others go on.
func TestChannelCodeStaffLeaves(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 4, Tags: 2}})
	h.synchronise(30 * time.Second)
	shared := h.newCode("合用", nil, "staff0001", "staff0002")
	alone := h.newCode("独用", nil, "staff0001")
	other := h.newCode("别人", nil, "staff0003")
	untouched := h.code(other.ID).PushedAt

	h.sim.post("/act/staff_resign", object{"userid": "staff0001"}, nil)
	h.settled(10 * time.Second)
	h.console.post("/cron-jobs/channel_code.push/run", nil, nil) // what the clock does each minute
	eventually(t, 10*time.Second, "the platform is told", func() bool { return sortedJoin(h.way(shared.State).Users) == "staff0002" })
	eventually(t, 10*time.Second, "the code without staff says so", func() bool { return h.code(alone.ID).PushError != "" })
	h.settled(10 * time.Second)
	if c := h.code(shared.ID); c.PushError != "" || sortedJoin(c.Serving) != "staff0002" {
		t.Errorf("the shared code is served by %v and says %q", c.Serving, c.PushError)
	}
	if c := h.code(alone.ID); c.ServedBy != "nobody" {
		t.Errorf("the code without staff is served by %s", c.ServedBy)
	}
	if c := h.code(other.ID); c.PushError != "" || !c.PushedAt.Equal(*untouched) {
		t.Errorf("a code that has nothing to do with it was pushed at %s and says %q", c.PushedAt, c.PushError)
	}
	for _, c := range []console.ChannelCode{shared, other} {
		who := h.scan(c.State, nil)
		eventually(t, 10*time.Second, "the others go on", func() bool {
			return len(list[console.Customer](h.console, "/customers?channel_code_id="+c.ID)) == 1
		})
		if who.UserID == "staff0001" {
			t.Error("a customer went to somebody who is gone")
		}
	}
}

func (h *house) way(state string) simWay {
	h.t.Helper()
	var found []simWay
	for _, w := range h.world().Ways {
		if w.State == state {
			found = append(found, w)
		}
	}
	if len(found) != 1 {
		h.t.Fatalf("the platform has %d contact ways for one code", len(found))
	}
	return found[0]
}

// TestCustomerGoesAndComesBack: an end is an end and a return is a return, each counted once, whatever
// the order in which the platform tells of them.
func TestCustomerGoesAndComesBack(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 1, Tags: 4}})
	h.synchronise(30 * time.Second)
	group := list[console.TagGroup](h.console, "/tag-groups?account_id="+h.account)[0]
	code := h.newCode("门店", object{"tag_ids": []string{group.Tags[0].ID}, "welcome": object{"text": "您好"}}, "staff0001")
	who := h.scan(code.State, nil)
	h.settled(10 * time.Second)
	between := object{"userid": who.UserID, "external_userid": who.External}
	status := func(want string) {
		t.Helper()
		h.settled(10 * time.Second)
		if r := list[console.Customer](h.console, "/customers")[0].Relations[0]; r.Status != want {
			t.Errorf("the relation is %s, want %s", r.Status, want)
		}
	}
	status("active")
	h.sim.post("/act/customer_deletes", between, nil)
	status("left")
	if c := h.code(code.ID); c.Added != 1 || c.Lost != 1 {
		t.Errorf("added %d, lost %d", c.Added, c.Lost)
	}
	time.Sleep(1100 * time.Millisecond) // the platform's times are whole seconds
	h.scan(code.State, object{"external_userid": who.External})
	status("active")
	time.Sleep(1100 * time.Millisecond)
	// The staff member deletes and the customer comes again, told the wrong way round.
	between["callback"] = object{"delay_ms": 800}
	h.sim.post("/act/staff_deletes", between, nil)
	time.Sleep(1100 * time.Millisecond)
	h.scan(code.State, object{"external_userid": who.External})
	h.settled(10 * time.Second)
	status("active")
	kinds := map[string]int{}
	for _, e := range list[console.Event](h.console, "/customers/"+list[console.Customer](h.console, "/customers")[0].ID+"/events") {
		kinds[e.Kind]++
	}
	if kinds["customer.added"] != 3 || kinds["customer.left"] != 1 {
		t.Errorf("the timeline tells of %v", kinds)
	}
	h.checkMirrored(h.db())
}

// TestF30_DeletedBeforeAdded: the end is told before the beginning, and both before anybody has read
// the customer.
func TestF30_DeletedBeforeAdded(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 1, Tags: 4}})
	h.synchronise(30 * time.Second)
	code := h.newCode("门店", object{"welcome": object{"text": "您好"}}, "staff0001")
	who := h.scan(code.State, object{"callback": object{"delay_ms": 700}})
	h.sim.post("/act/staff_deletes", object{"userid": who.UserID, "external_userid": who.External}, nil)
	h.settled(10 * time.Second)
	db := h.db()
	if n := modeltest.Count[model.Relation](t, db, "status IN ?", []string{"active", "half"}); n != 0 {
		t.Errorf("%d relations are said to be alive", n)
	}
	h.checkMirrored(db)
	if failed := list[console.InboxMessage](h.console, "/inbox?state=failed"); len(failed) > 0 {
		t.Errorf("%d messages failed", len(failed))
	}
}

// TestGroupsInTimeline: joining and leaving a group are facts of the customer's timeline.
func TestGroupsInTimeline(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 2, Customers: 4, Groups: 1}})
	h.synchronise(30 * time.Second)
	c := list[console.Customer](h.console, "/customers?status=active&limit=1")[0]
	external := h.externalOf(c.ID)
	var group simGroup
	h.sim.post("/act/group_create", object{"owner": "staff0001", "name": "新品群"}, &group)
	h.sim.post("/act/group_join", object{"chat_id": group.ID, "external_userids": []string{external}}, nil)
	h.settled(10 * time.Second)
	h.sim.post("/act/group_leave", object{"chat_id": group.ID, "ids": []string{external}}, nil)
	h.settled(10 * time.Second)
	var told []string
	for _, e := range list[console.Event](h.console, "/customers/"+c.ID+"/events?kind=group.joined,group.left") {
		told = append(told, e.Kind)
	}
	// Those whom the first synchronisation found in a group have joined too; the newest come first.
	if len(told) < 2 || told[0] != "group.left" || told[1] != "group.joined" {
		t.Errorf("the timeline tells of %v", told)
	}
	groups := list[console.Group](h.console, "/groups?search=%E6%96%B0%E5%93%81")
	if len(groups) != 1 || groups[0].MemberCount != 1 {
		t.Fatalf("the groups are %+v", groups)
	}
	if history := list[console.GroupMember](h.console, "/groups/"+groups[0].ID+"/history"); len(history) != 1 || history[0].CustomerID != c.ID {
		t.Errorf("the group's history is %+v", history)
	}
	h.checkMirrored(h.db())
}

// TestF29_SameEventManyTimes: one event, sealed anew each time, three times in a row and on two servers
// at once, has one effect, and every delivery is acknowledged.
func TestF29_SameEventManyTimes(t *testing.T) {
	h := newHouse(t, setting{company: simulator.Company{Staff: 2, Tags: 4}})
	second := freeAddress(t)
	h.start()
	h.startAt(second)
	h.moveIn()
	h.synchronise(30 * time.Second)
	code := h.welcomingCode("staff0001", "staff0002")
	const rounds = 5
	for range rounds {
		h.scan(code.State, object{"callback": object{"drop": true}})
		dropped := h.deliveries("dropped")
		plain := dropped[len(dropped)-1].Plain
		var at sync.WaitGroup
		for _, address := range []string{h.address, second} {
			at.Go(func() {
				var out struct {
					Results []struct{ Status int }
				}
				h.sim.post("/callback/raw", object{"plain": plain, "times": 3, "at_once": true, "url": "http://" + address + "/callback/wecom/" + testAccount}, &out)
				for _, r := range out.Results {
					if r.Status != 200 {
						t.Errorf("answered %d", r.Status)
					}
				}
			})
		}
		at.Wait()
	}
	h.settled(20 * time.Second)
	h.checkOnce(h.db(), code, rounds)
	if n := modeltest.Count[model.Inbox](t, h.db()); n != rounds {
		t.Errorf("the inbox holds %d messages", n)
	}
	for _, api := range []string{"externalcontact/send_welcome_msg", "externalcontact/mark_tag", "externalcontact/remark"} {
		if n := effects(h.calls(api)); n != rounds {
			t.Errorf("%s had an effect %d times", api, n)
		}
	}
}

// TestF34_OneTickOneRun: two servers and one clock: each tick of each job is planted and run once.
func TestF34_OneTickOneRun(t *testing.T) {
	t.Parallel() // it waits for the clock
	h := newHouse(t, setting{company: simulator.Company{Staff: 1}})
	h.start()
	h.startAt(freeAddress(t))
	h.signIn()
	var runs []console.CronRun
	eventually(t, 35*time.Second, "the sweep has run twice by the clock", func() bool {
		runs = list[console.CronRun](h.console, "/cron-runs?job=welcome.sweep&status=done")
		return len(runs) >= 2
	})
	seen := map[string]bool{}
	for _, r := range runs {
		at := r.FireTime.Format(time.RFC3339Nano)
		if seen[at] {
			t.Errorf("the tick of %s ran twice", at)
		}
		seen[at] = true
	}
	for _, w := range all[model.Work](h, h.db(), "kind = ?", "cron:welcome.sweep") {
		if w.Attempts > 1 {
			t.Errorf("a tick was attempted %d times", w.Attempts)
		}
	}
	// One statement sees both at one moment, and the clock goes on.
	var n struct{ Works, Ticks int }
	err := h.db().Raw("SELECT (SELECT COUNT(*) FROM work WHERE kind LIKE 'cron:%') AS works, (SELECT COUNT(*) FROM cron_tick WHERE status <> 'missed') AS ticks").Scan(&n).Error
	if err != nil || n.Works != n.Ticks {
		t.Errorf("%d works for %d ticks, %v", n.Works, n.Ticks, err)
	}
}
