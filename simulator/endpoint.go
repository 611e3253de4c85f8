package simulator

import (
	"net/http"
	"net/url"
	"reflect"
	"time"
)

// Rights an app can hold. A call that needs one the app lacks answers 48002.
const (
	rightContacts = "contacts" // address book
	rightCustomer = "customer" // 客户联系, listed under 可调用接口的应用
	rightSync     = "sync"     // the address-book-sync secret
	rightMessage  = "message"
	rightMedia    = "media"
	rightLogin    = "login" // OAuth, JS tickets, mini-program login
	rightKf       = "kf"    // 微信客服, listed under 可调用接口的应用
)

// ownRights is what a self-built app usually holds.
var ownRights = []string{rightContacts, rightCustomer, rightMessage, rightMedia, rightLogin, rightKf}

// endpoint is one platform call. Adding one is adding an entry to endpointList.
type endpoint struct {
	api    string   // see apiName
	method string   // the only HTTP method accepted
	right  string   // needed by the app; "" = any app
	open   bool     // takes no access_token
	safe   bool     // repeating it changes nothing more
	free   bool     // not counted by the general limits
	limits []window // besides the general ones
	do     handler
}

// handler runs with the world locked.
type handler struct {
	body reflect.Type // of the JSON body, nil when there is none; strict mode and the listing read it
	run  func(*call) (any, error)
}

// plain makes a handler of a function that reads the query only.
func plain(f func(*call) (any, error)) handler { return handler{run: f} }

// takes makes a handler of a function with a JSON body.
func takes[T any](f func(*call, *T) (any, error)) handler {
	return handler{
		body: reflect.TypeFor[T](),
		run: func(c *call) (any, error) {
			in := new(T)
			if err := c.decode(in); err != nil {
				return nil, err
			}
			return f(c, in)
		},
	}
}

// call is one platform call on its way.
type call struct {
	s     *Simulator
	w     *world
	e     *endpoint
	r     *http.Request
	query url.Values
	body  []byte
	now   time.Time
	corp  *corp    // WeCom calls with a token
	app   *app     // the same
	mini  *miniApp // WeChat calls with a token
	notes []string // what strict mode would say, for the log
	exact bool     // the answer goes out without errcode, as a few calls do on success
}

func (c *call) arg(name string) string { return c.query.Get(name) }

// host is the address under which the caller reached us, for URLs in answers.
func (c *call) host() string { return hostOf(c.r) }

func hostOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

const day = 86400

