package wecom_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"zhiyin/wecom"
)

// customersOf gives a member of the simulated company and some of his customers.
func (p *platform) customersOf(least int) (user string, ids []string) {
	p.t.Helper()
	for _, user := range must[[]string](p.t)(p.corp.FollowUsers(p.t.Context())) {
		if ids := must[[]string](p.t)(p.corp.CustomerIDs(p.t.Context(), user)); len(ids) >= least {
			return user, ids
		}
	}
	p.t.Fatal("nobody has so many customers")
	return "", nil
}

func TestSimulatedMass(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	user, ids := p.customersOf(3)
	media := must[*wecom.Media](t)(p.corp.UploadMedia(ctx, wecom.MediaImage, "a.png", picture(t)))
	made := must[*wecom.MassCreated](t)(p.corp.CreateMass(ctx, wecom.Mass{
		Sender: user, CustomerIDs: append(slices.Clone(ids), "wmnobody"), Text: "新品 & <上架>",
		Attachments: []wecom.Attachment{{Image: &wecom.Image{MediaID: media.ID}}},
	}))
	if made.MessageID == "" || !slices.Equal(made.Failed, []string{"wmnobody"}) {
		t.Fatalf("made %+v", made)
	}
	_, _, err := p.corp.MassTasks(ctx, made.MessageID, "")
	refused(t, "a message of this moment", err, wecom.ErrSpreading)
	if e := (*wecom.Error)(nil); !errors.As(err, &e) || !e.Retryable() {
		t.Error("it may be asked again")
	}
	p.advance(3 * time.Second)
	tasks, next, err := p.corp.MassTasks(ctx, made.MessageID, "")
	if err != nil || next != "" || len(tasks) != 1 || tasks[0].UserID != user || tasks[0].Sent() {
		t.Errorf("tasks %+v, %q, %v", tasks, next, err)
	}
	before, _, err := p.corp.MassResults(ctx, made.MessageID, user, "")
	if err != nil || len(before) != len(ids) || before[0].Status != wecom.MassUnsent || before[0].CustomerID == "" {
		t.Errorf("before: %+v, %v", before, err)
	}
	p.act("mass_confirm", object{"msgid": made.MessageID})
	after, _, err := p.corp.MassResults(ctx, made.MessageID, user, "")
	if err != nil || !slices.ContainsFunc(after, func(r wecom.MassResult) bool { return r.Status == wecom.MassSent && !r.SentAt.IsZero() }) {
		t.Errorf("after: %+v, %v", after, err)
	}
	tasks, _, err = p.corp.MassTasks(ctx, made.MessageID, "")
	if err != nil || !tasks[0].Sent() || tasks[0].SentAt.IsZero() {
		t.Errorf("tasks %+v, %v", tasks, err)
	}
	now := time.Now()
	list, _, err := p.corp.MassMessages(ctx, wecom.MassQuery{From: now.Add(-time.Hour), Until: now.Add(time.Hour)})
	if err != nil || len(list) != 1 || list[0].MessageID != made.MessageID || list[0].Text.Content != "新品 & <上架>" {
		t.Errorf("list %+v, %v", list, err)
	}
	for range 3 {
		if err := p.corp.RemindMass(ctx, made.MessageID); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "a fourth reminder", p.corp.RemindMass(ctx, made.MessageID), wecom.ErrRemindedEnough)
	for range 2 { // the second time it has been done already
		if err := p.corp.CancelMass(ctx, made.MessageID); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "reminding of a cancelled one", p.corp.RemindMass(ctx, made.MessageID), wecom.ErrCancelled)
	_, _, err = p.corp.MassTasks(ctx, "msgnothing", "")
	refused(t, "an unknown message", err, wecom.ErrNoSuchMessage)
	_, err = p.corp.CreateMass(ctx, wecom.Mass{Sender: user, CustomerIDs: []string{"wmnobody"}, Text: "x"})
	refused(t, "nobody", err, wecom.ErrNobodyToSend)
	for name, m := range map[string]wecom.Mass{
		"nothing":              {Sender: user},
		"nobody and no sender": {Text: "x"},
		"groups and no sender": {ChatIDs: []string{"wr1"}, Text: "x"},
		"too many":             {CustomerIDs: make([]string, wecom.MassCustomers+1), Text: "x"},
		"an empty attachment":  {Sender: user, Attachments: []wecom.Attachment{{}}},
	} {
		_, err := p.corp.CreateMass(ctx, m)
		refused(t, name, err, wecom.ErrBadInput)
	}
}

