package channel

import (
	"slices"
	"testing"
	"time"

	"gorm.io/gorm/clause"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
)

// massTo plans one text to all that a member follows, in the member's name.
func (town *town) massTo(userID string) (customers []int64) {
	town.t.Helper()
	town.says(1, message.Content{Text: "新品上架"})
	customers = town.followedBy(userID)
	town.plan(each(outreach.Intent{Channel: NameMass, AccountID: town.corp.ID, StaffID: town.staff[userID].ID, MessageID: 1}, customers)...)
	return customers
}

func (town *town) tasks() (rows []model.SenderTask) {
	town.t.Helper()
	if err := town.db.Order("id").Find(&rows).Error; err != nil {
		town.t.Fatal(err)
	}
	return rows
}

// TestMassFromPlanToResult: one call for all of a sender's customers; accepted until the sender confirms, then what the platform says.
func TestMassFromPlanToResult(t *testing.T) {
	town := newTown(t)
	customers := town.massTo("staff0001")
	n := len(customers)
	town.wait(map[string]int{"accepted": n})
	if got := town.effects("externalcontact/add_msg_template"); got != 1 {
		t.Fatalf("%d calls", got)
	}
	town.move(2 * time.Minute)
	town.job(town.PollResults)
	if got := town.states()["accepted"]; got != n {
		t.Errorf("before the sender confirms: %v", town.states())
	}
	var r model.Relation
	if err := town.db.Where("customer_id = ? AND staff_id = ?", customers[0], town.staff["staff0001"].ID).Take(&r).Error; err != nil {
		t.Fatal(err)
	}
	town.act("customer_deletes", object{"userid": "staff0001", "external_userid": r.ExternalUserID})
	town.act("mass_personal", object{"external_userid": []string{town.externalOf(customers[1])}, "times": 31})
	town.act("mass_confirm", object{})
	town.move(5 * time.Minute)
	town.job(town.PollResults)
	town.wait(map[string]int{"sent": n - 2, "failed not_friend": 1, "failed over_quota": 1})
	task := town.tasks()[0]
	if task.Status != TaskConfirmed || task.Sent != int64(n-2) || task.NotFriend != 1 || task.OverQuota != 1 || task.Recipients != int64(n) {
		t.Errorf("task %+v", task)
	}
	f, err := town.MassForecast(t.Context(), town.corp.ID)
	if err != nil || f.Used != int64(n-2) || f.Spent != 1 || f.Customers != int64(n-1) {
		t.Errorf("forecast %+v, %v", f, err)
	}
	quotas, err := town.MassQuotas().QuotasTx(town.db, customers, town.clock())
	if err != nil {
		t.Fatal(err)
	}
	days := periodAt(RuleMonth, town.clock()).limit
	if q := quotas[customers[2]]; q.Used != 1 || q.Limit != days {
		t.Errorf("the governor hears %+v", q)
	}
	if q := quotas[customers[1]]; q.Used != days {
		t.Errorf("the governor hears of who has had enough %+v", q)
	}
	mass, _ := town.ledger.Channel(NameMass)
	ask := outreach.BudgetAsk{AccountID: town.corp.ID, Recipients: clause.Expr{SQL: "SELECT id FROM customer WHERE id IN ?", Vars: []any{customers}}, Size: int64(n), At: town.clock()}
	budgets, err := mass.(outreach.Budgeted).Budgets(t.Context(), ask)
	if err != nil || len(budgets) != 1 || budgets[0].Reachable != int64(n-1) || budgets[0].Left != int64((n-1)*days-(n-2)) {
		t.Errorf("an estimate hears %+v, %v", budgets, err)
	}
	for range 8 { // told again and again, counted once; at last nobody asks any more and nobody is remembered
		town.move(7 * time.Hour)
		town.job(town.PollResults)
	}
	task = town.tasks()[0]
	if task.PollAt != nil || len(task.Targets) != 0 || task.SettledAt == nil {
		t.Errorf("in the end %+v", task)
	}
	if f, err := town.MassForecast(t.Context(), town.corp.ID); err != nil || f.Used > int64(n-2) {
		t.Errorf("forecast %+v, %v", f, err)
	}
}

func (town *town) externalOf(customerID int64) string {
	town.t.Helper()
	var i model.Identity
	if err := town.db.Where("customer_id = ? AND kind = 'external_userid'", customerID).Take(&i).Error; err != nil {
		town.t.Fatal(err)
	}
	return i.Value
}

