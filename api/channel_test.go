package api

import (
	"context"
	"strings"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/outreach/channel"
	"zhiyin/service/outreach/message"
	"zhiyin/wecom"
)

// noMessages knows no message.
type noMessages struct{}

func (noMessages) Render(context.Context, int64, []message.Recipient) ([]message.Rendered, error) {
	return nil, message.ErrNotFound
}

// massCorp stands for WeCom as far as senders of mass messages go: nobody has confirmed, and all is taken.
type massCorp struct{ channel.Corp }

func (massCorp) RemindMass(context.Context, string) error { return nil }
func (massCorp) CancelMass(context.Context, string) error { return nil }
func (massCorp) MassTasks(context.Context, string, string) ([]wecom.MassTask, string, error) {
	return []wecom.MassTask{{UserID: "sales"}}, "", nil
}

func (p *miniPlatform) SubscribeTemplates(context.Context) ([]wecom.SubscribeTemplate, error) {
	return []wecom.SubscribeTemplate{{ID: "template-1", Title: "优惠券到期提醒", Type: 2}}, nil
}

func (p *miniPlatform) SendSubscribed(context.Context, wecom.Subscribed) (int64, error) {
	return 1, nil
}

// reachRows are what channels keep: tasks that wait for senders, and what a member is to send.
func reachRows() []any {
	task := func(id int64) *model.SenderTask {
		return &model.SenderTask{
			ID: id, Channel: "mass", AccountID: acme, StaffID: salesID, UserID: "sales", CallID: id, PlatformID: "msg1", Source: "campaign", SourceID: 1, Status: "waiting",
			Targets: []byte{}, Recipients: 2, BeganAt: noon, ConfirmBy: noon.AddDate(0, 0, 1), CreatedAt: noon, UpdatedAt: noon,
		}
	}
	return []any{
		task(senderTaskID), task(second),
		&model.TaskMessage{DeliveryID: byHandID, TaskID: ownTask, AccountID: acme, StaffID: adminID, CustomerID: careCustomer, Content: `{"text":"生日快乐"}`, CreatedAt: noon, UpdatedAt: noon},
		&model.TaskMessage{DeliveryID: doubtID + 10, TaskID: careTask, AccountID: acme, StaffID: serviceID, CustomerID: careCustomer, Content: `{"text":"您好"}`, CreatedAt: noon, UpdatedAt: noon},
	}
}

// TestInboxIsOnesOwn: a letter is read by whom it was written to, and by nobody else.
func TestInboxIsOnesOwn(t *testing.T) {
	m := newMini(t)
	mine, other := m.customer("c1"), m.customer("c2")
	var i model.Identity
	if err := m.db.Where("kind = 'openid' AND value = 'oc1'").Take(&i).Error; err != nil {
		t.Fatal(err)
	}
	l := &model.Letter{CustomerID: i.CustomerID, AccountID: miniID, DeliveryID: 77, Subject: "会员日", CreatedAt: noon,
		Content: `{"subject":"会员日","text":"全场九折","attachments":[{"kind":"miniapp","title":"去看看","app_id":"wx1","page":"pages/sale"}]}`}
	modeltest.Create(t, m.db, l)
	path := "/messages/" + m.ids.Of(model.KindLetter, l.ID)
	if body := m.call("GET", "/messages", mine, nil).Body.String(); !strings.Contains(body, "会员日") {
		t.Errorf("inbox %s", body)
	}
	if body := m.call("GET", "/messages/unread", mine, nil).Body.String(); !strings.Contains(body, `"count":1`) {
		t.Errorf("unread %s", body)
	}
	for _, call := range [][2]string{{"POST", path + "/read"}, {"POST", path + "/follow"}, {"DELETE", path}} {
		problemOf(t, call[0]+call[1], m.call(call[0], call[1], other, nil), 404, "letter.not_found")
	}
	if rec := m.call("POST", path+"/read", mine, nil); rec.Code != 200 || !strings.Contains(rec.Body.String(), "pages/sale") || !strings.Contains(rec.Body.String(), "全场九折") {
		t.Errorf("read: %d %s", rec.Code, rec.Body)
	}
	if body := m.call("GET", "/messages/unread", mine, nil).Body.String(); !strings.Contains(body, `"count":0`) {
		t.Errorf("unread %s", body)
	}
	if rec := m.call("DELETE", path, mine, nil); rec.Code != 204 {
		t.Errorf("remove: %d", rec.Code)
	}
	problemOf(t, "a removed one", m.call("POST", path+"/read", mine, nil), 404, "letter.not_found")
}

// TestSecretsOfGatewaysAreWriteOnly: what was set is shown without its secret, and a change that names none keeps it.
func TestSecretsOfGatewaysAreWriteOnly(t *testing.T) {
	c := newCompany(t)
	token := c.session(adminID)
	put := func(path string, body map[string]any) {
		t.Helper()
		if rec := c.do(request{method: "PUT", path: path, token: token, body: body}); rec.Code != 204 {
			t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
	sms, mail := smsGateway(), mailServer()
	put("/api/console/sms-gateway", sms)
	put("/api/console/mail-server", mail)
	delete(sms, "secret")
	delete(mail, "password")
	put("/api/console/sms-gateway", sms)
	put("/api/console/mail-server", mail)
	for path, has := range map[string]string{"/api/console/sms-gateway": `"has_secret":true`, "/api/console/mail-server": `"has_password":true`} {
		body := c.do(request{method: "GET", path: path, token: token}).Body.String()
		if !strings.Contains(body, has) || strings.Contains(body, "GatewayCanary") {
			t.Errorf("%s: %s", path, body)
		}
	}
	sms["url"] = "https://10.0.0.8/send"
	problemOf(t, "a private address", c.do(request{method: "PUT", path: "/api/console/sms-gateway", token: token, body: sms}), 422, "channel.invalid_settings")
}

func smsGateway() map[string]any {
	return map[string]any{
		"enabled": true, "url": "https://sms.example.com/send", "content_type": "application/json", "body": `{"mobile":"{{phone}}","content":"{{text}}"}`, "headers": []any{},
		"secret_header": "Authorization", "secret_prefix": "Bearer ", "code_path": "code", "codes": []string{"0"}, "id_path": "", "sign": "【知音】", "secret": "GatewayCanary",
	}
}

func mailServer() map[string]any {
	return map[string]any{
		"enabled": true, "host": "smtp.example.com", "port": 465, "username": "shop", "from": "shop@example.com", "from_name": "知音", "field": "", "password": "GatewayCanary",
	}
}
