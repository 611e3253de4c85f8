package miniapp

import (
	"context"

	"zhiyin/service/privacy"
)

// Choice is how much the caller wants to hear about a topic or by a channel.
type Choice struct {
	Topic    string `json:"topic,omitempty"`
	Channel  string `json:"channel,omitempty"`
	Title    string `json:"title"`
	Messages string `json:"messages" enum:"all,fewer,none"`
}

// ChoiceList is how much the caller wants to hear.
type ChoiceList struct {
	Messages string   `json:"messages" enum:"all,fewer,none" doc:"总体 · of all; what is less counts"`
	Choices  []Choice `json:"choices" nullable:"false" doc:"按主题和按渠道 · about each topic, and by each channel"`
}

// wayOut is a channel by which customers are reached, as they know it.
type wayOut struct{ channel, title string }

var waysOut = []wayOut{
	{"mass", "企业微信消息 · WeCom messages"}, {"kf", "微信客服消息 · customer-service messages"}, {"subscribe", "小程序订阅消息 · subscribe messages"},
	{"inbox", "站内信 · in-app inbox"}, {"sms", "短信 · SMS"}, {"email", "邮件 · e-mail"},
}

// ListChoices tells how much the caller wants to hear, in all, about each topic and by each channel.
func (h *Handlers) ListChoices(ctx context.Context, _ *struct{}) (*One[ChoiceList], error) {
	chosen, err := h.Privacy.Contact(ctx, visitorOf(ctx).CustomerID)
	if err != nil {
		return nil, err
	}
	setting, err := h.Governor.Setting(ctx)
	if err != nil {
		return nil, err
	}
	of := func(name string) string {
		if c := chosen[name]; c != "" {
			return c
		}
		return privacy.All
	}
	out := ChoiceList{of(""), []Choice{}}
	for _, t := range setting.Topics {
		out.Choices = append(out.Choices, Choice{Topic: t.Name, Title: t.Title, Messages: of(privacy.AboutTopic(t.Name))})
	}
	for _, w := range waysOut {
		out.Choices = append(out.Choices, Choice{Channel: w.channel, Title: w.title, Messages: of(w.channel)})
	}
	return one(out), nil
}

// ChooseInput is how much the caller wants to hear.
type ChooseInput struct {
	Body struct {
		Messages string `json:"messages" enum:"all,fewer,none"`
		Topic    string `json:"topic,omitempty" maxLength:"31" doc:"只针对该主题 · about this topic alone"`
		Channel  string `json:"channel,omitempty" enum:"mass,kf,subscribe,inbox,sms,email" doc:"只针对该渠道 · by this channel alone"`
	}
}

// ChooseMessages sets how much the caller wants to hear: of all, about a topic, or by a channel.
func (h *Handlers) ChooseMessages(ctx context.Context, in *ChooseInput) (*None, error) {
	b := in.Body
	name := b.Channel
	if b.Topic != "" {
		known, err := h.Governor.HasTopic(ctx, b.Topic)
		if err != nil {
			return nil, err
		}
		if !known || b.Channel != "" {
			return nil, privacy.ErrInvalid.With("body.topic", "没有这个主题，或同时选择了渠道 / no such topic, or a channel besides")
		}
		name = privacy.AboutTopic(b.Topic)
	}
	return &None{}, h.Privacy.Choose(ctx, privacy.ChoiceInput{
		CustomerID: visitorOf(ctx).CustomerID, Channel: name, Choice: b.Messages, Source: privacy.ByMiniApp,
	})
}