// TestMassGroupsByWhatIsSaid: customers who read different texts are in different calls, those who lack a value in none.
func TestMassGroupsByWhatIsSaid(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "您的券 {{code}}"})
	customers := town.followedBy("staff0001")[:4]
	in := outreach.Intent{Channel: NameMass, AccountID: town.corp.ID, StaffID: town.staff["staff0001"].ID, MessageID: 1}
	for i, id := range customers {
		in.CustomerID, in.Values = id, map[string]string{"code": "A1"}
		if i == 2 {
			in.Values = map[string]string{"code": "B2"}
		}
		if i == 3 {
			in.Values = nil
		}
		town.plan(in)
	}
	town.plan(outreach.Intent{Channel: NameMass, AccountID: town.corp.ID, StaffID: in.StaffID, MessageID: 1, CustomerID: 9_999_999})
	town.wait(map[string]int{"accepted": 3, "failed missing_value": 1, "suppressed no_relation": 1})
	if got := town.effects("externalcontact/add_msg_template"); got != 2 {
		t.Errorf("%d calls, want one for each text", got)
	}
}

// TestMassChoosesSenders: with nobody named, each customer hears from whoever met him last.
func TestMassChoosesSenders(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "周末活动"})
	var all []int64
	for userID := range town.staff {
		all = append(all, town.followedBy(userID)[:3]...)
	}
	town.plan(each(outreach.Intent{Channel: NameMass, AccountID: town.corp.ID, MessageID: 1}, all)...)
	town.run()
	town.eventually("all are accepted", func() bool { return town.states()["accepted"] == len(town.deliveries()) })
	if got := town.effects("externalcontact/add_msg_template"); got < 2 || got > 3 {
		t.Errorf("%d calls for three senders", got)
	}
}

// TestMassWhenTheChosenMemberIsGone: whom a campaign has chosen for a customer may stop following them before the message leaves: then
// another who follows them is asked. Whom a person has named is not replaced.
func TestMassWhenTheChosenMemberIsGone(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "周末活动"})
	var both []int64 // customers of two members
	second := town.followedBy("staff0002")
	for _, id := range town.followedBy("staff0001") {
		if slices.Contains(second, id) {
			both = append(both, id)
		}
	}
	if len(both) < 2 {
		t.Fatalf("%d customers know both members", len(both))
	}
	first := town.staff["staff0001"].ID
	if err := town.db.Model(&model.Relation{}).Where("staff_id = ? AND customer_id = ?", first, both[0]).UpdateColumn("status", "left").Error; err != nil {
		t.Fatal(err)
	}
	in := outreach.Intent{Channel: NameMass, AccountID: town.corp.ID, StaffID: first, MessageID: 1}
	town.plan(each(in, both[:2])...)
	in.Source, in.SourceID = outreach.SourceJourney, 9
	town.plan(each(in, both[:1])...)
	town.wait(map[string]int{"accepted": 2, "suppressed no_relation": 1})
	asked := map[int64]int{}
	for _, task := range town.tasks() {
		asked[task.StaffID]++
	}
	if len(asked) != 2 || asked[first] != 1 {
		t.Errorf("asked %v", asked)
	}
}

func (town *town) deliveries() (rows []model.Delivery) {
	town.t.Helper()
	if err := town.db.Order("id").Find(&rows).Error; err != nil {
		town.t.Fatal(err)
	}
	return rows
}

// TestMassCarriesFiles: a message waits until the platform has its files, and is sent anew when the platform has lost them.
func TestMassCarriesFiles(t *testing.T) {
	town := newTown(t)
	town.says(2, message.Content{Text: "看图", Attachments: []message.Attachment{
		{Kind: message.KindFile, MediaID: 5}, {Kind: message.KindLink, Title: "详情", URL: "https://example.com/a"},
	}})
	customers := town.followedBy("staff0001")[:2]
	town.plan(each(outreach.Intent{Channel: NameMass, AccountID: town.corp.ID, StaffID: town.staff["staff0001"].ID, MessageID: 2}, customers)...)
	town.wait(map[string]int{"planned media_upload": 2})
	town.move(30 * time.Second)
	town.wait(map[string]int{"accepted": 2})
}

// TestF28_FailListIsEachOnesOwn: those whom the platform can't send to fail alone.
func TestF28_FailListIsEachOnesOwn(t *testing.T) {
	town := newTown(t)
	stranger := &model.Customer{Type: 1, FirstSeenAt: town.clock()}
	modeltest.Create(t, town.db, stranger)
	modeltest.Create(t, town.db, &model.Relation{
		AccountID: town.corp.ID, StaffID: town.staff["staff0001"].ID, CustomerID: stranger.ID, ExternalUserID: "wmnobodyatall", Status: "active", AddedAt: town.clock(),
		RemarkState: "synced", DescriptionState: "synced",
	})
	n := len(town.massTo("staff0001"))
	town.wait(map[string]int{"accepted": n - 1, "failed fail_list": 1})
}

