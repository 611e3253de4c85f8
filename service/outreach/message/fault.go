package message

import "zhiyin/service/fault"

// What callers may act on.
var (
	ErrVariable = fault.New(fault.Invalid, "text.unknown_variable", "文字里有不认识的变量", "the text names an unknown variable")
	ErrNotFound = fault.New(fault.NotFound, "message.not_found", "没有这个消息模板", "there is no such message")
	// ErrInvalid names the wrong inputs in its fields.
	ErrInvalid = fault.New(fault.Invalid, "message.invalid", "消息内容有误", "the message is wrong")
	ErrStale   = fault.New(fault.Conflict, "message.stale", "消息模板已被他人修改，请刷新", "somebody else has changed the message")
	// ErrFound names what the check found in its fields.
	ErrFound     = fault.New(fault.Conflict, "message.not_accepted", "消息内容需要另一人审核通过后才能使用", "a second person has to accept the message before it is used")
	ErrOwn       = fault.New(fault.Forbidden, "message.own", "不能审核自己写的内容", "whoever wrote it can't accept it")
	ErrPolicy    = fault.New(fault.Invalid, "message.policy", "内容规则有误", "the rules for contents are wrong")
	ErrCantCarry = fault.New(fault.Invalid, "message.channel", "该消息不适用于这个渠道", "the message is not written for this channel")
	ErrPolicyOld = fault.New(fault.Conflict, "message.policy_stale", "内容规则已被他人修改，请刷新", "somebody else has changed the rules")
)
