package miniapp

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/service/event"
	"zhiyin/service/visit"
)

// TrackInput is what the caller did, in a batch.
type TrackInput struct {
	Body struct {
		SentAt *time.Time `json:"sent_at,omitempty" doc:"发送时客户端的时间，用来校正时差 · the client's time when it sends this; all times are put right by it"`
		Events []Tracked  `json:"events" minItems:"1" maxItems:"100" nullable:"false"`
	}
}

// Tracked is one thing that the caller did.
type Tracked struct {
	ID         string          `json:"id" minLength:"1" maxLength:"64" doc:"客户端生成的唯一编号，重发不会重复 · made by the client; sending it again records nothing twice"`
	Name       string          `json:"name" minLength:"1" maxLength:"64" doc:"page.viewed, product.viewed, …"`
	At         *time.Time      `json:"at,omitempty" doc:"发生时间（客户端时钟），7 天内 · when, by the client's clock; up to 7 days ago"`
	Properties json.RawMessage `json:"properties,omitempty" doc:"由普通值组成的对象 · an object of plain values"`
}

// Outcomes tell what became of each event, in their order.
type Outcomes struct {
	Outcomes []Outcome `json:"outcomes" nullable:"false"`
}

// Outcome is what became of one event.
type Outcome struct {
	ID      string   `json:"id"`
	Result  string   `json:"result" enum:"accepted,duplicate,aside,rejected" doc:"aside：名称尚未定义，已保留 · kept until its name is defined"`
	Reason  string   `json:"reason,omitempty"`
	Ignored []string `json:"ignored,omitempty" doc:"未定义的属性 · properties that the kind does not define"`
}

// Track records what the caller did.
func (h *Handlers) Track(ctx context.Context, in *TrackInput) (*One[Outcomes], error) {
	v := visitorOf(ctx)
	t := event.TrackInput{CustomerID: v.CustomerID, AccountID: v.AccountID, Source: visit.Source}
	if in.Body.SentAt != nil {
		t.SentAt = *in.Body.SentAt
	}
	for _, e := range in.Body.Events {
		told := event.Tracked{ID: e.ID, Name: e.Name, Properties: e.Properties}
		if e.At != nil {
			told.At = *e.At
		}
		t.Events = append(t.Events, told)
	}
	outcomes, err := h.Events.Track(ctx, t)
	if err != nil {
		return nil, err
	}
	out := Outcomes{[]Outcome{}}
	for _, o := range outcomes {
		out.Outcomes = append(out.Outcomes, Outcome{o.ID, string(o.Result), o.Reason, o.Ignored})
	}
	return one(out), nil
}
