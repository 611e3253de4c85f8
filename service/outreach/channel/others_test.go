package channel

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/fault"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/outreach/message"
	"zhiyin/service/privacy"
	"zhiyin/service/staff"
)

// TestAppMessages: a text, a card and a template card reach the member; a lost answer is repeated, and arrives once.
func TestAppMessages(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "有新客户"})
	town.says(2, message.Content{Card: &message.Card{Title: "今日待办", Description: "3 位客户"}})
	town.says(3, message.Content{Card: &message.Card{Title: "审批", Description: "活动待审批", Fields: []message.Field{{Name: "人数", Value: "1200"}}}})
	town.fault(object{"api": "message/send", "kind": "drop_after", "times": 1})
	for id := int64(1); id <= 3; id++ {
		town.plan(outreach.Intent{Channel: NameApp, AccountID: town.corp.ID, StaffID: town.staff["staff0001"].ID, MessageID: id, Occurrence: fmt.Sprint(id)})
	}
	town.plan(outreach.Intent{Channel: NameApp, AccountID: town.corp.ID, StaffID: 9_999_999, MessageID: 1, Occurrence: "nobody"})
	town.wait(map[string]int{"accepted": 3, "suppressed no_staff": 1})
	var got struct{ Messages []struct{ MsgType string } }
	town.control("GET", "/_sim/messages", nil, &got)
	if len(got.Messages) != 3 {
		t.Errorf("the member has %v", got.Messages)
	}
}

// TestF28_SilentDropIsNotProvoked: the platform drops what exceeds 30 a minute for one member; what would exceed waits instead.
func TestF28_SilentDropIsNotProvoked(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "第 {{n}} 条"})
	const n = 40
	for i := range n {
		town.plan(outreach.Intent{
			Channel: NameApp, AccountID: town.corp.ID, StaffID: town.staff["staff0002"].ID, MessageID: 1, Occurrence: fmt.Sprint(i), Values: map[string]string{"n": fmt.Sprint(i)},
		})
	}
	town.run()
	for minute := 1; minute <= 4; minute++ {
		town.eventually("a minute's worth has left", func() bool { return town.states()["accepted"] == min(n, minute*appMinute) })
		town.move(time.Minute + time.Second)
	}
	town.wait(map[string]int{"accepted": n})
	var got struct{ Messages []struct{ MsgType string } }
	town.control("GET", "/_sim/messages", nil, &got)
	if len(got.Messages) != n {
		t.Errorf("the member has %d of %d", len(got.Messages), n)
	}
}

// joins lets a customer sign in to the mini-program.
func (town *town) joins(customerID int64) (openID string) {
	town.t.Helper()
	openID = town.act("login", object{"external_userid": town.externalOf(customerID)})["openid"].(string)
	modeltest.Create(town.t, town.db, &model.Identity{CustomerID: customerID, Kind: "openid", Scope: town.mini.PlatformID, Value: openID, Source: "sign_in"})
	return openID
}

// subscription is a message by the first of the mini-program's templates.
func (town *town) subscription(id int64) (templateID string) {
	town.t.Helper()
	town.job(town.SyncTemplates)
	list, err := town.Templates(town.t.Context(), town.mini.ID)
	if err != nil || len(list) != 3 {
		town.t.Fatalf("templates %v, %v", list, err)
	}
	town.says(id, message.Content{Subscribe: &message.Subscription{TemplateID: list[0].TemplateID, Page: "/pages/coupon", Data: []message.Field{
		{Name: "thing1", Value: "满 100 减 20 的超级无敌长名字优惠券，二十字装不下"}, {Name: "time2", Value: "2026-12-08 12:00"}, {Name: "thing3", Value: "请尽快\n使用"},
	}}})
	return list[0].TemplateID
}

