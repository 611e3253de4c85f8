package channel

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
	"zhiyin/wecom"
)

// NameApp is the channel of messages of our app to staff. Names are data.
const NameApp = "app"

// app sends 应用消息 to a member of staff: a text, a text card, or with fields a template card.
type app struct {
	*Service
	turns turns
}

// Describe implements outreach.Channel. The platform drops what exceeds 30 a minute for one member without a word; see turns.
func (a *app) Describe() outreach.Description {
	return outreach.Description{
		Name: NameApp, Zh: "应用消息", En: "App message to staff", To: outreach.ToStaff, Batch: 1,
		Contents: []message.Kind{message.KindText, message.KindCard}, Doubt: outreach.DoubtRetry,
		Limits: []outreach.Limit{{Calls: 50, Per: time.Second}},
	}
}

// Prepare implements outreach.Channel. The member is the lane's; of more than turns allows the rest waits.
func (a *app) Prepare(ctx context.Context, claimed []outreach.Delivery) (calls []outreach.Call, refused []outreach.Refusal, err error) {
	if len(claimed) == 0 {
		return nil, nil, nil
	}
	account, staffID := claimed[0].AccountID, claimed[0].StaffID
	userID, err := staffUserID(a.DB.WithContext(ctx), account, staffID)
	if err != nil {
		return nil, nil, err
	}
	list, refused, err := a.write(ctx, claimed, nil)
	if err != nil {
		return nil, nil, err
	}
	for _, w := range list {
		switch {
		case userID == "":
			refused = append(refused, never(w.ID, ReasonNoStaff))
		case w.content.Text == "" && w.content.Card == nil:
			refused = append(refused, broken(w.ID, ReasonContent))
		default:
			if wait := a.turns.take(fmt.Sprint(account, " ", staffID), a.now()); wait > 0 {
				refused = append(refused, a.soon(w.ID, "member_limit", wait))
				continue
			}
			calls = append(calls, outreach.Call{Deliveries: []outreach.Delivery{w.Delivery}, Payload: appCall{userID, w.content}})
		}
	}
	return calls, refused, nil
}

type appCall struct {
	userID  string
	content message.Content
}

// Send implements outreach.Channel. Equal messages within half an hour are one for the platform, so a repeat does no harm.
func (a *app) Send(ctx context.Context, c outreach.Call) (outreach.Outcome, error) {
	in := c.Payload.(appCall)
	_, corp, err := a.corpOf(ctx, c.AccountID)
	if err != nil {
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater}}, nil
	}
	var got *wecom.Receipt
	card := in.content.Card
	switch to := []string{in.userID}; {
	case card == nil:
		got, err = corp.SendStaffText(ctx, to, in.content.Text)
	case len(card.Fields) > 0:
		got, err = corp.SendStaffTemplate(ctx, to, templateCard(card, cmp.Or(card.URL, a.OpenURL)))
	default:
		got, err = corp.SendStaffCard(ctx, to, wecom.Card{
			Title: card.Title, Description: cmp.Or(card.Description, card.Title), URL: cmp.Or(card.URL, a.OpenURL), Button: card.Button,
		})
	}
	if wecom.CodeOf(err) == 81013 || err == nil && len(got.Invalid) > 0 {
		return failed(outreach.ClassRelation, ReasonNoStaff), nil
	}
	if err != nil {
		return a.outcome(err)
	}
	return accepted(got.MessageID), nil
}

// Reconcile implements outreach.Channel; it is never asked.
func (a *app) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, nil
}

func templateCard(card *message.Card, url string) wecom.TemplateCard {
	t := wecom.TemplateCard{Source: "知音", Title: cut(card.Title, 26), Text: cut(card.Description, 112), URL: url}
	for _, f := range card.Fields[:min(len(card.Fields), 6)] {
		t.Rows = append(t.Rows, wecom.CardRow{Name: cut(f.Name, 5), Value: cut(f.Value, 26)})
	}
	return t
}

// cut shortens a text to n characters.
func cut(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return text
}

// turns spaces out what one member gets: the platform drops what exceeds 30 a minute and says nothing.
type turns struct {
	mu   sync.Mutex
	seen map[string][]time.Time
}

// appMinute is how many messages a process sends to a member within a minute: two processes together stay below the
// platform's 30.
const appMinute = 12

// take counts one message to a member; a wait above 0 means: not now, after so long.
func (t *turns) take(member string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil || len(t.seen) > 10_000 {
		t.seen = map[string][]time.Time{}
	}
	recent := t.seen[member]
	for len(recent) > 0 && now.Sub(recent[0]) >= time.Minute {
		recent = recent[1:]
	}
	if len(recent) >= appMinute {
		t.seen[member] = recent
		return time.Minute - now.Sub(recent[0])
	}
	t.seen[member] = append(recent, now)
	return 0
}
