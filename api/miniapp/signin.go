package miniapp

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/visit"
)

// SignInInput is a customer at the door.
type SignInInput struct {
	Body struct {
		Account string `json:"account" minLength:"1" maxLength:"32" pattern:"^[a-z0-9-]+$" doc:"小程序账号的短名 · short name of the mini-program's account"`
		Code    string `json:"code" minLength:"1" maxLength:"256" doc:"wx.login 的 code · of wx.login"`
		From    *From  `json:"from,omitempty" doc:"从哪里来 · where the customer comes from"`
	}
}

// From is where a customer says to come from: the query of the page and what wx.getEnterOptionsSync tells.
type From struct {
	Campaign string `json:"campaign,omitempty" maxLength:"64" doc:"活动代码 · the campaign's code"`
	Link     string `json:"link,omitempty" maxLength:"255" doc:"页面或链接 · the page or link"`
	Referrer string `json:"referrer,omitempty" maxLength:"255" doc:"来源小程序或分享人代码 · the app or the sharer's code"`
	Scene    int    `json:"scene,omitempty" minimum:"0" maximum:"100000" doc:"场景值 · the platform's scene"`
}

func (f *From) touch() model.CustomerTouch {
	if f == nil {
		return model.CustomerTouch{}
	}
	return model.CustomerTouch{Campaign: f.Campaign, Link: f.Link, Referrer: f.Referrer, Scene: f.Scene}
}

// SignInReply is a new visit.
type SignInReply struct {
	Token     string    `json:"token" doc:"放在 Authorization: Bearer 里 · goes into Authorization: Bearer …"`
	Kind      string    `json:"kind" enum:"customer,staff" doc:"客户或企业成员 · a customer, or a staff member inside WeCom"`
	ExpiresAt time.Time `json:"expires_at" doc:"最晚失效时间；两小时不用也会失效 · ends then at the latest, and after two hours without use"`
}

// SignIn begins a customer's visit.
func (h *Handlers) SignIn(ctx context.Context, in *SignInInput) (*One[SignInReply], error) {
	token, v, err := h.Visits.SignIn(ctx, visit.SignInInput{
		Account: in.Body.Account, Code: in.Body.Code, UserAgent: originOf(ctx).userAgent, Touch: in.Body.From.touch(),
	})
	if err != nil {
		return nil, err
	}
	return one(SignInReply{token, kindOf(v), v.ExpiresAt}), nil
}

// StaffSignInInput is a staff member who opened the mini-program inside WeCom.
type StaffSignInInput struct {
	Body struct {
		Account string `json:"account" minLength:"1" maxLength:"32" pattern:"^[a-z0-9-]+$" doc:"企业账号的短名 · short name of the corp's account"`
		Code    string `json:"code" minLength:"1" maxLength:"256" doc:"wx.qy.login 的 code · of wx.qy.login"`
	}
}

// SignInStaff begins a staff member's visit.
func (h *Handlers) SignInStaff(ctx context.Context, in *StaffSignInInput) (*One[SignInReply], error) {
	token, v, err := h.Visits.SignInStaff(ctx, visit.SignInInput{
		Account: in.Body.Account, Code: in.Body.Code, UserAgent: originOf(ctx).userAgent,
	})
	if err != nil {
		return nil, err
	}
	return one(SignInReply{token, kindOf(v), v.ExpiresAt}), nil
}

// SignOut ends the visit that the request came with.
func (h *Handlers) SignOut(ctx context.Context, _ *struct{}) (*None, error) {
	return &None{}, h.Visits.SignOut(ctx, originOf(ctx).token)
}

// Me is who calls.
type Me struct {
	Kind      string    `json:"kind" enum:"customer,staff"`
	StaffName string    `json:"staff_name,omitempty" doc:"企业成员的姓名 · of a staff member"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Me tells who calls.
func (h *Handlers) Me(ctx context.Context, _ *struct{}) (*One[Me], error) {
	v := visitorOf(ctx)
	return one(Me{kindOf(v), v.StaffName, v.ExpiresAt}), nil
}

func kindOf(v *visit.Visitor) string {
	if v.CustomerID == 0 {
		return "staff"
	}
	return "customer"
}

// BindPhoneInput is a code of the phone button.
type BindPhoneInput struct {
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"256" doc:"手机号按钮事件里的 code，不是 wx.login 的 · of the phone button's event, not of wx.login"`
	}
}

// Phone is what became of a phone number.
type Phone struct {
	Phone string `json:"phone" doc:"打码显示 · masked"`
	State string `json:"state" enum:"bound,in_review" doc:"in_review：该号码属于另一位客户，等待人工核对 · another customer has this number; people will look at it"`
}

// BindPhone gives the caller the phone number that the platform vouches for.
func (h *Handlers) BindPhone(ctx context.Context, in *BindPhoneInput) (*One[Phone], error) {
	p, err := h.Visits.BindPhone(ctx, visitorOf(ctx), in.Body.Code)
	if err != nil {
		return nil, err
	}
	if p.Review {
		return one(Phone{p.Masked, "in_review"}), nil
	}
	return one(Phone{p.Masked, "bound"}), nil
}