// TestSubscribeIsOneConsentOneMessage: two tellings of one consent are one; a lost answer stays in doubt and nothing is repeated.
func TestSubscribeIsOneConsentOneMessage(t *testing.T) {
	town := newTown(t)
	tmpl := town.subscription(1)
	customers := town.followedBy("staff0001")[:3]
	town.joins(customers[0])
	second := town.joins(customers[1])
	in := func(customer int64, occurrence string) outreach.Intent {
		return outreach.Intent{Channel: NameSubscribe, AccountID: town.mini.ID, CustomerID: customer, MessageID: 1, Occurrence: occurrence}
	}
	yes := []Answer{{TemplateID: tmpl, Accepted: true}, {TemplateID: "unknown", Accepted: true}}
	agreed := 0
	agree := func(customer int64, openID string) {
		t.Helper()
		agreed++
		town.act("subscribe", object{"openid": openID, "accept": []string{tmpl}})
		at := town.clock().Add(time.Duration(agreed) * time.Second)
		for range 2 { // both are told twice
			if err := town.Consent(t.Context(), town.mini, customer, fmt.Sprint("request", agreed), yes); err != nil {
				t.Fatal(err)
			}
			if err := town.Prompted(t.Context(), town.mini, openID, yes, false, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	agree(customers[1], second)
	town.plan(in(customers[0], "1"), in(customers[1], "1"), in(customers[2], "1"))
	town.wait(map[string]int{"suppressed no_grant": 1, "accepted": 1, "suppressed no_openid": 1})
	town.plan(in(customers[1], "2"))
	town.wait(map[string]int{"suppressed no_grant": 2, "accepted": 1, "suppressed no_openid": 1})

	agree(customers[1], second)
	agree(customers[1], second)
	town.fault(object{"api": "weixin/cgi-bin/message/subscribe/send", "kind": "drop_after", "times": 1})
	town.plan(in(customers[1], "3"))
	town.wait(map[string]int{"suppressed no_grant": 2, "accepted": 1, "suppressed no_openid": 1, "in_doubt no_answer": 1})
	town.move(time.Hour)
	if got := town.effects("weixin/cgi-bin/message/subscribe/send"); got != 2 {
		t.Errorf("sent %d times", got)
	}
	// Refused for a reason of the content: the consent is still there.
	town.fault(object{"api": "weixin/cgi-bin/message/subscribe/send", "kind": "errcode", "errcode": 47003, "times": 1})
	town.plan(in(customers[1], "4"))
	town.eventually("it is refused", func() bool { return town.states()["failed platform_bad_input"] == 1 })
	town.plan(in(customers[1], "5"))
	town.eventually("the next one leaves", func() bool { return town.states()["accepted"] == 2 })

	var got struct {
		Messages []struct {
			MsgID int64
			Data  map[string]string
		}
	}
	town.control("GET", "/_sim/subscribed", nil, &got)
	if n := len([]rune(got.Messages[0].Data["thing1"])); n != 20 || got.Messages[0].Data["thing3"] != "请尽快 使用" {
		t.Errorf("the customer reads %v", got.Messages[0].Data)
	}
	for range 2 {
		if err := town.Subscribed(t.Context(), town.mini, strconv.FormatInt(got.Messages[0].MsgID, 10), 0); err != nil {
			t.Fatal(err)
		}
	}
	if town.states()["delivered"] != 1 {
		t.Errorf("states %v", town.states())
	}
}

// TestSubscribeFollowsThePlatform: a consent that the platform does not know of, or that was withdrawn in the settings, is none.
func TestSubscribeFollowsThePlatform(t *testing.T) {
	town := newTown(t)
	tmpl := town.subscription(1)
	customer := town.followedBy("staff0001")[0]
	openID := town.joins(customer)
	in := outreach.Intent{Channel: NameSubscribe, AccountID: town.mini.ID, CustomerID: customer, MessageID: 1}
	yes, no := []Answer{{tmpl, true}}, []Answer{{tmpl, false}}
	for i := range 5 { // the mini-program says so, and the platform has heard of none
		if err := town.Consent(t.Context(), town.mini, customer, fmt.Sprint("request", i), yes); err != nil {
			t.Fatal(err)
		}
	}
	in.Occurrence = "1"
	town.plan(in)
	town.wait(map[string]int{"failed no_grant": 1})
	in.Occurrence = "2"
	town.plan(in)
	town.wait(map[string]int{"failed no_grant": 1, "suppressed no_grant": 1})
	if err := town.Prompted(t.Context(), town.mini, openID, yes, false, town.clock()); err != nil {
		t.Fatal(err)
	}
	if err := town.Prompted(t.Context(), town.mini, openID, no, true, town.clock()); err != nil {
		t.Fatal(err)
	}
	in.Occurrence = "3"
	town.plan(in)
	town.wait(map[string]int{"failed no_grant": 1, "suppressed no_grant": 2})
}

// TestKf: only who has written within 48 hours, five times for each message; a lost answer is repeated and arrives once; what
// did not arrive is told.
func TestKf(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "您问的有货 {{n}}"})
	customers := town.followedBy("staff0001")
	town.job(town.SyncKf)
	var acct model.KfAccount
	if err := town.db.Take(&acct).Error; err != nil || acct.Name != "在线客服" {
		t.Fatalf("account %+v, %v", acct, err)
	}
	in := func(n int) outreach.Intent {
		return outreach.Intent{Channel: NameKf, AccountID: town.corp.ID, CustomerID: customers[0], MessageID: 1, Occurrence: fmt.Sprint(n), Values: map[string]string{"n": fmt.Sprint(n)}}
	}
	town.plan(in(0))
	town.wait(map[string]int{"suppressed no_window": 1})
	town.act("kf_text", object{"external_userid": town.externalOf(customers[0]), "text": "有货吗"})
	if err := town.KfChanged(t.Context(), town.corp, acct.KfID, "an old token"); err != nil {
		t.Fatal(err)
	}
	town.fault(object{"api": "kf/send_msg", "kind": "drop_after", "times": 1})
	town.plan(in(1))
	// The platform has it before the ledger knows that no answer came; a clock moved in between would move the next try with it.
	town.eventually("the answer is lost", func() bool { return town.states()["planned no_answer"] == 1 })
	if got := town.effects("kf/send_msg"); got != 1 {
		t.Errorf("sent %d times", got)
	}
	town.move(10 * time.Minute)
	town.eventually("it is accepted", func() bool { s := town.states(); return s["accepted"]+s["accepted no_answer"] == 1 })
	for n := 2; n <= 6; n++ {
		town.plan(in(n))
	}
	town.eventually("the window is spent", func() bool {
		s := town.states()
		return s["accepted"]+s["accepted no_answer"] == 5 && s["suppressed window_spent"]+s["failed window_spent"] == 1
	})
	var state struct {
		Accounts map[string]struct {
			Messages []struct {
				MsgID  string
				Origin int
			}
		}
	}
	town.control("GET", "/_sim/kf", nil, &state)
	var sent []string
	for _, m := range state.Accounts[acct.KfID].Messages {
		if m.Origin == 0 {
			sent = append(sent, m.MsgID)
		}
	}
	if len(sent) != 5 {
		t.Errorf("the customer has %d messages", len(sent))
	}
	town.act("kf_fail", object{"msgid": sent[2], "fail_type": 10})
	if err := town.KfChanged(t.Context(), town.corp, acct.KfID, ""); err != nil {
		t.Fatal(err)
	}
	if town.states()["failed kf_failed"] != 1 {
		t.Errorf("states %v", town.states())
	}
}

func TestInbox(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Subject: "会员日", Text: "全场九折"})
	customers := town.followedBy("staff0001")[:2]
	town.plan(each(outreach.Intent{Channel: NameInbox, AccountID: town.mini.ID, MessageID: 1}, customers)...)
	town.wait(map[string]int{"accepted": 2})
	list, err := town.Letters(t.Context(), customers[0], 0, 10)
	if err != nil || len(list) != 1 || list[0].Subject != "会员日" {
		t.Fatalf("letters %+v, %v", list, err)
	}
	if n, err := town.UnreadLetters(t.Context(), customers[0]); n != 1 || err != nil {
		t.Errorf("%d unread, %v", n, err)
	}
	if _, err := town.Letter(t.Context(), customers[1], list[0].ID); err != ErrLetterNotFound {
		t.Errorf("another's letter: %v", err)
	}
	for range 2 {
		if _, err := town.Letter(t.Context(), customers[0], list[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	town.wait(map[string]int{"accepted": 1, "read": 1})
	if err := town.LetterClicked(t.Context(), customers[0], list[0].ID); err != nil {
		t.Fatal(err)
	}
	town.wait(map[string]int{"accepted": 1, "clicked": 1})
	for range 2 {
		if err := town.RemoveLetter(t.Context(), customers[0], list[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := town.RemoveLetter(t.Context(), customers[1], list[0].ID); err != ErrLetterNotFound {
		t.Errorf("another's letter: %v", err)
	}
	if list, err := town.Letters(t.Context(), customers[0], 0, 10); len(list) != 0 || err != nil {
		t.Errorf("letters %+v, %v", list, err)
	}
}

// TestTask: the member finds what to send; done is sent, dropped is not.
func TestTask(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "生日快乐"})
	customers := town.followedBy("staff0001")[:2]
	town.plan(each(outreach.Intent{Channel: NameTask, AccountID: town.corp.ID, StaffID: town.staff["staff0001"].ID, MessageID: 1}, customers)...)
	town.plan(outreach.Intent{Channel: NameTask, AccountID: town.corp.ID, StaffID: town.staff["staff0001"].ID, CustomerID: 9_999_999, MessageID: 1})
	town.wait(map[string]int{"accepted": 2, "suppressed no_relation": 1})
	var tasks []model.Task
	if err := town.db.Where("kind = ?", TaskKind).Order("id").Find(&tasks).Error; err != nil || len(tasks) != 2 {
		t.Fatalf("tasks %+v, %v", tasks, err)
	}
	if _, err := town.TaskContentOf(t.Context(), &staff.Viewer{StaffID: town.staff["staff0002"].ID}, tasks[0].ID); err != ErrNothingToSend {
		t.Errorf("another's task: %v", err)
	}
	c, err := town.TaskContentOf(t.Context(), &staff.Viewer{StaffID: town.staff["staff0001"].ID}, tasks[0].ID)
	if err != nil || c.Text != "生日快乐" {
		t.Errorf("content %+v, %v", c, err)
	}
	for i, status := range []string{staff.TaskDone, staff.TaskDropped} {
		town.db.Model(&model.Task{}).Where("id = ?", tasks[i].ID).Updates(map[string]any{"status": status, "closed_at": town.clock()})
	}
	town.job(town.ReportTasks)
	town.job(town.ReportTasks)
	town.wait(map[string]int{"sent": 1, "failed task_dropped": 1, "suppressed no_relation": 1})
}

// TestTaskOfWhoWantsItNoMore: between the asking and the sending a customer may have changed their mind.
func TestTaskOfWhoWantsItNoMore(t *testing.T) {
	town := newTown(t)
	town.says(1, message.Content{Text: "新品到店"})
	customers := town.followedBy("staff0001")[:2]
	member := town.staff["staff0001"].ID
	town.plan(each(outreach.Intent{Channel: NameTask, AccountID: town.corp.ID, StaffID: member, MessageID: 1}, customers)...)
	town.wait(map[string]int{"accepted": 2})
	var rows []model.TaskMessage
	if err := town.db.Order("id").Find(&rows).Error; err != nil || len(rows) != 2 {
		t.Fatalf("tasks %+v, %v", rows, err)
	}
	town.wishes.unwanted.Store(rows[0].CustomerID, governor.ReasonDoNotContact)
	who := &staff.Viewer{StaffID: member, Roles: []string{staff.RoleSales}}
	for range 2 {
		if _, err := town.TaskContentOf(t.Context(), who, rows[0].TaskID); !errors.Is(err, ErrUnwanted) {
			t.Errorf("what to send to who wants nothing: %v", err)
		}
	}
	if c, err := town.TaskContentOf(t.Context(), who, rows[1].TaskID); err != nil || c.Text != "新品到店" {
		t.Errorf("what to send to the other: %+v, %v", c, err)
	}
	town.job(town.ReportTasks)
	town.wait(map[string]int{"accepted": 1, "failed do_not_contact": 1})
	if n := modeltest.Count[model.Task](t, town.db, "id = ? AND status = ?", rows[0].TaskID, staff.TaskDropped); n != 1 {
		t.Error("the task is still open")
	}
	if id, err := town.TaskOf(t.Context(), rows[0].DeliveryID); err != nil || id != rows[0].TaskID {
		t.Errorf("the delivery's task is %d, %v", id, err)
	}
}

// willing is customers who want everything.
type willing struct{}

func (willing) WishesTx(*gorm.DB, []int64) (map[int64]*privacy.Wish, error) { return nil, nil }

// TestTaskIsAskedAnew: a task may lie for days. What it asks to be sent counts when it is sent, does not come on top of what the customer
// got meanwhile, and ends when it has lost its sense.
func TestTaskIsAskedAnew(t *testing.T) {
	town := newTown(t)
	arbiter := governor.New(governor.Deps{DB: town.db, Now: town.clock, Zone: shanghai, Wishes: willing{}})
	limit := func(quiet ...governor.Quiet) {
		t.Helper()
		now, err := arbiter.Setting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rules := governor.Setting{Revision: now.Revision, Caps: []governor.Cap{{Window: governor.WindowRolling, Hours: 24, Most: 1}}, Quiet: quiet}
		if _, err := arbiter.Save(t.Context(), rules, 1); err != nil {
			t.Fatal(err)
		}
	}
	limit()
	town.ledger.Governor = arbiter
	for id := range int64(4) {
		town.says(id, message.Content{Text: fmt.Sprint("新品", id)})
	}
	member, customer := town.staff["staff0001"].ID, town.followedBy("staff0001")[0]
	ask := func(id int64, worth time.Duration) {
		town.plan(outreach.Intent{
			Channel: NameTask, AccountID: town.corp.ID, StaffID: member, CustomerID: customer, MessageID: id, Occurrence: fmt.Sprint(id), DueAt: town.clock(), ExpiresAt: town.clock().Add(worth),
		})
	}
	who := &staff.Viewer{StaffID: member, Roles: []string{staff.RoleSales}}
	content := func(n int) error {
		var rows []model.TaskMessage
		if err := town.db.Order("id").Find(&rows).Error; err != nil || len(rows) <= n {
			t.Fatalf("tasks %+v, %v", rows, err)
		}
		_, err := town.TaskContentOf(t.Context(), who, rows[n].TaskID)
		return err
	}
	notYet := func(what string, err error, why string, from, to time.Duration) {
		t.Helper()
		f := fault.Of(err)
		if !errors.Is(err, ErrNotYet) || f == nil || len(f.Fields) != 2 || f.Fields[0].Reason != why {
			t.Errorf("%s: %v", what, err)
			return
		}
		if at, err := time.Parse(time.RFC3339, f.Fields[1].Reason); err != nil || at.Before(town.clock().Add(from)) || at.After(town.clock().Add(to)) {
			t.Errorf("%s: it has to wait until %v, %v", what, at, err)
		}
	}
	ask(0, 100*time.Hour)
	town.wait(map[string]int{"accepted": 1})
	town.move(25 * time.Hour)
	ask(1, 100*time.Hour)
	town.wait(map[string]int{"accepted": 2})
	notYet("on top of another", content(0), governor.ReasonCap, 23*time.Hour, 24*time.Hour)
	if err := content(1); err != nil {
		t.Errorf("the other itself: %v", err)
	}
	town.move(24*time.Hour + time.Minute)
	clock := town.clock().In(shanghai)
	minute := clock.Hour()*60 + clock.Minute()
	limit(governor.Quiet{From: (minute + 1410) % 1440, To: (minute + 30) % 1440})
	notYet("at night", content(0), governor.ReasonQuiet, 28*time.Minute, 31*time.Minute)
	limit()
	for range 2 {
		if err := content(0); err != nil {
			t.Errorf("a day later: %v", err)
		}
	}
	ask(2, time.Hour) // what is sent only now counts now
	town.wait(map[string]int{"accepted": 2, "suppressed cap": 1})

	// The second is done in time, the first loses its sense.
	town.db.Model(&model.Task{}).Where("id = (SELECT task_id FROM task_message WHERE id = 2)").Updates(map[string]any{"status": staff.TaskDone, "closed_at": town.clock()})
	town.move(51 * time.Hour)
	for range 2 {
		if err := content(0); !errors.Is(err, ErrUnwanted) {
			t.Errorf("after its time: %v", err)
		}
	}
	ask(3, time.Hour)
	town.wait(map[string]int{"accepted": 2, "failed expired": 1, "suppressed cap": 1})
	town.move(time.Hour)
	town.job(town.ReportTasks)
	town.wait(map[string]int{"sent": 1, "failed expired": 2, "suppressed cap": 1})
	if n := modeltest.Count[model.Task](t, town.db, "status = ?", staff.TaskOpen); n != 0 {
		t.Errorf("%d tasks are open", n)
	}
}

// TestSMS: the gateway is asked as it is set; each of its answers is what it says, and a lost one is not repeated.
func TestSMS(t *testing.T) {
	town := newTown(t)
	var mu sync.Mutex
	var got []map[string]any
	gateway := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body := map[string]any{"auth": r.Header.Get("Authorization")}
		_ = json.NewDecoder(r.Body).Decode(&body)
		got = append(got, body)
		switch {
		case strings.Contains(body["content"].(string), "lost"):
			panic(http.ErrAbortHandler)
		case strings.Contains(body["content"].(string), "bad"):
			_, _ = io.WriteString(rw, `{"code":17,"message":"no"}`)
		default:
			_, _ = io.WriteString(rw, `{"code":0,"data":{"id":"s-1"}}`)
		}
	}))
	t.Cleanup(gateway.Close)
	customers := town.followedBy("staff0001")[:4]
	for i, id := range customers[:3] {
		modeltest.Create(t, town.db, &model.Identity{CustomerID: id, Kind: "phone", Value: fmt.Sprint("hash", i), SealedValue: []byte(fmt.Sprint("1380000000", i)), Source: "sign_in"})
	}
	for i, text := range []string{`九折"仅今日"`, "bad", "lost", "九折"} {
		town.says(int64(i+1), message.Content{Text: text})
	}
	plan := func(occurrence string) {
		for i, id := range customers {
			town.plan(outreach.Intent{Channel: NameSMS, CustomerID: id, MessageID: int64(i + 1), Occurrence: occurrence})
		}
	}
	plan("unset")
	town.wait(map[string]int{"suppressed channel_off": 4})
	secret := "Bearer-token"
	err := town.SetSMS(t.Context(), 0, 1, true, SMSSettings{
		URL: gateway.URL + "/send", ContentType: "application/json", Body: `{"mobile":"{{phone}}","content":"{{text}}","key":"{{key}}"}`,
		SecretHeader: "Authorization", SecretPrefix: "Bearer ", CodePath: "code", Codes: []string{"0"}, IDPath: "data.id", Sign: "【知音】",
	}, &secret)
	if err != nil {
		t.Fatal(err)
	}
	plan("set")
	town.wait(map[string]int{"suppressed channel_off": 4, "accepted": 1, "failed gateway_17": 1, "in_doubt no_answer": 1, "suppressed no_phone": 1})
	town.move(time.Hour)
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 3 {
		t.Errorf("%d requests", len(got))
	}
	for _, b := range got {
		if b["auth"] != "Bearer Bearer-token" || len(b["key"].(string)) != 26 || !strings.HasPrefix(b["content"].(string), "【知音】") {
			t.Errorf("request %v", b)
		}
	}
	var row model.ChannelSetting
	if err := town.db.Where("channel = ?", NameSMS).Take(&row).Error; err != nil || strings.Contains(row.Settings+string(row.SealedSecret), secret) {
		t.Errorf("the secret can be read in %+v, %v", row, err)
	}
}

