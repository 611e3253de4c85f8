package wecom

import (
	"fmt"
	"time"
)

// Limit says how often, how wide and how long one platform API is called for one corp or
// mini-program. The figures are ours: below the platform's, so that its own limit is never met.
// A zero rate means the general one, a negative rate none.
type Limit struct {
	API         string // "externalcontact/remark": the path, for WeCom without /cgi-bin/
	PerSecond   int    // calls; the general rate has none
	PerMinute   int    // general: 8,000 (platform 10,000)
	PerHour     int    // general: 120,000 (platform 150,000)
	PerDay      int    // the general rate has none
	PerMonth    int    // of 30 days; the general rate has none
	Concurrency int    // calls in flight per replica; zero: only the account's own bound
	Timeout     time.Duration
}

// The general rates are 80 % of what the platform allows per corp and API; platform
// documentation, 访问频率限制.
const (
	generalPerMinute = 8_000
	generalPerHour   = 120_000
)

// The platform's own host names; a call names one of them and Config says where it really goes.
const (
	qyapi  = "qyapi.weixin.qq.com"
	weixin = "api.weixin.qq.com"
)

// endpoint is one platform API with all that the gateway has to know about it.
type endpoint struct {
	Limit
	host string // qyapi unless set
	get  bool   // GET; otherwise POST
	open bool   // needs no access token
	// repeatable: a second call after a lost answer does no harm, so the gateway may make it.
	repeatable bool
	// urgent: somebody waits for it now; not queued behind ordinary calls.
	urgent bool
	upload bool
	// picture: the answer is a JPEG or PNG; one in JSON says why there is none.
	picture bool
	// result is the field of the answer that holds what was asked for. An answer without errcode
	// counts only if it has this field; with must, every answer has to have it.
	result string
	must   bool
}