// A lost answer leaves the outcome open; the call is not made again.
func TestSimulatedMassInDoubt(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	user, ids := p.customersOf(1)
	for _, kind := range []string{"drop_after", "half_body", "html", "missing_errcode"} {
		calls := p.calls("externalcontact/add_msg_template")
		p.fault(object{"api": "externalcontact/add_msg_template", "kind": kind, "times": 1})
		_, err := p.corp.CreateMass(ctx, wecom.Mass{Sender: user, CustomerIDs: ids, Text: "x"})
		refused(t, kind, err, wecom.ErrInDoubt)
		if n := p.calls("externalcontact/add_msg_template") - calls; n != 1 {
			t.Errorf("%s: %d calls", kind, n)
		}
	}
}

func TestSimulatedMassToGroups(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	groups, _, err := p.corp.Groups(ctx, wecom.GroupsQuery{})
	if err != nil {
		t.Fatal(err)
	}
	g := must[*wecom.Group](t)(p.corp.Group(ctx, groups[0].ChatID))
	made := must[*wecom.MassCreated](t)(p.corp.CreateMass(ctx, wecom.Mass{Sender: g.OwnerID, ChatIDs: []string{g.ChatID}, Text: "群里好"}))
	p.advance(3 * time.Second)
	p.act("mass_confirm", object{"msgid": made.MessageID})
	results, _, err := p.corp.MassResults(ctx, made.MessageID, g.OwnerID, "")
	if err != nil || len(results) != 1 || results[0].ChatID != g.ChatID || results[0].Status != wecom.MassSent {
		t.Errorf("results %+v, %v", results, err)
	}
}

