package miniapp

import (
	"context"
	"strings"

	"zhiyin/service/fault"
	"zhiyin/service/moderation"
	"zhiyin/service/profile"
	"zhiyin/service/visit"
)

// Profile is what customers see of themselves.
type Profile struct {
	Nickname     string       `json:"nickname"`
	Avatar       string       `json:"avatar"`
	Gender       int          `json:"gender" doc:"0 未知，1 男，2 女 · unknown, male, female"`
	Birthday     string       `json:"birthday" doc:"yyyy-mm-dd，未填为空 · empty when not known"`
	City         string       `json:"city"`
	HasPhone     bool         `json:"has_phone" doc:"是否绑定了手机号 · whether a phone number is bound"`
	Completeness int          `json:"completeness" doc:"资料完整度，万分之几 · how complete it is, in basis points"`
	Preferences  []Preference `json:"preferences" nullable:"false" doc:"后台定义的问题 · the questions that the operators ask"`
	Held         []Held       `json:"held" nullable:"false" doc:"只有自己和企业成员可见的内容 · what other customers don't see"`
}

// Held is a field whose content other customers don't see.
type Held struct {
	Field string `json:"field" doc:"nickname, avatar, city, preferences.…"`
	State string `json:"state" enum:"waiting,refused" doc:"waiting：审核中；refused：未通过 · waiting: it is being looked at"`
}

// inputName is what this face calls a field of profiles.
func inputName(field string) string {
	if preference, is := strings.CutPrefix(field, "fields."); is {
		return "preferences." + preference
	}
	if field == "name" {
		return "nickname"
	}
	return field
}

// inInputNames makes a fault name the inputs of this face.
func inInputNames(err error) error {
	f := fault.Of(err)
	if f == nil || len(f.Fields) == 0 {
		return err
	}
	named := *f
	named.Fields = make([]fault.Field, len(f.Fields))
	for i, field := range f.Fields {
		named.Fields[i] = fault.Field{Name: inputName(field.Name), Reason: field.Reason}
	}
	return &named
}

// Preference is a question with the customer's answer.
type Preference struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Kind    string   `json:"kind" enum:"text,number,date,choice,choices"`
	Choices []string `json:"choices" nullable:"false"`
	Values  []string `json:"values" nullable:"false" doc:"没有回答为空 · empty: not answered"`
}

// GetProfile gives the caller's profile.
func (h *Handlers) GetProfile(ctx context.Context, _ *struct{}) (*One[Profile], error) {
	p, err := h.Profiles.Of(ctx, visitorOf(ctx).CustomerID)
	if err != nil {
		return nil, err
	}
	out := Profile{p.Name, p.Avatar, p.Gender, p.Birthday, p.City, p.HasPhone, p.Completeness, []Preference{}, []Held{}}
	for _, held := range p.Held {
		state := moderation.Waiting
		if held.State == moderation.Refused {
			state = moderation.Refused
		}
		out.Held = append(out.Held, Held{inputName(held.Field), state})
	}
	for _, a := range p.Answers {
		if f := a.Field; f.Asked {
			out.Preferences = append(out.Preferences, Preference{f.Name, f.Title, f.Kind, list(profile.Choices(f)), list(a.Values)})
		}
	}
	return one(out), nil
}

// list is never null in JSON.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

// UpdateProfileInput says what to change; what is absent stays, what is empty is cleared.
type UpdateProfileInput struct {
	Body struct {
		Nickname    *string             `json:"nickname,omitempty" maxLength:"32"`
		Avatar      *string             `json:"avatar,omitempty" maxLength:"1024" doc:"微信头像的 https 地址 · https address of the platform's avatar"`
		Gender      *int                `json:"gender,omitempty" minimum:"0" maximum:"2"`
		Birthday    *string             `json:"birthday,omitempty" maxLength:"10" doc:"yyyy-mm-dd"`
		City        *string             `json:"city,omitempty" maxLength:"32"`
		Preferences map[string][]string `json:"preferences,omitempty" doc:"按名称回答，空列表为清除 · answers by name; an empty list clears one"`
	}
}

// UpdateProfile changes the caller's profile.
func (h *Handlers) UpdateProfile(ctx context.Context, in *UpdateProfileInput) (*One[Profile], error) {
	b := in.Body
	v := visitorOf(ctx)
	err := h.Profiles.Edit(ctx, v.CustomerID, profile.Edit{
		Name: b.Nickname, Avatar: b.Avatar, Gender: b.Gender, Birthday: b.Birthday, City: b.City, Answers: b.Preferences, Asked: true,
	}, profile.By{Source: visit.Source, AccountID: v.AccountID})
	if err != nil {
		return nil, inInputNames(err)
	}
	return h.GetProfile(ctx, nil)
}