// TestSMSGuard: what an operator types must not reach inside.
func TestSMSGuard(t *testing.T) {
	town := newTown(t)
	town.Guard.AllowPrivate = false
	for _, url := range []string{"http://example.com/x", "https://127.0.0.1/x", "https://10.0.0.8/x", "https://db.internal/x", "ftp://example.com", ""} {
		if err := town.SetSMS(t.Context(), 0, 1, true, SMSSettings{URL: url, ContentType: "application/json", Body: "{{phone}}"}, nil); err == nil {
			t.Errorf("%q was taken", url)
		}
	}
	client := newSMS(town.Service).client
	if _, err := client.Get("https://127.0.0.1:443/"); err == nil {
		t.Error("a private address was reached")
	}
}

// postOffice is a mail server of a few lines.
type postOffice struct {
	mu     sync.Mutex
	got    []string
	answer map[string]string // by command
}

func (p *postOffice) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 post")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		cmd, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		p.mu.Lock()
		special := p.answer[cmd]
		p.mu.Unlock()
		switch {
		case special == "hang up" && cmd != "DATA":
			return
		case special != "" && cmd != "DATA":
			say(special)
		case cmd == "EHLO":
			say("250-post\r\n250 8BITMIME")
		case cmd == "DATA":
			say("354 go")
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil || line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			p.mu.Lock()
			p.got = append(p.got, b.String())
			p.mu.Unlock()
			if special == "hang up" {
				return
			}
			say("250 taken")
		case cmd == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// TestEmail: a server that says no has not taken it; one that hangs up after the text may have.
func TestEmail(t *testing.T) {
	town := newTown(t)
	office := &postOffice{answer: map[string]string{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go office.serve(conn)
		}
	}()
	town.says(1, message.Content{Subject: "会员日", Text: "全场九折"})
	customer := town.followedBy("staff0001")[0]
	port := l.Addr().(*net.TCPAddr).Port
	if err := town.SetEmail(t.Context(), 0, 1, true, EmailSettings{Host: "127.0.0.1", Port: port, From: "shop@example.com", FromName: "知音"}, nil); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for i, tt := range []struct{ cmd, answer, state string }{
		{"", "", "accepted"},
		{"RCPT", "550 no such user", "failed no_address"},
		{"MAIL", "451 later", "planned"},
		{"DATA", "hang up", "in_doubt no_answer"},
	} {
		office.mu.Lock()
		office.answer = map[string]string{tt.cmd: tt.answer}
		office.mu.Unlock()
		want[tt.state]++
		town.plan(outreach.Intent{Channel: NameEmail, CustomerID: customer, MessageID: 1, Occurrence: fmt.Sprint(i)})
		town.run()
		town.eventually(tt.state, func() bool { return town.states()[tt.state] == want[tt.state] })
		if tt.cmd == "MAIL" {
			var d model.Delivery
			if err := town.db.Where("occurrence = ?", fmt.Sprint(i)).Take(&d).Error; err != nil {
				t.Fatal(err)
			}
			town.eventually("it was tried", func() bool { _ = town.db.Take(&d, d.ID); return d.Attempts > 0 && d.State == int8(outreach.Planned) })
			town.db.Delete(&model.Delivery{}, d.ID)
			want[tt.state]--
		}
	}
	office.mu.Lock()
	defer office.mu.Unlock()
	if len(office.got) != 2 || !strings.Contains(office.got[0], "Subject: =?UTF-8?") || !strings.Contains(office.got[0], "@example.com") {
		t.Errorf("the server has %q", office.got)
	}
}
