package sidebar

import (
	"context"
	"errors"
	"net/url"
	"strconv"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/service/customer"
	"zhiyin/service/staff"
	"zhiyin/wecom"
)

// DoctorInput is what a page knows when it does not get on.
type DoctorInput struct {
	Account string `query:"account" maxLength:"32" doc:"short name of the corp's account"`
	URL     string `query:"url" maxLength:"2048" doc:"the page's address, without # and what follows"`
	ID      string `query:"customer" maxLength:"64" doc:"public id, or external_userid"`
}

// Diagnosis is what the doctor found, step by step, in the order in which a page takes them.
type Diagnosis struct {
	Failing string `json:"failing,omitempty" doc:"the first step that does not work; absent: all do"`
	Steps   []Step `json:"steps" nullable:"false"`
}

// Step is one of the steps from opening the page to seeing a customer.
type Step struct {
	Name   string `json:"name" enum:"account,page,session,role,config_ticket,agent_ticket,customer"`
	State  string `json:"state" enum:"ok,failed,skipped" doc:"skipped: an earlier one failed, or it was not asked about"`
	Zh     string `json:"zh,omitempty" doc:"what is wrong and what to do"`
	En     string `json:"en,omitempty"`
	Detail string `json:"detail,omitempty" doc:"the platform's error code"`
}

// trouble is why a step does not work.
type trouble struct{ zh, en, detail string }

// patient is what the steps find out one after the other.
type patient struct {
	*Handlers
	in     *DoctorInput
	acct   *model.Account
	viewer *staff.Viewer
}

// doctorSteps are the steps in their order. asked tells whether there is anything to look at; look gives
// nil when all is well.
var doctorSteps = []struct {
	name  string
	asked func(in *DoctorInput) bool
	look  func(p *patient, ctx context.Context) (*trouble, error)
}{
	{"account", always, (*patient).account},
	{"page", func(in *DoctorInput) bool { return in.URL != "" }, (*patient).page},
	{"session", always, (*patient).session},
	{"role", always, (*patient).role},
	{"config_ticket", always, func(p *patient, ctx context.Context) (*trouble, error) {
		return p.ticket(p.Corp(p.acct.Name).JSTicket(ctx))
	}},
	{"agent_ticket", always, func(p *patient, ctx context.Context) (*trouble, error) {
		return p.ticket(p.Corp(p.acct.Name).AgentTicket(ctx))
	}},
	{"customer", func(in *DoctorInput) bool { return in.ID != "" }, (*patient).customer},
}

func always(*DoctorInput) bool { return true }

// Doctor names the first step that does not work. Who is not signed in learns of the steps up to that.
func (h *Handlers) Doctor(ctx context.Context, in *DoctorInput) (*One[Diagnosis], error) {
	p := &patient{Handlers: h, in: in}
	var out Diagnosis
	for _, s := range doctorSteps {
		step := Step{Name: s.name, State: "skipped"}
		if out.Failing == "" && s.asked(in) {
			t, err := s.look(p, ctx)
			switch {
			case err != nil:
				return nil, err
			case t == nil:
				step.State = "ok"
			default:
				step.State, step.Zh, step.En, step.Detail = "failed", t.zh, t.en, t.detail
				out.Failing = s.name
			}
		}
		out.Steps = append(out.Steps, step)
	}
	return one(out), nil
}

func (p *patient) account(ctx context.Context) (*trouble, error) {
	acct, err := p.Accounts.ByName(ctx, p.in.Account)
	if acct, err = usable(acct, err); errors.Is(err, ErrUnknownCorp) {
		return &trouble{"页面地址中的 account 不是已启用的企业账号短名", "the page's account is not the short name of an enabled corp", ""}, nil
	}
	p.acct = acct
	return nil, err
}

func (p *patient) page(context.Context) (*trouble, error) {
	if p.ours(p.in.URL) {
		return nil, nil
	}
	return &trouble{
		"该页面的域名不在 sidebar.origins 中，无法签名；企业微信后台的可信域名也必须是它", "this page's origin is not among sidebar.origins, so it can't be signed; it must be the app's trusted domain too", origin(p.in.URL),
	}, nil
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func (p *patient) session(ctx context.Context) (*trouble, error) {
	none := &trouble{
		"尚未登录或登录已失效：重新进入页面。若企业微信提示 50001，请把页面域名设为应用的可信域名", "nobody is signed in, or not any more: open the page again. If WeCom says 50001, make the page's host a trusted domain of the app", "",
	}
	token := console.OriginOf(ctx).Token
	if token == "" {
		return none, nil
	}
	v, err := p.Staff.Authenticate(ctx, token)
	if errors.Is(err, staff.ErrSessionEnded) || err == nil && (v.Face != staff.FaceSidebar || v.AccountID != p.acct.ID) {
		return none, nil
	}
	p.viewer = v
	return nil, err
}

func (p *patient) role(context.Context) (*trouble, error) {
	if p.viewer.May("customer.read") {
		return nil, nil
	}
	return &trouble{"您还没有可查看客户的角色，请管理员在控制台为您设置", "you have no role that may see customers; an administrator gives one in the console", ""}, nil
}

func (p *patient) ticket(_ *wecom.Ticket, err error) (*trouble, error) {
	var e *wecom.Error
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &e):
		return nil, err
	case errors.Is(err, wecom.ErrIPNotTrusted):
		return &trouble{"服务器的出口 IP 不在应用的企业可信 IP 中", "the server's address is not among the app's trusted ones", code(e)}, nil
	case errors.Is(err, wecom.ErrCredentials):
		return &trouble{"企业 ID 或应用 Secret 不正确", "the corp id or the app's secret is wrong", code(e)}, nil
	}
	return &trouble{"暂时无法向企业微信取得票据，请运行 zhiyin doctor", "WeCom does not lend a ticket; run zhiyin doctor", code(e)}, nil
}

// code is the platform's error code, when it gave one.
func code(e *wecom.Error) string {
	if e.Code == 0 {
		return e.Class.String()
	}
	return strconv.Itoa(e.Code)
}

func (p *patient) customer(ctx context.Context) (*trouble, error) {
	ctx = console.WithViewer(ctx, p.viewer)
	id, err := p.customerOf(ctx, p.in.ID)
	if err == nil {
		err = p.Customers.Sees(ctx, p.viewer, id)
	}
	if errors.Is(err, customer.ErrNotFound) {
		return &trouble{"没有这位客户，或不在您的数据范围内；刚添加的客户稍后出现", "there is no such customer, or they are not yours to see; one added just now appears in a moment", ""}, nil
	}
	return nil, err
}