func TestSimulatedMoment(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	user, ids := p.customersOf(2)
	media := must[*wecom.Media](t)(p.corp.UploadMomentMedia(ctx, wecom.MediaImage, "a.png", picture(t)))
	if media.CreatedAt.IsZero() {
		t.Error("created_at is a number here")
	}
	job := must[string](t)(p.corp.CreateMoment(ctx, wecom.Moment{
		Text: "今日上新", Parts: []wecom.MomentPart{{Image: &wecom.File{MediaID: media.ID}}}, UserIDs: []string{user, "nobody"},
	}))
	if j := must[*wecom.MomentJob](t)(p.corp.MomentJob(ctx, job)); j.Done {
		t.Error("done at once")
	}
	p.advance(3 * time.Second)
	j := must[*wecom.MomentJob](t)(p.corp.MomentJob(ctx, job))
	if !j.Done || j.MomentID == "" || !slices.Equal(j.Invalid, []string{"nobody"}) {
		t.Fatalf("job %+v", j)
	}
	p.act("moment_publish", object{})
	tasks, _, err := p.corp.MomentTasks(ctx, j.MomentID, "")
	if err != nil || len(tasks) != 1 || tasks[0].Status != 1 {
		t.Errorf("tasks %+v, %v", tasks, err)
	}
	audience, _, err := p.corp.MomentAudience(ctx, j.MomentID, user, "")
	if err != nil || len(audience) == 0 || len(audience) > len(ids) {
		t.Errorf("%d of %d may see it, %v", len(audience), len(ids), err)
	}
	shown, _, err := p.corp.MomentShown(ctx, j.MomentID, user, "")
	if err != nil || len(shown) == 0 {
		t.Errorf("shown to %d, %v", len(shown), err)
	}
	now := time.Now()
	list, _, err := p.corp.Moments(ctx, now.Add(-time.Hour), now.Add(time.Hour), "")
	if err != nil || len(list) != 1 || list[0].Text.Content != "今日上新" {
		t.Errorf("list %+v, %v", list, err)
	}
	for range 2 {
		if err := p.corp.CancelMoment(ctx, j.MomentID); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = p.corp.MomentTasks(ctx, "momnothing", "")
	refused(t, "an unknown moment", err, wecom.ErrNoSuchMoment)
}

func TestSimulatedTemplateCard(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	user, _ := p.customersOf(1)
	card := wecom.TemplateCard{Source: "知音", Title: "今日待办", Subtitle: "3 位客户", Text: "点开查看", Rows: []wecom.CardRow{{Name: "截止", Value: "18:00"}}, URL: "https://example.com/?a=1&b=2"}
	for range 2 { // the duplicate check makes the second harmless
		must[*wecom.Receipt](t)(p.corp.SendStaffTemplate(ctx, []string{user}, card))
	}
	var got struct {
		Messages []struct {
			Template struct{ Card_type string } `json:"template_card"`
		}
	}
	p.control("GET", "/_sim/messages", nil, &got)
	if len(got.Messages) != 1 || got.Messages[0].Template.Card_type != "text_notice" {
		t.Errorf("members have %+v", got.Messages)
	}
	must[*wecom.Receipt](t)(p.corp.SendStaffTemplate(ctx, []string{user}, wecom.TemplateCard{TaskID: "t1", Title: "审批", Buttons: []wecom.CardButton{{Text: "同意", Key: "yes"}}}))
	for name, c := range map[string]wecom.TemplateCard{
		"nothing to open": {Title: "x"}, "no task id": {Title: "x", Buttons: []wecom.CardButton{{Text: "a", Key: "a"}}}, "no title": {URL: "https://example.com"},
	} {
		_, err := p.corp.SendStaffTemplate(ctx, []string{user}, c)
		refused(t, name, err, wecom.ErrBadInput)
	}
}

func TestSimulatedSubscribeMessage(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	templates := must[[]wecom.SubscribeTemplate](t)(p.mini.SubscribeTemplates(ctx))
	if len(templates) == 0 || !strings.Contains(templates[0].Content, "{{thing1.DATA}}") || templates[0].Type != 2 {
		t.Fatalf("templates %+v", templates)
	}
	openid := p.act("login", object{})["openid"].(string)
	msg := wecom.Subscribed{OpenID: openid, TemplateID: templates[0].ID, Page: "pages/coupon", Data: map[string]string{"thing1": "满100减20", "time2": "2026-03-08 12:00", "thing3": "请尽快使用"}}
	_, err := p.mini.SendSubscribed(ctx, msg)
	refused(t, "without consent", err, wecom.ErrNoConsent)
	p.act("subscribe", object{"openid": openid, "accept": []string{msg.TemplateID}})
	bad := msg
	bad.Data = map[string]string{"thing1": strings.Repeat("长", 21), "time2": "2026-03-08 12:00", "thing3": "x"}
	_, err = p.mini.SendSubscribed(ctx, bad)
	refused(t, "a value too long", err, wecom.ErrBadInput)
	if id := must[int64](t)(p.mini.SendSubscribed(ctx, msg)); id == 0 {
		t.Error("no id")
	}
	_, err = p.mini.SendSubscribed(ctx, msg)
	refused(t, "a second for one consent", err, wecom.ErrNoConsent)
	gone := msg
	gone.TemplateID = "x"
	_, err = p.mini.SendSubscribed(ctx, gone)
	refused(t, "an unknown template", err, wecom.ErrTemplateGone)
	p.act("subscribe", object{"openid": openid, "accept": []string{msg.TemplateID}})
	calls := p.calls("weixin/cgi-bin/message/subscribe/send")
	p.fault(object{"api": "weixin/cgi-bin/message/subscribe/send", "kind": "drop_after", "times": 1})
	_, err = p.mini.SendSubscribed(ctx, msg)
	refused(t, "a lost answer", err, wecom.ErrInDoubt)
	if n := p.calls("weixin/cgi-bin/message/subscribe/send") - calls; n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestSimulatedKf(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	accounts := must[[]wecom.KfAccount](t)(p.corp.KfAccounts(ctx))
	if len(accounts) != 1 || accounts[0].ID == "" || !accounts[0].Managed {
		t.Fatalf("accounts %+v", accounts)
	}
	kf := accounts[0].ID
	who := p.act("kf_text", object{"text": "有货吗"})["external_userid"].(string)
	send := func(id string) error {
		_, err := p.corp.SendKf(ctx, wecom.KfMessage{ID: id, KfID: kf, CustomerID: who, Text: "有的"})
		return err
	}
	for _, id := range []string{"a", "b", "c", "d", "e", "a"} {
		if err := send(id); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "a sixth", send("f"), wecom.ErrKfSpent)
	p.act("kf_fail", object{"msgid": "b", "fail_type": 10})
	page := must[*wecom.KfPage](t)(p.corp.KfItems(ctx, kf, "", ""))
	if len(page.Items) != 2 || page.Items[0].Origin != wecom.KfFromCustomer || page.Items[0].Text.Content != "有货吗" || page.Items[0].SentAt.IsZero() {
		t.Fatalf("items %+v", page.Items)
	}
	if e := page.Items[1]; e.Event.FailedID != "b" || e.Event.FailType != 10 || e.CustomerID != who || e.KfID != kf {
		t.Errorf("event %+v", e)
	}
	if again := must[*wecom.KfPage](t)(p.corp.KfItems(ctx, kf, page.Next, "")); len(again.Items) != 0 || again.More {
		t.Errorf("again %+v", again)
	}
	_, err := p.corp.KfItems(ctx, kf, "", "nonsense")
	refused(t, "a wrong token", err, wecom.ErrKfToken)
	p.advance(49 * time.Hour)
	refused(t, "too late", send("g"), wecom.ErrKfLate)
	_, err = p.corp.SendKf(ctx, wecom.KfMessage{KfID: "wkno", CustomerID: who, Text: "x"})
	refused(t, "an unknown account", err, wecom.ErrNoSuchKf)
}
