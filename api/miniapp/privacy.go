package miniapp

import (
	"context"
	"time"

	"zhiyin/logs"
	"zhiyin/model"
	"zhiyin/service/privacy"
)

// Consent is how the caller stands to one purpose.
type Consent struct {
	Purpose  string     `json:"purpose"`
	Title    string     `json:"title" doc:"用途 · what it is for"`
	Collects bool       `json:"collects" doc:"需要先同意才会收集 · nothing is collected without a yes"`
	Allowed  bool       `json:"allowed" doc:"当前是否允许 · whether it is allowed now"`
	Given    *bool      `json:"given,omitempty" doc:"最近一次的选择；没有则未选择过 · what you said last; absent: nothing yet"`
	Since    *time.Time `json:"since,omitempty" doc:"作出该选择的时间 · since when"`
	Ask      bool       `json:"ask" doc:"应当询问：没有问过，或告知书有更新 · to be asked: never was, or the notice is new"`
	Notice   *Notice    `json:"notice,omitempty" doc:"当前告知书；没有则尚未发布 · what you are told now; absent: nothing is published"`
}

// Notice is a version of what customers are told about a purpose.
type Notice struct {
	Version     int       `json:"version"`
	Title       string    `json:"title"`
	Body        string    `json:"body"`
	EffectiveAt time.Time `json:"effective_at"`
}

// ConsentList is how the caller stands to every purpose.
type ConsentList struct {
	Consents []Consent `json:"consents" nullable:"false"`
}

// ListConsents tells how the caller stands to every purpose, with the notices in full.
func (h *Handlers) ListConsents(ctx context.Context, _ *struct{}) (*One[ConsentList], error) {
	state, err := h.Privacy.State(ctx, visitorOf(ctx).CustomerID, time.Time{})
	if err != nil {
		return nil, err
	}
	out := ConsentList{[]Consent{}}
	for _, st := range state {
		c := Consent{Purpose: st.Purpose.Name, Title: st.Purpose.Zh + " · " + st.Purpose.En, Collects: st.Purpose.Collects, Allowed: st.Allowed, Given: st.Given, Ask: st.Ask}
		if st.Given != nil {
			c.Since = &st.Since
		}
		if st.Told != nil {
			c.Notice = notice(st.Told)
		}
		out.Consents = append(out.Consents, c)
	}
	return one(out), nil
}

func notice(n *model.Notice) *Notice { return &Notice{n.Version, n.Title, n.Body, n.EffectiveAt} }

// DecideInput is a yes or a no to a purpose: both take this one call.
type DecideInput struct {
	Purpose string `path:"purpose" maxLength:"32"`
	Body    struct {
		Given    bool   `json:"given"`
		Version  int    `json:"version,omitempty" minimum:"0" maximum:"1000000" doc:"同意时必填：所阅读告知书的版本 · with a yes: the version that was read"`
		Guardian string `json:"guardian,omitempty" maxLength:"100" doc:"未满 14 周岁时：监护人姓名和电话 · for a child under 14: the guardian's name and telephone"`
	}
}

// Decide gives or withdraws the caller's consent to a purpose.
func (h *Handlers) Decide(ctx context.Context, in *DecideInput) (*None, error) {
	return &None{}, h.Privacy.Decide(ctx, privacy.Decision{
		CustomerID: visitorOf(ctx).CustomerID, Purpose: in.Purpose, Given: in.Body.Given, Version: in.Body.Version,
		Channel: privacy.ByMiniApp, Proof: "request " + logs.RequestID(ctx), Guardian: in.Body.Guardian,
	})
}

// Data is the page "my data".
type Data struct {
	Stored            []Stored  `json:"stored" nullable:"false" doc:"保存了什么、保存多久 · what is kept, and for how long"`
	Messages          string    `json:"messages" enum:"all,fewer,none" doc:"想收到多少消息 · how much you want to hear"`
	PersonalTargeting bool      `json:"personal_targeting" doc:"是否允许个性化推荐；关闭请拒绝用途 targeting · switch it off by refusing the purpose targeting"`
	Requests          []Request `json:"requests" nullable:"false" doc:"您的申请，最新的在前 · what you asked for, newest first"`
}

// Stored is one kind of things that are kept.
type Stored struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Times int64  `json:"times"`
	Kept  string `json:"kept" doc:"保存期限 · for how long"`
}

// Request is a wish about one's data.
type Request struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind" doc:"export, erase, …"`
	State      string     `json:"state" enum:"recorded,running,done,refused,cancelled"`
	CreatedAt  time.Time  `json:"created_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

// MyData gives the page "my data".
func (h *Handlers) MyData(ctx context.Context, _ *struct{}) (*One[Data], error) {
	id := visitorOf(ctx).CustomerID
	out := Data{Stored: []Stored{}, Messages: privacy.All, Requests: []Request{}}
	holdings, err := h.Privacy.Holdings(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, x := range holdings {
		out.Stored = append(out.Stored, Stored{x.Name, x.Zh + " · " + x.En, x.Times, x.KeptZh + " · " + x.KeptEn})
	}
	choices, err := h.Privacy.Contact(ctx, id)
	if err != nil {
		return nil, err
	}
	if c := choices[""]; c != "" {
		out.Messages = c
	}
	if out.PersonalTargeting, err = h.Privacy.Allowed(ctx, id, privacy.Targeting); err != nil {
		return nil, err
	}
	requests, err := h.Privacy.RequestsOf(ctx, id)
	for _, r := range requests {
		out.Requests = append(out.Requests, h.request(&r))
	}
	return one(out), err
}

func (h *Handlers) request(r *model.PrivacyRequest) Request {
	return Request{h.IDs.Of(model.KindPrivacyRequest, r.ID), r.Kind, r.State, r.CreatedAt, r.FinishedAt}
}

// RequestInput asks for a copy of one's data, or for its erasure.
type RequestInput struct {
	Body struct {
		Kind string `json:"kind" enum:"export,erase"`
	}
}

// MakeRequest records a wish; while one of its kind is open, that one is given.
func (h *Handlers) MakeRequest(ctx context.Context, in *RequestInput) (*One[Request], error) {
	r, err := h.Privacy.Request(ctx, privacy.RequestInput{CustomerID: visitorOf(ctx).CustomerID, Kind: in.Body.Kind, Source: privacy.ByMiniApp})
	if err != nil {
		return nil, err
	}
	return one(h.request(r)), nil
}

// IDPath is the id in an address.
type IDPath struct {
	ID string `path:"id" doc:"public id"`
}

// CancelRequest takes a wish back that nobody has begun to carry out.
func (h *Handlers) CancelRequest(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindPrivacyRequest, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Privacy.Cancel(ctx, visitorOf(ctx).CustomerID, id)
}
