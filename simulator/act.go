package simulator

// actTable lists what people can be made to do. Every act takes "callback" with
// duplicate, delay_ms, drop, reorder for the events that it causes.
func (s *Simulator) actTable() []controlRoute {
	act := func(name, doc string, do func(*controlCall) (any, error)) controlRoute {
		return controlRoute{"POST", "/_sim/act/" + name, doc, false, do}
	}
	return []controlRoute{
		act("scan", "a customer scans a contact way {state | config_id, person | external_userid | name, type, userid, half, no_code}", s.actScan),
		act("add", "a customer is added without a code {userid, add_way, person | name, …}", s.actAdd),
		act("confirm", "the member confirms a half-added customer {userid, external_userid}", s.actConfirm),
		act("customer_deletes", "the customer deletes the member {userid, external_userid}", s.actCustomerDeletes),
		act("staff_deletes", "the member deletes the customer {userid, external_userid}", s.actStaffDeletes),
		act("edit", "the member edits remark and tags in the client {userid, external_userid, remark, description, add_tag, remove_tag, own_tags}", s.actEdit),
		act("group_create", "{owner, name, persons, external_userids}", s.actGroupCreate),
		act("group_join", "{chat_id, persons, external_userids, userids, n, scene 1 invited|3 QR, state}", s.actGroupJoin),
		act("group_leave", "{chat_id, ids, removed}", s.actGroupLeave),
		act("group_change", "{chat_id, name | owner | notice}", s.actGroupChange),
		act("group_dismiss", "{chat_id}", s.actGroupDismiss),
		act("tag_create", "the admin creates tags {group | group_id, names}", s.actTagCreate),
		act("tag_rename", "the admin renames a tag or group {id, name}", s.actTagRename),
		act("tag_delete", "the admin deletes tags or groups {ids}", s.actTagDelete),
		act("tag_shuffle", "the admin re-orders a group's tags {group_id}, or the groups", s.actTagShuffle),
		act("staff_create", "{userid, name, departments, position, mobile, status, no_customer_right}", s.actStaffCreate),
		act("staff_update", "{userid, name, departments, position, status, customer_right, console_welcome, never_confirms}", s.actStaffUpdate),
		act("staff_resign", "{userid}", s.actStaffResign),
		act("department_create", "{name, parent}", s.actDepartmentCreate),
		act("department_update", "{id, name, parent, order}", s.actDepartmentUpdate),
		act("department_delete", "{id}", s.actDepartmentDelete),
		act("person", "a WeChat user appears {name, phone, no_unionid, type}", s.actPerson),
		act("login", "wx.login {appid, person | openid | external_userid} → code", s.actLogin),
		act("phone", "the phone button {appid, person | openid | external_userid, phone} → code", s.actPhone),
		act("qylogin", "wx.qy.login {appid, corp, userid} → code", s.actQyLogin),
		act("oauth", "OAuth code {corp, userid | person, scope} → code", s.actOAuth),
		act("mass_confirm", "members press send for mass messages {msgid, userid, skip}; everybody and all without", s.actMassConfirm),
		act("mass_personal", "mass messages that members send by themselves use the customers' quota {external_userid, times}", s.actMassPersonal),
		act("moment_publish", "members publish moments {moment_id, userid}; everybody and all without", s.actMomentPublish),
		act("subscribe", "a user answers the prompt for subscribe messages {appid, person | openid | external_userid, accept, reject, setting}", s.actSubscribe),
		act("behaviour", "what a member did on a day, for statistics {userid, day, chat_cnt, message_cnt, reply_percentage, avg_reply_time, negative_feedback_cnt, group_messages}", s.actBehaviour),
		act("kf_text", "somebody writes to a customer-service account {open_kfid, person | external_userid, text, refuses}", s.actKfText),
		act("kf_fail", "an accepted customer-service message did not arrive {open_kfid, msgid, fail_type}", s.actKfFail),
		act("enter_session", "user_enter_tempsession pushed to a mini-program {appid, person | openid, session_from}", s.actEnterSession),
		act("media_verdict", "the platform has looked at pictures {appid, trace_id (all that wait without), suggest pass (default) | review | risky, label, errcode}", s.actMediaVerdict),
		act("authorization", "what users let a mini-program have changes {appid, person | openid, event user_authorization_revoke (default) | user_authorization_cancellation | user_info_modified, revoke_info}", s.actAuthorization),
	}
}

// who names a member and a person; embedded by most acts.
type who struct {
	Corp     string   `json:"corp"`
	AppID    string   `json:"appid"`
	UserID   string   `json:"userid"`
	External string   `json:"external_userid"`
	OpenID   string   `json:"openid"`
	Person   string   `json:"person"`
	Callback handling `json:"callback"`
}

// person finds the person meant, nil when none is named.
func (s *Simulator) person(in who) (*person, error) {
	switch {
	case in.Person != "":
		if p := s.world.People[in.Person]; p != nil {
			return p, nil
		}
		return nil, refuse("no person %q", in.Person)
	case in.External != "":
		for _, c := range s.world.Corps {
			if cu := c.Customers[in.External]; cu != nil {
				return s.world.People[cu.Person], nil
			}
		}
		return nil, refuse("no customer %q", in.External)
	case in.OpenID != "":
		m, err := s.world.miniNamed(in.AppID)
		if err != nil {
			return nil, err
		}
		for id, p := range s.world.People {
			if s.world.openID(m.AppID, id) == in.OpenID {
				return p, nil
			}
		}
		return nil, refuse("no user %q", in.OpenID)
	}
	return nil, nil
}

// related finds corp, member and relation of an act between the two.
func (s *Simulator) related(in who) (*corp, *relation, error) {
	c, err := s.world.corpNamed(in.Corp)
	if err != nil {
		return nil, nil, err
	}
	cu := c.Customers[in.External]
	if cu == nil {
		return nil, nil, refuse("no customer %q", in.External)
	}
	if r := cu.relation(in.UserID); r != nil {
		return c, r, nil
	}
	return nil, nil, refuse("%q does not follow %q", in.UserID, in.External)
}