func endpointList() []endpoint {
	ticketLimits := []window{{Per: "corp", Seconds: 3600, Max: 400, Block: 3600}, {Per: "app", Seconds: 3600, Max: 100, Block: 3600}}
	imageLimits := []window{{Per: "corp", Seconds: day, Max: 1000}, {Per: "corp", Seconds: 30 * day, Max: 3000, Block: 30 * day}}
	momentLimits := []window{{Per: "corp", Seconds: 60, Max: 10, Block: 60}}
	return []endpoint{
		{api: "gettoken", method: "GET", open: true, safe: true, do: plain(getToken)},
		{api: "get_api_domain_ip", method: "GET", safe: true, do: plain(platformIPs)},
		{api: "getcallbackip", method: "GET", safe: true, do: plain(platformIPs)},

		{api: "department/list", method: "GET", right: rightContacts, safe: true, do: plain(departmentList)},
		{api: "department/simplelist", method: "GET", right: rightContacts, safe: true, do: plain(departmentSimpleList)},
		{api: "department/get", method: "GET", right: rightContacts, safe: true, do: plain(departmentGet)},
		{api: "user/simplelist", method: "GET", right: rightContacts, safe: true, do: plain(userSimpleList)},
		{api: "user/list", method: "GET", right: rightContacts, safe: true, do: plain(userList)},
		{api: "user/get", method: "GET", right: rightContacts, safe: true, do: plain(userGet)},
		{api: "user/list_id", method: "POST", right: rightSync, safe: true, do: takes(userListID)},

		{api: "auth/getuserinfo", method: "GET", right: rightLogin, free: true, do: plain(authUserInfo)},
		{api: "user/getuserinfo", method: "GET", right: rightLogin, free: true, do: plain(oldUserInfo)},
		{api: "auth/getuserdetail", method: "POST", right: rightLogin, safe: true, do: takes(authUserDetail)},
		{api: "get_jsapi_ticket", method: "GET", right: rightLogin, safe: true, limits: ticketLimits, do: plain(corpTicket)},
		{api: "ticket/get", method: "GET", right: rightLogin, safe: true, limits: ticketLimits, do: plain(agentTicket)},
		{api: "miniprogram/jscode2session", method: "GET", right: rightLogin, do: plain(corpCodeSession)},

		{api: "externalcontact/get_follow_user_list", method: "GET", right: rightCustomer, safe: true, do: plain(followUsers)},
		{api: "externalcontact/list", method: "GET", right: rightCustomer, safe: true, do: plain(customerList)},
		{api: "externalcontact/get", method: "GET", right: rightCustomer, safe: true, do: plain(customerGet)},
		{api: "externalcontact/batch/get_by_user", method: "POST", right: rightCustomer, safe: true, do: takes(customerBatch)},
		{api: "externalcontact/remark", method: "POST", right: rightCustomer, safe: true, do: takes(customerRemark)},

		{api: "externalcontact/get_corp_tag_list", method: "POST", right: rightCustomer, safe: true, do: takes(tagList)},
		{api: "externalcontact/add_corp_tag", method: "POST", right: rightCustomer, do: takes(tagAdd)},
		{api: "externalcontact/edit_corp_tag", method: "POST", right: rightCustomer, safe: true, do: takes(tagEdit)},
		{api: "externalcontact/del_corp_tag", method: "POST", right: rightCustomer, do: takes(tagDelete)},
		{api: "externalcontact/mark_tag", method: "POST", right: rightCustomer, safe: true, do: takes(tagMark)},

		{api: "externalcontact/add_contact_way", method: "POST", right: rightCustomer, do: takes(wayAdd)},
		{api: "externalcontact/get_contact_way", method: "POST", right: rightCustomer, safe: true, do: takes(wayGet)},
		{api: "externalcontact/list_contact_way", method: "POST", right: rightCustomer, safe: true, do: takes(wayList)},
		{api: "externalcontact/update_contact_way", method: "POST", right: rightCustomer, safe: true, do: takes(wayUpdate)},
		{api: "externalcontact/del_contact_way", method: "POST", right: rightCustomer, do: takes(wayDelete)},
		{api: "externalcontact/send_welcome_msg", method: "POST", right: rightCustomer, do: takes(welcomeSend)},

		{api: "externalcontact/add_msg_template", method: "POST", right: rightCustomer, do: takes(massAdd)},
		{api: "externalcontact/get_groupmsg_list_v2", method: "POST", right: rightCustomer, safe: true, do: takes(massList)},
		{api: "externalcontact/get_groupmsg_task", method: "POST", right: rightCustomer, safe: true, do: takes(massTasks)},
		{api: "externalcontact/get_groupmsg_send_result", method: "POST", right: rightCustomer, safe: true, do: takes(massResults)},
		{api: "externalcontact/remind_groupmsg_send", method: "POST", right: rightCustomer, do: takes(massRemind)},
		{api: "externalcontact/cancel_groupmsg_send", method: "POST", right: rightCustomer, safe: true, do: takes(massCancel)},

		{api: "externalcontact/add_moment_task", method: "POST", right: rightCustomer, limits: momentLimits, do: takes(momentAdd)},
		{api: "externalcontact/get_moment_task_result", method: "GET", right: rightCustomer, safe: true, do: plain(momentResult)},
		{api: "externalcontact/get_moment_list", method: "POST", right: rightCustomer, safe: true, do: takes(momentList)},
		{api: "externalcontact/get_moment_task", method: "POST", right: rightCustomer, safe: true, do: takes(momentTasks)},
		{api: "externalcontact/get_moment_customer_list", method: "POST", right: rightCustomer, safe: true, do: takes(momentCustomers)},
		{api: "externalcontact/get_moment_send_result", method: "POST", right: rightCustomer, safe: true, do: takes(momentShown)},
		{api: "externalcontact/cancel_moment_task", method: "POST", right: rightCustomer, safe: true, do: takes(momentCancel)},

		{api: "externalcontact/groupchat/list", method: "POST", right: rightCustomer, safe: true, do: takes(groupList)},
		{api: "externalcontact/groupchat/get", method: "POST", right: rightCustomer, safe: true, do: takes(groupGet)},

		{api: "externalcontact/get_user_behavior_data", method: "POST", right: rightCustomer, safe: true, do: takes(behaviourGet)},
		{api: "externalcontact/groupchat/statistic", method: "POST", right: rightCustomer, safe: true, do: takes(groupStatistic)},

		{api: "idconvert/unionid_to_external_userid", method: "POST", right: rightCustomer, safe: true, do: takes(unionToExternal)},
		{api: "idconvert/batch/external_userid_to_pending_id", method: "POST", right: rightCustomer, safe: true, do: takes(externalToPending)},

		{api: "media/upload", method: "POST", right: rightMedia, do: plain(mediaUpload)},
		{api: "media/uploadimg", method: "POST", right: rightMedia, limits: imageLimits, do: plain(imageUpload)},
		{api: "media/upload_attachment", method: "POST", right: rightMedia, do: plain(attachmentUpload)},
		{api: "media/get", method: "GET", right: rightMedia, safe: true, do: plain(mediaGet)},
		{api: "message/send", method: "POST", right: rightMessage, free: true, do: takes(messageSend)},

		{api: "kf/account/list", method: "POST", right: rightKf, safe: true, do: takes(kfList)},
		{api: "kf/send_msg", method: "POST", right: rightKf, do: takes(kfSend)},
		{api: "kf/sync_msg", method: "POST", right: rightKf, safe: true, do: takes(kfSync)},

		{api: "weixin/cgi-bin/token", method: "GET", open: true, limits: []window{{Per: "app", Seconds: day, Max: 2000}}, do: plain(miniToken)},
		{api: "weixin/cgi-bin/stable_token", method: "POST", open: true, safe: true,
			limits: []window{{Per: "app", Seconds: 60, Max: 10_000, Block: 60}, {Per: "app", Seconds: day, Max: 500_000}}, do: takes(miniStableToken)},
		{api: "weixin/sns/jscode2session", method: "GET", open: true, do: plain(codeSession)},
		{api: "weixin/wxa/business/getuserphonenumber", method: "POST", do: takes(phoneNumber)},
		{api: "weixin/wxaapi/newtmpl/gettemplate", method: "GET", safe: true, do: plain(templateList)},
		{api: "weixin/cgi-bin/message/subscribe/send", method: "POST", do: takes(subscribeSend)},
		{api: "weixin/wxa/getwxacodeunlimit", method: "POST", safe: true, limits: []window{{Per: "app", Seconds: 60, Max: 5000, Block: 60}}, do: takes(miniCode)},
		{api: "weixin/wxa/msg_sec_check", method: "POST", safe: true,
			limits: []window{{Per: "app", Seconds: 60, Max: 4000, Block: 60}, {Per: "app", Seconds: day, Max: 2_000_000}}, do: takes(checkText)},
		{api: "weixin/wxa/media_check_async", method: "POST",
			limits: []window{{Per: "app", Seconds: 60, Max: 2000, Block: 60}, {Per: "app", Seconds: day, Max: 200_000}}, do: takes(checkMedia)},
		{api: "weixin/wxa/checksession", method: "GET", safe: true, do: plain(checkSession)},
	}
}

func routeTable() map[string]*endpoint {
	table := map[string]*endpoint{}
	for _, e := range endpointList() {
		table[e.api] = &e
	}
	return table
}