// endpoints is the one table of platform APIs. Rates are the platform's per corp and API unless
// said otherwise, lowered to 80 %; platform documentation, 访问频率限制, and the pages of each API.
var endpoints = []endpoint{
	// 基础: tokens, tickets, addresses
	{Limit: Limit{API: "gettoken", Concurrency: 1}, get: true, open: true, result: "access_token", must: true},
	{Limit: Limit{API: "get_jsapi_ticket", PerHour: 320}, get: true, repeatable: true, result: "ticket", must: true},
	{Limit: Limit{API: "ticket/get", PerHour: 80}, get: true, repeatable: true, result: "ticket", must: true},
	{Limit: Limit{API: "getcallbackip"}, get: true, repeatable: true, result: "ip_list"},
	{Limit: Limit{API: "get_api_domain_ip"}, get: true, repeatable: true, result: "ip_list"},

	// 通讯录: departments and staff
	{Limit: Limit{API: "department/list"}, get: true, repeatable: true, result: "department"},
	{Limit: Limit{API: "user/list", Concurrency: 8}, get: true, repeatable: true, result: "userlist"},
	{Limit: Limit{API: "user/get"}, get: true, repeatable: true, result: "userid", must: true},

	// 身份验证: a code works once, so its call does too; valid ones are exempt from rates
	{Limit: Limit{API: "auth/getuserinfo", PerMinute: -1, PerHour: -1}, get: true, urgent: true},
	{Limit: Limit{API: "miniprogram/jscode2session"}, get: true, urgent: true, result: "userid", must: true},

	// 客户联系: customers; parallel reads meet errcode 45033, hence the bounds
	{Limit: Limit{API: "externalcontact/get_follow_user_list"}, get: true, repeatable: true, result: "follow_user"},
	{Limit: Limit{API: "externalcontact/list", Concurrency: 8}, get: true, repeatable: true, result: "external_userid"},
	{Limit: Limit{API: "externalcontact/get"}, get: true, repeatable: true, result: "external_contact", must: true},
	{Limit: Limit{API: "externalcontact/batch/get_by_user", Concurrency: 8}, repeatable: true, result: "external_contact_list"},
	{Limit: Limit{API: "externalcontact/remark", PerSecond: 50}, repeatable: true},

	// 客户标签
	{Limit: Limit{API: "externalcontact/get_corp_tag_list"}, repeatable: true, result: "tag_group"},
	{Limit: Limit{API: "externalcontact/add_corp_tag"}, result: "tag_group", must: true},
	{Limit: Limit{API: "externalcontact/edit_corp_tag"}, repeatable: true},
	{Limit: Limit{API: "externalcontact/del_corp_tag"}, repeatable: true},
	{Limit: Limit{API: "externalcontact/mark_tag", PerSecond: 50}, repeatable: true},

	// 联系我 and 欢迎语
	{Limit: Limit{API: "externalcontact/add_contact_way"}, result: "config_id", must: true},
	{Limit: Limit{API: "externalcontact/get_contact_way"}, repeatable: true, result: "contact_way", must: true},
	{Limit: Limit{API: "externalcontact/list_contact_way"}, repeatable: true, result: "contact_way"},
	{Limit: Limit{API: "externalcontact/update_contact_way"}, repeatable: true},
	{Limit: Limit{API: "externalcontact/del_contact_way"}, repeatable: true},
	{Limit: Limit{API: "externalcontact/send_welcome_msg"}, urgent: true},

	// 企业群发: nothing tells the platform that two equal messages are one, so a lost answer is not repeated
	{Limit: Limit{API: "externalcontact/add_msg_template", PerSecond: 5}, result: "msgid", must: true},
	{Limit: Limit{API: "externalcontact/get_groupmsg_list_v2"}, repeatable: true, result: "group_msg_list"},
	{Limit: Limit{API: "externalcontact/get_groupmsg_task"}, repeatable: true, result: "task_list"},
	{Limit: Limit{API: "externalcontact/get_groupmsg_send_result"}, repeatable: true, result: "send_list"},
	{Limit: Limit{API: "externalcontact/remind_groupmsg_send"}},
	{Limit: Limit{API: "externalcontact/cancel_groupmsg_send"}, repeatable: true},

	// 客户朋友圈: ten a minute
	{Limit: Limit{API: "externalcontact/add_moment_task", PerMinute: 8}, result: "jobid", must: true},
	{Limit: Limit{API: "externalcontact/get_moment_task_result"}, get: true, repeatable: true, result: "status", must: true},
	{Limit: Limit{API: "externalcontact/get_moment_list"}, repeatable: true, result: "moment_list"},
	{Limit: Limit{API: "externalcontact/get_moment_task"}, repeatable: true, result: "task_list"},
	{Limit: Limit{API: "externalcontact/get_moment_customer_list"}, repeatable: true, result: "customer_list"},
	{Limit: Limit{API: "externalcontact/get_moment_send_result"}, repeatable: true, result: "customer_list"},
	{Limit: Limit{API: "externalcontact/cancel_moment_task"}, repeatable: true},

	// 客户群
	{Limit: Limit{API: "externalcontact/groupchat/list", Concurrency: 8}, repeatable: true, result: "group_chat_list"},
	{Limit: Limit{API: "externalcontact/groupchat/get", Concurrency: 8}, repeatable: true, result: "group_chat", must: true},

	// 统计: of each member by night
	{Limit: Limit{API: "externalcontact/get_user_behavior_data", Concurrency: 4}, repeatable: true, result: "behavior_data"},
	{Limit: Limit{API: "externalcontact/groupchat/statistic", Concurrency: 4}, repeatable: true, result: "items"},

	// 账号ID转换: 100,000 conversions an hour
	{Limit: Limit{API: "idconvert/unionid_to_external_userid", PerHour: 80_000, Concurrency: 8}, repeatable: true},
	{Limit: Limit{API: "idconvert/batch/external_userid_to_pending_id", PerHour: 80_000, Concurrency: 8}, repeatable: true, result: "result"},

	// 素材: a second upload makes a second id that nobody uses, except that uploadimg has a quota
	{Limit: Limit{API: "media/upload"}, upload: true, repeatable: true, result: "media_id", must: true},
	{Limit: Limit{API: "media/upload_attachment"}, upload: true, repeatable: true, result: "media_id", must: true},
	{Limit: Limit{API: "media/uploadimg", PerDay: 800, PerMonth: 2_400}, upload: true, result: "url", must: true},

	// 应用消息: always sent with the platform's duplicate check, which makes a repeat harmless
	{Limit: Limit{API: "message/send"}, repeatable: true, result: "msgid"},

	// 微信客服: a message carries an id of ours, but whether a second one is refused is not documented
	{Limit: Limit{API: "kf/account/list"}, repeatable: true, result: "account_list"},
	{Limit: Limit{API: "kf/send_msg"}, result: "msgid", must: true},
	{Limit: Limit{API: "kf/sync_msg", Concurrency: 4}, repeatable: true, result: "next_cursor"},

	// 小程序
	{Limit: Limit{API: "cgi-bin/stable_token", Concurrency: 1}, host: weixin, open: true, result: "access_token", must: true},
	{Limit: Limit{API: "sns/jscode2session"}, host: weixin, get: true, open: true, urgent: true, result: "openid", must: true},
	{Limit: Limit{API: "wxaapi/newtmpl/gettemplate"}, host: weixin, get: true, repeatable: true, result: "data"},
	{Limit: Limit{API: "cgi-bin/message/subscribe/send"}, host: weixin},
	{Limit: Limit{API: "wxa/getwxacodeunlimit", PerMinute: 4_000}, host: weixin, repeatable: true, picture: true, result: "image", must: true},
	{Limit: Limit{API: "wxa/msg_sec_check", PerMinute: 3_200, PerHour: -1, PerDay: 1_600_000, Timeout: 3 * time.Second}, host: weixin, repeatable: true, urgent: true, result: "result", must: true},
	{Limit: Limit{API: "wxa/media_check_async", PerMinute: 1_600, PerHour: -1, PerDay: 160_000}, host: weixin, repeatable: true, result: "trace_id", must: true},
	{Limit: Limit{API: "wxa/business/getuserphonenumber"}, host: weixin, urgent: true, result: "phone_info", must: true},
}