// TestF02_LostAnswerIsFoundAgain: the platform made the message and its answer was lost; the ledger finds the message and makes
// no second one. Another message of the same text, to others, is not taken for it.
func TestF02_LostAnswerIsFoundAgain(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "新品上架"})
	other := town.followedBy("staff0002")
	town.plan(each(outreach.Intent{Channel: NameMass, AccountID: town.corp.ID, StaffID: town.staff["staff0002"].ID, MessageID: 1, Step: "b"}, other)...)
	town.wait(map[string]int{"accepted": len(other)})
	town.fault(object{"api": "externalcontact/add_msg_template", "kind": "drop_after", "times": 1})
	n := len(town.massTo("staff0001"))
	town.wait(map[string]int{"accepted": len(other), "in_doubt no_answer": n})
	town.move(3 * time.Minute)
	town.run()
	town.eventually("the doubt is over", func() bool { return town.states()["in_doubt no_answer"] == 0 })
	if s := town.states(); s["accepted"]+s["accepted no_answer"] != n+len(other) {
		t.Errorf("states %v", s)
	}
	if got := town.effects("externalcontact/add_msg_template"); got != 2 {
		t.Errorf("%d messages at the platform, want one for each sender", got)
	}
	if tasks := town.tasks(); len(tasks) != 2 || tasks[0].PlatformID == tasks[1].PlatformID {
		t.Errorf("tasks %+v", tasks)
	}
}

// TestF02_LostCallIsMadeAgain: the platform never had it.
func TestF02_LostCallIsMadeAgain(t *testing.T) {
	town := newTown(t)
	town.fault(object{"api": "externalcontact/add_msg_template", "kind": "drop_before", "times": 1})
	n := len(town.massTo("staff0001"))
	town.wait(map[string]int{"in_doubt no_answer": n})
	town.move(3 * time.Minute)
	town.eventually("it is made again", func() bool { return town.effects("externalcontact/add_msg_template") == 1 })
	town.eventually("all are accepted", func() bool {
		s := town.states()
		return s["accepted"]+s["accepted no_answer"]+s["accepted absent"] == n
	})
}

// TestF21_RateLimitIsNoFailure: 45009 makes the deliveries wait.
func TestF21_RateLimitIsNoFailure(t *testing.T) {
	town := newTown(t)
	town.fault(object{"api": "externalcontact/add_msg_template", "kind": "errcode", "errcode": 45009, "times": 1})
	n := len(town.massTo("staff0001"))
	town.wait(map[string]int{"planned platform_rate": n})
	town.move(2 * time.Minute)
	town.eventually("they leave", func() bool { return town.effects("externalcontact/add_msg_template") == 1 })
}

// TestSenderWhoNeverConfirms: reminded twice, then taken back at the platform too, and another follower is asked.
func TestSenderWhoNeverConfirms(t *testing.T) {
	town := newTown(t)
	n := len(town.massTo("staff0001"))
	town.wait(map[string]int{"accepted": n})
	both := 0 // customers whom somebody else follows as well
	for _, id := range town.followedBy("staff0001") {
		var others int64
		town.db.Model(&model.Relation{}).Where("customer_id = ? AND staff_id <> ? AND status = 'active'", id, town.staff["staff0001"].ID).Count(&others)
		both += int(min(others, 1))
	}
	if both == 0 {
		t.Fatal("nobody has two followers")
	}
	for range 5 {
		town.move(4*time.Hour + time.Minute)
		town.job(town.RemindSenders)
		town.job(town.GiveUp)
	}
	if got := town.effects("externalcontact/remind_groupmsg_send"); got != 2 {
		t.Errorf("%d reminders, want 2", got)
	}
	town.move(4 * time.Hour)
	town.job(town.GiveUp)
	town.job(town.GiveUp)
	if got := town.effects("externalcontact/cancel_groupmsg_send"); got != 1 {
		t.Errorf("cancelled %d times", got)
	}
	town.eventually("the others are asked", func() bool {
		s := town.states()
		return s["failed not_confirmed"] == n && s["accepted"] == both
	})
	if got := town.tasks()[0]; got.Status != TaskGivenUp || len(got.Targets) != 0 {
		t.Errorf("task %+v", got)
	}
}

