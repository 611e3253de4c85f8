package wecom

import (
	"context"
	"errors"
)

// Failures of subscribe messages, 订阅消息.
var (
	ErrNoConsent    = errors.New("the customer has not agreed to another of these messages") // 43101
	ErrTemplateGone = errors.New("unknown subscribe template")                               // 40037
)

// SubscribeTemplate is a template that the mini-program has chosen.
type SubscribeTemplate struct {
	ID      string `json:"priTmplId"`
	Title   string `json:"title"`
	Content string `json:"content"` // lines such as 优惠券:{{thing1.DATA}}
	Example string `json:"example"`
	Type    int    `json:"type"` // 2: one consent, one message; 3: long-term
}

// SubscribeTemplates lists the mini-program's templates, at most 50.
// Platform documentation, 小程序订阅消息 · 获取个人模板列表.
func (m *MiniApp) SubscribeTemplates(ctx context.Context) ([]SubscribeTemplate, error) {
	var out struct {
		Data []SubscribeTemplate `json:"data"`
	}
	if err := m.own(ctx, "wxaapi/newtmpl/gettemplate", request{}, &out); err != nil {
		return nil, err
	}
	return out.Data, nil
}

// Subscribed is one subscribe message.
type Subscribed struct {
	OpenID     string
	TemplateID string
	Page       string            // without a leading /; empty: the card opens nothing
	Data       map[string]string // by keyword: thing1, time2 …
}

// SendSubscribed sends a subscribe message, which uses up one consent of the customer, and returns the platform's id
// of it (0 when it says none), by which subscribe_msg_sent_event names it. Not repeatable, and not repeated after a
// lost answer (ErrInDoubt). It fails with ErrNoConsent, ErrTemplateGone, and ErrBadInput (47003) for values that the
// template does not take. Platform documentation, 小程序订阅消息 · 发送订阅消息.
func (m *MiniApp) SendSubscribed(ctx context.Context, s Subscribed) (int64, error) {
	type value struct {
		Value string `json:"value"`
	}
	data := make(map[string]value, len(s.Data))
	for k, v := range s.Data {
		data[k] = value{v}
	}
	body := struct {
		ToUser     string           `json:"touser"`
		TemplateID string           `json:"template_id"`
		Page       string           `json:"page,omitempty"`
		Data       map[string]value `json:"data"`
	}{s.OpenID, s.TemplateID, s.Page, data}
	var out struct {
		MessageID Number `json:"msgid"`
	}
	err := m.own(ctx, "cgi-bin/message/subscribe/send", request{body: body}, &out)
	return int64(out.MessageID), err
}

// own is a call with our own types.
func (m *MiniApp) own(ctx context.Context, api string, r request, out any) error {
	a, err := m.g.miniApp(ctx, m.account)
	if err != nil {
		return err
	}
	return m.g.call(ctx, a, api, r, out)
}