var endpointByName = func() map[string]*endpoint {
	m := make(map[string]*endpoint, len(endpoints))
	for i := range endpoints {
		e := &endpoints[i]
		if e.host == "" {
			e.host = qyapi
		}
		m[e.API] = e
	}
	return m
}()

// url is the API's address at the platform itself.
func (e *endpoint) url() string {
	if e.host == weixin {
		return "https://" + weixin + "/" + e.API
	}
	return "https://" + qyapi + "/cgi-bin/" + e.API
}

// lends tells whether the API is one that lends access tokens.
func (e *endpoint) lends() bool { return e.API == "gettoken" || e.API == "cgi-bin/stable_token" }

// DefaultLimits is the table of limits that a gateway uses unless told otherwise, one row per API.
func DefaultLimits() []Limit {
	list := make([]Limit, len(endpoints))
	for i, e := range endpoints {
		list[i] = e.Limit
	}
	return list
}

// limitTable puts the configured rows in the place of the default ones and fills in what is general.
func limitTable(changed []Limit) (map[string]Limit, error) {
	table := make(map[string]Limit, len(endpoints))
	for _, l := range append(DefaultLimits(), changed...) {
		if endpointByName[l.API] == nil {
			return nil, fmt.Errorf("wecom: a limit names the unknown API %q", l.API)
		}
		if l.PerMinute == 0 {
			l.PerMinute = generalPerMinute
		}
		if l.PerHour == 0 {
			l.PerHour = generalPerHour
		}
		table[l.API] = l
	}
	return table, nil
}