// TestConfirmedAtTheLastMoment: who confirms before the message is taken back has sent it, and nobody else is asked.
func TestConfirmedAtTheLastMoment(t *testing.T) {
	town := newTown(t)
	n := len(town.massTo("staff0001"))
	town.wait(map[string]int{"accepted": n})
	town.move(25 * time.Hour)
	town.act("mass_confirm", object{})
	town.job(town.GiveUp)
	town.wait(map[string]int{"sent": n})
}

// TestCancelIsSaidAtThePlatform: what a campaign takes back, its senders can't send any more.
func TestCancelIsSaidAtThePlatform(t *testing.T) {
	town := newTown(t)
	n := len(town.massTo("staff0001"))
	town.wait(map[string]int{"accepted": n})
	town.move(time.Minute)
	for range 2 {
		if err := town.CancelTasks(t.Context(), outreach.SourceCampaign, 7); err != nil {
			t.Fatal(err)
		}
	}
	if r := town.act("mass_confirm", object{}); r["confirmed"] != 0.0 {
		t.Error("it was sent nevertheless")
	}
	town.wait(map[string]int{"failed cancelled": n})
}

func TestGroupMass(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "群里好"})
	var groups []model.CustomerGroup
	if err := town.db.Order("id").Find(&groups).Error; err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		town.plan(outreach.Intent{Channel: NameGroupMass, AccountID: town.corp.ID, GroupID: g.ID, MessageID: 1})
	}
	town.plan(outreach.Intent{Channel: NameGroupMass, AccountID: town.corp.ID, GroupID: 9_999_999, MessageID: 1})
	town.wait(map[string]int{"accepted": len(groups), "suppressed no_group": 1})
	town.move(2 * time.Minute)
	town.act("mass_confirm", object{})
	town.job(town.PollResults)
	town.wait(map[string]int{"sent": len(groups), "suppressed no_group": 1})
}

func TestMoment(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "今日上新", Attachments: []message.Attachment{{Kind: message.KindImage, MediaID: 3}}})
	town.says(2, message.Content{Text: "无人发", Attachments: []message.Attachment{{Kind: message.KindFile, MediaID: 3}}})
	town.plan(
		outreach.Intent{Channel: NameMoment, AccountID: town.corp.ID, StaffID: town.staff["staff0001"].ID, MessageID: 1, Occurrence: "a"},
		outreach.Intent{Channel: NameMoment, AccountID: town.corp.ID, MessageID: 1, Occurrence: "b"},
		outreach.Intent{Channel: NameMoment, AccountID: town.corp.ID, MessageID: 2, Occurrence: "c"},
	)
	town.wait(map[string]int{"accepted": 2, "failed content": 1})
	town.move(2 * time.Minute)
	town.job(town.PollResults)
	town.act("moment_publish", object{"userid": "staff0001"})
	town.move(2 * time.Minute)
	town.job(town.PollResults)
	town.wait(map[string]int{"sent": 2, "failed content": 1})
	tasks := town.tasks()
	if tasks[0].Published != tasks[0].Senders && tasks[1].Published != tasks[1].Senders {
		t.Errorf("tasks %+v", tasks)
	}
	town.move(25 * time.Hour)
	town.job(town.GiveUp) // those who have not published are stopped; the post is out
	if got := town.effects("externalcontact/cancel_moment_task"); got != 1 {
		t.Errorf("%d cancelled", got)
	}
	town.wait(map[string]int{"sent": 2, "failed content": 1})
}

// TestF02_LostMomentIsFoundAgain: as for mass messages.
func TestF02_LostMomentIsFoundAgain(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "今日上新"})
	town.fault(object{"api": "externalcontact/add_moment_task", "kind": "half_body", "times": 1})
	town.plan(outreach.Intent{Channel: NameMoment, AccountID: town.corp.ID, StaffID: town.staff["staff0001"].ID, MessageID: 1, Occurrence: "a"})
	town.wait(map[string]int{"in_doubt no_answer": 1})
	town.move(6 * time.Minute)
	town.eventually("it is found", func() bool { return len(town.tasks()) == 1 && town.states()["in_doubt no_answer"] == 0 })
	if got := town.effects("externalcontact/add_moment_task"); got != 1 {
		t.Errorf("%d posts", got)
	}
	town.act("moment_publish", object{})
	town.move(2 * time.Minute)
	town.job(town.PollResults)
	if s := town.states(); s["sent"]+s["sent no_answer"] != 1 {
		t.Errorf("states %v", s)
	}
}
