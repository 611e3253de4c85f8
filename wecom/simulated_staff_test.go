package wecom_test

import (
	"testing"
	"time"

	"zhiyin/wecom"
)

func TestSimulatedStaff(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	departments := must[[]wecom.Department](t)(p.corp.Departments(ctx))
	if len(departments) < 2 || departments[0].ID == 0 {
		t.Fatalf("departments: %+v", departments)
	}
	seen := map[string]wecom.StaffMember{}
	for _, d := range departments {
		for _, m := range must[[]wecom.StaffMember](t)(p.corp.StaffOf(ctx, d.ID)) {
			seen[m.UserID] = m
		}
	}
	if len(seen) != 12 {
		t.Errorf("%d staff, want 12", len(seen))
	}
	follow := must[[]string](t)(p.corp.FollowUsers(ctx))
	if len(follow) == 0 {
		t.Fatal("nobody may have customers")
	}
	one := must[*wecom.StaffMember](t)(p.corp.StaffMember(ctx, follow[0]))
	if one.Name == "" || one.Name != seen[follow[0]].Name || one.Status != 1 || one.MainDepartment == 0 {
		t.Errorf("member: %+v", one)
	}
	_, err := p.corp.StaffMember(ctx, "nobody")
	refused(t, "an unknown member", err, wecom.ErrNotFound)
}

func TestSimulatedTicketsAndAddresses(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	js, agent := must[*wecom.Ticket](t)(p.corp.JSTicket(ctx)), must[*wecom.Ticket](t)(p.corp.AgentTicket(ctx))
	if js.Value == "" || agent.Value == "" || js.Value == agent.Value {
		t.Error("tickets are missing or equal")
	}
	for range 10 {
		if again := must[*wecom.Ticket](t)(p.corp.JSTicket(ctx)); again.Value != js.Value {
			t.Error("the ticket changes")
		}
	}
	if n := p.calls("get_jsapi_ticket"); n != 1 {
		t.Errorf("%d fetches of one ticket", n)
	}
	// A second replica takes the ticket over.
	if other := must[*wecom.Ticket](t)(p.make().Corp("corp").JSTicket(ctx)); other.Value != js.Value || p.calls("get_jsapi_ticket") != 1 {
		t.Error("replicas do not share the ticket")
	}
	if len(must[[]string](t)(p.corp.CallbackIPs(ctx))) == 0 || len(must[[]string](t)(p.corp.APIDomainIPs(ctx))) == 0 {
		t.Error("no addresses")
	}
}

func TestSimulatedLogin(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	userID := must[[]string](t)(p.corp.FollowUsers(ctx))[0]
	code := p.act("oauth", object{"userid": userID})["code"].(string)
	user := must[*wecom.User](t)(p.corp.UserFromCode(ctx, code))
	if user.UserID != userID || user.OpenID != "" {
		t.Errorf("got %+v", user)
	}
	_, err := p.corp.UserFromCode(ctx, code)
	refused(t, "a used code", err, wecom.ErrLoginCode)

	person := p.act("person", object{})["person"].(object)["id"].(string)
	user = must[*wecom.User](t)(p.corp.UserFromCode(ctx, p.act("oauth", object{"person": person})["code"].(string)))
	if user.UserID != "" || user.OpenID == "" {
		t.Errorf("somebody else: got %+v", user)
	}
	code = p.act("oauth", object{"userid": userID})["code"].(string)
	p.advance(10 * time.Minute)
	_, err = p.corp.UserFromCode(ctx, code)
	refused(t, "an old code", err, wecom.ErrLoginCode)

	session := must[*wecom.StaffSession](t)(p.corp.CodeToSession(ctx, p.act("qylogin", object{"userid": userID})["code"].(string)))
	if session.UserID != userID || session.CorpID != p.cred["corp"].CorpID || session.SessionKey == "" {
		t.Errorf("session: %+v", session)
	}
}

func TestSimulatedStaffMessages(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	users := must[[]string](t)(p.corp.FollowUsers(ctx))
	receipt := must[*wecom.Receipt](t)(p.corp.SendStaffText(ctx, []string{users[0], "nobody"}, "a <b> & c"))
	if receipt.MessageID == "" || len(receipt.Invalid) != 1 || receipt.Invalid[0] != "nobody" {
		t.Errorf("receipt: %+v", receipt)
	}
	must[*wecom.Receipt](t)(p.corp.SendStaffText(ctx, []string{users[0], "nobody"}, "a <b> & c")) // an equal one
	must[*wecom.Receipt](t)(p.corp.SendStaffCard(ctx, users[:2], wecom.Card{Title: "t", Description: "d", URL: "https://example.com/"}))
	var sent struct {
		Messages []struct {
			Text     *struct{ Content string }
			TextCard *struct{ Title string }
			To       []string
		}
	}
	p.control("GET", "/_sim/messages", nil, &sent)
	if len(sent.Messages) != 2 || sent.Messages[0].Text.Content != "a <b> & c" || sent.Messages[1].TextCard == nil || len(sent.Messages[1].To) != 2 {
		t.Errorf("the platform has %+v", sent.Messages)
	}
	_, err := p.corp.SendStaffText(ctx, []string{"nobody"}, "x")
	refused(t, "nobody reachable", err, wecom.ErrNotFound)
	for _, bad := range [][]string{nil, {"@all"}, {"a|b"}, {""}} {
		_, err := p.corp.SendStaffText(ctx, bad, "x")
		refused(t, "receivers that are none", err, wecom.ErrBadInput)
	}
}
